/*
 * A run that may fail: its outcome, and which promise was broken, if any.
 */
#ifndef SPD_TESTS_SYS_POSIX_ATTEMPT_H
#define SPD_TESTS_SYS_POSIX_ATTEMPT_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/time.h"
#include "common/sys/cport.h"

/* The first error and the first complaint count. */
struct attempt {
    enum spd_err err;
    const char *stage;
    char text[400]; /* of the diag */
    bool broken;    /* a promise was broken: complaint says which */
    char complaint[600];
};

/* Longer than anything here takes; whoever waits so long hangs. */
extern const spd_ns attempt_patience_ns;

/* Takes note of the outcome of a stage. Returns whether it is OK. A diag must
 * then tell the same error, and why. */
bool attempt_ok(struct attempt *attempt, const char *stage, enum spd_err err,
                const struct spd_diag *diag);
/* Complains unless the condition holds. */
void attempt_expect(struct attempt *attempt, bool condition, const char *complaint);
/* Closes, empties and destroys a port without sockets. */
void attempt_drain(struct attempt *attempt, struct spd_cport *port);

#endif
