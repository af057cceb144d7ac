/*
 * Lines of a file to headings and entries. The INI library splits a line into
 * key and value; what it would pass over in silence (long lines, continued
 * lines, text behind a heading) is found here first.
 */
#include "service/config_private.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 4096

struct source {
    struct spd_config_load *load;
    FILE *file;
    unsigned line;
    bool skipping; /* within a section that nobody knows */
};

/* The next line without its end; false at the end of the file. *length may be
 * more than what fits. Zeros become blanks after a complaint. */
static bool next_line(struct source *s, char line[LINE_MAX_BYTES], size_t *length)
{
    bool had_zero = false;
    size_t n = 0;
    int c;

    while ((c = getc(s->file)) != EOF && c != '\n') {
        had_zero = had_zero || c == '\0';
        if (n < LINE_MAX_BYTES - 1)
            line[n] = c ? (char)c : ' ';
        n++;
    }
    if (c == EOF && n == 0)
        return false;
    s->line++;
    line[n < LINE_MAX_BYTES - 1 ? n : LINE_MAX_BYTES - 1] = '\0';
    if (had_zero)
        spd_config_complain(s->load, s->line, "has a zero byte: is this a text in UTF-8?");
    *length = n;
    return true;
}

static char *trim(char *text)
{
    size_t n = strlen(text);

    while (n > 0 && isspace((unsigned char)text[n - 1]))
        text[--n] = '\0';
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

/* Names stand in file names, messages and labels. */
static bool is_name(const char *name)
{
    size_t n = strlen(name);

    if (n < 1 || n >= SPD_CONFIG_NAME_BYTES || name[0] == '.' || name[0] == ' ' ||
        name[n - 1] == '.' || name[n - 1] == ' ')
        return false;
    for (; *name; name++)
        if ((unsigned char)*name < ' ' || *name == 0x7F || strchr("/\\:*?\"<>|%", *name))
            return false;
    return true;
}

static bool is_blank_or_comment(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return *text == '\0' || *text == ';' || *text == '#';
}

static void list_sections(char *out, size_t capacity)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < SPD_CONFIG_SECTION_COUNT && n < capacity; i++)
        n += (size_t)snprintf(out + n, capacity - n, "%s[%s%s]", i ? ", " : "",
                              spd_config_sections[i].name,
                              spd_config_sections[i].is_named ? " \"NAME\"" : "");
}

static const struct spd_config_heading *
find_heading(const struct spd_config_load *load, enum spd_config_section section, const char *name)
{
    for (size_t i = 0; i < load->n_headings; i++)
        if (load->headings[i].section == section && strcmp(load->headings[i].name, name) == 0)
            return &load->headings[i];
    return NULL;
}

/* What stands between the brackets: a word, and perhaps a name in quotes. */
static bool read_heading(struct source *s, char *title)
{
    size_t n_word = strcspn(title, " \t");
    const struct spd_config_heading *before;
    struct spd_config_heading *heading;
    enum spd_config_section section = 0;
    char sections[200], *name = trim(title + n_word);
    size_t n_name = strlen(name);

    while (section < SPD_CONFIG_SECTION_COUNT &&
           (strlen(spd_config_sections[section].name) != n_word ||
            strncmp(spd_config_sections[section].name, title, n_word) != 0))
        section++;
    if (section == SPD_CONFIG_SECTION_COUNT) {
        list_sections(sections, sizeof(sections));
        spd_config_complain(s->load, s->line, "[%.60s]: no such section; there are %s", title,
                            sections);
        return false;
    }
    if (!spd_config_sections[section].is_named && n_name > 0) {
        spd_config_complain(s->load, s->line, "[%.60s]: this section has no name", title);
        return false;
    }
    if (spd_config_sections[section].is_named) {
        bool quoted = n_name > 2 && name[0] == '"' && name[n_name - 1] == '"';

        if (quoted) {
            name[n_name - 1] = '\0';
            name++;
        }
        if (!quoted || !is_name(name)) {
            spd_config_complain(s->load, s->line,
                                "[%.*s ...]: give it a name of 1 to %d bytes in quotes, as in "
                                "[%.*s \"voice Berlin\"], without / \\ : * ? \" < > | %%",
                                (int)n_word, title, SPD_CONFIG_NAME_BYTES - 1, (int)n_word, title);
            return false;
        }
    }
    before = find_heading(s->load, section, name);
    if (before) {
        spd_config_complain(s->load, s->line, "[%.*s%s%s%s]: is there already, in line %u",
                            (int)n_word, title, *name ? " \"" : "", name, *name ? "\"" : "",
                            before->line);
        return false;
    }
    heading = spd_config_grow(s->load, (void **)&s->load->headings, &s->load->n_headings,
                              sizeof(*heading));
    if (!heading)
        return false;
    heading->section = section;
    heading->line = s->line;
    heading->name = spd_config_keep(s->load, name);
    if (*name) {
        char whole[SPD_CONFIG_NAME_BYTES + 20];

        snprintf(whole, sizeof(whole), "%s \"%s\"", spd_config_sections[section].name, name);
        heading->title = spd_config_keep(s->load, whole);
    } else {
        heading->title = spd_config_sections[section].name;
    }
    return !s->load->no_memory;
}

