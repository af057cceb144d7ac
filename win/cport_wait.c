/*
 * Waiting for completions. Runs on the threads that serve the port, the
 * time-critical one among them: allocates and formats nothing, and takes no
 * lock when the port has a single owner.
 */
#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "win/cport.h"
#include "win/oserr.h"
#include "win/udp.h"

/* Entries fetched in one call; on the stack, 8 KiB. */
#define MOST_ENTRIES 256
/* Nearer to its end than this a wait polls: the system's timer is too coarse. */
#define POLL_BELOW_NS (2 * SPD_NS_PER_MS)

struct deadline {
    bool never;
    spd_ticks start;
    spd_ns timeout_ns;
};

static spd_ns time_left(const struct deadline *deadline)
{
    if (deadline->never)
        return SPD_NS_FOREVER;
    if (deadline->timeout_ns <= 0)
        return 0;
    spd_ns passed_ns =
        spd_ticks_diff_ns(spd_clock_now(), deadline->start, spd_clock_frequency_hz());
    return passed_ns < deadline->timeout_ns ? deadline->timeout_ns - passed_ns : 0;
}

/* What to tell the system, rounded up to its milliseconds; 0 polls. */
static DWORD system_timeout_ms(spd_ns left_ns)
{
    if (left_ns == SPD_NS_FOREVER)
        return INFINITE;
    if (left_ns < POLL_BELOW_NS)
        return 0;
    spd_ns ms = (left_ns - 1) / SPD_NS_PER_MS + 1;
    return ms < (spd_ns)INFINITE ? (DWORD)ms : INFINITE - 1;
}

static bool is_finished(void *context)
{
    struct spd_cport *port = context;

    return atomic_load(&port->closed) && atomic_load(&port->n_outstanding) == 0;
}

/* Hand one of our operations back to its caller. */
static void finish(struct spd_op *op, uintptr_t key, uint32_t n_bytes,
                   struct spd_receive_context *context, struct spd_completion *out)
{
    struct spd_win_op *w = spd_win_op(op);
    struct spd_udp *udp = w->udp;

    SPD_ASSERT(op->in_flight != 0);
    out->op = op;
    out->n_bytes = n_bytes;
    out->err = SPD_ERR_OK;
    out->os_code = 0;
    if (w->what == SPD_WIN_OP_POST) {
        out->key = key;
        spd_win_op_end(op);
        return;
    }
    out->key = udp->key;
    if (w->what == SPD_WIN_OP_SEND)
        spd_udp_finish_send(op, n_bytes, out);
    else
        spd_udp_finish_receive(op, n_bytes, context, out);
    w->udp = NULL;
    spd_win_op_end(op);
    spd_udp_release(udp);
}

/* What was completed without the system. */
static size_t fetch_done(struct spd_cport *port, struct spd_completion *out, size_t capacity)
{
    struct spd_op *fetched[64];
    size_t most = capacity < 64 ? capacity : 64;
    size_t n = 0;

    if (atomic_load(&port->n_done) == 0)
        return 0;
    spd_cport_lock(port);
    while (n < most && (fetched[n] = spd_op_list_take(&port->done)) != NULL)
        n++;
    size_t n_left = port->done.n;
    atomic_store(&port->n_done, n_left);
    spd_cport_unlock(port);
    if (n_left > 0 && !port->single_owner)
        spd_cport_wake(port);
    for (size_t i = 0; i < n; i++)
        finish(fetched[i], 0, 0, NULL, &out[i]);
    return n;
}

static size_t translate(struct spd_cport *port, const OVERLAPPED_ENTRY *entries, size_t n_entries,
                        struct spd_completion *out)
{
    struct spd_receive_context context = { .have_pair = false };
    size_t n = 0;

    for (size_t i = 0; i < n_entries; i++) {
        const OVERLAPPED_ENTRY *e = &entries[i];

        if (e->lpOverlapped == &port->wake)
            continue;
        if (e->lpOverlapped != NULL && spd_udp_hand_over_again(spd_win_op_of(e->lpOverlapped)))
            continue;
        if (e->lpOverlapped == NULL)
            out[n] = (struct spd_completion){ .key = e->lpCompletionKey,
                                              .n_bytes = e->dwNumberOfBytesTransferred };
        else
            finish(spd_win_op_of(e->lpOverlapped), e->lpCompletionKey,
                   e->dwNumberOfBytesTransferred, &context, &out[n]);
        n++;
    }
    return n;
}

