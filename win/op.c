/*
 * The life of an operation. Any thread; takes no lock and allocates nothing.
 */
#include <string.h>

#include "common/base/assert.h"
#include "win/op.h"

void spd_op_init(struct spd_op *op)
{
    memset(op->system, 0, sizeof(op->system));
    __atomic_store_n(&op->in_flight, 0, __ATOMIC_RELEASE);
}

void spd_op_fini(struct spd_op *op)
{
    /* The system still writes into an operation in flight: whoever frees it
     * now would have its memory corrupted later. */
    SPD_ASSERT(__atomic_load_n(&op->in_flight, __ATOMIC_ACQUIRE) == 0);
}

bool spd_win_op_begin(struct spd_op *op, enum spd_win_op_what what, struct spd_udp *udp)
{
    struct spd_win_op *w = spd_win_op(op);

    if (__atomic_exchange_n(&op->in_flight, 1, __ATOMIC_ACQ_REL) != 0)
        return false;
    memset(&w->overlapped, 0, sizeof(w->overlapped));
    w->next = NULL;
    w->udp = udp;
    w->what = (uint8_t)what;
    w->handed_over = false;
    w->cancel_asked = false;
    w->retried = false;
    w->tclass = -1;
    w->failed = SPD_ERR_OK;
    w->failed_code = 0;
    return true;
}

void spd_win_op_end(struct spd_op *op)
{
    __atomic_store_n(&op->in_flight, 0, __ATOMIC_RELEASE);
}
