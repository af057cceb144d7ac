/*
 * Writes down what a test asked of the machine and what it got. Runs outside
 * of the hot section; pure formatting.
 */
#ifndef SPD_ENGINE_ENVIRONMENT_H
#define SPD_ENGINE_ENVIRONMENT_H

#include "common/base/record.h"
#include "common/engine/packet_heap.h"
#include "common/engine/plan.h"
#include "common/sys/pagemem.h"
#include "common/sys/sched.h"
#include "common/sys/udp.h"

void spd_environment_note_port(struct spd_environment *env, const struct spd_cport_facts *facts);
void spd_environment_note_heap(struct spd_environment *env,
                               const struct spd_packet_heap_facts *facts);
void spd_environment_note_working_set(struct spd_environment *env,
                                      const struct spd_working_set *ws);
void spd_environment_note_sched(struct spd_environment *env,
                                const struct spd_priority_grant *grant);
/* stamps_note says why kernel send stamps were given up; empty otherwise. */
void spd_environment_note_udp(struct spd_environment *env, const struct spd_burst_spec *spec,
                              const struct spd_plan *plan, const struct spd_udp_facts *facts,
                              bool kernel_stamps, const char *stamps_note);
void spd_environment_note_reflector(struct spd_environment *env, enum spd_reflector_mode mode,
                                    bool ssid_returned);

#endif
