/*
 * Whether this is Wine. It accepts calls that have no effect there, and marks
 * packets where Windows does not: what was obtained is only reported truly by
 * who knows.
 */
#ifndef SPD_WIN_WINE_H
#define SPD_WIN_WINE_H

#include <stdbool.h>
#include <stdint.h>

/* "8.0", or NULL on Windows itself. Static. Any thread. */
const char *spd_wine_version(void);

static inline bool spd_wine_is(void)
{
    return spd_wine_version() != NULL;
}

/* A limit of the host's kernel ("net/core/rmem_max" of /proc/sys); -1 when it
 * cannot be read. Under Wine only. */
int64_t spd_wine_host_limit(const char *name);

#endif
