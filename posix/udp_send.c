/*
 * Sends. They leave in the order in which they were queued, whatever happens.
 * Runs held, in the time-critical thread too; never allocates, locks or
 * formats.
 *
 * A send goes through the ring with MSG_DONTWAIT: it is done when the call that
 * hands it over returns, and posts a completion only if it failed. The kernel
 * tries later sends also when an earlier one found the send buffer full, so
 * only those go to the ring that surely fit; the others wait in the backlog.
 * When they cannot be sure of room, they are sent one by one up to the first
 * that does not fit, and then the kernel is asked to say when there is room.
 */
#include "posix/udp_private.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>

#include "common/sys/clock.h"
#include "posix/oserr.h"

enum {
    SKB_BYTES = 256,          /* struct sk_buff */
    SKB_OVERHEAD_BYTES = 512, /* headers, headroom and skb_shared_info, at most */
    SKB_MIN_BYTES = 1024,     /* smallest allocation for the data, rounded up */
    FRAGMENT_BYTES = 1224,    /* payload of one fragment at the IPv6 minimum MTU */
    COST_MARGIN = 2,          /* a wrong estimate would leave a hole in a burst */
    MIN_CHUNK = 8,            /* fewer are not worth a round through the ring */
};

size_t spd_udp_buffer_cost(size_t n_bytes)
{
    size_t data = SKB_MIN_BYTES;

    /* linux-datapath: 832 bytes up to 64 of payload, 1280 from 256 to 512, 2304
     * from 1000 to 1472: the next power of two and the sk_buff. */
    while (data < n_bytes + SKB_OVERHEAD_BYTES) {
        data *= 2;
    }
    size_t whole = SKB_BYTES + data;
    size_t cut = (n_bytes / FRAGMENT_BYTES + 1) * (SKB_BYTES + 2 * SKB_MIN_BYTES);

    return n_bytes > 1472 && cut > whole ? cut : whole;
}

/* The two sizes of nearly all packets without a loop. */
static uint32_t sure_cost(size_t n_bytes)
{
    return COST_MARGIN * (n_bytes <= 512    ? 1280u
                          : n_bytes <= 1472 ? 2304u
                                            : (uint32_t)spd_udp_buffer_cost(n_bytes));
}

void spd_udp_want_senders(struct spd_udp *udp)
{
    if (!udp->in_senders) {
        udp->in_senders = true;
        udp->next_sender = udp->port->senders;
        udp->port->senders = udp;
    }
}

/* Ask the kernel how much of the send buffer is in use. */
static void measure(struct spd_udp *udp)
{
    int in_use = 0;

    /* SIOCOUTQ of UDP counts what is charged to the buffer, not payload. */
    if (ioctl(udp->fd, SIOCOUTQ, &in_use) == 0) {
        udp->sends.charged_bytes = (uint64_t)in_use + udp->sends.in_ring_bytes;
    }
    udp->sends.measured = true;
}

static bool surely_fits(struct spd_udp *udp, uint32_t cost)
{
    struct spd_udp_sends *sends = &udp->sends;

    if (sends->charged_bytes + cost > sends->limit_bytes && !sends->measured) {
        measure(udp);
    }
    return sends->charged_bytes + cost <= sends->limit_bytes;
}

/* Write one send to the ring. False when the ring has no room. */
static bool write_to_ring(struct spd_udp *udp, struct spd_op *op)
{
    struct spd_op_system *system = spd_op_system(op);
    struct io_uring_sqe *sqe = spd_ring_sqe(&udp->port->ring);

    if (sqe == NULL) {
        return false;
    }
    if (system->form == SPD_SEND_MESSAGE) {
        io_uring_prep_sendmsg(sqe, udp->ring_fd, &system->message.header, MSG_DONTWAIT);
    } else {
        io_uring_prep_send(sqe, udp->ring_fd, system->data, system->n_bytes, MSG_DONTWAIT);
        if (system->form == SPD_SEND_TO) {
            io_uring_prep_send_set_addr(sqe, (struct sockaddr *)&system->message.to,
                                        (uint16_t)system->message.to_bytes);
        }
    }
    sqe->flags = udp->sqe_flags | IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = spd_tagged(op, SPD_TAG_SEND);
    udp->sends.charged_bytes += system->cost_bytes;
    udp->sends.in_ring_bytes += system->cost_bytes;
    udp->port->n_in_ring++;
    return true;
}

