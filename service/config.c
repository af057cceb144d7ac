/*
 * From a file to a configuration that is whole, or to a list of what is wrong.
 * Any thread; reads the file and nothing else.
 */
#include "service/config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/network.h"
#include "common/sys/defaults.h"
#include "common/wire/stamp.h"
#include "service/admission.h"
#include "service/config_private.h"
#include "service/listen.h"

/* ------------------------------------------------------------------ helpers */

void spd_config_complain(struct spd_config_load *load, unsigned line, const char *format, ...)
{
    struct spd_config_problems *problems = load->problems;
    size_t n = problems->n++;
    char text[sizeof(problems->problem[0].text)];
    va_list arguments;

    if (n >= SPD_CONFIG_PROBLEMS_MAX)
        return;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    load->lines[n] = line;
    if (line)
        spd_diag_set(&problems->problem[n], SPD_ERR_FORMAT, 0, "%s:%u: %s", load->file, line, text);
    else
        spd_diag_set(&problems->problem[n], SPD_ERR_FORMAT, 0, "%s: %s", load->file, text);
}

void *spd_config_grow(struct spd_config_load *load, void **array, size_t *n, size_t item_bytes)
{
    void *grown = realloc(*array, (*n + 1) * item_bytes);

    if (!grown) {
        load->no_memory = true;
        return NULL;
    }
    *array = grown;
    return memset((char *)grown + (*n)++ * item_bytes, 0, item_bytes);
}

const char *spd_config_keep_n(struct spd_config_load *load, const char *text, size_t n)
{
    struct spd_config *c = load->config;
    char *copy = malloc(n + 1);
    char **place =
        copy ? spd_config_grow(load, (void **)&c->texts, &c->n_texts, sizeof(*place)) : NULL;

    if (!place) {
        load->no_memory = true;
        free(copy);
        return NULL;
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    *place = copy;
    return copy;
}

const char *spd_config_keep(struct spd_config_load *load, const char *text)
{
    return spd_config_keep_n(load, text, strlen(text));
}

static const struct spd_config_heading *heading_of(const struct spd_config_load *load,
                                                   enum spd_config_section section)
{
    for (size_t i = 0; i < load->n_headings; i++)
        if (load->headings[i].section == section)
            return &load->headings[i];
    return NULL;
}

static size_t count(const struct spd_config_load *load, enum spd_config_section section)
{
    size_t n = 0;

    for (size_t i = 0; i < load->n_headings; i++)
        n += load->headings[i].section == section;
    return n;
}

/* ----------------------------------------------------------------- sections */

static void make_absolute(struct spd_config_load *load, const char **path)
{
    const char *folder = load->config->service.data_folder;
    char joined[2000];

    if (spd_defaults_is_absolute(*path))
        return;
    if (snprintf(joined, sizeof(joined), "%s%c%s", folder, spd_defaults()->separator, *path) >=
        (int)sizeof(joined))
        spd_config_complain(load, 0, "%.100s: this path is too long", *path);
    else
        *path = spd_config_keep(load, joined);
}

static void make_service(struct spd_config_load *load)
{
    const struct spd_config_heading *heading = heading_of(load, SPD_CONFIG_SERVICE);
    struct spd_config *c = load->config;

    spd_config_apply(load, SPD_CONFIG_SERVICE, heading, c, 0, NULL, NULL);
    if (!load->no_memory && !spd_defaults_is_absolute(c->service.data_folder))
        spd_config_complain(load, spd_config_line_of(load, heading, "data-folder"),
                            "[service] data-folder = %.100s: give a whole path, as in %s",
                            c->service.data_folder, spd_defaults()->data_folder);
    /* Groups have no colon in their name, and descriptors ("D:(A;;GA;;;BA)") have some. */
    if (c->service.admins &&
        (strchr(c->service.admins, ':') == NULL) != spd_defaults()->admins_are_group)
        spd_config_complain(load, spd_config_line_of(load, heading, "admins"),
                            "[service] admins = %.100s: give %s here", c->service.admins,
                            spd_defaults()->admins_are_group
                                ? "the name or number of a group"
                                : "a security descriptor, as in D:(A;;GA;;;BA)");
}

static void make_reflector(struct spd_config_load *load)
{
    const struct spd_config_heading *heading = heading_of(load, SPD_CONFIG_REFLECTOR);
    struct spd_config *c = load->config;
    struct spd_diag diag = { 0 };
    struct spd_network network;
    struct spd_listen listen;

    spd_config_apply(load, SPD_CONFIG_REFLECTOR, heading, c, SPD_COMMAND_REFLECT, NULL,
                     &c->reflector.settings);
    if (spd_listen_find(&c->reflector.settings, SPD_STAMP_DEFAULT_PORT, &listen, &diag)) {
        spd_config_undash(diag.text);
        spd_config_complain(load, spd_config_line_of(load, heading, "listen"), "[reflector] %s",
                            diag.text);
    }
    for (size_t i = 0; i < c->reflector.settings.allow.n; i++)
        if (!spd_network_parse(c->reflector.settings.allow.text[i], &network))
            spd_config_complain(load, spd_config_line_of(load, heading, "allow"),
                                "[reflector] allow %.60s: no network; give one as in 10.0.0.0/8 "
                                "or 2001:db8::/32, without bits behind its prefix",
                                c->reflector.settings.allow.text[i]);
}

/* A list's own items take the place of the default. */
static void make_rest(struct spd_config_load *load)
{
    struct spd_config *c = load->config;

    spd_config_apply(load, SPD_CONFIG_LIMITS, heading_of(load, SPD_CONFIG_LIMITS), c, 0, NULL,
                     NULL);
    spd_config_apply(load, SPD_CONFIG_METRICS, heading_of(load, SPD_CONFIG_METRICS), c, 0, NULL,
                     NULL);
    spd_config_apply(load, SPD_CONFIG_HISTORY, heading_of(load, SPD_CONFIG_HISTORY), c, 0, NULL,
                     NULL);
    if (load->no_memory)
        return;
    make_absolute(load, &c->history.file);
    make_absolute(load, &c->history.log_folder);
}

static void make_rules(struct spd_config_load *load)
{
    struct spd_config *c = load->config;

    for (size_t i = 0; i < load->n_headings && !load->no_memory; i++)
        if (load->headings[i].section == SPD_CONFIG_ALLOW)
            spd_config_make_rule(load, &load->headings[i], &c->rules[c->n_rules++]);
}

/* A test that no limit lets through would never run. */
static void check_limits(struct spd_config_load *load, const struct spd_config_test *test)
{
    struct spd_admission_request request = { .demand = &test->demand };
    struct spd_diag diag = { 0 };

    if (spd_admission_ask(load->config, NULL, &request, NULL, 0, &diag))
        spd_config_complain(load, test->line, "[test \"%s\"] %s", test->name, diag.text);
}

static void make_tests(struct spd_config_load *load)
{
    struct spd_config *c = load->config;

    for (size_t i = 0; i < load->n_headings && !load->no_memory; i++) {
        size_t n_before = load->problems->n;

        if (load->headings[i].section != SPD_CONFIG_TEST)
            continue;
        spd_config_make_test(load, &load->headings[i], &c->tests[c->n_tests]);
        if (!load->no_memory && load->problems->n == n_before)
            check_limits(load, &c->tests[c->n_tests]);
        c->n_tests++;
    }
}

static void make_all(struct spd_config_load *load)
{
    size_t n_rules = count(load, SPD_CONFIG_ALLOW), n_tests = count(load, SPD_CONFIG_TEST);
    struct spd_config *c = load->config;

    if (n_rules > SPD_CONFIG_RULES_MAX || n_tests > SPD_CONFIG_TESTS_MAX) {
        spd_config_complain(load, 0, "has %zu rules and %zu tests; %d and %d are allowed", n_rules,
                            n_tests, SPD_CONFIG_RULES_MAX, SPD_CONFIG_TESTS_MAX);
        return;
    }
    c->rules = calloc(n_rules + 1, sizeof(*c->rules));
    c->tests = calloc(n_tests + 1, sizeof(*c->tests));
    load->no_memory = load->no_memory || !c->rules || !c->tests;
    if (!load->no_memory)
        make_service(load);
    if (!load->no_memory)
        make_reflector(load);
    if (!load->no_memory)
        make_rest(load);
    make_rules(load);
    make_tests(load);
}

/* ------------------------------------------------------------------- public */

/* By line; those of the whole file come last. */
static void sort_problems(struct spd_config_load *load)
{
    struct spd_diag *problem = load->problems->problem;
    size_t n =
        load->problems->n < SPD_CONFIG_PROBLEMS_MAX ? load->problems->n : SPD_CONFIG_PROBLEMS_MAX;

    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && load->lines[k] - 1u < load->lines[k - 1] - 1u; k--) {
            struct spd_diag diag = problem[k];
            unsigned line = load->lines[k];

            problem[k] = problem[k - 1];
            problem[k - 1] = diag;
            load->lines[k] = load->lines[k - 1];
            load->lines[k - 1] = line;
        }
}

