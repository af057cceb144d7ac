/*
 * Checks in a forked child, for what a test process must not do to itself:
 * give up its rights, lower its limits, take signals, live in a network of its
 * own. A child has no cmocka: it uses CHILD_CHECK.
 */
#ifndef SPD_TESTS_SYS_POSIX_CHILD_H
#define SPD_TESTS_SYS_POSIX_CHILD_H

#include <stdbool.h>

#define CHILD_CHECK(condition)                                                                     \
    ((condition) ? (void)0 : child_fail(__FILE__, __LINE__, #condition, ""))
/* The same with a text to show. */
#define CHILD_CHECK_SHOW(condition, text)                                                          \
    ((condition) ? (void)0 : child_fail(__FILE__, __LINE__, #condition, (text)))

_Noreturn void child_fail(const char *file, int line, const char *what, const char *text);
/* Ends the child: the check cannot be made here. */
_Noreturn void child_skip(const char *why);

/* Runs body in a child and waits. The calling test fails or is skipped as the
 * child was. A child that hangs is ended after a minute, and has then failed. */
void child_run(void (*body)(void));
/* The same, for a child that must die of this signal. */
void child_run_to_death(void (*body)(void), int signal_number);

/* In a child: become the user and group 65534 without any capability. Skips
 * the child when it is somebody else's process already and cannot. */
void child_become_nobody(void);
/* Sanitizers make mlock succeed and do nothing. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLOCK_IS_REAL 0
#else
#define MLOCK_IS_REAL 1
#endif

/* In a child: limit a resource (RLIMIT_...), soft and hard. Skips the child
 * when that is higher than it may. */
void child_limit(int resource, unsigned long soft, unsigned long hard);
/* In a child: a network with nothing but a loopback that is up. Skips without
 * the right to have one. */
void child_own_network(void);

#endif
