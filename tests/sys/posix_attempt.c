/*
 * What became of a run that may fail; see posix_attempt.h.
 */
#include "tests/sys/posix_attempt.h"

#include <stdio.h>

const spd_ns attempt_patience_ns = 5 * SPD_NS_PER_S;

bool attempt_ok(struct attempt *attempt, const char *stage, enum spd_err err,
                const struct spd_diag *diag)
{
    if (err == SPD_ERR_OK) {
        return true;
    }
    attempt_expect(attempt, err != SPD_ERR_TIMEOUT, "it hangs");
    if (diag != NULL) {
        attempt_expect(attempt, diag->err == err && diag->text[0] != '\0',
                       "the diag does not tell the error");
    }
    if (attempt->err == SPD_ERR_OK) {
        attempt->err = err;
        attempt->stage = stage;
        snprintf(attempt->text, sizeof attempt->text, "%s", diag != NULL ? diag->text : "");
    }
    return false;
}

void attempt_expect(struct attempt *attempt, bool condition, const char *complaint)
{
    if (!condition && !attempt->broken) {
        attempt->broken = true;
        snprintf(attempt->complaint, sizeof attempt->complaint, "%s", complaint);
    }
}

void attempt_drain(struct attempt *attempt, struct spd_cport *port)
{
    struct spd_completion completion;
    enum spd_err err;
    size_t n;

    spd_cport_close(port);
    do {
        err = spd_cport_wait(port, &completion, 1, &n, attempt_patience_ns);
    } while (err == SPD_ERR_OK);
    attempt_expect(attempt, err == SPD_ERR_CLOSED, "a closed port does not say so in the end");
    spd_cport_destroy(port);
}
