/*
 * Runs where results are made; never on a measuring thread.
 */
#include "common/result/qos_result.h"

#include <stdlib.h>
#include <string.h>

#include "common/analysis/normalise.h"

/* What stamps resolve: kernels stamp within some tens of microseconds of the
 * wire, programs within some hundreds. */
#define RESOLUTION_KERNEL_NS (50 * SPD_NS_PER_US)
#define RESOLUTION_USER_NS   (250 * SPD_NS_PER_US)

static const struct spd_flow_packet *record_of(const struct spd_flow_view *view,
                                               const struct spd_point *point)
{
    return point->index == UINT32_MAX ? NULL : &view->packets[point->index];
}

static bool is_lost(const struct spd_flow_view *view, const struct spd_point *point,
                    enum spd_flow_direction direction)
{
    const struct spd_flow_packet *p = record_of(view, point);
    unsigned wanted = direction == SPD_FLOW_FORWARD ? SPD_FLOW_ARRIVED : SPD_FLOW_RETURNED;

    return !p || !(p->flags & wanted);
}

static bool is_counted(const struct spd_flow_view *view, const struct spd_point *point,
                       enum spd_flow_direction direction)
{
    return point->latency_ns != SPD_NS_UNKNOWN || is_lost(view, point, direction);
}

/* -------------------------------------------------------------------- skew */

static void find_skew(const struct spd_qos_side *sides, size_t n_sides, struct spd_qos_result *out)
{
    for (size_t i = 0; i < n_sides; i++) {
        struct spd_skew_estimate estimates[2 * SPD_QOS_CLASSES_MAX];
        size_t n = 0;

        for (size_t k = 0; k < n_sides; k++)
            for (int d = 0; d < 2 && (out->options.together || k == i); d++)
                if (sides[k].view->ways[d].known)
                    estimates[n++] =
                        (struct spd_skew_estimate){ &sides[k].view->ways[d].summary.skew,
                                                    d == SPD_FLOW_REVERSE };
        spd_common_skew_settle(estimates, n, &out->skew[i]);
    }
}

/* -------------------------------------------------------------------- a way */

/* All points of a way without skew, the least latency being 0. */
static enum spd_err corrected_points(const struct spd_flow_way *way, double skew_ppb,
                                     struct spd_point **out)
{
    struct spd_point *points = malloc((way->n_points + 1) * sizeof(*points));
    struct spd_normal_origin origin;

    if (!points)
        return SPD_ERR_NOMEM;
    memcpy(points, way->points, way->n_points * sizeof(*points));
    spd_clock_skew_remove(points, way->n_points, skew_ppb, 0);
    origin = spd_normalise_origin(points, way->n_points);
    spd_normalise(points, way->n_points, &origin);
    *out = points;
    return SPD_ERR_OK;
}

/* The points after the calibration, but for those that arrived and whose time
 * is not known: a packet whose reply was lost is no loss on its way there. */
static void take_points(const struct spd_flow_view *view, enum spd_flow_direction direction,
                        uint32_t n_calibration, struct spd_point *points, size_t n_points,
                        struct spd_qos_way *out)
{
    size_t n = 0;

    for (size_t i = 0; i < n_points; i++)
        if (points[i].seq >= n_calibration && is_counted(view, &points[i], direction))
            points[n++] = points[i];
    out->compared = (struct spd_compare_flow){ points, n };
}

static size_t known_latencies(const struct spd_point *points, size_t n, spd_ns *values)
{
    size_t n_known = 0;

    for (size_t i = 0; i < n; i++)
        if (points[i].latency_ns != SPD_NS_UNKNOWN)
            values[n_known++] = points[i].latency_ns;
    return n_known;
}

static spd_ns idle_p95(const struct spd_point *points, size_t n_points, uint32_t n_calibration,
                       spd_ns *values)
{
    struct spd_stats stats;
    size_t n = 0;

    while (n < n_points && points[n].seq < n_calibration)
        n++;
    spd_quantile_stats(values, known_latencies(points, n, values), &stats);
    return stats.p95_ns;
}

/* As spd_flow_summary rates voice, but of the packets after the calibration. */
static void rate_voice(const struct spd_flow_way *way, const struct spd_codec *codec,
                       struct spd_qos_way *out)
{
    spd_ns buffer_ns = out->pdv.n ? out->pdv.p99_ns : 0;
    spd_ns base_ns =
        way->summary.rtt.n && way->summary.rtt.min_ns > 0 ? way->summary.rtt.min_ns / 2 : 0;
    size_t n_late = 0, n_runs = 0;

    for (size_t i = 0; i < out->compared.n; i++) {
        spd_ns latency_ns = out->compared.points[i].latency_ns;

        n_late += latency_ns != SPD_NS_UNKNOWN && latency_ns > buffer_ns;
        n_runs += latency_ns == SPD_NS_UNKNOWN &&
                  (i == 0 || out->compared.points[i - 1].latency_ns != SPD_NS_UNKNOWN);
    }
    spd_mos_compute(codec, base_ns + buffer_ns + codec->packet_ns + codec->lookahead_ns,
                    out->n_sent ? (double)(out->n_lost + n_late) / out->n_sent : 0,
                    spd_mos_burst_ratio(out->n_sent, out->n_lost, n_runs), &out->mos);
}