/* One look at the port, asleep at most as long as is left. *only_woken says that
 * there may be more behind a wake-up. */
static enum spd_err look(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                         size_t *n_out, spd_ns left_ns, bool *only_woken)
{
    OVERLAPPED_ENTRY entries[MOST_ENTRIES];
    ULONG n_entries = 0;
    ULONG most = capacity < MOST_ENTRIES ? (ULONG)capacity : MOST_ENTRIES;
    DWORD timeout_ms = system_timeout_ms(left_ns);

    *n_out = fetch_done(port, out, capacity);
    if (*n_out > 0)
        return SPD_ERR_OK;
    if (!GetQueuedCompletionStatusEx(port->iocp, entries, most, &n_entries, timeout_ms, FALSE)) {
        DWORD code = GetLastError();

        if (code != WAIT_TIMEOUT)
            return spd_oserr_map(code);
        if (timeout_ms == 0 && left_ns > 0)
            SwitchToThread();
        return SPD_ERR_OK;
    }
    *n_out = translate(port, entries, n_entries, out);
    *only_woken = *n_out == 0;
    return SPD_ERR_OK;
}

/* Look until there is something, the time is over or the port finished. */
static enum spd_err look_until(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                               size_t *n_out, const struct deadline *deadline)
{
    for (;;) {
        if (is_finished(port))
            return SPD_ERR_CLOSED;
        spd_ns left_ns = time_left(deadline);
        size_t n = 0;
        bool only_woken = false;
        enum spd_err err = look(port, out, capacity, &n, left_ns, &only_woken);

        if (err != SPD_ERR_OK)
            return err;
        if (n > 0) {
            *n_out = n;
            atomic_fetch_sub(&port->n_outstanding, n);
            return SPD_ERR_OK;
        }
        if (left_ns == 0 && !only_woken)
            return is_finished(port) ? SPD_ERR_CLOSED : SPD_ERR_TIMEOUT;
    }
}

/* A slot of the concurrency limit, within the deadline. */
static enum spd_err take_slot(struct spd_cport *port, const struct deadline *deadline)
{
    for (;;) {
        spd_ns left_ns = time_left(deadline);
        /* Not polled near the end: at worst this oversleeps a millisecond. */
        DWORD timeout_ms = left_ns > 0 && left_ns < POLL_BELOW_NS ? 1 : system_timeout_ms(left_ns);

        if (spd_slots_take(&port->slots, timeout_ms, is_finished, port))
            return SPD_ERR_OK;
        if (is_finished(port))
            return SPD_ERR_CLOSED;
        if (left_ns == 0)
            return SPD_ERR_TIMEOUT;
    }
}

enum spd_err spd_cport_wait(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                            size_t *n_out, spd_ns timeout_ns)
{
    struct deadline deadline = { timeout_ns == SPD_NS_FOREVER, { 0 }, timeout_ns };
    enum spd_err err = SPD_ERR_OK;

    if (capacity == 0)
        return SPD_ERR_INVALID;
    spd_cport_check_owner(port);
    if (!deadline.never && timeout_ns > 0)
        deadline.start = spd_clock_now();
    if (atomic_load(&port->n_queued) > 0)
        (void)spd_cport_commit(port, NULL); /* never fails */
    atomic_fetch_add(&port->n_waiting, 1);
    if (!port->single_owner) {
        spd_slots_give(&port->slots);
        err = take_slot(port, &deadline);
    }
    if (err == SPD_ERR_OK) {
        err = look_until(port, out, capacity, n_out, &deadline);
        if (err != SPD_ERR_OK && !port->single_owner)
            spd_slots_give(&port->slots);
    }
    /* The last completion of a closed port, or the only wake-up, went to this
     * thread: the others are to learn of it. */
    if (atomic_fetch_sub(&port->n_waiting, 1) > 1 && is_finished(port)) {
        spd_slots_wake(&port->slots);
        spd_cport_wake(port);
    }
    return err;
}
