/*
 * Runs the analyses of each flow and direction. Where results are made; never
 * on a measuring thread.
 */
#include "common/result/flow_result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/seqnum.h"
#include "common/result/flow_clocks.h"
#include "common/result/flow_place.h"
#include "common/result/log_order.h"

/* What an analysis takes for each sequence number at its height, the points
 * that it gives back included. */
#define ANALYSIS_BYTES 48

void spd_flow_input_of_log(struct spd_log *log, const struct spd_log_join *join,
                           struct spd_flow_input *out)
{
    struct spd_log_bases bases = { 0 };
    size_t at = 0;

    *out = (struct spd_flow_input){
        .header = &log->header, .facts = &log->facts, .log_name = log->name, .join = join
    };
    spd_log_bases_take(&bases, log->packets, log->n_packets);
    spd_log_order(log->packets, log->n_packets, &bases);
    for (size_t i = 0; i < log->header.n_flows; i++) {
        out->packets[i] = log->packets + at;
        while (at < log->n_packets && log->packets[at].flow == i)
            at++;
        out->n_packets[i] = (size_t)(log->packets + at - out->packets[i]);
        out->deaf[i] =
            log->header.kind == SPD_LOG_ONE_WAY_SENDER || (join != NULL && !join->heard[i]);
    }
}

static const struct spd_log_flow_end *end_of(const struct spd_flow_input *input, size_t flow)
{
    return input->facts->ended ? &input->facts->end.flows[flow] : NULL;
}

/* Packets that the sender took in hand, where it said so. A joined log leaves
 * out what nobody judged. */
static uint32_t n_taken(const struct spd_flow_input *input, size_t flow)
{
    const struct spd_log_flow_end *end = end_of(input, flow);

    if (end == NULL || !end->n_packets_known ||
        (input->join != NULL && input->join->n_unjudged > 0))
        return 0;
    return end->n_packets;
}

/* The sequence number that points of analysis count from: see
 * spd_flow_summary_compute. */
static uint32_t first_of(const struct spd_flow_packet *packets, const struct spd_point *points,
                         size_t n_points, uint32_t otherwise)
{
    for (size_t i = 0; i < n_points; i++)
        if (points[i].index != UINT32_MAX)
            return packets[points[i].index].seq - points[i].seq;
    return otherwise;
}

static void note_jumps(struct spd_flow_result *result, const struct spd_flow_view *view,
                       enum spd_flow_direction direction, const struct spd_point *points)
{
    const struct spd_jumps *jumps = &view->ways[direction].summary.jumps;

    for (size_t i = 0; i < jumps->n && result->n_jumps < SPD_FLOW_JUMPS_MAX; i++) {
        const struct spd_point *point = &points[jumps->list[i].point];
        const struct spd_flow_packet *packet =
            point->index == UINT32_MAX ? NULL : &view->packets[point->index];
        bool forward = direction == SPD_FLOW_FORWARD;

        result->jumps[result->n_jumps++] = (struct spd_flow_jump){
            .flow = result->input.header->flows[view->index].info.name,
            .direction = forward ? "forward" : "reverse",
            .jump = jumps->list[i],
            .seq = view->first_seq + point->seq,
            .sent_ns = packet == NULL ? 0
                       : forward      ? packet->t1_ns
                                      : packet->t3_ns,
        };
    }
}

static enum spd_err explain(enum spd_err err, const struct spd_flow_input *input, size_t flow,
                            struct spd_diag *diag)
{
    const char *name = input->header->flows[flow].info.name;

    if (err == SPD_ERR_INVALID)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "flow %s: its sequence numbers lie further apart than any session "
                            "reaches; the log is damaged, or of several sessions",
                            name);
    if (err)
        return spd_diag_set(diag, err, 0, "not enough memory to analyse the %zu packets of flow %s",
                            input->n_packets[flow], name);
    return SPD_ERR_OK;
}

static struct spd_flow_options options_of(const struct spd_flow_input *input, size_t flow,
                                          const struct spd_flow_wishes *wishes,
                                          enum spd_flow_direction direction)
{
    struct spd_flow_options options = spd_flow_options_default(direction);

    options.n_packets = n_taken(input, flow);
    options.keep_jumps = wishes->keep_jumps;
    options.jump_amount_ns = wishes->jump_amount_ns;
    options.keep_skew = wishes->keep_skew;
    options.skew_method = wishes->skew_method;
    options.codec = wishes->codec;
    if (direction == SPD_FLOW_FORWARD)
        options.minimum_ns = wishes->minimum_ns;
    return options;
}

