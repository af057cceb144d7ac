/*
 * A result as JSON. Called by whoever shows results; may block on the stream;
 * never on a measuring thread. Bursts and packets are built and written one at
 * a time.
 */
#include "common/result/export_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/export_private.h"

/* Figures are good to far less than this; 17 digits would show 0.1 as
 * 0.10000000000000001. */
#define REAL_DIGITS 12

static int write_chunk(const char *bytes, size_t n, void *data)
{
    struct spd_stream *stream = data;

    spd_stream_write(stream, bytes, n);
    return 0; /* the stream remembers a failure */
}

/* JSON is UTF-8. A name that a user gave may not be: then what is not ASCII is
 * shown as '?'. */
static json_t *make_text(const char *text)
{
    json_t *value = json_string(text);
    char plain[512];
    size_t n = strlen(text);

    if (value != NULL)
        return value;
    if (n >= sizeof plain)
        n = sizeof plain - 1;
    for (size_t i = 0; i < n; i++)
        plain[i] = (unsigned char)text[i] < 0x80 ? text[i] : '?';
    plain[n] = '\0';
    return json_string(plain);
}

static json_t *make_unsigned(uint64_t number)
{
    char text[24];

    if (number <= INT64_MAX)
        return json_integer((json_int_t)number);
    /* Beyond what the library can hold as a number; exact all the same. */
    snprintf(text, sizeof text, "%" PRIu64, number);
    return json_string(text);
}

json_t *spd_json_value(const struct spd_field_value *value)
{
    json_t *real;

    switch (value->kind) {
    case SPD_FIELD_NULL:
        return json_null();
    case SPD_FIELD_BOOL:
        return json_boolean(value->as.boolean);
    case SPD_FIELD_INTEGER:
        return json_integer((json_int_t)value->as.integer);
    case SPD_FIELD_UNSIGNED:
        return make_unsigned(value->as.number);
    case SPD_FIELD_REAL:
        real = json_real(value->as.real);
        return real != NULL ? real : json_null(); /* neither NaN nor infinity in JSON */
    case SPD_FIELD_TEXT:
        return make_text(value->as.text);
    }
    return NULL;
}

/* Set "a.b.c" in root, making the objects on the way. Returns false when out of
 * memory. */
static bool set_at_path(json_t *root, const char *path, json_t *value)
{
    const char *dot;

    while ((dot = strchr(path, '.')) != NULL) {
        char name[64];
        size_t n = (size_t)(dot - path);

        if (n >= sizeof name)
            goto fail;
        memcpy(name, path, n);
        name[n] = '\0';
        json_t *child = json_object_get(root, name);
        if (child == NULL) {
            if (json_object_set_new(root, name, json_object()) != 0)
                goto fail;
            child = json_object_get(root, name);
        }
        root = child;
        path = dot + 1;
    }
    return json_object_set_new(root, path, value) == 0;

fail:
    json_decref(value);
    return false;
}

json_t *spd_json_object(enum spd_field_group group, const struct spd_result *result, size_t index)
{
    json_t *object = json_object();
    struct spd_field_value value;

    for (size_t f = 0; object != NULL && f < spd_field_count(group); f++) {
        const struct spd_field *field = spd_field_at(group, f);

        spd_field_get(field, result, index, &value);
        if (!set_at_path(object, spd_field_path(field), spd_json_value(&value))) {
            json_decref(object);
            object = NULL;
        }
    }
    return object;
}

enum spd_err spd_json_dump(struct spd_stream *stream, json_t *value, size_t flags)
{
    if (value == NULL)
        return SPD_ERR_NOMEM;
    int failed =
        json_dump_callback(value, write_chunk, stream, flags | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(value);
    return failed ? SPD_ERR_NOMEM : SPD_ERR_OK;
}

enum spd_err spd_json_open_object(struct spd_stream *stream, enum spd_field_group group,
                                  const struct spd_result *result)
{
    json_t *object = spd_json_object(group, result, 0);
    char *text = object != NULL
                     ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS))
                     : NULL;

    json_decref(object);
    if (text == NULL)
        return SPD_ERR_NOMEM;
    spd_stream_write(stream, text, strlen(text) - strlen("\n}"));
    free(text);
    return SPD_ERR_OK;
}

enum spd_err spd_json_environment(struct spd_stream *stream, const struct spd_result *result)
{
    enum spd_err err = SPD_ERR_OK;
    bool first = true;

    spd_stream_text(stream, ",\n  \"environment\": {");
    for (size_t i = 0; i < SPD_ENV_COUNT && err == SPD_ERR_OK; i++) {
        if (!spd_result_environment(result)->items[i].present)
            continue;
        spd_stream_text(stream, first ? "\n    \"" : ",\n    \"");
        spd_stream_text(stream, spd_env_key_name((enum spd_env_key)i));
        spd_stream_text(stream, "\": ");
        err = spd_json_dump(stream, spd_json_object(SPD_FIELD_ENVIRONMENT, result, i), 0);
        first = false;
    }
    spd_stream_text(stream, first ? "}" : "\n  }");
    return err;
}

enum spd_err spd_json_array(struct spd_stream *stream, const char *name, enum spd_field_group group,
                            const struct spd_result *result, size_t n)
{
    enum spd_err err = SPD_ERR_OK;

    spd_stream_text(stream, ",\n  \"");
    spd_stream_text(stream, name);
    spd_stream_text(stream, "\": [");
    for (size_t i = 0; i < n && err == SPD_ERR_OK && stream->os_code == 0; i++) {
        spd_stream_text(stream, i > 0 ? ",\n    " : "\n    ");
        err = spd_json_dump(stream, spd_json_object(group, result, i), JSON_COMPACT);
    }
    spd_stream_text(stream, n > 0 ? "\n  ]" : "]");
    return err;
}

enum spd_err spd_export_json(FILE *file, const char *stream_name, const struct spd_result *result,
                             bool with_packets, struct spd_diag *diag)
{
    const struct spd_test_record *record = result->record;
    struct spd_stream stream;

    spd_stream_init(&stream, file, stream_name);
    enum spd_err err = spd_json_open_object(&stream, SPD_FIELD_TEST, result);
    if (err == SPD_ERR_OK)
        err = spd_json_environment(&stream, result);
    if (err == SPD_ERR_OK)
        err = spd_json_array(&stream, "bursts", SPD_FIELD_BURST, result, record->n_bursts);
    if (err == SPD_ERR_OK && with_packets)
        err = spd_json_array(&stream, "packets", SPD_FIELD_PACKET, result, record->n_packets);
    spd_stream_text(&stream, "\n}\n");
    if (err != SPD_ERR_OK)
        return spd_diag_set(diag, err, 0, "not enough memory to write %s", stream_name);
    return spd_stream_finish(&stream, diag);
}
