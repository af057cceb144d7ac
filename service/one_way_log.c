/*
 * What the receiver gave back, joined into the sender's log; and the summary of
 * a one-way session. Main thread, after the session.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/log_join.h"
#include "common/result/log_writer.h"
#include "service/one_way.h"

/* What was fetched, as if it were the log of the receiver. */
static enum spd_err as_log(const uint8_t sid[16], const struct spd_control_fetched *fetched,
                           struct spd_log *out, struct spd_diag *diag)
{
    memset(out, 0, sizeof(*out));
    snprintf(out->name, sizeof(out->name), "what the receiver gave back");
    out->packets = calloc(fetched->n_packets ? fetched->n_packets : 1, sizeof(*out->packets));
    if (!out->packets)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to join the receiver's records");
    if (fetched->n_packets > 0)
        memcpy(out->packets, fetched->packets, fetched->n_packets * sizeof(*out->packets));
    out->n_packets = fetched->n_packets;
    out->header.kind = SPD_LOG_ONE_WAY_RECEIVER;
    out->header.n_flows = 1;
    memcpy(out->header.flows[0].sid, sid, 16);
    out->facts.ended = true;
    out->facts.end.n_flows = 1;
    out->facts.end.flows[0].ending = SPD_LOG_ENDING_DONE;
    return SPD_ERR_OK;
}

static enum spd_err write_log(const char *path, const struct spd_log *log, struct spd_diag *diag)
{
    struct spd_log_writer *writer;
    struct spd_log_end end = log->facts.end;
    enum spd_err err = spd_log_writer_create(path, &log->header, &writer, diag);

    if (err)
        return err;
    for (size_t i = 0; i < log->n_packets && !err; i++)
        if (log->packets[i].flags & SPD_FLOW_ARRIVED) {
            if (log->packets[i].flags & SPD_FLOW_DUPLICATE)
                end.flows[0].n_duplicates++;
            else
                end.flows[0].n_arrived++;
        }
    err = spd_log_writer_append(writer, log->packets, log->n_packets, diag);
    for (size_t i = 0; i < log->facts.n_clocks && !err; i++)
        err = spd_log_writer_clock(writer, &log->facts.clocks[i], diag);
    if (!err && log->facts.has_environment)
        err = spd_log_writer_environment(writer, &log->facts.environment, diag);
    if (!err)
        err = spd_log_writer_end(writer, &end, diag);
    spd_log_writer_destroy(writer);
    return err;
}

enum spd_err spd_one_way_join_log(const char *path, const uint8_t sid[16],
                                  const struct spd_control_fetched *fetched, struct spd_diag *diag)
{
    struct spd_log *logs = calloc(2, sizeof(*logs));
    struct spd_log_join join;
    char joined[1100];
    enum spd_err err;

    if (!logs)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory to join the receiver's records");
    if ((size_t)snprintf(joined, sizeof(joined), "%s.joined", path) >= sizeof(joined)) {
        free(logs);
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "--log %.80s...: too long a path", path);
    }
    err = spd_log_load_file(path, &logs[0], diag);
    if (!err)
        err = as_log(sid, fetched, &logs[1], diag);
    if (!err)
        err = spd_log_join(&logs[0], &logs[1], &join, diag);
    if (!err)
        err = write_log(joined, &logs[0], diag);
    if (!err) {
        /* Not every system renames over a file that exists. Whatever happens here,
         * one of the two is whole. */
        if (rename(joined, path) != 0 && (remove(path) != 0 || rename(joined, path) != 0))
            err = spd_diag_set(diag, SPD_ERR_IO, errno, "cannot rename %s to %s: %s", joined, path,
                               strerror(errno));
    } else {
        (void)remove(joined);
    }
    spd_log_fini(&logs[0]);
    spd_log_fini(&logs[1]);
    free(logs);
    return err;
}

/* -------------------------------------------------------------------- summary */

