/*
 * Receives. One receive in the kernel serves all queued operations: it fills
 * buffers of the socket, and a datagram is copied from there to the oldest
 * queued operation. Many receives in the kernel would all wake for each
 * datagram. Where multishot receive is missing, the kernel tells when there is
 * something and recvmmsg fetches it into the same buffers.
 *
 * Datagrams without a queued receive stay in the buffers, then in the socket:
 * nothing is lost in user space. Runs held; never allocates, locks or formats.
 */
#include "posix/udp_private.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "posix/oserr.h"

void spd_udp_want_receivers(struct spd_udp *udp)
{
    if (!udp->in_receivers) {
        udp->in_receivers = true;
        udp->next_receiver = udp->port->receivers;
        udp->port->receivers = udp;
    }
}

enum spd_err spd_udp_queue_receive(struct spd_udp *udp, struct spd_op *op, void *buffer,
                                   size_t capacity, struct spd_udp_meta *meta)
{
    struct spd_udp_receives *receives = &udp->receives;
    struct spd_op_system *system = spd_op_system(op);
    enum spd_err err = SPD_ERR_OK;

    spd_cport_hold(udp->port);
    if (atomic_load_explicit(&udp->port->closed, memory_order_acquire)) {
        err = SPD_ERR_CLOSED;
    } else if (op->in_flight != 0) {
        err = SPD_ERR_INVALID;
    } else if (receives->queued.n >= receives->max_queued) {
        err = SPD_ERR_FULL;
    } else {
        system->udp = udp;
        system->key = udp->key;
        system->data = buffer;
        system->meta = meta;
        system->n_bytes = capacity < UINT32_MAX ? (uint32_t)capacity : UINT32_MAX;
        system->has_handed_over_at = false;
        op->in_flight = 1;
        spd_op_list_push(&receives->queued, op);
        /* Armed, and nothing kept: the next datagram finds this one by itself. */
        if (!receives->armed || receives->n_kept > 0 || receives->pending_errno != 0) {
            spd_udp_want_receivers(udp);
        }
    }
    spd_cport_release(udp->port);
    return err;
}

/* A datagram in a buffer completes the oldest receive. */
static void deliver(struct spd_udp *udp, struct spd_op *op, unsigned index)
{
    const struct spd_udp_receives *receives = &udp->receives;
    const unsigned char *buffer = spd_udp_buffer_at(receives, index);
    const struct io_uring_recvmsg_out *head = (const void *)buffer;
    const unsigned char *name = buffer + sizeof *head;
    struct spd_op_system *system = spd_op_system(op);
    uint32_t capacity = system->n_bytes;
    uint32_t n = head->payloadlen;
    bool truncated = (head->flags & MSG_TRUNC) != 0 || n > receives->payload_bytes;

    if (n > receives->payload_bytes) {
        n = (uint32_t)receives->payload_bytes;
    }
    if (n > capacity) {
        n = capacity;
        truncated = true;
    }
    if (n > 0) {
        memcpy(system->data, buffer + receives->payload_offset, n);
    }
    if (system->meta != NULL) {
        uint32_t n_control =
            head->controllen < receives->control_bytes ? head->controllen : receives->control_bytes;

        spd_udp_meta_read(udp, system->meta, (const struct sockaddr_storage *)(const void *)name,
                          name + receives->name_bytes, n_control);
        system->meta->truncated = truncated;
    }
    spd_cport_complete(udp->port, op, truncated ? SPD_ERR_TRUNCATED : SPD_ERR_OK, 0, n);
}

static void keep(struct spd_udp_receives *receives, unsigned index)
{
    /* There are as many places as buffers. */
    receives->kept[(receives->first_kept + receives->n_kept) % receives->n_buffers] =
        (uint16_t)index;
    receives->n_kept++;
}

/* A datagram came into a buffer that was free until now. */
static void arrived(struct spd_udp *udp, unsigned index)
{
    struct spd_udp_receives *receives = &udp->receives;
    struct spd_op *op = receives->n_kept == 0 ? spd_op_list_pop(&receives->queued) : NULL;

    if (op != NULL) {
        /* The next in the queue was last touched long ago. */
        __builtin_prefetch(receives->queued.head);
        deliver(udp, op, index);
        spd_udp_buffers_give_back(receives, index);
    } else {
        keep(receives, index);
    }
}

/* An error for this socket: it completes one receive. */
void spd_udp_receives_failed(struct spd_udp *udp, int os_errno)
{
    udp->receives.pending_errno = os_errno;
    spd_udp_want_receivers(udp);
}

/* Called by reap: the multishot receive has a datagram, an error, or ended. */
void spd_udp_receives_completed(struct spd_udp *udp, int result, unsigned flags)
{
    struct spd_udp_receives *receives = &udp->receives;

    if (result >= 0 && (flags & IORING_CQE_F_BUFFER) != 0) {
        receives->n_free--;
        arrived(udp, flags >> IORING_CQE_BUFFER_SHIFT);
    } else if (result < 0 && result != -ENOBUFS && result != -ECANCELED && result != -EINTR) {
        spd_udp_receives_failed(udp, -result);
    }
    if ((flags & IORING_CQE_F_MORE) == 0) {
        receives->armed = false;
        spd_udp_want_receivers(udp);
    }
}

