/*
 * Writes results of flows. Rows are made one at a time, so that memory does not
 * grow with their number.
 */
#include "common/result/export_flow.h"

#include <inttypes.h>
#include <string.h>

#include "common/result/export_private.h"
#include "common/result/flow_rows.h"

/* A row as one object on one line. The paths of its fields have no dots. Numbers
 * are written here: the library would take most of the time. */
static enum spd_err write_line(struct spd_stream *stream, const struct spd_result *result)
{
    enum spd_err err = SPD_ERR_OK;
    struct spd_field_value value;
    char text[40];

    for (size_t f = 0; f < spd_field_count(SPD_FIELD_FLOW_PACKET) && !err; f++) {
        const struct spd_field *field = spd_field_at(SPD_FIELD_FLOW_PACKET, f);

        spd_stream_text(stream, f > 0 ? ",\"" : "{\"");
        spd_stream_text(stream, spd_field_path(field));
        spd_stream_text(stream, "\":");
        spd_field_get(field, result, 0, &value);
        switch (value.kind) {
        case SPD_FIELD_NULL:
            spd_stream_text(stream, "null");
            break;
        case SPD_FIELD_INTEGER:
            snprintf(text, sizeof text, "%" PRId64, value.as.integer);
            spd_stream_text(stream, text);
            break;
        case SPD_FIELD_UNSIGNED:
            snprintf(text, sizeof text, "%" PRIu64, value.as.number);
            spd_stream_text(stream, text);
            break;
        case SPD_FIELD_BOOL:
            spd_stream_text(stream, value.as.boolean ? "true" : "false");
            break;
        default:
            err = spd_json_dump(stream, spd_json_value(&value), JSON_ENCODE_ANY | JSON_COMPACT);
        }
    }
    spd_stream_text(stream, "}");
    return err;
}

/* Calls for each row of each flow, with result->row set to it. */
typedef enum spd_err write_row(struct spd_stream *stream, const struct spd_result *result,
                               size_t n_before);

static enum spd_err for_each_row(struct spd_stream *stream, const struct spd_result *result,
                                 write_row *write)
{
    struct spd_result with_row = *result;
    struct spd_flow_rows rows;
    struct spd_flow_row row;
    enum spd_err err = SPD_ERR_OK;
    size_t n = 0;

    with_row.row = &row;
    for (size_t i = 0; i < result->flow->n_flows; i++) {
        spd_flow_rows_begin(&rows, result->flow, i);
        while (!err && stream->os_code == 0 && spd_flow_rows_next(&rows, &row))
            err = write(stream, &with_row, n++);
    }
    return err;
}

static enum spd_err write_element(struct spd_stream *stream, const struct spd_result *result,
                                  size_t n_before)
{
    spd_stream_text(stream, n_before > 0 ? ",\n    " : "\n    ");
    return write_line(stream, result);
}

static enum spd_err write_own_line(struct spd_stream *stream, const struct spd_result *result,
                                   size_t n_before)
{
    enum spd_err err = write_line(stream, result);

    (void)n_before;
    spd_stream_text(stream, "\n");
    return err;
}

static enum spd_err write_csv_row(struct spd_stream *stream, const struct spd_result *result,
                                  size_t n_before)
{
    (void)n_before;
    spd_csv_row(stream, SPD_FIELD_FLOW_PACKET, result, 0);
    return SPD_ERR_OK;
}

static enum spd_err finish(struct spd_stream *stream, enum spd_err err, struct spd_diag *diag)
{
    if (err)
        return spd_diag_set(diag, err, 0, "not enough memory to write %s", stream->name);
    return spd_stream_finish(stream, diag);
}

enum spd_err spd_export_flow_json(FILE *file, const char *stream_name,
                                  const struct spd_result *result, bool with_packets,
                                  struct spd_diag *diag)
{
    const struct spd_flow_result *flow = result->flow;
    struct spd_stream stream;

    spd_stream_init(&stream, file, stream_name);
    enum spd_err err = spd_json_open_object(&stream, SPD_FIELD_FLOW_TEST, result);
    if (!err)
        err = spd_json_environment(&stream, result);
    if (!err)
        err = spd_json_array(&stream, "flows", SPD_FIELD_FLOW, result, flow->n_flows);
    if (!err)
        err = spd_json_array(&stream, "timer_jumps", SPD_FIELD_FLOW_JUMP, result, flow->n_jumps);
    if (!err && with_packets) {
        spd_stream_text(&stream, ",\n  \"packets\": [");
        err = for_each_row(&stream, result, write_element);
        spd_stream_text(&stream, "\n  ]");
    }
    spd_stream_text(&stream, "\n}\n");
    return finish(&stream, err, diag);
}

enum spd_err spd_export_flow_csv(FILE *file, const char *stream_name,
                                 const struct spd_result *result, struct spd_diag *diag)
{
    struct spd_stream stream;

    spd_stream_init(&stream, file, stream_name);
    spd_csv_names(&stream, SPD_FIELD_FLOW_PACKET);
    enum spd_err err = for_each_row(&stream, result, write_csv_row);
    return finish(&stream, err, diag);
}

enum spd_err spd_export_flow_json_lines(FILE *file, const char *stream_name,
                                        const struct spd_result *result, struct spd_diag *diag)
{
    struct spd_stream stream;

    spd_stream_init(&stream, file, stream_name);
    enum spd_err err = for_each_row(&stream, result, write_own_line);
    return finish(&stream, err, diag);
}
