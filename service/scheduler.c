/*
 * Each test has one planned time before it, and is idle, waits for its group, or
 * runs. Whoever owns the scheduler asks it; nothing here waits or reads a clock.
 */
#include "service/scheduler.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

/* Beyond, the difference between the two clocks is no correction any more. */
#define JUMP_NS      (2 * SPD_NS_PER_S)
#define SET_BACK_NS  (3 * 3600 * SPD_NS_PER_S)
#define EVENTS_EACH  4 /* of one test in one step, at most */
#define CATCH_UP_MAX 10000

struct entry {
    char name[SPD_CONFIG_NAME_BYTES];
    char group[SPD_CONFIG_NAME_BYTES]; /* "" is none */
    struct spd_schedule_rule rule;
    spd_ns random_delay_ns;
    bool gone; /* in no configuration any more, but it still runs */
    bool running;
    bool has_next;
    spd_wall planned, due; /* the next one */
    spd_ns set_back_ns;    /* by so much in all since it was planned */
    bool waiting;
    spd_wall waiting_planned, waiting_due;
};

struct spd_scheduler {
    uint64_t seed;
    spd_zone_fn *zone;
    struct spd_moment last;
    struct entry *entries;
    size_t n;
    struct spd_scheduler_event *events; /* not handed out yet */
    size_t n_events, n_given;
};

const char *spd_missed_text(enum spd_missed_why why)
{
    switch (why) {
    case SPD_MISSED_STILL_RUNNING:
        return "the run before was not over";
    case SPD_MISSED_WAITED:
        return "another test of its group was running";
    case SPD_MISSED_CLOCK:
        return "this host slept, or its clock was set";
    case SPD_MISSED_LATE:
        break;
    }
    return "this host slept, or was too busy to start it in time";
}

/* FNV-1a over name and number, mixed as SplitMix64 ends. */
static uint64_t hash(uint64_t seed, const char *name, int64_t number)
{
    uint64_t h = seed ^ UINT64_C(0xCBF29CE484222325);

    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * UINT64_C(0x100000001B3);
    h = (h ^ (uint64_t)number) * UINT64_C(0x9E3779B97F4A7C15);
    h = (h ^ h >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    h = (h ^ h >> 27) * UINT64_C(0x94D049BB133111EB);
    return h ^ h >> 31;
}

static spd_ns below(uint64_t h, spd_ns limit)
{
    return limit > 0 ? (spd_ns)(h % (uint64_t)limit) : 0;
}

static void plan(const struct spd_scheduler *s, struct entry *e, spd_wall after)
{
    e->has_next = spd_rule_next(&e->rule, s->zone, after, &e->planned);
    e->set_back_ns = 0;
    if (!e->has_next)
        return;
    e->due = spd_wall_add(e->planned,
                          below(hash(s->seed, e->name, e->planned.ns), e->random_delay_ns + 1));
}

static struct entry *find(const struct spd_scheduler *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->entries[i].name, name) == 0)
            return &s->entries[i];
    return NULL;
}

static void fill(const struct spd_scheduler *s, const struct spd_config_test *test, struct entry *e)
{
    memset(e, 0, sizeof(*e));
    spd_text_copy(e->name, sizeof(e->name), test->name);
    spd_text_copy(e->group, sizeof(e->group), test->exclusive);
    e->rule = test->rule;
    e->random_delay_ns = test->random_delay_ns;
    /* Whole seconds look better in a history. */
    if (e->rule.kind == SPD_SCHEDULE_INTERVAL)
        e->rule.phase_ns =
            below(hash(s->seed, e->name, 0), e->rule.interval_ns / SPD_NS_PER_S) * SPD_NS_PER_S;
}

/* ------------------------------------------------------------------ events */

static struct spd_scheduler_event *add_event(struct spd_scheduler *s, const struct entry *e,
                                             enum spd_scheduler_kind kind, spd_wall planned)
{
    struct spd_scheduler_event *event = &s->events[s->n_events++];

    memset(event, 0, sizeof(*event));
    event->kind = kind;
    memcpy(event->test, e->name, sizeof(event->test));
    event->planned = event->last = planned;
    return event;
}

static void miss(struct spd_scheduler *s, const struct entry *e, enum spd_missed_why why,
                 uint64_t n, spd_wall first, spd_wall last)
{
    struct spd_scheduler_event *event = add_event(s, e, SPD_SCHEDULER_MISSED, first);

    event->last = last;
    event->n_missed = n;
    event->why = why;
}

