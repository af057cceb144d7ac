/*
 * stampede compare: two flows out of logs against each other, measured at
 * different times or in one run. Main thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/qos_report.h"
#include "common/sys/pagemem.h"
#include "service/commands.h"
#include "service/qos_outcome.h"

#define CALIBRATION_MAX 1000000 /* as stampede qos takes */

/* One side: a log, and the flow in it that was chosen. */
struct side {
    char path[1024];
    const char *flow; /* NULL: the only one */
    struct spd_log log;
    struct spd_flow_result *result;
    uint32_t n_calibration;
    char name[300];
};

/* "FILE" or "FILE#FLOW" */
static enum spd_err split(const char *text, struct side *out, struct spd_diag *diag)
{
    FILE *file;
    char *hash;

    if (strlen(text) >= sizeof(out->path))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "%.60s...: the name is too long", text);
    snprintf(out->path, sizeof(out->path), "%s", text);
    file = fopen(text, "rb"); /* a file may have a # in its own name */
    if (file) {
        fclose(file);
        return SPD_ERR_OK;
    }
    hash = strrchr(out->path, '#');
    if (hash) {
        *hash = '\0';
        out->flow = hash + 1;
    }
    return SPD_ERR_OK;
}

static enum spd_err must_choose(const struct side *side, struct spd_diag *diag)
{
    char names[300] = "";
    size_t n = 0;

    for (size_t i = 0; i < side->log.header.n_flows && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "",
                              side->log.header.flows[i].info.name);
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "%.200s: has the flows %s; choose one, as in \"%.200s#%s\"", side->path,
                        names, side->path, side->log.header.flows[0].info.name);
}

/* As the log says, unless it was typed. What follows it is compared. */
static enum spd_err find_calibration(const char *typed, struct side *side, struct spd_diag *diag)
{
    const struct spd_flow_view *view = &side->result->flows[0];
    size_t n_most = 0;
    char *end;

    side->n_calibration = side->log.header.flows[view->index].n_calibration;
    if (typed) {
        unsigned long n = strtoul(typed, &end, 10);

        if (*typed < '0' || *typed > '9' || *end || n > CALIBRATION_MAX)
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--calibration %s: not a number of packets; give 0 to %d", typed,
                                CALIBRATION_MAX);
        side->n_calibration = (uint32_t)n;
    }
    for (int d = 0; d < 2; d++)
        if (view->ways[d].known && view->ways[d].n_points > n_most)
            n_most = view->ways[d].n_points;
    if (n_most > side->n_calibration || n_most == 0)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "%.200s: nothing is left to be compared: all of its %zu packets are of the "
                        "calibration, which %s the first %u of each flow",
                        side->path, n_most, typed ? "--calibration says are" : "by the log are",
                        (unsigned)side->n_calibration);
}

static enum spd_err load(const struct spd_settings *settings, const char *text, struct side *out,
                         struct spd_diag *diag)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN,
                                      .keep_points = true,
                                      .keep_skew = true, /* qos_result takes it out */
                                      .memory_bytes = spd_pagemem_available_bytes() };
    struct spd_flow_input input;
    enum spd_err err = split(text, out, diag);

    if (!err)
        err = spd_log_load_file(out->path, &out->log, diag);
    if (!err && !out->flow && out->log.header.n_flows > 1)
        err = must_choose(out, diag);
    if (err)
        return err;
    out->result = calloc(1, sizeof(*out->result));
    if (!out->result)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the result");
    spd_flow_input_of_log(&out->log, NULL, &input);
    wishes.flow = out->flow;
    err = spd_flow_result_make(&input, &wishes, out->result, diag);
    if (err)
        return err;
    if (!out->result->flows[0].ways[0].known && !out->result->flows[0].ways[1].known)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "%.200s: a sender's log alone knows nothing of arrivals; give the "
                            "receiver's, or join the two (stampede analyze)",
                            out->path);
    return find_calibration(settings->calibration, out, diag);
}

static void unload(struct side *side)
{
    if (side->result)
        spd_flow_result_fini(side->result);
    free(side->result);
    spd_log_fini(&side->log);
}

static const struct spd_flow_info *info_of(const struct side *side)
{
    return &side->log.header.flows[side->result->flows[0].index].info;
}

static const struct spd_environment *environment_of(const struct side *side)
{
    const struct spd_log_facts *facts = &side->log.facts;

    return facts->has_environment ? &facts->environment : NULL;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/'), *back = strrchr(path, '\\');

    if (back > slash)
        slash = back;
    return slash ? slash + 1 : path;
}

