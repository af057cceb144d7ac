/*
 * The steps of an exchange; see posix_exchange.h.
 */
#include "tests/sys/posix_exchange.h"

#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"

/* Far longer than a post takes. */
#define PATIENT_STEP_NS (5 * SPD_NS_PER_S)

static bool queue_receive(struct run *run, struct spd_udp *udp, size_t i)
{
    enum spd_err err =
        spd_udp_queue_receive(udp, &run->ops[i], run->data[i], PAYLOAD, &run->metas[i]);

    run->accepted[i] = err == SPD_ERR_OK;
    return attempt_ok(run->attempt, "queue receive", err, NULL);
}

static bool queue_sends(struct run *run)
{
    const struct spd_udp_send_options options = { .to = &run->west_address,
                                                  .from = &run->east_address,
                                                  .tclass = 10 << 2 };

    for (size_t i = 0; i < N_SENDS; i++) {
        enum spd_err err;

        memset(run->data[i], (int)i + 1, PAYLOAD);
        err = spd_udp_queue_send(run->east, &run->ops[i], run->data[i], PAYLOAD,
                                 run->kind->connected ? NULL : &options);
        run->accepted[i] = err == SPD_ERR_OK;
        if (!attempt_ok(run->attempt, "queue send", err, NULL)) {
            return false;
        }
    }
    return true;
}

/* Sends all, and receives all that was sent. */
void exchange_send_and_receive(struct run *run)
{
    int64_t sched_ns[N_SENDS] = { 0 };
    int64_t sent_ns[N_SENDS] = { 0 };
    size_t n_handed = 0;

    for (size_t i = 0; i < N_RECEIVES; i++) {
        if (!queue_receive(run, run->west, FIRST_RECEIVE + i)) {
            return;
        }
    }
    spd_udp_stamps_begin(run->east);
    spd_udp_stamp_by_counter(run->east, run->kind->by_counter);
    if (!queue_sends(run) ||
        !attempt_ok(run->attempt, "commit", spd_cport_commit(run->port, &n_handed), NULL) ||
        !exchange_await(run, "send", 0, N_SENDS)) {
        return;
    }
    if (exchange_await(run, "receive", FIRST_RECEIVE, N_RECEIVES)) {
        for (size_t i = 0; i < N_RECEIVES; i++) {
            attempt_expect(run->attempt,
                           memcmp(run->data[FIRST_RECEIVE + i], run->data[i], PAYLOAD) == 0,
                           "another datagram than was sent");
        }
    }
    (void)spd_udp_stamps_collect(run->east, sched_ns, sent_ns, N_SENDS);
}

/* Sends one to a port that nobody has, and waits for the refusal. */
void exchange_send_to_nobody(struct run *run)
{
    enum spd_err err = SPD_ERR_OK;
    struct spd_addr offender;
    unsigned char payload[16];
    size_t n_payload = 0;

    if (!queue_receive(run, run->east, SPARE)) {
        return;
    }
    run->accepted[0] =
        spd_udp_queue_send(run->east, &run->ops[0], run->data[0], PAYLOAD, NULL) == SPD_ERR_OK;
    if (!attempt_ok(run->attempt, "commit", spd_cport_commit(run->port, NULL), NULL) ||
        !exchange_await(run, "send", 0, 1)) {
        return;
    }
    if (exchange_await(run, "refusal", SPARE, 1)) {
        attempt_expect(run->attempt, false, "a receive that nobody has served succeeds");
    } else if (run->errs[SPARE] == SPD_ERR_REFUSED) {
        run->attempt->err = SPD_ERR_OK; /* as it should be */
        attempt_expect(run->attempt,
                       spd_udp_take_icmp_error(run->east, &err, payload, sizeof payload, &n_payload,
                                               &offender) == SPD_ERR_OK,
                       "taking an ICMP error fails");
    }
}

static void post_from_elsewhere(void *argument)
{
    struct run *run = argument;
    enum spd_err err;

    spd_thread_sleep(2 * SPD_NS_PER_MS);
    err = spd_cport_post(run->port, KEY_POST, 12, &run->ops[POSTED]);
    atomic_store(&run->post_outcome, (int)err);
}

/* Another thread posts while this one waits. Its wake-up must not get lost: a
 * wait that lasts until its own time-out, or would have, is a broken promise. */
void exchange_post(struct run *run)
{
    struct spd_thread *thread = NULL;

    atomic_store(&run->post_outcome, -1);
    run->accepted[POSTED] = true;
    if (!attempt_ok(run->attempt, "start",
                    spd_thread_start(&thread, "post", post_from_elsewhere, run), NULL)) {
        run->accepted[POSTED] = false;
        return;
    }
    while (run->n_completed[POSTED] == 0 && atomic_load(&run->post_outcome) <= SPD_ERR_OK) {
        struct spd_completion completion;
        spd_ticks start = spd_clock_now();
        enum spd_err err;
        size_t n = 0;

        err = spd_cport_wait(run->port, &completion, 1, &n, PATIENT_STEP_NS);
        if (err == SPD_ERR_OK) {
            exchange_take(run, &completion);
        } else if (!attempt_ok(run->attempt, "fetch post", err, NULL)) {
            break;
        }
        attempt_expect(run->attempt,
                       spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) <
                           PATIENT_STEP_NS,
                       "a post does not wake the thread that waits");
    }
    spd_thread_join(thread);
    if (atomic_load(&run->post_outcome) != SPD_ERR_OK) {
        run->accepted[POSTED] = false;
        (void)attempt_ok(run->attempt, "post", (enum spd_err)atomic_load(&run->post_outcome), NULL);
    }
}

/* More posts than there is room for at first. */
void exchange_flood(struct run *run)
{
    unsigned n_posted = 0;
    enum spd_err err = SPD_ERR_OK;

    while (n_posted < N_POSTS && err == SPD_ERR_OK) {
        err = spd_cport_post(run->port, KEY_POST, n_posted, NULL);
        n_posted += err == SPD_ERR_OK;
    }
    (void)attempt_ok(run->attempt, "post many", err, NULL);
    while (run->n_plain < n_posted) {
        struct spd_completion completions[100];
        size_t n = 0;

        if (!attempt_ok(run->attempt, "fetch many",
                        spd_cport_wait(run->port, completions, 100, &n, attempt_patience_ns),
                        NULL)) {
            return;
        }
        for (size_t i = 0; i < n; i++) {
            exchange_take(run, &completions[i]);
        }
    }
}

void exchange_cancel(struct run *run)
{
    enum spd_err err;

    if (!queue_receive(run, run->east, SPARE) ||
        !attempt_ok(run->attempt, "commit", spd_cport_commit(run->port, NULL), NULL)) {
        return;
    }
    err = spd_udp_cancel(run->east, &run->ops[SPARE]);
    if (!attempt_ok(run->attempt, "cancel", err, NULL)) {
        return;
    }
    if (!exchange_await(run, "cancelled", SPARE, 1) && run->errs[SPARE] == SPD_ERR_CANCELLED &&
        run->attempt->err == SPD_ERR_CANCELLED) {
        run->attempt->err = SPD_ERR_OK; /* as it should be */
    }
    (void)queue_receive(run, run->east, LEFT_OVER);
}
