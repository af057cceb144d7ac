/* Test records with known truth. */
#include "tests/unit/record_builder.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"

static uint64_t ticks_at(int64_t wall_ns)
{
    uint64_t since_ns = (uint64_t)(wall_ns - BUILDER_START_NS) + 1000000000u;

    return since_ns * 24 / 1000; /* BUILDER_HZ */
}

void builder_delay(struct spd_packet_record *packet, spd_ns forward_ns, spd_ns reverse_ns)
{
    packet->t2_ns = packet->t1_ns + forward_ns + BUILDER_OFFSET_NS;
    packet->t3_ns = packet->t2_ns + BUILDER_REFLECTOR_NS;
    packet->t4_ns = packet->t1_ns + forward_ns + BUILDER_REFLECTOR_NS + reverse_ns;
    packet->dispatched_ticks = ticks_at(packet->t1_ns);
    packet->returned_ticks = ticks_at(packet->t4_ns);
}

static void init_packet(struct spd_packet_record *packet, size_t burst, size_t in_burst, size_t at,
                        uint32_t first_seq)
{
    *packet = (struct spd_packet_record){
        .seq = first_seq + (uint32_t)at,
        .burst = (uint32_t)burst,
        .reflector_seq = (uint32_t)at,
        .arrival = (uint32_t)at,
        .n_replies = 1,
        .size_bytes = BUILDER_SIZE_BYTES,
        .fate = SPD_FATE_PENDING,
        .t1_ns = BUILDER_START_NS + (int64_t)burst * BUILDER_BURST_NS +
                 (int64_t)in_burst * BUILDER_SPACING_NS,
        .t1_error_estimate = 0x0001,
        .t3_error_estimate = 0x0001,
        .t1_source = SPD_STAMP_KERNEL,
        .t4_source = SPD_STAMP_KERNEL,
        .ttl_forward = 255,
        .ttl_reverse = 64,
        .tclass_reverse = 46 << 2,
        .tclass_reverse_known = true,
    };
    packet->left_host_ns = packet->t1_ns + 500;
    packet->t1_wire_ns = packet->t1_ns;
    builder_delay(packet, BUILDER_FWD_NS, BUILDER_REV_NS);
}

void builder_init(struct spd_test_record *record, size_t n_bursts, size_t n_packets_each,
                  uint32_t first_seq)
{
    *record = (struct spd_test_record){
        .target = { .family = SPD_FAMILY_IPV4, .port = 862, .bytes = { 192, 0, 2, 1 } },
        .source = { .family = SPD_FAMILY_IPV4, .port = 50000, .bytes = { 192, 0, 2, 9 } },
        .target_name = "reflector.example",
        .dscp = 46,
        .size_bytes = BUILDER_SIZE_BYTES,
        .ssid = 4711,
        .reflector_mode = SPD_REFLECTOR_STATEFUL,
        .counter_hz = BUILDER_HZ,
        .link_header_bytes = 14,
        .n_packets = n_bursts * n_packets_each,
        .n_bursts = n_bursts,
    };
    record->packets = calloc(record->n_packets + 1, sizeof *record->packets);
    record->bursts = calloc(n_bursts + 1, sizeof *record->bursts);
    SPD_ASSERT(record->packets != NULL && record->bursts != NULL);
    for (size_t b = 0; b < n_bursts; b++) {
        size_t first = b * n_packets_each;

        record->bursts[b] = (struct spd_burst_record){
            .index = (uint32_t)b,
            .first_packet = (uint32_t)first,
            .n_packets = (uint32_t)n_packets_each,
            .broken = SPD_BROKEN_WHOLE,
            .submit_ns = (spd_ns)n_packets_each * BUILDER_SPACING_NS,
            .gap_max_ns = BUILDER_SPACING_NS,
            .started_ns = BUILDER_START_NS + (int64_t)b * BUILDER_BURST_NS,
        };
        for (size_t i = 0; i < n_packets_each; i++)
            init_packet(&record->packets[first + i], b, i, first + i, first_seq);
    }
}

void builder_fini(struct spd_test_record *record)
{
    free(record->packets);
    free(record->bursts);
    memset(record, 0, sizeof *record);
}

void builder_lose(struct spd_packet_record *packet)
{
    packet->n_replies = 0;
    packet->reflector_seq = 0;
    packet->arrival = 0;
    packet->t2_ns = 0;
    packet->t3_ns = 0;
    packet->t4_ns = 0;
    packet->returned_ticks = 0;
    packet->t3_error_estimate = 0;
    packet->t4_source = SPD_STAMP_NONE;
    packet->tclass_reverse_known = false;
    packet->ttl_forward = 0;
    packet->ttl_reverse = 0;
}

void builder_renumber(struct spd_test_record *record, const bool *lost_forward, uint32_t zero)
{
    uint32_t number = zero;
    uint32_t arrival = 0;

    for (size_t i = 0; i < record->n_packets; i++) {
        if (lost_forward[i])
            continue;
        if (record->packets[i].n_replies > 0) {
            record->packets[i].reflector_seq = number;
            record->packets[i].arrival = arrival++;
        }
        number++;
    }
}
