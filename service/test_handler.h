/*
 * The thread of one test, of whatever kind: it steps the test to its end and
 * posts what happens to the controller's port: key is first_key + event,
 * n_bytes the number.
 */
#ifndef SPD_SERVICE_TEST_HANDLER_H
#define SPD_SERVICE_TEST_HANDLER_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/time.h"
#include "common/sys/cport.h"

struct spd_test_handler;

enum spd_test_event {
    SPD_TEST_TURN_WANTED, /* wants to dispatch a burst alone */
    SPD_TEST_TURN_OVER,
    SPD_TEST_PROGRESS,
    SPD_TEST_FINISHED,
};

/* How many keys a handler uses from first_key on. */
#define SPD_TEST_HANDLER_KEYS 8

/* What a kind of test is to its handler. spec and test are the kind's own. */
struct spd_test_kind {
    /* By the controller's thread. The test tells its events through
     * spd_test_handler_tell(handler, ...). */
    enum spd_err (*create)(const void *spec, struct spd_test_handler *handler, void **test,
                           struct spd_diag *diag);
    /* By the handler's thread, until it returns false. */
    bool (*step)(void *test, spd_ns max_wait_ns);
    /* Any thread. grant is NULL for kinds that never want a turn. */
    void (*grant)(void *test);
    void (*cancel)(void *test);
    /* By the controller's thread, before the thread started or after its end. */
    void (*destroy)(void *test);
};

/* Create the test and start its thread. Errors: NOMEM, LIMIT, and those of the
 * kind. */
enum spd_err spd_test_handler_start(struct spd_cport *controller_port, uintptr_t first_key,
                                    const struct spd_test_kind *kind, const void *spec,
                                    struct spd_test_handler **out, struct spd_diag *diag);

/* By the test, on whichever thread. */
void spd_test_handler_tell(struct spd_test_handler *handler, enum spd_test_event event,
                           uint32_t number);

/* By the controller's thread. */
void spd_test_handler_grant(struct spd_test_handler *handler);
void spd_test_handler_cancel(struct spd_test_handler *handler);

/* After SPD_TEST_FINISHED was posted: wait for the thread's end. Returns the
 * test, for the kind to read its record from. */
void *spd_test_handler_join(struct spd_test_handler *handler);

/* After join. Destroys the test too. NULL is allowed. */
void spd_test_handler_destroy(struct spd_test_handler *handler);

#endif
