/*
 * A comparison of classes as JSON. Times in ns, unknown ones null.
 */
#include <jansson.h>
#include <stdlib.h>

#include "common/result/qos_report.h"
#include "common/result/stream.h"

/* 17 digits would show 0.1 as 0.10000000000000001. */
#define REAL_DIGITS 12

static const char *const way_names[] = {
    [SPD_FLOW_FORWARD] = "forward", [SPD_FLOW_REVERSE] = "reverse"
};
static const char *const verdict_names[] = { [SPD_VERDICT_NOT_ENOUGH_LOAD] = "not-enough-load",
                                             [SPD_VERDICT_PROTECTS] = "protects",
                                             [SPD_VERDICT_NO_DIFFERENCE] = "no-difference",
                                             [SPD_VERDICT_WORSE] = "worse" };

static int write_chunk(const char *bytes, size_t n, void *data)
{
    spd_stream_write(data, bytes, n);
    return 0; /* the stream remembers a failure */
}

static json_t *make_ns(spd_ns ns)
{
    return ns == SPD_NS_UNKNOWN ? json_null() : json_integer(ns);
}

/* Names of others may be no UTF-8. */
static json_t *make_text(const char *text)
{
    json_t *value = text ? json_string(text) : json_null();

    return value ? value : json_string("?");
}

static json_t *make_way(const struct spd_qos_way *w)
{
    if (!w->known)
        return json_null();
    return json_pack("{s:I,s:I,s:f,s:o,s:o,s:o,s:o,s:o,s:f,s:f}", "n_sent", (json_int_t)w->n_sent,
                     "n_lost", (json_int_t)w->n_lost, "loss_ratio", w->loss_ratio, "idle_p95_ns",
                     make_ns(w->idle_p95_ns), "pdv_median_ns", make_ns(w->pdv.median_ns),
                     "pdv_p95_ns", make_ns(w->pdv.p95_ns), "pdv_p99_ns", make_ns(w->pdv.p99_ns),
                     "pdv_max_ns", make_ns(w->pdv.max_ns), "r_factor", w->mos.r, "mos", w->mos.mos);
}

static json_t *make_skew(const struct spd_common_skew *s)
{
    if (s->finding == SPD_SKEW_UNKNOWN)
        return json_null();
    return json_pack("{s:s,s:f,s:f,s:f,s:b}", "finding", spd_skew_finding_text(s->finding),
                     "skew_ppb", s->skew_ppb, "low_ppb", s->low_ppb, "high_ppb", s->high_ppb,
                     "removed", (int)spd_common_skew_is_removable(s));
}

static json_t *make_marks(const struct spd_qos_class *c)
{
    const struct spd_qos_marks *m = &c->marks;
    char text[SPD_QOS_TEXT_BYTES];

    return json_pack("{s:I,s:I,s:o,s:I,s:I,s:o,s:o,s:s}", "n_replies_known", (json_int_t)m->n_known,
                     "n_replies_kept", (json_int_t)m->n_kept, "other_dscp",
                     m->n_other ? json_integer(m->other_dscp) : json_null(), "n_forward_known",
                     (json_int_t)m->n_forward, "n_forward_kept", (json_int_t)m->n_forward_kept,
                     "forward_other_dscp",
                     m->n_forward_other ? json_integer(m->forward_other_dscp) : json_null(),
                     "refused", make_text(m->refused), "text", spd_qos_marks_text(c, text));
}

static json_t *make_class(const struct spd_qos_class *c, const struct spd_common_skew *skew)
{
    return json_pack("{s:o,s:i,s:I,s:o,s:o,s:o,s:b,s:o}", "name", make_text(c->name), "dscp",
                     (int)c->dscp, "n_calibration", (json_int_t)c->n_calibration, way_names[0],
                     make_way(&c->ways[0]), way_names[1], make_way(&c->ways[1]), "skew",
                     make_skew(skew), "loss_directions_known", (int)c->loss_directions_known,
                     "marks", make_marks(c));
}

