/* Flows for the tests of their results. */
#include "tests/unit/flow_kit.h"

#include "tests/unit/log_kit.h"
#include "tests/unit/unit.h"

spd_ns flow_kit_variation(uint32_t i, bool reverse)
{
    uint32_t x = (i + 1) * UINT32_C(2654435761) ^ (reverse ? UINT32_C(0x5BD1E995) : 0);

    x ^= x >> 15;
    x *= UINT32_C(2246822519);
    x ^= x >> 13;
    return i == 0 ? 0 : (spd_ns)(x % 4000) * 1000 + 1000;
}

static struct spd_flow_packet packet_of(enum spd_log_kind kind, uint32_t i)
{
    int64_t t1_ns = FLOW_KIT_START_NS + (int64_t)i * FLOW_KIT_EVERY_NS;
    struct spd_flow_packet packet = {
        .seq = i,
        .size_bytes = (uint16_t)(92 + i % 2 * 100),
        .flags = SPD_FLOW_SENT | SPD_FLOW_T1_KERNEL,
        .t1_ns = t1_ns,
        .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
        .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
    };

    if (kind == SPD_LOG_ONE_WAY_SENDER)
        return packet;
    packet.flags |= SPD_FLOW_ARRIVED;
    packet.t2_ns = t1_ns + FLOW_KIT_FWD_NS + flow_kit_variation(i, false) + FLOW_KIT_OFFSET_NS;
    packet.ttl_forward = 61;
    packet.tclass_forward = 46 << 2 | 1;
    if (kind == SPD_LOG_ONE_WAY_RECEIVER)
        packet.flags = SPD_FLOW_ARRIVED | SPD_FLOW_RX_KERNEL;
    if (kind != SPD_LOG_TWO_WAY)
        return packet;
    packet.flags |= SPD_FLOW_RETURNED | SPD_FLOW_RX_KERNEL;
    packet.t3_ns = packet.t2_ns + 30000;
    packet.t4_ns =
        packet.t3_ns - FLOW_KIT_OFFSET_NS + FLOW_KIT_REV_NS + flow_kit_variation(i, true);
    packet.reflector_seq = i;
    packet.tclass_reverse = 0;
    packet.ttl_reverse = 60;
    return packet;
}

void flow_kit_log(struct spd_log *log, enum spd_log_kind kind, uint32_t n)
{
    memset(log, 0, sizeof *log);
    strcpy(log->name, "kit.log");
    log_kit_header(&log->header, kind);
    log->header.n_flows = 1;
    log->header.flows[0].first_seq = 0;
    log_kit_end(&log->facts.end, n);
    log->facts.end.n_flows = 1;
    log->facts.end.outcome = (struct spd_diag){ 0 };
    log->facts.end.flows[0] = (struct spd_log_flow_end){
        .ending = SPD_LOG_ENDING_COUNT, .n_packets_known = true, .n_packets = n, .n_sent = n
    };
    log->facts.ended = true;
    log->facts.n_records = n;
    log->packets = calloc(n + 64, sizeof *log->packets); /* room for repetitions */
    assert_non_null(log->packets);
    log->n_packets = n;
    for (uint32_t i = 0; i < n; i++)
        log->packets[i] = packet_of(kind, i);
}

void flow_kit_lose(struct spd_log *log, uint32_t i, bool reverse)
{
    struct spd_flow_packet *packet = &log->packets[i];

    packet->flags &= (uint8_t) ~(SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED | SPD_FLOW_RX_KERNEL);
    packet->t2_ns = packet->t3_ns = packet->t4_ns = 0;
    packet->ttl_forward = packet->ttl_reverse = 0;
    packet->tclass_forward = packet->tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN;
    packet->reflector_seq = 0;
    for (size_t k = i + 1; !reverse && k < log->n_packets; k++)
        if (log->packets[k].flags & SPD_FLOW_RETURNED)
            log->packets[k].reflector_seq--;
}

void flow_kit_repeat(struct spd_log *log, uint32_t i, spd_ns later_ns)
{
    struct spd_flow_packet *again = &log->packets[log->n_packets++];

    *again = log->packets[i];
    again->flags |= SPD_FLOW_DUPLICATE;
    again->t2_ns += later_ns;
    again->t4_ns += again->t4_ns != 0 ? later_ns : 0;
}

struct spd_flow_result *flow_kit_result(struct spd_log *log, struct spd_result *out)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN, .keep_points = true };
    struct spd_flow_result *result = calloc(1, sizeof *result);
    struct spd_flow_input input;
    struct spd_diag diag = { 0 };

    assert_non_null(result);
    spd_flow_input_of_log(log, NULL, &input);
    if (spd_flow_result_make(&input, &wishes, result, &diag))
        fail_msg("%s", diag.text);
    if (out != NULL)
        *out = (struct spd_result){ .host = &log->header.host, .version = "9.8.7", .flow = result };
    return result;
}

void flow_kit_fini(struct spd_log *log, struct spd_flow_result *result)
{
    spd_flow_result_fini(result);
    free(result);
    spd_log_fini(log);
}
