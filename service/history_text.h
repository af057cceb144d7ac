/*
 * Runs of the history as text for people: a list and a single one. Times are
 * local. Main thread.
 */
#ifndef SPD_SERVICE_HISTORY_TEXT_H
#define SPD_SERVICE_HISTORY_TEXT_H

#include "common/result/store.h"
#include "common/result/stream.h"

void spd_history_text_head(struct spd_stream *stream);
void spd_history_text_row(struct spd_stream *stream, const struct spd_store_run *run);
void spd_history_text_show(struct spd_stream *stream, const struct spd_store_run *run);

#endif
