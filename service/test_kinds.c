/*
 * From the engine's own functions to what a handler calls.
 */
#include "service/test_kinds.h"

/* ------------------------------------------------------------------- bursts */

static void tell_burst(void *context, enum spd_session_event event, uint32_t number)
{
    static const enum spd_test_event events[] = {
        [SPD_SESSION_TURN_WANTED] = SPD_TEST_TURN_WANTED,
        [SPD_SESSION_TURN_OVER] = SPD_TEST_TURN_OVER,
        [SPD_SESSION_PROGRESS] = SPD_TEST_PROGRESS,
        [SPD_SESSION_FINISHED] = SPD_TEST_FINISHED,
    };

    spd_test_handler_tell(context, events[event], number);
}

static enum spd_err create_bursts(const void *spec, struct spd_test_handler *handler, void **test,
                                  struct spd_diag *diag)
{
    const struct spd_test_bursts *s = spec;
    struct spd_session *session;
    enum spd_err err =
        spd_session_create(s->spec, s->plan, s->port, tell_burst, handler, &session, diag);

    if (!err)
        *test = session;
    return err;
}

static bool step_bursts(void *test, spd_ns max_wait_ns)
{
    return spd_session_step(test, max_wait_ns);
}

static void grant_bursts(void *test)
{
    spd_session_grant(test);
}

static void cancel_bursts(void *test)
{
    spd_session_cancel(test);
}

static void destroy_bursts(void *test)
{
    spd_session_destroy(test);
}

const struct spd_test_kind spd_test_kind_bursts = { create_bursts, step_bursts, grant_bursts,
                                                    cancel_bursts, destroy_bursts };

/* -------------------------------------------------------------------- flows */

static void tell_flows(void *context, enum spd_flows_event event, uint32_t number)
{
    spd_test_handler_tell(
        context, event == SPD_FLOWS_FINISHED ? SPD_TEST_FINISHED : SPD_TEST_PROGRESS, number);
}

static enum spd_err create_flows(const void *spec, struct spd_test_handler *handler, void **test,
                                 struct spd_diag *diag)
{
    const struct spd_test_flows *s = spec;
    struct spd_flows *flows;
    enum spd_err err =
        spd_flows_create(s->spec, s->records, tell_flows, handler, &flows, diag);

    if (!err)
        *test = flows;
    return err;
}

static bool step_flows(void *test, spd_ns max_wait_ns)
{
    return spd_flows_step(test, max_wait_ns);
}

static void cancel_flows(void *test)
{
    spd_flows_cancel(test);
}

static void destroy_flows(void *test)
{
    spd_flows_destroy(test);
}

const struct spd_test_kind spd_test_kind_flows = { create_flows, step_flows, NULL, cancel_flows,
                                                   destroy_flows };
