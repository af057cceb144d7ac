/*
 * What a comparison of classes says in sentences. Any thread.
 */
#include <stdio.h>

#include "common/base/dscp.h"
#include "common/result/qos_result.h"

static const char *const ways[] = {
    [SPD_FLOW_FORWARD] = "on the way there", [SPD_FLOW_REVERSE] = "on the way back"
};

/* What the other direction adds to a verdict, or NULL. */
static const char *besides(const struct spd_qos_result *r, int direction)
{
    bool known = false;

    for (size_t i = 0; i < r->n_pairs; i++)
        known = known || r->pairs[i].known[direction];
    if (!known)
        return NULL;
    switch (r->ways[direction]) {
    case SPD_VERDICT_PROTECTS:
        return "protects it";
    case SPD_VERDICT_NO_DIFFERENCE:
        return "makes no difference";
    case SPD_VERDICT_WORSE:
        return "makes it worse";
    default:
        return "cannot be judged, for want of load";
    }
}

const char *spd_qos_verdict_text(const struct spd_qos_result *r, char text[SPD_QOS_TEXT_BYTES])
{
    int main_way = r->ways[SPD_FLOW_FORWARD] == r->verdict ? SPD_FLOW_FORWARD : SPD_FLOW_REVERSE;
    const char *other = besides(r, 1 - main_way);
    size_t n;

    if (r->verdict == SPD_VERDICT_NOT_ENOUGH_LOAD) {
        snprintf(text, SPD_QOS_TEXT_BYTES,
                 "%s: packets hardly waited, and a network without queues treats all classes "
                 "alike; add load (--noise), or measure when there is some",
                 spd_verdict_text(r->verdict));
        return text;
    }
    n = (size_t)snprintf(text, SPD_QOS_TEXT_BYTES, "%s", spd_verdict_text(r->verdict));
    if (r->ways[0] == r->ways[1])
        snprintf(text + n, SPD_QOS_TEXT_BYTES - n, ", both ways");
    else if (other)
        snprintf(text + n, SPD_QOS_TEXT_BYTES - n, " %s; %s QoS %s", ways[main_way],
                 ways[1 - main_way], other);
    else
        snprintf(text + n, SPD_QOS_TEXT_BYTES - n, " %s", ways[main_way]);
    return text;
}

static const char *name_of(uint8_t dscp, char text[8])
{
    const char *name = spd_dscp_name(dscp);

    snprintf(text, 8, "%u", dscp);
    return name ? name : text;
}

static size_t forward_text(const struct spd_qos_class *c, char text[SPD_QOS_TEXT_BYTES])
{
    if (c->marks.n_forward == 0)
        return 0;
    return (size_t)snprintf(text, SPD_QOS_TEXT_BYTES,
                            "%u of %u packets arrived at the far end with its DSCP; ",
                            c->marks.n_forward_kept, c->marks.n_forward);
}

const char *spd_qos_marks_text(const struct spd_qos_class *c, char text[SPD_QOS_TEXT_BYTES])
{
    const struct spd_qos_marks *m = &c->marks;
    size_t n = forward_text(c, text), room = SPD_QOS_TEXT_BYTES - n;
    char own[8], other[8];

    if (m->n_known == 0)
        snprintf(text + n, room, "this system does not tell how replies were marked");
    else if (m->n_kept == m->n_known && c->dscp == 0)
        snprintf(text + n, room, "no reply was marked on the way");
    else if (m->n_kept == m->n_known)
        snprintf(text + n, room,
                 "all %u replies came back as %s: if the reflector copies marks (stampede reflect "
                 "does), it survived both ways; if it marks by itself, only the way back",
                 m->n_known, name_of(c->dscp, own));
    else
        snprintf(text + n, room,
                 "%u of %u replies came back as %s, %u as %s: changed on the way there, by the "
                 "reflector or on the way back, which replies cannot tell apart",
                 m->n_kept, m->n_known, name_of(c->dscp, own), m->n_other,
                 name_of(m->other_dscp, other));
    return text;
}
