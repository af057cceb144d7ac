/*
 * A peer that went away in the middle of a test: what answers then is ICMP, or
 * this host's own routing, and neither is loss. Pure; any thread.
 */
#ifndef SPD_ENGINE_UNREACHABLE_H
#define SPD_ENGINE_UNREACHABLE_H

#include "common/base/record.h"

/* Once all bursts are over. Hosts limit the rate of their ICMP errors (RFC 1812
 * section 4.3.2.8), so most packets to a peer that is gone get none: in a burst
 * without any reply, after an ICMP error in it or in the bursts right before
 * it, those are UNREACHABLE too. When the test ended that way, record->outcome
 * says so, unless it says something already. */
void spd_unreachable_conclude(struct spd_test_record *record);

#endif
