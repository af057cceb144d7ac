/*
 * Before the first burst: is there a reflector, and does it number its replies
 * itself? A session of its own (own port, own SSID) sends a few single probes.
 *
 * Nothing in the packets of RFC 8762 tells a stateful reflector from one that
 * copies the sender's numbers, as long as none is lost on the way there. So
 * this session leaves out every second number, as if it had been lost: a
 * stateful reflector answers 0, 2, 4 with 0, 1, 2; a stateless one with 0, 2, 4.
 *
 * One thread: the owner of the port.
 */
#ifndef SPD_ENGINE_DISCOVERY_H
#define SPD_ENGINE_DISCOVERY_H

#include "common/base/record.h"
#include "common/engine/plan.h"
#include "common/sys/cport.h"

struct spd_discovery;

enum spd_discovery_state {
    SPD_DISCOVERY_RUNNING,
    SPD_DISCOVERY_DONE,   /* a reflector answered; its mode may still be unknown */
    SPD_DISCOVERY_FAILED, /* see the diag given to advance */
};

/* Errors as spd_udp_open, NOMEM. */
enum spd_err spd_discovery_start(struct spd_cport *port, uintptr_t key,
                                 const struct spd_burst_spec *spec, struct spd_discovery **out,
                                 struct spd_diag *diag);

/* A completion with the key of the discovery. */
void spd_discovery_on_completion(struct spd_discovery *discovery,
                                 const struct spd_completion *completion);

/* Send what is due; call after completions and when due_ns has passed. Fills
 * diag when it fails: NO_REPLY, REFUSED, HOST_UNREACHABLE, ... */
enum spd_discovery_state spd_discovery_advance(struct spd_discovery *discovery, spd_ns now_ns,
                                               struct spd_diag *diag);

/* When advance wants to be called again, in the time of its now_ns. */
spd_ns spd_discovery_due_ns(const struct spd_discovery *discovery);

enum spd_reflector_mode spd_discovery_mode(const struct spd_discovery *discovery);
bool spd_discovery_ssid_returned(const struct spd_discovery *discovery);

/* Begin to close; it may be freed once is_idle says so, after further
 * completions have been given to it. NULL is allowed for all three. */
void spd_discovery_stop(struct spd_discovery *discovery);
bool spd_discovery_is_idle(const struct spd_discovery *discovery);
void spd_discovery_free(struct spd_discovery *discovery);

#endif
