/*
 * Fields of which the log's chunks are made, after those of base/cursor. Part
 * of result/log_format; nobody else includes it. Reading sets `failed` for what
 * cannot be.
 */
#ifndef SPD_RESULT_LOG_FIELD_H
#define SPD_RESULT_LOG_FIELD_H

#include "common/base/cursor.h"
#include "common/result/log_format.h"

/* A text: its length in two octets, then UTF-8. Reading cuts what does not fit
 * at a character boundary (a newer program may allow longer texts); control
 * characters become blanks, and what is no UTF-8 '?'. */
void spd_log_put_text(struct spd_writer *writer, const char *text);
void spd_log_get_text(struct spd_reader *reader, char *out, size_t capacity);

/* Nanoseconds between -2^62 and 2^62, so that no difference overflows. */
void spd_log_put_time(struct spd_writer *writer, int64_t t);
int64_t spd_log_get_time(struct spd_reader *reader);

bool spd_log_get_bool(struct spd_reader *reader);

/* An octet that is one of n choices; those that only a newer version knows
 * become 0, which in each list stands for "none" or "unknown". */
uint8_t spd_log_get_choice(struct spd_reader *reader, unsigned n);

/* A part that can grow has its length in two octets in front of it: take them,
 * write the part, and put its length in; or get a reader of the part alone. */
void spd_log_put_length(const struct spd_writer *after, uint8_t *at);
struct spd_reader spd_log_get_part(struct spd_reader *reader);

void spd_log_put_address(struct spd_writer *writer, const struct spd_addr *address);
void spd_log_get_address(struct spd_reader *reader, struct spd_addr *out);

void spd_log_put_clock(struct spd_writer *writer, const struct spd_log_clock *clock);
void spd_log_get_clock(struct spd_reader *reader, struct spd_log_clock *out);

#endif
