/*
 * Packets as comma-separated values. Called by whoever shows results; may
 * block on the file; never on a measuring thread.
 */
#include "common/result/export_csv.h"

#include <inttypes.h>
#include <string.h>

#include "common/result/export_private.h"

/* RFC 4180 section 2, rules 5 to 7. */
static void write_quoted(struct spd_stream *stream, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        spd_stream_text(stream, text);
        return;
    }
    spd_stream_text(stream, "\"");
    for (; *text != '\0'; text++) {
        if (*text == '"')
            spd_stream_text(stream, "\"");
        spd_stream_write(stream, text, 1);
    }
    spd_stream_text(stream, "\"");
}

static void write_value(struct spd_stream *stream, const struct spd_field_value *value)
{
    char text[40];

    switch (value->kind) {
    case SPD_FIELD_NULL:
        return;
    case SPD_FIELD_BOOL:
        spd_stream_text(stream, value->as.boolean ? "true" : "false");
        return;
    case SPD_FIELD_INTEGER:
        snprintf(text, sizeof text, "%" PRId64, value->as.integer);
        break;
    case SPD_FIELD_UNSIGNED:
        snprintf(text, sizeof text, "%" PRIu64, value->as.number);
        break;
    case SPD_FIELD_REAL:
        snprintf(text, sizeof text, "%.12g", value->as.real);
        break;
    case SPD_FIELD_TEXT:
        write_quoted(stream, value->as.text);
        return;
    }
    spd_stream_text(stream, text);
}

void spd_csv_names(struct spd_stream *stream, enum spd_field_group group)
{
    for (size_t f = 0; f < spd_field_count(group); f++) {
        spd_stream_text(stream, f > 0 ? "," : "");
        write_quoted(stream, spd_field_path(spd_field_at(group, f)));
    }
    spd_stream_text(stream, "\r\n");
}

void spd_csv_row(struct spd_stream *stream, enum spd_field_group group,
                 const struct spd_result *result, size_t index)
{
    struct spd_field_value value;

    for (size_t f = 0; f < spd_field_count(group); f++) {
        spd_field_get(spd_field_at(group, f), result, index, &value);
        spd_stream_text(stream, f > 0 ? "," : "");
        write_value(stream, &value);
    }
    spd_stream_text(stream, "\r\n");
}

enum spd_err spd_export_csv(FILE *file, const char *stream_name, const struct spd_result *result,
                            struct spd_diag *diag)
{
    struct spd_stream stream;

    spd_stream_init(&stream, file, stream_name);
    spd_csv_names(&stream, SPD_FIELD_PACKET);
    for (size_t i = 0; i < result->record->n_packets && stream.os_code == 0; i++)
        spd_csv_row(&stream, SPD_FIELD_PACKET, result, i);
    return spd_stream_finish(&stream, diag);
}
