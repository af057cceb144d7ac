/*
 * What a comparison of classes says in sentences. Any thread.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

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

/* A class that never bore its mark, or NULL. */
static const char *unmarked_class(const struct spd_qos_result *r)
{
    for (size_t i = 0; i < r->n_classes; i++)
        if (r->classes[i].marks.refused)
            return r->classes[i].name;
    return NULL;
}

const char *spd_qos_verdict_text(const struct spd_qos_result *r, char text[SPD_QOS_TEXT_BYTES])
{
    int main_way = r->ways[SPD_FLOW_FORWARD] == r->verdict ? SPD_FLOW_FORWARD : SPD_FLOW_REVERSE;
    const char *other = besides(r, 1 - main_way);
    const char *unmarked = unmarked_class(r);
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
    n = strlen(text);
    if (unmarked)
        snprintf(text + n, SPD_QOS_TEXT_BYTES - n,
                 "; but this host could not mark %.40s, so that the network had no mark to go by",
                 unmarked);
    return text;
}

static const char *name_of(uint8_t dscp, char text[8])
{
    const char *name = spd_dscp_name(dscp);

    snprintf(text, 8, "%u", dscp);
    return name ? name : text;
}

/* Texts grow up to their room; what does not fit is cut. */
static void add(char text[SPD_QOS_TEXT_BYTES], const char *format, ...) SPD_PRINTF_LIKE(2, 3);
static void add(char text[SPD_QOS_TEXT_BYTES], const char *format, ...)
{
    size_t n = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + n, SPD_QOS_TEXT_BYTES - n, format, arguments);
    va_end(arguments);
}

static void add_forward(const struct spd_qos_class *c, char text[SPD_QOS_TEXT_BYTES])
{
    const struct spd_qos_marks *m = &c->marks;
    char own[8], other[8];

    add(text, "%u of %u packets arrived at the far end as %s", m->n_forward_kept, m->n_forward,
        name_of(c->dscp, own));
    if (m->n_forward_other > 0)
        add(text, ", %u as %s: changed on the way there", m->n_forward_other,
            name_of(m->forward_other_dscp, other));
}

static void add_replies(const struct spd_qos_class *c, char text[SPD_QOS_TEXT_BYTES])
{
    const struct spd_qos_marks *m = &c->marks;
    char own[8], other[8];

    if (m->n_known == 0)
        add(text, "this system does not tell how replies were marked");
    else if (m->n_kept == m->n_known && c->dscp == 0)
        add(text, "no reply was marked on the way");
    else if (m->n_kept == m->n_known)
        add(text,
            "all %u replies came back as %s: if the reflector copies marks (stampede reflect "
            "does), it survived both ways; if it marks by itself, only the way back",
            m->n_known, name_of(c->dscp, own));
    else if (m->refused)
        add(text, "%u of %u replies came back as %s", m->n_kept, m->n_known, name_of(c->dscp, own));
    else
        add(text,
            "%u of %u replies came back as %s, %u as %s: changed on the way there, by the "
            "reflector or on the way back, which replies cannot tell apart (stampede stream "
            "--one-way can: its receiver logs how packets arrive)",
            m->n_kept, m->n_known, name_of(c->dscp, own), m->n_other,
            name_of(m->other_dscp, other));
}

const char *spd_qos_marks_text(const struct spd_qos_class *c, char text[SPD_QOS_TEXT_BYTES])
{
    const struct spd_qos_marks *m = &c->marks;
    bool two_way = c->ways[SPD_FLOW_REVERSE].known;

    text[0] = '\0';
    if (m->refused)
        add(text, "this host sent its packets without the mark (%s); ",
            *m->refused ? m->refused : "the system refused");
    if (m->n_forward > 0)
        add_forward(c, text);
    else if (!two_way)
        add(text, "how its packets were marked on arrival is not known");
    if (m->n_forward > 0 && two_way)
        add(text, "; ");
    if (two_way)
        add_replies(c, text);
    return text;
}
