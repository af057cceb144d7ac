/*
 * Kernel send stamps: when a packet enters the queueing discipline (SCHED) and
 * when the driver takes it (SND). Runs held, in the thread that measures;
 * begin and collect never allocate, lock or format.
 *
 * The kernel numbers packets from 0 after OPT_ID was set, also those that it
 * then drops locally; the contract leaves those out. Stamps are read through a
 * ring of their own (a third of the cost), else from the error queue.
 */
#include "posix/udp_private.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    STASH_PER_SEND = 4,
    N_CANCEL_WAITS = 1000,
};

enum { RECEIVE_FLAGS = SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE };
enum {
    SEND_FLAGS = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_TX_SCHED |
                 SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_OPT_TSONLY
};

static bool set_flags(const struct spd_udp *udp, int flags)
{
    if (udp->want_receive_stamps) {
        flags |= RECEIVE_FLAGS;
    }
    return setsockopt(udp->fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

/* Without send stamps a third of the control data does. */
static bool set_receive_stamps(const struct spd_udp *udp)
{
    int on = 1;

    return setsockopt(udp->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) == 0;
}

enum spd_err spd_udp_stamps_init(struct spd_udp *udp)
{
    struct spd_udp_stamps *stamps = &udp->stamps;
    struct spd_udp_facts *facts = &udp->facts;

    facts->send_stamp_path = "none";
    facts->receive_stamp = SPD_STAMP_NONE;
    if (!stamps->wanted && !udp->want_receive_stamps) {
        return SPD_ERR_OK;
    }
    if (stamps->wanted && !set_flags(udp, SEND_FLAGS | SOF_TIMESTAMPING_OPT_ID)) {
        stamps->wanted = false;
    }
    if (stamps->wanted) {
        facts->send_stamps = 1u << SPD_STAMP_KERNEL | 1u << SPD_STAMP_KERNEL_SCHED;
        stamps->through_ring = udp->port->has_stamp_ring;
        facts->send_stamp_path = stamps->through_ring ? "io_uring" : "error queue";
        stamps->max_failed = udp->port->max_queued_sends;
        stamps->max_stash = (size_t)STASH_PER_SEND * udp->port->max_queued_sends;
        stamps->failed_ids = calloc(stamps->max_failed, sizeof stamps->failed_ids[0]);
        stamps->stash = calloc(stamps->max_stash, sizeof stamps->stash[0]);
        if (stamps->failed_ids == NULL || stamps->stash == NULL) {
            return SPD_ERR_NOMEM;
        }
    }
    if (udp->want_receive_stamps && (stamps->wanted || set_receive_stamps(udp))) {
        facts->receive_stamp = SPD_STAMP_KERNEL;
    }
    return SPD_ERR_OK;
}

void spd_udp_stamps_free(struct spd_udp *udp)
{
    free(udp->stamps.failed_ids);
    free(udp->stamps.stash);
}

/* ------------------------------------------------------------------ collect */

/* Where collect puts what it finds. */
struct collection {
    const struct spd_udp_stamps *stamps;
    int64_t *sched_ns;
    int64_t *sent_ns;
    size_t n;
    size_t n_fetched;
};

/* How many of the failed come before id. */
static uint32_t n_failed_before(const struct spd_udp_stamps *stamps, uint32_t number)
{
    size_t low = 0;
    size_t high = stamps->n_failed;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (stamps->failed_ids[middle] - stamps->first_id < number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (uint32_t)low;
}

static bool has_failed(const struct spd_udp_stamps *stamps, uint32_t id, uint32_t n_before)
{
    return n_before < stamps->n_failed && stamps->failed_ids[n_before] == id;
}

static void put_stamp(void *context, const struct spd_udp_stamp *stamp)
{
    struct collection *collection = context;
    const struct spd_udp_stamps *stamps = collection->stamps;
    /* Numbers wrap at 2^32. One from before begin becomes a huge one here. */
    uint32_t number = stamp->id - stamps->first_id;

    if (stamps->n_failed > 0) {
        uint32_t n_before = n_failed_before(stamps, number);

        /* What left the host only to the local queue was not sent. */
        if (has_failed(stamps, stamp->id, n_before) ||
            (stamps->lost_count && n_before == stamps->n_failed)) {
            return;
        }
        number -= n_before;
    }
    if (number >= collection->n) {
        return;
    }
    if (stamp->is_sched) {
        collection->sched_ns[number] = stamp->at_ns;
    } else {
        collection->sent_ns[number] = stamp->at_ns;
    }
    collection->n_fetched++;
}

void spd_udp_stamps_stash(struct spd_udp *udp, const struct spd_udp_stamp *stamp)
{
    if (udp->stamps.n_stash < udp->stamps.max_stash) {
        udp->stamps.stash[udp->stamps.n_stash++] = *stamp;
    }
}

/* A stamp from the ring, for this collection or kept for another socket. */
static void take_completion(const struct io_uring_cqe *cqe, struct collection *collection)
{
    struct spd_udp *udp = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)SPD_TAG_MASK);
    uint64_t at[2];

    if ((cqe->user_data & SPD_TAG_MASK) != SPD_TAG_STAMP) {
        return;
    }
    if ((cqe->flags & IORING_CQE_F_MORE) == 0) {
        udp->stamps.armed = false;
        if (cqe->res == -EOPNOTSUPP || cqe->res == -EINVAL) {
            udp->stamps.through_ring = false;
            udp->facts.send_stamp_path = "error queue";
        }
        return;
    }
    memcpy(at, cqe + 1, sizeof at); /* seconds, nanoseconds: struct io_timespec */
    const struct spd_udp_stamp stamp = {
        .id = (uint32_t)cqe->res,
        .is_sched = (cqe->flags >> SPD_RING_TSTAMP_TYPE_SHIFT) == SCM_TSTAMP_SCHED,
        .at_ns = (int64_t)(at[0] * (uint64_t)SPD_NS_PER_S + at[1]),
    };

    if (collection != NULL && collection->stamps == &udp->stamps) {
        put_stamp(collection, &stamp);
    } else {
        spd_udp_stamps_stash(udp, &stamp);
    }
}

/* Takes in what the stamp ring has; returns how many places were taken. */
static unsigned reap_stamps(struct spd_cport *port, struct collection *collection)
{
    struct io_uring_cq *cq = &port->stamp_ring.uring.cq;
    unsigned head = *cq->khead;
    unsigned tail = __atomic_load_n(cq->ktail, __ATOMIC_ACQUIRE);
    unsigned n = tail - head;

    for (; head != tail; head++) {
        /* A completion of this ring has 32 bytes: two places of the array. */
        take_completion(&cq->cqes[(size_t)(head & cq->ring_mask) * 2], collection);
    }
    __atomic_store_n(cq->khead, head, __ATOMIC_RELEASE);
    return n;
}

static void arm(struct spd_udp *udp)
{
    struct io_uring_sqe *sqe = spd_ring_sqe(&udp->port->stamp_ring);

    if (sqe == NULL) {
        return;
    }
    io_uring_prep_rw(IORING_OP_URING_CMD, sqe, udp->fd, NULL, 0, 0);
    sqe->cmd_op = SPD_RING_SOCKET_TX_TIMESTAMP;
    sqe->user_data = spd_tagged(udp, SPD_TAG_STAMP);
    udp->stamps.armed = spd_ring_submit(&udp->port->stamp_ring, true) == 0;
}

/* Ends the command in the kernel; what it still had goes to the collection. */
static void disarm(struct spd_udp *udp, struct collection *collection)
{
    struct spd_cport *port = udp->port;

    if (!udp->stamps.armed) {
        return;
    }
    struct io_uring_sqe *sqe = spd_ring_sqe(&port->stamp_ring);

    if (sqe == NULL) {
        return;
    }
    io_uring_prep_cancel64(sqe, spd_tagged(udp, SPD_TAG_STAMP), 0);
    sqe->user_data = spd_tagged(udp, SPD_TAG_NOTHING);
    if (spd_ring_submit(&port->stamp_ring, true) != 0) {
        return;
    }
    for (int i = 0; i < N_CANCEL_WAITS; i++) {
        (void)reap_stamps(port, collection);
        if (!udp->stamps.armed) {
            return;
        }
        /* On a shared port it ends in the thread that armed it. */
        (void)spd_ring_wait(&port->stamp_ring, false, SPD_NS_PER_MS);
    }
}

void spd_udp_stamps_disarm(struct spd_udp *udp)
{
    disarm(udp, NULL);
}

static void collect_through_ring(struct spd_udp *udp, struct collection *collection)
{
    struct spd_ring *ring = &udp->port->stamp_ring;

    if (!udp->stamps.armed) {
        arm(udp);
    } else if (spd_ring_has_hidden(ring)) {
        (void)spd_ring_submit(ring, true);
    }
    /* A ring filled to the brim left stamps in the socket that only a new
     * command reads: the old one wakes for new ones alone. */
    while (reap_stamps(udp->port, collection) >= ring->uring.cq.ring_entries) {
        disarm(udp, collection);
        arm(udp);
    }
}

size_t spd_udp_stamps_collect(struct spd_udp *udp, int64_t *sched_ns, int64_t *sent_ns, size_t n)
{
    struct spd_udp_stamps *stamps = &udp->stamps;
    struct collection collection = { stamps, sched_ns, sent_ns, n, 0 };

    if (!stamps->wanted) {
        return 0;
    }
    spd_cport_hold(udp->port);
    if (stamps->through_ring) {
        collect_through_ring(udp, &collection);
    }
    if (!stamps->through_ring) { /* also when the kernel has just refused */
        spd_udp_errors_drain(udp, put_stamp, &collection);
    }
    for (size_t i = 0; i < stamps->n_stash; i++) {
        put_stamp(&collection, &stamps->stash[i]);
    }
    stamps->n_stash = 0;
    spd_cport_release(udp->port);
    return collection.n_fetched;
}

/* -------------------------------------------------------------------- begin */

static void discard(void *context, const struct spd_udp_stamp *stamp)
{
    (void)context;
    (void)stamp;
}

void spd_udp_stamps_begin(struct spd_udp *udp)
{
    struct spd_udp_stamps *stamps = &udp->stamps;
    int in_use = 1;

    if (!stamps->wanted) {
        return;
    }
    spd_cport_hold(udp->port);
    /* Each stamp of the coming burst would wake an armed command, and an armed
     * receive: up to a quarter more per packet. */
    disarm(udp, NULL);
    spd_udp_pause_receives(udp);
    spd_udp_errors_drain(udp, discard, NULL);
    stamps->n_stash = 0;
    stamps->n_failed = 0;
    stamps->lost_count = false;
    /* A packet that is still on its way out would bring a stamp with an old
     * number later; only when there is none may the kernel count from 0. Else
     * the count goes on, and ours with it. */
    if (ioctl(udp->fd, SIOCOUTQ, &in_use) == 0 && in_use == 0 && set_flags(udp, SEND_FLAGS) &&
        set_flags(udp, SEND_FLAGS | SOF_TIMESTAMPING_OPT_ID)) {
        stamps->next_id = 0;
    }
    stamps->first_id = stamps->next_id;
    spd_cport_release(udp->port);
}
