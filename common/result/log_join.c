/*
 * Joins the logs of a one-way session. Any thread. Takes no memory but for the
 * packets that only the receiver knows: duplicates, mostly.
 */
#include "common/result/log_join.h"

#include <stdlib.h>
#include <string.h>

#include "common/result/log_order.h"

#define NO_FLOW SPD_FLOWS_MAX

/* The send time in a packet is taken some microseconds before the kernel's; a
 * session of another day, or of the hour before, differs by more than this. */
#define SAME_SESSION_NS (10 * SPD_NS_PER_S)

static bool is_zero(const uint8_t sid[16])
{
    static const uint8_t zero[16];

    return memcmp(sid, zero, sizeof zero) == 0;
}

/* The sender's flow that a flow of the receiver belongs to, or NO_FLOW. Without
 * identifiers only flows that stand alone are taken for each other. */
static size_t find_flow(const struct spd_log *sender, const struct spd_log *receiver, size_t flow)
{
    const struct spd_log_flow *wanted = &receiver->header.flows[flow];

    for (size_t i = 0; i < sender->header.n_flows; i++) {
        const struct spd_log_flow *candidate = &sender->header.flows[i];

        if (!is_zero(wanted->sid) && memcmp(wanted->sid, candidate->sid, 16) == 0)
            return i;
    }
    if (sender->header.n_flows == 1 && receiver->header.n_flows == 1 &&
        (is_zero(wanted->sid) || is_zero(sender->header.flows[0].sid)))
        return 0;
    return NO_FLOW;
}

/* Give the receiver's packets the sender's numbers of flows. Those of flows
 * that the sender does not have are dropped. */
static size_t map_flows(const struct spd_log *sender, struct spd_log *receiver,
                        bool heard[SPD_FLOWS_MAX])
{
    size_t map[SPD_FLOWS_MAX], n = 0, n_mapped = 0;

    for (size_t i = 0; i < receiver->header.n_flows; i++) {
        map[i] = find_flow(sender, receiver, i);
        if (map[i] != NO_FLOW) {
            heard[map[i]] = true;
            n_mapped++;
        }
    }
    if (n_mapped == 0)
        return 0;
    for (size_t i = 0; i < receiver->n_packets; i++) {
        struct spd_flow_packet packet = receiver->packets[i];

        if (map[packet.flow] == NO_FLOW)
            continue;
        packet.flow = (uint8_t)map[packet.flow];
        receiver->packets[n++] = packet;
    }
    receiver->n_packets = n;
    return n_mapped;
}

static enum spd_err check_kinds(const struct spd_log *sender, const struct spd_log *receiver,
                                struct spd_diag *diag)
{
    bool fits =
        (sender->header.kind == SPD_LOG_ONE_WAY_SENDER || sender->header.kind == SPD_LOG_ONE_WAY) &&
        receiver->header.kind == SPD_LOG_ONE_WAY_RECEIVER;

    if (fits)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "%s (%s) and %s (%s) do not belong together; give the log of one sender "
                        "and those of its receivers, or a single log",
                        sender->name, spd_log_kind_text((enum spd_log_kind)sender->header.kind),
                        receiver->name,
                        spd_log_kind_text((enum spd_log_kind)receiver->header.kind));
}

static enum spd_err different(const struct spd_log *sender, const struct spd_log *receiver,
                              const char *why, struct spd_diag *diag)
{
    return spd_diag_set(diag, SPD_ERR_INVALID, 0, "%s and %s are logs of different sessions: %s",
                        sender->name, receiver->name, why);
}

/* Both in order: walks both and calls the packet of the sender for each of the
 * receiver, or NULL. */
struct walk {
    const struct spd_log_bases *bases;
    struct spd_flow_packet *at;
    struct spd_flow_packet *end;
};

static struct spd_flow_packet *find(struct walk *walk, const struct spd_flow_packet *wanted)
{
    uint64_t key = spd_log_order_key(walk->bases, wanted);

    while (walk->at < walk->end && spd_log_order_key(walk->bases, walk->at) < key)
        walk->at++;
    return walk->at < walk->end && spd_log_order_key(walk->bases, walk->at) == key ? walk->at
                                                                                   : NULL;
}

