/*
 * Sends: handing them over and finishing them, in the order in which they were
 * queued, whatever happens. Runs held, in the time-critical thread too; never
 * allocates, locks or formats.
 *
 * What surely fits goes over through the ring at once. When the send buffer may
 * be full, sends go one by one up to the first that does not fit, and then the
 * kernel is asked to say when there is room.
 */
#include "posix/udp_private.h"

#include <errno.h>
#include <poll.h>

#include "common/sys/clock.h"
#include "posix/oserr.h"

enum { MIN_CHUNK = 8 }; /* fewer are not worth a round through the ring */

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

    spd_udp_sends_measure(udp);
    if (sends->charged_bytes + n_wanted * head_cost > sends->limit_bytes) {
        return 0;
    }
    while (sends->backlog.head != NULL) {
        struct spd_op *op = sends->backlog.head;

        if (sends->charged_bytes + spd_op_system(op)->cost_bytes > sends->limit_bytes ||
            !spd_udp_sends_write(udp, op)) {
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
