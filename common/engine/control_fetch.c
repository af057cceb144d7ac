/*
 * Walks a session twice: once to count, for the ack comes first, and once to
 * write. Lost packets come behind those that arrived (section 4.2 allows it).
 */
#include "common/engine/control_fetch.h"

#include <stdlib.h>
#include <string.h>

#include "common/wire/ntptime.h"

enum stage {
    STAGE_ACK,
    STAGE_REQUEST,
    STAGE_SLOTS,
    STAGE_SKIPS,
    STAGE_ARRIVED,
    STAGE_LOST,
    STAGE_END,
};

#define COMPLETE_END UINT32_MAX

static bool is_asked(const struct spd_control_fetch *f, uint32_t seq)
{
    return seq >= f->begin && seq <= f->end;
}

static bool has_arrived(const struct spd_control_fetch *f, uint32_t seq)
{
    return f->arrived[seq / 8] & 1u << seq % 8;
}

/* Section 3.8: what was to be sent within Timeout of the Stop-Sessions does not
 * count, whether it came or not. */
static bool is_too_late(const struct spd_control_fetch *f, uint64_t send_time)
{
    const struct spd_control_fetch_source *s = &f->source;
    spd_wall limit = { s->discard_after_ns };

    return !s->marked && s->discard_after_ns > 0 &&
           spd_ntptime_to_wall(send_time, limit).ns > limit.ns;
}

/* ---------------------------------------------------------------------- lost */

/* Begin to walk the schedule: send_time is that of number 0. */
static void restart(struct spd_control_fetch *f)
{
    const struct spd_owamp_request *r = f->source.request;

    spd_owamp_schedule_init(&f->schedule, f->source.slots, r->n_slots, r->sid);
    f->send_time = r->start_time + spd_owamp_schedule_next(&f->schedule);
    f->at = 0;
    f->n_skips_passed = 0;
}

static void step(struct spd_control_fetch *f)
{
    const struct spd_control_fetch_source *s = &f->source;

    f->at++;
    f->send_time += spd_owamp_schedule_next(&f->schedule);
    while (f->n_skips_passed < s->n_skips && s->skips[f->n_skips_passed].last < f->at)
        f->n_skips_passed++;
}

static bool is_skipped(const struct spd_control_fetch *f)
{
    const struct spd_control_fetch_source *s = &f->source;

    return f->n_skips_passed < s->n_skips && s->skips[f->n_skips_passed].first <= f->at;
}

/* To the next lost number from `at` on; false when there is none. */
static bool find_lost(struct spd_control_fetch *f)
{
    for (; f->arrived && f->at < f->source.next_seq; step(f))
        if (is_asked(f, (uint32_t)f->at) && !has_arrived(f, (uint32_t)f->at) && !is_skipped(f) &&
            !is_too_late(f, f->send_time))
            return true;
    return false;
}

/* ---------------------------------------------------------------------- begin */

static bool counts(const struct spd_control_fetch *f, const struct spd_flow_packet *p)
{
    return is_asked(f, p->seq) && !is_too_late(f, spd_ntptime_from_wall((spd_wall){ p->t1_ns }));
}

/* A session that has ended knows what it lost. */
static enum spd_err mark_arrived(struct spd_control_fetch *f)
{
    const struct spd_control_fetch_source *s = &f->source;

    if (!s->finished || s->next_seq > s->request->n_packets)
        return SPD_ERR_OK;
    f->arrived = calloc(s->request->n_packets / 8 + 1, 1);
    if (!f->arrived)
        return SPD_ERR_NOMEM;
    for (size_t i = 0; i < s->n_packets; i++)
        f->arrived[s->packets[i].seq / 8] |= (uint8_t)(1u << s->packets[i].seq % 8);
    return SPD_ERR_OK;
}

enum spd_err spd_control_fetch_begin(struct spd_control_fetch *f,
                                     const struct spd_control_fetch_source *source,
                                     const struct spd_owamp_fetch *request)
{
    bool complete = request->begin_seq == 0 && request->end_seq == COMPLETE_END;
    uint64_t n = 0;

    *f = (struct spd_control_fetch){ .source = *source,
                                     .begin = request->begin_seq,
                                     .end = request->end_seq };
    /* Section 3.9: a complete session must have ended, and normally. */
    if (complete && !(source->finished && source->normal)) {
        f->ack.accept = SPD_OWAMP_FAILURE;
        return SPD_ERR_OK;
    }
    if (mark_arrived(f))
        return SPD_ERR_NOMEM;
    for (size_t i = 0; i < source->n_packets; i++)
        n += counts(f, &source->packets[i]);
    for (restart(f); find_lost(f); step(f))
        n++;
    f->ack.finished = source->finished;
    f->ack.next_seq = source->finished ? source->next_seq : 0;
    f->ack.n_skips = source->finished ? source->n_skips : 0;
    f->ack.n_records = (uint32_t)n;
    f->at = 0;
    return SPD_ERR_OK;
}

