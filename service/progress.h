/*
 * One line of progress on standard error, on a terminal only.
 */
#ifndef SPD_SERVICE_PROGRESS_H
#define SPD_SERVICE_PROGRESS_H

#include <stdbool.h>

struct spd_progress {
    bool shown;  /* a line stands on the terminal */
    bool enabled;
};

/* enabled: the user did not ask for quiet. Nothing is shown where standard
 * error is no terminal. */
void spd_progress_init(struct spd_progress *progress, bool enabled);
void spd_progress_show(struct spd_progress *progress, const char *text);
/* Take the line away, before other output. */
void spd_progress_clear(struct spd_progress *progress);

#endif