static bool is_whole(const struct spd_log *log)
{
    return log->facts.condition.state == SPD_LOG_WHOLE && log->facts.end.n_records_lost == 0;
}

/* Whether most send times that packets carried are those that the sender
 * logged; why not, otherwise. */
static bool is_same_session(const struct spd_log *sender, const struct spd_log *receiver,
                            const struct spd_log_bases *bases, const char **why)
{
    struct walk walk = { bases, sender->packets, sender->packets + sender->n_packets };
    size_t n_common = 0, n_close = 0, n_far = 0;

    for (size_t i = 0; i < receiver->n_packets; i++) {
        const struct spd_flow_packet *arrived = &receiver->packets[i], *sent = find(&walk, arrived);

        n_common += sent != NULL;
        if (!sent || sent->t1_ns == 0 || arrived->t1_ns == 0)
            continue;
        spd_ns apart_ns = sent->t1_ns - arrived->t1_ns;
        if (apart_ns < SAME_SESSION_NS && apart_ns > -SAME_SESSION_NS)
            n_close++;
        else
            n_far++;
    }
    if (n_close < n_far)
        *why = "packets of the same number were sent at other times";
    else if (n_common == 0 && receiver->n_packets > 0 && is_whole(sender))
        *why = "no packet received bears the number of one sent";
    return *why == NULL;
}

static void take_arrival(struct spd_flow_packet *sent, const struct spd_flow_packet *arrived)
{
    sent->flags |= (uint8_t)(SPD_FLOW_ARRIVED | (arrived->flags & SPD_FLOW_RX_KERNEL));
    /* The time in the packet, when the sender has none of its own. */
    if (!(sent->flags & SPD_FLOW_SENT) && arrived->t1_ns != 0) {
        sent->flags = (uint8_t)((sent->flags | SPD_FLOW_SENT) & ~SPD_FLOW_NOT_SENT);
        sent->t1_ns = arrived->t1_ns;
    }
    sent->t2_ns = arrived->t2_ns;
    sent->ttl_forward = arrived->ttl_forward;
    sent->tclass_forward = arrived->tclass_forward;
}

/* The sender's log has this very arrival already: it fetched the receiver's
 * records (RFC 4656 section 3.8), whose times are rounded to 2^-32 s. */
static bool was_fetched(const struct spd_flow_packet *sent, const struct spd_flow_packet *arrived)
{
    spd_ns apart_ns = sent->t2_ns - arrived->t2_ns;

    return sent->t2_ns != 0 && apart_ns <= 1 && apart_ns >= -1;
}

/* First arrivals go to the sender's packets; what remains of the receiver's is
 * moved to its front: further arrivals, and packets that a sender's log without
 * its end does not have. */
static void match(struct spd_log *sender, struct spd_log *receiver,
                  const struct spd_log_bases *bases, struct spd_log_join *out)
{
    struct walk walk = { bases, sender->packets, sender->packets + sender->n_packets };
    bool sender_whole =
        sender->facts.condition.state == SPD_LOG_WHOLE && sender->facts.end.n_records_lost == 0;
    size_t n_kept = 0;

    for (size_t i = 0; i < receiver->n_packets; i++) {
        struct spd_flow_packet arrived = receiver->packets[i], *sent = find(&walk, &arrived);
        bool again = n_kept > 0 && !sent &&
                     spd_log_order_key(bases, &receiver->packets[n_kept - 1]) ==
                         spd_log_order_key(bases, &arrived);

        if (sent && (!(sent->flags & SPD_FLOW_ARRIVED) || was_fetched(sent, &arrived))) {
            take_arrival(sent, &arrived);
            out->n_matched++;
        } else if (sent || !sender_whole) {
            if (sent || again)
                arrived.flags |= SPD_FLOW_DUPLICATE;
            if (arrived.t1_ns != 0)
                arrived.flags |= SPD_FLOW_SENT;
            receiver->packets[n_kept++] = arrived;
        } else {
            out->n_unmatched++;
        }
    }
    receiver->n_packets = n_kept;
}

