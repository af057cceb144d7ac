/*
 * Octets between the state machine of the client and its stream. At any time
 * one thread has both: the caller's, or between watch and unwatch its own.
 */
#include "service/control_link.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "common/sys/tcp.h"
#include "common/sys/thread.h"

#define CONNECT_NS (10 * SPD_NS_PER_S)
#define ANSWER_NS  (30 * SPD_NS_PER_S) /* silence of the server where an answer is due */
#define PIECE      4096

struct spd_control_link {
    struct spd_tcp *stream;
    struct spd_control_client *client;
    struct spd_tcp_waker *waker;
    struct spd_thread *thread;
    struct spd_cport *port;
    uintptr_t key;
    atomic_bool unwatch;
};

const struct spd_control_client *spd_control_link_client(const struct spd_control_link *link)
{
    return link->client;
}

/* Write and read what is possible now. False: the connection is gone. */
static bool move(struct spd_control_link *link, bool *moved)
{
    uint8_t piece[PIECE];
    const uint8_t *bytes;
    size_t n = spd_control_client_pending(link->client, &bytes), n_wanted;
    enum spd_err err;

    *moved = false;
    if (n > 0) {
        err = spd_tcp_write(link->stream, bytes, n, &n);
        if (err == SPD_ERR_OK) {
            spd_control_client_written(link->client, n);
            *moved = true;
        } else if (err != SPD_ERR_TIMEOUT) {
            return false;
        }
    }
    n_wanted = spd_control_client_wanted(link->client);
    if (n_wanted == 0)
        return true;
    err = spd_tcp_read(link->stream, piece, n_wanted < PIECE ? n_wanted : PIECE, &n);
    if (err == SPD_ERR_OK) {
        spd_control_client_take(link->client, piece, n);
        *moved = true;
    }
    return err == SPD_ERR_OK || err == SPD_ERR_TIMEOUT;
}

/* Returns TIMEOUT when nothing happened for so long. */
static enum spd_err wait(struct spd_control_link *link, spd_ns timeout_ns)
{
    const uint8_t *bytes;
    struct spd_tcp_want want = {
        .stream = link->stream,
        .read = spd_control_client_wanted(link->client) > 0,
        .write = spd_control_client_pending(link->client, &bytes) > 0,
    };

    return spd_tcp_wait(&want, 1, link->waker, timeout_ns);
}

/* Until the step after `step` is reached. */
static enum spd_err finish_step(struct spd_control_link *link, enum spd_control_step step,
                                struct spd_diag *diag)
{
    while (spd_control_client_step(link->client) == step) {
        bool moved;

        if (!move(link, &moved)) {
            spd_control_client_closed(link->client);
        } else if (!moved) {
            enum spd_err err = wait(link, ANSWER_NS);

            if (err)
                return spd_diag_set(diag, err, 0,
                                    "OWAMP-Control: the server did not answer within %d s",
                                    (int)(ANSWER_NS / SPD_NS_PER_S));
        }
    }
    if (spd_control_client_step(link->client) != SPD_CLIENT_FAILED)
        return SPD_ERR_OK;
    *diag = *spd_control_client_diag(link->client);
    return diag->err;
}

enum spd_err spd_control_link_open(const struct spd_addr *server, const struct spd_addr *local,
                                   const char *server_name, const struct spd_owamp_request *request,
                                   const struct spd_owamp_slot *slots,
                                   struct spd_control_link **out, struct spd_diag *diag)
{
    struct spd_control_link *link = calloc(1, sizeof(*link));
    struct spd_owamp_request complete = *request;
    enum spd_err err;

    if (!link)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the control connection");
    err = spd_tcp_waker_create(&link->waker, diag);
    if (!err)
        err = spd_tcp_connect(server, local, CONNECT_NS, &link->stream, diag);
    if (!err) {
        spd_tcp_local(link->stream, &complete.sender);
        spd_tcp_peer(link->stream, &complete.receiver);
        complete.sender.port = request->sender.port;
        complete.receiver.port = request->receiver.port;
        err = spd_control_client_create(&complete, slots, server_name, &link->client);
        if (err)
            spd_diag_set(diag, err, 0, "no memory for the control connection");
    }
    if (!err)
        err = finish_step(link, SPD_CLIENT_NEGOTIATING, diag);
    if (err) {
        spd_control_link_close(link);
        return err;
    }
    *out = link;
    return SPD_ERR_OK;
}

