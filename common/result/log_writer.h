/*
 * Writes a log. By one thread, the writer's: every call may block on the disk,
 * so never on a measuring thread.
 *
 * What append was given is on the disk's side of this program (it survives the
 * program's end, however it ends) after the next flush or after
 * SPD_LOG_CHUNK_RECORDS further records, and survives a power cut after the
 * next sync. So: flush after each batch taken from the ring, or at least once
 * a second; sync every few seconds.
 *
 * Disk full: append, flush and end then answer IO. What was written stays
 * readable. Call again to go on (it tries again, at the place where it
 * stopped; records that find no room meanwhile are counted as lost, and the
 * end says how many), or end the test and destroy the writer.
 */
#ifndef SPD_RESULT_LOG_WRITER_H
#define SPD_RESULT_LOG_WRITER_H

#include "common/result/log_format.h"

struct spd_log_writer;

/* Create the file (an existing one is overwritten only when it is a log of
 * ours, or empty) and write the header, which is flushed and synced. Errors,
 * with a diag: IO, PERM, IN_USE (a file that is no log), NOMEM. */
enum spd_err spd_log_writer_create(const char *path, const struct spd_log_header *header,
                                   struct spd_log_writer **out, struct spd_diag *diag);

/* Takes the records. Errors, when something had to be written and could not be:
 * IO, with a diag that names the file, the reason and the remedy. */
enum spd_err spd_log_writer_append(struct spd_log_writer *writer,
                                   const struct spd_flow_packet *packets, size_t n,
                                   struct spd_diag *diag);
enum spd_err spd_log_writer_flush(struct spd_log_writer *writer, struct spd_diag *diag);
/* Flush, and wait until the disk has it. */
enum spd_err spd_log_writer_sync(struct spd_log_writer *writer, struct spd_diag *diag);

/* Optional, any time before the end: the clock again (every few seconds shows
 * steps and drift), and what was asked of the machine against what it gave. */
enum spd_err spd_log_writer_clock(struct spd_log_writer *writer, const struct spd_log_clock *clock,
                                  struct spd_diag *diag);
enum spd_err spd_log_writer_environment(struct spd_log_writer *writer,
                                        const struct spd_environment *environment,
                                        struct spd_diag *diag);

/* Write what is left and the end chunk, and sync. n_records and n_records_lost
 * are filled in here, whatever *end says. Nothing may be written afterwards.
 * Errors: IO; what was written stays readable. */
enum spd_err spd_log_writer_end(struct spd_log_writer *writer, const struct spd_log_end *end,
                                struct spd_diag *diag);

/* So far. */
uint64_t spd_log_writer_n_records(const struct spd_log_writer *writer);
uint64_t spd_log_writer_n_lost(const struct spd_log_writer *writer);

/* Closes the file; without an end it stays open-ended, and readable. What was
 * not flushed is flushed if it can be. NULL is allowed. */
void spd_log_writer_destroy(struct spd_log_writer *writer);

#endif
