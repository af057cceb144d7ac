/*
 * Receives: queueing, handing over, and reading what came with a datagram. Runs
 * on the receiving thread; allocates, locks and formats nothing but the lock
 * of the few ICMP errors. What it reads comes from the network, but the control
 * data was written by the system.
 */
#include "win/udp.h"

#include <string.h>

#include <mstcpip.h>

#include "common/sys/clock.h"
#include "win/oserr.h"
#include "win/sockaddr.h"

/* A stamp that lies further back was not taken by this computer's counter. */
#define STAMP_AGE_MOST_NS (10 * SPD_NS_PER_S)

void spd_udp_prepare_receive(struct spd_op *op)
{
    struct spd_win_op *w = spd_win_op(op);

    memset(&w->overlapped, 0, sizeof w->overlapped);
    memset(&w->peer, 0, sizeof w->peer);
    memset(&w->message, 0, sizeof w->message);
    w->message.name = (struct sockaddr *)&w->peer;
    w->message.namelen = (INT)sizeof w->peer;
    w->message.lpBuffers = w->buffers;
    w->message.dwBufferCount = 2;
    w->message.Control.buf = (char *)w->control;
    w->message.Control.len = sizeof w->control;
}

enum spd_err spd_udp_queue_receive(struct spd_udp *udp, struct spd_op *op, void *buffer,
                                   size_t capacity, struct spd_udp_meta *meta)
{
    struct spd_win_op *w = spd_win_op(op);
    enum spd_err err;

    if (atomic_fetch_add(&udp->n_receives, 1) >= udp->max_queued_receives) {
        err = SPD_ERR_FULL;
        goto fail_full;
    }
    if (!spd_win_op_begin(op, SPD_WIN_OP_RECEIVE, udp)) {
        err = SPD_ERR_INVALID;
        goto fail_full;
    }
    w->meta = meta;
    w->capacity = capacity < udp->max_datagram_bytes ? (uint32_t)capacity : udp->max_datagram_bytes;
    w->buffers[0].buf = buffer;
    w->buffers[0].len = w->capacity;
    w->buffers[1].len = SPD_WIN_SCRATCH_BYTES;
    spd_udp_prepare_receive(op);
    atomic_fetch_add(&udp->n_references, 1);
    err = spd_cport_accept(udp->port, op);
    if (err == SPD_ERR_OK)
        return SPD_ERR_OK;
    spd_win_op_end(op);
    spd_udp_release(udp);
fail_full:
    atomic_fetch_sub(&udp->n_receives, 1);
    return err;
}

void spd_udp_issue_receive_locked(struct spd_udp *udp, struct spd_op *op)
{
    struct spd_win_op *w = spd_win_op(op);
    DWORD code = 0;

    w->buffers[1].buf = (char *)udp->scratch + udp->next_scratch * SPD_WIN_SCRATCH_BYTES;
    w->issue_number = udp->next_issue_number++;
    udp->next_scratch = (udp->next_scratch + 1) % udp->n_scratch;
    if (udp->receive_message(udp->socket, &w->message, NULL, &w->overlapped, NULL) != 0)
        code = (DWORD)WSAGetLastError();
    /* More data than room is a warning: its completion still arrives. */
    if (code == 0 || code == WSAEMSGSIZE || code == ERROR_MORE_DATA)
        return;
    if (code == WSA_IO_PENDING) {
        /* A close of the port may have looked just before. */
        if (atomic_load(&udp->port->closed))
            CancelIoEx((HANDLE)udp->socket, &w->overlapped);
        return;
    }
    spd_cport_complete_locked(udp->port, op, spd_oserr_map(code), (int32_t)code);
    if (spd_err_is_unreachable(spd_oserr_map(code)))
        spd_udp_unreachable_locked(udp);
}

/* The code of what the system completed. Still pending was what a thread that
 * ended left behind (Wine). */
static uint32_t system_code(const struct spd_win_op *w)
{
    int32_t status = (int32_t)w->overlapped.Internal;

    return status == SPD_WIN_STATUS_PENDING ? ERROR_OPERATION_ABORTED : spd_oserr_of_status(status);
}

enum spd_err spd_udp_error_of(struct spd_udp *udp, const struct spd_win_op *w, int32_t *os_code)
{
    uint32_t code = w->failed != SPD_ERR_OK ? (uint32_t)w->failed_code : system_code(w);
    enum spd_err err = w->failed != SPD_ERR_OK ? w->failed : spd_oserr_map(code);

    *os_code = (int32_t)code;
    /* Whatever a system reports for what a close cut off (Wine has a status of
     * its own for it), it was cancelled. */
    if (err != SPD_ERR_OK && code != ERROR_MORE_DATA && atomic_load(&udp->closing))
        return SPD_ERR_CANCELLED;
    if (spd_err_is_unreachable(err))
        spd_udp_keep_icmp_error(udp, err);
    return err;
}