static enum spd_err analyse(struct spd_flow_result *result, const struct spd_flow_wishes *wishes,
                            struct spd_flow_view *view, enum spd_flow_direction direction,
                            const struct spd_flow_clocks *clocks, struct spd_diag *diag)
{
    const struct spd_flow_input *input = &result->input;
    struct spd_flow_options options = options_of(input, view->index, wishes, direction);
    struct spd_flow_way *way = &view->ways[direction];
    struct spd_common_skew skew = spd_flow_clocks_skew(clocks, view->index);
    struct spd_point *points = NULL;
    size_t n_points = 0;

    options.found = &clocks->found[view->index][direction];
    options.skew = &skew;
    enum spd_err err = spd_flow_summary_compute(view->packets, view->n_packets, &options, &points,
                                                &n_points, &way->summary);
    if (err)
        return explain(err, input, view->index, diag);
    way->known = true;
    if (direction == SPD_FLOW_FORWARD)
        view->first_seq = first_of(view->packets, points, n_points, 0);
    note_jumps(result, view, direction, points);
    if (wishes->keep_points) {
        way->points = points;
        way->n_points = n_points;
    } else {
        free(points);
    }
    return SPD_ERR_OK;
}

/* Hostile numbers, or a number of packets that nobody sent, would ask for any
 * amount of memory. */
static enum spd_err check_span(const struct spd_flow_input *input,
                               const struct spd_flow_wishes *wishes,
                               const struct spd_flow_view *view, struct spd_diag *diag)
{
    size_t n = view->n_packets;
    uint64_t span = n_taken(input, view->index);

    if (n > 0) {
        uint64_t apart = view->packets[n - 1].seq - view->packets[0].seq + UINT64_C(1);
        /* A flow begins at 0, but one that wrapped may begin anywhere. */
        uint64_t from_zero = apart + view->packets[0].seq;
        uint32_t first = view->packets[0].seq;
        uint64_t needed = first < apart || first < span ? from_zero : apart;
        span = needed > span ? needed : span;
    }
    if (wishes->memory_bytes == 0 || span <= wishes->memory_bytes / ANALYSIS_BYTES)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                        "flow %s: its %zu records span %" PRIu64
                        " sequence numbers, and analysis would take %" PRIu64
                        " MiB, more than there is; if that is not what was sent, the log is "
                        "damaged",
                        input->header->flows[view->index].info.name, n, span,
                        span * ANALYSIS_BYTES / (1024 * 1024));
}

static void measure(struct spd_flow_view *view, bool by_arrival)
{
    int64_t first_ns = 0, last_ns = 0;
    uint64_t n_bytes = 0;
    uint16_t last_size = 0;

    for (size_t i = 0; i < view->n_packets; i++) {
        const struct spd_flow_packet *packet = &view->packets[i];
        int64_t t = by_arrival ? packet->t2_ns : packet->t1_ns;

        if (packet->size_bytes > 0 &&
            (view->size_min_bytes == 0 || packet->size_bytes < view->size_min_bytes))
            view->size_min_bytes = packet->size_bytes;
        if (packet->size_bytes > view->size_max_bytes)
            view->size_max_bytes = packet->size_bytes;
        if (t == 0 || (packet->flags & (SPD_FLOW_DUPLICATE | SPD_FLOW_NOT_SENT)))
            continue;
        if (first_ns == 0 || t < first_ns)
            first_ns = t;
        if (t >= last_ns) {
            last_ns = t;
            last_size = packet->size_bytes;
        }
        n_bytes += packet->size_bytes;
    }
    /* n packets have n - 1 intervals: the last one's bytes fall behind them. */
    if (last_ns > first_ns)
        view->rate_bps = (double)(n_bytes - last_size) * 8e9 / (double)(last_ns - first_ns);
}

/* Analysis also knows of packets without a record. What is marked ARRIVED and
 * did not come back it does not count as lost forward. */
static void settle_loss(struct spd_flow_view *view, bool two_way)
{
    struct spd_flow_loss *loss = &view->loss;

    if (!two_way)
        *loss = (struct spd_flow_loss){ .known = true, .directions_known = true };
    loss->n_lost = view->ways[SPD_FLOW_FORWARD].summary.n_lost + loss->n_reverse;
    if (!two_way)
        loss->n_forward = loss->n_lost;
    loss->n_unknown = loss->n_lost - loss->n_forward - loss->n_reverse;
}

static bool is_two_way(const struct spd_flow_input *input)
{
    return input->header->kind == SPD_LOG_TWO_WAY;
}

/* What the records say without analysis, and whether it can be afforded. */
static enum spd_err begin_view(const struct spd_flow_result *result,
                               const struct spd_flow_wishes *wishes, struct spd_flow_view *view,
                               struct spd_diag *diag)
{
    const struct spd_flow_input *input = &result->input;
    struct spd_flow_packet *packets = input->packets[view->index];
    size_t n = input->n_packets[view->index];

    view->packets = packets;
    view->n_packets = n;
    measure(view, input->header->kind == SPD_LOG_ONE_WAY_RECEIVER);
    if (input->deaf[view->index])
        return SPD_ERR_OK;
    if (is_two_way(input) && spd_flow_place_losses(packets, n, &view->loss))
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "not enough memory to place %zu packets", n);
    return check_span(input, wishes, view, diag);
}

