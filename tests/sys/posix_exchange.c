/*
 * The frame of an exchange: opens, takes completions, ends; see
 * posix_exchange.h.
 */
#include "tests/sys/posix_exchange.h"

#include <string.h>

void exchange_take(struct run *run, const struct spd_completion *completion)
{
    size_t i;

    if (completion->op == NULL) {
        attempt_expect(run->attempt,
                       completion->key == KEY_POST && completion->n_bytes < N_POSTS &&
                           !run->has_come[completion->n_bytes],
                       "a post that came twice, or changed");
        if (completion->n_bytes < N_POSTS) {
            run->has_come[completion->n_bytes] = true;
        }
        run->n_plain++;
        return;
    }
    i = (size_t)(completion->op - run->ops);
    attempt_expect(run->attempt, i < N_OPS && completion->op == &run->ops[i],
                   "a completion of an operation that is not ours");
    if (i >= N_OPS) {
        return;
    }
    run->n_completed[i]++;
    run->errs[i] = completion->err;
    attempt_expect(run->attempt, run->accepted[i], "a completion that was never accepted");
    attempt_expect(run->attempt, (unsigned)completion->err < SPD_ERR_COUNT, "no error of the list");
    attempt_expect(run->attempt,
                   completion->key == (i == POSTED                 ? KEY_POST
                                       : i < N_SENDS || i >= SPARE ? KEY_EAST
                                                                   : KEY_WEST),
                   "a completion with another key");
}

/* Waits until the operations [first, first + n) have completed. */
bool exchange_await(struct run *run, const char *stage, size_t first, size_t n)
{
    for (;;) {
        struct spd_completion completions[3];
        bool all = true;
        size_t n_out = 0;

        for (size_t i = first; i < first + n; i++) {
            all = all && (!run->accepted[i] || run->n_completed[i] > 0);
        }
        if (all) {
            break;
        }
        if (!attempt_ok(run->attempt, stage,
                        spd_cport_wait(run->port, completions, 3, &n_out, attempt_patience_ns),
                        NULL)) {
            return false;
        }
        attempt_expect(run->attempt, n_out >= 1 && n_out <= 3, "a wait without completions");
        for (size_t i = 0; i < n_out && i < 3; i++) {
            exchange_take(run, &completions[i]);
        }
    }
    for (size_t i = first; i < first + n; i++) {
        if (run->accepted[i] && !attempt_ok(run->attempt, stage, run->errs[i], NULL)) {
            return false;
        }
    }
    return true;
}

static bool open_socket(struct run *run, const char *stage, uintptr_t key,
                        const struct spd_addr *remote, struct spd_udp **out,
                        struct spd_addr *address)
{
    struct spd_udp_config config = { .interface_name = "lo",
                                     .send_buffer_bytes = 1 << 20,
                                     .receive_buffer_bytes = 1 << 20,
                                     .max_datagram_bytes = 256,
                                     .max_queued_receives = 16,
                                     .tclass = 46 << 2,
                                     .ttl = 9,
                                     .dont_fragment = true,
                                     .want_send_stamps = !run->kind->by_counter,
                                     .want_receive_stamps = true,
                                     .want_receive_details = true };
    struct spd_udp_facts facts;
    struct spd_diag diag = { 0 };

    (void)spd_addr_parse_host("127.0.0.1", &config.local);
    if (remote != NULL) {
        config.remote = *remote;
    }
    if (!attempt_ok(run->attempt, stage, spd_udp_open(run->port, key, &config, out, &diag),
                    &diag)) {
        *out = NULL;
        return false;
    }
    spd_udp_facts(*out, &facts);
    *address = facts.local;
    attempt_expect(run->attempt, facts.local.port != 0, "a socket without a port");
    return true;
}

static bool open_all(struct run *run)
{
    const struct spd_cport_config config = { .single_owner = run->kind->single_owner,
                                             .concurrency_limit = 2,
                                             .max_queued_sends = 16,
                                             .denied_features = run->kind->denied_features };
    struct spd_diag diag = { 0 };
    bool connected = run->kind->connected;

    if (!attempt_ok(run->attempt, "create", spd_cport_create(&config, &run->port, &diag), &diag)) {
        run->port = NULL;
        return false;
    }
    if (!open_socket(run, "open west", KEY_WEST, NULL, &run->west, &run->west_address)) {
        return false;
    }
    if (run->kind->nobody_there) {
        spd_udp_close(run->west); /* its port is free again, and refuses */
        run->west = NULL;
    }
    return open_socket(run, "open east", KEY_EAST, connected ? &run->west_address : NULL,
                       &run->east, &run->east_address);
}

static void finish(struct run *run)
{
    enum spd_err err;

    if (run->port == NULL) {
        return;
    }
    spd_udp_close(run->west);
    spd_udp_close(run->east);
    spd_cport_close(run->port);
    do {
        struct spd_completion completion;
        size_t n = 0;

        err = spd_cport_wait(run->port, &completion, 1, &n, attempt_patience_ns);
        if (err == SPD_ERR_OK) {
            exchange_take(run, &completion);
        }
    } while (err == SPD_ERR_OK);
    attempt_expect(run->attempt, err == SPD_ERR_CLOSED, "a closed port does not say so in the end");
    for (size_t i = 0; i < N_OPS; i++) {
        attempt_expect(run->attempt, run->n_completed[i] == (run->accepted[i] ? 1u : 0u),
                       "an operation did not complete exactly once");
        spd_op_fini(&run->ops[i]);
    }
    spd_cport_destroy(run->port);
}

void exchange(struct attempt *attempt, const struct exchange_kind *kind)
{
    static struct run run; /* operations and buffers outlive a broken run */

    memset(&run, 0, sizeof run);
    run.attempt = attempt;
    run.kind = kind;
    for (size_t i = 0; i < N_OPS; i++) {
        spd_op_init(&run.ops[i]);
    }
    if (open_all(&run)) {
        if (kind->nobody_there) {
            exchange_send_to_nobody(&run);
        } else {
            exchange_send_and_receive(&run);
        }
        if (attempt->err == SPD_ERR_OK) {
            exchange_post(&run);
        }
        if (attempt->err == SPD_ERR_OK) {
            exchange_flood(&run);
        }
        if (attempt->err == SPD_ERR_OK && !kind->nobody_there) {
            exchange_cancel(&run);
        }
    }
    finish(&run);
}
