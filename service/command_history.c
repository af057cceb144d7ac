/*
 * stampede history: lists, shows and exports what the service kept. Reads the
 * database itself, so it works whether a service runs or not, and never keeps
 * one from writing. Main thread.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/export_history.h"
#include "common/result/report.h"
#include "common/result/when.h"
#include "common/sys/clock.h"
#include "common/sys/defaults.h"
#include "common/sys/zone.h"
#include "service/commands.h"
#include "service/config.h"
#include "service/history_text.h"

#define LIST_RUNS 50 /* unless told otherwise */

enum verb { LIST, SHOW, EXPORT };

struct view {
    const struct spd_settings *settings;
    enum verb verb;
    char *path;
    struct spd_store *store;
    struct spd_store_filter filter;
    FILE *csv_file; /* NULL: none was asked for */
    struct spd_stream csv;
    struct spd_stream out; /* standard output */
    bool with_text, with_json;
    uint64_t n;
    enum spd_err err;
    struct spd_diag *diag;
};

/* What the configuration says, or the usual place: whoever may not read the one
 * may yet read the other. What is wrong in it is said, and holds up nothing. */
static enum spd_err find_path(struct view *view)
{
    struct spd_config_problems *problems = malloc(sizeof(*problems));
    struct spd_config *config = NULL;
    enum spd_err err = SPD_ERR_OK;

    if (view->settings->db) {
        view->path = strdup(view->settings->db);
    } else if (problems) {
        err = spd_config_load(spd_defaults()->config_file, &config, problems);
        if (err && err != SPD_ERR_NOT_FOUND && err != SPD_ERR_PERM)
            fprintf(stderr, "stampede: %s; taking the usual database, --db names another\n",
                    problems->problem[0].text);
        err = err ? spd_config_load(NULL, &config, problems) : SPD_ERR_OK;
        if (!err)
            view->path = strdup(config->history.file);
        else if (view->diag)
            *view->diag = problems->problem[0];
        spd_config_free(config);
    }
    free(problems);
    if (!err && !view->path)
        err = spd_diag_set(view->diag, SPD_ERR_NOMEM, 0, "no memory");
    return err;
}

static enum spd_err find_verb(struct view *view)
{
    static const char *const verbs[] = { "list", "show", "export" };
    const struct spd_texts *operands = &view->settings->operands;
    const char *word = operands->n ? operands->text[0] : verbs[LIST];

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(word, verbs[i]) == 0) {
            view->verb = (enum verb)i;
            if (view->verb == SHOW && operands->n < 2)
                return spd_diag_set(view->diag, SPD_ERR_INVALID, 0,
                                    "history show needs the ID of a run; history list shows them");
            if (view->verb != SHOW && operands->n > 1)
                return spd_diag_set(view->diag, SPD_ERR_INVALID, 0,
                                    "%s: history %s takes no more; give --name, --since or --until",
                                    operands->text[1], word);
            return SPD_ERR_OK;
        }
    return spd_diag_set(view->diag, SPD_ERR_INVALID, 0,
                        "%s: history knows list, show ID and export", word);
}

static enum spd_err read_when(const char *option, const char *text, spd_wall *out,
                              struct spd_diag *diag)
{
    if (!text || spd_when_parse(text, spd_clock_wall(), spd_zone_offset_ns, out))
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "--%s %s: not a time; give 2026-11-20, \"2026-11-20 08:00\" (local, or "
                        "with Z behind it), or how long ago: 90s, 30min, 2h, 7d, 4w",
                        option, text);
}

static enum spd_err read_filter(struct view *view)
{
    const struct spd_settings *s = view->settings;
    enum spd_err err = read_when("since", s->since, &view->filter.since, view->diag);

    if (!err)
        err = read_when("until", s->until, &view->filter.until, view->diag);
    view->filter.name = s->name;
    view->filter.limit = s->limit ? s->limit : view->verb == LIST && !s->csv ? LIST_RUNS : 0;
    view->filter.oldest_first = view->verb == EXPORT && !s->limit;
    view->filter.with_details = view->verb != LIST && view->with_json;
    return err;
}

static enum spd_err open_csv(struct view *view)
{
    const char *path = view->settings->csv;

