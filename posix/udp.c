/*
 * UDP sockets on a completion port: open, close, cancel, facts. Sends are in
 * udp_send.c and udp_send_flush.c, receives in udp_receive.c, stamps in
 * udp_stamps.c, the error queue in udp_error.c. Open and close allocate; the
 * rest does not.
 */
#include "common/sys/udp.h"

#include "posix/udp_private.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <string.h>
#include <unistd.h>

#include "posix/oserr.h"

enum { N_CANCEL_WAITS = 1000 };

enum { ALIGNMENT = 64 };

_Static_assert((int)ALIGNMENT > (int)SPD_TAG_MASK, "tags stand in the low bits");

/* ------------------------------------------------------------- fixed slots */

/* A file in the table of the ring costs less per packet than a plain one. */
static void take_fixed_slot(struct spd_udp *udp)
{
    struct spd_cport *port = udp->port;
    int slot;

    udp->ring_fd = udp->fd;
    if (!port->has_fixed_slots || port->fixed_slots == UINT64_MAX) {
        return;
    }
    slot = __builtin_ctzll(~port->fixed_slots);
    if (io_uring_register_files_update(&port->ring.uring, (unsigned)slot, &udp->fd, 1) == 1) {
        port->fixed_slots |= UINT64_C(1) << slot;
        udp->ring_fd = slot;
        udp->sqe_flags = IOSQE_FIXED_FILE;
    }
}

static void free_fixed_slot(struct spd_udp *udp)
{
    int none = -1;

    if ((udp->sqe_flags & IOSQE_FIXED_FILE) != 0) {
        (void)io_uring_register_files_update(&udp->port->ring.uring, (unsigned)udp->ring_fd, &none,
                                             1);
        udp->port->fixed_slots &= ~(UINT64_C(1) << udp->ring_fd);
    }
}

/* -------------------------------------------------------------------- open */

static void free_udp(struct spd_udp *udp)
{
    spd_udp_buffers_free(udp);
    spd_udp_stamps_free(udp);
    spd_udp_errors_free(udp);
    free_fixed_slot(udp);
    if (udp->fd >= 0) {
        (void)close(udp->fd);
    }
    free(udp);
}

/* An unused owner may open: it has not come yet. */
static void hold_for_open(struct spd_cport *port)
{
    if (!port->single_owner || port->owned) {
        spd_cport_hold(port);
    }
}

static enum spd_err attach(struct spd_udp *udp)
{
    enum spd_err err = spd_udp_stamps_init(udp);

    if (err == SPD_ERR_OK) {
        err = spd_udp_buffers_init(udp);
    }
    if (err == SPD_ERR_OK) {
        err = spd_udp_errors_init(udp);
    }
    if (err != SPD_ERR_OK) {
        return err;
    }
    take_fixed_slot(udp);
    udp->next = udp->port->udps;
    udp->port->udps = udp;
    return SPD_ERR_OK;
}

enum spd_err spd_udp_open(struct spd_cport *port, uintptr_t key,
                          const struct spd_udp_config *config, struct spd_udp **out,
                          struct spd_diag *diag)
{
    struct spd_udp *udp = NULL;
    enum spd_err err;

    if (atomic_load(&port->closed)) {
        return spd_diag_set(diag, SPD_ERR_CLOSED, 0, "the completion port is closed");
    }
    if (posix_memalign((void **)&udp, ALIGNMENT, sizeof *udp) != 0) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, ENOMEM, "no memory for a socket");
    }
    memset(udp, 0, sizeof *udp);
    udp->port = port;
    udp->key = key;
    udp->fd = -1;
    udp->stamps.wanted = config->want_send_stamps;
    udp->want_receive_stamps = config->want_receive_stamps;
    udp->want_receive_details = config->want_receive_details;
    udp->max_datagram_bytes = config->max_datagram_bytes;
    udp->max_queued_receives = config->max_queued_receives;
    err = spd_udp_socket_open(udp, config, diag);
    if (err != SPD_ERR_OK) {
        free_udp(udp);
        return err;
    }
    hold_for_open(port);
    err = attach(udp);
    if (err != SPD_ERR_OK) {
        free_udp(udp);
        spd_diag_set(diag, err, ENOMEM, "no memory for the buffers of a socket");
    } else {
        *out = udp;
    }
    if (!port->single_owner) {
        spd_cport_release(port);
    }
    return err;
}

void spd_udp_facts(const struct spd_udp *udp, struct spd_udp_facts *out)
{
    *out = udp->facts;
}

