/*
 * Simulated random numbers (common/sys/random.h): those of the world's seed.
 */
#include "common/sys/random.h"

#include "tests/support/sim_world.h"

enum spd_err spd_random_fill(void *out, size_t n_bytes, struct spd_diag *diag)
{
    unsigned char *at = out;

    (void)diag;
    for (size_t i = 0; i < n_bytes; i++)
        at[i] = (unsigned char)(sim_random() >> 32);
    return SPD_ERR_OK;
}
