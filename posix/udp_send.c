/*
 * Sends: queueing them. Runs held, in the time-critical thread too; never
 * allocates, locks or formats.
 *
 * A send goes through the ring with MSG_DONTWAIT: it is done when the call that
 * hands it over returns, and posts a completion only if it failed. The kernel
 * tries later sends also when an earlier one found the send buffer full, so
 * only those go to the ring that surely fit; the others wait in the backlog
 * (udp_send_flush.c).
 */
#include "posix/udp_private.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>

enum {
    SKB_BYTES = 256,          /* struct sk_buff */
    SKB_OVERHEAD_BYTES = 512, /* headers, headroom and skb_shared_info, at most */
    SKB_MIN_BYTES = 1024,     /* smallest allocation for the data, rounded up */
    FRAGMENT_BYTES = 1224,    /* payload of one fragment at the IPv6 minimum MTU */
    COST_MARGIN = 2,          /* a wrong estimate would leave a hole in a burst */
};

size_t spd_udp_buffer_cost(size_t n_bytes)
{
    size_t data = SKB_MIN_BYTES;

    /* Measured on Linux 6.18: 832 bytes up to 64 of payload, 1280 from 256 to
     * 512, 2304 from 1000 to 1472: the next power of two and the sk_buff. */
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

void spd_udp_sends_measure(struct spd_udp *udp)
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
        spd_udp_sends_measure(udp);
    }
    return sends->charged_bytes + cost <= sends->limit_bytes;
}

bool spd_udp_sends_write(struct spd_udp *udp, struct spd_op *op)
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
        surely_fits(udp, system->cost_bytes) && spd_udp_sends_write(udp, op)) {
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
