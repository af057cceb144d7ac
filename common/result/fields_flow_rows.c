/*
 * Fields of single packets and jumps of paced flows, and how members of flows
 * are found and shown. Any thread; allocates nothing.
 */
#include <stdio.h>
#include <string.h>

#include "common/result/export_flow.h"
#include "common/result/fields_table.h"
#include "common/result/flow_rows.h"

#define ROW(home, type, path, unit, source, range, storage, rule, member, help)                    \
    {                                                                                              \
        path, unit, source, range, help, SPD_HOME_##home, SPD_STORE_##storage, SPD_SHOW_##rule,    \
            offsetof(struct type, member)                                                          \
    }
#define JUMP(...)   ROW(JUMP, spd_flow_jump, __VA_ARGS__)
#define OF_ROW(...) ROW(ROW, spd_flow_row, __VA_ARGS__)
#define PACKET(...) ROW(ROW_PACKET, spd_flow_packet, __VA_ARGS__)
#define INFO(...)   ROW(FLOW_INFO, spd_log_flow, __VA_ARGS__)

static const struct spd_field jump_rows[] = {
    JUMP("flow", "", "", "text", TEXT, ALWAYS, flow, "name of the flow"),
    JUMP("direction", "", "", "forward or reverse", TEXT, ALWAYS, direction,
         "in which it was found"),
    JUMP("seq", "", "", "0..4294967295", U32, ALWAYS, seq, "first packet after it"),
    JUMP("sent_ns", "ns", "", "since 1970 UTC, or null", I64, NONZERO, sent_ns,
         "when that was sent"),
    JUMP("amount_ns", "ns", "", "any sign", I64, ALWAYS, jump.amount_ns,
         "by which latencies are greater from there on"),
    JUMP("kind", "", "", "timer or step", JUMP_KIND, ALWAYS, jump.kind,
         "step: not of the usual amount; the time of day was set"),
    JUMP("clock", "", "", "sender, receiver or null", JUMP_CLOCK, ALWAYS, jump.clock,
         "whose clock, as far as it can be told"),
};