static enum spd_err open_file(const char *path, FILE **out, struct spd_config_problems *problems)
{
    enum spd_err err;

    *out = fopen(path, "rb");
    if (*out)
        return SPD_ERR_OK;
    err = errno == ENOENT ? SPD_ERR_NOT_FOUND : errno == EACCES ? SPD_ERR_PERM : SPD_ERR_IO;
    problems->n = 1;
    return spd_diag_set(&problems->problem[0], err, errno, "%.250s: cannot be read: %s", path,
                        strerror(errno));
}

enum spd_err spd_config_load(const char *path, struct spd_config **out,
                             struct spd_config_problems *problems)
{
    struct spd_config_load load = { .problems = problems, .file = path ? path : "(defaults)" };
    enum spd_err err = SPD_ERR_OK;
    FILE *file = NULL;

    memset(problems, 0, sizeof(*problems));
    if (path && open_file(path, &file, problems))
        return problems->problem[0].err;
    load.config = calloc(1, sizeof(*load.config));
    load.no_memory = !load.config;
    if (!load.no_memory && path) {
        load.config->file = spd_config_keep(&load, path);
        err = spd_config_read(&load, file);
    }
    if (!load.no_memory && !err)
        make_all(&load);
    if (file)
        fclose(file);
    if (load.no_memory) {
        problems->n = 1;
        err = spd_diag_set(&problems->problem[0], SPD_ERR_NOMEM, 0,
                           "%.250s: no memory for the configuration", load.file);
    } else if (problems->n > 0) {
        sort_problems(&load);
        err = err ? err : SPD_ERR_FORMAT;
    }
    free(load.headings);
    free(load.entries);
    if (err)
        spd_config_free(load.config);
    else
        *out = load.config;
    return err;
}

void spd_config_free(struct spd_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->n_texts; i++)
        free(config->texts[i]);
    free(config->texts);
    free(config->values);
    free(config->rules);
    free(config->tests);
    free(config);
}

const struct spd_config_test *spd_config_test_find(const struct spd_config *config,
                                                   const char *name)
{
    for (size_t i = 0; i < config->n_tests; i++)
        if (strcmp(config->tests[i].name, name) == 0)
            return &config->tests[i];
    return NULL;
}