void spd_control_fetch_end(struct spd_control_fetch *f)
{
    free(f->arrived);
    f->arrived = NULL;
}

/* ---------------------------------------------------------------------- write */

static void enter(struct spd_control_fetch *f, enum stage stage)
{
    f->stage = (int)stage;
    f->at = 0;
    if (stage == STAGE_LOST)
        restart(f);
}

/* The end of a part: zeros up to the block, and a block of HMAC. */
static size_t close_block(struct spd_control_fetch *f, uint8_t *out, enum stage next)
{
    size_t n = spd_owamp_block_padding(f->n_block) + SPD_OWAMP_HMAC_BYTES;

    memset(out, 0, n);
    f->n_block = 0;
    enter(f, next);
    return n;
}

static size_t write_arrived(struct spd_control_fetch *f, uint8_t *out)
{
    const struct spd_control_fetch_source *s = &f->source;
    const struct spd_flow_packet *p;
    struct spd_owamp_record record;

    while (f->at < s->n_packets && !counts(f, &s->packets[f->at]))
        f->at++;
    if (f->at == s->n_packets) {
        enter(f, STAGE_LOST);
        return 0;
    }
    p = &s->packets[f->at++];
    record = (struct spd_owamp_record){
        .seq = p->seq,
        .send_error = p->reflector_seq ? (uint16_t)p->reflector_seq : SPD_ERROR_ESTIMATE_UNKNOWN,
        .receive_error = s->error_estimate,
        .send_time = spd_ntptime_from_wall((spd_wall){ p->t1_ns }),
        .receive_time = spd_ntptime_from_wall((spd_wall){ p->t2_ns }),
        .ttl = p->ttl_forward ? p->ttl_forward : 255,
    };
    spd_owamp_write_record(out, &record);
    f->n_block += SPD_OWAMP_RECORD_BYTES;
    return SPD_OWAMP_RECORD_BYTES;
}

static size_t write_lost(struct spd_control_fetch *f, uint8_t *out)
{
    struct spd_owamp_record record;

    if (!find_lost(f))
        return close_block(f, out, STAGE_END);
    record = (struct spd_owamp_record){
        .seq = (uint32_t)f->at,
        .send_error = SPD_OWAMP_LOST_SEND_ERROR,
        .receive_error = f->source.error_estimate,
        .send_time = f->send_time,
        .ttl = 255,
    };
    spd_owamp_write_record(out, &record);
    step(f);
    f->n_block += SPD_OWAMP_RECORD_BYTES;
    return SPD_OWAMP_RECORD_BYTES;
}

static size_t write_piece(struct spd_control_fetch *f, uint8_t *out)
{
    const struct spd_control_fetch_source *s = &f->source;

    switch ((enum stage)f->stage) {
    case STAGE_ACK:
        spd_owamp_write_fetch_ack(out, &f->ack);
        enter(f, f->ack.accept == SPD_OWAMP_OK ? STAGE_REQUEST : STAGE_END);
        return SPD_OWAMP_FETCH_ACK_BYTES;
    case STAGE_REQUEST:
        spd_owamp_write_request(out, s->request);
        enter(f, STAGE_SLOTS);
        return SPD_OWAMP_REQUEST_BYTES;
    case STAGE_SLOTS:
        if (f->at == s->request->n_slots)
            return close_block(f, out, STAGE_SKIPS);
        spd_owamp_write_slot(out, &s->slots[f->at++]);
        return SPD_OWAMP_SLOT_BYTES;
    case STAGE_SKIPS:
        if (f->at == f->ack.n_skips)
            return close_block(f, out, STAGE_ARRIVED);
        spd_owamp_write_skip(out, &s->skips[f->at++]);
        f->n_block += SPD_OWAMP_SKIP_BYTES;
        return SPD_OWAMP_SKIP_BYTES;
    case STAGE_ARRIVED:
        return write_arrived(f, out);
    case STAGE_LOST:
        return write_lost(f, out);
    case STAGE_END:
        break;
    }
    return 0;
}

size_t spd_control_fetch_next(struct spd_control_fetch *f, uint8_t *out, size_t capacity)
{
    size_t n = 0;

    while (f->stage != STAGE_END && capacity - n >= SPD_CONTROL_FETCH_PIECE)
        n += write_piece(f, out + n);
    return n;
}
