/*
 * Small tools of the simulator: memory, lists, sets of positions, chance.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

/* ---- memory ---- */

void *sim_alloc(size_t n_bytes)
{
    void *memory = calloc(1, n_bytes ? n_bytes : 1);

    SPD_ASSERT(memory != NULL);
    return memory;
}

void *sim_grow(void *old, size_t n_bytes)
{
    void *memory = realloc(old, n_bytes);

    SPD_ASSERT(memory != NULL);
    return memory;
}

void *sim_contract_alloc(size_t n_bytes)
{
    if (sim_call_begins(SIM_CALL_ALLOCATION) != SPD_ERR_OK)
        return NULL;
    return sim_alloc(n_bytes);
}

/* ---- lists and sets ---- */

void sim_list_init(struct sim_node *head)
{
    head->next = head->previous = head;
}

bool sim_list_is_empty(const struct sim_node *head)
{
    return head->next == head;
}

void sim_list_append(struct sim_node *head, struct sim_node *node)
{
    node->next = head;
    node->previous = head->previous;
    head->previous->next = node;
    head->previous = node;
}

void sim_list_remove(struct sim_node *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = node->previous = NULL;
}

void sim_list_prepend(struct sim_node *head, struct sim_node *node)
{
    sim_list_append(head->next, node);
}

static int compare_indices(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return x < y ? -1 : x > y;
}

void sim_set_copy(struct sim_set *set, const struct sim_list *list)
{
    sim_set_free(set);
    if (list->n == 0)
        return;
    set->sorted = sim_alloc(list->n * sizeof set->sorted[0]);
    memcpy(set->sorted, list->indices, list->n * sizeof set->sorted[0]);
    set->n = list->n;
    qsort(set->sorted, set->n, sizeof set->sorted[0], compare_indices);
}

void sim_set_free(struct sim_set *set)
{
    free(set->sorted);
    *set = (struct sim_set){ 0 };
}

bool sim_set_has(const struct sim_set *set, uint32_t index)
{
    return set->n && bsearch(&index, set->sorted, set->n, sizeof index, compare_indices);
}

/* ---- chance: splitmix64 ---- */

uint64_t sim_random(void)
{
    struct sim_world *world = sim_world();
    uint64_t z = world->random_state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

uint64_t sim_random_below(uint64_t bound)
{
    return bound ? sim_random() % bound : 0;
}

bool sim_random_ppm(uint32_t ppm)
{
    return ppm && sim_random_below(1000000) < ppm;
}
