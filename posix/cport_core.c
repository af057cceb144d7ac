/*
 * The inside of the completion port: what the kernel says, what goes to it, and
 * the wait of a single-owner port. The wait of shared ports is in
 * cport_shared.c.
 *
 * Sends are done when the call that hands them over returns, receives are
 * matched to datagrams in user space, so the kernel tells only what went
 * wrong and what arrived. Completions wait in a list linked through the
 * operations. Runs held (cport_private.h); never allocates, locks or formats.
 */
#include "posix/cport_private.h"

#include <errno.h>
#include <time.h>

#include "posix/oserr.h"
#include "posix/udp_private.h"

enum { N_BUSY_RETRIES = 100, TICK_NS = 500000000 };

int64_t spd_cport_monotonic_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * SPD_NS_PER_S + t.tv_nsec;
}

_Thread_local char spd_cport_this_thread;

void spd_cport_claim(struct spd_cport *port)
{
    SPD_ASSERT(!port->owned); /* a single-owner port is used by one thread */
    port->owner = &spd_cport_this_thread;
    port->owned = true;
    int os_errno = spd_ring_enable(&port->ring);

    if (os_errno == 0 && port->has_stamp_ring) {
        os_errno = spd_ring_enable(&port->stamp_ring);
    }
    if (os_errno != 0) {
        port->os_errno = os_errno;
    }
}

static void take_completion(struct spd_cport *port, const struct io_uring_cqe *cqe)
{
    void *pointer = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)SPD_TAG_MASK);

    switch ((enum spd_tag)(cqe->user_data & SPD_TAG_MASK)) {
    case SPD_TAG_SEND:
        /* Successful sends post none (IOSQE_CQE_SKIP_SUCCESS). */
        if (cqe->res < 0) {
            spd_udp_send_failed(pointer, -cqe->res);
        }
        break;
    case SPD_TAG_RECEIVE:
        spd_udp_receives_completed(pointer, cqe->res, cqe->flags);
        break;
    case SPD_TAG_READABLE:
        spd_udp_receives_readable(pointer, cqe->res);
        break;
    case SPD_TAG_WRITABLE:
        spd_udp_sends_writable(pointer, cqe->res);
        break;
    case SPD_TAG_WAKE:
        port->wake_armed = false;
        break;
    case SPD_TAG_TICK:
        port->tick_armed = false;
        break;
    case SPD_TAG_NOTHING:
    case SPD_TAG_STAMP:
    case SPD_TAG_MASK:
        break;
    }
}

void spd_cport_reap(struct spd_cport *port)
{
    struct io_uring_cq *cq = &port->ring.uring.cq;
    unsigned head = *cq->khead;
    unsigned tail = __atomic_load_n(cq->ktail, __ATOMIC_ACQUIRE);

    while (head != tail) {
        for (; head != tail; head++) {
            take_completion(port, &cq->cqes[head & cq->ring_mask]);
        }
        __atomic_store_n(cq->khead, head, __ATOMIC_RELEASE);
        tail = __atomic_load_n(cq->ktail, __ATOMIC_ACQUIRE);
    }
}

void spd_cport_enter(struct spd_cport *port, bool get_events)
{
    int os_errno = port->os_errno;

    for (int i = 0; i < N_BUSY_RETRIES && os_errno == 0; i++) {
        os_errno = spd_ring_submit(&port->ring, get_events);
        spd_cport_reap(port);
        if (os_errno == 0) {
            return;
        }
        if (os_errno == EBUSY || os_errno == EAGAIN) {
            /* Completions overflowed or memory is short for the moment: room
             * was made by taking some, and get_events brings the rest. */
            get_events = true;
            os_errno = i + 1 < N_BUSY_RETRIES ? 0 : os_errno;
        }
    }
    port->os_errno = os_errno;
}

struct io_uring_sqe *spd_cport_sqe(struct spd_cport *port)
{
    struct io_uring_sqe *sqe = spd_ring_sqe(&port->ring);

    if (sqe == NULL) {
        spd_cport_enter(port, false);
        port->n_in_ring = 0; /* handed over; flush finishes them */
        sqe = spd_ring_sqe(&port->ring);
    }
    return sqe;
}

size_t spd_cport_flush(struct spd_cport *port, bool get_events)
{
    size_t n_handed = 0;

    port->n_uncommitted = 0;
    if (port->n_in_ring == 1 && spd_ring_n_unsubmitted(&port->ring) == 1) {
        /* A single packet leaves sooner by a call of its own. */
        spd_cport_rewind(port);
    }
    if (port->n_in_ring > 0) {
        spd_cport_enter(port, get_events);
        port->n_in_ring = 0;
    }
    struct spd_udp *udp = port->senders;

    port->senders = NULL; /* flush may put a socket back for the next time */
    while (udp != NULL) {
        struct spd_udp *next = udp->next_sender;

        udp->in_senders = false;
        spd_udp_sends_flush(udp, &n_handed);
        udp = next;
    }
    return n_handed;
}

void spd_cport_attend(struct spd_cport *port)
{
    struct spd_udp *udp = port->receivers;

    port->receivers = NULL;
    while (udp != NULL) {
        struct spd_udp *next = udp->next_receiver;

        udp->in_receivers = false;
        spd_udp_receives_attend(udp);
        udp = next;
    }
}

void spd_cport_rewind(struct spd_cport *port)
{
    spd_ring_rewind(&port->ring);
    port->n_in_ring = 0;
    for (struct spd_udp *udp = port->senders; udp != NULL; udp = udp->next_sender) {
        spd_udp_sends_rewind(udp);
    }
}

