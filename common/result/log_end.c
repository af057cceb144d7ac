/*
 * The log's chunks of what was found out on the way: clock, environment, end.
 * Pure; any thread. They grow as the header does.
 */
#include <string.h>

#include "common/result/log_field.h"

size_t spd_log_write_clock(uint8_t *body, const struct spd_log_clock *clock)
{
    struct spd_writer writer = spd_writer_over(body, SPD_LOG_CLOCK_BYTES);

    spd_log_put_clock(&writer, clock);
    return SPD_LOG_CLOCK_BYTES;
}

enum spd_err spd_log_read_clock(const uint8_t *body, size_t n, struct spd_log_clock *out)
{
    struct spd_reader reader = spd_reader_over(body, n);
    struct spd_log_clock clock;

    spd_log_get_clock(&reader, &clock);
    if (reader.failed)
        return SPD_ERR_FORMAT;
    *out = clock;
    return SPD_ERR_OK;
}

/* Items go by name, since their order may change. */
size_t spd_log_write_environment(uint8_t *body, const struct spd_environment *environment)
{
    struct spd_writer writer = spd_writer_over(body, SPD_LOG_ENVIRONMENT_MAX_BYTES);
    uint8_t *start = writer.at, *count = spd_writer_take(&writer, 1);

    *count = 0;
    for (size_t i = 0; i < SPD_ENV_COUNT; i++) {
        const struct spd_env_item *item = &environment->items[i];

        if (!item->present)
            continue;
        spd_log_put_text(&writer, spd_env_key_name((enum spd_env_key)i));
        spd_write_u8(&writer, item->fulfilled);
        spd_write_u64(&writer, (uint64_t)item->requested);
        spd_write_u64(&writer, (uint64_t)item->obtained);
        spd_log_put_text(&writer, item->requested_text);
        spd_log_put_text(&writer, item->obtained_text);
        spd_log_put_text(&writer, item->note);
        ++*count;
    }
    return (size_t)(writer.at - start);
}

static struct spd_env_item *find_item(struct spd_environment *environment, const char *name)
{
    for (size_t i = 0; i < SPD_ENV_COUNT; i++)
        if (strcmp(spd_env_key_name((enum spd_env_key)i), name) == 0)
            return &environment->items[i];
    return NULL;
}

enum spd_err spd_log_read_environment(const uint8_t *body, size_t n, struct spd_environment *out)
{
    struct spd_reader reader = spd_reader_over(body, n);
    struct spd_environment environment = { 0 };

    for (size_t i = spd_read_u8(&reader); i > 0 && !reader.failed; i--) {
        struct spd_env_item item = { .present = true }, *place;
        char name[64];

        spd_log_get_text(&reader, name, sizeof name);
        item.fulfilled = spd_log_get_bool(&reader);
        item.requested = (int64_t)spd_read_u64(&reader);
        item.obtained = (int64_t)spd_read_u64(&reader);
        spd_log_get_text(&reader, item.requested_text, sizeof item.requested_text);
        spd_log_get_text(&reader, item.obtained_text, sizeof item.obtained_text);
        spd_log_get_text(&reader, item.note, sizeof item.note);
        place = find_item(&environment, name);
        if (place)
            *place = item;
    }
    if (reader.failed)
        return SPD_ERR_FORMAT;
    *out = environment;
    return SPD_ERR_OK;
}

static void put_flow_end(struct spd_writer *writer, const struct spd_log_flow_end *end)
{
    uint8_t *length = spd_writer_take(writer, 2);

    spd_write_u8(writer, end->ending);
    spd_write_u8(writer, end->n_packets_known);
    spd_write_u32(writer, end->n_packets);
    spd_write_u64(writer, end->n_sent);
    spd_write_u64(writer, end->n_not_sent);
    spd_write_u64(writer, end->n_late);
    spd_write_u64(writer, end->n_arrived);
    spd_write_u64(writer, end->n_duplicates);
    spd_write_u64(writer, end->n_unexpected);
    spd_write_u64(writer, end->n_malformed);
    spd_write_u64(writer, end->n_termination);
    spd_write_u64(writer, end->n_bytes);
    spd_write_u64(writer, end->n_dropped_local);
    spd_log_put_time(writer, end->lateness_max_ns);
    spd_log_put_time(writer, end->lateness_sum_ns);
    spd_log_put_time(writer, end->first_sent_ns);
    spd_log_put_time(writer, end->last_sent_ns);
    spd_log_put_length(writer, length);
}

