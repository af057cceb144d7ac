/*
 * getrandom(2). Any thread.
 */
#include "common/sys/random.h"

#include <errno.h>
#include <sys/random.h>

enum spd_err spd_random_fill(void *out, size_t n_bytes, struct spd_diag *diag)
{
    unsigned char *at = out;

    while (n_bytes > 0) {
        ssize_t n = getrandom(at, n_bytes, 0);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return spd_diag_set(diag, SPD_ERR_NOTSUP, errno,
                                "the system gives no random numbers (getrandom)");
        at += n;
        n_bytes -= (size_t)n;
    }
    return SPD_ERR_OK;
}
