/*
 * Main thread.
 */
#include "service/progress.h"

#include <stdio.h>

#include "common/sys/console.h"

void spd_progress_init(struct spd_progress *p, bool enabled)
{
    p->enabled = enabled && spd_console_is_terminal(stderr);
    p->shown = false;
}

void spd_progress_show(struct spd_progress *p, const char *text)
{
    int width = (int)spd_console_width() - 1;

    if (!p->enabled)
        return;
    fprintf(stderr, "\r%-*.*s", width, width, text);
    fflush(stderr);
    p->shown = true;
}

void spd_progress_clear(struct spd_progress *p)
{
    if (!p->shown)
        return;
    fprintf(stderr, "\r%*s\r", (int)spd_console_width() - 1, "");
    fflush(stderr);
    p->shown = false;
}
