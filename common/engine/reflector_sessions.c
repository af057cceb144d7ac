/*
 * A hash table with open addressing over a fixed array, twice as large as the
 * session limit so that probing stays short. The hash is keyed at random, since
 * the keys come from the network. Runs on the reflector's thread; allocates
 * only at create.
 */
#include "common/engine/reflector_sessions.h"

#include <stdlib.h>
#include <string.h>

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
    spd_ns idle_timeout_ns;
    spd_ns expired_at_ns;
    uint64_t secret;
};

enum spd_err spd_reflector_sessions_create(size_t n_max, spd_ns idle_timeout_ns,
                                           struct spd_reflector_sessions **out)
{
    struct spd_reflector_sessions *s;
    size_t n_slots = 16;

    if (n_max == 0 || n_max > SIZE_MAX / (4 * sizeof(struct slot)))
        return SPD_ERR_INVALID;
    while (n_slots < 2 * n_max)
        n_slots *= 2;
    s = calloc(1, sizeof(*s));
    if (!s)
        return SPD_ERR_NOMEM;
    s->slots = calloc(n_slots, sizeof(*s->slots));
    if (!s->slots) {
        free(s);
        return SPD_ERR_NOMEM;
    }
    s->n_slots = n_slots;
    s->n_max = n_max;
    s->idle_timeout_ns = idle_timeout_ns;
    s->secret = spd_clock_now().ticks * UINT64_C(0x9E3779B97F4A7C15) ^ (uint64_t)(uintptr_t)s;
    *out = s;
    return SPD_ERR_OK;
}

void spd_reflector_sessions_destroy(struct spd_reflector_sessions *s)
{
    if (!s)
        return;
    free(s->slots);
    free(s);
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= UINT64_C(0xFF51AFD7ED558CCD);
    h ^= h >> 33;
    h *= UINT64_C(0xC4CEB9FE1A85EC53);
    return h ^ (h >> 29);
}

static uint64_t mix_addr(uint64_t h, const struct spd_addr *a)
{
    uint64_t half[2];

    memcpy(half, a->bytes, sizeof(half));
    h = mix(h, half[0]);
    h = mix(h, half[1]);
    return mix(h, ((uint64_t)a->scope_id << 32) | ((uint64_t)a->family << 16) | a->port);
}

static size_t home_of(const struct spd_reflector_sessions *s,
                      const struct spd_reflector_session_key *key)
{
    uint64_t h = mix(s->secret, key->ssid);

    h = mix_addr(h, &key->sender);
    h = mix_addr(h, &key->reflector);
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

static bool is_idle(const struct spd_reflector_sessions *s, const struct slot *slot, spd_ns now_ns)
{
    return slot->used && now_ns - slot->last_ns >= s->idle_timeout_ns;
}

size_t spd_reflector_sessions_expire(struct spd_reflector_sessions *s, spd_ns now_ns)
{
    size_t n = 0;

    s->expired_at_ns = now_ns;
    for (size_t i = 0; i < s->n_slots; i++)
        while (is_idle(s, &s->slots[i], now_ns)) {
            remove_slot(s, i);
            n++;
        }
    return n;
}

/* When full, look for idle ones, but not more often than once a second: a
 * flood of new sessions must not buy a scan of the table for each packet. */
static bool make_room(struct spd_reflector_sessions *s, spd_ns now_ns)
{
    if (s->n_used < s->n_max)
        return true;
    if (now_ns - s->expired_at_ns < SPD_NS_PER_S)
        return false;
    return spd_reflector_sessions_expire(s, now_ns) > 0;
}

enum spd_err spd_reflector_sessions_next(struct spd_reflector_sessions *s,
                                         const struct spd_reflector_session_key *key,
                                         spd_ns now_ns, uint32_t *seq)
{
    size_t i = find(s, key);

    if (s->slots[i].used && is_idle(s, &s->slots[i], now_ns)) {
        remove_slot(s, i);
        i = find(s, key);
    }
    if (!s->slots[i].used) {
        if (!make_room(s, now_ns))
            return SPD_ERR_LIMIT;
        i = find(s, key);
        s->slots[i] = (struct slot){ .key = *key, .used = true };
        s->n_used++;
    }
    s->slots[i].last_ns = now_ns;
    *seq = s->slots[i].next_seq++;
    return SPD_ERR_OK;
}

size_t spd_reflector_sessions_count(const struct spd_reflector_sessions *s)
{
    return s->n_used;
}
