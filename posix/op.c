/*
 * Operations: idle, dead, and in queues. spd_op_init and spd_op_fini may be
 * called by any thread; the lists are held (cport_private.h).
 */
#include "posix/cport_private.h"

#include <string.h>

void spd_op_init(struct spd_op *op)
{
    /* The rest of system is written before it is read. */
    memset(op->system, 0, offsetof(struct spd_op_system, message));
    op->in_flight = 0;
}

void spd_op_fini(struct spd_op *op)
{
    SPD_ASSERT(op->in_flight == 0);
}

bool spd_op_list_remove(struct spd_op_list *list, struct spd_op *op)
{
    struct spd_op *previous = NULL;

    for (struct spd_op *at = list->head; at != NULL; at = spd_op_system(at)->next) {
        if (at == op) {
            struct spd_op *next = spd_op_system(op)->next;

            if (previous == NULL) {
                list->head = next;
            } else {
                spd_op_system(previous)->next = next;
            }
            if (list->tail == op) {
                list->tail = previous;
            }
            list->n--;
            return true;
        }
        previous = at;
    }
    return false;
}
