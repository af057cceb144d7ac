/*
 * What people see of the history. Whatever users put into it (targets, names)
 * is stripped of control characters: it goes to somebody else's terminal.
 */
#include "service/history_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/result/report.h"
#include "common/result/when.h"
#include "common/sys/zone.h"

/* C0 and DEL; and C1, which UTF-8 writes as c2 80 to c2 9f. */
static void write_clean(struct spd_stream *stream, const char *text)
{
    for (; *text; text++) {
        unsigned char c = (unsigned char)text[0], next = (unsigned char)text[1];

        if (c < 0x20 || c == 0x7f) {
            spd_stream_text(stream, "?");
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
            spd_stream_text(stream, "?");
            text++;
        } else {
            spd_stream_write(stream, text, 1);
        }
    }
}

/* One column a character. */
static int columns(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

/* Ends in that many columns; with one blank before it. */
static void write_right(struct spd_stream *stream, const char *text, int width)
{
    for (int n = columns(text); n <= width; n++)
        spd_stream_text(stream, " ");
    spd_stream_text(stream, text);
}

static const char *percent(const struct spd_store_figures *f, char out[SPD_REPORT_TEXT_BYTES])
{
    if (f->known)
        snprintf(out, SPD_REPORT_TEXT_BYTES, "%.3g %%", f->loss_ratio * 100);
    else
        snprintf(out, SPD_REPORT_TEXT_BYTES, "-");
    return out;
}

static const char *mos(const struct spd_store_figures *f, char out[SPD_REPORT_TEXT_BYTES])
{
    if (f->known && f->mos > 0)
        snprintf(out, SPD_REPORT_TEXT_BYTES, "%.2f", f->mos);
    else
        snprintf(out, SPD_REPORT_TEXT_BYTES, "-");
    return out;
}

static const char *duration(const struct spd_store_figures *f, spd_ns ns,
                            char out[SPD_REPORT_TEXT_BYTES])
{
    return spd_report_duration(f->known ? ns : SPD_NS_UNKNOWN, out);
}

/* UNKNOWN is the smallest number. */
static spd_ns worse(spd_ns a, spd_ns b)
{
    return a > b ? a : b;
}

static const char *local(spd_wall at, char out[SPD_WHEN_BYTES])
{
    return spd_when_text(at, spd_zone_offset_ns(at), out);
}

void spd_history_text_head(struct spd_stream *stream)
{
    spd_stream_text(stream, "    id  started              state          loss   rtt p50   pdv p99  "
                            "mos  test\n");
}

void spd_history_text_row(struct spd_stream *stream, const struct spd_store_run *run)
{
    const struct spd_store_figures *f = &run->figures;
    char text[SPD_REPORT_TEXT_BYTES], at[SPD_WHEN_BYTES], head[96];

    snprintf(head, sizeof(head), "%6" PRId64 "  %s  %-11s", run->id, local(run->started, at),
             spd_store_state_name(run->state));
    spd_stream_text(stream, head);
    write_right(stream, percent(f, text), 7);
    write_right(stream, duration(f, f->rtt_p50_ns, text), 9);
    write_right(stream, duration(f, worse(f->ways[0].pdv_p99_ns, f->ways[1].pdv_p99_ns), text), 9);
    write_right(stream, mos(f, text), 4);
    spd_stream_text(stream, "  ");
    if (run->name[0]) {
        write_clean(stream, run->name);
    } else {
        write_clean(stream, run->kind);
        spd_stream_text(stream, " ");
        write_clean(stream, run->target);
    }
    if (run->error[0]) {
        spd_stream_text(stream, ": ");
        write_clean(stream, run->error);
    }
    spd_stream_text(stream, "\n");
}

static void label(struct spd_stream *stream, const char *text)
{
    char out[32];

    snprintf(out, sizeof(out), "  %-16s", text);
    spd_stream_text(stream, out);
}

static void line(struct spd_stream *stream, const char *name, const char *text)
{
    if (!text[0])
        return;
    label(stream, name);
    write_clean(stream, text);
    spd_stream_text(stream, "\n");
}

static void time_line(struct spd_stream *stream, const char *name, spd_wall at)
{
    char text[SPD_WHEN_BYTES];

    if (at.ns)
        line(stream, name, local(at, text));
}

static void way_line(struct spd_stream *stream, const char *name, const struct spd_store_way *way)
{
    char text[3][SPD_REPORT_TEXT_BYTES], out[128];

    if (way->pdv_p50_ns == SPD_NS_UNKNOWN && way->pdv_p99_ns == SPD_NS_UNKNOWN)
        return;
    snprintf(out, sizeof(out), "p50 %s, p95 %s, p99 %s",
             spd_report_duration(way->pdv_p50_ns, text[0]),
             spd_report_duration(way->pdv_p95_ns, text[1]),
             spd_report_duration(way->pdv_p99_ns, text[2]));
    line(stream, name, out);
}

static void figure_lines(struct spd_stream *stream, const struct spd_store_figures *f)
{
    char text[2][SPD_REPORT_TEXT_BYTES], out[128];

    if (!f->known)
        return;
    snprintf(out, sizeof(out), "%" PRIu64 ", lost %" PRIu64 " (%s)", f->n_sent, f->n_lost,
             percent(f, text[0]));
    line(stream, "packets sent", out);
    if (f->rtt_p50_ns != SPD_NS_UNKNOWN) {
        snprintf(out, sizeof(out), "p50 %s, p99 %s", spd_report_duration(f->rtt_p50_ns, text[0]),
                 spd_report_duration(f->rtt_p99_ns, text[1]));
        line(stream, "round trip", out);
    }
    way_line(stream, "variation fwd", &f->ways[0]);
    way_line(stream, "variation rev", &f->ways[1]);
    if (f->mos > 0)
        line(stream, "voice (MOS)", mos(f, text[0]));
}

void spd_history_text_show(struct spd_stream *stream, const struct spd_store_run *run)
{
    bool is_over = run->state != SPD_STORE_RUNNING && run->state != SPD_STORE_INTERRUPTED;
    char head[96];

    snprintf(head, sizeof(head), "run %" PRId64 ": %s", run->id, spd_store_state_name(run->state));
    spd_stream_text(stream, head);
    if (is_over && run->exit_code) {
        snprintf(head, sizeof(head), " (exit code %d)", run->exit_code);
        spd_stream_text(stream, head);
    }
    spd_stream_text(stream, "\n");
    line(stream, "why", run->error);
    line(stream, "test", run->name);
    line(stream, "command", run->kind);
    line(stream, "target", run->target);
    line(stream, "asked for by", run->user);
    time_line(stream, "scheduled", run->scheduled);
    time_line(stream, "started", run->started);
    time_line(stream, "ended", run->ended);
    figure_lines(stream, &run->figures);
    line(stream, "log", run->log);
}
