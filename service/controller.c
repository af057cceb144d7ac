/*
 * A queue of tests that want to dispatch, and one that may. Runs on the thread
 * that owns the controller; no I/O of its own.
 */
#include "service/controller.h"

#include <stdlib.h>

#include "common/base/assert.h"
#include "service/shut_port.h"
#include "service/test_handler.h"

#define EVENTS_MAX 32
#define NO_TEST    SIZE_MAX

struct test {
    struct spd_test_handler *handler; /* NULL: the place is free */
    bool running;
    bool wants_turn;
};

struct spd_controller {
    struct spd_controller_events events;
    struct spd_cport *port;
    struct test tests[SPD_CONTROLLER_TESTS_MAX];
    size_t n_tests; /* places used so far */
    size_t n_running;
    size_t turn; /* the test whose burst is on its way, or NO_TEST */
};

enum spd_err spd_controller_create(const struct spd_controller_events *events,
                                   struct spd_controller **out, struct spd_diag *diag)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_controller *c = calloc(1, sizeof(*c));
    enum spd_err err;

    if (!c)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the controller");
    c->events = *events;
    c->turn = NO_TEST;
    err = spd_cport_create(&config, &c->port, diag);
    if (err) {
        free(c);
        return err;
    }
    *out = c;
    return SPD_ERR_OK;
}

struct spd_cport *spd_controller_port(struct spd_controller *c)
{
    return c->port;
}

static uintptr_t first_key_of(size_t test)
{
    return SPD_CONTROLLER_FIRST_KEY + test * SPD_TEST_HANDLER_KEYS;
}

enum spd_err spd_controller_start(struct spd_controller *c, const struct spd_test_kind *kind,
                                  const void *spec, size_t *test, struct spd_diag *diag)
{
    size_t place = 0;
    struct test *t;
    enum spd_err err;

    while (place < c->n_tests && c->tests[place].handler)
        place++;
    if (place == SPD_CONTROLLER_TESTS_MAX)
        return spd_diag_set(diag, SPD_ERR_LIMIT, 0, "%d tests are the most at once",
                            SPD_CONTROLLER_TESTS_MAX);
    t = &c->tests[place];
    err = spd_test_handler_start(c->port, first_key_of(place), kind, spec, &t->handler, diag);
    if (err)
        return err;
    t->running = true;
    if (place == c->n_tests)
        c->n_tests++;
    *test = place;
    c->n_running++;
    return SPD_ERR_OK;
}

void spd_controller_release(struct spd_controller *c, size_t test)
{
    SPD_ASSERT(test < c->n_tests && c->tests[test].handler && !c->tests[test].running);
    spd_test_handler_destroy(c->tests[test].handler);
    c->tests[test].handler = NULL;
}

void spd_controller_cancel(struct spd_controller *c, size_t test)
{
    SPD_ASSERT(test < c->n_tests);
    if (c->tests[test].running)
        spd_test_handler_cancel(c->tests[test].handler);
}

/* The next test that wants a turn, going round from the last one. */
static void give_turn(struct spd_controller *c, size_t after)
{
    for (size_t i = 1; c->turn == NO_TEST && i <= c->n_tests; i++) {
        size_t test = (after + i) % c->n_tests;

        if (!c->tests[test].wants_turn)
            continue;
        c->tests[test].wants_turn = false;
        c->turn = test;
        spd_test_handler_grant(c->tests[test].handler);
    }
}

static void end_turn(struct spd_controller *c, size_t test)
{
    if (c->turn == test)
        c->turn = NO_TEST;
    c->tests[test].wants_turn = false;
    give_turn(c, test);
}

static void on_test_event(struct spd_controller *c, size_t test, enum spd_test_event event,
                          uint32_t number)
{
    struct test *t = &c->tests[test];

    switch (event) {
    case SPD_TEST_TURN_WANTED:
        t->wants_turn = true;
        give_turn(c, c->n_tests - 1);
        break;
    case SPD_TEST_TURN_OVER:
        end_turn(c, test);
        break;
    case SPD_TEST_PROGRESS:
        if (c->events.on_progress)
            c->events.on_progress(c->events.context, test, number);
        break;
    case SPD_TEST_FINISHED: {
        void *object = spd_test_handler_join(t->handler);

        t->running = false;
        c->n_running--;
        end_turn(c, test);
        if (c->events.on_finished)
            c->events.on_finished(c->events.context, test, object);
        break;
    }
    }
}

static void on_completion(struct spd_controller *c, const struct spd_completion *completion)
{
    size_t test;

    if (completion->key < SPD_CONTROLLER_FIRST_KEY) {
        if (completion->op && c->events.on_mail)
            c->events.on_mail(c->events.context, completion->key, completion->op);
        else if (!completion->op && c->events.on_post)
            c->events.on_post(c->events.context, completion->key, completion->n_bytes);
        return;
    }
    test = (completion->key - SPD_CONTROLLER_FIRST_KEY) / SPD_TEST_HANDLER_KEYS;
    SPD_ASSERT(test < c->n_tests);
    on_test_event(c, test, (enum spd_test_event)(completion->key - first_key_of(test)),
                  completion->n_bytes);
}

/* How many there were. */
static size_t take(struct spd_controller *c, spd_ns max_wait_ns, enum spd_err *err)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n = 0;

    *err = spd_cport_wait(c->port, events, EVENTS_MAX, &n, max_wait_ns);
    for (size_t i = 0; i < n; i++)
        on_completion(c, &events[i]);
    return n;
}

size_t spd_controller_step(struct spd_controller *c, spd_ns max_wait_ns)
{
    enum spd_err err;

    (void)take(c, max_wait_ns, &err);
    return err && err != SPD_ERR_TIMEOUT ? 0 : c->n_running;
}

bool spd_controller_drain(struct spd_controller *c)
{
    enum spd_err err;

    return take(c, 0, &err) > 0;
}

void spd_controller_destroy(struct spd_controller *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_tests; i++)
        spd_controller_cancel(c, i);
    while (c->n_running > 0 && spd_controller_step(c, SPD_NS_FOREVER) > 0)
        ;
    for (size_t i = 0; i < c->n_tests; i++)
        spd_test_handler_destroy(c->tests[i].handler); /* NULL: released */
    spd_shut_port(c->port);
    free(c);
}
