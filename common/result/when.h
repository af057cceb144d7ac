/*
 * Times of day as people and files have them. Pure; any thread, unlike the
 * C library's gmtime and localtime.
 */
#ifndef SPD_RESULT_WHEN_H
#define SPD_RESULT_WHEN_H

#include <stdbool.h>

#include "common/base/time.h"

#define SPD_WHEN_BYTES 32

/* "2026-11-20 22:40:00", with that added to UTC. Returns out. */
const char *spd_when_text(spd_wall at, spd_ns offset_ns, char out[SPD_WHEN_BYTES]);
/* "2026-11-20T22:40:00Z" (RFC 3339), and "20261120T224000Z" for names of files. */
const char *spd_when_utc(spd_wall at, char out[SPD_WHEN_BYTES]);
const char *spd_when_name(spd_wall at, char out[SPD_WHEN_BYTES]);

/* What is added to UTC for local time at that moment. */
typedef spd_ns spd_when_zone_fn(spd_wall at);

/* A time as typed: a date, "2026-11-20", with or without "08:00" or "08:00:30"
 * behind a blank or a T, local unless "Z" or " UTC" follows; or so long before
 * now: 90s, 30min, 2h, 7d, 4w. Returns false for anything else, and for dates
 * that are none. */
bool spd_when_parse(const char *text, spd_wall now, spd_when_zone_fn *zone, spd_wall *out);

#endif
