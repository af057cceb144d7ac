/*
 * From the record of a receiver to its log and its summary. On the thread that
 * owns the session.
 */
#include "service/receive_log.h"

#include <inttypes.h>
#include <string.h>

#include "common/base/text.h"
#include "common/sys/clock.h"

static void read_clock(struct spd_log_clock *clock)
{
    spd_clock_correlate(&clock->pair);
    clock->max_error_ns = -1;
    clock->synchronised = (int8_t)spd_clock_is_synchronised(&clock->max_error_ns);
}

void spd_receive_sid_of_session(uint64_t session, uint8_t sid[16])
{
    memset(sid, 0, 16);
    for (int i = 0; i < 8; i++)
        sid[15 - i] = (uint8_t)(session >> 8 * i);
}

void spd_receive_log_header(const struct spd_receiver_record *record, const uint8_t sid[16],
                            const char *sender_name, struct spd_log_header *out)
{
    static const uint8_t none[16];
    char address[SPD_ADDR_TEXT_BYTES];
    struct spd_log_flow *flow = &out->flows[0];

    memset(out, 0, sizeof(*out));
    out->kind = SPD_LOG_ONE_WAY_RECEIVER;
    out->created_ns = spd_clock_wall().ns;
    snprintf(out->program, sizeof(out->program), "stampede " SPD_VERSION);
    spd_addr_format(&record->info.source, address);
    spd_text_copy(out->target_name, sizeof(out->target_name), sender_name ? sender_name : address);
    spd_host_read(&out->host);
    out->counter_hz = spd_clock_frequency_hz();
    snprintf(out->counter_source, sizeof(out->counter_source), "%s", spd_clock_source());
    read_clock(&out->clock);
    out->receive_stamp = (uint8_t)record->receive_stamp;
    out->n_flows = 1;
    flow->info = record->info;
    snprintf(flow->info.name, sizeof(flow->info.name), "stream");
    flow->ssid = record->ssid;
    if (memcmp(sid, none, sizeof(none)) != 0)
        memcpy(flow->sid, sid, sizeof(flow->sid));
    else
        spd_receive_sid_of_session(record->session, flow->sid);
}

static uint8_t ending_of(enum spd_receiver_ending ending)
{
    static const uint8_t endings[] = {
        [SPD_RECEIVER_RUNNING] = SPD_LOG_ENDING_NONE,
        [SPD_RECEIVER_COUNT] = SPD_LOG_ENDING_COUNT,
        [SPD_RECEIVER_TERMINATION] = SPD_LOG_ENDING_TERMINATION,
        [SPD_RECEIVER_DONE] = SPD_LOG_ENDING_DONE,
        [SPD_RECEIVER_TIMEOUT] = SPD_LOG_ENDING_TIMEOUT,
        [SPD_RECEIVER_BY_HAND] = SPD_LOG_ENDING_BY_HAND,
        [SPD_RECEIVER_ERROR] = SPD_LOG_ENDING_ERROR,
    };

    return endings[ending];
}

void spd_receive_log_end(const struct spd_receiver_record *record, struct spd_log_end *out)
{
    memset(out, 0, sizeof(*out));
    out->ended_ns = spd_clock_wall().ns;
    out->clock_step_ns = record->clock_step_ns;
    read_clock(&out->clock);
    out->outcome = record->outcome;
    out->n_flows = 1;
    out->flows[0] = (struct spd_log_flow_end){
        .ending = ending_of(record->ending),
        .n_packets_known = record->n_taken_known || record->ending == SPD_RECEIVER_COUNT,
        .n_packets = record->n_taken_known ? record->n_taken : record->info.n_packets,
        .n_arrived = record->n_arrived,
        .n_duplicates = record->n_duplicates,
        .n_unexpected = record->n_unexpected + record->n_discarded + record->n_beyond_limit,
        .n_malformed = record->n_malformed,
        .n_termination = record->n_termination,
        .n_bytes = record->n_bytes,
        .n_dropped_local = record->n_dropped_local,
    };
}

/* -------------------------------------------------------------------- summary */