void spd_cport_sweep(struct spd_cport *port)
{
    if (port->swept) {
        return;
    }
    port->swept = true;
    spd_cport_rewind(port);
    for (struct spd_udp *udp = port->udps; udp != NULL; udp = udp->next) {
        (void)spd_udp_cancel_all(udp);
    }
}

size_t spd_cport_fetch(struct spd_cport *port, struct spd_completion *out, size_t capacity)
{
    /* Neither posts nor operations may starve the other. */
    size_t n = spd_posts_fetch(&port->posts, out,
                               port->done.head != NULL ? capacity - capacity / 2 : capacity);
    struct spd_op *op;

    while (n < capacity && (op = spd_op_list_pop(&port->done)) != NULL) {
        const struct spd_op_system *system = spd_op_system(op);

        __builtin_prefetch(system->next);
        out[n++] = (struct spd_completion){ .key = system->key,
                                            .op = op,
                                            .n_bytes = system->n_bytes,
                                            .err = (enum spd_err)system->err,
                                            .os_code = system->os_code };
        op->in_flight = 0;
    }
    return n;
}

enum spd_err spd_cport_failure(const struct spd_cport *port)
{
    enum spd_err err = spd_oserr_map(port->os_errno);

    /* These three have a meaning of their own as an answer of wait. */
    return err == SPD_ERR_OK || err == SPD_ERR_TIMEOUT || err == SPD_ERR_CLOSED ? SPD_ERR_IO : err;
}

/* Everything that can be done without waiting. get_events: also run what the
 * kernel put off until we come. */
void spd_cport_progress(struct spd_cport *port, bool polls)
{
    if (atomic_load_explicit(&port->closed, memory_order_acquire)) {
        spd_cport_sweep(port);
        return;
    }
    spd_cport_attend(port);
    if (port->n_in_ring > 0 || port->senders != NULL) {
        spd_cport_flush(port, true);
    } else if (spd_ring_has_hidden(&port->ring) ||
               (polls && spd_ring_n_unsubmitted(&port->ring) > 0)) {
        spd_cport_enter(port, true);
    } else if (spd_ring_n_ready(&port->ring) > 0) {
        spd_cport_reap(port);
    }
}

/* To start and stop a timer for each wait costs a good part of a microsecond
 * that a reply then comes later. So the first sleep of a long wait relies on a
 * timer that stays in the ring from wait to wait: it ends this sleep, or a
 * later one, too early once in a while, and the next sleeps exactly. */
static bool arm_tick(struct spd_cport *port)
{
    if (!port->tick_armed) {
        struct io_uring_sqe *sqe = spd_cport_sqe(port);

        if (sqe == NULL) {
            return false;
        }
        port->tick = (struct __kernel_timespec){ 0, TICK_NS };
        io_uring_prep_timeout(sqe, &port->tick, 0, 0);
        sqe->user_data = spd_tagged(NULL, SPD_TAG_TICK);
        port->tick_armed = true;
    }
    return true;
}

/* Sleep in the kernel until something happens. */
static void sleep_owned(struct spd_cport *port, spd_ns timeout_ns)
{
    spd_cport_arm_wake(port);
    atomic_store(&port->sleeping, true);
    if (atomic_load(&port->posts.n) == 0 && !atomic_load(&port->closed)) {
        int os_errno = spd_ring_wait(&port->ring, true, timeout_ns);

        if (os_errno != 0 && os_errno != ETIME && os_errno != EINTR && os_errno != EAGAIN &&
            os_errno != EBUSY) {
            port->os_errno = os_errno;
        }
    }
    atomic_store(&port->sleeping, false);
    spd_cport_reap(port);
}

enum spd_err spd_cport_wait_owned(struct spd_cport *port, struct spd_completion *out,
                                  size_t capacity, size_t *n_out, spd_ns timeout_ns)
{
    int64_t deadline_ns = 0;
    bool slept = false;

    spd_cport_hold(port);
    for (;;) {
        spd_cport_progress(port, timeout_ns <= 0);
        size_t n = spd_cport_fetch(port, out, capacity);

        if (n > 0) {
            if (spd_ring_n_unsubmitted(&port->ring) > 0 && port->os_errno == 0) {
                /* Outside of commit and wait the ring holds sends only. */
                spd_cport_enter(port, false);
            }
            *n_out = n;
            return SPD_ERR_OK;
        }
        if (port->swept) {
            return SPD_ERR_CLOSED;
        }
        if (port->os_errno != 0) {
            return spd_cport_failure(port);
        }
        if (port->receivers != NULL || port->senders != NULL) {
            continue; /* something came up that must not wait */
        }
        if (timeout_ns <= 0) {
            return SPD_ERR_TIMEOUT;
        }
        if (timeout_ns != SPD_NS_FOREVER) {
            int64_t now_ns = spd_cport_monotonic_ns();

            if (deadline_ns == 0) {
                deadline_ns = timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
            }
            timeout_ns = deadline_ns - now_ns;
            if (timeout_ns <= 0) {
                continue; /* one last look */
            }
        }
        bool ticks =
            !slept && timeout_ns != SPD_NS_FOREVER && timeout_ns >= TICK_NS && arm_tick(port);

        sleep_owned(port, ticks ? SPD_NS_FOREVER : timeout_ns);
        slept = true;
    }
}
