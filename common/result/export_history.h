/*
 * Runs of the history as JSON (RFC 8259) and CSV (RFC 4180). The columns are one
 * table: the same names in both. Called by whoever shows results; may block on
 * the stream; never on a measuring thread.
 */
#ifndef SPD_RESULT_EXPORT_HISTORY_H
#define SPD_RESULT_EXPORT_HISTORY_H

#include <stdbool.h>

#include "common/result/store.h"
#include "common/result/stream.h"

#define SPD_JSON_SCHEMA_HISTORY "stampede.history/1"

struct spd_history_column;

size_t spd_history_n_columns(void);
/* NULL beyond the last one. The texts are never NULL; a unit may be "". */
const struct spd_history_column *spd_history_column_at(size_t index);
const char *spd_history_column_name(const struct spd_history_column *column);
const char *spd_history_column_unit(const struct spd_history_column *column);
const char *spd_history_column_help(const struct spd_history_column *column);

/* One object: begin, any number of runs, end. With details, a run also has
 * "result" and "environment" as they were kept, and "histogram". Errors: NOMEM,
 * with a diag; the stream remembers its own. */
void spd_history_json_begin(struct spd_stream *stream, const char *database);
enum spd_err spd_history_json_run(struct spd_stream *stream, const struct spd_store_run *run,
                                  bool is_first, bool with_details, struct spd_diag *diag);
void spd_history_json_end(struct spd_stream *stream);

/* The header row, and a row. */
void spd_history_csv_names(struct spd_stream *stream);
void spd_history_csv_run(struct spd_stream *stream, const struct spd_store_run *run);

#endif
