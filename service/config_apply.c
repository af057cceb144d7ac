/*
 * The entries of one section into their fields, defaults where there are none,
 * and what is in force kept for show. Keys that are options of the command line
 * go through its own parser, so that its table stays the only one.
 */
#include <string.h>

#include "service/config_private.h"

#define ARGUMENTS_MAX 200

static const struct spd_config_entry *next_entry(const struct spd_config_load *load,
                                                 const struct spd_config_heading *heading,
                                                 const char *key, size_t *at)
{
    for (; heading && *at < load->n_entries; (*at)++) {
        const struct spd_config_entry *e = &load->entries[*at];

        if (&load->headings[e->heading] == heading && (!key || strcmp(e->key, key) == 0)) {
            (*at)++;
            return e;
        }
    }
    return NULL;
}

unsigned spd_config_line_of(const struct spd_config_load *load,
                            const struct spd_config_heading *heading, const char *key)
{
    size_t at = 0;
    const struct spd_config_entry *e = next_entry(load, heading, key, &at);

    return e ? e->line : 0;
}

const char *spd_config_text_of(const struct spd_config_load *load,
                               const struct spd_config_heading *heading, const char *key)
{
    size_t at = 0;
    const struct spd_config_entry *e = next_entry(load, heading, key, &at);

    return e ? e->text : NULL;
}

static const char *title_of(enum spd_config_section section,
                            const struct spd_config_heading *heading)
{
    return heading ? heading->title : spd_config_sections[section].name;
}

static void keep_value(struct spd_config_load *load, const char *title, const char *key,
                       const char *text, unsigned line)
{
    struct spd_config *c = load->config;
    struct spd_config_value *value =
        spd_config_grow(load, (void **)&c->values, &c->n_values, sizeof(*value));

    if (value)
        *value = (struct spd_config_value){ title, key, text, line };
}

/* Keys that stand twice where they may not. */
static bool is_second(struct spd_config_load *load, const struct spd_config_entry *e,
                      const char *title, unsigned first_line)
{
    if (!first_line)
        return false;
    spd_config_complain(load, e->line, "[%s] %s: is there already, in line %u", title, e->key,
                        first_line);
    return true;
}

static void apply_key(struct spd_config_load *load, const struct spd_config_key *key,
                      const struct spd_config_heading *heading, void *base)
{
    const char *title = title_of(key->section, heading), *initial = spd_config_initial(key);
    void *field = (char *)base + key->offset;
    const struct spd_config_entry *e;
    unsigned first_line = 0;
    char why[SPD_CONFIG_WHY_BYTES];
    size_t at = 0;

    while ((e = next_entry(load, heading, key->name, &at)) != NULL) {
        load->entries[e - load->entries].known = true;
        if (!spd_config_is_list(key->kind) && is_second(load, e, title, first_line))
            continue;
        first_line = first_line ? first_line : e->line;
        if (*e->text && !spd_config_set(load, key, e->text, field, why))
            spd_config_complain(load, e->line, "[%s] %s = %.60s: %s", title, key->name, e->text,
                                why);
        keep_value(load, title, key->name, e->text, e->line);
    }
    if (first_line)
        return;
    if (initial && !spd_config_set(load, key, initial, field, why))
        spd_config_complain(load, 0, "[%s] %s: the default %s is none: %s", title, key->name,
                            initial, why);
    keep_value(load, title, key->name, initial, 0);
}

/* ----------------------------------------------------------------- options */

struct arguments {
    char *text[ARGUMENTS_MAX];
    int n;
    unsigned command;
    const char *title;
};

void spd_config_undash(char *text)
{
    char *to = text;

    for (const char *from = text; *from; from++) {
        bool begins = from == text || from[-1] == ' ' || from[-1] == '(';

        if (begins && from[0] == '-' && from[1] == '-' && from[2] >= 'a' && from[2] <= 'z')
            from += 2;
        *to++ = *from;
    }
    *to = '\0';
}

