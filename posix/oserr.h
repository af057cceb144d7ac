/*
 * From errno to the one list of errors. Private to posix/.
 */
#ifndef SPD_POSIX_OSERR_H
#define SPD_POSIX_OSERR_H

#include "common/base/err.h"

/* What a failed call means where the caller has no better reading of it.
 * 0 is OK; what is not in the table is IO. Any thread. */
enum spd_err spd_oserr_map(int os_errno);

/* The symbol, "EADDRINUSE"; "errno ?" for a number without one. Static; never
 * NULL. Any thread. */
const char *spd_oserr_name(int os_errno);

#endif
