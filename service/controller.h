/*
 * The controller: starts tests, each in a handler thread of its own, gives them
 * turns so that two bursts never share a time slice, watches and cancels them.
 * It speaks with the handlers through completion ports only (spec B12).
 *
 * One thread uses a controller: the one that created it.
 */
#ifndef SPD_SERVICE_CONTROLLER_H
#define SPD_SERVICE_CONTROLLER_H

#include "service/test_handler.h"

struct spd_controller;

#define SPD_CONTROLLER_TESTS_MAX 64

/* Keys of the controller's port below this are free for others, such as the
 * console's events. */
#define SPD_CONTROLLER_FIRST_KEY 16

/* What the controller tells its user, on the thread that calls step. */
struct spd_controller_events {
    void *context;
    /* Progress of a test, as its kind counts it. */
    void (*on_progress)(void *context, size_t test, uint32_t number);
    /* The test is over: object is what its kind made. Its record may be read
     * until the controller goes. */
    void (*on_finished)(void *context, size_t test, void *object);
    /* A post with a key below SPD_CONTROLLER_FIRST_KEY, without an operation. */
    void (*on_post)(void *context, uintptr_t key, uint32_t n_bytes);
    /* The same with one. */
    void (*on_mail)(void *context, uintptr_t key, struct spd_op *op);
};

/* Errors: NOMEM, and as spd_cport_create. */
enum spd_err spd_controller_create(const struct spd_controller_events *events,
                                   struct spd_controller **out, struct spd_diag *diag);

/* The port on which the controller waits. */
struct spd_cport *spd_controller_port(struct spd_controller *controller);

/* Start a test of a kind with the specification that the kind wants (both in
 * service/test_kinds.h; what the specification points to must last as long as
 * the kind says); *test is its number. Errors: LIMIT (too many), NOMEM, and
 * those of the kind. */
enum spd_err spd_controller_start(struct spd_controller *controller,
                                  const struct spd_test_kind *kind, const void *spec,
                                  size_t *test, struct spd_diag *diag);

/* Forget a test that has finished, its record too; its number may be given
 * again. Allowed within on_finished. */
void spd_controller_release(struct spd_controller *controller, size_t test);

/* Let a test end with what it has so far. */
void spd_controller_cancel(struct spd_controller *controller, size_t test);

/* Wait for events and act on them; returns how many tests still run. Errors
 * of the port count as the end: 0. */
size_t spd_controller_step(struct spd_controller *controller, spd_ns max_wait_ns);

/* Act on what is there, without waiting; false: there was nothing. */
bool spd_controller_drain(struct spd_controller *controller);

/* Cancels what still runs, waits for its end, frees everything, the records
 * too. NULL is allowed. */
void spd_controller_destroy(struct spd_controller *controller);

#endif
