/*
 * stampede stream --one-way: what command_stream hands over to, and the parts
 * that it is made of.
 */
#ifndef SPD_SERVICE_ONE_WAY_H
#define SPD_SERVICE_ONE_WAY_H

#include <stdio.h>

#include "common/engine/control_client.h"
#include "common/engine/flows.h"
#include "service/options.h"

/* Returns the exit code. */
int spd_command_stream_one_way(const struct spd_settings *settings);

/* What is asked of the receiver for a flow, and when the flow itself has to
 * start then: *starts_after_ns later than the session. start_ns: time of day of
 * the session's start. Errors, with a diag: INVALID (packets of several sizes,
 * or a pacing that no schedule can express), NOMEM. Free *slots. */
enum spd_err spd_one_way_request(const struct spd_flow_spec *flow, int64_t start_ns,
                                 spd_ns timeout_ns, struct spd_owamp_request *request,
                                 struct spd_owamp_slot **slots, spd_ns *starts_after_ns,
                                 struct spd_diag *diag);

/* The packets that were not sent, as ranges, at most capacity; how many. */
size_t spd_one_way_skips(const struct spd_flow_packet *packets, uint32_t n,
                         struct spd_owamp_skip *skips, size_t capacity);

/* What the receiver says. */
struct spd_one_way_far {
    const struct spd_control_fetched *fetched; /* NULL: nothing */
    uint64_t n_duplicates;
    struct spd_diag diag; /* why nothing, where control was used */
};

/* Join what was fetched into the sender's log, which becomes of kind "one-way".
 * It is replaced only once the new one is on the disk. */
enum spd_err spd_one_way_join_log(const char *path, const uint8_t sid[16],
                                  const struct spd_control_fetched *fetched, struct spd_diag *diag);

/* The summary, as text or as an object of JSON on a line with "schema":
 * "stampede.one_way/1". log may be NULL. */
void spd_one_way_write(FILE *stream, const struct spd_flows_record *record,
                       const struct spd_one_way_far *far, const char *log, bool as_json);

#endif
