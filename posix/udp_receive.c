/*
 * Receives. One receive in the kernel serves all queued operations: it fills
 * buffers of the socket, and a datagram is copied from there to the oldest
 * queued operation. Many receives in the kernel would all wake for each
 * datagram. Where multishot receive is missing, the kernel tells when there is
 * something and recvmmsg fetches it into the same buffers.
 *
 * Datagrams without a queued receive stay in the buffers, then in the socket:
 * nothing is lost in user space. Runs held; after spd_udp_receives_init nothing
 * allocates.
 */
#include "posix/udp_private.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>

#include "posix/oserr.h"

enum {
    MAX_BUFFERS = 32, /* one pass of the kernel, and they stay in the cache */
    MIN_BUFFERS = 16,
    MAX_POOL_BYTES = 4 << 20,
    DEFAULT_DATAGRAM_BYTES = 2048,
    DEFAULT_RECEIVES = 4096,
    CACHE_LINE = 64,
    NAME_BYTES_V4 = 16, /* sockaddr_in */
    NAME_BYTES_V6 = 32, /* sockaddr_in6, so that control data is aligned */
};

_Static_assert(sizeof(struct sockaddr_in) <= NAME_BYTES_V4, "room for the name");
_Static_assert(sizeof(struct sockaddr_in6) <= NAME_BYTES_V6, "room for the name");
_Static_assert(sizeof(struct io_uring_recvmsg_out) == 16, "head of a multishot buffer");

/* A buffer holds, in both ways of receiving: io_uring_recvmsg_out, the name,
 * control data, payload. */
static unsigned char *buffer_at(const struct spd_udp_receives *receives, unsigned index)
{
    return receives->buffers + (size_t)index * receives->buffer_bytes;
}

static unsigned control_bytes(const struct spd_udp *udp)
{
    size_t n = 0;

    if (udp->stamps.wanted) {
        n += CMSG_SPACE(sizeof(struct scm_timestamping));
    } else if (udp->want_receive_stamps) {
        n += CMSG_SPACE(sizeof(struct timespec));
    }
    if (udp->want_receive_details) {
        /* TTL, class and destination; of IPv4 and IPv6 the larger. */
        n += 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo));
    }
    return (unsigned)n;
}

/* ------------------------------------------------------------------ set-up */

static bool register_buffers(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;
    size_t n_bytes = receives->n_buffers * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg reg;
    void *memory;

    memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                  -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    memset(&reg, 0, sizeof reg);
    reg.ring_addr = (uint64_t)(uintptr_t)memory;
    reg.ring_entries = receives->n_buffers;
    reg.bgid = udp->port->next_buffer_group;
    if (io_uring_register_buf_ring(&udp->port->ring.uring, &reg, 0) != 0) {
        (void)munmap(memory, n_bytes);
        return false;
    }
    receives->group = udp->port->next_buffer_group++;
    receives->kernel_buffers = memory;
    io_uring_buf_ring_init(receives->kernel_buffers);
    return true;
}

static bool allocate_fallback(struct spd_udp_receives *receives)
{
    receives->free_buffers = calloc(receives->n_buffers, sizeof receives->free_buffers[0]);
    receives->messages = calloc(SPD_UDP_N_READ, sizeof receives->messages[0]);
    receives->vectors = calloc(SPD_UDP_N_READ, sizeof receives->vectors[0]);
    return receives->free_buffers != NULL && receives->messages != NULL &&
           receives->vectors != NULL;
}

static void give_back(struct spd_udp_receives *receives, unsigned index)
{
    if (receives->kernel_buffers != NULL) {
        io_uring_buf_ring_add(receives->kernel_buffers, buffer_at(receives, index),
                              (unsigned)receives->buffer_bytes, (unsigned short)index,
                              io_uring_buf_ring_mask(receives->n_buffers), 0);
        io_uring_buf_ring_advance(receives->kernel_buffers, 1);
    } else {
        receives->free_buffers[receives->n_free] = (uint16_t)index;
    }
    receives->n_free++;
}

static void choose_sizes(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;
    size_t payload =
        udp->max_datagram_bytes != 0 ? udp->max_datagram_bytes : DEFAULT_DATAGRAM_BYTES;

    receives->max_queued =
        udp->max_queued_receives != 0 ? udp->max_queued_receives : DEFAULT_RECEIVES;
    if (payload > SPD_UDP_MAX_PAYLOAD) {
        payload = SPD_UDP_MAX_PAYLOAD;
    }
    receives->name_bytes = udp->family == SPD_FAMILY_IPV6 ? NAME_BYTES_V6 : NAME_BYTES_V4;
    receives->control_bytes = control_bytes(udp);
    receives->payload_offset =
        sizeof(struct io_uring_recvmsg_out) + receives->name_bytes + receives->control_bytes;
    receives->buffer_bytes =
        (receives->payload_offset + payload + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    receives->payload_bytes = payload;
    receives->n_buffers = MIN_BUFFERS;
    while (receives->n_buffers < receives->max_queued && receives->n_buffers < MAX_BUFFERS &&
           2 * receives->n_buffers * receives->buffer_bytes <= MAX_POOL_BYTES) {
        receives->n_buffers *= 2;
    }
}

enum spd_err spd_udp_receives_init(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;

    choose_sizes(udp);
    receives->buffers =
        mmap(NULL, receives->n_buffers * receives->buffer_bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (receives->buffers == MAP_FAILED) {
        receives->buffers = NULL;
        return SPD_ERR_NOMEM;
    }
    receives->kept = calloc(receives->n_buffers, sizeof receives->kept[0]);
    if (receives->kept == NULL) {
        return SPD_ERR_NOMEM;
    }
    if ((udp->port->facts.features & SPD_CPORT_MULTISHOT) != 0 && register_buffers(udp)) {
        receives->multishot = true;
        receives->shape.msg_namelen = receives->name_bytes;
        receives->shape.msg_controllen = receives->control_bytes;
    } else if (!allocate_fallback(receives)) {
        return SPD_ERR_NOMEM;
    }
    for (unsigned i = 0; i < receives->n_buffers; i++) {
        give_back(receives, i);
    }
    return SPD_ERR_OK;
}

void spd_udp_receives_free(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;

    if (receives->kernel_buffers != NULL) {
        (void)io_uring_unregister_buf_ring(&udp->port->ring.uring, receives->group);
        (void)munmap(receives->kernel_buffers, receives->n_buffers * sizeof(struct io_uring_buf));
    }
    if (receives->buffers != NULL) {
        (void)munmap(receives->buffers, receives->n_buffers * receives->buffer_bytes);
    }
    free(receives->kept);
    free(receives->free_buffers);
    free(receives->messages);
    free(receives->vectors);
}

/* ------------------------------------------------------------------- queue */

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

/* ------------------------------------------------------------------- match */

/* A datagram in a buffer completes the oldest receive. */
static void deliver(struct spd_udp *udp, struct spd_op *op, unsigned index)
{
    const struct spd_udp_receives *receives = &udp->receives;
    const unsigned char *buffer = buffer_at(receives, index);
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
        give_back(receives, index);
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
            buffer_at(receives, receives->free_buffers[receives->n_free - 1 - i]);
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
        struct io_uring_recvmsg_out *head = (void *)buffer_at(receives, index);

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
        give_back(receives, index);
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
