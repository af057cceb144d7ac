/*
 * Local time by the rules of the registry, which know each year's own. Any
 * thread.
 */
#include "common/sys/zone.h"

#include <windows.h>

#define FILETIME_OF_1970 INT64_C(116444736000000000)
#define FILETIME_PER_S   INT64_C(10000000)

static int64_t from_filetime(const FILETIME *time)
{
    return (int64_t)((uint64_t)time->dwHighDateTime << 32 | time->dwLowDateTime);
}

spd_ns spd_zone_offset_ns(spd_wall at)
{
    int64_t units = at.ns / SPD_NS_PER_S * FILETIME_PER_S + FILETIME_OF_1970;
    FILETIME utc = { (DWORD)units, (DWORD)(units >> 32) }, local;
    SYSTEMTIME utc_parts, local_parts;
    TIME_ZONE_INFORMATION zone;

    /* SystemTimeToTzSpecificLocalTimeEx would be one step, but Wine has none. */
    if (at.ns < 0 || !FileTimeToSystemTime(&utc, &utc_parts) ||
        !GetTimeZoneInformationForYear(utc_parts.wYear, NULL, &zone) ||
        !SystemTimeToTzSpecificLocalTime(&zone, &utc_parts, &local_parts) ||
        !SystemTimeToFileTime(&local_parts, &local))
        return 0;
    return (from_filetime(&local) - units) / FILETIME_PER_S * SPD_NS_PER_S;
}
