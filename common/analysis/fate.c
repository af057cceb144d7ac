/*
 * Judges packets without a reply. Any thread but a measuring one: it allocates.
 * What the reflector says is hostile: it can make the verdict wrong, nothing
 * worse.
 */
#include "common/analysis/fate.h"

#include <stdlib.h>

#include "common/analysis/fate_cells.h"
#include "common/base/assert.h"
#include "common/base/seqnum.h"

/* What makes the numbers within one burst doubtful. */
struct doubt {
    uint64_t n_excess;   /* numbers missing beyond the packets missing */
    uint64_t n_unplaced; /* further replies whose numbers nobody gave */
};

struct evidence {
    struct spd_fate_anchor *anchors;
    size_t n_anchors;
    struct spd_fate_extra *extras;
    size_t n_extras;
    struct spd_fate_cell *cells;
    size_t n_cells;
    int64_t *scratch;
    struct doubt *doubts; /* one a burst */
};

static void evidence_free(struct evidence *e)
{
    free(e->anchors);
    free(e->extras);
    free(e->cells);
    free(e->scratch);
    free(e->doubts);
}

static enum spd_err evidence_alloc(struct evidence *e, const struct spd_test_record *record,
                                   size_t n_hints)
{
    size_t n = record->n_packets + n_hints + 1; /* 1: the start of the session */

    *e = (struct evidence){ 0 };
    e->anchors = calloc(n, sizeof *e->anchors);
    e->extras = calloc(n_hints + 1, sizeof *e->extras);
    e->cells = calloc(n, sizeof *e->cells);
    e->scratch = calloc(n + n_hints + 1, sizeof *e->scratch);
    e->doubts = calloc(record->n_bursts + 1, sizeof *e->doubts);
    if (e->anchors != NULL && e->extras != NULL && e->cells != NULL && e->scratch != NULL &&
        e->doubts != NULL)
        return SPD_ERR_OK;
    evidence_free(e);
    return SPD_ERR_NOMEM;
}

static int64_t position_of(const struct spd_test_record *record, uint32_t seq)
{
    return spd_seqnum_diff(seq, record->packets[0].seq);
}

