/*
 * From a paced flow to the schedule of an OWAMP session, and from its records to
 * skip ranges. Main thread.
 */
#include <stdlib.h>
#include <string.h>

#include "common/wire/ntptime.h"
#include "common/wire/owamp_test.h"
#include "service/one_way.h"

/* Servers limit schedules; ours takes so many slots. */
#define SLOTS_MAX 4096u

static void one_slot(const struct spd_schedule_spec *s, struct spd_owamp_slot *slot)
{
    unsigned __int128 bits = (unsigned __int128)spd_size_mix_max(&s->sizes) * 8;

    slot->type = SPD_OWAMP_SLOT_FIXED;
    if (s->pacing == SPD_PACING_INTERVAL)
        slot->interval = spd_owamp_interval_from_ns(s->interval_ns);
    else
        slot->interval = (uint64_t)((bits << 32) / s->rate_bps);
}

/* RFC 4656 section 3.6: a schedule is completely arbitrary when it has a slot
 * for each packet. */
static void a_slot_for_each(const struct spd_flow_spec *flow, struct spd_owamp_slot *slots)
{
    struct spd_schedule schedule;
    spd_ns before_ns = 0;

    spd_schedule_init(&schedule, &flow->schedule);
    for (uint32_t i = 0; i < flow->info.n_packets; i++) {
        spd_ns due_ns;
        uint16_t size;

        spd_schedule_next(&schedule, &due_ns, &size);
        slots[i] = (struct spd_owamp_slot){ SPD_OWAMP_SLOT_FIXED,
                                            spd_owamp_interval_from_ns(due_ns - before_ns) };
        before_ns = due_ns;
    }
}

enum spd_err spd_one_way_request(const struct spd_flow_spec *flow, int64_t start_ns,
                                 spd_ns timeout_ns, struct spd_owamp_request *request,
                                 struct spd_owamp_slot **slots, spd_ns *starts_after_ns,
                                 struct spd_diag *diag)
{
    const struct spd_schedule_spec *s = &flow->schedule;
    size_t size = spd_size_mix_max(&s->sizes), header = spd_addr_header_bytes(&flow->info.target);
    bool regular = s->pacing == SPD_PACING_INTERVAL || s->pacing == SPD_PACING_RATE;
    uint32_t n_slots = regular ? 1 : flow->info.n_packets;

    if (spd_size_mix_min(&s->sizes) != size)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--size: OWAMP-Control agrees on one size for all packets; give one "
                            "size, or --no-control at both ends");
    if (n_slots > SLOTS_MAX)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--bucket: over OWAMP-Control at most %u packets (each needs a slot of "
                            "the schedule); ask for fewer, or give --no-control at both ends",
                            SLOTS_MAX);
    *slots = calloc(n_slots, sizeof(**slots));
    if (!*slots)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the schedule");
    if (regular)
        one_slot(s, *slots);
    else
        a_slot_for_each(flow, *slots);
    /* A packet follows its slot; our first one leaves at once. */
    *starts_after_ns = spd_owamp_interval_to_ns((*slots)[0].interval);
    memset(request, 0, sizeof(*request));
    request->conf_receiver = true;
    request->n_slots = n_slots;
    request->n_packets = flow->info.n_packets;
    request->sender.port = flow->source_port;
    request->padding_bytes = (uint32_t)(size - header - SPD_OWAMP_TEST_BYTES);
    request->start_time = spd_ntptime_from_wall((spd_wall){ start_ns });
    request->timeout = spd_owamp_interval_from_ns(timeout_ns);
    request->type_p = spd_owamp_type_p_of_dscp(flow->info.dscp);
    return SPD_ERR_OK;
}

size_t spd_one_way_skips(const struct spd_flow_packet *packets, uint32_t n,
                         struct spd_owamp_skip *skips, size_t capacity)
{
    size_t n_skips = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (!(packets[i].flags & SPD_FLOW_NOT_SENT))
            continue;
        if (n_skips > 0 && skips[n_skips - 1].last + 1 == i) {
            skips[n_skips - 1].last = i;
            continue;
        }
        if (n_skips == capacity)
            break; /* the rest will count as lost */
        skips[n_skips++] = (struct spd_owamp_skip){ i, i };
    }
    return n_skips;
}
