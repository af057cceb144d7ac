/*
 * Sends: queueing, and handing over one by one, each right after a reading of
 * the counter. Runs on the sending thread, the time-critical one among them:
 * allocates and formats nothing.
 *
 * Between the stamp and the wire lie the call into Windows, the UDP and IP
 * layers, any filter driver, and the queue of the network card.
 */
#include "win/udp.h"

#include <string.h>

#include "common/sys/clock.h"
#include "win/oserr.h"
#include "win/sockaddr.h"

#define MOST_PAYLOAD_BYTES 65507

static enum spd_err check_send(const struct spd_udp *udp, size_t n_bytes,
                               const struct spd_udp_send_options *options)
{
    const struct spd_addr *to = options != NULL ? options->to : NULL;
    const struct spd_addr *from = options != NULL ? options->from : NULL;

    if (n_bytes > MOST_PAYLOAD_BYTES)
        return SPD_ERR_TOO_BIG;
    if (to == NULL && !udp->facts.connected)
        return SPD_ERR_INVALID;
    if (to != NULL && (to->family != udp->family || to->port == 0))
        return SPD_ERR_INVALID;
    if (from != NULL && from->family != udp->family)
        return SPD_ERR_INVALID;
    return SPD_ERR_OK;
}

/* Append one control message to the operation's own control data. */
static void add_control(struct spd_win_op *w, int level, int type, const void *value,
                        size_t n_bytes)
{
    WSACMSGHDR *header = (WSACMSGHDR *)(void *)(w->control + w->message.Control.len);

    memset(header, 0, SPD_WIN_CONTROL_SPACE(n_bytes));
    header->cmsg_len = SPD_WIN_CONTROL_LEN(n_bytes);
    header->cmsg_level = level;
    header->cmsg_type = type;
    memcpy(SPD_WIN_CONTROL_DATA(header), value, n_bytes);
    w->message.Control.len += (ULONG)SPD_WIN_CONTROL_SPACE(n_bytes);
}