static const struct spd_field packet_rows[] = {
    INFO("flow", "", "", "text, or null", CHARS, ALWAYS, info.name, "name of the flow"),
    OF_ROW("seq", "", "RFC 8762 section 4.2", "0..4294967295", U32, ALWAYS, seq, "sequence number"),
    OF_ROW("fate", "", "", "received, lost...", FATE, ALWAYS, fate, "what became of the packet"),
    OF_ROW("duplicate", "", "RFC 5560", "true or false", BOOL, ALWAYS, duplicate,
           "one more arrival of a number that has a row already"),
    PACKET("size_bytes", "bytes", "", "1.., or null", U16, NONZERO, size_bytes, "IP packet"),
    PACKET("t1_ns", "ns", "", "since 1970 UTC, or null", I64, NONZERO, t1_ns,
           "sent, by the sender's clock"),
    PACKET("t2_ns", "ns", "", "since 1970 UTC, or null", I64, NONZERO, t2_ns,
           "arrived, by the far end's clock"),
    PACKET("t3_ns", "ns", "", "since 1970 UTC, or null", I64, NONZERO, t3_ns,
           "sent back, by the far end's clock"),
    PACKET("t4_ns", "ns", "", "since 1970 UTC, or null", I64, NONZERO, t4_ns,
           "came back, by the sender's clock"),
    OF_ROW("t1_source", "", "", "kernel or user, or null", KERNEL, T1, t1_kernel,
           "where t1 was taken"),
    OF_ROW("rx_source", "", "", "kernel or user, or null", KERNEL, RX, rx_kernel,
           "where t4 (one-way: t2) was taken"),
    OF_ROW("sent_ns", "ns", "", "0.., or null", NS, ALWAYS, sent_ns,
           "sent: normalised, after the first packet"),
    OF_ROW("arrived_ns", "ns", "", "0.., or null", NS, ALWAYS, arrived_ns,
           "arrived: normalised, sent_ns + latency_forward_ns"),
    OF_ROW("latency_forward_raw_ns", "ns", "RFC 7679", "any sign, or null", NS, ALWAYS,
           latency_forward_raw_ns, "t2 - t1, by two clocks"),
    OF_ROW("latency_forward_ns", "ns", "RFC 5481 section 4.2", "0.., or null", NS, ALWAYS,
           latency_forward_ns, "corrected and normalised: above the smallest"),
    OF_ROW("latency_reverse_raw_ns", "ns", "RFC 7679", "any sign, or null", NS, ALWAYS,
           latency_reverse_raw_ns, "t4 - t3, by two clocks"),
    OF_ROW("latency_reverse_ns", "ns", "RFC 5481 section 4.2", "0.., or null", NS, ALWAYS,
           latency_reverse_ns, "corrected and normalised"),
    OF_ROW("round_trip_ns", "ns", "RFC 2681", "0.., or null", NS, ALWAYS, round_trip_ns,
           "less the time in the reflector"),
    PACKET("reflector_seq", "", "RFC 8762 section 4.3", "0..4294967295, or null", U32, RETURNED,
           reflector_seq, "number of the reply"),
    PACKET("ttl_forward", "", "", "1..255, or null", U8, NONZERO, ttl_forward,
           "TTL or hop limit on arrival at the far end"),
    PACKET("ttl_reverse", "", "", "1..255, or null", U8, NONZERO, ttl_reverse,
           "TTL or hop limit of the reply on arrival"),
    PACKET("dscp_forward", "", "RFC 2474", "0..63, or null", DSCP_OR_NONE, ALWAYS, tclass_forward,
           "DSCP on arrival at the far end"),
    PACKET("ecn_forward", "", "RFC 3168", "0..3, or null", ECN_OR_NONE, ALWAYS, tclass_forward,
           "ECN there"),
    PACKET("dscp_reverse", "", "RFC 2474", "0..63, or null", DSCP_OR_NONE, ALWAYS, tclass_reverse,
           "DSCP of the reply on arrival"),
    PACKET("ecn_reverse", "", "RFC 3168", "0..3, or null", ECN_OR_NONE, ALWAYS, tclass_reverse,
           "ECN of the reply"),
    PACKET("late", "", "", "true or false, or null", LATE, ALWAYS, flags,
           "sent later than its place in the schedule by more than allowed"),
};

const struct spd_field_list spd_fields_flow_jump = { jump_rows,
                                                     sizeof jump_rows / sizeof jump_rows[0] };
const struct spd_field_list spd_fields_flow_packet = { packet_rows,
                                                       sizeof packet_rows / sizeof packet_rows[0] };

const struct spd_environment *spd_result_environment(const struct spd_result *result)
{
    return result->record != NULL ? &result->record->environment
                                  : &result->flow->input.facts->environment;
}

const void *spd_flow_field_home(const struct spd_field *field, const struct spd_result *result,
                                size_t index)
{
    const struct spd_flow_result *flow = result->flow;
    const struct spd_log_facts *facts = flow->input.facts;

    switch (field->home) {
    case SPD_HOME_ENVIRONMENT:
        return &facts->environment.items[index];
    case SPD_HOME_LOG_NAME:
        return &flow->input;
    case SPD_HOME_LOG_HEADER:
        return flow->input.header;
    case SPD_HOME_LOG_FACTS:
        return facts;
    case SPD_HOME_LOG_END:
        return facts->ended ? &facts->end : NULL;
    case SPD_HOME_JOIN:
        return flow->input.join;
    case SPD_HOME_FLOW:
        return &flow->flows[index];
    case SPD_HOME_FLOW_INFO:
        return result->row != NULL ? result->row->flow
                                   : &flow->input.header->flows[flow->flows[index].index];
    case SPD_HOME_FLOW_END:
        return facts->ended ? &facts->end.flows[flow->flows[index].index] : NULL;
    case SPD_HOME_JUMP:
        return &flow->jumps[index];
    case SPD_HOME_ROW:
        return result->row;
    case SPD_HOME_ROW_PACKET:
        return result->row->packet;
    default:
        return NULL;
    }
}