/* -------------------------------------------------------------------- time */

/* Planned times that now lie far ahead, since the clock was set back, are
 * planned anew; after a small step they stay, so that none comes twice. */
static void set_back(struct spd_scheduler *s, spd_wall now, spd_ns by_ns)
{
    for (size_t i = 0; i < s->n; i++) {
        struct entry *e = &s->entries[i];
        spd_ns limit_ns = SET_BACK_NS;

        if (e->rule.kind == SPD_SCHEDULE_INTERVAL && e->rule.interval_ns / 2 < limit_ns)
            limit_ns = e->rule.interval_ns / 2;
        if (e->gone)
            continue;
        e->set_back_ns += by_ns;
        if (e->set_back_ns > limit_ns)
            plan(s, e, now);
    }
}

/* Times that are due: how many, the latest, and the one before that. */
struct passed {
    uint64_t n;
    spd_wall before, planned, due;
};

/* Go over all times that are due. */
static struct passed catch_up(const struct spd_scheduler *s, struct entry *e, spd_wall now)
{
    struct passed p = { .before = e->planned, .planned = e->planned };

    if (e->rule.kind == SPD_SCHEDULE_INTERVAL) {
        /* The last ones are for the loop: a random delay may keep one. */
        int64_t n_skipped = (now.ns - e->planned.ns) / e->rule.interval_ns - 2;

        if (n_skipped > 0) {
            p.n = (uint64_t)n_skipped;
            plan(s, e, (spd_wall){ e->planned.ns + (n_skipped - 1) * e->rule.interval_ns });
        }
    }
    for (int i = 0; e->has_next && e->due.ns <= now.ns; i++) {
        p.before = p.planned;
        p.planned = e->planned;
        p.due = e->due;
        p.n++;
        plan(s, e, i < CATCH_UP_MAX ? e->planned : now);
    }
    return p;
}

static void look_at(struct spd_scheduler *s, struct entry *e, spd_wall now, bool jumped)
{
    enum spd_missed_why why = jumped ? SPD_MISSED_CLOCK : SPD_MISSED_LATE;
    spd_wall first = e->planned;
    struct passed p;

    if (e->gone || !e->has_next || e->due.ns > now.ns)
        return;
    p = catch_up(s, e, now);
    if (e->waiting)
        miss(s, e, SPD_MISSED_WAITED, 1, e->waiting_planned, e->waiting_planned);
    e->waiting = false;
    if (e->running) {
        miss(s, e, jumped ? why : SPD_MISSED_STILL_RUNNING, p.n, first, p.planned);
        return;
    }
    if (now.ns - p.due.ns > SPD_SCHEDULER_GRACE_NS) {
        miss(s, e, why, p.n, first, p.planned);
        return;
    }
    if (p.n > 1)
        miss(s, e, why, p.n - 1, first, p.before);
    e->waiting = true;
    e->waiting_planned = p.planned;
    e->waiting_due = p.due;
}

/* ------------------------------------------------------------------ groups */

static bool is_group_busy(const struct spd_scheduler *s, const struct entry *e)
{
    for (size_t i = 0; e->group[0] && i < s->n; i++)
        if (s->entries[i].running && strcmp(s->entries[i].group, e->group) == 0)
            return true;
    return false;
}

/* Who has waited longest of those who may start now; NULL for none. */
static struct entry *next_to_start(const struct spd_scheduler *s)
{
    struct entry *best = NULL;

    for (size_t i = 0; i < s->n; i++) {
        struct entry *e = &s->entries[i];

        if (e->waiting && (!best || e->waiting_due.ns < best->waiting_due.ns) &&
            !is_group_busy(s, e))
            best = e;
    }
    return best;
}

static void start_all(struct spd_scheduler *s)
{
    struct entry *e;

    while ((e = next_to_start(s)) != NULL) {
        e->waiting = false;
        e->running = true;
        add_event(s, e, SPD_SCHEDULER_START, e->waiting_planned);
    }
}

/* ------------------------------------------------------------------ public */

size_t spd_scheduler_step(struct spd_scheduler *s, struct spd_moment now,
                          struct spd_scheduler_event *events, size_t capacity)
{
    spd_ns passed_ns = spd_wall_diff_ns(now.wall, s->last.wall);
    bool jumped = passed_ns - (now.steady_ns - s->last.steady_ns) > JUMP_NS;
    size_t n;

