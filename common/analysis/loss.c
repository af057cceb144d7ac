/*
 * Loss counts, ratios and periods. Any thread; allocates nothing.
 */
#include "common/analysis/loss.h"

#include "common/base/assert.h"

struct period_counter {
    struct spd_loss_periods *periods;
    uint32_t length; /* of the period now running; 0 none */
};

static void period_add(struct period_counter *counter, bool lost)
{
    if (!lost) {
        counter->length = 0;
        return;
    }
    /* RFC 3357 section 5.1.2: a lost packet after one that was not lost begins
     * a new period. */
    if (counter->length++ == 0)
        counter->periods->n_periods++;
    if (counter->length > counter->periods->longest_packets)
        counter->periods->longest_packets = counter->length;
}

static void count_fate(enum spd_fate fate, struct spd_loss *out)
{
    out->n_packets++;
    switch (fate) {
    case SPD_FATE_RECEIVED:
        out->n_received++;
        break;
    case SPD_FATE_LOST_FORWARD:
        out->n_lost_forward++;
        break;
    case SPD_FATE_LOST_REVERSE:
        out->n_lost_reverse++;
        break;
    case SPD_FATE_LOST:
        out->n_lost_unknown++;
        break;
    case SPD_FATE_NOT_SENT:
        out->n_not_sent++;
        break;
    case SPD_FATE_UNREACHABLE:
        out->n_unreachable++;
        break;
    case SPD_FATE_PENDING:
    case SPD_FATE_COUNT:
        out->n_unresolved++;
        break;
    }
}

static void count_burst(const struct spd_test_record *record, const struct spd_burst_record *burst,
                        struct spd_loss *out)
{
    struct period_counter any = { &out->periods, 0 };
    struct period_counter forward = { &out->periods_forward, 0 };
    struct period_counter reverse = { &out->periods_reverse, 0 };
    uint32_t unplaced = burst->n_lost_forward_unplaced + burst->n_lost_reverse_unplaced;

    SPD_ASSERT((size_t)burst->first_packet + burst->n_packets <= record->n_packets);
    for (uint32_t i = 0; i < burst->n_packets; i++) {
        const struct spd_packet_record *packet = &record->packets[burst->first_packet + i];
        enum spd_fate fate = (enum spd_fate)packet->fate;
        bool lost_forward = fate == SPD_FATE_LOST_FORWARD;
        bool lost_reverse = fate == SPD_FATE_LOST_REVERSE;

        count_fate(fate, out);
        /* What was never sent neither ends a period nor belongs to one. */
        if (fate != SPD_FATE_NOT_SENT) {
            period_add(&any, lost_forward || lost_reverse || fate == SPD_FATE_LOST);
            period_add(&forward, lost_forward);
            period_add(&reverse, lost_reverse);
        }
        if (packet->n_replies > 1) {
            out->n_duplicated++;
            out->n_duplicate_replies += packet->n_replies - 1;
        }
    }
    SPD_ASSERT(unplaced <= out->n_lost_unknown);
    out->n_lost_unknown -= unplaced;
    out->n_lost_forward += burst->n_lost_forward_unplaced;
    out->n_lost_reverse += burst->n_lost_reverse_unplaced;
}

/* RFC 7680 section 4.1; -1 for an empty sample. */
static double ratio_of(uint32_t n_lost, uint32_t n_total)
{
    return n_total == 0 ? -1.0 : (double)n_lost / (double)n_total;
}

void spd_loss_count(const struct spd_test_record *record, struct spd_loss *out)
{
    *out = (struct spd_loss){ 0 };
    for (size_t i = 0; i < record->n_bursts; i++)
        if (!record->bursts[i].superseded)
            count_burst(record, &record->bursts[i], out);

    out->n_sent = out->n_packets - out->n_not_sent;
    out->n_lost = out->n_lost_forward + out->n_lost_reverse + out->n_lost_unknown;
    /* Unreachable packets met an ICMP error: they were not lost, but neither
     * did they take the way back. */
    uint32_t n_answerable = out->n_sent - out->n_unresolved;
    uint32_t n_reached = out->n_received + out->n_lost_reverse + out->n_lost_unknown;
    out->ratio = ratio_of(out->n_lost, n_answerable);
    out->ratio_forward = ratio_of(out->n_lost_forward, n_answerable);
    out->ratio_reverse = ratio_of(out->n_lost_reverse, n_reached);
}
