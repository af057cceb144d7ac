/*
 * Faults on demand: the linker puts a wrapper before each call that posix/
 * makes to the system (see CMakeLists.txt), and a test lets the n-th of them
 * fail. The wrappers also keep the books on memory.
 */
#ifndef SPD_TESTS_SYS_POSIX_FAULTS_H
#define SPD_TESTS_SYS_POSIX_FAULTS_H

#include <stdbool.h>

enum { FAULT_VARIANTS = 3 };

/* From now on the n-th call (from 1), of whatever thread, fails. Most calls can
 * fail in several ways: variant (below FAULT_VARIANTS) chooses. lasting: all
 * later calls of the same function fail as well, where that is a thing that
 * happens (no memory, no descriptors, no rights). */
void faults_arm(int n, int variant, bool lasting);
/* No more faults. Returns the name of the call that failed, NULL when there
 * were fewer than n calls. */
const char *faults_disarm(void);

/* For the wrappers: the errno with which this call fails, 0 when it is let
 * through. codes ends with 0; ONCE marks what does not last, NEVER what cannot
 * fail this time. */
int fault_of(const char *name, const int *codes);
#define WAYS(...)  ((const int[]){ __VA_ARGS__, 0 })
#define ONCE(code) (-(code))
#define NEVER      ((const int *)0)

/* What is held now. Two of them are equal when nothing has leaked between. */
struct holdings {
    long n_allocations;
    long mapped_bytes;
    int n_descriptors;
    int n_threads;
    int n_rings; /* mappings of rings that are left */
    int n_thread_keys;
    int n_blocked_signals; /* of the calling thread */
};
void faults_take_stock(struct holdings *out);
bool faults_same_stock(const struct holdings *a, const struct holdings *b);
/* "3 allocations, 4096 bytes mapped, ..." Static. */
const char *faults_describe(const struct holdings *held);

#endif
