/*
 * The service's reflector: a thread with a completion port of its own.
 */
#ifndef SPD_SERVICE_AGENT_REFLECTOR_H
#define SPD_SERVICE_AGENT_REFLECTOR_H

#include "common/engine/reflector.h"
#include "service/options.h"

struct spd_agent_reflector;

/* Open it and start its thread; returns once it listens or has failed. settings
 * must stay until stop. Errors: as spd_reflect_open and spd_cport_create. */
enum spd_err spd_agent_reflector_start(const struct spd_settings *settings,
                                       struct spd_agent_reflector **out, struct spd_diag *diag);

/* The counters, by a post: goes there, and comes back to a port, filled. */
struct spd_reflector_ask {
    struct spd_op op;
    struct spd_cport *back;
    uintptr_t key;
    struct spd_reflector_counters counters;
};

/* Any thread. False: it stays with the caller. */
bool spd_agent_reflector_ask(struct spd_agent_reflector *reflector, struct spd_reflector_ask *ask);

/* Where it listens: "192.0.2.7:862, [::]:862". Valid until stop. */
const char *spd_agent_reflector_text(const struct spd_agent_reflector *reflector);

/* It failed, and does not reflect any more. Any thread. */
bool spd_agent_reflector_has_ended(const struct spd_agent_reflector *reflector);

/* What was asked is on its way back then, or was dropped: its op is idle. NULL
 * is allowed. */
void spd_agent_reflector_stop(struct spd_agent_reflector *reflector);

#endif
