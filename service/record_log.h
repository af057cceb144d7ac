/*
 * The writer: a thread that takes the records of a test out of a ring and keeps
 * them in a log, so that the measuring thread never meets a disk.
 */
#ifndef SPD_SERVICE_RECORD_LOG_H
#define SPD_SERVICE_RECORD_LOG_H

#include "common/base/ring.h"
#include "common/result/log_writer.h"

struct spd_record_log;

/* Room for records that wait for the writer. */
#define SPD_RECORD_LOG_RING 65536

/* Create the log and start its writer. Errors: as spd_log_writer_create; NOMEM. */
enum spd_err spd_record_log_start(const char *path, const struct spd_log_header *header,
                                  struct spd_record_log **out, struct spd_diag *diag);

/* Where the measuring thread puts struct spd_flow_packet. */
struct spd_ring_buffer *spd_record_log_ring(struct spd_record_log *log);

/* After the last record was put: write what is left, the environment and the
 * end, and free. Errors: IO with a diag (the log then holds what fitted). end
 * may be NULL: the log stays open-ended. log may be NULL. */
enum spd_err spd_record_log_finish(struct spd_record_log *log,
                                   const struct spd_environment *environment,
                                   const struct spd_log_end *end, struct spd_diag *diag);

#endif
