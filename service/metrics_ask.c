/*
 * A question has two owners: who asked and may give up, and who answers and may
 * be late. Who answers frees what was given up; else who asked frees it, once
 * the other has let go. Threads of the HTTP server ask; the controller's thread
 * answers.
 */
#include "service/metrics_ask.h"

#include <stdlib.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"

#define SLICE_NS   (100 * SPD_NS_PER_MS) /* how late a stop may be noticed */
#define LETTING_NS (20 * SPD_NS_PER_US)

enum ask_state { PENDING, ANSWERED, LET_GO, ABANDONED };

void spd_metrics_ask_free(struct spd_metrics_ask *ask)
{
    spd_op_fini(&ask->op);
    spd_op_fini(&ask->back);
    spd_metrics_snapshot_clear(&ask->snapshot);
    free(ask);
}

void spd_metrics_answer(struct spd_metrics_ask *ask, enum spd_err err)
{
    struct spd_cport *to = ask->to;

    ask->err = err;
    if (atomic_exchange(&ask->state, ANSWERED) == ABANDONED) {
        spd_metrics_ask_free(ask);
        return;
    }
    /* From here on the asker waits for this post, however long. */
    while (spd_cport_post(to, 0, 0, &ask->back) == SPD_ERR_NOMEM)
        spd_thread_sleep(SPD_NS_PER_MS);
    atomic_store(&ask->state, LET_GO);
}

/* The post has come, but the thread that made it may still be within the port,
 * which may be gone as soon as this thread ends. */
static void await_letting_go(struct spd_metrics_ask *ask)
{
    while (atomic_load(&ask->state) != LET_GO)
        spd_thread_sleep(LETTING_NS);
}

static bool wait_slice(struct spd_cport *back, spd_ns timeout_ns)
{
    struct spd_completion c;
    size_t n;

    return spd_cport_wait(back, &c, 1, &n, timeout_ns) == SPD_ERR_OK;
}

static bool wait_for_answer(struct spd_cport *back, const atomic_bool *stopping)
{
    spd_ticks begin = spd_clock_now();
    uint64_t hz = spd_clock_frequency_hz();

    while (!atomic_load(stopping)) {
        spd_ns left_ns = SPD_METRICS_PATIENCE_NS - spd_ticks_diff_ns(spd_clock_now(), begin, hz);

        if (left_ns <= 0)
            return false;
        if (wait_slice(back, left_ns < SLICE_NS ? left_ns : SLICE_NS))
            return true;
    }
    return false;
}

enum spd_err spd_metrics_ask(const struct spd_metrics_http_config *config, struct spd_cport *back,
                             atomic_bool *stopping, struct spd_metrics_ask **out)
{
    struct spd_metrics_ask *ask = calloc(1, sizeof(*ask));
    enum spd_err err;

    if (!ask)
        return SPD_ERR_NOMEM;
    spd_op_init(&ask->op);
    spd_op_init(&ask->back);
    ask->to = back;
    atomic_init(&ask->state, PENDING);
    err = spd_cport_post(config->port, config->key, 0, &ask->op);
    if (err) {
        spd_metrics_ask_free(ask);
        return err;
    }
    if (!wait_for_answer(back, stopping)) {
        if (atomic_exchange(&ask->state, ABANDONED) == PENDING)
            return SPD_ERR_TIMEOUT;
        /* Answered in the last moment: its post is on the way. */
        while (!wait_slice(back, SPD_NS_PER_S))
            continue;
    }
    await_letting_go(ask);
    err = ask->err;
    if (err)
        spd_metrics_ask_free(ask);
    else
        *out = ask;
    return err;
}

void spd_metrics_from_reflector(const struct spd_reflector_counters *c,
                                struct spd_metrics_reflector *out)
{
    *out = (struct spd_metrics_reflector){
        .enabled = true,
        .known = true,
        .n_received = c->n_received,
        .n_reflected = c->n_reflected,
        .n_refused = {
            [SPD_METRICS_MALFORMED] = c->n_malformed,
            [SPD_METRICS_TRUNCATED] = c->n_truncated,
            [SPD_METRICS_LOOP] = c->n_loops,
            [SPD_METRICS_SHORT] = c->n_short,
            [SPD_METRICS_NOT_ALLOWED] = c->n_not_allowed,
            [SPD_METRICS_SOURCE_RATE] = c->n_over_source_rate,
            [SPD_METRICS_WITHOUT_PLACE] = c->n_without_place,
            [SPD_METRICS_TOTAL_RATE] = c->n_over_total_rate,
            [SPD_METRICS_SESSIONS] = c->n_sessions_refused,
            [SPD_METRICS_SOURCE_SESSIONS] = c->n_source_sessions_refused,
        },
        .n_send_failed = c->n_send_failed,
        .n_receive_failed = c->n_receive_failed,
        .n_dropped_by_system = c->n_dropped_by_system,
        .n_sessions = c->n_sessions,
        .n_sessions_expired = c->n_sessions_expired,
        .n_sources = c->n_sources,
    };
}
