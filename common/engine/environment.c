/*
 * One function for each source of facts. The test handler's thread.
 */
#include "common/engine/environment.h"

#include <stdio.h>

#include "common/base/dscp.h"
#include "common/sys/clock.h"

void spd_environment_note_port(struct spd_environment *env, const struct spd_cport_facts *facts)
{
    spd_env_set_text(env, SPD_ENV_CLOCK, "hardware counter", spd_clock_source(), true, "");
    spd_env_set_text(env, SPD_ENV_PORT, "completion port", facts->kind, true, facts->note);
    spd_env_set_text(env, SPD_ENV_RECEIVE_PATH, "one receive for many packets",
                     facts->receive_path, true, "");
}

void spd_environment_note_heap(struct spd_environment *env,
                               const struct spd_packet_heap_facts *facts)
{
    int64_t total = (int64_t)facts->total_bytes;

    spd_env_set_number(env, SPD_ENV_HEAP, total, total, "");
    spd_env_set_number(env, SPD_ENV_UNIT, (int64_t)facts->page_bytes, (int64_t)facts->unit_bytes,
                       facts->unit_bytes > facts->page_bytes
                           ? "packets of this size take several pages each"
                           : "");
    spd_env_set_number(env, SPD_ENV_LOCKED, total, (int64_t)facts->locked_bytes,
                       facts->lock_diag.err ? facts->lock_diag.text : "");
}

void spd_environment_note_working_set(struct spd_environment *env,
                                      const struct spd_working_set *ws)
{
    spd_env_set_number(env, SPD_ENV_WORKING_SET, ws->requested_bytes, ws->obtained_bytes,
                       ws->note);
}

void spd_environment_note_sched(struct spd_environment *env,
                                const struct spd_priority_grant *grant)
{
    bool counts = spd_sched_involuntary_switches() >= 0;

    spd_env_set_text(env, SPD_ENV_PRIORITY, "time-critical", grant->text,
                     grant->obtained == SPD_PRIORITY_TIME_CRITICAL, grant->note);
    spd_env_set_text(env, SPD_ENV_TIME_SLICE, "a new slice for each burst",
                     spd_sched_yield_name(), true,
                     counts ? ""
                            : "this system does not count involuntary switches: bursts are judged "
                              "by the gaps between submissions");
}

static void note_send_stamps(struct spd_environment *env, const struct spd_burst_spec *spec,
                             const struct spd_udp_facts *facts, bool kernel_stamps,
                             const char *stamps_note)
{
    const char *obtained = kernel_stamps ? spd_stamp_source_text(SPD_STAMP_KERNEL_SCHED)
                                         : spd_stamp_source_text(SPD_STAMP_USER);
    char text[80];

    snprintf(text, sizeof(text), "%s (%s)", obtained, facts->send_stamp_path);
    spd_env_set_text(env, SPD_ENV_SEND_STAMP, spec->kernel_stamps ? "kernel" : "user", text,
                     kernel_stamps || !spec->kernel_stamps,
                     stamps_note[0] ? stamps_note
                                    : (kernel_stamps || !spec->kernel_stamps ? "" : facts->note));
}

void spd_environment_note_udp(struct spd_environment *env, const struct spd_burst_spec *spec,
                              const struct spd_plan *plan, const struct spd_udp_facts *facts,
                              bool kernel_stamps, const char *stamps_note)
{
    const char *name = spd_dscp_name(spec->dscp);
    char wanted[16];

    spd_env_set_number(env, SPD_ENV_SEND_BUFFER, (int64_t)plan->send_buffer_bytes,
                       facts->send_buffer_bytes, "");
    spd_env_set_number(env, SPD_ENV_RECEIVE_BUFFER, (int64_t)plan->receive_buffer_bytes,
                       facts->receive_buffer_bytes, "");
    if (facts->send_buffer_bytes < (int64_t)plan->send_buffer_bytes ||
        facts->receive_buffer_bytes < (int64_t)plan->receive_buffer_bytes) {
        enum spd_env_key key = facts->send_buffer_bytes < (int64_t)plan->send_buffer_bytes
                                   ? SPD_ENV_SEND_BUFFER
                                   : SPD_ENV_RECEIVE_BUFFER;
        struct spd_env_item *item = &env->items[key];

        spd_env_set_number(env, key, item->requested, item->obtained, facts->note);
    }
    note_send_stamps(env, spec, facts, kernel_stamps, stamps_note);
    spd_env_set_text(env, SPD_ENV_RECEIVE_STAMP, spec->kernel_stamps ? "kernel" : "user",
                     facts->receive_stamp ? spd_stamp_source_text(facts->receive_stamp)
                                          : spd_stamp_source_text(SPD_STAMP_USER),
                     facts->receive_stamp != SPD_STAMP_NONE || !spec->kernel_stamps, "");
    if (name)
        snprintf(wanted, sizeof(wanted), "%s", name);
    else
        snprintf(wanted, sizeof(wanted), "%u", spec->dscp);
    spd_env_set_text(env, SPD_ENV_DSCP, wanted,
                     facts->tclass_set || spec->dscp == 0 ? wanted : "not marked",
                     facts->tclass_set || spec->dscp == 0,
                     facts->tclass_set || spec->dscp == 0 ? "" : facts->note);
}

void spd_environment_note_reflector(struct spd_environment *env, enum spd_reflector_mode mode,
                                    bool ssid_returned)
{
    const char *text = mode == SPD_REFLECTOR_STATEFUL    ? "stateful"
                       : mode == SPD_REFLECTOR_STATELESS ? "stateless"
                                                         : "unknown";

    spd_env_set_text(env, SPD_ENV_REFLECTOR, "stateful", text, mode == SPD_REFLECTOR_STATEFUL,
                     mode == SPD_REFLECTOR_STATEFUL
                         ? ""
                         : "the direction of a loss cannot be told; start the reflector with "
                           "--stateful");
    if (!ssid_returned && mode == SPD_REFLECTOR_STATEFUL)
        spd_env_set_text(env, SPD_ENV_REFLECTOR, "stateful", "stateful, without RFC 8972", true,
                         "");
}
