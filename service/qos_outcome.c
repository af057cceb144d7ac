/*
 * Main thread, after the test.
 */
#include "service/qos_outcome.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/pagemem.h"
#include "service/commands.h"
#include "service/flow_log.h"

struct spd_qos_outcome {
    struct spd_log_facts facts;
    struct spd_flow_result flows;
    struct spd_qos_result result;
};

void spd_qos_log_header(const struct spd_qos_spec *spec, const char *target_name,
                        struct spd_log_header *out)
{
    spd_flow_log_header(&spec->flows, target_name, SPD_LOG_TWO_WAY, out);
    for (size_t i = 0; spec->n_calibration > 0 && i < out->n_flows; i++) {
        char *text = out->flows[i].schedule;
        size_t n = strlen(text);

        out->flows[i].n_calibration = spec->n_calibration;
        snprintf(text + n, sizeof(out->flows[i].schedule) - n, "; the first %u without noise",
                 (unsigned)spec->n_calibration);
    }
}

static enum spd_err analyse(const struct spd_qos_spec *spec, struct spd_flows_record *record,
                            const struct spd_log_header *header, const struct spd_log_end *end,
                            struct spd_qos_outcome *o, struct spd_diag *diag)
{
    struct spd_flow_wishes wishes = { .minimum_ns = SPD_NS_UNKNOWN,
                                      .keep_points = true,
                                      .keep_skew = true, /* qos_result takes it out */
                                      .memory_bytes = spd_pagemem_available_bytes() };
    struct spd_qos_options options = { .together = true, .seed = record->seed };
    struct spd_qos_side sides[SPD_QOS_CLASSES_MAX];
    struct spd_flow_input input = { .header = header, .facts = &o->facts, .log_name = "" };
    enum spd_err err;

    o->facts.ended = true;
    o->facts.end = *end;
    for (size_t i = 0; i < spec->n_classes; i++) {
        input.packets[i] = record->packets[i];
        input.n_packets[i] = record->n_packets[i];
    }
    err = spd_flow_result_make(&input, &wishes, &o->flows, diag);
    if (err)
        return err;
    for (size_t i = 0; i < spec->n_classes; i++)
        sides[i] = (struct spd_qos_side){ .name = header->flows[i].info.name,
                                          .dscp = header->flows[i].info.dscp,
                                          .view = &o->flows.flows[i],
                                          .n_calibration = spec->n_calibration,
                                          .environment = &record->environment };
    return spd_qos_result_make(sides, spec->n_classes, &options, &o->result, diag);
}

enum spd_err spd_qos_outcome_make(const struct spd_qos_spec *spec, struct spd_flows_record *record,
                                  const struct spd_log_header *header,
                                  const struct spd_log_end *end, struct spd_qos_outcome **out,
                                  struct spd_diag *diag)
{
    struct spd_qos_outcome *o;
    enum spd_err err;

    for (size_t i = 0; i < spec->n_classes; i++)
        if (record->n_packets[i] <= spec->n_calibration)
            return spd_diag_set(diag, SPD_ERR_INTERRUPTED, 0,
                                "interrupted before anything but the calibration was measured");
    o = calloc(1, sizeof(*o));
    if (!o)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the result");
    err = analyse(spec, record, header, end, o, diag);
    if (err) {
        spd_qos_outcome_destroy(o);
        return err;
    }
    *out = o;
    return SPD_ERR_OK;
}

const struct spd_qos_result *spd_qos_outcome_result(const struct spd_qos_outcome *o)
{
    return &o->result;
}

void spd_qos_outcome_destroy(struct spd_qos_outcome *o)
{
    if (!o)
        return;
    spd_qos_result_fini(&o->result);
    spd_flow_result_fini(&o->flows);
    free(o);
}

void spd_qos_frame_make(const struct spd_qos_spec *spec, const struct spd_flows_record *record,
                        char sink[SPD_ADDR_TEXT_BYTES], struct spd_qos_frame *out)
{
    memset(out, 0, sizeof(*out));
    out->schema = "stampede.qos/1";
    out->title = spec->title;
    out->pace = spec->pace;
    out->clock_step_ns = record->clock_step_ns;
    out->interrupted = record->interrupted;
    for (size_t i = 0; i < spec->n_classes; i++) {
        const struct spd_flow_counts *c = &record->counts[i];

        out->n_late += c->n_late;
        if (c->lateness_max_ns > out->lateness_max_ns)
            out->lateness_max_ns = c->lateness_max_ns;
    }
    if (spec->has_noise) {
        const struct spd_flow_counts *c = &record->counts[spec->n_classes];
        spd_ns lasted_ns = c->last_sent_ns - c->first_sent_ns;

        out->noise_target = spd_addr_format(&record->info[spec->n_classes].target, sink);
        out->noise_asked_bps = record->info[spec->n_classes].rate_bps;
        out->n_noise_unreachable = c->n_unreachable;
        if (lasted_ns > 0)
            out->noise_bps = (double)(c->n_bytes_sent - c->last_bytes) * 8e9 / (double)lasted_ns;
    }
}

enum spd_err spd_qos_plot_open(const char *path, FILE **out, struct spd_diag *diag)
{
    *out = NULL;
    if (!path)
        return SPD_ERR_OK;
    *out = fopen(path, "wb");
    if (*out)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_IO, errno,
                        "cannot write %s: %s; give --plot a file in a "
                        "folder that you may write to",
                        path, strerror(errno));
}

int spd_qos_plot_close(const char *path, FILE *plot, int code)
{
    struct spd_diag diag = { 0 };

    if (!plot || fclose(plot) == 0 || code != SPD_EXIT_OK)
        return code;
    spd_diag_set(&diag, SPD_ERR_IO, errno, "cannot write %s: %s", path, strerror(errno));
    return spd_complain(&diag);
}
