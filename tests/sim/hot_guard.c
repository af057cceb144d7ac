/*
 * The book of offences, and the wrappers of what every system has.
 */
#include "tests/sim/hot_guard.h"

#include <stdbool.h>
#include <stddef.h>

#include "common/base/hot.h"

static uint64_t measuring_thread;
static unsigned n_noted, n_sections, n_pauses;
static const char *first_noted;
static bool marks;

void hot_guard_begin(void)
{
    measuring_thread = hot_guard_thread();
    n_noted = n_sections = n_pauses = 0;
    first_noted = NULL;
}

unsigned hot_guard_count(void)
{
    return n_noted;
}

const char *hot_guard_first(void)
{
    return first_noted;
}

unsigned hot_guard_sections(void)
{
    return n_sections;
}

void hot_guard_pause(void)
{
    n_pauses++;
}

void hot_guard_go_on(void)
{
    n_pauses--;
}

void hot_guard_note(const char *call)
{
    if (!spd_hot_now() || n_pauses > 0 || hot_guard_thread() != measuring_thread)
        return;
    if (n_noted++ == 0)
        first_noted = call;
}

void hot_guard_mark_sections(void)
{
    marks = true;
}

void __real_spd_hot_enter(void);
void __wrap_spd_hot_enter(void);
void __real_spd_hot_leave(void);
void __wrap_spd_hot_leave(void);

void __wrap_spd_hot_enter(void)
{
    n_sections++;
    if (marks)
        hot_guard_mark(1);
    __real_spd_hot_enter();
}

void __wrap_spd_hot_leave(void)
{
    __real_spd_hot_leave();
    if (marks)
        hot_guard_mark(0);
}

void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n);
void __real_free(void *memory);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t n)
{
    hot_guard_note("malloc");
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    hot_guard_note("calloc");
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *old, size_t n)
{
    hot_guard_note("realloc");
    return __real_realloc(old, n);
}

void __wrap_free(void *memory)
{
    hot_guard_note("free");
    __real_free(memory);
}
