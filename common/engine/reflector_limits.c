/*
 * A set-associative table of sources with a token bucket each, and one bucket
 * for all. Runs on the reflector's thread for each packet received: no
 * allocation, one set of eight places touched.
 *
 * A bucket is kept as the time at which it will be full again (the virtual
 * scheduling algorithm of ITU-T I.371 annex A): one number, no refilling.
 */
#include "common/engine/reflector_limits.h"

#include <stdlib.h>
#include <string.h>

#include "common/engine/keyed_hash.h"

#define WAYS                 8
#define ESTABLISHED_WAYS     6 /* of a set: new sources always find some places that are not */
#define ESTABLISHED_SECONDS  3
#define IDLE_MS              10000
#define MILLI                1000u
#define SOURCES_DEFAULT      8192
#define SOURCES_MAX          (1u << 24)
#define REPLACE_INTERVAL_NS  SPD_NS_PER_MS
#define REPLACE_TOLERANCE_NS (64 * SPD_NS_PER_MS)

struct bucket {
    spd_ns full_at_ns;
};

/* The same for many buckets. */
struct rate {
    spd_ns interval_ns;  /* 0: no limit */
    spd_ns tolerance_ns; /* a full bucket in time, less one packet */
};

struct source {
    uint8_t address[16];
    uint32_t scope_id;
    uint8_t family;    /* 0: free */
    uint8_t n_seconds; /* different ones with packets, up to ESTABLISHED_SECONDS */
    uint32_t second;   /* of the packet before */
    uint32_t heard_ms; /* wraps */
    uint64_t had;      /* of its share: thousandths of packets, which leak away again */
    struct bucket bucket;
};

struct spd_reflector_limits {
    struct spd_network *allow;
    size_t n_allow;
    struct rate source_rate;
    struct rate total_rate;
    uint32_t total_per_second;
    struct bucket total;
    struct bucket placeless; /* of all sources without a place */
    struct bucket replacing;
    struct source *sources; /* NULL when no rate is limited */
    size_t n_sets;          /* a power of two */
    uint64_t secret;
    uint32_t second;
    uint32_t n_heard, n_heard_before;             /* sources, this second and the one before */
    uint32_t n_established, n_established_before; /* of them */
    uint32_t share, established_share;            /* packets a second */
};

static struct rate rate_of(uint32_t per_second)
{
    struct rate rate = { 0 };

    if (per_second == 0)
        return rate;
    /* Rounded up: never more than was allowed. */
    rate.interval_ns = (SPD_NS_PER_S + per_second - 1) / per_second;
    rate.tolerance_ns = rate.interval_ns * (per_second - 1);
    return rate;
}

/* How far the bucket is from full. */
static spd_ns used_ns(const struct bucket *bucket, spd_ns now_ns)
{
    return bucket->full_at_ns > now_ns ? bucket->full_at_ns - now_ns : 0;
}

static bool has_one(const struct bucket *bucket, const struct rate *rate, spd_ns now_ns)
{
    return rate->interval_ns == 0 || used_ns(bucket, now_ns) <= rate->tolerance_ns;
}

static void take_one(struct bucket *bucket, const struct rate *rate, spd_ns now_ns)
{
    bucket->full_at_ns = now_ns + used_ns(bucket, now_ns) + rate->interval_ns;
}

/* An equal share of the total, among those heard in the second before, or
 * already in this one. */
static uint32_t share(const struct spd_reflector_limits *l, uint32_t n_before, uint32_t n_now)
{
    uint32_t n = n_before > n_now ? n_before : n_now;
    uint32_t packets = n > 1 ? l->total_per_second / n : l->total_per_second;

    return packets > 0 ? packets : 1;
}

enum spd_err spd_reflector_limits_create(const struct spd_reflector_limits_config *config,
                                         struct spd_reflector_limits **out)
{
    size_t wanted = config->max_sources ? config->max_sources : SOURCES_DEFAULT;
    struct spd_reflector_limits *l;

