/*
 * Where a command listens: from --listen, --ipv4 and --ipv6 to addresses.
 */
#ifndef SPD_SERVICE_LISTEN_H
#define SPD_SERVICE_LISTEN_H

#include "common/base/addr.h"
#include "service/options.h"

#define SPD_LISTEN_MAX SPD_TEXTS_MAX

struct spd_listen {
    struct spd_addr address[SPD_LISTEN_MAX];
    size_t n;
    bool chosen; /* the user named them; else all addresses of both families */
};

/* Errors: INVALID with a diag. */
enum spd_err spd_listen_find(const struct spd_settings *settings, uint16_t default_port,
                             struct spd_listen *out, struct spd_diag *diag);

/* After opening failed with err: whether to try again without IPv6. A host
 * without it is no reason not to listen when both families were our own choice. */
bool spd_listen_without_ipv6(struct spd_listen *listen, enum spd_err err);

#endif