    if (s->n_given == s->n_events) {
        s->n_given = s->n_events = 0;
        if (passed_ns < 0)
            set_back(s, now.wall, -passed_ns);
        for (size_t i = 0; i < s->n; i++)
            look_at(s, &s->entries[i], now.wall, jumped);
        start_all(s);
        s->last = now;
    }
    n = s->n_events - s->n_given < capacity ? s->n_events - s->n_given : capacity;
    memcpy(events, s->events + s->n_given, n * sizeof(*events));
    s->n_given += n;
    return n;
}

void spd_scheduler_finished(struct spd_scheduler *s, const char *test)
{
    struct entry *e = find(s, test);

    if (!e)
        return;
    e->running = false;
    if (e->gone)
        *e = s->entries[--s->n];
}

spd_ns spd_scheduler_wait_ns(const struct spd_scheduler *s, struct spd_moment now)
{
    spd_ns wait_ns = SPD_SCHEDULER_WAIT_MAX_NS;

    if (s->n_given < s->n_events || next_to_start(s))
        return 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct entry *e = &s->entries[i];

        if (!e->gone && e->has_next && e->due.ns - now.wall.ns < wait_ns)
            wait_ns = e->due.ns - now.wall.ns;
    }
    return wait_ns > 0 ? wait_ns : 0;
}

bool spd_scheduler_next(const struct spd_scheduler *s, const char *test, spd_wall *out)
{
    const struct entry *e = find(s, test);

    if (!e || e->gone || !e->has_next)
        return false;
    *out = e->due;
    return true;
}

/* What goes on under another configuration. */
static void inherit(const struct spd_scheduler *s, const struct entry *old, struct entry *e,
                    spd_wall now)
{
    bool same = old && !old->gone && spd_schedule_equal(&old->rule, &e->rule) &&
                old->random_delay_ns == e->random_delay_ns;

    if (old)
        e->running = old->running;
    if (!same) {
        plan(s, e, now);
        return;
    }
    e->has_next = old->has_next;
    e->planned = old->planned;
    e->due = old->due;
    e->set_back_ns = old->set_back_ns;
    e->waiting = old->waiting;
    e->waiting_planned = old->waiting_planned;
    e->waiting_due = old->waiting_due;
}

enum spd_err spd_scheduler_reload(struct spd_scheduler *s, const struct spd_config *config,
                                  struct spd_moment now)
{
    size_t most = s->n + config->n_tests, n_waiting = s->n_events - s->n_given;
    struct entry *entries = calloc(most + 1, sizeof(*entries));
    struct spd_scheduler_event *events =
        calloc(most * EVENTS_EACH + n_waiting + 1, sizeof(*events));
    size_t n = 0;

    if (!entries || !events) {
        free(entries);
        free(events);
        return SPD_ERR_NOMEM;
    }
    for (size_t i = 0; i < config->n_tests; i++, n++) {
        fill(s, &config->tests[i], &entries[n]);
        inherit(s, find(s, entries[n].name), &entries[n], now.wall);
    }
    for (size_t i = 0; i < s->n; i++)
        if (s->entries[i].running && !spd_config_test_find(config, s->entries[i].name)) {
            entries[n] = s->entries[i];
            entries[n].gone = true;
            entries[n++].waiting = false;
        }
    if (n_waiting > 0)
        memcpy(events, s->events + s->n_given, n_waiting * sizeof(*events));
    free(s->entries);
    free(s->events);
    s->entries = entries;
    s->n = n;
    s->events = events;
    s->n_events = n_waiting;
    s->n_given = 0;
    return SPD_ERR_OK;
}

enum spd_err spd_scheduler_create(const struct spd_config *config, uint64_t seed, spd_zone_fn *zone,
                                  struct spd_moment now, struct spd_scheduler **out)
{
    struct spd_scheduler *s = calloc(1, sizeof(*s));

    if (!s)
        return SPD_ERR_NOMEM;
    s->seed = seed;
    s->zone = zone;
    s->last = now;
    if (spd_scheduler_reload(s, config, now)) {
        free(s);
        return SPD_ERR_NOMEM;
    }
    *out = s;
    return SPD_ERR_OK;
}

void spd_scheduler_destroy(struct spd_scheduler *s)
{
    if (!s)
        return;
    free(s->entries);
    free(s->events);
    free(s);
}
