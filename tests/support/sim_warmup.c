/*
 * Simulated warm-up (common/sys/warmup.h): there are no caches here.
 */
#include "common/sys/warmup.h"

enum spd_err spd_warmup_create(enum spd_family family, struct spd_warmup **out)
{
    (void)family;
    (void)out;
    return SPD_ERR_NOTSUP;
}

void spd_warmup_run(struct spd_warmup *warmup)
{
    (void)warmup;
}

void spd_warmup_destroy(struct spd_warmup *warmup)
{
    (void)warmup;
}
