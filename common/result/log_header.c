/*
 * The log's header chunk: what was known when the session began. Pure; any
 * thread. What grows in a later minor version grows at the end of its part, and
 * readers pass over what they do not know.
 */
#include <string.h>

#include "common/result/log_field.h"

static void put_flow(struct spd_writer *writer, const struct spd_log_flow *flow)
{
    uint8_t *length = spd_writer_take(writer, 2);

    spd_log_put_text(writer, flow->info.name);
    spd_write_u8(writer, flow->info.dscp);
    spd_write_u8(writer, flow->info.one_way);
    spd_write_u16(writer, flow->ssid);
    spd_write_u32(writer, flow->info.n_packets);
    spd_write_u64(writer, flow->info.rate_bps);
    spd_log_put_time(writer, flow->info.interval_ns);
    spd_write_u32(writer, flow->first_seq);
    memcpy(spd_writer_take(writer, 16), flow->sid, 16);
    spd_log_put_address(writer, &flow->info.source);
    spd_log_put_address(writer, &flow->info.target);
    spd_log_put_text(writer, flow->schedule);
    spd_write_u32(writer, flow->n_calibration);
    spd_log_put_length(writer, length);
}

static void get_flow(struct spd_reader *whole, struct spd_log_flow *out)
{
    struct spd_reader reader = spd_log_get_part(whole);

    spd_log_get_text(&reader, out->info.name, sizeof out->info.name);
    out->info.dscp = spd_read_u8(&reader);
    out->info.one_way = spd_log_get_bool(&reader);
    out->ssid = spd_read_u16(&reader);
    out->info.n_packets = spd_read_u32(&reader);
    out->info.rate_bps = spd_read_u64(&reader);
    out->info.interval_ns = spd_log_get_time(&reader);
    out->first_seq = spd_read_u32(&reader);
    const uint8_t *sid = spd_reader_take(&reader, 16);
    if (sid)
        memcpy(out->sid, sid, 16);
    spd_log_get_address(&reader, &out->info.source);
    spd_log_get_address(&reader, &out->info.target);
    spd_log_get_text(&reader, out->schedule, sizeof out->schedule);
    if (reader.n_left > 0) /* format 1.0 ends here */
        out->n_calibration = spd_read_u32(&reader);
    if (reader.failed || out->info.dscp > 63)
        whole->failed = true;
}

size_t spd_log_write_header(uint8_t *body, const struct spd_log_header *header)
{
    struct spd_writer writer = spd_writer_over(body, SPD_LOG_HEADER_MAX_BYTES);
    uint8_t *start = writer.at;

    spd_write_u8(&writer, header->kind);
    spd_write_u8(&writer, header->n_flows);
    spd_write_u8(&writer, header->send_stamp);
    spd_write_u8(&writer, header->receive_stamp);
    spd_log_put_time(&writer, header->created_ns);
    spd_write_u64(&writer, header->seed);
    spd_write_u64(&writer, header->counter_hz);
    spd_log_put_clock(&writer, &header->clock);
    spd_log_put_text(&writer, header->counter_source);
    spd_log_put_text(&writer, header->program);
    spd_log_put_text(&writer, header->target_name);
    spd_log_put_text(&writer, header->host.system);
    spd_log_put_text(&writer, header->host.processor);
    spd_write_u32(&writer, header->host.n_processors);
    spd_write_u8(&writer, header->host.virtual_machine);
    spd_log_put_text(&writer, header->host.hypervisor);
    spd_log_put_text(&writer, header->host.clock_source);
    spd_log_put_text(&writer, header->host.power_scheme);
    for (size_t i = 0; i < header->n_flows; i++)
        put_flow(&writer, &header->flows[i]);
    return (size_t)(writer.at - start);
}

enum spd_err spd_log_read_header(const uint8_t *body, size_t n, struct spd_log_header *out)
{
    struct spd_reader reader = spd_reader_over(body, n);
    struct spd_log_header header = { 0 };

    header.kind = spd_read_u8(&reader);
    header.n_flows = spd_read_u8(&reader);
    header.send_stamp = spd_log_get_choice(&reader, SPD_STAMP_SOURCE_COUNT);
    header.receive_stamp = spd_log_get_choice(&reader, SPD_STAMP_SOURCE_COUNT);
    header.created_ns = spd_log_get_time(&reader);
    header.seed = spd_read_u64(&reader);
    header.counter_hz = spd_read_u64(&reader);
    spd_log_get_clock(&reader, &header.clock);
    spd_log_get_text(&reader, header.counter_source, sizeof header.counter_source);
    spd_log_get_text(&reader, header.program, sizeof header.program);
    spd_log_get_text(&reader, header.target_name, sizeof header.target_name);
    spd_log_get_text(&reader, header.host.system, sizeof header.host.system);
    spd_log_get_text(&reader, header.host.processor, sizeof header.host.processor);
    header.host.n_processors = spd_read_u32(&reader);
    header.host.virtual_machine = spd_log_get_bool(&reader);
    spd_log_get_text(&reader, header.host.hypervisor, sizeof header.host.hypervisor);
    spd_log_get_text(&reader, header.host.clock_source, sizeof header.host.clock_source);
    spd_log_get_text(&reader, header.host.power_scheme, sizeof header.host.power_scheme);
    if (header.kind == SPD_LOG_NONE || header.kind >= SPD_LOG_KIND_COUNT || header.n_flows == 0 ||
        header.n_flows > SPD_FLOWS_MAX)
        return SPD_ERR_FORMAT;
    for (size_t i = 0; i < header.n_flows; i++)
        get_flow(&reader, &header.flows[i]);
    if (reader.failed)
        return SPD_ERR_FORMAT;
    *out = header;
    return SPD_ERR_OK;
}