/* What the clocks did, as one flow shows it. */
static enum spd_err look_at_clocks(const struct spd_flow_result *result,
                                   const struct spd_flow_wishes *wishes,
                                   const struct spd_flow_view *view, struct spd_flow_clocks *clocks,
                                   struct spd_diag *diag)
{
    const struct spd_flow_input *input = &result->input;
    struct spd_flow_packet *packets = input->packets[view->index];
    size_t n = view->n_packets;
    enum spd_err err = SPD_ERR_OK;

    if (input->deaf[view->index])
        return SPD_ERR_OK;
    for (int d = 0; d < (is_two_way(input) ? 2 : 1) && !err; d++) {
        struct spd_flow_options options =
            options_of(input, view->index, wishes, (enum spd_flow_direction)d);

        spd_flow_hide_unarrived(packets, n, &view->loss, d == SPD_FLOW_REVERSE);
        err = spd_flow_summary_find(packets, n, &options, &clocks->found[view->index][d]);
    }
    spd_flow_hide_unarrived(packets, n, &view->loss, false);
    return explain(err, input, view->index, diag);
}

static enum spd_err finish_view(struct spd_flow_result *result,
                                const struct spd_flow_wishes *wishes, struct spd_flow_view *view,
                                const struct spd_flow_clocks *clocks, struct spd_diag *diag)
{
    const struct spd_flow_input *input = &result->input;
    struct spd_flow_packet *packets = input->packets[view->index];
    size_t n = view->n_packets;
    enum spd_err err;

    if (input->deaf[view->index])
        return SPD_ERR_OK;
    err = analyse(result, wishes, view, SPD_FLOW_FORWARD, clocks, diag);
    if (err)
        return err;
    settle_loss(view, is_two_way(input));
    if (!is_two_way(input))
        return SPD_ERR_OK;
    spd_flow_hide_unarrived(packets, n, &view->loss, true);
    err = analyse(result, wishes, view, SPD_FLOW_REVERSE, clocks, diag);
    spd_flow_hide_unarrived(packets, n, &view->loss, false);
    return err;
}

/* A flow that nobody asked for knows of the clocks, too. What is wrong with it
 * is no concern here. */
static void look_at_other(const struct spd_flow_result *result,
                          const struct spd_flow_wishes *wishes, size_t flow,
                          struct spd_flow_clocks *clocks)
{
    struct spd_flow_view view = { .index = flow };
    struct spd_diag diag = { 0 };
    bool is_related = false;

    for (size_t i = 0; i < result->n_flows; i++) {
        if (result->flows[i].index == flow)
            return;
        is_related = is_related ||
                     spd_flow_clocks_are_shared(result->input.header, flow, result->flows[i].index);
    }
    if (is_related && !begin_view(result, wishes, &view, &diag))
        (void)look_at_clocks(result, wishes, &view, clocks, &diag);
}

static enum spd_err make_views(struct spd_flow_result *result, const struct spd_flow_wishes *wishes,
                               struct spd_flow_clocks *clocks, struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    for (size_t i = 0; i < result->n_flows && !err; i++)
        err = begin_view(result, wishes, &result->flows[i], diag);
    for (size_t i = 0; i < result->n_flows && !err; i++)
        err = look_at_clocks(result, wishes, &result->flows[i], clocks, diag);
    for (size_t i = 0; i < result->input.header->n_flows && !err; i++)
        look_at_other(result, wishes, i, clocks);
    for (size_t i = 0; i < result->n_flows && !err; i++)
        err = finish_view(result, wishes, &result->flows[i], clocks, diag);
    return err;
}

static enum spd_err no_such_flow(const struct spd_flow_input *input, const char *name,
                                 struct spd_diag *diag)
{
    char names[300] = "";
    size_t n = 0;

    for (size_t i = 0; i < input->header->n_flows && n < sizeof names; i++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i > 0 ? ", " : "",
                              input->header->flows[i].info.name);
    return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0, "no flow is called %s; there is %s", name,
                        names);
}

enum spd_err spd_flow_result_make(const struct spd_flow_input *input,
                                  const struct spd_flow_wishes *wishes, struct spd_flow_result *out,
                                  struct spd_diag *diag)
{
    struct spd_flow_clocks *clocks;
    enum spd_err err;

    memset(out, 0, sizeof *out);
    out->input = *input;
    for (size_t i = 0; i < input->header->n_flows; i++)
        if (wishes->flow == NULL || strcmp(wishes->flow, input->header->flows[i].info.name) == 0)
            out->flows[out->n_flows++].index = i;
    if (out->n_flows == 0)
        return no_such_flow(input, wishes->flow, diag);
    clocks = calloc(1, sizeof *clocks);
    if (clocks == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "not enough memory to analyse a flow");
    clocks->input = input;
    err = make_views(out, wishes, clocks, diag);
    free(clocks);
    return err;
}

void spd_flow_result_fini(struct spd_flow_result *result)
{
    for (size_t i = 0; i < SPD_FLOWS_MAX; i++)
        for (size_t way = 0; way < 2; way++) {
            free(result->flows[i].ways[way].points);
            result->flows[i].ways[way].points = NULL;
        }
}
