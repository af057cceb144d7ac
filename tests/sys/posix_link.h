/*
 * Two network namespaces and a link between them, for a forked child
 * (posix_child.h): "west" with 192.0.2.1 and 2001:db8::1 in the child's own,
 * "east" with 192.0.2.2 and 2001:db8::2 in the other.
 */
#ifndef SPD_TESTS_SYS_POSIX_LINK_H
#define SPD_TESTS_SYS_POSIX_LINK_H

/* Makes them; skips the child where it may not. They end with the child. */
void link_up(void);

/* `tc` with these arguments here; the child fails when it does. Skips it where
 * the kernel lacks the discipline. */
void link_tc(const char *arguments);

/* The calling thread changes sides; sockets stay where they were made. */
void link_go_east(void);
void link_go_west(void);

#endif
