/*
 * Places losses. Pure; any thread.
 */
#include "common/result/flow_place.h"

#include <stdlib.h>

/* The numbers that replies bore: a bit each, from the first one on. */
struct numbers {
    uint8_t *bits;
    uint32_t first;
    uint32_t span;
};

static bool is_first(const struct spd_flow_packet *packet)
{
    return (packet->flags & (SPD_FLOW_DUPLICATE | SPD_FLOW_NOT_SENT)) == 0;
}

static bool is_lost(const struct spd_flow_packet *packet)
{
    return is_first(packet) && !(packet->flags & SPD_FLOW_RETURNED);
}

/* A stateless reflector repeats the sender's number. One that counts and lost
 * nothing does the same; then there is nothing to tell. More numbers than could
 * be of this flow make no sense. */
static bool is_stateful(const struct spd_flow_packet *packets, size_t n, struct numbers *out)
{
    uint32_t low = UINT32_MAX, high = 0;
    bool differs = false;

    for (size_t i = 0; i < n; i++) {
        uint32_t number = packets[i].reflector_seq;

        if (!(packets[i].flags & SPD_FLOW_RETURNED))
            continue;
        differs = differs || number != packets[i].seq;
        low = number < low ? number : low;
        high = number > high ? number : high;
    }
    /* It counts from 0; one that does not has begun with another session. */
    out->first = low <= n ? 0 : low;
    out->span = high - out->first + 1;
    return differs && high - out->first <= 2 * n + 64;
}

static enum spd_err note_numbers(const struct spd_flow_packet *packets, size_t n,
                                 struct numbers *numbers)
{
    numbers->bits = calloc(numbers->span / 8 + 1, 1);
    if (numbers->bits == NULL)
        return SPD_ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        if (packets[i].flags & SPD_FLOW_RETURNED) {
            uint32_t at = packets[i].reflector_seq - numbers->first;
            numbers->bits[at / 8] |= (uint8_t)(1u << at % 8);
        }
    return SPD_ERR_OK;
}

/* Of n_lost packets from `from` on, n_arrived arrived. */
static void place_gap(struct spd_flow_packet *from, size_t n_lost, size_t n_arrived,
                      struct spd_flow_loss *out)
{
    if (n_arrived > n_lost)
        n_arrived = n_lost;
    out->n_reverse += n_arrived;
    out->n_forward += n_lost - n_arrived;
    for (; n_arrived > 0; from++)
        if (is_lost(from)) {
            from->flags |= SPD_FLOW_ARRIVED;
            n_arrived--;
        }
}

static void place_all(struct spd_flow_packet *packets, size_t n, const struct numbers *numbers,
                      struct spd_flow_loss *out)
{
    size_t n_gap = 0, first_lost = 0;
    uint32_t counted = 0; /* numbers up to here are accounted for */
    bool began = numbers->first == 0;

    for (size_t i = 0; i < n; i++) {
        if (is_lost(&packets[i])) {
            if (n_gap++ == 0)
                first_lost = i;
        } else if (is_first(&packets[i])) {
            uint32_t number = packets[i].reflector_seq - numbers->first;
            size_t n_missing = 0;

            for (; counted < number; counted++)
                n_missing += (numbers->bits[counted / 8] >> counted % 8 & 1) == 0;
            /* Before a count that began elsewhere nothing can be told. */
            if (n_gap > 0 && began)
                place_gap(&packets[first_lost], n_gap, n_missing, out);
            began = true;
            n_gap = 0;
        }
    }
}

enum spd_err spd_flow_place_losses(struct spd_flow_packet *packets, size_t n,
                                   struct spd_flow_loss *out)
{
    struct numbers numbers = { 0 };
    enum spd_err err = SPD_ERR_OK;

    *out = (struct spd_flow_loss){ .known = true,
                                   .directions_known = is_stateful(packets, n, &numbers) };
    for (size_t i = 0; i < n; i++)
        out->n_lost += is_lost(&packets[i]);
    if (out->directions_known) {
        err = note_numbers(packets, n, &numbers);
        if (!err)
            place_all(packets, n, &numbers, out);
    }
    free(numbers.bits);
    out->n_unknown = out->n_lost - out->n_forward - out->n_reverse;
    return err;
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