/* ---------------------------------------------------------------- fall-back */

static void prepare_messages(struct spd_udp_receives *receives, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        unsigned char *buffer =
            spd_udp_buffer_at(receives, receives->free_buffers[receives->n_free - 1 - i]);
        unsigned char *name = buffer + sizeof(struct io_uring_recvmsg_out);

        receives->vectors[i].iov_base = buffer + receives->payload_offset;
        receives->vectors[i].iov_len = receives->payload_bytes;
        receives->messages[i].msg_hdr = (struct msghdr){
            .msg_name = name,
            .msg_namelen = receives->name_bytes,
            .msg_iov = &receives->vectors[i],
            .msg_iovlen = 1,
            .msg_control = receives->control_bytes > 0 ? name + receives->name_bytes : NULL,
            .msg_controllen = receives->control_bytes,
        };
    }
}

/* Fetch one batch. Returns how many datagrams came, or a negated errno. */
static int read_batch(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;
    uint16_t taken[SPD_UDP_N_READ];
    unsigned n = receives->n_free < SPD_UDP_N_READ ? receives->n_free : SPD_UDP_N_READ;

    prepare_messages(receives, n);
    int n_read = recvmmsg(udp->fd, receives->messages, n, MSG_DONTWAIT, NULL);

    if (n_read < 0) {
        return -errno;
    }
    for (int i = 0; i < n_read; i++) {
        const struct msghdr *message = &receives->messages[i].msg_hdr;
        uint16_t index = receives->free_buffers[receives->n_free - 1 - (unsigned)i];
        struct io_uring_recvmsg_out *head = (void *)spd_udp_buffer_at(receives, index);

        head->namelen = message->msg_namelen;
        head->controllen = (uint32_t)message->msg_controllen;
        head->payloadlen = receives->messages[i].msg_len;
        head->flags = (uint32_t)message->msg_flags;
        taken[i] = index;
    }
    /* Off the stack before delivery puts buffers back on it. */
    receives->n_free -= (unsigned)n_read;
    for (int i = 0; i < n_read; i++) {
        arrived(udp, taken[i]);
    }
    return n_read;
}

/* Called by reap: recvmmsg would get something, be it an error. */
void spd_udp_receives_readable(struct spd_udp *udp, int result)
{
    int n = SPD_UDP_N_READ;

    udp->receives.armed = false;
    spd_udp_want_receivers(udp);
    if (result < 0) {
        return; /* cancelled, or the thread that asked has ended: ask again */
    }
    if ((result & POLLERR) != 0) {
        /* Unread stamps and ICMP errors would end every such wait at once. */
        spd_udp_errors_drain(udp, NULL, NULL);
    }
    while (n == SPD_UDP_N_READ && udp->receives.n_free > 0) {
        n = read_batch(udp);
    }
    if (n < 0 && n != -EAGAIN && n != -EINTR) {
        spd_udp_receives_failed(udp, -n);
    }
}

/* ------------------------------------------------------------------ attend */

static void arm(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;
    struct io_uring_sqe *sqe = spd_cport_sqe(udp->port);

    if (sqe == NULL) {
        return; /* the ring failed */
    }
    if (receives->multishot) {
        io_uring_prep_recvmsg_multishot(sqe, udp->ring_fd, &receives->shape, 0);
        sqe->flags = udp->sqe_flags | IOSQE_BUFFER_SELECT;
        sqe->buf_group = receives->group;
        sqe->user_data = spd_tagged(udp, SPD_TAG_RECEIVE);
    } else {
        io_uring_prep_poll_add(sqe, udp->ring_fd, POLLIN);
        sqe->flags = udp->sqe_flags;
        sqe->user_data = spd_tagged(udp, SPD_TAG_READABLE);
    }
    receives->armed = true;
}

void spd_udp_receives_attend(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;

    while (receives->n_kept > 0 && receives->queued.head != NULL) {
        unsigned index = receives->kept[receives->first_kept];

        receives->first_kept = (receives->first_kept + 1) % receives->n_buffers;
        receives->n_kept--;
        deliver(udp, spd_op_list_pop(&receives->queued), index);
        spd_udp_buffers_give_back(receives, index);
    }
    if (receives->pending_errno != 0 && receives->queued.head != NULL) {
        spd_cport_complete(udp->port, spd_op_list_pop(&receives->queued),
                           spd_oserr_map(receives->pending_errno), receives->pending_errno, 0);
        receives->pending_errno = 0;
    }
    if (!receives->armed && receives->queued.head != NULL && receives->n_free > 0) {
        arm(udp);
    }
}
