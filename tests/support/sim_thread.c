/*
 * Simulated threads (common/sys/thread.h): there is one real thread, so a
 * started one runs to its end when somebody else has nothing to do. See sim.h.
 */
#include "common/sys/thread.h"

#include <stdlib.h>

#include "tests/support/sim_world.h"

struct spd_thread {
    struct sim_node node; /* among those that have not run */
    void (*run)(void *argument);
    void *argument;
    unsigned host; /* threads belong to the host that started them */
    bool has_run;
};

enum spd_err spd_thread_start(struct spd_thread **out, const char *name,
                              void (*run)(void *argument), void *argument)
{
    struct sim_world *world = sim_world();
    struct spd_thread *thread;
    enum spd_err err = sim_call_begins(SIM_CALL_THREAD);

    (void)name;
    if (err != SPD_ERR_OK)
        return err;
    thread = sim_contract_alloc(sizeof *thread);
    if (thread == NULL)
        return SPD_ERR_NOMEM;
    thread->run = run;
    thread->argument = argument;
    thread->host = world->current_host;
    sim_list_append(&world->threads, &thread->node);
    world->n_alive++;
    *out = thread;
    return SPD_ERR_OK;
}

static void run_to_its_end(struct spd_thread *thread)
{
    struct sim_world *world = sim_world();
    unsigned host = world->current_host;

    sim_list_remove(&thread->node);
    thread->has_run = true;
    world->current_host = thread->host;
    thread->run(thread->argument);
    world->current_host = host;
}

bool sim_thread_run_one(void)
{
    struct sim_world *world = sim_world();

    if (sim_list_is_empty(&world->threads))
        return false;
    run_to_its_end(SPD_CONTAINER_OF(world->threads.next, struct spd_thread, node));
    return true;
}

void spd_thread_join(struct spd_thread *thread)
{
    if (thread == NULL)
        return;
    if (!thread->has_run)
        run_to_its_end(thread);
    sim_world()->n_alive--;
    free(thread);
}

void spd_thread_sleep(spd_ns duration_ns)
{
    spd_ns until_ns = sim_saturating_add(sim_now_ns(), duration_ns);

    while (sim_thread_run_one())
        continue;
    if (until_ns > sim_now_ns())
        sim_advance(until_ns - sim_now_ns());
}