/* ------------------------------------------------------------------- queue */

static void put_control(struct msghdr *header, unsigned char **at, int level, int type,
                        const void *data, size_t n_data)
{
    struct cmsghdr *control = (struct cmsghdr *)(void *)*at;

    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(n_data);
    memcpy(CMSG_DATA(control), data, n_data);
    *at += CMSG_SPACE(n_data);
    header->msg_controllen += CMSG_SPACE(n_data);
}

static void put_source(struct msghdr *header, unsigned char **at, const struct spd_addr *from,
                       const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        struct in_pktinfo info = { .ipi_ifindex = 0 };

        memcpy(&info.ipi_spec_dst, from->bytes, 4);
        put_control(header, at, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        struct in6_pktinfo info = { .ipi6_ifindex = from->scope_id };

        memcpy(&info.ipi6_addr, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
               sizeof info.ipi6_addr);
        put_control(header, at, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

/* Destination, source and class of one send into the operation. */
static enum spd_err build_message(struct spd_udp *udp, struct spd_op_system *system,
                                  const struct spd_udp_send_options *options)
{
    struct spd_send_message *message = &system->message;
    struct msghdr *header = &message->header;
    struct sockaddr_storage address;
    bool v4 = udp->family == SPD_FAMILY_IPV4 || udp->remote_is_v4;

    message->to_bytes = 0;
    if (options->to != NULL) {
        socklen_t n = spd_udp_sockaddr(udp, options->to, &address);

        if (n == 0 || n > sizeof message->to) {
            return SPD_ERR_INVALID;
        }
        memcpy(&message->to, &address, n);
        message->to_bytes = n;
        v4 = options->to->family == SPD_FAMILY_IPV4;
    } else if (!udp->connected) {
        return SPD_ERR_INVALID;
    }
    system->form = SPD_SEND_TO;
    if (options->from == NULL && (options->tclass < 0 || options->tclass == udp->tclass) &&
        udp->port->ring.has_send_to) {
        return SPD_ERR_OK;
    }
    unsigned char *at = message->control;

    memset(header, 0, sizeof *header);
    header->msg_name = message->to_bytes > 0 ? &message->to : NULL;
    header->msg_namelen = message->to_bytes;
    if (options->from != NULL) {
        if (spd_udp_sockaddr(udp, options->from, &address) == 0) {
            return SPD_ERR_INVALID;
        }
        put_source(header, &at, options->from, &address);
    }
    if (options->tclass >= 0 && options->tclass != udp->tclass) {
        int value = options->tclass & 0xff;

        put_control(header, &at, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, &value,
                    sizeof value);
    }
    if (header->msg_controllen > 0) {
        header->msg_control = message->control;
    }
    message->data.iov_base = system->data;
    message->data.iov_len = system->n_bytes;
    header->msg_iov = &message->data;
    header->msg_iovlen = 1;
    system->form = SPD_SEND_MESSAGE;
    return SPD_ERR_OK;
}

static bool is_plain(const struct spd_udp *udp, const struct spd_udp_send_options *options)
{
    return udp->connected &&
           (options == NULL || (options->to == NULL && options->from == NULL &&
                                (options->tclass < 0 || options->tclass == udp->tclass)));
}

static enum spd_err queue_send(struct spd_udp *udp, struct spd_op *op, const void *data,
                               size_t n_bytes, const struct spd_udp_send_options *options)
{
    static const struct spd_udp_send_options none = { .tclass = -1 };
    struct spd_cport *port = udp->port;
    struct spd_op_system *system = spd_op_system(op);

    if (atomic_load_explicit(&port->closed, memory_order_acquire)) {
        return SPD_ERR_CLOSED;
    }
    if (n_bytes > SPD_UDP_MAX_PAYLOAD) {
        return SPD_ERR_TOO_BIG;
    }
    if (op->in_flight != 0) {
        return SPD_ERR_INVALID;
    }
    if (port->n_uncommitted >= port->max_queued_sends) {
        return SPD_ERR_FULL;
    }
    system->data = (void *)(uintptr_t)data;
    system->n_bytes = (uint32_t)n_bytes;
    system->form = SPD_SEND_PLAIN;
    if (!is_plain(udp, options)) {
        enum spd_err err = build_message(udp, system, options != NULL ? options : &none);

        if (err != SPD_ERR_OK) {
            return err;
        }
    }
    /* The completion as it will be unless the kernel says otherwise. */
    system->udp = udp;
    system->key = udp->key;
    system->err = SPD_ERR_OK;
    system->os_code = 0;
    system->has_handed_over_at = false;
    system->cost_bytes = sure_cost(n_bytes);
    op->in_flight = 1;
    port->n_uncommitted++;
    spd_udp_want_senders(udp);
    if (udp->sends.backlog.head == NULL && !udp->sends.by_counter &&
        surely_fits(udp, system->cost_bytes) && write_to_ring(udp, op)) {
        spd_op_list_push(&udp->sends.in_ring, op);
    } else {
        spd_op_list_push(&udp->sends.backlog, op);
    }
    return SPD_ERR_OK;
}

enum spd_err spd_udp_queue_send(struct spd_udp *udp, struct spd_op *op, const void *data,
                                size_t n_bytes, const struct spd_udp_send_options *options)
{
    spd_cport_hold(udp->port);
    enum spd_err err = queue_send(udp, op, data, n_bytes, options);

    spd_cport_release(udp->port);
    return err;
}

/* ------------------------------------------------------------------ finish */

/* An error that an earlier packet brought back, which the kernel hands to the
 * next call on the socket. It says nothing of the packet of that call. */
static bool is_returned_error(int os_errno)
{
    return os_errno == ECONNREFUSED || os_errno == EHOSTUNREACH || os_errno == ENETUNREACH ||
           os_errno == ENOPROTOOPT || os_errno == EHOSTDOWN || os_errno == EPROTO ||
           os_errno == EMSGSIZE;
}

/* Keeps our count of the kernel's numbers: these were numbered, then dropped. */
static void count_id(struct spd_udp *udp, int os_errno)
{
    struct spd_udp_stamps *stamps = &udp->stamps;

    if (os_errno == ENOBUFS || os_errno == EPERM) {
        if (stamps->n_failed < stamps->max_failed) {
            stamps->failed_ids[stamps->n_failed++] = stamps->next_id;
        } else {
            stamps->lost_count = true;
        }
    } else if (os_errno != 0) {
        return; /* refused before it got a number */
    }
    stamps->next_id++;
}

/* One send by a call of its own. Returns 0 or an errno. */
static int send_now(struct spd_udp *udp, struct spd_op *op)
{
    struct spd_op_system *system = spd_op_system(op);
    const struct spd_send_message *message = &system->message;
    ssize_t n;

    if (udp->sends.by_counter) {
        system->handed_over_at = spd_clock_now().ticks;
        system->has_handed_over_at = true;
    }
    switch ((enum spd_send_form)system->form) {
    case SPD_SEND_MESSAGE:
        n = sendmsg(udp->fd, &message->header, MSG_DONTWAIT);
        break;
    case SPD_SEND_TO:
        n = sendto(udp->fd, system->data, system->n_bytes, MSG_DONTWAIT,
                   (const struct sockaddr *)&message->to, message->to_bytes);
        break;
    default:
        n = send(udp->fd, system->data, system->n_bytes, MSG_DONTWAIT);
        break;
    }
    return n < 0 ? errno : 0;
}

/* The error belonged to an earlier packet: a receive gets it, and the packet
 * goes out after all. Only for a send that no other has overtaken. */
static int send_past_error(struct spd_udp *udp, struct spd_op *op, int os_errno)
{
    int again = send_now(udp, op);

    if (again != os_errno) {
        spd_udp_receives_failed(udp, os_errno);
    }
    return again;
}

static void complete_failed(struct spd_udp *udp, struct spd_op *op, int os_errno)
{
    spd_cport_complete(udp->port, op, spd_oserr_map(os_errno), os_errno, 0);
}

/* Some sends of the batch failed: sort them out in order. */
static void finish_one_by_one(struct spd_udp *udp)
{
    struct spd_cport *port = udp->port;
    struct spd_op_list batch = udp->sends.in_ring;
    struct spd_op_list again = { NULL, NULL, 0 };
    struct spd_op *op;

    udp->sends.in_ring = (struct spd_op_list){ NULL, NULL, 0 };
    while ((op = spd_op_list_pop(&batch)) != NULL) {
        struct spd_op_system *system = spd_op_system(op);
        int os_errno = port->os_errno != 0 ? port->os_errno : system->os_code;

        if (is_returned_error(os_errno)) {
            if (batch.head == NULL && again.head == NULL && udp->sends.backlog.head == NULL) {
                os_errno = send_past_error(udp, op, os_errno);
            } else if (os_errno == ECONNREFUSED) {
                /* Never an error of routing: it came back by ICMP. */
                spd_udp_receives_failed(udp, os_errno);
            }
        }
        count_id(udp, os_errno);
        if (os_errno == 0) {
            spd_op_list_push(&port->done, op);
        } else if (os_errno == EAGAIN && port->os_errno == 0) {
            system->os_code = 0;
            system->err = SPD_ERR_OK;
            spd_op_list_push(&again, op);
        } else {
            complete_failed(udp, op, os_errno);
        }
    }
    /* Back to the front of the backlog. */
    spd_op_list_splice(&again, &udp->sends.backlog);
    udp->sends.backlog = again;
}

/* Called by reap for each send that failed. */
void spd_udp_send_failed(struct spd_op *op, int os_errno)
{
    struct spd_op_system *system = spd_op_system(op);

    system->os_code = os_errno;
    system->udp->sends.n_failed++;
}

/* What was written to the ring has been handed over and is done. Returns false
 * when some of it found the send buffer full. */
static bool finish(struct spd_udp *udp, size_t *n_handed)
{
    struct spd_udp_sends *sends = &udp->sends;
    size_t n_backlog = sends->backlog.n;

    *n_handed += sends->in_ring.n;
    sends->in_ring_bytes = 0;
    sends->measured = false;
    if (sends->n_failed == 0 && udp->port->os_errno == 0) {
        udp->stamps.next_id += (uint32_t)sends->in_ring.n;
        spd_op_list_splice(&udp->port->done, &sends->in_ring);
        return true;
    }
    sends->n_failed = 0;
    finish_one_by_one(udp);
    *n_handed -= sends->backlog.n - n_backlog;
    return sends->backlog.n == n_backlog;
}

/* -------------------------------------------------------------------- flush */

static void wait_for_room(struct spd_udp *udp)
{
    struct io_uring_sqe *sqe = spd_cport_sqe(udp->port);

    if (sqe == NULL) {
        return;
    }
    io_uring_prep_poll_add(sqe, udp->ring_fd, POLLOUT);
    sqe->flags = udp->sqe_flags;
    sqe->user_data = spd_tagged(udp, SPD_TAG_WRITABLE);
    udp->sends.wait_writable = true;
    udp->port->n_wait_writable++;
    spd_cport_enter(udp->port, false);
}

/* Called by reap: there is room, or an error to be read. */
void spd_udp_sends_writable(struct spd_udp *udp, int result)
{
    udp->sends.wait_writable = false;
    udp->port->n_wait_writable--;
    if (result > 0 && (result & POLLERR) != 0) {
        /* Unread stamps and ICMP errors would end every such wait at once. */
        spd_udp_errors_drain(udp, NULL, NULL);
    }
    if (udp->sends.backlog.head != NULL) {
        spd_udp_want_senders(udp);
    }
}

/* Returns false when the send buffer is full. */
static bool send_one_by_one(struct spd_udp *udp, size_t *n_handed)
{
    struct spd_op_list *backlog = &udp->sends.backlog;

    while (backlog->head != NULL) {
        struct spd_op *op = backlog->head;
        int os_errno = send_now(udp, op);

        if (is_returned_error(os_errno)) {
            os_errno = send_past_error(udp, op, os_errno);
        }
        if (os_errno == EINTR) {
            continue;
        }
        if (os_errno == EAGAIN) {
            return false;
        }
        (void)spd_op_list_pop(backlog);
        udp->sends.charged_bytes += spd_op_system(op)->cost_bytes;
        count_id(udp, os_errno);
        *n_handed += 1;
        if (os_errno == 0) {
            spd_op_list_push(&udp->port->done, op);
        } else {
            complete_failed(udp, op, os_errno);
        }
    }
    return true;
}

/* Move what surely fits from the backlog to the ring. */
static size_t move_to_ring(struct spd_udp *udp)
{
    struct spd_udp_sends *sends = &udp->sends;
    uint64_t head_cost = spd_op_system(sends->backlog.head)->cost_bytes;
    size_t n_wanted = sends->backlog.n < MIN_CHUNK ? sends->backlog.n : MIN_CHUNK;
    size_t n = 0;

    measure(udp);
    if (sends->charged_bytes + n_wanted * head_cost > sends->limit_bytes) {
        return 0;
    }
    while (sends->backlog.head != NULL) {
        struct spd_op *op = sends->backlog.head;

        if (sends->charged_bytes + spd_op_system(op)->cost_bytes > sends->limit_bytes ||
            !write_to_ring(udp, op)) {
            break;
        }
        (void)spd_op_list_pop(&sends->backlog);
        spd_op_list_push(&sends->in_ring, op);
        n++;
    }
    return n;
}

void spd_udp_sends_flush(struct spd_udp *udp, size_t *n_handed)
{
    struct spd_cport *port = udp->port;
    bool has_room = finish(udp, n_handed);

    while (udp->sends.backlog.head != NULL && !udp->sends.wait_writable && port->os_errno == 0) {
        if (!has_room) {
            wait_for_room(udp);
        } else if (udp->sends.backlog.n > 1 && !udp->sends.by_counter && move_to_ring(udp) > 0) {
            spd_cport_enter(port, false);
            port->n_in_ring = 0;
            has_room = finish(udp, n_handed);
        } else {
            has_room = send_one_by_one(udp, n_handed);
        }
    }
    udp->sends.measured = false;
}

void spd_udp_sends_rewind(struct spd_udp *udp)
{
    struct spd_udp_sends *sends = &udp->sends;

    spd_op_list_splice(&sends->in_ring, &sends->backlog);
    sends->backlog = sends->in_ring;
    sends->in_ring = (struct spd_op_list){ NULL, NULL, 0 };
    sends->charged_bytes -= sends->in_ring_bytes;
    sends->in_ring_bytes = 0;
}

void spd_udp_stamp_by_counter(struct spd_udp *udp, bool on)
{
    spd_cport_hold(udp->port);
    udp->sends.by_counter = on;
    spd_cport_release(udp->port);
}

bool spd_udp_handed_over_at(const struct spd_op *op, spd_ticks *at)
{
    const struct spd_op_system *system = (const struct spd_op_system *)(const void *)op->system;

    if (!system->has_handed_over_at) {
        return false;
    }
    at->ticks = system->handed_over_at;
    return true;
}