/* The flows' own names where they differ, else those of their files. */
static void name_sides(struct side sides[2])
{
    bool differ = strcmp(info_of(&sides[0])->name, info_of(&sides[1])->name) != 0;

    for (int i = 0; i < 2; i++)
        snprintf(sides[i].name, sizeof(sides[i].name), "%.*s", (int)sizeof(sides[i].name) - 1,
                 differ ? info_of(&sides[i])->name : last_part(sides[i].path));
}

/* Whether both are of one run, in which they met the same network. */
static bool measured_together(const struct side sides[2])
{
    const struct spd_log_header *a = &sides[0].log.header, *b = &sides[1].log.header;

    return a->n_flows > 1 && a->created_ns == b->created_ns && a->seed == b->seed && a->seed != 0 &&
           sides[0].result->flows[0].index != sides[1].result->flows[0].index;
}

static bool is_torn(const struct side *side)
{
    return side->log.facts.condition.state != SPD_LOG_WHOLE;
}

static void warn_of_conditions(const struct side sides[2], bool quiet)
{
    for (int i = 0; i < 2 && !quiet; i++)
        if (is_torn(&sides[i]))
            fprintf(stderr, "stampede: %s: %s\n", sides[i].path, sides[i].log.facts.condition.text);
}

static enum spd_err write_all(const struct spd_settings *settings, struct side sides[2],
                              const struct spd_qos_result *result, FILE *plot,
                              struct spd_diag *diag)
{
    struct spd_qos_frame frame = { .schema = "stampede.compare/1" };
    enum spd_err err, drawn = SPD_ERR_OK;
    char title[700];

    snprintf(title, sizeof(title), "%s against %s", sides[0].name, sides[1].name);
    frame.title = title;
    if (!result->options.together)
        frame.cannot_prove =
            "the two were measured at different times: what differs may be other traffic at those "
            "times as well as QoS, and no interval shows that; stampede qos measures both in one "
            "run";
    err = settings->json ? spd_qos_json_write(stdout, "standard output", result, &frame, diag)
                         : spd_qos_report_write(stdout, "standard output", result, &frame, diag);
    if (plot)
        drawn = spd_qos_plot_write(plot, settings->plot, result, &frame, diag);
    return err ? err : drawn;
}

static enum spd_err compare(const struct spd_settings *settings, struct side sides[2], FILE *plot,
                            struct spd_diag *diag)
{
    struct spd_qos_options options = { .seed = 1 };
    struct spd_qos_side compared[2];
    struct spd_qos_result *result = calloc(1, sizeof(*result));
    enum spd_err err = SPD_ERR_OK;

    if (!result)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the result");
    for (int i = 0; i < 2 && !err; i++)
        err = load(settings, settings->operands.text[i], &sides[i], diag);
    if (!err) {
        warn_of_conditions(sides, settings->quiet);
        name_sides(sides);
        options.together = measured_together(sides);
        for (int i = 0; i < 2; i++)
            compared[i] = (struct spd_qos_side){ .name = sides[i].name,
                                                 .dscp = info_of(&sides[i])->dscp,
                                                 .view = &sides[i].result->flows[0],
                                                 .n_calibration = sides[i].n_calibration,
                                                 .environment = environment_of(&sides[i]) };
        err = spd_qos_result_make(compared, 2, &options, result, diag);
    }
    if (!err)
        err = write_all(settings, sides, result, plot, diag);
    spd_qos_result_fini(result);
    free(result);
    return err;
}

int spd_command_compare(const struct spd_settings *settings)
{
    struct side *sides = calloc(2, sizeof(*sides));
    struct spd_diag diag = { 0 };
    FILE *plot = NULL;
    int code = SPD_EXIT_OK;

    if (!sides)
        spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory for the logs");
    else if (settings->operands.n != 2)
        spd_diag_set(&diag, SPD_ERR_INVALID, 0,
                     "give two logs, the one with QoS first: stampede compare WITH WITHOUT");
    else if (!spd_qos_plot_open(settings->plot, &plot, &diag))
        (void)compare(settings, sides, plot, &diag);
    if (diag.err)
        code = spd_complain(&diag);
    for (int i = 0; sides && i < 2; i++)
        unload(&sides[i]);
    free(sides);
    return spd_qos_plot_close(settings->plot, plot, code);
}
