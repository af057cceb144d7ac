/*
 * The completion port over an I/O completion port of Windows: creation, the
 * queue up to commit, posts and close. The wait is in cport_wait.c. Runs on
 * the threads that use the port. Queue, commit and wait of a single-owner port
 * take no lock and allocate nothing.
 */
#include "win/cport.h"

#include <stdio.h>
#include <stdlib.h>

#include <mmsystem.h>

#include "common/base/assert.h"
#include "win/oserr.h"
#include "win/udp.h"

#define DEFAULT_QUEUED_SENDS 4096
#define MOST_QUEUED_SENDS    32768
/* The shortest sleep the system's timer gives; the default is 15.6 ms. */
#define TIMER_PERIOD_MS 1

enum spd_err spd_cport_create(const struct spd_cport_config *config, struct spd_cport **out,
                              struct spd_diag *diag)
{
    struct spd_cport *port;
    unsigned n_threads = config->concurrency_limit;
    enum spd_err err;

    if (n_threads == 0)
        n_threads = (unsigned)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    if (n_threads == 0)
        n_threads = 1;
    port = calloc(1, sizeof *port);
    if (port == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a completion port");
    port->single_owner = config->single_owner;
    port->max_queued_sends =
        config->max_queued_sends != 0 ? config->max_queued_sends : DEFAULT_QUEUED_SENDS;
    if (port->max_queued_sends > MOST_QUEUED_SENDS)
        port->max_queued_sends = MOST_QUEUED_SENDS;
    InitializeSRWLock(&port->lock);
    InitializeSRWLock(&port->sockets_lock);
    err = spd_slots_init(&port->slots, n_threads);
    if (err != SPD_ERR_OK) {
        spd_diag_set(diag, err, (int32_t)GetLastError(),
                     "cannot create a completion port: no fiber-local storage is left in this "
                     "process");
        goto fail_slots;
    }
    port->iocp = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, n_threads);
    if (port->iocp == NULL) {
        char text[SPD_OSERR_TEXT_BYTES];
        DWORD code = GetLastError();

        err = spd_oserr_map(code);
        spd_diag_set(diag, err, (int32_t)code, "cannot create a completion port: %s",
                     spd_oserr_text(code, text));
        goto fail_iocp;
    }
    timeBeginPeriod(TIMER_PERIOD_MS);
    *out = port;
    return SPD_ERR_OK;

fail_iocp:
    spd_slots_fini(&port->slots);
fail_slots:
    free(port);
    return err;
}

void spd_cport_facts(const struct spd_cport *port, struct spd_cport_facts *out)
{
    (void)port;
    out->kind = "iocp";
    out->receive_path = "overlapped";
    out->features = 0;
    snprintf(out->note, sizeof out->note,
             "datagrams are handed over one by one, each after a reading of the counter");
}

void spd_cport_lock(struct spd_cport *port)
{
    if (!port->single_owner)
        AcquireSRWLockExclusive(&port->lock);
}

void spd_cport_unlock(struct spd_cport *port)
{
    if (!port->single_owner)
        ReleaseSRWLockExclusive(&port->lock);
}

void spd_cport_check_owner(struct spd_cport *port)
{
    if (!port->single_owner)
        return;
    if (port->owner == 0)
        port->owner = GetCurrentThreadId();
    SPD_ASSERT(port->owner == GetCurrentThreadId());
}

void spd_op_list_append(struct spd_op_list *list, struct spd_op *op)
{
    spd_win_op(op)->next = NULL;
    if (list->tail != NULL)
        spd_win_op(list->tail)->next = op;
    else
        list->head = op;
    list->tail = op;
    list->n++;
}

struct spd_op *spd_op_list_take(struct spd_op_list *list)
{
    struct spd_op *op = list->head;

    if (op == NULL)
        return NULL;
    list->head = spd_win_op(op)->next;
    if (list->head == NULL)
        list->tail = NULL;
    list->n--;
    return op;
}

void spd_cport_wake(struct spd_cport *port)
{
    /* When the system has no memory for it, the next wait looks around anyway. */
    PostQueuedCompletionStatus(port->iocp, 0, 0, &port->wake);
}

enum spd_err spd_cport_accept(struct spd_cport *port, struct spd_op *op)
{
    bool is_send = spd_win_op(op)->what == SPD_WIN_OP_SEND;
    enum spd_err err = SPD_ERR_OK;

    spd_cport_check_owner(port);
    spd_cport_lock(port);
    if (atomic_load(&port->closed)) {
        err = SPD_ERR_CLOSED;
    } else if (is_send && port->n_queued_sends >= port->max_queued_sends) {
        err = SPD_ERR_FULL;
    } else {
        if (is_send)
            port->n_queued_sends++;
        atomic_fetch_add(&port->n_outstanding, 1);
        spd_op_list_append(&port->queued, op);
        atomic_store(&port->n_queued, port->queued.n);
    }
    spd_cport_unlock(port);
    return err;
}

void spd_cport_complete_locked(struct spd_cport *port, struct spd_op *op, enum spd_err err,
                               int32_t os_code)
{
    struct spd_win_op *w = spd_win_op(op);

    w->failed = err;
    w->failed_code = os_code;
    spd_op_list_append(&port->done, op);
    atomic_store(&port->n_done, port->done.n);
}

