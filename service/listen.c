/*
 * Main thread, before anything is opened.
 */
#include "service/listen.h"

static enum spd_err add(struct spd_listen *listen, const char *text, uint16_t default_port,
                        struct spd_diag *diag)
{
    struct spd_addr *a = &listen->address[listen->n];
    char host[256];
    uint16_t port;

    if (!spd_addr_split(text, default_port, true, host, sizeof(host), &port) ||
        !spd_addr_parse_host(host, a))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--listen %s: not an address to listen on; give ADDR, ADDR:PORT or "
                            "[IPV6]:PORT, such as 0.0.0.0:%u or [::]:8620",
                            text, default_port);
    a->port = port;
    listen->n++;
    return SPD_ERR_OK;
}

enum spd_err spd_listen_find(const struct spd_settings *settings, uint16_t default_port,
                             struct spd_listen *out, struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    out->n = 0;
    out->chosen = settings->listen.n > 0;
    for (size_t i = 0; i < settings->listen.n && !err; i++)
        err = add(out, settings->listen.text[i], default_port, diag);
    if (out->chosen || err)
        return err;
    if (!settings->ipv6)
        err = add(out, "0.0.0.0", default_port, diag);
    if (!settings->ipv4 && !err)
        err = add(out, "::", default_port, diag);
    return err;
}

bool spd_listen_without_ipv6(struct spd_listen *listen, enum spd_err err)
{
    if (err != SPD_ERR_NOTSUP || listen->chosen || listen->n != 2)
        return false;
    listen->n = 1;
    return true;
}