static bool hears_to_the_end(enum spd_log_ending ending)
{
    return ending == SPD_LOG_ENDING_COUNT || ending == SPD_LOG_ENDING_TERMINATION ||
           ending == SPD_LOG_ENDING_DONE || ending == SPD_LOG_ENDING_TIMEOUT;
}

/* What was sent after the last packet that a receiver logged was lost only if
 * the receiver stayed to the end. */
static bool stayed(const struct spd_log *receiver)
{
    const struct spd_log_end *end = &receiver->facts.end;

    if (!receiver->facts.ended || end->n_records_lost > 0)
        return false;
    for (size_t i = 0; i < end->n_flows; i++)
        if (!hears_to_the_end((enum spd_log_ending)end->flows[i].ending))
            return false;
    return true;
}

static void drop_unjudged(struct spd_log *sender, const struct spd_log_bases *bases,
                          struct spd_log_join *out)
{
    uint64_t last[SPD_FLOWS_MAX] = { 0 };
    size_t n = 0;

    for (size_t i = 0; i < sender->n_packets; i++) {
        const struct spd_flow_packet *packet = &sender->packets[i];

        if (packet->flags & SPD_FLOW_ARRIVED)
            last[packet->flow] = spd_log_order_key(bases, packet);
    }
    for (size_t i = 0; i < sender->n_packets; i++) {
        const struct spd_flow_packet *packet = &sender->packets[i];

        if (out->heard[packet->flow] && spd_log_order_key(bases, packet) > last[packet->flow]) {
            out->n_unjudged++;
            continue;
        }
        sender->packets[n++] = *packet;
    }
    sender->n_packets = n;
}

/* Both are in order; from the back, so that nothing is in the way. */
static enum spd_err merge_rest(struct spd_log *sender, const struct spd_log *receiver,
                               const struct spd_log_bases *bases, struct spd_diag *diag)
{
    size_t a = sender->n_packets, b = receiver->n_packets, n = a + b;

    if (b == 0)
        return SPD_ERR_OK;
    struct spd_flow_packet *more = realloc(sender->packets, n * sizeof *more);
    if (!more)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to join %s and %s", sender->name,
                            receiver->name);
    sender->packets = more;
    sender->n_packets = n;
    while (b > 0) {
        bool from_a = a > 0 && spd_log_order_key(bases, &more[a - 1]) >
                                   spd_log_order_key(bases, &receiver->packets[b - 1]);

        more[--n] = from_a ? more[--a] : receiver->packets[--b];
    }
    return SPD_ERR_OK;
}

static void combine_headers(struct spd_log *sender, const struct spd_log *receiver,
                            const struct spd_log_join *join)
{
    sender->header.kind = SPD_LOG_ONE_WAY;
    sender->header.receive_stamp = receiver->header.receive_stamp;
    sender->facts.n_records = sender->n_packets;
    for (size_t i = 0; i < sender->header.n_flows; i++)
        if (join->heard[i])
            sender->header.flows[i].info.one_way = true;
}

enum spd_err spd_log_join(struct spd_log *sender, struct spd_log *receiver,
                          struct spd_log_join *out, struct spd_diag *diag)
{
    struct spd_log_bases bases = { 0 };
    const char *why = NULL;
    enum spd_err err = check_kinds(sender, receiver, diag);

    if (err)
        return err;
    *out = (struct spd_log_join){ 0 };
    if (map_flows(sender, receiver, out->heard) == 0)
        return different(sender, receiver, "their session identifiers differ", diag);
    spd_log_bases_take(&bases, sender->packets, sender->n_packets);
    spd_log_bases_take(&bases, receiver->packets, receiver->n_packets);
    spd_log_order(sender->packets, sender->n_packets, &bases);
    spd_log_order(receiver->packets, receiver->n_packets, &bases);
    if (!is_same_session(sender, receiver, &bases, &why))
        return different(sender, receiver, why, diag);
    match(sender, receiver, &bases, out);
    err = merge_rest(sender, receiver, &bases, diag);
    if (!err && !stayed(receiver))
        drop_unjudged(sender, &bases, out);
    combine_headers(sender, receiver, out);
    free(receiver->packets);
    receiver->packets = NULL;
    receiver->n_packets = 0;
    return err;
}