bool spd_udp_receive_drops(struct spd_udp *udp, uint64_t *n_dropped)
{
    uint32_t memory[SK_MEMINFO_VARS];
    socklen_t n = sizeof memory;
    bool known;

    spd_cport_hold(udp->port);
    known = getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, memory, &n) == 0 &&
            n > SK_MEMINFO_DROPS * sizeof memory[0];
    if (known) {
        /* The kernel counts in 32 bits, which may wrap. */
        udp->n_dropped += memory[SK_MEMINFO_DROPS] - udp->drops_seen;
        udp->drops_seen = memory[SK_MEMINFO_DROPS];
        *n_dropped = udp->n_dropped;
    }
    spd_cport_release(udp->port);
    return known;
}

/* ----------------------------------------------------------- cancel, close */

static size_t cancel_list(struct spd_udp *udp, struct spd_op_list *list)
{
    size_t n = list->n;
    struct spd_op *op;

    while ((op = spd_op_list_pop(list)) != NULL) {
        spd_cport_complete(udp->port, op, SPD_ERR_CANCELLED, ECANCELED, 0);
    }
    return n;
}

/* The port has been rewound: no send stands in the ring. */
size_t spd_udp_cancel_all(struct spd_udp *udp)
{
    return cancel_list(udp, &udp->sends.backlog) + cancel_list(udp, &udp->receives.queued);
}

enum spd_err spd_udp_cancel(struct spd_udp *udp, struct spd_op *op)
{
    enum spd_err err = SPD_ERR_OK;

    spd_cport_hold(udp->port);
    if (udp->sends.in_ring.head != NULL) {
        spd_cport_rewind(udp->port);
    }
    if (op == NULL) {
        err = spd_udp_cancel_all(udp) > 0 ? SPD_ERR_OK : SPD_ERR_NOT_FOUND;
    } else if (spd_op_list_remove(&udp->sends.backlog, op) ||
               spd_op_list_remove(&udp->receives.queued, op)) {
        spd_cport_complete(udp->port, op, SPD_ERR_CANCELLED, ECANCELED, 0);
    } else {
        err = SPD_ERR_NOT_FOUND;
    }
    if (!udp->port->single_owner) {
        spd_shared_wake(udp->port);
    }
    spd_cport_release(udp->port);
    return err;
}

/* Leave the lists of sockets that need attention. */
static void unlink_udp(struct spd_udp *udp)
{
    struct spd_udp **at;

    for (at = &udp->port->senders; *at != NULL; at = &(*at)->next_sender) {
        if (*at == udp) {
            *at = udp->next_sender;
            break;
        }
    }
    for (at = &udp->port->receivers; *at != NULL; at = &(*at)->next_receiver) {
        if (*at == udp) {
            *at = udp->next_receiver;
            break;
        }
    }
    for (at = &udp->port->udps; *at != NULL; at = &(*at)->next) {
        if (*at == udp) {
            *at = udp->next;
            break;
        }
    }
}

static void cancel_in_kernel(struct spd_udp *udp, enum spd_tag tag)
{
    struct io_uring_sqe *sqe = spd_cport_sqe(udp->port);

    if (sqe != NULL) {
        io_uring_prep_cancel64(sqe, spd_tagged(udp, tag), 0);
        sqe->user_data = spd_tagged(NULL, SPD_TAG_NOTHING);
    }
}

/* Ends what the kernel does for the socket, and sees it ended. No send may
 * stand in the ring. */
static void end_in_kernel(struct spd_udp *udp)
{
    struct spd_cport *port = udp->port;

    if (udp->receives.armed) {
        cancel_in_kernel(udp, udp->receives.multishot ? SPD_TAG_RECEIVE : SPD_TAG_READABLE);
    }
    if (udp->sends.wait_writable) {
        cancel_in_kernel(udp, SPD_TAG_WRITABLE);
    }
    spd_cport_enter(port, true);
    for (int i = 0; i < N_CANCEL_WAITS && port->os_errno == 0; i++) {
        if (!udp->receives.armed && !udp->sends.wait_writable) {
            return;
        }
        /* On a shared port it ends in the thread that asked for it, and the
         * leader may be the one who sees it. */
        (void)spd_ring_wait(&port->ring, false, SPD_NS_PER_MS);
        spd_cport_reap(port);
    }
}

void spd_udp_pause_receives(struct spd_udp *udp)
{
    struct spd_cport *port = udp->port;

    if (port->single_owner && port->n_in_ring == 0 && udp->receives.armed &&
        !udp->sends.wait_writable && port->os_errno == 0) {
        end_in_kernel(udp);
    }
}

void spd_udp_close(struct spd_udp *udp)
{
    if (udp == NULL) {
        return;
    }
    struct spd_cport *port = udp->port;

    spd_cport_hold(port);
    /* Closing a descriptor does not end what the kernel does with it: it would
     * go on receiving, and keep the local port. */
    spd_udp_stamps_disarm(udp);
    spd_cport_rewind(port);
    end_in_kernel(udp);
    (void)spd_udp_cancel_all(udp);
    unlink_udp(udp);
    free_udp(udp);
    if (!port->single_owner) {
        spd_shared_wake(port);
    }
    spd_cport_release(port);
}
