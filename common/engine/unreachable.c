/*
 * Goes over the records of a finished test. Any thread; does no I/O.
 */
#include "common/engine/unreachable.h"

#include <stdbool.h>

/* Whether any packet of the burst was answered; if none was, *why is the
 * unreachable error of one of them, or stays as it is. */
static bool was_answered(const struct spd_test_record *record, const struct spd_burst_record *burst,
                         enum spd_err *why)
{
    for (uint32_t i = 0; i < burst->n_packets; i++) {
        const struct spd_packet_record *p = &record->packets[burst->first_packet + i];

        if (p->n_replies > 0)
            return true;
        if (spd_err_is_unreachable((enum spd_err)p->err))
            *why = (enum spd_err)p->err;
    }
    return false;
}

static void mark(struct spd_test_record *record, const struct spd_burst_record *burst,
                 enum spd_err why)
{
    for (uint32_t i = 0; i < burst->n_packets; i++) {
        struct spd_packet_record *p = &record->packets[burst->first_packet + i];

        if (p->fate != SPD_FATE_PENDING)
            continue;
        p->fate = SPD_FATE_UNREACHABLE;
        p->err = (uint8_t)why;
    }
}

static void tell(struct spd_test_record *record, enum spd_err why, uint32_t since)
{
    if (why == SPD_ERR_REFUSED)
        spd_diag_set(&record->outcome, why, 0,
                     "%s answered with ICMP port unreachable from burst %u on: its reflector has "
                     "ended; start it again there. The result is of what was measured",
                     record->target_name, since);
    else
        spd_diag_set(&record->outcome, why, 0,
                     "%s: %s from burst %u on; check the link, the route and firewalls. The "
                     "result is of what was measured",
                     record->target_name, spd_err_text(why), since);
}

void spd_unreachable_conclude(struct spd_test_record *record)
{
    enum spd_err why = SPD_ERR_OK;
    uint32_t since = 0;

    for (size_t i = 0; i < record->n_bursts; i++) {
        const struct spd_burst_record *burst = &record->bursts[i];
        enum spd_err before = why;

        if (was_answered(record, burst, &why)) {
            why = SPD_ERR_OK;
            continue;
        }
        if (before == SPD_ERR_OK)
            since = burst->index;
        if (why != SPD_ERR_OK)
            mark(record, burst, why);
    }
    if (why != SPD_ERR_OK && record->outcome.err == SPD_ERR_OK)
        tell(record, why, since);
}
