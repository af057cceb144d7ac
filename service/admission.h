/*
 * Whether somebody may run a test now. Pure; any thread. Who asks is known from
 * the system (common/sys/local.h), what is asked from spd_test_demand_find.
 */
#ifndef SPD_SERVICE_ADMISSION_H
#define SPD_SERVICE_ADMISSION_H

#include "common/base/addr.h"
#include "common/sys/local.h"
#include "service/config.h"

struct spd_admission_request {
    const struct spd_test_demand *demand;
    /* The targets' addresses, looked up: those to which the test will really
     * send. Family NONE: not looked up; then rules by network do not allow it. */
    struct spd_addr target[SPD_DEMAND_TARGETS_MAX];
};

/* A test that runs, for the sums. Plain value. */
struct spd_admission_running {
    char user_id[192]; /* "" is the service itself */
    uint64_t n_packets;
    uint64_t rate_bps;
    uint64_t memory_bytes;
    size_t n_targets;
    char target[SPD_DEMAND_TARGETS_MAX][256]; /* the name, or the address where known */
};

/* user NULL is the service itself: a scheduled test. Administrators and the
 * service meet the limits in total; others those by user too, and need a rule.
 * Errors, with a diag that a user understands: PERM (no rule allows it), LIMIT
 * (never: it alone is beyond a limit), FULL (not now: beside what runs it is). */
enum spd_err spd_admission_ask(const struct spd_config *config, const struct spd_local_peer *user,
                               const struct spd_admission_request *request,
                               const struct spd_admission_running *running, size_t n_running,
                               struct spd_diag *diag);

/* Fill what counts for a test while it runs. */
void spd_admission_enter(const struct spd_local_peer *user,
                         const struct spd_admission_request *request,
                         struct spd_admission_running *out);

#endif