static void set_sid(struct spd_field_value *out, const uint8_t sid[16])
{
    bool any = false;

    for (size_t i = 0; i < 16; i++) {
        any = any || sid[i] != 0;
        snprintf(out->room + 2 * i, 3, "%02x", sid[i]);
    }
    spd_field_set_text(out, any ? out->room : NULL);
}

bool spd_flow_field_text(const struct spd_field *field, const void *member,
                         struct spd_field_value *out)
{
    static const char *const kinds[] = { "timer", "step" };
    static const char *const clocks[] = { NULL, "sender", "receiver" };
    const struct spd_codec *codec;

    switch (field->storage) {
    case SPD_STORE_TEXT:
        spd_field_set_text(out, *(const char *const *)member);
        return true;
    case SPD_STORE_FLOW_SCHEMA:
        spd_field_set_text(out, SPD_JSON_SCHEMA_FLOW);
        return true;
    case SPD_STORE_LOG_KIND:
        spd_field_set_text(out, spd_log_kind_text((enum spd_log_kind) * (const uint8_t *)member));
        return true;
    case SPD_STORE_LOG_STATE:
        spd_field_set_text(out, spd_log_state_text(*(const enum spd_log_state *)member));
        return true;
    case SPD_STORE_ENDING:
        spd_field_set_text(out,
                           spd_log_ending_text((enum spd_log_ending) * (const uint8_t *)member));
        return true;
    case SPD_STORE_SID:
        set_sid(out, member);
        return true;
    case SPD_STORE_SKEW_METHOD:
        spd_field_set_text(out, spd_skew_method_text(*(const enum spd_skew_method *)member));
        return true;
    case SPD_STORE_SKEW_FINDING:
        spd_field_set_text(out,
                           spd_skew_finding_text(*(const enum spd_skew_finding *)member));
        return true;
    case SPD_STORE_CODEC:
        codec = *(const struct spd_codec *const *)member;
        spd_field_set_text(out, codec != NULL ? codec->name : NULL);
        return true;
    case SPD_STORE_JUMP_KIND:
        spd_field_set_text(out, kinds[*(const enum spd_jump_kind *)member == SPD_JUMP_STEP]);
        return true;
    case SPD_STORE_JUMP_CLOCK:
        spd_field_set_text(out, clocks[*(const enum spd_jump_clock *)member % 3]);
        return true;
    case SPD_STORE_KERNEL:
        spd_field_set_text(out, *(const bool *)member ? "kernel" : "user");
        return true;
    default:
        return false;
    }
}

/* The direction in which a member of a flow lies. */
static const struct spd_flow_way *way_of(const struct spd_field *field,
                                         const struct spd_result *result, size_t index)
{
    bool reverse = field->offset >= offsetof(struct spd_flow_view, ways[1]);

    return &result->flow->flows[index].ways[reverse];
}

bool spd_flow_field_is_shown(const struct spd_field *field, const struct spd_result *result,
                             size_t index)
{
    const struct spd_flow_packet *packet = result->row != NULL ? result->row->packet : NULL;
    const struct spd_flow_way *way = NULL;
    bool one_way;

    switch (field->rule) {
    case SPD_SHOW_WAY:
        return way_of(field, result, index)->known;
    case SPD_SHOW_WAY_ARRIVED:
        way = way_of(field, result, index);
        return way->known && way->summary.pdv.n > 0;
    case SPD_SHOW_WAY_SKEW:
        way = way_of(field, result, index);
        return way->known && way->summary.skew.known;
    case SPD_SHOW_LOSS:
        return result->flow->flows[index].loss.known;
    case SPD_SHOW_LOSS_WAYS:
        return result->flow->flows[index].loss.known &&
               result->flow->flows[index].loss.directions_known;
    case SPD_SHOW_ENDED:
        return result->flow->input.facts->ended;
    case SPD_SHOW_T1:
        return packet != NULL && packet->t1_ns != 0;
    case SPD_SHOW_RX:
        one_way = result->flow->input.header->kind != SPD_LOG_TWO_WAY;
        return packet != NULL && (one_way ? packet->t2_ns : packet->t4_ns) != 0;
    case SPD_SHOW_RETURNED:
        return packet != NULL && (packet->flags & SPD_FLOW_RETURNED) != 0;
    default:
        return false;
    }
}
