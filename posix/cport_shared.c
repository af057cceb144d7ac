/*
 * Waiting on a port that several threads share. One of them, the leader, waits
 * in the kernel; the others sleep on conditions of their own, the last come
 * first to be woken, so that those in use stay warm. All waiting in the kernel
 * would all wake for each completion.
 *
 * The concurrency limit is kept by slots: a thread holds one from the return of
 * wait to its next wait or its end. Any thread; takes the lock of the port.
 */
#include "posix/cport_private.h"

#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

struct spd_waiter {
    pthread_cond_t condition;
    struct spd_waiter *next;
    bool woken; /* and out of the list */
};

/* A thread that held completions has ended: its slot is free. */
static void slot_lost(void *value)
{
    struct spd_cport *port = value;

    (void)pthread_mutex_lock(&port->lock);
    port->n_holding--;
    spd_shared_wake(port);
    (void)pthread_mutex_unlock(&port->lock);
}

enum spd_err spd_shared_init(struct spd_cport *port, unsigned concurrency_limit)
{
    long n_processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (pthread_key_create(&port->slot_key, slot_lost) != 0) {
        return SPD_ERR_LIMIT;
    }
    (void)pthread_mutex_init(&port->lock, NULL);
    port->concurrency_limit = concurrency_limit != 0 ? concurrency_limit
                              : n_processors > 0     ? (unsigned)n_processors
                                                     : 1;
    return SPD_ERR_OK;
}

void spd_shared_free(struct spd_cport *port)
{
    SPD_ASSERT(port->waiters == NULL && !port->has_leader); /* nobody waits */
    (void)pthread_key_delete(port->slot_key);
    (void)pthread_mutex_destroy(&port->lock);
}

/* ---------------------------------------------------------------- wake-ups */

static void wake_waiter(struct spd_cport *port)
{
    struct spd_waiter *waiter = port->waiters;

    port->waiters = waiter->next;
    waiter->woken = true;
    (void)pthread_cond_signal(&waiter->condition);
}

/* As many threads hold completions as may. After close all may fetch, so that
 * nothing keeps the port from its end. */
static bool at_limit(const struct spd_cport *port)
{
    return port->n_holding >= port->concurrency_limit && !port->swept;
}

static bool has_work(struct spd_cport *port)
{
    return port->done.head != NULL || atomic_load(&port->posts.n) > 0;
}

void spd_shared_wake(struct spd_cport *port)
{
    /* At the limit whoever comes back for more finds what there is; but sends
     * that wait for room need somebody in the kernel. */
    bool wanted = !at_limit(port) && has_work(port);
    bool lead = !port->has_leader && (!at_limit(port) || port->n_wait_writable > 0);

    if (port->waiters != NULL && (wanted || lead)) {
        wake_waiter(port);
    } else if (wanted && port->has_leader) {
        spd_cport_kick(port);
    }
}

void spd_shared_wake_all(struct spd_cport *port)
{
    while (port->waiters != NULL) {
        wake_waiter(port);
    }
    spd_cport_kick(port);
}

void spd_shared_hand_receives(struct spd_cport *port)
{
    spd_cport_attend(port);
    if (spd_ring_n_unsubmitted(&port->ring) > 0) {
        spd_cport_enter(port, false);
    }
}

/* -------------------------------------------------------------------- wait */

/* Sleep behind the leader until woken or the deadline. */
static void follow(struct spd_cport *port, int64_t deadline_ns)
{
    struct spd_waiter self = { .next = port->waiters };
    pthread_condattr_t attributes;
    int r = 0;

    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&self.condition, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    port->waiters = &self;
    while (!self.woken && r != ETIMEDOUT) {
        if (deadline_ns == INT64_MAX) {
            r = pthread_cond_wait(&self.condition, &port->lock);
        } else {
            const struct timespec deadline = { deadline_ns / SPD_NS_PER_S,
                                               deadline_ns % SPD_NS_PER_S };

            r = pthread_cond_timedwait(&self.condition, &port->lock, &deadline);
        }
    }
    if (!self.woken) {
        struct spd_waiter **at = &port->waiters;

        while (*at != &self) {
            at = &(*at)->next;
        }
        *at = self.next;
    }
    (void)pthread_cond_destroy(&self.condition);
}

