/*
 * Packet sizes as typed: a number, a range, IMIX, a list with weights, a file.
 */
#ifndef SPD_SERVICE_SIZE_MIX_H
#define SPD_SERVICE_SIZE_MIX_H

#include "common/base/err.h"
#include "common/engine/schedule.h"

/* "92" one size; "64-1400" uniform; "imix" the simple IMIX 7:4:1 of 40, 576 and
 * 1500 bytes; "40:7,576:4,1500:1" sizes (or ranges) with weights; "@FILE" a
 * file with one "SIZE [WEIGHT]" a line, # begins a comment. Sizes below
 * least_bytes become least_bytes only in imix; elsewhere they are refused, as
 * are those above most_bytes. Errors: INVALID, RANGE, NOT_FOUND, with a diag
 * that names the item or the line. */
enum spd_err spd_size_mix_parse(const char *text, uint16_t least_bytes, uint16_t most_bytes,
                                struct spd_size_mix *out, struct spd_diag *diag);

#endif
