/*
 * Facts about this machine that belong in every result.
 */
#ifndef SPD_SYS_HOST_H
#define SPD_SYS_HOST_H

#include <stdbool.h>
#include <stddef.h>

struct spd_host {
    char system[96];       /* "Linux 6.18.44", "Windows 10.0.18362 (Wine 8.0)" */
    char processor[96];
    unsigned n_processors;
    bool virtual_machine;
    char hypervisor[32];   /* empty when none or unknown */
    char clock_source[64];
    char power_scheme[48]; /* governor or power plan; empty when unknown */
};

/* Never fails: what cannot be found out stays empty. Any thread. */
void spd_host_read(struct spd_host *out);

/* What this host is called on its network; "" where it has no name. Any thread. */
#define SPD_HOST_NAME_BYTES 256
const char *spd_host_name(char out[SPD_HOST_NAME_BYTES]);

#endif
