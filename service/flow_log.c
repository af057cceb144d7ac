/*
 * Main thread.
 */
#include "service/flow_log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/sys/clock.h"

static void read_clock(struct spd_log_clock *clock)
{
    spd_clock_correlate(&clock->pair);
    clock->max_error_ns = -1;
    clock->synchronised = (int8_t)spd_clock_is_synchronised(&clock->max_error_ns);
}

static void describe(const struct spd_schedule_spec *s, char *text, size_t capacity)
{
    char pace[64];

    switch (s->pacing) {
    case SPD_PACING_INTERVAL:
        snprintf(pace, sizeof(pace), "every %.3f ms", (double)s->interval_ns / 1e6);
        break;
    case SPD_PACING_RATE:
        snprintf(pace, sizeof(pace), "%" PRIu64 " bit/s", s->rate_bps);
        break;
    case SPD_PACING_BUCKET:
        snprintf(pace, sizeof(pace), "bucket %" PRIu64 " bit/s, %" PRIu32 " bytes", s->rate_bps,
                 s->bucket_bytes);
        break;
    case SPD_PACING_POISSON:
        snprintf(pace, sizeof(pace), "Poisson %" PRIu64 " bit/s", s->rate_bps);
        break;
    }
    snprintf(text, capacity, "%s, IP packets of %u to %u bytes", pace, spd_size_mix_min(&s->sizes),
             spd_size_mix_max(&s->sizes));
}

void spd_flow_log_header(const struct spd_flows_spec *spec, const char *target_name,
                         enum spd_log_kind kind, struct spd_log_header *out)
{
    memset(out, 0, sizeof(*out));
    out->kind = (uint8_t)kind;
    out->created_ns = spd_clock_wall().ns;
    out->seed = spec->seed;
    snprintf(out->program, sizeof(out->program), "stampede " SPD_VERSION);
    snprintf(out->target_name, sizeof(out->target_name), "%s", target_name);
    spd_host_read(&out->host);
    out->counter_hz = spd_clock_frequency_hz();
    snprintf(out->counter_source, sizeof(out->counter_source), "%s", spd_clock_source());
    read_clock(&out->clock);
    out->send_stamp = spec->kernel_stamps ? SPD_STAMP_KERNEL_SCHED : SPD_STAMP_USER;
    out->receive_stamp = spec->kernel_stamps ? SPD_STAMP_KERNEL : SPD_STAMP_USER;
    for (size_t i = 0; i < spec->n_flows; i++) {
        struct spd_log_flow *flow;

        if (spec->flows[i].kind == SPD_FLOW_NOISE)
            continue; /* comes last, and leaves no records */
        flow = &out->flows[out->n_flows++];
        flow->info = spec->flows[i].info;
        flow->ssid = spd_flows_ssid(spec, i);
        describe(&spec->flows[i].schedule, flow->schedule, sizeof(flow->schedule));
    }
}

static void end_flow(const struct spd_flows_record *record, size_t i, struct spd_log_flow_end *out)
{
    const struct spd_flow_counts *c = &record->counts[i];

    *out = (struct spd_log_flow_end){
        .ending = record->outcome.err         ? SPD_LOG_ENDING_ERROR
                  : record->interrupted       ? SPD_LOG_ENDING_BY_HAND
                  : c->n_returned < c->n_sent ? SPD_LOG_ENDING_TIMEOUT
                                              : SPD_LOG_ENDING_COUNT,
        .n_packets_known = true,
        .n_packets = record->n_packets[i],
        .n_sent = c->n_sent,
        .n_not_sent = c->n_not_sent,
        .n_late = c->n_late,
        .n_arrived = c->n_returned,
        .n_duplicates = c->n_duplicates,
        .n_unexpected = c->n_unexpected,
        .n_bytes = c->n_bytes_sent,
        .n_dropped_local = c->n_dropped_local,
        .lateness_max_ns = c->lateness_max_ns,
        .lateness_sum_ns = c->lateness_sum_ns,
        .first_sent_ns = c->first_sent_ns,
        .last_sent_ns = c->last_sent_ns,
    };
}

void spd_flow_log_end(const struct spd_flows_record *record, struct spd_log_end *out)
{
    memset(out, 0, sizeof(*out));
    out->ended_ns = spd_clock_wall().ns;
    out->clock_step_ns = record->clock_step_ns;
    read_clock(&out->clock);
    out->outcome = record->outcome;
    for (size_t i = 0; i < record->n_flows; i++)
        if (record->kind[i] != SPD_FLOW_NOISE)
            end_flow(record, i, &out->flows[out->n_flows++]);
}
