/*
 * Main thread, before and after the measurement.
 */
#include "service/flow_outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/export_flow.h"
#include "common/result/flow_plot.h"
#include "common/result/report_flow.h"
#include "common/sys/pagemem.h"
#include "service/commands.h"

/* ---- what is wished ---- */

static enum spd_err read_skew(const char *text, struct spd_flow_wishes *out, struct spd_diag *diag)
{
    static const char *const words[SPD_SKEW_METHOD_COUNT] = {
        [SPD_SKEW_HULL] = "hull",
        [SPD_SKEW_LEAST_ABSOLUTE] = "least-absolute",
        [SPD_SKEW_LEAST_SQUARES] = "least-squares",
    };

    out->keep_skew = text && strcmp(text, "off") == 0;
    if (!text || out->keep_skew)
        return SPD_ERR_OK;
    for (int i = 0; i < SPD_SKEW_METHOD_COUNT; i++)
        if (strcmp(text, words[i]) == 0) {
            out->skew_method = (enum spd_skew_method)i;
            return SPD_ERR_OK;
        }
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "--skew %s: give hull, least-absolute, least-squares or off", text);
}

/* A duration with a sign; a bare number means ns, as JSON has it. */
static bool read_signed(const char *text, spd_ns *out)
{
    bool negative = text[0] == '-';
    const char *digits = text + (negative || text[0] == '+');
    char with_unit[32];
    spd_ns value;

    if (strspn(digits, "0123456789") == strlen(digits)) {
        if (strlen(digits) > 20)
            return false;
        snprintf(with_unit, sizeof(with_unit), "%sns", digits);
        digits = with_unit;
    }
    if (!spd_duration_parse(digits, &value))
        return false;
    *out = negative ? -value : value;
    return true;
}

static enum spd_err read_jump(const char *text, struct spd_flow_wishes *out, struct spd_diag *diag)
{
    if (!text || strcmp(text, "auto") == 0)
        return SPD_ERR_OK;
    out->keep_jumps = strcmp(text, "off") == 0;
    if (out->keep_jumps || (spd_duration_parse(text, &out->jump_amount_ns) && out->jump_amount_ns))
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "--jump %s: give the amount of a jump, as in 15.6ms, or auto or off", text);
}

static enum spd_err read_codec(const char *text, struct spd_flow_wishes *out, struct spd_diag *diag)
{
    char names[200] = "";
    size_t n = 0;

    out->codec = text ? spd_codec_find(text) : spd_codec_default();
    if (out->codec)
        return SPD_ERR_OK;
    for (size_t i = 0; i < spd_n_codecs && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "",
                              spd_codecs[i].name);
    return spd_diag_set(diag, SPD_ERR_INVALID, 0, "--codec %s: not known; give one of %s", text,
                        names);
}

enum spd_err spd_flow_wishes_read(const struct spd_settings *settings, struct spd_flow_wishes *out,
                                  struct spd_diag *diag)
{
    enum spd_err err;

    memset(out, 0, sizeof(*out));
    out->minimum_ns = SPD_NS_UNKNOWN;
    out->flow = settings->flow;
    out->keep_points = settings->csv || settings->json_lines || settings->plot ||
                       (settings->json && settings->records);
    out->memory_bytes = spd_pagemem_available_bytes();
    if (settings->minimum && !read_signed(settings->minimum, &out->minimum_ns))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--minimum %s: not a time; give the minimum_ns of a calibration, or a "
                            "number with us, ms or s",
                            settings->minimum);
    err = read_skew(settings->skew, out, diag);
    if (!err)
        err = read_jump(settings->jump, out, diag);
    if (!err)
        err = read_codec(settings->codec, out, diag);
    return err;
}

/* ---- where it goes ---- */

static const char *name_of(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard output" : path;
}

static enum spd_err open_one(const char *option, const char *path, bool *stdout_taken, FILE **out,
                             struct spd_diag *diag)
{
    if (!path)
        return SPD_ERR_OK;
    if (strcmp(path, "-") == 0) {
        if (*stdout_taken)
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--%s -: standard output is taken already; give it a file", option);
        *stdout_taken = true;
        *out = stdout;
        return SPD_ERR_OK;
    }
    *out = fopen(path, "wb");
    if (*out)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_IO, errno,
                        "cannot write %s: %s; give --%s a file in a folder that you may write to",
                        path, strerror(errno), option);
}

static bool same_path(const char *a, const char *b)
{
    return a && b && strcmp(a, "-") != 0 && strcmp(a, b) == 0;
}

enum spd_err spd_flow_outputs_open(const struct spd_settings *settings,
                                   struct spd_flow_outputs *out, struct spd_diag *diag)
{
    bool stdout_taken = settings->json;
    enum spd_err err = SPD_ERR_OK;

