/*
 * By the reflector's thread.
 */
#include "service/reflect_open.h"

#include "common/wire/stamp.h"

enum spd_err spd_reflect_limits(const struct spd_settings *s, struct spd_network *allow,
                                size_t *n_allow, struct spd_diag *diag)
{
    for (size_t i = 0; i < s->allow.n; i++)
        if (!spd_network_parse(s->allow.text[i], &allow[i]))
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--allow %s: not a network; give ADDR/BITS with no bits set "
                                "behind the prefix, such as 10.0.0.0/8 or 2001:db8::/32",
                                s->allow.text[i]);
    if (s->source_sessions > 0 && !s->stateful)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--source-sessions has sessions to count only with --stateful");
    *n_allow = s->allow.n;
    return SPD_ERR_OK;
}

enum spd_err spd_reflect_open(const struct spd_settings *s, struct spd_cport *port,
                              uintptr_t first_key, struct spd_listen *listen,
                              struct spd_reflector **out, struct spd_diag *diag)
{
    struct spd_network allow[SPD_TEXTS_MAX];
    struct spd_reflector_config config = {
        .listen = listen->address,
        .interface_name = s->interface_name,
        .stateful = s->stateful,
        .max_sessions = (size_t)s->max_sessions,
        .idle_timeout_ns = s->idle_timeout_ns,
        .reply_dscp = s->reply_dscp,
        .batch = (unsigned)s->batch,
        .allow = allow,
        .source_rate = (uint32_t)s->source_rate,
        .total_rate = (uint32_t)s->total_rate,
        .source_sessions = (uint32_t)s->source_sessions,
        .never_larger = s->never_larger,
    };
    enum spd_err err = spd_listen_find(s, SPD_STAMP_DEFAULT_PORT, listen, diag);

    if (!err)
        err = spd_reflect_limits(s, allow, &config.n_allow, diag);
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
