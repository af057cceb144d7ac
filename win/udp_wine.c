/*
 * Where Wine ends operations that Windows leaves pending, they are handed over
 * again, so that the contract holds there too. Runs on the threads that wait;
 * allocates and formats nothing.
 *
 * In Wine 8 an operation that gets its result while the thread that issued it
 * ends is completed without the result; Windows ends operations with their
 * thread only on handles without a completion port. And an ICMP error, which
 * completes one receive on Windows, completes all that are pending, and the
 * socket hears nothing after it: another takes its place.
 */
#include "win/oserr.h"
#include "win/udp.h"

#include <string.h>

static bool was_asked(const struct spd_udp *udp, const struct spd_win_op *w)
{
    return w->cancel_asked || w->issue_number < udp->cancelled_before;
}

/* Ended with a socket that was replaced: Wine has a status of its own. */
#define WINE_STATUS_HANDLES_CLOSED ((int32_t)0x8000000A)

static enum spd_err error_of(int32_t status)
{
    /* Pending still: the thread that issued it ended before the result came. */
    if (status == WINE_STATUS_HANDLES_CLOSED || status == SPD_WIN_STATUS_PENDING)
        return SPD_ERR_CANCELLED;
    return spd_oserr_map(spd_oserr_of_status(status));
}

/* The port's lock is held. */
static bool is_unwarranted(struct spd_udp *udp, struct spd_win_op *w, enum spd_err err)
{
    if (err == SPD_ERR_CANCELLED)
        return !was_asked(udp, w);
    if (!spd_err_is_unreachable(err))
        return false;
    if (w->what == SPD_WIN_OP_SEND) {
        /* The answer to an earlier datagram; this one was still waiting. */
        bool again = !w->retried;

        w->retried = true;
        return again;
    }
    if (w->issue_number < udp->error_told_before)
        return true;
    /* The first receive that tells it; those issued up to now tell it as well. */
    udp->error_told_before = udp->next_issue_number;
    spd_udp_unreachable_locked(udp);
    return false;
}

void spd_udp_unreachable_locked(struct spd_udp *udp)
{
    if (!udp->wine || atomic_load(&udp->closing))
        return;
    /* What was pending ends with the old socket and comes over to the new one
     * by spd_udp_hand_over_again. When there is no new one, it fails there. */
    (void)spd_udp_open_again(udp);
}

bool spd_udp_hand_over_again(struct spd_op *op)
{
    struct spd_win_op *w = spd_win_op(op);
    struct spd_udp *udp = w->udp;
    struct spd_cport *port;
    enum spd_err err;
    bool again;

    if (udp == NULL || !udp->wine || w->overlapped.Internal == 0)
        return false;
    if (atomic_load(&udp->closing) || atomic_load(&udp->port->closed))
        return false;
    port = udp->port;
    err = error_of((int32_t)w->overlapped.Internal);
    spd_cport_lock(port);
    again = is_unwarranted(udp, w, err);
    if (again && w->what == SPD_WIN_OP_SEND) {
        if (err != SPD_ERR_CANCELLED)
            spd_udp_keep_icmp_error(udp, err);
        memset(&w->overlapped, 0, sizeof w->overlapped);
        (void)spd_udp_issue_send_locked(udp, op);
    } else if (again) {
        spd_udp_prepare_receive(op);
        spd_udp_issue_receive_locked(udp, op);
    }
    spd_cport_unlock(port);
    return again;
}
