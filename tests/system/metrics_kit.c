/*
 * The thread plays the controller: it waits at a port, fills snapshots and
 * answers.
 */
#include "tests/system/metrics_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/sys/thread.h"
#include "service/shut_port.h"

#define KEY_STOP 1
#define HELD_MAX 4096

struct kit {
    struct spd_cport *port;
    struct spd_thread *thread;
    struct spd_metrics_ask *held[HELD_MAX];
    atomic_uint n_held, n_asked;
    atomic_int mode;
    spd_ns bounds[KIT_BOUNDS];
};

static void must(enum spd_err err)
{
    if (!err)
        return;
    fprintf(stderr, "metrics_kit: %s\n", spd_err_text(err));
    abort();
}

static void fill_way(const struct kit *kit, struct spd_metrics_way *way)
{
    way->known = true;
    for (spd_ns i = 0; i < 10000; i++) {
        spd_ns pdv_ns = i * 10 * SPD_NS_PER_US;
        size_t b = 0;

        while (b < KIT_BOUNDS && pdv_ns > kit->bounds[b])
            b++;
        way->buckets[b]++;
        way->n++;
        way->sum_ns += pdv_ns;
    }
    way->pdv_p50_ns = 49990 * SPD_NS_PER_US;
    way->pdv_p95_ns = 94990 * SPD_NS_PER_US;
    way->pdv_p99_ns = 98990 * SPD_NS_PER_US;
}

static void fill(const struct kit *kit, struct spd_metrics_snapshot *s)
{
    struct spd_metrics_test *t;

    s->now_ns = INT64_C(1700000060000000000);
    s->service.version = SPD_VERSION;
    s->service.uptime_ns = 90 * SPD_NS_PER_S;
    s->reflector.enabled = s->reflector.known = true;
    s->reflector.n_refused[SPD_METRICS_SOURCE_RATE] = 4711;
    s->bound_ns = kit->bounds;
    s->n_bounds = KIT_BOUNDS;
    must(spd_metrics_snapshot_reserve(s, 2));
    t = &s->tests[0];
    snprintf(t->name, sizeof(t->name), "%s", KIT_TEST);
    snprintf(t->kind, sizeof(t->kind), "stream");
    snprintf(t->target, sizeof(t->target), "berlin.example:862");
    t->outcome = SPD_METRICS_FINISHED;
    t->ended_ns = s->now_ns - 5 * SPD_NS_PER_S;
    t->measured = true;
    t->n_runs = 3;
    t->n_sent = 10000;
    t->n_lost = 25;
    t->loss_ratio = 0.0025;
    t->rtt_p50_ns = 12 * SPD_NS_PER_MS;
    t->rtt_p99_ns = 30 * SPD_NS_PER_MS;
    t->mos = 4.1;
    fill_way(kit, &t->ways[0]);
    fill_way(kit, &t->ways[1]);
    snprintf(s->tests[1].name, sizeof(s->tests[1].name), "never ran");
    if (atomic_load(&kit->mode) == KIT_UNWELL)
        spd_metrics_snapshot_add_reason(s, "the history cannot be written: disk full");
}

static void answer(struct kit *kit, struct spd_metrics_ask *ask)
{
    if (atomic_load(&kit->mode) == KIT_FAILS) {
        spd_metrics_answer(ask, SPD_ERR_NOMEM);
        return;
    }
    fill(kit, &ask->snapshot);
    spd_metrics_answer(ask, SPD_ERR_OK);
}

static void release(struct kit *kit)
{
    while (atomic_load(&kit->n_held) > 0)
        answer(kit, kit->held[atomic_fetch_sub(&kit->n_held, 1) - 1]);
}

static bool on_completion(struct kit *kit, const struct spd_completion *c)
{
    struct spd_metrics_ask *ask;

    if (c->key == KEY_STOP)
        return false;
    ask = SPD_CONTAINER_OF(c->op, struct spd_metrics_ask, op);
    atomic_fetch_add(&kit->n_asked, 1);
    if (atomic_load(&kit->mode) == KIT_HOLDS && atomic_load(&kit->n_held) < HELD_MAX) {
        kit->held[atomic_load(&kit->n_held)] = ask;
        atomic_fetch_add(&kit->n_held, 1);
    } else {
        answer(kit, ask);
    }
    return true;
}

static void run(void *argument)
{
    struct kit *kit = argument;
    bool goes_on = true;

    while (goes_on) {
        struct spd_completion c;
        size_t n;
        enum spd_err err = spd_cport_wait(kit->port, &c, 1, &n, 50 * SPD_NS_PER_MS);

        if (!err)
            goes_on = on_completion(kit, &c);
        else if (err != SPD_ERR_TIMEOUT)
            must(err);
        if (atomic_load(&kit->mode) != KIT_HOLDS)
            release(kit);
    }
    release(kit);
}

struct kit *kit_start(void)
{
    struct spd_cport_config config = { .concurrency_limit = 1 };
    struct kit *kit = calloc(1, sizeof(*kit));

    must(kit ? SPD_ERR_OK : SPD_ERR_NOMEM);
    for (int i = 0; i < KIT_BOUNDS; i++)
        kit->bounds[i] = (100 * SPD_NS_PER_US) << i;
    must(spd_cport_create(&config, &kit->port, NULL));
    must(spd_thread_start(&kit->thread, "controller", run, kit));
    return kit;
}

struct spd_cport *kit_port(struct kit *kit)
{
    return kit->port;
}

void kit_set(struct kit *kit, enum kit_mode mode)
{
    atomic_store(&kit->mode, mode);
}

unsigned kit_n_asked(struct kit *kit)
{
    return atomic_load(&kit->n_asked);
}

unsigned kit_n_held(struct kit *kit)
{
    return atomic_load(&kit->n_held);
}

void kit_stop(struct kit *kit)
{
    /* Behind every question that is on its way. */
    must(spd_cport_post(kit->port, KEY_STOP, 0, NULL));
    spd_thread_join(kit->thread);
    spd_shut_port(kit->port);
    free(kit);
}