static void add_source(struct spd_win_op *w, const struct spd_addr *from)
{
    if (from->family == SPD_FAMILY_IPV4) {
        IN_PKTINFO info = { .ipi_ifindex = 0 };

        memcpy(&info.ipi_addr, from->bytes, 4);
        add_control(w, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    } else {
        IN6_PKTINFO info = { .ipi6_ifindex = from->scope_id };

        memcpy(&info.ipi6_addr, from->bytes, 16);
        add_control(w, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    }
}

static void fill(struct spd_udp *udp, struct spd_win_op *w, const void *data, size_t n_bytes,
                 const struct spd_udp_send_options *options)
{
    w->buffers[0].buf = (char *)(uintptr_t)data; /* the system only reads it */
    w->buffers[0].len = (ULONG)n_bytes;
    memset(&w->message, 0, sizeof w->message);
    w->message.lpBuffers = w->buffers;
    w->message.dwBufferCount = 1;
    w->message.Control.buf = (char *)w->control;
    if (options == NULL)
        return;
    if (options->to != NULL) {
        w->message.namelen = spd_sockaddr_from(options->to, &w->peer);
        w->message.name = (struct sockaddr *)&w->peer;
    }
    if (options->from != NULL)
        add_source(w, options->from);
    if (options->tclass >= 0 && options->tclass <= 255 && options->tclass != udp->tclass)
        w->tclass = (int16_t)options->tclass;
}

enum spd_err spd_udp_queue_send(struct spd_udp *udp, struct spd_op *op, const void *data,
                                size_t n_bytes, const struct spd_udp_send_options *options)
{
    enum spd_err err = check_send(udp, n_bytes, options);

    if (err != SPD_ERR_OK)
        return err;
    if (!spd_win_op_begin(op, SPD_WIN_OP_SEND, udp))
        return SPD_ERR_INVALID;
    fill(udp, spd_win_op(op), data, n_bytes, options);
    atomic_fetch_add(&udp->n_references, 1);
    err = spd_cport_accept(udp->port, op);
    if (err != SPD_ERR_OK) {
        spd_win_op_end(op);
        spd_udp_release(udp);
    }
    return err;
}

/* See that this datagram gets its traffic class. Returns whether control data
 * asks for it. */
static bool ask_tclass(struct spd_udp *udp, struct spd_win_op *w)
{
    int wanted = w->tclass >= 0 ? w->tclass : udp->tclass >= 0 ? udp->tclass : 0;
    INT value = wanted;

    if (spd_udp_mark(udp, wanted) || w->tclass < 0 || udp->tclass_control_refused)
        return false;
    if (udp->family == SPD_FAMILY_IPV4)
        add_control(w, IPPROTO_IP, IP_TOS, &value, sizeof value);
    else
        add_control(w, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof value);
    return true;
}

/* The call itself; 0 or the error. */
static DWORD hand_over(struct spd_udp *udp, struct spd_win_op *w)
{
    int result;

    w->handed_over_ticks = spd_clock_now().ticks;
    w->handed_over = true;
    if (w->message.Control.len > 0)
        result = WSASendMsg(udp->socket, &w->message, 0, NULL, &w->overlapped, NULL);
    else if (w->message.name != NULL)
        result = WSASendTo(udp->socket, w->buffers, 1, NULL, 0, w->message.name, w->message.namelen,
                           &w->overlapped, NULL);
    else
        result = WSASend(udp->socket, w->buffers, 1, NULL, 0, &w->overlapped, NULL);
    return result == 0 ? 0 : (DWORD)WSAGetLastError();
}

bool spd_udp_issue_send_locked(struct spd_udp *udp, struct spd_op *op)
{
    struct spd_win_op *w = spd_win_op(op);
    ULONG control_bytes = w->message.Control.len;
    bool tclass_in_control = ask_tclass(udp, w);
    DWORD code;

    w->issue_number = udp->next_issue_number++;
    code = hand_over(udp, w);
    if (code == WSAEINVAL && tclass_in_control) {
        /* This Windows knows no such control data: send without. */
        udp->tclass_control_refused = true;
        w->message.Control.len = control_bytes;
        code = hand_over(udp, w);
    }
    if (spd_err_is_unreachable(spd_oserr_map(code))) {
        /* The answer to an earlier datagram, told at the next call; this one has
         * not been sent yet. */
        spd_udp_keep_icmp_error(udp, spd_oserr_map(code));
        spd_udp_unreachable_locked(udp);
        code = hand_over(udp, w);
    }
    if (code == 0 || code == WSA_IO_PENDING) {
        /* A close of the port may have looked just before. */
        if (code == WSA_IO_PENDING && atomic_load(&udp->port->closed))
            CancelIoEx((HANDLE)udp->socket, &w->overlapped);
        return true;
    }
    spd_cport_complete_locked(udp->port, op, spd_oserr_map(code), (int32_t)code);
    return false;
}

void spd_udp_finish_send(struct spd_op *op, uint32_t n_bytes, struct spd_completion *out)
{
    struct spd_win_op *w = spd_win_op(op);

    out->err = spd_udp_error_of(w->udp, w, &out->os_code);
    out->n_bytes = out->err == SPD_ERR_OK ? n_bytes : 0;
}

void spd_udp_stamps_begin(struct spd_udp *udp)
{
    (void)udp;
}

size_t spd_udp_stamps_collect(struct spd_udp *udp, int64_t *sched_ns, int64_t *sent_ns, size_t n)
{
    (void)udp;
    (void)sched_ns;
    (void)sent_ns;
    (void)n;
    return 0;
}

void spd_udp_stamp_by_counter(struct spd_udp *udp, bool on)
{
    /* Always so: datagrams are handed over one by one anyway. */
    (void)udp;
    (void)on;
}

bool spd_udp_handed_over_at(const struct spd_op *op, spd_ticks *at)
{
    const struct spd_win_op *w = (const struct spd_win_op *)(const void *)op->system;

    if (w->what != SPD_WIN_OP_SEND || !w->handed_over)
        return false;
    at->ticks = w->handed_over_ticks;
    return true;
}
