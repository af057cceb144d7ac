/*
 * Orders packets. Pure; any thread.
 */
#include "common/result/log_order.h"

#include "common/base/seqnum.h"

void spd_log_bases_take(struct spd_log_bases *bases, const struct spd_flow_packet *packets,
                        size_t n)
{
    size_t n_unknown = 0;

    for (size_t i = 0; i < SPD_FLOWS_MAX; i++)
        n_unknown += !bases->known[i];
    for (size_t i = 0; i < n && n_unknown > 0; i++)
        if (!bases->known[packets[i].flow]) {
            bases->known[packets[i].flow] = true;
            bases->seq[packets[i].flow] = packets[i].seq;
            n_unknown--;
        }
}

uint64_t spd_log_order_key(const struct spd_log_bases *bases, const struct spd_flow_packet *packet)
{
    int64_t distance = spd_seqnum_diff(packet->seq, bases->seq[packet->flow]);

    return ((uint64_t)packet->flow << 32) + (uint64_t)(distance - INT32_MIN);
}

static bool comes_before(const struct spd_log_bases *bases, const struct spd_flow_packet *a,
                         const struct spd_flow_packet *b)
{
    uint64_t key_a = spd_log_order_key(bases, a), key_b = spd_log_order_key(bases, b);

    if (key_a != key_b)
        return key_a < key_b;
    return a->t2_ns != b->t2_ns ? a->t2_ns < b->t2_ns : a->t4_ns < b->t4_ns;
}

/* Returns false, with everything still there, after too many moves. */
static bool sort_by_insertion(struct spd_flow_packet *packets, size_t n,
                              const struct spd_log_bases *bases)
{
    size_t n_moves_left = 16 * n;

    for (size_t i = 1; i < n; i++) {
        if (!comes_before(bases, &packets[i], &packets[i - 1]))
            continue;
        struct spd_flow_packet packet = packets[i];
        size_t to = i;
        for (; to > 0 && n_moves_left > 0 && comes_before(bases, &packet, &packets[to - 1]); to--) {
            packets[to] = packets[to - 1];
            n_moves_left--;
        }
        packets[to] = packet;
        if (n_moves_left == 0)
            return false;
    }
    return true;
}

static void sift(struct spd_flow_packet *packets, size_t n, size_t at,
                 const struct spd_log_bases *bases)
{
    struct spd_flow_packet packet = packets[at];

    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && comes_before(bases, &packets[child], &packets[child + 1]))
            child++;
        if (!comes_before(bases, &packet, &packets[child]))
            break;
        packets[at] = packets[child];
    }
    packets[at] = packet;
}

static void sort_by_heap(struct spd_flow_packet *packets, size_t n,
                         const struct spd_log_bases *bases)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(packets, n, i, bases);
    for (size_t i = n; i-- > 1;) {
        struct spd_flow_packet last = packets[i];

        packets[i] = packets[0];
        packets[0] = last;
        sift(packets, i, 0, bases);
    }
}

void spd_log_order(struct spd_flow_packet *packets, size_t n, const struct spd_log_bases *bases)
{
    if (!sort_by_insertion(packets, n, bases))
        sort_by_heap(packets, n, bases);
}
