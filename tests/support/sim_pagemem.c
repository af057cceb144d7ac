/*
 * Simulated page memory and working set (common/sys/pagemem.h): ordinary
 * memory, aligned, that the current host may refuse to lock or to give.
 */
#include "common/sys/pagemem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

static size_t locked_bytes_now;

size_t spd_pagemem_page_bytes(void)
{
    return sim_host(sim_current_host())->config.page_bytes;
}

enum spd_err spd_pagemem_alloc(size_t n_bytes, void **out, size_t *locked_bytes,
                               struct spd_diag *diag)
{
    const struct sim_host_config *config = &sim_host(sim_current_host())->config;
    size_t page_bytes = config->page_bytes;
    unsigned char *block, *aligned;
    enum spd_err err = sim_call_begins(SIM_CALL_PAGEMEM);

    SPD_ASSERT(n_bytes && n_bytes % page_bytes == 0);
    if (err == SPD_ERR_OK && n_bytes > config->available_bytes)
        err = SPD_ERR_NOMEM;
    block = err == SPD_ERR_OK ? sim_contract_alloc(n_bytes + 2 * page_bytes) : NULL;
    if (block == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "cannot take %zu bytes: no memory", n_bytes);
    aligned = block + page_bytes - (uintptr_t)block % page_bytes;
    if ((size_t)(aligned - block) < sizeof(void *))
        aligned += page_bytes;
    /* What to free stands right in front. */
    memcpy(aligned - sizeof(void *), &block, sizeof(void *));
    *out = aligned;
    *locked_bytes = config->refuse_lock ? 0 : n_bytes;
    locked_bytes_now += *locked_bytes;
    if (config->refuse_lock)
        spd_diag_set(diag, SPD_ERR_PERM, 0, "the simulated host refuses to lock memory");
    sim_world()->n_alive++;
    return SPD_ERR_OK;
}

void spd_pagemem_free(void *memory, size_t n_bytes)
{
    void *block;

    if (memory == NULL)
        return;
    memcpy(&block, (unsigned char *)memory - sizeof(void *), sizeof(void *));
    locked_bytes_now -= locked_bytes_now < n_bytes ? locked_bytes_now : n_bytes;
    sim_world()->n_alive--;
    free(block);
}

void spd_working_set_enlarge(size_t minimum_bytes, struct spd_working_set *out)
{
    size_t most = sim_host(sim_current_host())->config.working_set_bytes;
    size_t granted = most && minimum_bytes > most ? most : minimum_bytes;

    *out = (struct spd_working_set){
        .requested_bytes = (int64_t)minimum_bytes,
        .obtained_bytes = (int64_t)granted,
    };
    if (granted < minimum_bytes)
        snprintf(out->note, sizeof out->note, "the simulated host grants no more");
}

size_t spd_pagemem_available_bytes(void)
{
    return sim_host(sim_current_host())->config.available_bytes;
}

size_t spd_pagemem_peak_bytes(void)
{
    return locked_bytes_now;
}