static enum spd_err make_way(const struct spd_qos_side *side, enum spd_flow_direction direction,
                             const struct spd_codec *codec, const struct spd_common_skew *skew,
                             struct spd_qos_way *out)
{
    const struct spd_flow_view *view = side->view;
    const struct spd_flow_way *way = &view->ways[direction];
    uint32_t n_calibration = side->n_calibration;
    double skew_ppb = spd_common_skew_is_removable(skew)
                          ? spd_common_skew_of(skew, direction == SPD_FLOW_REVERSE)
                          : 0;
    struct spd_point *points;
    spd_ns *values;

    out->idle_p95_ns = SPD_NS_UNKNOWN;
    if (!way->known || !way->points)
        return SPD_ERR_OK;
    if (corrected_points(way, skew_ppb, &points))
        return SPD_ERR_NOMEM;
    out->compared.points = points; /* from here on it is fini's */
    values = malloc((way->n_points + 1) * sizeof(*values));
    if (!values)
        return SPD_ERR_NOMEM;
    out->known = true;
    for (size_t i = 0; i < way->n_points; i++) {
        if (way->points[i].seq < n_calibration)
            continue;
        out->n_sent++;
        out->n_lost += is_lost(view, &way->points[i], direction);
    }
    out->loss_ratio = out->n_sent ? (double)out->n_lost / out->n_sent : 0;
    if (n_calibration > 0)
        out->idle_p95_ns = idle_p95(points, way->n_points, n_calibration, values);
    take_points(view, direction, n_calibration, points, way->n_points, out);
    spd_quantile_stats(values, known_latencies(points, out->compared.n, values), &out->pdv);
    free(values);
    rate_voice(way, codec, out);
    return SPD_ERR_OK;
}

/* -------------------------------------------------------------------- marks */

/* The most frequent code point but for this one; returns how often it came. */
static uint32_t other_mark(const uint32_t n_of[64], uint8_t dscp, uint8_t *other)
{
    uint32_t most = 0;

    for (uint8_t i = 0; i < 64; i++)
        if (i != dscp && n_of[i] > most) {
            *other = i;
            most = n_of[i];
        }
    return most;
}

static void count_marks(const struct spd_qos_side *side, struct spd_qos_marks *out)
{
    const struct spd_flow_view *view = side->view;
    uint32_t back[64] = { 0 }, there[64] = { 0 };

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < view->n_packets; i++) {
        const struct spd_flow_packet *p = &view->packets[i];

        if ((p->flags & SPD_FLOW_RETURNED) && p->tclass_reverse != SPD_FLOW_TCLASS_UNKNOWN) {
            out->n_known++;
            back[p->tclass_reverse >> 2]++;
        }
        if ((p->flags & SPD_FLOW_ARRIVED) && p->tclass_forward != SPD_FLOW_TCLASS_UNKNOWN) {
            out->n_forward++;
            there[p->tclass_forward >> 2]++;
        }
    }
    out->n_kept = back[side->dscp];
    out->n_other = other_mark(back, side->dscp, &out->other_dscp);
    out->n_forward_kept = there[side->dscp];
    out->n_forward_other = other_mark(there, side->dscp, &out->forward_other_dscp);
    if (side->environment && side->dscp > 0) {
        const struct spd_env_item *item = &side->environment->items[SPD_ENV_DSCP];

        /* What a system refuses for one code point it refuses for all. */
        if (item->present && !item->fulfilled)
            out->refused = item->note;
    }
}

/* -------------------------------------------------------------------- pairs */

static spd_ns resolution_of(const struct spd_flow_view *view, enum spd_flow_direction direction)
{
    unsigned wanted = direction == SPD_FLOW_FORWARD ? SPD_FLOW_T1_KERNEL : SPD_FLOW_RX_KERNEL;
    size_t n = 0, n_kernel = 0;

    for (size_t i = 0; i < view->n_packets; i++) {
        if (!(view->packets[i].flags & (SPD_FLOW_RETURNED | SPD_FLOW_ARRIVED)))
            continue;
        n++;
        n_kernel += (view->packets[i].flags & wanted) != 0;
    }
    return n_kernel * 2 > n ? RESOLUTION_KERNEL_NS : RESOLUTION_USER_NS;
}

static spd_ns larger(spd_ns a, spd_ns b)
{
    return a > b ? a : b; /* SPD_NS_UNKNOWN is the least there is */
}

/* Without the losses, where they are not this direction's. */
static struct spd_compare_flow arrived_only(const struct spd_compare_flow *flow,
                                            struct spd_point *room)
{
    size_t n = 0;

    for (size_t i = 0; i < flow->n; i++)
        if (flow->points[i].latency_ns != SPD_NS_UNKNOWN)
            room[n++] = flow->points[i];
    return (struct spd_compare_flow){ room, n };
}

