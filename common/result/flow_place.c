/*
 * Places losses. Pure; any thread.
 */
#include "common/result/flow_place.h"

static bool is_first(const struct spd_flow_packet *packet)
{
    return (packet->flags & (SPD_FLOW_DUPLICATE | SPD_FLOW_NOT_SENT)) == 0;
}

static bool is_lost(const struct spd_flow_packet *packet)
{
    return is_first(packet) && !(packet->flags & SPD_FLOW_RETURNED);
}

/* A stateless reflector repeats the sender's number. One that counts and lost
 * nothing does the same; then there is nothing to tell. */
static bool is_stateful(const struct spd_flow_packet *packets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((packets[i].flags & SPD_FLOW_RETURNED) && packets[i].reflector_seq != packets[i].seq)
            return true;
    return false;
}

/* n_lost packets from `from` on were lost between two replies; the numbers say
 * that n_arrived packets arrived between them (duplicates may make it more). */
static void place_gap(struct spd_flow_packet *from, size_t n_lost, int64_t n_arrived,
                      struct spd_flow_loss *out)
{
    uint64_t n_left = n_arrived < 0                  ? 0
                      : (uint64_t)n_arrived > n_lost ? n_lost
                                                     : (uint64_t)n_arrived;

    out->n_reverse += n_left;
    out->n_forward += n_lost - n_left;
    for (; n_lost > 0; from++) {
        if (!is_lost(from))
            continue;
        if (n_left > 0) {
            from->flags |= SPD_FLOW_ARRIVED;
            n_left--;
        }
        n_lost--;
    }
}

void spd_flow_place_losses(struct spd_flow_packet *packets, size_t n, struct spd_flow_loss *out)
{
    int64_t number = -1; /* of the last reply: the reflector counts from 0 */
    size_t n_gap = 0, first_lost = 0;

    *out = (struct spd_flow_loss){ .known = true, .directions_known = is_stateful(packets, n) };
    for (size_t i = 0; i < n; i++) {
        if (is_lost(&packets[i])) {
            if (n_gap++ == 0)
                first_lost = i;
            out->n_lost++;
        } else if (is_first(&packets[i])) {
            int64_t next = packets[i].reflector_seq;

            if (out->directions_known && n_gap > 0)
                place_gap(&packets[first_lost], n_gap, next - number - 1, out);
            n_gap = 0;
            number = next;
        }
    }
    out->n_unknown = out->n_lost - out->n_forward - out->n_reverse;
}

void spd_flow_hide_unarrived(struct spd_flow_packet *packets, size_t n,
                             const struct spd_flow_loss *loss, bool hide)
{
    size_t end = n;

    if (!loss->directions_known)
        return;
    while (end > 0 && !(packets[end - 1].flags & SPD_FLOW_RETURNED))
        end--; /* lost behind the last reply: nothing is known of them */
    for (size_t i = 0; i < end; i++) {
        struct spd_flow_packet *packet = &packets[i];

        if ((packet->flags & (SPD_FLOW_ARRIVED | SPD_FLOW_SENT)) != SPD_FLOW_SENT)
            continue;
        if (hide)
            packet->flags |= SPD_FLOW_NOT_SENT;
        else
            packet->flags &= (uint8_t)~SPD_FLOW_NOT_SENT;
    }
}
