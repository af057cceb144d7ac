/*
 * What is in force and where it comes from. The text is a configuration itself,
 * and the same one. Any thread; may block on the stream.
 */
#include <string.h>

#include "common/result/stream.h"
#include "service/config_private.h"

#define COMMENT_COLUMN 44
#define LINE_BYTES     4300 /* a line of the file and what stands behind it */

static void show_text_value(struct spd_stream *stream, const struct spd_config_value *v)
{
    char line[LINE_BYTES], comment[40];
    int n;

    if (v->line)
        snprintf(comment, sizeof(comment), "line %u", v->line);
    else
        snprintf(comment, sizeof(comment), "default");
    if (!v->text)
        n = snprintf(line, sizeof(line), "; %s is not set\n", v->key);
    else
        n = snprintf(line, sizeof(line), "%s = %-*s ; %s\n", v->key,
                     COMMENT_COLUMN - (int)strlen(v->key), v->text, comment);
    spd_stream_write(stream, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static void show_text(struct spd_stream *stream, const struct spd_config *config)
{
    spd_stream_text(stream, "# ");
    spd_stream_text(stream, config->file ? config->file : "no file: defaults");
    spd_stream_text(stream, "\n");
    for (size_t i = 0; i < config->n_values; i++) {
        const struct spd_config_value *v = &config->values[i];

        if (i == 0 || strcmp(v->section, config->values[i - 1].section) != 0) {
            spd_stream_text(stream, "\n[");
            spd_stream_text(stream, v->section);
            spd_stream_text(stream, "]\n");
        }
        show_text_value(stream, v);
    }
}

/* RFC 8259 section 7. */
static void write_string(struct spd_stream *stream, const char *text)
{
    spd_stream_text(stream, "\"");
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        char escape[8];

        if (c == '"' || c == '\\')
            snprintf(escape, sizeof(escape), "\\%c", c);
        else if (c < ' ')
            snprintf(escape, sizeof(escape), "\\u%04x", c);
        else
            snprintf(escape, sizeof(escape), "%c", c);
        spd_stream_text(stream, escape);
    }
    spd_stream_text(stream, "\"");
}

/* "test \"voice\"" as section and name. */
static void show_json_heading(struct spd_stream *stream, const char *title)
{
    const char *quote = strchr(title, '"');
    char part[SPD_CONFIG_NAME_BYTES + 20];

    snprintf(part, sizeof(part), "%.*s", (int)strcspn(title, " "), title);
    spd_stream_text(stream, "    {\"section\": ");
    write_string(stream, part);
    spd_stream_text(stream, ", \"name\": ");
    if (quote) {
        snprintf(part, sizeof(part), "%.*s", (int)strlen(quote) - 2, quote + 1);
        write_string(stream, part);
    } else {
        spd_stream_text(stream, "null");
    }
    spd_stream_text(stream, ", \"values\": [");
}

static void show_json_value(struct spd_stream *stream, const struct spd_config_value *v)
{
    char line[40] = "null";

    spd_stream_text(stream, "\n      {\"key\": ");
    write_string(stream, v->key);
    spd_stream_text(stream, ", \"value\": ");
    if (v->text)
        write_string(stream, v->text);
    else
        spd_stream_text(stream, "null");
    if (v->line)
        snprintf(line, sizeof(line), "%u", v->line);
    spd_stream_text(stream, ", \"line\": ");
    spd_stream_text(stream, line);
    spd_stream_text(stream, "}");
}

static void show_json(struct spd_stream *stream, const struct spd_config *config)
{
    spd_stream_text(stream, "{\"schema\": \"stampede.config/1\", \"file\": ");
    if (config->file)
        write_string(stream, config->file);
    else
        spd_stream_text(stream, "null");
    spd_stream_text(stream, ",\n  \"sections\": [\n");
    for (size_t i = 0; i < config->n_values; i++) {
        const struct spd_config_value *v = &config->values[i];
        bool is_new = i == 0 || strcmp(v->section, config->values[i - 1].section) != 0;

        if (is_new && i > 0)
            spd_stream_text(stream, "]},\n");
        else if (i > 0)
            spd_stream_text(stream, ",");
        if (is_new)
            show_json_heading(stream, v->section);
        show_json_value(stream, v);
    }
    spd_stream_text(stream, config->n_values ? "]}\n  ]}\n" : "  ]}\n");
}

enum spd_err spd_config_show(const struct spd_config *config, FILE *file, const char *stream_name,
                             bool json, struct spd_diag *diag)
{
    struct spd_stream stream;

    spd_stream_init(&stream, file, stream_name);
    if (json)
        show_json(&stream, config);
    else
        show_text(&stream, config);
    return spd_stream_finish(&stream, diag);
}

static const struct spd_config_value *next_of(const struct spd_config *config, const char *section,
                                              size_t *at)
{
    while (*at < config->n_values && strcmp(config->values[*at].section, section) != 0)
        ++*at;
    return *at < config->n_values ? &config->values[(*at)++] : NULL;
}

bool spd_config_same_section(const struct spd_config *a, const struct spd_config *b,
                             const char *section)
{
    const struct spd_config_value *x, *y;
    size_t at_a = 0, at_b = 0;

    do {
        x = next_of(a, section, &at_a);
        y = next_of(b, section, &at_b);
        if (!x != !y)
            return false;
        if (x && (strcmp(x->key, y->key) != 0 || !x->text != !y->text ||
                  (x->text && strcmp(x->text, y->text) != 0)))
            return false;
    } while (x);
    return true;
}