    memset(out, 0, sizeof(*out));
    if (same_path(settings->csv, settings->json_lines) ||
        same_path(settings->csv, settings->plot) || same_path(settings->json_lines, settings->plot))
        err = spd_diag_set(diag, SPD_ERR_INVALID, 0,
                           "two outputs are to go to the same file; give each one of its own");
    if (!err)
        err = open_one("csv", settings->csv, &stdout_taken, &out->csv, diag);
    if (!err)
        err = open_one("json-lines", settings->json_lines, &stdout_taken, &out->json_lines, diag);
    if (!err)
        err = open_one("plot", settings->plot, &stdout_taken, &out->plot, diag);
    if (err)
        spd_flow_outputs_drop(out);
    return err;
}

static int close_one(FILE **file)
{
    int rc = *file && *file != stdout ? fclose(*file) : 0;

    *file = NULL;
    return rc;
}

void spd_flow_outputs_drop(struct spd_flow_outputs *outputs)
{
    (void)close_one(&outputs->csv);
    (void)close_one(&outputs->json_lines);
    (void)close_one(&outputs->plot);
}

static enum spd_err close_with(FILE **file, const char *path, enum spd_err err,
                               struct spd_diag *diag)
{
    errno = 0;
    if (close_one(file) == 0 || err)
        return err;
    return spd_diag_set(diag, SPD_ERR_IO, errno, "cannot write all of %s: %s", path,
                        strerror(errno));
}

/* Each is tried, whatever became of the others: a disk that is full below one
 * must not cost the rest. The first error is told. */
static enum spd_err write_all(const struct spd_settings *settings, struct spd_flow_outputs *outputs,
                              const struct spd_result *result, struct spd_diag *diag)
{
    bool stdout_taken = settings->json || outputs->csv == stdout || outputs->json_lines == stdout ||
                        outputs->plot == stdout;
    struct spd_diag diags[4] = { { 0 } };
    enum spd_err err[4] = { SPD_ERR_OK };

    if (outputs->csv) {
        err[0] = spd_export_flow_csv(outputs->csv, name_of(settings->csv), result, &diags[0]);
        err[0] = close_with(&outputs->csv, settings->csv, err[0], &diags[0]);
    }
    if (outputs->json_lines) {
        err[1] = spd_export_flow_json_lines(outputs->json_lines, name_of(settings->json_lines),
                                            result, &diags[1]);
        err[1] = close_with(&outputs->json_lines, settings->json_lines, err[1], &diags[1]);
    }
    if (outputs->plot) {
        err[2] =
            spd_flow_plot_write(outputs->plot, name_of(settings->plot), result->flow, &diags[2]);
        err[2] = close_with(&outputs->plot, settings->plot, err[2], &diags[2]);
    }
    if (settings->json)
        err[3] =
            spd_export_flow_json(stdout, "standard output", result, settings->records, &diags[3]);
    else if (!stdout_taken)
        err[3] = spd_report_flow_write(stdout, "standard output", result, &diags[3]);
    for (size_t i = 0; i < 4; i++)
        if (err[i]) {
            *diag = diags[i];
            return err[i];
        }
    return SPD_ERR_OK;
}

int spd_flow_outcome(const struct spd_settings *settings, const struct spd_flow_wishes *wishes,
                     struct spd_flow_outputs *outputs, const struct spd_flow_input *input)
{
    struct spd_flow_result *flow = calloc(1, sizeof(*flow));
    struct spd_result result = { .host = &input->header->host,
                                 .version = SPD_VERSION,
                                 .flow = flow };
    struct spd_diag diag = { 0 };
    enum spd_err err;

    if (!flow)
        err = spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory to analyse the flows");
    else
        err = spd_flow_result_make(input, wishes, flow, &diag);
    if (!err)
        err = write_all(settings, outputs, &result, &diag);
    spd_flow_outputs_drop(outputs);
    if (flow)
        spd_flow_result_fini(flow);
    free(flow);
    return err ? spd_complain(&diag) : SPD_EXIT_OK;
}

enum spd_err spd_flow_silence(const struct spd_flows_record *record, const char *host,
                              struct spd_diag *diag)
{
    const struct spd_flow_counts *c = &record->counts[0];
    char address[SPD_ADDR_TEXT_BYTES];

    if (record->interrupted && record->n_packets[0] == 0 && !record->outcome.err)
        return spd_diag_set(diag, SPD_ERR_INTERRUPTED, 0,
                            "interrupted before the first packet: nothing was measured");
    if (c->n_sent == 0 || c->n_returned > 0 || record->interrupted)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_NO_REPLY, 0,
                        "%s (%s) answered none of %u packets: check that a STAMP or TWAMP-Light "
                        "reflector runs there (stampede reflect), and that firewalls let UDP "
                        "through both ways",
                        host, spd_addr_format(&record->info[0].target, address), c->n_sent);
}