    if (wanted > SOURCES_MAX || config->source_rate > SPD_REFLECTOR_RATE_MAX ||
        config->total_rate > SPD_REFLECTOR_RATE_MAX ||
        config->n_allow > SIZE_MAX / sizeof(*l->allow))
        return SPD_ERR_INVALID;
    l = calloc(1, sizeof(*l));
    if (!l)
        return SPD_ERR_NOMEM;
    l->source_rate = rate_of(config->source_rate);
    l->total_rate = rate_of(config->total_rate);
    l->total_per_second = config->total_rate;
    l->share = share(l, 0, 0);
    l->established_share = l->share;
    l->secret = config->secret;
    l->n_sets = 2;
    while (l->n_sets * WAYS < wanted)
        l->n_sets *= 2;
    if (config->n_allow > 0) {
        l->n_allow = config->n_allow;
        l->allow = calloc(l->n_allow, sizeof(*l->allow));
        if (!l->allow)
            goto fail;
        memcpy(l->allow, config->allow, l->n_allow * sizeof(*l->allow));
    }
    if (config->source_rate > 0 || config->total_rate > 0) {
        l->sources = calloc(l->n_sets * WAYS, sizeof(*l->sources));
        if (!l->sources)
            goto fail;
    }
    *out = l;
    return SPD_ERR_OK;
fail:
    spd_reflector_limits_destroy(l);
    return SPD_ERR_NOMEM;
}

void spd_reflector_limits_destroy(struct spd_reflector_limits *l)
{
    if (!l)
        return;
    free(l->allow);
    free(l->sources);
    free(l);
}

static void begin_second(struct spd_reflector_limits *l, uint32_t second)
{
    /* After a silence of more than a second nobody was heard in the one before. */
    bool follows = second == l->second + 1;

    l->n_heard_before = follows ? l->n_heard : 0;
    l->n_established_before = follows ? l->n_established : 0;
    l->n_heard = 0;
    l->n_established = 0;
    l->second = second;
    l->share = share(l, l->n_heard_before, 0);
    l->established_share = share(l, l->n_established_before, 0);
}

static bool is_established(const struct source *s)
{
    return s->n_seconds >= ESTABLISHED_SECONDS;
}

static uint32_t silence_ms(const struct source *s, uint32_t now_ms)
{
    return now_ms - s->heard_ms;
}

static bool is_of(const struct source *s, const struct spd_addr *from)
{
    return s->family == from->family && s->scope_id == from->scope_id &&
           memcmp(s->address, from->bytes, sizeof(s->address)) == 0;
}

/* The one of a set that was silent for longest, among those established or
 * among the others; NULL when there is none. *n is how many there are. */
static struct source *longest_silent(struct source *set, bool established, uint32_t now_ms,
                                     unsigned *n)
{
    struct source *oldest = NULL;

    *n = 0;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].family == 0 || is_established(&set[i]) != established)
            continue;
        ++*n;
        if (!oldest || silence_ms(&set[i], now_ms) > silence_ms(oldest, now_ms))
            oldest = &set[i];
    }
    return oldest;
}

/* A place for a source that has none, or NULL. One taken from a source that is
 * not silent begins with an empty bucket: else a flood that keeps throwing a
 * source out would hand it a full one each time. */
static struct source *place(struct spd_reflector_limits *l, struct source *set,
                            const struct spd_addr *from, spd_ns now_ns, uint32_t now_ms)
{
    static const struct rate replacing = { REPLACE_INTERVAL_NS, REPLACE_TOLERANCE_NS };
    struct source *s = NULL;
    spd_ns full_at_ns = now_ns;
    unsigned n;

    for (size_t i = 0; i < WAYS && !s; i++)
        if (set[i].family == 0 || silence_ms(&set[i], now_ms) >= IDLE_MS)
            s = &set[i];
    if (!s && has_one(&l->replacing, &replacing, now_ns)) {
        s = longest_silent(set, false, now_ms, &n);
        if (s) {
            take_one(&l->replacing, &replacing, now_ns);
            full_at_ns = now_ns + l->source_rate.tolerance_ns + l->source_rate.interval_ns;
        }
    }
    if (!s)
        return NULL;
    *s = (struct source){ .scope_id = from->scope_id,
                          .family = from->family,
                          .second = l->second - 1, /* this one is to count */
                          .heard_ms = now_ms,
                          .bucket = { full_at_ns } };
    memcpy(s->address, from->bytes, sizeof(s->address));
    return s;
}