/* Index of the first record at or behind a position. */
static size_t record_at(const struct spd_test_record *record, int64_t position)
{
    size_t low = 0;
    size_t high = record->n_packets;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (position_of(record, record->packets[middle].seq) < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int compare_anchor(const void *left, const void *right)
{
    const struct spd_fate_anchor *a = left;
    const struct spd_fate_anchor *b = right;

    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    return (a->number > b->number) - (a->number < b->number);
}

static void gather_records(const struct spd_test_record *record, struct evidence *e)
{
    for (size_t i = 0; i < record->n_packets; i++) {
        const struct spd_packet_record *packet = &record->packets[i];

        SPD_ASSERT(packet->burst < record->n_bursts);
        SPD_ASSERT(i == 0 || (spd_seqnum_less(packet[-1].seq, packet->seq) &&
                              packet[-1].burst <= packet->burst));
        if (packet->n_replies == 0)
            continue;
        e->anchors[e->n_anchors++] = (struct spd_fate_anchor){
            .position = position_of(record, packet->seq),
            .number = packet->reflector_seq,
            .burst = packet->burst,
        };
        e->doubts[packet->burst].n_unplaced += packet->n_replies - 1;
    }
}

/* A hint is a duplicate's number when its packet has a record with a reply,
 * else an answered packet of its own. */
static void gather_hint(const struct spd_test_record *record, const struct spd_loss_hint *hint,
                        struct evidence *e)
{
    int64_t position = position_of(record, hint->sender_seq);
    size_t at = record_at(record, position);
    bool recorded = at < record->n_packets && record->packets[at].seq == hint->sender_seq;

    if (recorded && record->packets[at].n_replies > 0) {
        struct doubt *doubt = &e->doubts[record->packets[at].burst];

        e->extras[e->n_extras++] = (struct spd_fate_extra){ position, hint->reflector_seq };
        if (doubt->n_unplaced > 0)
            doubt->n_unplaced--;
        return;
    }
    size_t before = at > 0 ? at - 1 : 0;
    e->anchors[e->n_anchors++] = (struct spd_fate_anchor){
        .position = position,
        .number = hint->reflector_seq,
        .burst = record->packets[before].burst,
    };
}

/* Sort by position, and let only the first reply to each probe stand. */
static void order_anchors(struct evidence *e)
{
    size_t kept = 0;

    qsort(e->anchors, e->n_anchors, sizeof *e->anchors, compare_anchor);
    for (size_t i = 0; i < e->n_anchors; i++) {
        if (kept > 0 && e->anchors[i].position == e->anchors[kept - 1].position)
            e->extras[e->n_extras++] =
                (struct spd_fate_extra){ e->anchors[i].position, e->anchors[i].number };
        else
            e->anchors[kept++] = e->anchors[i];
    }
    e->n_anchors = kept;
}

/* Reflector numbers become distances from the first reply's number. */
static void unwrap_numbers(struct evidence *e)
{
    uint32_t zero = (uint32_t)e->anchors[0].number;

    for (size_t i = 0; i < e->n_anchors; i++)
        e->anchors[i].number = spd_seqnum_diff((uint32_t)e->anchors[i].number, zero);
    for (size_t i = 0; i < e->n_extras; i++)
        e->extras[i].number = spd_seqnum_diff((uint32_t)e->extras[i].number, zero);
}

/* RFC 8762 section 4.3.1 starts the reflector's counter of a session at 0, so
 * before packet 0 stands, as it were, reply 2^32 - 1 to packet 2^32 - 1. Only
 * where it fits: a reflector that kept an older session counts on from there. */
static void gather_start(const struct spd_test_record *record, struct evidence *e)
{
    const struct spd_fate_anchor *first = &e->anchors[0];
    uint32_t lowest = (uint32_t)first->number;

    if (record->packets[0].seq != 0 || first->position < 0)
        return;
    for (size_t i = 0; i < e->n_anchors && e->anchors[i].burst == first->burst; i++)
        if (spd_seqnum_less((uint32_t)e->anchors[i].number, lowest))
            lowest = (uint32_t)e->anchors[i].number;
    if ((int64_t)lowest > first->position)
        return;
    e->anchors[e->n_anchors++] = (struct spd_fate_anchor){
        .position = -1,
        .number = UINT32_MAX,
        .burst = record->packets[0].burst,
    };
    order_anchors(e);
}

/* This host's own queue dropped it: where it was lost is known, whatever the
 * reflector says. */
static bool is_dropped_here(const struct spd_packet_record *packet)
{
    return packet->n_replies == 0 && packet->err == SPD_ERR_NO_BUFFERS;
}

static bool is_open(const struct spd_packet_record *packet)
{
    return packet->fate == SPD_FATE_LOST;
}

static uint64_t n_open_in(const struct spd_test_record *record, const struct spd_fate_cell *cell)
{
    uint64_t n = 0;

    for (size_t i = record_at(record, cell->after + 1);
         i < record->n_packets && position_of(record, record->packets[i].seq) < cell->before; i++)
        n += is_open(&record->packets[i]);
    return n;
}

/* Packets that never left this host, or that an ICMP error answered, asked the
 * reflector for no number. */
static void discount_others(const struct spd_test_record *record, struct spd_fate_cell *cell)
{
    for (size_t i = record_at(record, cell->after + 1);
         i < record->n_packets && position_of(record, record->packets[i].seq) < cell->before; i++) {
        uint8_t fate = record->packets[i].fate;
        if ((fate == SPD_FATE_NOT_SENT || fate == SPD_FATE_UNREACHABLE ||
             is_dropped_here(&record->packets[i])) &&
            cell->n_packets > 0)
            cell->n_packets--;
    }
}

static void place(struct spd_test_record *record, const struct spd_fate_cell *cell,
                  enum spd_fate fate)
{
    for (size_t i = record_at(record, cell->after + 1);
         i < record->n_packets && position_of(record, record->packets[i].seq) < cell->before; i++)
        if (is_open(&record->packets[i]))
            record->packets[i].fate = (uint8_t)fate;
}

static struct doubt doubt_over(const struct evidence *e, const struct spd_fate_cell *cell)
{
    struct doubt most = { 0, 0 };

    for (uint32_t b = cell->burst_from; b <= cell->burst_to; b++) {
        if (e->doubts[b].n_excess > most.n_excess)
            most.n_excess = e->doubts[b].n_excess;
        if (e->doubts[b].n_unplaced > most.n_unplaced)
            most.n_unplaced = e->doubts[b].n_unplaced;
    }
    return most;
}

static void judge_cell(struct spd_test_record *record, const struct evidence *e,
                       const struct spd_fate_cell *cell)
{
    struct doubt doubt = doubt_over(e, cell);
    uint64_t n_open = n_open_in(record, cell);

    if (n_open == 0)
        return;
    if (cell->n_numbers == 0) {
        /* No number is missing here. Numbers that are too many elsewhere in the
         * burst, and no known duplicate, may belong to packets that were
         * overtaken out of this cell and whose replies were lost. */
        uint64_t n_unexplained =
            doubt.n_excess > doubt.n_unplaced ? doubt.n_excess - doubt.n_unplaced : 0;
        if (n_unexplained < cell->n_packets)
            place(record, cell, SPD_FATE_LOST_FORWARD);
        return;
    }
    if (doubt.n_excess > 0 || doubt.n_unplaced > 0)
        return;
    if (cell->n_numbers == cell->n_packets) {
        place(record, cell, SPD_FATE_LOST_REVERSE);
    } else if (cell->burst_from == cell->burst_to && n_open == cell->n_packets) {
        struct spd_burst_record *burst = &record->bursts[cell->burst_from];
        burst->n_lost_reverse_unplaced += (uint32_t)cell->n_numbers;
        burst->n_lost_forward_unplaced += (uint32_t)(cell->n_packets - cell->n_numbers);
    }
}

static void judge_directions(struct spd_test_record *record, struct evidence *e)
{
    e->n_cells =
        spd_fate_cells_find(e->anchors, e->n_anchors, e->extras, e->n_extras, e->scratch, e->cells);
    for (size_t c = 0; c < e->n_cells; c++) {
        struct spd_fate_cell *cell = &e->cells[c];

        discount_others(record, cell);
        if (cell->n_numbers > cell->n_packets)
            for (uint32_t b = cell->burst_from; b <= cell->burst_to; b++)
                e->doubts[b].n_excess += cell->n_numbers - cell->n_packets;
    }
    for (size_t c = 0; c < e->n_cells; c++)
        judge_cell(record, e, &e->cells[c]);
}

/* Everything without a verdict of its own: received, lost, or not known yet. */
static void judge_plainly(struct spd_test_record *record, const struct evidence *e)
{
    int64_t last = e->n_anchors > 0 ? e->anchors[e->n_anchors - 1].position : INT64_MIN;

    for (size_t b = 0; b < record->n_bursts; b++) {
        record->bursts[b].n_lost_forward_unplaced = 0;
        record->bursts[b].n_lost_reverse_unplaced = 0;
    }
    for (size_t i = 0; i < record->n_packets; i++) {
        struct spd_packet_record *packet = &record->packets[i];

        if (packet->n_replies > 0)
            packet->fate = SPD_FATE_RECEIVED;
        else if (packet->fate == SPD_FATE_NOT_SENT || packet->fate == SPD_FATE_UNREACHABLE)
            continue;
        else if (is_dropped_here(packet))
            packet->fate = SPD_FATE_LOST_FORWARD;
        else if (record->bursts[packet->burst].interrupted &&
                 position_of(record, packet->seq) > last)
            packet->fate = SPD_FATE_PENDING;
        else
            packet->fate = SPD_FATE_LOST;
    }
}

enum spd_err spd_fate_judge(struct spd_test_record *record, const struct spd_loss_hint *hints,
                            size_t n_hints)
{
    struct evidence e;

    if (record->n_packets == 0)
        return SPD_ERR_OK;
    enum spd_err err = evidence_alloc(&e, record, n_hints);
    if (err != SPD_ERR_OK)
        return err;
    gather_records(record, &e);
    for (size_t i = 0; i < n_hints; i++)
        gather_hint(record, &hints[i], &e);
    order_anchors(&e);
    judge_plainly(record, &e);
    if (record->reflector_mode == SPD_REFLECTOR_STATEFUL && e.n_anchors > 0) {
        gather_start(record, &e);
        unwrap_numbers(&e);
        judge_directions(record, &e);
    }
    evidence_free(&e);
    return SPD_ERR_OK;
}
