/*
 * Open addressing over an array twice as large as the most hosts. Runs on the
 * reflector's thread when a session begins or ends, not for each packet.
 */
#include "common/engine/reflector_hosts.h"

#include <stdlib.h>

#include "common/base/assert.h"
#include "common/engine/keyed_hash.h"

struct slot {
    struct spd_addr host; /* port 0 */
    uint32_t n_sessions;  /* 0: free */
};

struct spd_reflector_hosts {
    struct slot *slots;
    size_t n_slots; /* a power of two */
    size_t n_used;
    uint64_t secret;
};

enum spd_err spd_reflector_hosts_create(size_t n_max, uint64_t secret,
                                        struct spd_reflector_hosts **out)
{
    struct spd_reflector_hosts *h;
    size_t n_slots = 16;

    if (n_max == 0 || n_max > SIZE_MAX / (4 * sizeof(struct slot)))
        return SPD_ERR_INVALID;
    while (n_slots < 2 * n_max)
        n_slots *= 2;
    h = calloc(1, sizeof(*h));
    if (!h)
        return SPD_ERR_NOMEM;
    h->slots = calloc(n_slots, sizeof(*h->slots));
    if (!h->slots) {
        free(h);
        return SPD_ERR_NOMEM;
    }
    h->n_slots = n_slots;
    h->secret = secret;
    *out = h;
    return SPD_ERR_OK;
}

void spd_reflector_hosts_destroy(struct spd_reflector_hosts *h)
{
    if (!h)
        return;
    free(h->slots);
    free(h);
}

static size_t home_of(const struct spd_reflector_hosts *h, const struct spd_addr *host)
{
    return (size_t)spd_keyed_mix_addr(h->secret, host, 0) & (h->n_slots - 1);
}

/* The slot of this host, or the free one where it would go. */
static size_t find(const struct spd_reflector_hosts *h, const struct spd_addr *host)
{
    size_t i = home_of(h, host);

    while (h->slots[i].n_sessions > 0 && !spd_addr_equal_host(&h->slots[i].host, host))
        i = (i + 1) & (h->n_slots - 1);
    return i;
}

uint32_t spd_reflector_hosts_count(const struct spd_reflector_hosts *h, const struct spd_addr *host)
{
    return h->slots[find(h, host)].n_sessions;
}

void spd_reflector_hosts_add(struct spd_reflector_hosts *h, const struct spd_addr *host)
{
    struct slot *slot = &h->slots[find(h, host)];

    if (slot->n_sessions++ > 0)
        return;
    h->n_used++;
    SPD_ASSERT(h->n_used <= h->n_slots / 2);
    slot->host = *host;
    slot->host.port = 0;
}

void spd_reflector_hosts_remove(struct spd_reflector_hosts *h, const struct spd_addr *host)
{
    size_t mask = h->n_slots - 1, i = find(h, host), j = i;

    SPD_ASSERT(h->slots[i].n_sessions > 0);
    if (--h->slots[i].n_sessions > 0)
        return;
    h->n_used--;
    /* Move up those behind it that would no longer be found. */
    for (;;) {
        size_t home;

        j = (j + 1) & mask;
        if (h->slots[j].n_sessions == 0)
            return;
        home = home_of(h, &h->slots[j].host);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            h->slots[i] = h->slots[j];
            h->slots[j].n_sessions = 0;
            i = j;
        }
    }
}