static void get_flow_end(struct spd_reader *whole, struct spd_log_flow_end *out)
{
    struct spd_reader reader = spd_log_get_part(whole);

    out->ending = spd_log_get_choice(&reader, SPD_LOG_ENDING_COUNT_OF);
    out->n_packets_known = spd_log_get_bool(&reader);
    out->n_packets = spd_read_u32(&reader);
    out->n_sent = spd_read_u64(&reader);
    out->n_not_sent = spd_read_u64(&reader);
    out->n_late = spd_read_u64(&reader);
    out->n_arrived = spd_read_u64(&reader);
    out->n_duplicates = spd_read_u64(&reader);
    out->n_unexpected = spd_read_u64(&reader);
    out->n_malformed = spd_read_u64(&reader);
    out->n_termination = spd_read_u64(&reader);
    out->n_bytes = spd_read_u64(&reader);
    out->n_dropped_local = spd_read_u64(&reader);
    out->lateness_max_ns = spd_log_get_time(&reader);
    out->lateness_sum_ns = spd_log_get_time(&reader);
    out->first_sent_ns = spd_log_get_time(&reader);
    out->last_sent_ns = spd_log_get_time(&reader);
    if (reader.failed)
        whole->failed = true;
}

size_t spd_log_write_end(uint8_t *body, const struct spd_log_end *end)
{
    struct spd_writer writer = spd_writer_over(body, SPD_LOG_END_MAX_BYTES);
    uint8_t *start = writer.at;

    spd_log_put_time(&writer, end->ended_ns);
    spd_log_put_time(&writer, end->clock_step_ns);
    spd_log_put_clock(&writer, &end->clock);
    spd_log_put_text(&writer, spd_err_name(end->outcome.err));
    spd_write_u32(&writer, (uint32_t)end->outcome.os_code);
    spd_log_put_text(&writer, end->outcome.text);
    spd_write_u64(&writer, end->n_records);
    spd_write_u64(&writer, end->n_records_lost);
    spd_write_u8(&writer, end->n_flows);
    for (size_t i = 0; i < end->n_flows; i++)
        put_flow_end(&writer, &end->flows[i]);
    return (size_t)(writer.at - start);
}

/* Errors go by name; one that this version does not know is INTERNAL. */
static enum spd_err get_err(struct spd_reader *reader)
{
    char name[32];

    spd_log_get_text(reader, name, sizeof name);
    for (unsigned i = 0; i < SPD_ERR_COUNT; i++)
        if (strcmp(spd_err_name((enum spd_err)i), name) == 0)
            return (enum spd_err)i;
    return SPD_ERR_INTERNAL;
}

enum spd_err spd_log_read_end(const uint8_t *body, size_t n, struct spd_log_end *out)
{
    struct spd_reader reader = spd_reader_over(body, n);
    struct spd_log_end end = { 0 };

    end.ended_ns = spd_log_get_time(&reader);
    end.clock_step_ns = spd_log_get_time(&reader);
    spd_log_get_clock(&reader, &end.clock);
    end.outcome.err = get_err(&reader);
    end.outcome.os_code = (int32_t)spd_read_u32(&reader);
    spd_log_get_text(&reader, end.outcome.text, sizeof end.outcome.text);
    end.n_records = spd_read_u64(&reader);
    end.n_records_lost = spd_read_u64(&reader);
    end.n_flows = spd_read_u8(&reader);
    if (end.n_flows > SPD_FLOWS_MAX)
        return SPD_ERR_FORMAT;
    for (size_t i = 0; i < end.n_flows; i++)
        get_flow_end(&reader, &end.flows[i]);
    if (reader.failed)
        return SPD_ERR_FORMAT;
    *out = end;
    return SPD_ERR_OK;
}