static void read_stamp(const WSACMSGHDR *header, struct spd_receive_context *context,
                       struct spd_udp_meta *meta)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();
    spd_ticks stamp;
    spd_ns age_ns;

    memcpy(&stamp.ticks, SPD_WIN_CONTROL_DATA(header), sizeof stamp.ticks);
    if (!context->have_pair) {
        spd_clock_correlate(&context->pair);
        context->have_pair = true;
    }
    /* Stamps of drivers are readings of our counter; those of cards are not, and
     * could only be converted with the card's own clock. The pair may be a
     * little older than the last datagrams of its batch. */
    age_ns = spd_ticks_diff_ns(context->pair.ticks, stamp, frequency_hz);
    if (age_ns > STAMP_AGE_MOST_NS || age_ns < -SPD_NS_PER_S)
        return;
    meta->kernel_stamp = spd_clock_pair_wall(&context->pair, stamp, frequency_hz);
    meta->stamp_source = SPD_STAMP_KERNEL;
}

static int16_t read_octet(const WSACMSGHDR *header)
{
    INT value;

    memcpy(&value, SPD_WIN_CONTROL_DATA(header), sizeof value);
    return value >= 0 && value <= 255 ? (int16_t)value : -1;
}

static void read_ipv4(const WSACMSGHDR *header, struct spd_udp_meta *meta)
{
    IN_PKTINFO info;

    if (header->cmsg_type == IP_TTL || header->cmsg_type == IP_HOPLIMIT) {
        meta->ttl = read_octet(header);
    } else if (header->cmsg_type == IP_TOS) {
        meta->tclass = read_octet(header);
    } else if (header->cmsg_type == IP_PKTINFO &&
               header->cmsg_len >= SPD_WIN_CONTROL_LEN(sizeof info)) {
        memcpy(&info, SPD_WIN_CONTROL_DATA(header), sizeof info);
        meta->to.family = SPD_FAMILY_IPV4;
        memcpy(meta->to.bytes, &info.ipi_addr, 4);
        meta->interface_index = info.ipi_ifindex;
    }
}

static void read_ipv6(const WSACMSGHDR *header, struct spd_udp_meta *meta)
{
    IN6_PKTINFO info;

    if (header->cmsg_type == IPV6_HOPLIMIT) {
        meta->ttl = read_octet(header);
    } else if (header->cmsg_type == IPV6_TCLASS) {
        meta->tclass = read_octet(header);
    } else if (header->cmsg_type == IPV6_PKTINFO &&
               header->cmsg_len >= SPD_WIN_CONTROL_LEN(sizeof info)) {
        memcpy(&info, SPD_WIN_CONTROL_DATA(header), sizeof info);
        meta->to.family = SPD_FAMILY_IPV6;
        memcpy(meta->to.bytes, &info.ipi6_addr, 16);
        meta->interface_index = info.ipi6_ifindex;
    }
}

static void read_details(struct spd_win_op *w, struct spd_receive_context *context,
                         struct spd_udp_meta *meta)
{
    struct spd_udp *udp = w->udp;
    size_t n_bytes = w->message.Control.len;
    size_t next = 0;

    for (size_t at = 0; at + sizeof(WSACMSGHDR) <= n_bytes; at = next) {
        const WSACMSGHDR *header = (const WSACMSGHDR *)(const void *)(w->control + at);

        if (header->cmsg_len < sizeof(WSACMSGHDR) || header->cmsg_len > n_bytes - at)
            break;
        next = at + SPD_WIN_CONTROL_ALIGN(header->cmsg_len);
        if (header->cmsg_len < SPD_WIN_CONTROL_LEN(sizeof(INT)))
            continue;
        if (header->cmsg_level == IPPROTO_IP)
            read_ipv4(header, meta);
        else if (header->cmsg_level == IPPROTO_IPV6)
            read_ipv6(header, meta);
        else if (header->cmsg_level == SOL_SOCKET && header->cmsg_type == SO_TIMESTAMP &&
                 header->cmsg_len >= SPD_WIN_CONTROL_LEN(sizeof(uint64_t)))
            read_stamp(header, context, meta);
    }
    if (meta->to.family != SPD_FAMILY_NONE)
        meta->to.port = udp->facts.local.port;
    if (meta->to.family == SPD_FAMILY_IPV6 && meta->from.scope_id != 0)
        meta->to.scope_id = meta->interface_index;
    if (udp->facts.receive_stamp != SPD_STAMP_NONE && meta->stamp_source == SPD_STAMP_NONE)
        atomic_store(&udp->stamps_missing, true);
}

void spd_udp_finish_receive(struct spd_op *op, uint32_t n_bytes,
                            struct spd_receive_context *context, struct spd_completion *out)
{
    struct spd_win_op *w = spd_win_op(op);
    struct spd_udp_meta *meta = w->meta;
    enum spd_err err = spd_udp_error_of(w->udp, w, &out->os_code);
    bool arrived = err == SPD_ERR_OK || err == SPD_ERR_TRUNCATED;

    atomic_fetch_sub(&w->udp->n_receives, 1);
    if (arrived) {
        /* What went beyond the caller's buffer lies in the scratch area. */
        err = n_bytes > w->capacity ? SPD_ERR_TRUNCATED : SPD_ERR_OK;
        if (err == SPD_ERR_OK)
            out->os_code = 0;
    }
    out->err = err;
    out->n_bytes = !arrived ? 0 : n_bytes < w->capacity ? n_bytes : w->capacity;
    if (meta == NULL)
        return;
    *meta = (struct spd_udp_meta){ .ttl = -1, .tclass = -1, .stamp_source = SPD_STAMP_NONE };
    meta->truncated = err == SPD_ERR_TRUNCATED;
    if (!arrived)
        return;
    spd_sockaddr_to(&w->peer, &meta->from);
    read_details(w, context, meta);
}