/* Until there is a completion in the ring, the eventfd was written or the time
 * has passed. Not io_uring_enter: that sleeps when another thread, which hands
 * sends over meanwhile, takes the completion that was to end the sleep. Both
 * descriptors stay readable until somebody has seen to them. Not held. */
static int sleep_in_kernel(const struct spd_cport *port, int64_t timeout_ns)
{
    struct pollfd readable[2] = { { .fd = port->ring.uring.ring_fd, .events = POLLIN },
                                  { .fd = port->wake_fd, .events = POLLIN } };
    const struct timespec limit = { timeout_ns / SPD_NS_PER_S, timeout_ns % SPD_NS_PER_S };

    return ppoll(readable, 2, timeout_ns == SPD_NS_FOREVER ? NULL : &limit, NULL) < 0 ? errno : 0;
}

/* Kicks are made held, so the eventfd has been written: this does not block. */
static void take_kick(struct spd_cport *port)
{
    uint64_t value;
    ssize_t n;

    do {
        n = read(port->wake_fd, &value, sizeof value);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        port->os_errno = errno; /* it would end every sleep from now on */
    }
}

/* Sleep in the kernel, as the only one. */
static void lead(struct spd_cport *port, int64_t timeout_ns)
{
    port->has_leader = true;
    atomic_store(&port->sleeping, true);
    /* What came up since the caller looked must not be slept over. */
    if ((at_limit(port) || !has_work(port)) && !atomic_load(&port->closed)) {
        (void)pthread_mutex_unlock(&port->lock);
        int os_errno = sleep_in_kernel(port, timeout_ns);

        (void)pthread_mutex_lock(&port->lock);
        if (os_errno != 0 && os_errno != EINTR) {
            port->os_errno = os_errno;
        }
    }
    if (!atomic_exchange(&port->sleeping, false)) {
        take_kick(port);
    }
    port->has_leader = false;
    spd_cport_reap(port);
}

/* What the calling thread held is done with. */
static void give_up_slot(struct spd_cport *port)
{
    if (pthread_getspecific(port->slot_key) != NULL) {
        (void)pthread_setspecific(port->slot_key, NULL);
        port->n_holding--;
    }
}

static size_t fetch_with_slot(struct spd_cport *port, struct spd_completion *out, size_t capacity)
{
    if (at_limit(port)) {
        return 0;
    }
    size_t n = spd_cport_fetch(port, out, capacity);

    if (n > 0 && pthread_setspecific(port->slot_key, port) == 0) {
        port->n_holding++;
    }
    return n;
}

static enum spd_err wait_held(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                              size_t *n_out, int64_t deadline_ns)
{
    for (;;) {
        spd_cport_progress(port, true);
        if (spd_ring_n_unsubmitted(&port->ring) > 0 && port->os_errno == 0) {
            spd_cport_enter(port, false);
        }
        size_t n = fetch_with_slot(port, out, capacity);

        if (n > 0) {
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
        int64_t now_ns = deadline_ns == INT64_MAX ? 0 : spd_cport_monotonic_ns();

        if (now_ns >= deadline_ns) {
            return SPD_ERR_TIMEOUT;
        }
        if (port->has_leader) {
            follow(port, deadline_ns);
        } else {
            lead(port, deadline_ns == INT64_MAX ? SPD_NS_FOREVER : deadline_ns - now_ns);
        }
    }
}

enum spd_err spd_shared_wait(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                             size_t *n_out, spd_ns timeout_ns)
{
    int64_t deadline_ns = 0;

    if (timeout_ns > 0) {
        int64_t now_ns = timeout_ns == SPD_NS_FOREVER ? 0 : spd_cport_monotonic_ns();

        deadline_ns = timeout_ns > INT64_MAX - now_ns ? INT64_MAX : now_ns + timeout_ns;
    }
    (void)pthread_mutex_lock(&port->lock);
    give_up_slot(port);
    enum spd_err err = wait_held(port, out, capacity, n_out, deadline_ns);

    /* There may be more, and a place for a leader. */
    spd_shared_wake(port);
    (void)pthread_mutex_unlock(&port->lock);
    return err;
}