static json_t *make_difference(const struct spd_compare_difference *d)
{
    return json_pack("{s:f,s:f,s:f}", "value", d->value, "low", d->low, "high", d->high);
}

static json_t *make_comparison(const struct spd_qos_pair *pair, int direction)
{
    const struct spd_comparison *c = &pair->ways[direction];

    if (!pair->known[direction])
        return json_null();
    return json_pack("{s:o,s:o,s:o,s:o,s:f,s:i,s:I,s:I,s:s}", "pdv_p50_ns",
                     make_difference(&c->pdv_p50_ns), "pdv_p95_ns", make_difference(&c->pdv_p95_ns),
                     "pdv_p99_ns", make_difference(&c->pdv_p99_ns), "loss_ratio",
                     make_difference(&c->loss_ratio), "block_packets", c->block_packets,
                     "n_resamples", (int)c->n_resamples, "load_ns", (json_int_t)c->load_ns,
                     "load_needed_ns", (json_int_t)c->load_needed_ns, "verdict",
                     verdict_names[c->verdict]);
}

static json_t *make_pair(const struct spd_qos_result *r, const struct spd_qos_pair *pair)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "class", make_text(r->classes[0].name), "against",
                     make_text(r->classes[pair->other].name), way_names[0],
                     make_comparison(pair, 0), way_names[1], make_comparison(pair, 1));
}

static json_t *make_noise(const struct spd_qos_frame *f)
{
    if (!f->noise_target)
        return json_null();
    return json_pack("{s:o,s:I,s:f,s:I}", "target", make_text(f->noise_target), "rate_asked_bps",
                     (json_int_t)f->noise_asked_bps, "rate_bps", f->noise_bps, "n_unreachable",
                     (json_int_t)f->n_noise_unreachable);
}

static json_t *make_root(const struct spd_qos_result *r, const struct spd_qos_frame *f)
{
    json_t *classes = json_array(), *pairs = json_array();
    char text[SPD_QOS_TEXT_BYTES];

    for (size_t i = 0; i < r->n_classes; i++)
        json_array_append_new(classes, make_class(&r->classes[i], &r->skew[i]));
    for (size_t i = 0; i < r->n_pairs; i++)
        json_array_append_new(pairs, make_pair(r, &r->pairs[i]));
    spd_qos_verdict_text(r, text);
    return json_pack(
        "{s:s,s:o,s:o,s:o,s:b,s:I,s:I,s:I,s:b,s:o,s:o,s:o,s:s,s:s,s:s,s:s,s:s,s:o}", "schema",
        f->schema, "title", make_text(f->title), "pace", make_text(f->pace), "noise", make_noise(f),
        "together", (int)r->options.together, "n_late", (json_int_t)f->n_late, "lateness_max_ns",
        (json_int_t)f->lateness_max_ns, "clock_step_ns", (json_int_t)f->clock_step_ns,
        "interrupted", (int)f->interrupted, "log", make_text(f->log), "classes", classes, "pairs",
        pairs, "method",
        "stationary bootstrap (Politis and Romano 1994), 95 % intervals of other less favoured",
        "codec", r->codec->name, "verdict_forward", verdict_names[r->ways[SPD_FLOW_FORWARD]],
        "verdict_reverse", verdict_names[r->ways[SPD_FLOW_REVERSE]], "verdict",
        verdict_names[r->verdict], "verdict_text", make_text(text));
}

enum spd_err spd_qos_json_write(FILE *stream, const char *stream_name,
                                const struct spd_qos_result *r, const struct spd_qos_frame *f,
                                struct spd_diag *diag)
{
    json_t *root = make_root(r, f);
    struct spd_stream s;

    if (root && f->cannot_prove)
        json_object_set_new(root, "cannot_prove", make_text(f->cannot_prove));
    if (!root)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the result as JSON");
    spd_stream_init(&s, stream, stream_name);
    json_dump_callback(root, write_chunk, &s, JSON_INDENT(2) | JSON_REAL_PRECISION(REAL_DIGITS));
    spd_stream_text(&s, "\n");
    json_decref(root);
    return spd_stream_finish(&s, diag);
}
