/*
 * The memory limit of the control group that this process is in. Private to
 * posix/.
 */
#ifndef SPD_POSIX_CGROUP_H
#define SPD_POSIX_CGROUP_H

#include <stdint.h>

/* Bytes that the group and every group above it still allow; UINT64_MAX when
 * nothing limits them or the system does not tell. membership is the file
 * /proc/self/cgroup, mount the folder /sys/fs/cgroup (a test gives its own).
 * Opens files. Any thread. */
uint64_t spd_cgroup_available_bytes(const char *membership, const char *mount);

#endif
