/*
 * The end of the program when one of its own assumptions is broken. Any
 * thread. Must not allocate: the heap may be what is broken.
 */
#include "common/base/assert.h"

#include <stdio.h>
#include <stdlib.h>

static spd_panic_handler *panic_handler;

void spd_panic_set_handler(spd_panic_handler *handler)
{
    panic_handler = handler;
}

_Noreturn void spd_panic(const char *file, int line, const char *what)
{
    if (panic_handler)
        panic_handler(file, line, what);
    /* Also when a handler returns against its contract: going on is no option. */
    fprintf(stderr, "stampede: internal error at %s:%d: %s\n", file, line, what);
    fflush(stderr);
    abort();
}
