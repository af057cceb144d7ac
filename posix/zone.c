/*
 * Local time by the system's zone files. Any thread; may read a file when the
 * zone was changed.
 */
#include "common/sys/zone.h"

#include <time.h>

spd_ns spd_zone_offset_ns(spd_wall at)
{
    time_t seconds = (time_t)(at.ns / SPD_NS_PER_S);
    struct tm local;

    if (at.ns < 0)
        return 0;
    tzset(); /* localtime_r alone would keep the zone that was found first */
    if (!localtime_r(&seconds, &local))
        return 0;
    return local.tm_gmtoff * SPD_NS_PER_S;
}
