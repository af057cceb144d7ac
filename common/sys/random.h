/*
 * Octets that nobody can foretell, from the system: for identifiers that others
 * must not guess. Any thread; may block once, early in the life of a system.
 */
#ifndef SPD_SYS_RANDOM_H
#define SPD_SYS_RANDOM_H

#include <stddef.h>

#include "common/base/err.h"

/* Errors: NOTSUP with a diag (may be NULL): the system has no source. */
enum spd_err spd_random_fill(void *out, size_t n_bytes, struct spd_diag *diag);

#endif
