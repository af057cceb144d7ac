/*
 * One screen: what each class met, the difference, the marks, the verdict.
 */
#include "common/result/qos_report.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "common/result/stream.h"

#define COLUMNS 80

static const char *const way_names[] = {
    [SPD_FLOW_FORWARD] = "there", [SPD_FLOW_REVERSE] = "back"
};

static void put(struct spd_stream *s, const char *format, ...) SPD_PRINTF_LIKE(2, 3);
static void put(struct spd_stream *s, const char *format, ...)
{
    char text[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    spd_stream_text(s, text);
}

/* Text broken at blanks, under a label. */
static void put_wrapped(struct spd_stream *s, const char *label, const char *text)
{
    size_t indent = strlen(label), at = indent;

    spd_stream_text(s, label);
    while (*text) {
        size_t n = strcspn(text, " ");

        if (at > indent && at + n + 1 > COLUMNS) {
            put(s, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            spd_stream_text(s, " ");
            at++;
        }
        spd_stream_write(s, text, n);
        at += n;
        text += n + (text[n] == ' ');
    }
    spd_stream_text(s, "\n");
}

static const char *milliseconds(spd_ns ns, char text[24])
{
    if (ns == SPD_NS_UNKNOWN)
        snprintf(text, 24, "-");
    else
        snprintf(text, 24, "%.2f", (double)ns / 1e6);
    return text;
}

static void put_way(struct spd_stream *s, const struct spd_qos_class *c, int direction)
{
    const struct spd_qos_way *w = &c->ways[direction];
    char idle[24], p50[24], p95[24], p99[24], most[24];

    if (!w->known)
        return;
    put(s, "%-10.10s %-6s %7" PRIu32 " %7.2f %8s %9s %9s %9s %9s %5.2f\n", c->name,
        way_names[direction], w->n_sent, 100 * w->loss_ratio, milliseconds(w->idle_p95_ns, idle),
        milliseconds(w->pdv.median_ns, p50), milliseconds(w->pdv.p95_ns, p95),
        milliseconds(w->pdv.p99_ns, p99), milliseconds(w->pdv.max_ns, most), w->mos.mos);
}

static void put_difference(struct spd_stream *s, const char *name,
                           const struct spd_compare_difference *d, double unit)
{
    put(s, "  %-5s %+10.2f  (%.2f .. %.2f)\n", name, d->value / unit, d->low / unit,
        d->high / unit);
}

static void put_pair(struct spd_stream *s, const struct spd_qos_result *r,
                     const struct spd_qos_pair *pair)
{
    for (int d = 0; d < 2; d++) {
        const struct spd_comparison *c = &pair->ways[d];

        if (!pair->known[d] || c->n_resamples == 0)
            continue;
        put(s, "%s less %s, %s: %s\n", r->classes[pair->other].name, r->classes[0].name,
            way_names[d], spd_verdict_text(c->verdict));
        put_difference(s, "p50", &c->pdv_p50_ns, 1e6);
        put_difference(s, "p95", &c->pdv_p95_ns, 1e6);
        put_difference(s, "p99", &c->pdv_p99_ns, 1e6);
        put_difference(s, "lost", &c->loss_ratio, 0.01);
    }
}

static void put_method(struct spd_stream *s, const struct spd_qos_result *r)
{
    for (size_t i = 0; i < r->n_pairs; i++)
        for (int d = 0; d < 2; d++) {
            const struct spd_comparison *c = &r->pairs[i].ways[d];
            char text[300];

            if (!r->pairs[i].known[d] || c->n_resamples == 0)
                continue;
            snprintf(text, sizeof(text),
                     "95 %% intervals by the stationary bootstrap (Politis and Romano 1994), %u "
                     "resamples, mean block %.0f packets. MOS for %s with a jitter buffer of p99.",
                     c->n_resamples, c->block_packets, r->codec->name);
            put_wrapped(s, "method   ", text);
            return;
        }
}

static void put_calibration(struct spd_stream *s, const struct spd_qos_result *r)
{
    uint32_t n = r->classes[0].n_calibration;
    bool alike = true;

    for (size_t i = 1; i < r->n_classes; i++)
        alike = alike && r->classes[i].n_calibration == n;
    if (alike && n > 0)
        put(s, "         the first %" PRIu32 " of each without noise, for calibration\n", n);
    for (size_t i = 0; i < r->n_classes && !alike; i++)
        put(s, "         the first %" PRIu32 " of %.30s without noise, for calibration\n",
            r->classes[i].n_calibration, r->classes[i].name);
}

static void put_frame(struct spd_stream *s, const struct spd_qos_result *r,
                      const struct spd_qos_frame *f)
{
    put_wrapped(s, "", f->title);
    if (f->pace)
        put_wrapped(s, "pace     ", f->pace);
    put_calibration(s, r);
    if (f->noise_target)
        put(s, "noise    %.0f bit/s to %s, asked for %" PRIu64 "\n", f->noise_bps, f->noise_target,
            f->noise_asked_bps);
    if (f->n_noise_unreachable > 0)
        put_wrapped(s, "         ",
                    "nobody takes it: port unreachable comes back; start \"stampede noise --sink\" "
                    "there");
    if (f->n_late > 0)
        put(s, "late     %" PRIu32 " packets left late, at most by %.2f ms\n", f->n_late,
            (double)f->lateness_max_ns / 1e6);
    if (f->clock_step_ns > SPD_NS_PER_MS || f->clock_step_ns < -SPD_NS_PER_MS)
        put(s, "clock    this host's time of day moved by %+.2f ms during the test\n",
            (double)f->clock_step_ns / 1e6);
    for (size_t i = 0; i < (r->options.together ? 1 : r->n_classes); i++)
        if (spd_common_skew_is_removable(&r->skew[i]))
            put(s, "skew     %+.2f ppm between the clocks%s%.30s, taken out\n",
                r->skew[i].skew_ppb / 1e3, r->options.together ? "" : " of ",
                r->options.together ? "" : r->classes[i].name);
    if (f->log)
        put(s, "log      %.200s\n", f->log);
    if (f->interrupted)
        put_wrapped(s, "ended    ", "interrupted: the result is of what was measured until then");
}

enum spd_err spd_qos_report_write(FILE *stream, const char *stream_name,
                                  const struct spd_qos_result *r, const struct spd_qos_frame *f,
                                  struct spd_diag *diag)
{
    char text[SPD_QOS_TEXT_BYTES], label[40];
    struct spd_stream s;

    spd_stream_init(&s, stream, stream_name);
    put_frame(&s, r, f);
    spd_stream_text(&s, "                             idle  ------- delay variation, ms --------\n"
                        "class      way    packets  lost %      p95       p50       p95       "
                        "p99       max   MOS\n");
    for (size_t i = 0; i < r->n_classes; i++)
        for (int d = 0; d < 2; d++)
            put_way(&s, &r->classes[i], d);
    for (size_t i = 0; i < r->n_pairs; i++)
        put_pair(&s, r, &r->pairs[i]);
    put_method(&s, r);
    for (size_t i = 0; i < r->n_classes; i++) {
        snprintf(label, sizeof(label), "marks    %.20s: ", r->classes[i].name);
        put_wrapped(&s, label, spd_qos_marks_text(&r->classes[i], text));
        if (!r->classes[i].loss_directions_known)
            put_wrapped(&s, "         ",
                        "on which way its packets were lost is not known: the reflector does not "
                        "number them (stampede reflect --stateful does)");
    }
    if (f->cannot_prove)
        put_wrapped(&s, "note     ", f->cannot_prove);
    put_wrapped(&s, "verdict  ", spd_qos_verdict_text(r, text));
    return spd_stream_finish(&s, diag);
}