/* "--name=text" at the end of the arguments, if the command takes it so. */
static void add_argument(struct spd_config_load *load, struct arguments *a,
                         const struct spd_config_entry *e, const char *text, size_t n)
{
    struct spd_settings settings;
    struct spd_diag diag = { 0 };
    char line[300];
    char *argument;

    snprintf(line, sizeof(line), text ? "--%s=%.*s" : "--%s", e->key, (int)n, text);
    argument = (char *)(uintptr_t)spd_config_keep(load, line);
    if (!argument)
        return;
    if (spd_options_parse(a->command, "HOST", true, 1, &argument, &settings, &diag)) {
        spd_config_undash(diag.text);
        spd_config_complain(load, e->line, "[%s] %s", a->title, diag.text);
    } else if (a->n == ARGUMENTS_MAX) {
        spd_config_complain(load, e->line, "[%s] %s: is one too many; %d are allowed", a->title,
                            e->key, ARGUMENTS_MAX);
    } else {
        a->text[a->n++] = argument;
    }
}

/* Lists of a reflector are addresses, which have no commas; in those of tests a
 * blank follows the comma between items, since sizes have commas too. */
static void add_list(struct spd_config_load *load, struct arguments *a,
                     const struct spd_config_entry *e)
{
    bool plain = a->command == SPD_COMMAND_REFLECT;
    const char *text = e->text;

    for (;;) {
        size_t n = 0, end;

        while (text[n] && !(text[n] == ',' && (plain || text[n + 1] == ' ')))
            n++;
        end = n;
        while (end > 0 && text[end - 1] == ' ')
            end--;
        if (end == 0) {
            spd_config_complain(load, e->line, "[%s] %s: has an empty item", a->title, e->key);
            return;
        }
        add_argument(load, a, e, text, end);
        if (!text[n])
            return;
        text += n + 1 + strspn(text + n + 1, " ");
    }
}

static void add_option(struct spd_config_load *load, struct arguments *a,
                       const struct spd_option *option, const struct spd_config_entry *e)
{
    static const struct spd_config_key flag = { .kind = SPD_CONFIG_FLAG };
    char why[SPD_CONFIG_WHY_BYTES];
    bool on;

    if (option->kind == SPD_OPTION_TEXTS) {
        add_list(load, a, e);
    } else if (option->kind != SPD_OPTION_FLAG) {
        add_argument(load, a, e, e->text, strlen(e->text));
    } else if (!spd_config_set(load, &flag, e->text, &on, why)) {
        spd_config_complain(load, e->line, "[%s] %s = %.60s: %s", a->title, e->key, e->text, why);
    } else if (on) {
        add_argument(load, a, e, NULL, 0);
    }
}

/* A reflector that nobody watches must not be of use to those who forge
 * addresses; by hand it answers as RFC 8762 section 4.6 has it. */
const char *spd_config_option_initial(enum spd_config_section section,
                                      const struct spd_option *option)
{
    if (option->kind != SPD_OPTION_FLAG)
        return option->initial;
    return section == SPD_CONFIG_REFLECTOR && strcmp(option->name, "never-larger") == 0 ? "yes"
                                                                                        : "no";
}

static void apply_option(struct spd_config_load *load, enum spd_config_section section,
                         const struct spd_option *option, const struct spd_config_heading *heading,
                         struct arguments *a)
{
    const struct spd_config_entry *e;
    const char *initial;
    unsigned first_line = 0;
    size_t at = 0;

    if (!(option->commands & a->command) || !spd_config_takes_option(section, option))
        return;
    while ((e = next_entry(load, heading, option->name, &at)) != NULL) {
        load->entries[e - load->entries].known = true;
        if (option->kind != SPD_OPTION_TEXTS && is_second(load, e, a->title, first_line))
            continue;
        first_line = first_line ? first_line : e->line;
        if (*e->text)
            add_option(load, a, option, e);
        keep_value(load, a->title, option->name, e->text, e->line);
    }
    if (first_line)
        return;
    initial = spd_config_option_initial(section, option);
    if (option->kind == SPD_OPTION_FLAG && strcmp(initial, "yes") == 0)
        add_argument(load, a, &(struct spd_config_entry){ .key = option->name }, NULL, 0);
    keep_value(load, a->title, option->name, initial, 0);
}

