/*
 * Another program, run to its end. Private to posix/.
 */
#ifndef SPD_POSIX_CHILD_H
#define SPD_POSIX_CHILD_H

#include <stddef.h>

/* Runs argv[0], which is looked up in PATH, without input, and waits for it. The first
 * capacity - 1 octets of what it prints, also as errors, are in output. Returns 0 and its exit
 * status (128 + n when signal n ended it) in *status; or an errno when it could not be run. Any
 * thread; blocks. */
int spd_child_run(char *const argv[], char *output, size_t capacity, int *status);

#endif
