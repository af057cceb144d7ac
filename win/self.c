/*
 * From the process's own counters. Any thread.
 */
#include "common/sys/self.h"

#define PSAPI_VERSION 2 /* in kernel32 */
#include <windows.h>
/* Behind windows.h. */
#include <psapi.h>

void spd_self_read(struct spd_self *out)
{
    PROCESS_MEMORY_COUNTERS memory = { .cb = sizeof(memory) };
    DWORD n_handles = 0;

    *out = (struct spd_self){ 0 };
    if (GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof(memory)))
        out->resident_bytes = memory.WorkingSetSize;
    if (GetProcessHandleCount(GetCurrentProcess(), &n_handles))
        out->n_descriptors = n_handles;
}
