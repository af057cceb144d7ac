/*
 * A loop around the test's step function.
 */
#include "service/test_handler.h"

#include <stdlib.h>

#include "common/sys/thread.h"

struct spd_test_handler {
    struct spd_cport *controller_port;
    uintptr_t first_key;
    const struct spd_test_kind *kind;
    void *test;
    struct spd_thread *thread;
};

/* A lost event would leave the controller waiting for ever, so a post that
 * fails for want of memory is tried again until there is some. */
void spd_test_handler_tell(struct spd_test_handler *h, enum spd_test_event event, uint32_t number)
{
    enum spd_err err;

    do {
        err = spd_cport_post(h->controller_port, h->first_key + (uintptr_t)event, number, NULL);
        if (err == SPD_ERR_NOMEM)
            spd_thread_sleep(SPD_NS_PER_MS);
    } while (err == SPD_ERR_NOMEM);
}

static void run(void *argument)
{
    struct spd_test_handler *h = argument;

    while (h->kind->step(h->test, SPD_NS_FOREVER))
        ;
}

enum spd_err spd_test_handler_start(struct spd_cport *controller_port, uintptr_t first_key,
                                    const struct spd_test_kind *kind, const void *spec,
                                    struct spd_test_handler **out, struct spd_diag *diag)
{
    struct spd_test_handler *h = calloc(1, sizeof(*h));
    enum spd_err err;

    if (!h)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the test");
    h->controller_port = controller_port;
    h->first_key = first_key;
    h->kind = kind;
    err = kind->create(spec, h, &h->test, diag);
    if (err) {
        free(h);
        return err;
    }
    err = spd_thread_start(&h->thread, "spd-test", run, h);
    if (err) {
        kind->destroy(h->test);
        free(h);
        return spd_diag_set(diag, err, 0, "cannot start the thread of the test: %s",
                            spd_err_text(err));
    }
    *out = h;
    return SPD_ERR_OK;
}

void spd_test_handler_grant(struct spd_test_handler *h)
{
    h->kind->grant(h->test);
}

void spd_test_handler_cancel(struct spd_test_handler *h)
{
    h->kind->cancel(h->test);
}

void *spd_test_handler_join(struct spd_test_handler *h)
{
    spd_thread_join(h->thread);
    h->thread = NULL;
    return h->test;
}

void spd_test_handler_destroy(struct spd_test_handler *h)
{
    if (!h)
        return;
    h->kind->destroy(h->test);
    free(h);
}
