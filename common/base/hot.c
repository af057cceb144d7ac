/*
 * Counts the hot sections that are open. Any thread.
 */
#include "common/base/hot.h"

#include <stdatomic.h>

static atomic_int n_open;

void spd_hot_enter(void)
{
    atomic_fetch_add_explicit(&n_open, 1, memory_order_relaxed);
}

void spd_hot_leave(void)
{
    atomic_fetch_sub_explicit(&n_open, 1, memory_order_relaxed);
}

bool spd_hot_now(void)
{
    return atomic_load_explicit(&n_open, memory_order_relaxed) != 0;
}
