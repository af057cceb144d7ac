/*
 * What this process takes of the machine, for those who watch it.
 */
#ifndef SPD_SYS_SELF_H
#define SPD_SYS_SELF_H

#include <stdint.h>

struct spd_self {
    uint64_t resident_bytes; /* of memory; 0 when the system does not tell */
    uint64_t n_descriptors;  /* open files, sockets and the like; on Windows, handles; 0 likewise */
};

/* Never fails. Any thread; asks the system for each descriptor, so never during
 * a burst. */
void spd_self_read(struct spd_self *out);

#endif
