/*
 * The simulated world: its time, its events, its hosts and their clocks. One
 * thread; never sleeps and never asks the real clock.
 */
#include "tests/support/sim_world.h"

#include <stdlib.h>

#define WALL_AT_START_NS INT64_C(1767225600000000000) /* 2026-01-01 */
#define MAX_ACTORS       16

struct sim_world sim_the_world;
static bool world_exists;

struct actor {
    unsigned host;
    void (*step)(void *argument);
    void *argument;
};
static struct actor actors[MAX_ACTORS];
static size_t n_actors;

struct tick {
    struct sim_event event; /* first */
    spd_ns period_ns;
};

/* ---- events: a binary heap by (moment, order) ---- */

static bool comes_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

void sim_event_add(struct sim_event *event, spd_ns at_ns)
{
    struct sim_world *world = sim_world();
    size_t i = world->n_events++;

    if (i == world->heap_capacity) {
        world->heap_capacity = i ? 2 * i : 256;
        world->heap = sim_grow(world->heap, world->heap_capacity * sizeof(void *));
    }
    event->at_ns = at_ns;
    event->order = world->next_order++;
    for (; i && comes_before(event, world->heap[(i - 1) / 2]); i = (i - 1) / 2)
        world->heap[i] = world->heap[(i - 1) / 2];
    world->heap[i] = event;
}

static struct sim_event *take_first(struct sim_world *world)
{
    struct sim_event *first = world->heap[0];
    struct sim_event *last = world->heap[--world->n_events];
    size_t i = 0;

    for (;;) {
        size_t child = 2 * i + 1;

        if (child >= world->n_events)
            break;
        if (child + 1 < world->n_events && comes_before(world->heap[child + 1], world->heap[child]))
            child++;
        if (!comes_before(world->heap[child], last))
            break;
        world->heap[i] = world->heap[child];
        i = child;
    }
    world->heap[i] = last;
    return first;
}

static void run_actors(struct sim_world *world)
{
    unsigned host = world->current_host;

    if (world->in_actor)
        return;
    world->something_happened = false;
    world->in_actor = true;
    for (size_t i = 0; i < n_actors; i++) {
        world->current_host = actors[i].host;
        actors[i].step(actors[i].argument);
    }
    world->in_actor = false;
    world->current_host = host;
}

void sim_run_due(void)
{
    struct sim_world *world = sim_world();

    for (;;) {
        if (world->n_events && world->heap[0]->at_ns <= world->now_ns) {
            struct sim_event *event = take_first(world);

            world->something_happened = true;
            event->run(event);
        } else if (world->something_happened && n_actors && !world->in_actor) {
            run_actors(world);
        } else {
            return;
        }
    }
}

bool sim_step_to(spd_ns limit_ns)
{
    struct sim_world *world = sim_world();

    sim_run_due();
    if (world->n_events == 0 || world->heap[0]->at_ns > limit_ns) {
        if (limit_ns > world->now_ns && limit_ns != SPD_NS_FOREVER)
            world->now_ns = limit_ns;
        return false;
    }
    world->now_ns = world->heap[0]->at_ns;
    sim_run_due();
    return true;
}

static void tick_drop(struct sim_event *event)
{
    free(event);
}

static void tick_run(struct sim_event *event)
{
    struct tick *tick = (struct tick *)(void *)event;

    sim_event_add(event, event->at_ns + tick->period_ns);
}

void sim_add_actor(unsigned host, spd_ns period_ns, void (*step)(void *argument), void *argument)
{
    struct sim_world *world = sim_world();

    SPD_ASSERT(n_actors < MAX_ACTORS);
    actors[n_actors++] = (struct actor){ host, step, argument };
    if (period_ns > 0) {
        struct tick *tick = sim_alloc(sizeof *tick);

        tick->event.run = tick_run;
        tick->event.drop = tick_drop;
        tick->period_ns = period_ns;
        sim_event_add(&tick->event, world->now_ns + period_ns);
    }
}

/* ---- the world's beginning and end ---- */

static void world_clear(void)
{
    struct sim_world *world = &sim_the_world;

    for (size_t i = 0; i < world->n_events; i++)
        world->heap[i]->drop(world->heap[i]);
    free(world->heap);
    for (unsigned i = 0; i <= SIM_HOST_MAX; i++) {
        struct sim_host *host = world->hosts[i];

        if (host == NULL)
            continue;
        free(host->steps);
        sim_set_free(&host->lose_sched);
        sim_set_free(&host->lose_sent);
        sim_set_free(&host->lose_receive);
        free(host);
    }
    sim_links_clear();
    sim_trouble_clear();
    sim_console_clear();
    n_actors = 0;
    world_exists = false;
}

struct sim_world *sim_world(void)
{
    if (!world_exists)
        sim_create(1);
    return &sim_the_world;
}

void sim_create(uint64_t seed)
{
    struct sim_world *world = &sim_the_world;

    sim_destroy();
    *world = (struct sim_world){ .random_state = seed, .current_host = 1, .next_id = 1 };
    sim_list_init(&world->sockets);
    sim_list_init(&world->threads);
    world_exists = true;
}

void sim_destroy(void)
{
    if (!world_exists)
        return;
    SPD_ASSERT(sim_n_alive() == 0);
    world_clear();
}

size_t sim_n_alive(void)
{
    return sim_world()->n_alive;
}

/* ---- time ---- */

spd_ns sim_saturating_add(spd_ns a, spd_ns b)
{
    return b > SPD_NS_FOREVER - a ? SPD_NS_FOREVER : a + b;
}

spd_ns sim_now_ns(void)
{
    return sim_world()->now_ns;
}

void sim_advance(spd_ns duration_ns)
{
    spd_ns until_ns = sim_saturating_add(sim_now_ns(), duration_ns);

    while (sim_step_to(until_ns))
        continue;
}

bool sim_advance_to_next_event(spd_ns limit_ns)
{
    return sim_step_to(sim_saturating_add(sim_now_ns(), limit_ns));
}

void sim_set_current_host(unsigned host)
{
    SPD_ASSERT(host >= 1 && host <= SIM_HOST_MAX);
    sim_world()->current_host = host;
}

unsigned sim_current_host(void)
{
    return sim_world()->current_host;
}

void sim_costs_set(const struct sim_costs *costs)
{
    sim_world()->costs = *costs;
}

int64_t sim_true_wall_ns(spd_ns true_ns)
{
    return WALL_AT_START_NS + true_ns;
}
