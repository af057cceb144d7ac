/*
 * Simulated UDP sockets (common/sys/udp.h): opening one, its port and what it
 * was granted.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define DEFAULT_BUFFER_BYTES    212992
#define DEFAULT_MAX_DATAGRAM    2048
#define DEFAULT_QUEUED_RECEIVES 4096
#define DEFAULT_TTL             64
#define LAST_PORT               65535

static bool port_is_taken(const struct spd_udp *mine)
{
    struct sim_world *world = sim_world();

    for (struct sim_node *node = world->sockets.next; node != &world->sockets; node = node->next) {
        const struct spd_udp *udp = SPD_CONTAINER_OF(node, struct spd_udp, in_world);

        if (udp->host == mine->host && udp->config.local.port == mine->config.local.port &&
            udp->config.local.family == mine->config.local.family &&
            (spd_addr_is_any(&udp->config.local) || spd_addr_is_any(&mine->config.local) ||
             spd_addr_equal_host(&udp->config.local, &mine->config.local)))
            return true;
    }
    return false;
}

static enum spd_err choose_port(struct spd_udp *udp)
{
    struct sim_host *host = sim_host(udp->host);

    if (udp->config.local.port)
        return port_is_taken(udp) ? SPD_ERR_IN_USE : SPD_ERR_OK;
    for (unsigned n_tries = 0; n_tries < 16384; n_tries++) {
        udp->config.local.port = host->next_port;
        host->next_port = (uint16_t)(host->next_port == LAST_PORT ? 49152 : host->next_port + 1);
        if (!port_is_taken(udp))
            return SPD_ERR_OK;
    }
    return SPD_ERR_IN_USE;
}

struct spd_addr sim_udp_source(const struct spd_udp *udp, const struct spd_addr *to)
{
    struct spd_addr from;

    if (!spd_addr_is_any(&udp->config.local))
        return udp->config.local;
    if (spd_addr_is_loopback(to)) {
        from = *to;
        from.port = udp->config.local.port;
        return from;
    }
    return to->family == SPD_FAMILY_IPV4 ? sim_addr4(udp->host, udp->config.local.port)
                                         : sim_addr6(udp->host, udp->config.local.port);
}

static int64_t granted_bytes(const struct sim_host *host, size_t wanted)
{
    size_t most = host->config.max_buffer_bytes;

    if (wanted == 0)
        wanted = DEFAULT_BUFFER_BYTES;
    return (int64_t)(most && wanted > most ? most : wanted);
}

static void fill_facts(struct spd_udp *udp)
{
    const struct sim_host *host = sim_host(udp->host);
    const struct spd_udp_config *config = &udp->config;
    struct spd_udp_facts *facts = &udp->facts;

    *facts = (struct spd_udp_facts){
        .local = config->local,
        .send_buffer_bytes = granted_bytes(host, config->send_buffer_bytes),
        .receive_buffer_bytes = granted_bytes(host, config->receive_buffer_bytes),
        .receive_stamp = SPD_STAMP_NONE,
        .send_stamp_path = "none",
        .tclass_set = true,
        .connected = config->remote.family != SPD_FAMILY_NONE,
    };
    if (facts->connected && spd_addr_is_any(&config->local))
        facts->local = sim_udp_source(udp, &config->remote);
    if (config->want_receive_stamps && !host->config.deny_receive_stamps)
        facts->receive_stamp = SPD_STAMP_KERNEL;
    if (!config->want_send_stamps)
        return;
    if (!host->config.deny_sched_stamps)
        facts->send_stamps |= 1u << SPD_STAMP_KERNEL_SCHED;
    if (!host->config.deny_sent_stamps)
        facts->send_stamps |= 1u << SPD_STAMP_KERNEL;
    if (facts->send_stamps)
        facts->send_stamp_path = "simulated";
}

static enum spd_err refuse(struct spd_udp *udp, enum spd_err err, struct spd_diag *diag)
{
    char text[SPD_ADDR_TEXT_BYTES];

    spd_diag_set(diag, err, 0, "cannot open UDP %s: %s", spd_addr_format(&udp->config.local, text),
                 spd_err_text(err));
    free(udp);
    return err;
}

static void use_defaults(struct spd_udp_config *config)
{
    if (config->max_datagram_bytes == 0)
        config->max_datagram_bytes = DEFAULT_MAX_DATAGRAM;
    if (config->max_queued_receives == 0)
        config->max_queued_receives = DEFAULT_QUEUED_RECEIVES;
    if (config->ttl == 0)
        config->ttl = DEFAULT_TTL;
    if (config->tclass < 0)
        config->tclass = 0;
}

enum spd_err spd_udp_open(struct spd_cport *port, uintptr_t key,
                          const struct spd_udp_config *config, struct spd_udp **out,
                          struct spd_diag *diag)
{
    struct sim_world *world = sim_world();
    struct spd_udp *udp;
    enum spd_err err = sim_call_begins(SIM_CALL_OPEN);

    if (err == SPD_ERR_OK && port->is_closed)
        err = SPD_ERR_CLOSED;
    if (err != SPD_ERR_OK)
        return spd_diag_set(diag, err, 0, "cannot open a simulated socket: %s", spd_err_text(err));
    if (config->local.family == SPD_FAMILY_NONE ||
        (config->remote.family && config->remote.family != config->local.family))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "the address families do not match");
    udp = sim_contract_alloc(sizeof *udp);
    if (udp == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "cannot open a simulated socket: no memory");
    udp->config = *config;
    use_defaults(&udp->config);
    udp->host = spd_addr_is_any(&config->local) ? world->current_host : sim_host_of(&config->local);
    if (udp->host == 0 || (config->interface_name[0] && strcmp(config->interface_name, "sim0")))
        return refuse(udp, SPD_ERR_NOT_FOUND, diag);
    err = choose_port(udp);
    if (err != SPD_ERR_OK)
        return refuse(udp, err, diag);
    udp->port = port;
    udp->key = key;
    udp->id = world->next_id++;
    sim_list_init(&udp->sends);
    sim_list_init(&udp->receives);
    sim_list_init(&udp->datagrams);
    fill_facts(udp);
    sim_list_append(&port->sockets, &udp->in_port);
    sim_list_append(&world->sockets, &udp->in_world);
    world->n_alive++;
    *out = udp;
    return SPD_ERR_OK;
}

void spd_udp_facts(const struct spd_udp *udp, struct spd_udp_facts *out)
{
    *out = udp->facts;
}