enum spd_err spd_cport_commit(struct spd_cport *port, size_t *n_handed)
{
    size_t n = 0;
    size_t n_done_before;
    size_t n_done_after;
    struct spd_op *op;

    spd_cport_check_owner(port);
    /* The lock is held throughout: two commits must not overtake each other. */
    spd_cport_lock(port);
    n_done_before = port->done.n;
    while ((op = spd_op_list_take(&port->queued)) != NULL) {
        struct spd_win_op *w = spd_win_op(op);

        if (w->what == SPD_WIN_OP_SEND)
            port->n_queued_sends--;
        if (atomic_load(&port->closed))
            spd_cport_complete_locked(port, op, SPD_ERR_CANCELLED, 0);
        else if (w->what == SPD_WIN_OP_SEND)
            n += spd_udp_issue_send_locked(w->udp, op);
        else
            spd_udp_issue_receive_locked(w->udp, op);
    }
    atomic_store(&port->n_queued, 0);
    n_done_after = port->done.n;
    spd_cport_unlock(port);
    /* Other threads may sleep in the system's wait, which knows nothing of
     * operations that failed at once. */
    if (n_done_after > n_done_before && !port->single_owner)
        spd_cport_wake(port);
    if (n_handed != NULL)
        *n_handed = n;
    return SPD_ERR_OK;
}

enum spd_err spd_cport_post(struct spd_cport *port, uintptr_t key, uint32_t n_bytes,
                            struct spd_op *op)
{
    if (op != NULL && !spd_win_op_begin(op, SPD_WIN_OP_POST, NULL))
        return SPD_ERR_INVALID;
    /* Counted before the look at closed, so that a close either sees this post
     * or is seen by it. */
    atomic_fetch_add(&port->n_outstanding, 1);
    if (!atomic_load(&port->closed)) {
        if (PostQueuedCompletionStatus(port->iocp, n_bytes, key,
                                       op != NULL ? &spd_win_op(op)->overlapped : NULL))
            return SPD_ERR_OK;
    }
    if (op != NULL)
        spd_win_op_end(op);
    if (atomic_fetch_sub(&port->n_outstanding, 1) == 1 && atomic_load(&port->closed)) {
        spd_slots_wake(&port->slots);
        spd_cport_wake(port);
    }
    return atomic_load(&port->closed) ? SPD_ERR_CLOSED : SPD_ERR_NOMEM;
}

size_t spd_cport_cancel_queued(struct spd_cport *port, struct spd_udp *udp, struct spd_op *only)
{
    struct spd_op_list kept = { NULL, NULL, 0 };
    struct spd_op *op;
    size_t n = 0;

    spd_cport_lock(port);
    while ((op = spd_op_list_take(&port->queued)) != NULL) {
        struct spd_win_op *w = spd_win_op(op);

        if ((udp != NULL && w->udp != udp) || (only != NULL && op != only)) {
            spd_op_list_append(&kept, op);
            continue;
        }
        if (w->what == SPD_WIN_OP_SEND)
            port->n_queued_sends--;
        spd_cport_complete_locked(port, op, SPD_ERR_CANCELLED, ERROR_OPERATION_ABORTED);
        n++;
    }
    port->queued = kept;
    atomic_store(&port->n_queued, kept.n);
    spd_cport_unlock(port);
    if (n > 0 && !port->single_owner)
        spd_cport_wake(port);
    return n;
}

void spd_cport_add_socket(struct spd_cport *port, struct spd_udp *udp)
{
    AcquireSRWLockExclusive(&port->sockets_lock);
    udp->next = port->sockets;
    udp->previous = NULL;
    if (port->sockets != NULL)
        port->sockets->previous = udp;
    port->sockets = udp;
    port->n_sockets++;
    ReleaseSRWLockExclusive(&port->sockets_lock);
}

void spd_cport_remove_socket(struct spd_cport *port, struct spd_udp *udp)
{
    AcquireSRWLockExclusive(&port->sockets_lock);
    if (udp->previous != NULL)
        udp->previous->next = udp->next;
    else
        port->sockets = udp->next;
    if (udp->next != NULL)
        udp->next->previous = udp->previous;
    port->n_sockets--;
    ReleaseSRWLockExclusive(&port->sockets_lock);
}

void spd_cport_close(struct spd_cport *port)
{
    if (atomic_exchange(&port->closed, true))
        return;
    /* A single owner's queue is its own: its next commit or wait finds the port
     * closed and cancels what is there. */
    if (!port->single_owner)
        spd_cport_cancel_queued(port, NULL, NULL);
    AcquireSRWLockExclusive(&port->sockets_lock);
    for (struct spd_udp *udp = port->sockets; udp != NULL; udp = udp->next)
        spd_udp_cancel_pending(udp);
    ReleaseSRWLockExclusive(&port->sockets_lock);
    /* One wake-up; each thread that leaves for good passes it on. */
    spd_slots_wake(&port->slots);
    spd_cport_wake(port);
}

void spd_cport_destroy(struct spd_cport *port)
{
    if (port == NULL)
        return;
    SPD_ASSERT(atomic_load(&port->n_waiting) == 0);
    SPD_ASSERT(atomic_load(&port->n_outstanding) == 0);
    SPD_ASSERT(port->n_sockets == 0);
    spd_slots_fini(&port->slots);
    CloseHandle(port->iocp);
    timeEndPeriod(TIMER_PERIOD_MS);
    free(port);
}