enum spd_err spd_control_link_start(struct spd_control_link *link, struct spd_diag *diag)
{
    spd_control_client_start(link->client);
    return finish_step(link, SPD_CLIENT_STARTING, diag);
}

enum spd_err spd_control_link_stop(struct spd_control_link *link, uint8_t accept, uint32_t next_seq,
                                   const struct spd_owamp_skip *skips, uint32_t n_skips,
                                   struct spd_diag *diag)
{
    if (spd_control_client_stop(link->client, accept, next_seq, skips, n_skips) &&
        spd_control_client_step(link->client) != SPD_CLIENT_FAILED)
        return spd_diag_set(diag, SPD_ERR_LIMIT, 0,
                            "OWAMP-Control: too many gaps in what was sent to tell the server");
    /* Where the server has said its part already, ours has still to leave. */
    while (spd_control_client_step(link->client) == SPD_CLIENT_STOPPED) {
        const uint8_t *bytes;
        bool moved;

        if (spd_control_client_pending(link->client, &bytes) == 0)
            break;
        if (!move(link, &moved))
            spd_control_client_closed(link->client);
        else if (!moved && wait(link, ANSWER_NS))
            return spd_diag_set(diag, SPD_ERR_TIMEOUT, 0,
                                "OWAMP-Control: the server takes no more");
    }
    return finish_step(link, SPD_CLIENT_STOPPING, diag);
}

enum spd_err spd_control_link_fetch(struct spd_control_link *link, struct spd_diag *diag)
{
    spd_control_client_fetch(link->client);
    return finish_step(link, SPD_CLIENT_FETCHING, diag);
}

/* ------------------------------------------------------------------- watching */

static void watch(void *argument)
{
    struct spd_control_link *link = argument;
    bool told = false;

    while (!atomic_load(&link->unwatch)) {
        bool moved, alive = spd_control_client_step(link->client) != SPD_CLIENT_FAILED;

        if (alive && !move(link, &moved))
            spd_control_client_closed(link->client);
        if (!told && (spd_control_client_is_told_to_stop(link->client) ||
                      spd_control_client_step(link->client) == SPD_CLIENT_FAILED)) {
            told = true;
            (void)spd_cport_post(link->port, link->key, 0, NULL);
        }
        if (spd_control_client_step(link->client) == SPD_CLIENT_FAILED)
            (void)spd_tcp_wait(NULL, 0, link->waker, SPD_NS_FOREVER);
        else
            (void)wait(link, SPD_NS_FOREVER);
    }
}

enum spd_err spd_control_link_watch(struct spd_control_link *link, struct spd_cport *port,
                                    uintptr_t key, struct spd_diag *diag)
{
    enum spd_err err;

    link->port = port;
    link->key = key;
    atomic_store(&link->unwatch, false);
    err = spd_thread_start(&link->thread, "spd-control", watch, link);
    if (err) {
        link->thread = NULL;
        return spd_diag_set(diag, err, 0, "cannot start the control thread: %s", spd_err_text(err));
    }
    return SPD_ERR_OK;
}

void spd_control_link_unwatch(struct spd_control_link *link)
{
    if (!link || !link->thread)
        return;
    atomic_store(&link->unwatch, true);
    spd_tcp_waker_wake(link->waker);
    spd_thread_join(link->thread);
    link->thread = NULL;
}

void spd_control_link_close(struct spd_control_link *link)
{
    if (!link)
        return;
    spd_control_link_unwatch(link);
    spd_control_client_destroy(link->client);
    spd_tcp_close(link->stream);
    spd_tcp_waker_destroy(link->waker);
    free(link);
}