static void take_heading(struct source *s, char *text)
{
    char *end = strchr(text, ']');

    s->skipping = true; /* until a good one: its keys have no meaning */
    if (!end) {
        spd_config_complain(s->load, s->line, "%.60s: lacks its ]", text);
        return;
    }
    if (!is_blank_or_comment(end + 1)) {
        spd_config_complain(s->load, s->line, "%.60s: nothing may stand behind the ]", text);
        return;
    }
    *end = '\0';
    s->skipping = !read_heading(s, trim(text + 1));
}

/* For the library: one line that is an entry, or an empty one. */
static char *give_line(char *out, int capacity, void *context)
{
    struct source *s = context;
    char line[LINE_MAX_BYTES], *text = line;
    size_t length;

    if (s->load->no_memory || !next_line(s, line, &length))
        return NULL;
    memcpy(out, "\n", 2);
    if (s->line == 1 && strncmp(text, "\xEF\xBB\xBF", 3) == 0)
        text += 3;
    text = trim(text);
    if (*text == '\0' || *text == ';' || *text == '#')
        return out;
    if (length + 2 > (size_t)capacity) {
        spd_config_complain(s->load, s->line,
                            "has %zu bytes, and %d are allowed; a list may go on in another line "
                            "with the same key",
                            length, capacity - 2);
        return out;
    }
    if (*text == '[') {
        take_heading(s, text);
        return out;
    }
    if (s->skipping)
        return out;
    if (s->load->n_headings == 0) {
        spd_config_complain(s->load, s->line, "%.60s: stands before the first [section]", text);
        return out;
    }
    if (*text == '=' || *text == ':' || !strpbrk(text, "=:")) {
        spd_config_complain(s->load, s->line,
                            "%.60s: is no [section], no KEY = VALUE and no comment", text);
        return out;
    }
    memcpy(out, text, strlen(text) + 1);
    return out;
}

/* By the library, for each entry. Quotes around a whole value are ours. */
static int take_entry(void *context, const char *section, const char *key, const char *value,
                      int line)
{
    struct source *s = context;
    struct spd_config_entry *entry;
    size_t n = strlen(value);

    (void)section;
    (void)line; /* the same as s->line */
    if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
        value++;
        n -= 2;
    }
    entry =
        spd_config_grow(s->load, (void **)&s->load->entries, &s->load->n_entries, sizeof(*entry));
    if (!entry)
        return 0;
    entry->heading = s->load->n_headings - 1;
    entry->key = spd_config_keep(s->load, key);
    entry->text = spd_config_keep_n(s->load, value, n);
    entry->line = s->line;
    if (n == 0)
        spd_config_complain(s->load, s->line,
                            "%.60s: has no value; leave the line out for the "
                            "default",
                            key);
    return !s->load->no_memory;
}

enum spd_err spd_config_read(struct spd_config_load *load, FILE *file)
{
    struct source source = { .load = load, .file = file };
    int rc;

    errno = 0;
    rc = ini_parse_stream(give_line, &source, take_entry, &source);
    if (ferror(file)) {
        load->problems->n = 1; /* whatever else was wrong, nobody knows the rest */
        return spd_diag_set(&load->problems->problem[0], SPD_ERR_IO, errno,
                            "%.250s: cannot be read: %s", load->file, strerror(errno));
    }
    if (load->no_memory || rc == -2)
        return SPD_ERR_NOMEM;
    if (rc != 0 && load->problems->n == 0)
        spd_config_complain(load, rc > 0 ? (unsigned)rc : 0, "is no entry of an INI file");
    return SPD_ERR_OK;
}
