/*
 * What others ask of a control connection, and its memory.
 */
#include <stdlib.h>

#include "common/engine/control_server_private.h"

bool spd_control_server_make_room(struct spd_control_server *s)
{
    free(s->large);
    s->large = NULL;
    if (s->n_wanted <= sizeof(s->in))
        return true;
    s->large = malloc(s->n_wanted);
    return s->large != NULL;
}

enum spd_control_phase spd_control_server_phase(const struct spd_control_server *s)
{
    if (s->state == STATE_OVER)
        return s->n_out > s->n_written ? SPD_CONTROL_WRITING : SPD_CONTROL_OVER;
    if (s->state == STATE_SET_UP)
        return SPD_CONTROL_SETTING_UP;
    if (s->state == STATE_ASKED || s->state == STATE_STOPPING)
        return SPD_CONTROL_WAITING;
    if (s->fetching || s->n_out > s->n_written)
        return SPD_CONTROL_WRITING;
    if (s->state == STATE_COMMAND && s->n_in == 0)
        return SPD_CONTROL_IDLE;
    return s->state == STATE_RUNNING && s->n_in == 0 ? SPD_CONTROL_RUNNING : SPD_CONTROL_IN_MESSAGE;
}

const struct spd_control_session *spd_control_server_session(const struct spd_control_server *s,
                                                             unsigned i)
{
    return i < s->n_sessions ? &s->sessions[i] : NULL;
}

const uint8_t *spd_control_server_fetches(const struct spd_control_server *s)
{
    return s->fetching ? s->fetched_sid : NULL;
}

void spd_control_server_abort(struct spd_control_server *s)
{
    spd_control_fetch_end(&s->fetch);
    s->fetching = false;
    s->state = STATE_OVER;
    s->n_out = s->n_written = 0;
}
