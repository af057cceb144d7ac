/*
 * From /proc/self/status, and by asking for each place in the table of
 * descriptors: a folder that is read would have one of its own.
 */
#include "common/sys/self.h"

#include <fcntl.h>

#include "posix/textfile.h"

void spd_self_read(struct spd_self *out)
{
    uint64_t resident_kb, n_places;
    char text[4096];

    *out = (struct spd_self){ 0 };
    if (!spd_textfile_read("/proc/self/status", text, sizeof(text)))
        return;
    if (spd_textfile_number(text, "VmRSS:", &resident_kb))
        out->resident_bytes = resident_kb * 1024;
    if (!spd_textfile_number(text, "FDSize:", &n_places))
        return;
    for (uint64_t fd = 0; fd < n_places; fd++)
        out->n_descriptors += fcntl((int)fd, F_GETFD) >= 0;
}