static enum spd_err compare(const struct spd_qos_result *result, const struct spd_qos_side *sides,
                            size_t other, enum spd_flow_direction direction, bool with_losses,
                            struct spd_comparison *out)
{
    const struct spd_qos_way *a = &result->classes[0].ways[direction];
    const struct spd_qos_way *b = &result->classes[other].ways[direction];
    struct spd_compare_input input = {
        .favoured = a->compared,
        .other = b->compared,
        .together = result->options.together,
        .idle_p95_ns = larger(a->idle_p95_ns, b->idle_p95_ns),
        .resolution_ns = larger(resolution_of(sides[0].view, direction),
                                resolution_of(sides[other].view, direction)),
        .seed = result->options.seed + other,
    };
    struct spd_point *room = NULL;
    enum spd_err err;

    if (!with_losses) {
        room = malloc((a->compared.n + b->compared.n + 1) * sizeof(*room));
        if (!room)
            return SPD_ERR_NOMEM;
        input.favoured = arrived_only(&a->compared, room);
        input.other = arrived_only(&b->compared, room + a->compared.n);
    }
    err = spd_compare(&input, out);
    free(room);
    return err;
}

/* Where the reflector does not tell on which way packets were lost, each loss
 * counts in both directions. Then the one whose delays show a queue is taken to
 * have lost them, when the other one's show none. */
static enum spd_err compare_pair(const struct spd_qos_result *result,
                                 const struct spd_qos_side *sides, struct spd_qos_pair *pair)
{
    bool placed = result->classes[0].loss_directions_known &&
                  result->classes[pair->other].loss_directions_known;
    bool loaded[2] = { false, false };
    enum spd_err err = SPD_ERR_OK;

    for (int d = 0; d < 2 && !err; d++) {
        pair->known[d] =
            result->classes[0].ways[d].known && result->classes[pair->other].ways[d].known;
        if (!pair->known[d])
            continue;
        err =
            compare(result, sides, pair->other, (enum spd_flow_direction)d, placed, &pair->ways[d]);
        loaded[d] = pair->ways[d].verdict != SPD_VERDICT_NOT_ENOUGH_LOAD;
    }
    for (int d = 0; d < 2 && !err && !placed; d++)
        if (pair->known[d] && (loaded[d] || !loaded[1 - d]))
            err = compare(result, sides, pair->other, (enum spd_flow_direction)d, true,
                          &pair->ways[d]);
    return err;
}

/* ------------------------------------------------------------------ verdict */

/* Of two verdicts the one that says more; harm before good. */
static enum spd_verdict stronger(enum spd_verdict a, enum spd_verdict b)
{
    static const int weight[] = { [SPD_VERDICT_NOT_ENOUGH_LOAD] = 0,
                                  [SPD_VERDICT_NO_DIFFERENCE] = 1,
                                  [SPD_VERDICT_PROTECTS] = 2,
                                  [SPD_VERDICT_WORSE] = 3 };

    return weight[a] >= weight[b] ? a : b;
}

static void conclude(struct spd_qos_result *r)
{
    for (int d = 0; d < 2; d++) {
        r->ways[d] = SPD_VERDICT_NOT_ENOUGH_LOAD;
        for (size_t i = 0; i < r->n_pairs; i++)
            if (r->pairs[i].known[d])
                r->ways[d] = stronger(r->ways[d], r->pairs[i].ways[d].verdict);
    }
    r->verdict = stronger(r->ways[SPD_FLOW_FORWARD], r->ways[SPD_FLOW_REVERSE]);
}

static bool losses_are_placed(const struct spd_flow_view *view)
{
    return view->loss.directions_known || view->loss.n_lost == 0;
}

enum spd_err spd_qos_result_make(const struct spd_qos_side *sides, size_t n_sides,
                                 const struct spd_qos_options *options, struct spd_qos_result *out,
                                 struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    memset(out, 0, sizeof(*out));
    out->options = *options;
    out->codec = spd_codec_default();
    out->n_classes = n_sides;
    find_skew(sides, n_sides, out);
    for (size_t i = 0; i < n_sides && !err; i++) {
        struct spd_qos_class *c = &out->classes[i];

        c->name = sides[i].name;
        c->dscp = sides[i].dscp;
        c->n_calibration = sides[i].n_calibration;
        c->loss_directions_known = losses_are_placed(sides[i].view);
        count_marks(&sides[i], &c->marks);
        for (int d = 0; d < 2 && !err; d++)
            err = make_way(&sides[i], (enum spd_flow_direction)d, out->codec, &out->skew[i],
                           &c->ways[d]);
    }
    for (size_t i = 1; i < n_sides && !err; i++) {
        struct spd_qos_pair *pair = &out->pairs[out->n_pairs++];

        pair->other = i;
        err = compare_pair(out, sides, pair);
    }
    if (err)
        return spd_diag_set(diag, err, 0, "not enough memory to compare the classes");
    conclude(out);
    return SPD_ERR_OK;
}

void spd_qos_result_fini(struct spd_qos_result *result)
{
    for (size_t i = 0; i < SPD_QOS_CLASSES_MAX; i++)
        for (int d = 0; d < 2; d++) {
            free((void *)(uintptr_t)result->classes[i].ways[d].compared.points);
            result->classes[i].ways[d].compared.points = NULL;
        }
}
