/*
 * One io_uring: set-up with fall-backs, the enter call, and what Debian 12's
 * headers do not know yet. Private to posix/.
 *
 * A ring belongs to whoever may submit: the owner of a single-owner port, or
 * the holder of the lock of a shared one.
 */
#ifndef SPD_POSIX_RING_H
#define SPD_POSIX_RING_H

#include <liburing.h>
#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* The kernel's values, newer than the headers of Debian 12 (Linux 6.1). */
#define SPD_RING_SOCKET_TX_TIMESTAMP 4u         /* SOCKET_URING_OP_TX_TIMESTAMP, 6.17 */
#define SPD_RING_SETUP_CQE_MIXED     (1u << 18) /* IORING_SETUP_CQE_MIXED, 6.18 */
#define SPD_RING_TSTAMP_TYPE_SHIFT   17         /* IORING_TIMESTAMP_TYPE_SHIFT */

struct spd_ring {
    struct io_uring uring;
    unsigned setup_flags;
    unsigned next_slot; /* of those for submissions */
    bool enabled;       /* false while created for an owner who has not come yet */
    bool has_send_to;   /* SEND takes an address (6.1) */
    bool has_multishot; /* RECVMSG multishot (6.0) */
    bool has_stamps;    /* SOCKET_URING_OP_TX_TIMESTAMP */
};

enum spd_ring_sharing {
    SPD_RING_SHARED, /* any thread submits, under a lock */
    SPD_RING_OWNED,  /* one thread submits; it enables the ring */
};

/* Make a ring for n_sends submissions, n_completions completions. allow_defer:
 * completions may wait for the owner to enter the kernel. wide: completions of
 * 32 bytes. Fills *diag with the setting to change when the system denies it. */
enum spd_err spd_ring_open(struct spd_ring *ring, enum spd_ring_sharing sharing, unsigned n_sends,
                           unsigned n_completions, bool allow_defer, bool wide,
                           struct spd_diag *diag);
void spd_ring_close(struct spd_ring *ring);

/* The first call of the owner; later ones do nothing. Returns an errno or 0. */
int spd_ring_enable(struct spd_ring *ring);

/* Completions are made by entering the kernel, and a flag says when to. */
bool spd_ring_is_deferred(const struct spd_ring *ring);

/* Submissions written and not yet handed over. */
static inline unsigned spd_ring_n_unsubmitted(const struct spd_ring *ring)
{
    return ring->uring.sq.sqe_tail - ring->uring.sq.sqe_head;
}

/* Room for one more, or NULL. Every field must then be set (io_uring_prep_*).
 * Slots are used from the first one again whenever the kernel has taken all:
 * so a few packets at a time stay in one corner of the cache. */
static inline struct io_uring_sqe *spd_ring_sqe(struct spd_ring *ring)
{
    struct io_uring_sq *sq = &ring->uring.sq;

    if (__atomic_load_n(sq->khead, __ATOMIC_ACQUIRE) == sq->sqe_tail) {
        ring->next_slot = 0;
    }
    if (ring->next_slot >= sq->ring_entries) {
        return NULL;
    }
    sq->array[sq->sqe_tail++ & sq->ring_mask] = ring->next_slot;
    return &sq->sqes[ring->next_slot++];
}

/* Take back everything written and not handed over. */
static inline void spd_ring_rewind(struct spd_ring *ring)
{
    ring->uring.sq.sqe_tail = ring->uring.sq.sqe_head;
}

/* Whether entering the kernel would bring completions that are not visible
 * yet. */
static inline bool spd_ring_has_hidden(const struct spd_ring *ring)
{
    return (__atomic_load_n(ring->uring.sq.kflags, __ATOMIC_ACQUIRE) &
            (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

static inline unsigned spd_ring_n_ready(const struct spd_ring *ring)
{
    return __atomic_load_n(ring->uring.cq.ktail, __ATOMIC_ACQUIRE) - *ring->uring.cq.khead;
}

/* Hand over all that was written; with get_events also run what the kernel
 * keeps for us. Returns an errno or 0. */
int spd_ring_submit(struct spd_ring *ring, bool get_events);

/* Wait until a completion is there, or timeout_ns passed (SPD_NS_FOREVER never
 * does). Submits first when submit (never from a thread without the right to).
 * Returns 0, ETIME, EINTR or another errno. */
int spd_ring_wait(struct spd_ring *ring, bool submit, spd_ns timeout_ns);

#endif
