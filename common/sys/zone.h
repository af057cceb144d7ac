/*
 * Local time. Any thread.
 */
#ifndef SPD_SYS_ZONE_H
#define SPD_SYS_ZONE_H

#include "common/base/time.h"

/* What is added to UTC for local time at that moment, by the time zone that
 * this system has now, daylight saving time included. 0 for moments that the
 * system cannot express (before 1970, after 9999). */
spd_ns spd_zone_offset_ns(spd_wall at);

#endif