static void write_json(FILE *stream, const struct spd_flows_record *record,
                       const struct spd_one_way_far *far, double rate_bps)
{
    const struct spd_flow_counts *c = &record->counts[0];
    const struct spd_flow_info *info = &record->info[0];
    char source[SPD_ADDR_TEXT_BYTES], target[SPD_ADDR_TEXT_BYTES];

    fprintf(stream,
            "{\"schema\": \"stampede.one_way/1\", \"source\": \"%s\", \"target\": \"%s\", "
            "\"n_packets\": %" PRIu32 ", \"n_sent\": %" PRIu32 ", \"n_not_sent\": %" PRIu32
            ", \"n_late\": %" PRIu32 ", \"n_bytes\": %" PRIu64 ", \"n_termination\": %" PRIu32
            ", \"n_unreachable\": %" PRIu32 ", \"duration_ns\": %" PRId64
            ", \"rate_bps\": %.0f, \"lateness_max_ns\": %" PRId64 ", \"interrupted\": %s",
            spd_addr_format(&info->source, source), spd_addr_format(&info->target, target),
            info->n_packets, c->n_sent, c->n_not_sent, c->n_late, c->n_bytes_sent, c->n_termination,
            c->n_unreachable, record->duration_ns, rate_bps, c->lateness_max_ns,
            record->interrupted ? "true" : "false");
    if (far->fetched)
        fprintf(stream,
                ", \"receiver\": {\"n_arrived\": %" PRIu64 ", \"n_duplicates\": %" PRIu64
                ", \"n_lost\": %" PRIu32 "}}\n",
                far->fetched->n_packets - far->n_duplicates, far->n_duplicates,
                far->fetched->n_lost);
    else
        fputs(", \"receiver\": null}\n", stream);
}

static void write_text(FILE *stream, const struct spd_flows_record *record,
                       const struct spd_one_way_far *far, const char *log, double rate_bps)
{
    const struct spd_flow_counts *c = &record->counts[0];
    char target[SPD_ADDR_TEXT_BYTES];

    fprintf(stream,
            "one-way to %s: %" PRIu32 " of %" PRIu32 " packets sent, %" PRIu64
            " bytes in %.3f s: %.0f bit/s of IP packets\n",
            spd_addr_format(&record->info[0].target, target), c->n_sent, record->info[0].n_packets,
            c->n_bytes_sent, (double)(c->last_sent_ns - c->first_sent_ns) / 1e9, rate_bps);
    fprintf(stream, "%" PRIu32 " not sent, %" PRIu32 " late, latest by %.3f ms\n", c->n_not_sent,
            c->n_late, (double)c->lateness_max_ns / 1e6);
    if (c->n_unreachable > 0)
        fprintf(stream, "%" PRIu32 " ICMP errors came back: %s\n", c->n_unreachable,
                spd_err_text(c->unreachable));
    if (far->fetched)
        fprintf(stream,
                "the receiver has %" PRIu64 " of them, %" PRIu64 " duplicates; %" PRIu32 " lost\n",
                far->fetched->n_packets - far->n_duplicates, far->n_duplicates,
                far->fetched->n_lost);
    if (log)
        fprintf(stream, "log: %s; stampede analyze %s%s\n", log, log,
                far->fetched ? " shows more" : " RECEIVER-LOG joins it with the receiver's");
}

void spd_one_way_write(FILE *stream, const struct spd_flows_record *record,
                       const struct spd_one_way_far *far, const char *log, bool as_json)
{
    const struct spd_flow_counts *c = &record->counts[0];
    spd_ns sending_ns = c->last_sent_ns - c->first_sent_ns; /* without the termination packets */
    double rate_bps = 0;

    /* From the first packet to the last: the last one takes no time of it. */
    if (sending_ns > 0 && c->n_sent > 1)
        rate_bps = (double)c->n_bytes_sent * 8e9 / (double)sending_ns * (c->n_sent - 1) / c->n_sent;

    if (as_json)
        write_json(stream, record, far, rate_bps);
    else
        write_text(stream, record, far, log, rate_bps);
    fflush(stream);
}