struct count {
    const char *key;
    const char *text;
    size_t offset;
    bool always; /* in the text also when 0 */
};

#define AT(field) offsetof(struct spd_receiver_record, field)

static const struct count counts[] = {
    { "n_arrived", "packets arrived", AT(n_arrived), true },
    { "n_duplicates", "duplicates", AT(n_duplicates), true },
    { "n_bytes", "bytes of IP packets", AT(n_bytes), true },
    { "n_termination", "termination packets", AT(n_termination), false },
    { "n_unexpected", "dropped: not of this session", AT(n_unexpected), false },
    { "n_malformed", "dropped: no OWAMP test packet", AT(n_malformed), false },
    { "n_discarded", "dropped: sent at an impossible time", AT(n_discarded), false },
    { "n_beyond_limit", "dropped: too many duplicates", AT(n_beyond_limit), false },
    { "n_receive_failed", "receive errors", AT(n_receive_failed), false },
    { "n_dropped_by_system", "dropped by the system: receive buffer full", AT(n_dropped_local),
      false },
};

static uint64_t value_of(const struct spd_receiver_record *record, const struct count *count)
{
    return *(const uint64_t *)(const void *)((const char *)record + count->offset);
}

/* Paths may hold anything. */
static void write_json_text(FILE *stream, const char *text)
{
    fputc('"', stream);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < 0x20)
            fprintf(stream, "\\u%04x", *c);
        else if (*c == '"' || *c == '\\')
            fprintf(stream, "\\%c", *c);
        else
            fputc(*c, stream);
    fputc('"', stream);
}

static void write_json(FILE *stream, const struct spd_receiver_record *r, const char *log)
{
    char source[SPD_ADDR_TEXT_BYTES], target[SPD_ADDR_TEXT_BYTES];

    fprintf(stream,
            "{\"schema\": \"stampede.receive/1\", \"ending\": \"%s\", \"session\": \"%016" PRIx64
            "\", \"source\": \"%s\", \"target\": \"%s\", \"n_packets\": %" PRIu32,
            spd_log_ending_text(ending_of(r->ending)), r->session,
            spd_addr_format(&r->info.source, source), spd_addr_format(&r->info.target, target),
            r->info.n_packets);
    if (r->n_taken_known)
        fprintf(stream, ", \"n_sent\": %" PRIu32, r->n_taken);
    else
        fputs(", \"n_sent\": null", stream);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        fprintf(stream, ", \"%s\": %" PRIu64, counts[i].key, value_of(r, &counts[i]));
    fprintf(stream,
            ", \"receive_stamp\": \"%s\", \"log\": ", spd_stamp_source_text(r->receive_stamp));
    if (log[0])
        write_json_text(stream, log);
    else
        fputs("null", stream);
    fputs("}\n", stream);
}

static void write_text(FILE *stream, const struct spd_receiver_record *r, const char *log)
{
    char source[SPD_ADDR_TEXT_BYTES], target[SPD_ADDR_TEXT_BYTES];

    fprintf(stream, "one-way session of %" PRIu32 " packets from %s to %s, ended: %s\n",
            r->info.n_packets, spd_addr_format(&r->info.source, source),
            spd_addr_format(&r->info.target, target), spd_log_ending_text(ending_of(r->ending)));
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        if (counts[i].always || value_of(r, &counts[i]) > 0)
            fprintf(stream, "%12" PRIu64 "  %s\n", value_of(r, &counts[i]), counts[i].text);
    if (r->n_taken_known)
        fprintf(stream, "%12" PRIu64 "  lost, of %" PRIu32 " that the sender took in hand\n",
                r->n_taken > r->n_arrived ? r->n_taken - r->n_arrived : 0, r->n_taken);
    fprintf(stream, "receive stamps: %s\n", spd_stamp_source_text(r->receive_stamp));
    if (log[0])
        fprintf(stream, "log: %s\n", log);
}

void spd_receive_write(FILE *stream, const struct spd_receiver_record *record, const char *log,
                       bool as_json)
{
    if (as_json)
        write_json(stream, record, log);
    else
        write_text(stream, record, log);
    fflush(stream);
}