static void apply_options(struct spd_config_load *load, enum spd_config_section section,
                          const struct spd_config_heading *heading, unsigned command,
                          const char *operand, struct spd_settings *settings)
{
    struct arguments a = { .command = command, .title = title_of(section, heading) };
    char *argv[ARGUMENTS_MAX + 2];
    struct spd_diag diag = { 0 };
    int argc;

    for (size_t i = 0; i < spd_n_options; i++)
        apply_option(load, section, &spd_options[i], heading, &a);
    memcpy(argv, a.text, (size_t)a.n * sizeof(argv[0]));
    argc = a.n;
    if (operand) {
        argv[argc++] = (char *)(uintptr_t) "--";
        argv[argc++] = (char *)(uintptr_t)operand;
    }
    if (spd_options_parse(command, operand ? "HOST" : NULL, true, argc, argv, settings, &diag)) {
        spd_config_undash(diag.text);
        spd_config_complain(load, heading ? heading->line : 0, "[%s] %s", a.title, diag.text);
    }
    settings->quiet = true;
    if (command == SPD_COMMAND_REFLECT && settings->source_sessions && !settings->stateful)
        spd_config_complain(load, heading ? heading->line : 0,
                            "[%s] source-sessions: there are no sessions to count without "
                            "stateful = yes",
                            a.title);
}

/* ------------------------------------------------------------ unknown keys */

static void list_keys(enum spd_config_section section, unsigned command, char *out, size_t capacity)
{
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < spd_n_config_keys && n < capacity; i++)
        if (spd_config_keys[i].section == section)
            n += (size_t)snprintf(out + n, capacity - n, "%s%s", n ? ", " : "",
                                  spd_config_keys[i].name);
    for (size_t i = 0; i < spd_n_options && n < capacity; i++)
        if ((spd_options[i].commands & command) &&
            spd_config_takes_option(section, &spd_options[i]) &&
            strcmp(spd_options[i].name, "log") != 0)
            n += (size_t)snprintf(out + n, capacity - n, ", %s", spd_options[i].name);
    if (n >= capacity)
        memcpy(out + capacity - 4, "...", 4);
}

/* Without a command nobody can tell which options are keys. */
static bool is_of_some_command(enum spd_config_section section, const char *key)
{
    for (size_t i = 0; i < spd_n_options; i++)
        if (spd_config_takes_option(section, &spd_options[i]) &&
            strcmp(spd_options[i].name, key) == 0)
            return true;
    return false;
}

static void refuse_unknown(struct spd_config_load *load, enum spd_config_section section,
                           const struct spd_config_heading *heading, unsigned command)
{
    const struct spd_config_entry *e;
    char keys[270];
    size_t at = 0;

    while ((e = next_entry(load, heading, NULL, &at)) != NULL) {
        if (e->known || (!command && is_of_some_command(section, e->key)))
            continue;
        list_keys(section, command, keys, sizeof(keys));
        spd_config_complain(load, e->line, "[%s] %.40s: no such key%s; there are %s",
                            heading->title, e->key, command ? " here" : "", keys);
    }
}

void spd_config_apply(struct spd_config_load *load, enum spd_config_section section,
                      const struct spd_config_heading *heading, void *base, unsigned command,
                      const char *operand, struct spd_settings *settings)
{
    for (size_t i = 0; i < spd_n_config_keys; i++)
        if (spd_config_keys[i].section == section)
            apply_key(load, &spd_config_keys[i], heading, base);
    if (settings && command)
        apply_options(load, section, heading, command, operand, settings);
    if (heading)
        refuse_unknown(load, section, heading, command);
}