    if (!path)
        return SPD_ERR_OK;
    view->csv_file = strcmp(path, "-") == 0 ? stdout : fopen(path, "wb");
    if (!view->csv_file)
        return spd_diag_set(view->diag, SPD_ERR_IO, errno, "cannot write %s: %s", path,
                            strerror(errno));
    spd_stream_init(&view->csv, view->csv_file,
                    view->csv_file == stdout ? "standard output" : path);
    spd_history_csv_names(&view->csv);
    return SPD_ERR_OK;
}

static bool show_run(void *context, const struct spd_store_run *run)
{
    struct view *view = context;

    if (view->with_json)
        view->err = spd_history_json_run(&view->out, run, view->n == 0, view->filter.with_details,
                                         view->diag);
    if (view->with_text && view->verb == SHOW)
        spd_history_text_show(&view->out, run);
    else if (view->with_text)
        spd_history_text_row(&view->out, run);
    if (view->csv_file)
        spd_history_csv_run(&view->csv, run);
    view->n++;
    /* Nobody reads any more: a pipe into head, say. */
    return !view->err && !view->out.os_code && !(view->csv_file && view->csv.os_code);
}

static enum spd_err show_ids(struct view *view)
{
    const struct spd_texts *operands = &view->settings->operands;
    enum spd_err err = SPD_ERR_OK;

    for (size_t i = 1; i < operands->n && !err; i++) {
        const char *text = operands->text[i];
        uint64_t found = 0;
        char *end;

        errno = 0;
        view->filter.id = strtoll(text, &end, 10);
        if (*end || end == text || errno || view->filter.id < 1)
            return spd_diag_set(view->diag, SPD_ERR_INVALID, 0,
                                "%s: not the ID of a run; history list shows them", text);
        err = spd_store_each(view->store, &view->filter, show_run, view, &found, view->diag);
        if (!err && !view->err && !found)
            err = spd_diag_set(view->diag, SPD_ERR_NOT_FOUND, 0,
                               "%s holds no run %s; it may have been too old to be kept",
                               view->path, text);
    }
    return err;
}

static enum spd_err show_all(struct view *view)
{
    enum spd_err err;

    if (view->with_json)
        spd_history_json_begin(&view->out, view->path);
    else if (view->with_text && view->verb == LIST)
        spd_history_text_head(&view->out);
    err = view->verb == SHOW
              ? show_ids(view)
              : spd_store_each(view->store, &view->filter, show_run, view, NULL, view->diag);
    if (!err)
        err = view->err;
    if (!err && view->with_json)
        spd_history_json_end(&view->out);
    return err;
}

/* The first failure counts; what was opened is closed in any case. */
static enum spd_err finish(struct view *view, enum spd_err err)
{
    struct spd_diag later = { 0 };
    enum spd_err closed = SPD_ERR_OK;

    if (view->csv_file) {
        closed = spd_stream_finish(&view->csv, err ? &later : view->diag);
        if (view->csv_file != stdout && fclose(view->csv_file) != 0 && !closed && !err)
            closed = spd_diag_set(view->diag, SPD_ERR_IO, errno, "cannot write all of %s: %s",
                                  view->settings->csv, strerror(errno));
        if (!err)
            err = closed;
    }
    if (view->with_text || view->with_json) {
        closed = spd_stream_finish(&view->out, err ? &later : view->diag);
        if (!err)
            err = closed;
    }
    spd_store_close(view->store);
    free(view->path);
    return err;
}

int spd_command_history(const struct spd_settings *settings)
{
    struct spd_diag diag = { 0 };
    struct view view = { .settings = settings, .diag = &diag };
    enum spd_err err = find_verb(&view);

    view.with_json = settings->json || (view.verb == EXPORT && !settings->csv);
    view.with_text = !view.with_json && !settings->csv;
    if (!err && settings->csv && strcmp(settings->csv, "-") == 0 && settings->json)
        err = spd_diag_set(&diag, SPD_ERR_INVALID, 0,
                           "--json and --csv - both want standard output; give --csv a file");
    if (!err)
        err = find_path(&view);
    if (!err)
        err = read_filter(&view);
    if (!err)
        err = spd_store_open(view.path, SPD_STORE_READ, spd_clock_wall(), &view.store, NULL, &diag);
    spd_stream_init(&view.out, stdout, "standard output");
    if (!err && !(err = open_csv(&view)))
        err = show_all(&view);
    err = finish(&view, err);
    return err ? spd_complain(&diag) : SPD_EXIT_OK;
}
