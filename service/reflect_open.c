/*
 * By the reflector's thread.
 */
#include "service/reflect_open.h"

#include "common/wire/stamp.h"

enum spd_err spd_reflect_open(const struct spd_settings *s, struct spd_cport *port,
                              uintptr_t first_key, struct spd_listen *listen,
                              struct spd_reflector **out, struct spd_diag *diag)
{
    struct spd_reflector_config config = {
        .listen = listen->address,
        .interface_name = s->interface_name,
        .stateful = s->stateful,
        .max_sessions = (size_t)s->max_sessions,
        .idle_timeout_ns = s->idle_timeout_ns,
        .reply_dscp = s->reply_dscp,
        .batch = (unsigned)s->batch,
    };
    enum spd_err err = spd_listen_find(s, SPD_STAMP_DEFAULT_PORT, listen, diag);

    if (err)
        return err;
    config.n_listen = listen->n;
    err = spd_reflector_create(port, first_key, &config, out, diag);
    if (spd_listen_without_ipv6(listen, err)) {
        config.n_listen = listen->n;
        err = spd_reflector_create(port, first_key, &config, out, diag);
    }
    return err;
}
