/*
 * Stop-Sessions, both ways (RFC 4656 section 3.8).
 */
#include <stdlib.h>
#include <string.h>

#include "common/engine/control_server_private.h"

/* Of the sessions not described by a Stop-Sessions yet. */
uint32_t spd_server_n_active(const struct spd_control_server *s)
{
    uint32_t n = 0;

    for (unsigned i = 0; i < s->n_sessions; i++)
        n += s->sessions[i].accepted && !s->sessions[i].stopped;
    return n;
}

static void say_stop(struct spd_control_server *s)
{
    /* No session of ours sends, so none is described (section 3.8). */
    struct spd_owamp_stop stop = { .accept = SPD_OWAMP_OK, .n_sessions = 0 };
    uint8_t *out = spd_server_room_for(s, SPD_OWAMP_STOP_BYTES + SPD_OWAMP_HMAC_BYTES);

    spd_owamp_write_stop(out, &stop);
    memset(out + SPD_OWAMP_STOP_BYTES, 0, SPD_OWAMP_HMAC_BYTES);
    s->told_to_stop = true;
}

void spd_control_server_stop(struct spd_control_server *s)
{
    if (s->running && !s->told_to_stop && s->state != STATE_OVER && s->state != STATE_STOPPING)
        say_stop(s);
}

bool spd_server_on_stop_head(struct spd_control_server *s)
{
    struct spd_owamp_stop stop;

    (void)spd_owamp_read_stop(s->in, &stop);
    /* Section 3.8: it must account for exactly the sessions that were started. */
    if (!s->running || stop.n_sessions != spd_server_n_active(s))
        return spd_server_over(s);
    s->stop_accept = stop.accept;
    s->n_described = 0;
    s->n_stop_sessions = stop.n_sessions;
    s->state = STATE_STOP_SESSION;
    s->n_wanted = SPD_OWAMP_STOP_SESSION_BYTES;
    return true;
}

static struct spd_control_session *active_session(struct spd_control_server *s,
                                                  const uint8_t sid[16])
{
    for (unsigned i = 0; i < s->n_sessions; i++)
        if (s->sessions[i].accepted && !s->sessions[i].stopped &&
            memcmp(s->sessions[i].request.sid, sid, 16) == 0)
            return &s->sessions[i];
    return NULL;
}

bool spd_server_on_stop_session(struct spd_control_server *s)
{
    struct spd_owamp_stop_session described;
    struct spd_control_session *session;

    spd_owamp_read_stop_session(s->in, &described);
    session = active_session(s, described.sid);
    if (!session || described.next_seq > session->request.n_packets ||
        described.n_skips > SPD_CONTROL_SKIPS_MAX || described.n_skips > described.next_seq)
        return spd_server_over(s);
    session->next_seq = described.next_seq;
    session->n_skips = described.n_skips;
    session->stopped = true;
    session->normally = s->stop_accept == SPD_OWAMP_OK;
    s->n_described++;
    s->described = session;
    if (described.n_skips > 0) {
        session->skips = calloc(described.n_skips, sizeof(*session->skips));
        if (!session->skips)
            return spd_server_over(s);
    }
    s->state = STATE_STOP_SKIPS;
    s->n_wanted = described.n_skips * SPD_OWAMP_SKIP_BYTES;
    s->n_wanted += spd_owamp_block_padding(SPD_OWAMP_STOP_SESSION_BYTES + s->n_wanted);
    return spd_control_server_make_room(s) || spd_server_over(s);
}

bool spd_server_on_stop_skips(struct spd_control_server *s)
{
    struct spd_control_session *session = s->described;
    const uint8_t *in = s->large ? s->large : s->in;

    for (uint32_t i = 0; i < session->n_skips; i++)
        spd_owamp_read_skip(in + i * SPD_OWAMP_SKIP_BYTES, &session->skips[i]);
    if (!spd_owamp_skips_are_sound(session->skips, session->n_skips) ||
        (session->n_skips > 0 && session->skips[session->n_skips - 1].last >= session->next_seq))
        return spd_server_over(s);
    free(s->large);
    s->large = NULL;
    s->state = s->n_described == s->n_stop_sessions ? STATE_STOP_HMAC : STATE_STOP_SESSION;
    s->n_wanted = s->state == STATE_STOP_HMAC ? SPD_OWAMP_HMAC_BYTES : SPD_OWAMP_STOP_SESSION_BYTES;
    return true;
}

bool spd_server_on_stop_whole(struct spd_control_server *s)
{
    s->state = STATE_STOPPING;
    s->n_wanted = 0;
    s->config.host.stop(s->config.host.context);
    return true;
}

void spd_control_server_stopped(struct spd_control_server *s)
{
    if (s->state != STATE_STOPPING)
        return;
    if (!s->told_to_stop)
        say_stop(s);
    s->running = false;
    spd_server_await_command(s);
}
