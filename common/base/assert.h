/*
 * Assertions: a failed one is a bug of ours, so it ends the program, in release
 * builds too. What comes from the network, the disk, the user or the operating
 * system is never asserted; it is handled.
 */
#ifndef SPD_BASE_ASSERT_H
#define SPD_BASE_ASSERT_H

typedef void spd_panic_handler(const char *file, int line, const char *what);

/* Reports and aborts. Any thread. */
_Noreturn void spd_panic(const char *file, int line, const char *what);

/* Lets a test see a panic instead of dying of it: the handler must not return
 * (longjmp, thread exit). NULL restores the default. Not thread safe: set it
 * before the threads start. */
void spd_panic_set_handler(spd_panic_handler *handler);

#define SPD_ASSERT(condition) \
    ((condition) ? (void)0 : spd_panic(__FILE__, __LINE__, #condition))

#endif
