/*
 * BCryptGenRandom with the system's preferred generator. Any thread.
 */
#include "common/sys/random.h"

#include <windows.h>

#include <bcrypt.h>

enum spd_err spd_random_fill(void *out, size_t n_bytes, struct spd_diag *diag)
{
    unsigned char *at = out;

    while (n_bytes > 0) {
        ULONG n = n_bytes > 65536 ? 65536 : (ULONG)n_bytes;
        NTSTATUS status = BCryptGenRandom(NULL, at, n, BCRYPT_USE_SYSTEM_PREFERRED_RNG);

        if (status < 0)
            return spd_diag_set(diag, SPD_ERR_NOTSUP, (int32_t)status,
                                "the system gives no random numbers (BCryptGenRandom)");
        at += n;
        n_bytes -= n;
    }
    return SPD_ERR_OK;
}