/* The first packet of a source in this second. */
static void count_second(struct spd_reflector_limits *l, struct source *set, struct source *s,
                         uint32_t now_ms)
{
    unsigned n;

    s->second = l->second;
    l->n_heard++;
    if (l->n_heard > l->n_heard_before)
        l->share = share(l, 0, l->n_heard);
    if (!is_established(s) && s->n_seconds + 1 == ESTABLISHED_SECONDS) {
        struct source *oldest = longest_silent(set, true, now_ms, &n);

        if (n >= ESTABLISHED_WAYS)
            oldest->n_seconds = 0;
    }
    if (!is_established(s))
        s->n_seconds++;
    if (!is_established(s))
        return;
    l->n_established++;
    if (l->n_established > l->n_established_before)
        l->established_share = share(l, 0, l->n_established);
}

static uint32_t share_of(const struct spd_reflector_limits *l, const struct source *s)
{
    return is_established(s) ? l->established_share : l->share;
}

/* As much as its share, so that it is about 0 for who asks for less. */
static void leak(const struct spd_reflector_limits *l, struct source *s, uint32_t now_ms)
{
    uint64_t leaked = (uint64_t)silence_ms(s, now_ms) * share_of(l, s);

    s->had = s->had > leaked ? s->had - leaked : 0;
}

static struct source *find(struct spd_reflector_limits *l, const struct spd_addr *from,
                           spd_ns now_ns)
{
    uint64_t h = spd_keyed_mix_addr(l->secret, from, 0);
    struct source *set = &l->sources[(h & (l->n_sets - 1)) * WAYS], *s = NULL;
    uint32_t now_ms = (uint32_t)(now_ns / SPD_NS_PER_MS);

    for (size_t i = 0; i < WAYS && !s; i++)
        if (is_of(&set[i], from))
            s = &set[i];
    if (s && silence_ms(s, now_ms) >= IDLE_MS)
        s->n_seconds = 0;
    if (!s)
        s = place(l, set, from, now_ns, now_ms);
    if (!s)
        return NULL;
    if (s->second != l->second)
        count_second(l, set, s, now_ms);
    leak(l, s, now_ms);
    s->heard_ms = now_ms;
    return s;
}

/* Whether the total bucket has one for this source: see the header. */
static bool total_has_one(const struct spd_reflector_limits *l, const struct source *s,
                          spd_ns now_ns)
{
    spd_ns eighth = l->total_rate.tolerance_ns / 8;
    spd_ns free_ns = l->total_rate.tolerance_ns - used_ns(&l->total, now_ns);
    uint64_t share, had;

    if (l->total_rate.interval_ns == 0)
        return true;
    if (!s)
        return free_ns >= 5 * eighth;
    share = (uint64_t)share_of(l, s) * MILLI;
    had = s->had < share ? s->had : share;
    /* In parts of 256, rounded down: the product would not fit. */
    had = had * 256 / share;
    return is_established(s) ? free_ns >= 3 * eighth * (spd_ns)had / 256
                             : free_ns >= eighth + 4 * eighth * (spd_ns)had / 256;
}

enum spd_reflector_verdict spd_reflector_limits_take(struct spd_reflector_limits *l,
                                                     const struct spd_addr *from, spd_ns now_ns,
                                                     bool *established)
{
    uint32_t second = (uint32_t)(now_ns / SPD_NS_PER_S);
    struct bucket *bucket;
    struct source *s;

    if (established)
        *established = true;
    if (l->n_allow > 0 && !spd_networks_contain(l->allow, l->n_allow, from))
        return SPD_REFLECTOR_NOT_ALLOWED;
    if (!l->sources)
        return SPD_REFLECTOR_ANSWER;
    if (second != l->second)
        begin_second(l, second);
    s = find(l, from, now_ns);
    bucket = s ? &s->bucket : &l->placeless;
    if (established)
        *established = s && is_established(s);
    if (!has_one(bucket, &l->source_rate, now_ns))
        return s ? SPD_REFLECTOR_SOURCE_RATE : SPD_REFLECTOR_NO_PLACE;
    if (!total_has_one(l, s, now_ns))
        return SPD_REFLECTOR_TOTAL_RATE;
    take_one(bucket, &l->source_rate, now_ns);
    take_one(&l->total, &l->total_rate, now_ns);
    if (s)
        s->had += MILLI;
    return SPD_REFLECTOR_ANSWER;
}

size_t spd_reflector_limits_n_sources(const struct spd_reflector_limits *l)
{
    return l->n_heard_before;
}
