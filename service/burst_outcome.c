/*
 * Main thread, after the test.
 */
#include "service/burst_outcome.h"

#include <stdlib.h>

#include "common/analysis/fate.h"
#include "common/analysis/summary.h"
#include "common/result/export_csv.h"
#include "common/result/export_json.h"
#include "common/result/report.h"
#include "common/sys/host.h"
#include "service/commands.h"

static enum spd_err judge(struct spd_test_record *record, struct spd_diag *diag)
{
    struct spd_loss_hint *hints = calloc(record->n_extra_replies + 1, sizeof(*hints));
    enum spd_err err = SPD_ERR_NOMEM;

    if (hints) {
        for (size_t i = 0; i < record->n_extra_replies; i++)
            hints[i] = (struct spd_loss_hint){ record->extra_replies[i].sender_seq,
                                               record->extra_replies[i].reflector_seq };
        err = spd_fate_judge(record, hints, record->n_extra_replies);
    }
    free(hints);
    if (err)
        spd_diag_set(diag, err, 0, "no memory to analyse %zu packets", record->n_packets);
    return err;
}

static enum spd_err write_all(const struct spd_settings *settings, const struct spd_result *result,
                              FILE *csv, struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK, shown = SPD_ERR_OK;
    struct spd_diag ignored;

    if (csv)
        err = spd_export_csv(csv, csv == stdout ? "standard output" : settings->csv, result, diag);
    /* A disk that is full below one result must not cost the other. */
    if (err)
        diag = &ignored;
    if (settings->json)
        shown = spd_export_json(stdout, "standard output", result, settings->records, diag);
    else if (csv != stdout)
        shown = spd_report_write(stdout, "standard output", result, diag);
    return err ? err : shown;
}

enum spd_err spd_burst_analyse(struct spd_test_record *record, struct spd_summary *out,
                               struct spd_diag *diag)
{
    enum spd_err err;

    if (record->n_bursts == 0) {
        if (record->outcome.err == SPD_ERR_OK)
            return spd_diag_set(diag, SPD_ERR_INTERRUPTED, 0,
                                "interrupted before the first burst: nothing was measured");
        *diag = record->outcome;
        return diag->err;
    }
    err = judge(record, diag);
    if (!err && (err = spd_summary_compute(record, out)) != SPD_ERR_OK)
        spd_diag_set(diag, err, 0, "no memory to analyse %zu packets", record->n_packets);
    return err;
}

int spd_burst_outcome(const struct spd_settings *settings, struct spd_test_record *record,
                      FILE *csv)
{
    struct spd_summary summary = { 0 };
    struct spd_host host;
    struct spd_result result = {
        .record = record, .summary = &summary, .host = &host, .version = SPD_VERSION
    };
    struct spd_diag diag = { 0 };
    enum spd_err err;

    spd_host_read(&host);
    err = spd_burst_analyse(record, &summary, &diag);
    if (!err)
        err = write_all(settings, &result, csv, &diag);
    spd_summary_fini(&summary);
    if (err)
        return spd_complain(&diag);
    if (record->outcome.err)
        return spd_complain(&record->outcome);
    return SPD_EXIT_OK;
}
