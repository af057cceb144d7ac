/*
 * A hash table with open addressing over a fixed array, twice as large as the
 * session limit so that probing stays short. The hash is keyed at random, since
 * the keys come from the network. Runs on the reflector's thread; allocates
 * only at create.
 */
#include "common/engine/reflector_sessions.h"

#include <stdlib.h>

#include "common/engine/keyed_hash.h"
#include "common/engine/reflector_hosts.h"
#include "common/sys/clock.h"

struct slot {
    struct spd_reflector_session_key key;
    spd_ns last_ns;
    uint32_t next_seq;
    bool used;
};

struct spd_reflector_sessions {
    struct slot *slots;
    size_t n_slots; /* a power of two */
    size_t n_max;
    size_t n_used;
    uint32_t max_per_host;
    struct spd_reflector_hosts *hosts; /* NULL when there is no limit for each */
    spd_ns idle_timeout_ns;
    spd_ns expired_at_ns;
    uint64_t secret;
};

enum spd_err spd_reflector_sessions_create(size_t n_max, uint32_t max_per_host,
                                           spd_ns idle_timeout_ns,
                                           struct spd_reflector_sessions **out)
{
    struct spd_reflector_sessions *s;
    size_t n_slots = 16;
    enum spd_err err = SPD_ERR_NOMEM;

    if (n_max == 0 || n_max > SIZE_MAX / (4 * sizeof(struct slot)))
        return SPD_ERR_INVALID;
    while (n_slots < 2 * n_max)
        n_slots *= 2;
    s = calloc(1, sizeof(*s));
    if (!s)
        return SPD_ERR_NOMEM;
    s->slots = calloc(n_slots, sizeof(*s->slots));
    if (!s->slots)
        goto fail;
    s->n_slots = n_slots;
    s->n_max = n_max;
    s->max_per_host = max_per_host;
    s->idle_timeout_ns = idle_timeout_ns;
    s->secret = spd_clock_now().ticks * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)(uintptr_t)s;
    if (max_per_host > 0) {
        err = spd_reflector_hosts_create(n_max, s->secret, &s->hosts);
        if (err)
            goto fail;
    }
    *out = s;
    return SPD_ERR_OK;
fail:
    spd_reflector_sessions_destroy(s);
    return err;
}

void spd_reflector_sessions_destroy(struct spd_reflector_sessions *s)
{
    if (!s)
        return;
    spd_reflector_hosts_destroy(s->hosts);
    free(s->slots);
    free(s);
}

static size_t home_of(const struct spd_reflector_sessions *s,
                      const struct spd_reflector_session_key *key)
{
    uint64_t h = spd_keyed_mix(s->secret, key->ssid);

    h = spd_keyed_mix_addr(h, &key->sender, 1);
    h = spd_keyed_mix_addr(h, &key->reflector, 1);
    return (size_t)h & (s->n_slots - 1);
}

static bool key_equal(const struct spd_reflector_session_key *a,
                      const struct spd_reflector_session_key *b)
{
    return a->ssid == b->ssid && spd_addr_equal(&a->sender, &b->sender) &&
           spd_addr_equal(&a->reflector, &b->reflector);
}

/* The slot with this key, or the free one where it would go. */
static size_t find(const struct spd_reflector_sessions *s,
                   const struct spd_reflector_session_key *key)
{
    size_t i = home_of(s, key);

    while (s->slots[i].used && !key_equal(&s->slots[i].key, key))
        i = (i + 1) & (s->n_slots - 1);
    return i;
}

/* Free slot i and move up those behind it that would no longer be found. */
static void remove_slot(struct spd_reflector_sessions *s, size_t i)
{
    size_t mask = s->n_slots - 1, j = i;

    if (s->hosts)
        spd_reflector_hosts_remove(s->hosts, &s->slots[i].key.sender);
    s->slots[i].used = false;
    s->n_used--;
    for (;;) {
        size_t home;

        j = (j + 1) & mask;
        if (!s->slots[j].used)
            return;
        home = home_of(s, &s->slots[j].key);
        if (((j - home) & mask) >= ((j - i) & mask)) {
            s->slots[i] = s->slots[j];
            s->slots[j].used = false;
            i = j;
        }
    }
}

static bool is_idle(const struct slot *slot, spd_ns timeout_ns, spd_ns now_ns)
{
    return slot->used && now_ns - slot->last_ns >= timeout_ns;
}

static size_t expire(struct spd_reflector_sessions *s, spd_ns timeout_ns, spd_ns now_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n_slots; i++)
        while (is_idle(&s->slots[i], timeout_ns, now_ns)) {
            remove_slot(s, i);
            n++;
        }
    return n;
}

size_t spd_reflector_sessions_expire(struct spd_reflector_sessions *s, spd_ns now_ns)
{
    s->expired_at_ns = now_ns;
    return expire(s, s->idle_timeout_ns, now_ns);
}

/* When full, look for those that can be spared, but not more often than once a
 * second: a flood of new sessions must not buy a scan of the table for each
 * packet. Senders take a new port for each test, so most sessions that have been
 * silent for a while are over. */
static bool make_room(struct spd_reflector_sessions *s, size_t n_max, spd_ns now_ns)
{
    if (s->n_used < n_max)
        return true;
    if (now_ns - s->expired_at_ns < SPD_NS_PER_S)
        return false;
    s->expired_at_ns = now_ns;
    (void)expire(s,
                 s->idle_timeout_ns < SPD_REFLECTOR_SPARE_NS ? s->idle_timeout_ns
                                                             : SPD_REFLECTOR_SPARE_NS,
                 now_ns);
    return s->n_used < n_max;
}

static enum spd_err begin(struct spd_reflector_sessions *s,
                          const struct spd_reflector_session_key *key, bool established,
                          spd_ns now_ns)
{
    size_t n_max = established ? s->n_max : s->n_max - s->n_max / 4;

    if (!make_room(s, n_max, now_ns))
        return SPD_ERR_LIMIT;
    if (s->hosts && spd_reflector_hosts_count(s->hosts, &key->sender) >= s->max_per_host)
        return SPD_ERR_FULL;
    s->slots[find(s, key)] = (struct slot){ .key = *key, .used = true };
    s->n_used++;
    if (s->hosts)
        spd_reflector_hosts_add(s->hosts, &key->sender);
    return SPD_ERR_OK;
}

enum spd_err spd_reflector_sessions_next(struct spd_reflector_sessions *s,
                                         const struct spd_reflector_session_key *key,
                                         bool established, spd_ns now_ns, uint32_t *seq)
{
    size_t i = find(s, key);

    if (s->slots[i].used && is_idle(&s->slots[i], s->idle_timeout_ns, now_ns)) {
        remove_slot(s, i);
        i = find(s, key);
    }
    if (!s->slots[i].used) {
        enum spd_err err = begin(s, key, established, now_ns);

        if (err)
            return err;
        i = find(s, key);
    }
    s->slots[i].last_ns = now_ns;
    *seq = s->slots[i].next_seq++;
    return SPD_ERR_OK;
}

size_t spd_reflector_sessions_count(const struct spd_reflector_sessions *s)
{
    return s->n_used;
}
