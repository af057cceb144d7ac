/*
 * What the log of a receiver says of its session, and what people are told.
 */
#ifndef SPD_SERVICE_RECEIVE_LOG_H
#define SPD_SERVICE_RECEIVE_LOG_H

#include <stdio.h>

#include "common/engine/receiver.h"
#include "common/result/log_format.h"

/* sid zero: a session without a control channel gets its marks' session there.
 * sender_name may be NULL. */
void spd_receive_log_header(const struct spd_receiver_record *record, const uint8_t sid[16],
                            const char *sender_name, struct spd_log_header *out);
void spd_receive_log_end(const struct spd_receiver_record *record, struct spd_log_end *out);

/* The identifier that both logs of a session without control carry. */
void spd_receive_sid_of_session(uint64_t session, uint8_t sid[16]);

/* One session as text, or as an object of JSON on a line with "schema":
 * "stampede.receive/1". log may be empty. */
void spd_receive_write(FILE *stream, const struct spd_receiver_record *record, const char *log,
                       bool as_json);

#endif
