/*
 * What reaches simulated UDP sockets: datagrams, into the oldest receive that
 * waits or into the socket's buffer, and ICMP errors.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define MOST_ICMP_ERRORS   4096
#define INTERFACE_LOOPBACK 1
#define INTERFACE_SIM0     2

/* ---- receive operations ---- */

static void fill_meta(const struct spd_udp *udp, const struct sim_datagram *datagram,
                      bool truncated, struct spd_udp_meta *meta)
{
    *meta = (struct spd_udp_meta){
        .from = datagram->from,
        .ttl = -1,
        .tclass = -1,
        .stamp_source = SPD_STAMP_NONE,
        .truncated = truncated,
    };
    if (udp->config.want_receive_details && !sim_host(udp->host)->config.deny_receive_details) {
        meta->to = datagram->to;
        meta->interface_index =
            spd_addr_is_loopback(&datagram->to) ? INTERFACE_LOOPBACK : INTERFACE_SIM0;
        meta->ttl = datagram->ttl;
        meta->tclass = datagram->tclass;
    }
    if (udp->facts.receive_stamp != SPD_STAMP_NONE && datagram->stamp_ns) {
        meta->stamp_source = (uint8_t)udp->facts.receive_stamp;
        meta->kernel_stamp = (spd_wall){ datagram->stamp_ns };
    }
}

static void complete_receive(struct spd_udp *udp, struct sim_op *op,
                             const struct sim_datagram *datagram)
{
    size_t room = op->n_bytes;
    size_t n_kept;
    bool truncated;

    if (room > udp->config.max_datagram_bytes)
        room = udp->config.max_datagram_bytes;
    truncated = datagram->n_bytes > room;
    n_kept = truncated ? room : datagram->n_bytes;
    if (n_kept)
        memcpy(op->buffer, datagram->bytes, n_kept);
    if (op->meta)
        fill_meta(udp, datagram, truncated, op->meta);
    sim_port_ready(udp->port, op, truncated ? SPD_ERR_TRUNCATED : SPD_ERR_OK, (uint32_t)n_kept);
}

static struct sim_op *take_receive(struct spd_udp *udp)
{
    struct sim_node *node = udp->receives.next;

    if (sim_list_is_empty(&udp->receives))
        return NULL;
    sim_list_remove(node);
    udp->n_receives--;
    return SPD_CONTAINER_OF(node, struct sim_op, node);
}

/* Bring receives and what is there for them together, oldest first. */
static void match(struct spd_udp *udp)
{
    while (udp->pending_error != SPD_ERR_OK && udp->n_receives) {
        struct sim_op *op = take_receive(udp);

        if (op->meta)
            *op->meta = (struct spd_udp_meta){ .ttl = -1, .tclass = -1 };
        sim_port_ready(udp->port, op, udp->pending_error, 0);
        udp->pending_error = SPD_ERR_OK;
    }
    while (udp->n_receives && !sim_list_is_empty(&udp->datagrams)) {
        struct sim_node *node = udp->datagrams.next;
        struct sim_datagram *datagram = SPD_CONTAINER_OF(node, struct sim_datagram, node);

        sim_list_remove(node);
        udp->receive_charge -= spd_udp_buffer_cost(datagram->n_bytes);
        complete_receive(udp, take_receive(udp), datagram);
        sim_datagram_free(datagram);
    }
}

enum spd_err spd_udp_queue_receive(struct spd_udp *udp, struct spd_op *op, void *buffer,
                                   size_t capacity, struct spd_udp_meta *meta)
{
    struct sim_op *sim = sim_op_of(op);

    if (udp->port->is_closed)
        return SPD_ERR_CLOSED;
    if (op->in_flight)
        return SPD_ERR_INVALID;
    if (udp->n_receives >= udp->config.max_queued_receives)
        return SPD_ERR_FULL;
    memset(sim, 0, sizeof *sim);
    sim->op = op;
    sim->udp = udp;
    sim->kind = SIM_OP_RECEIVE;
    sim->buffer = buffer;
    sim->n_bytes = capacity;
    sim->meta = meta;
    op->in_flight = 1;
    sim_list_append(&udp->receives, &sim->node);
    udp->n_receives++;
    match(udp);
    return SPD_ERR_OK;
}

/* ---- arrival ---- */

/* How well a socket fits a datagram: connected before bound to the address
 * before bound to any; 0 not at all. */
static int fit(const struct spd_udp *udp, const struct sim_datagram *datagram)
{
    const struct spd_udp_config *config = &udp->config;

    if (udp->host != datagram->host || config->local.family != datagram->to.family ||
        config->local.port != datagram->to.port)
        return 0;
    if (udp->facts.connected)
        return spd_addr_equal(&config->remote, &datagram->from) &&
                       spd_addr_equal_host(&udp->facts.local, &datagram->to)
                   ? 3
                   : 0;
    if (spd_addr_is_any(&config->local))
        return 1;
    return spd_addr_equal_host(&config->local, &datagram->to) ? 2 : 0;
}

static struct spd_udp *receiver_of(const struct sim_datagram *datagram)
{
    struct sim_world *world = sim_world();
    struct spd_udp *best = NULL;
    int best_fit = 0;

    for (struct sim_node *node = world->sockets.next; node != &world->sockets; node = node->next) {
        struct spd_udp *udp = SPD_CONTAINER_OF(node, struct spd_udp, in_world);

        if (fit(udp, datagram) > best_fit) {
            best_fit = fit(udp, datagram);
            best = udp;
        }
    }
    return best;
}

static void icmp_run(struct sim_event *event)
{
    sim_udp_icmp((struct sim_datagram *)(void *)event);
}

/* Nobody has bound the port: an ICMP error turns back. */
static void turn_back(struct sim_datagram *datagram, unsigned to_host)
{
    datagram->icmp = SPD_ERR_REFUSED;
    datagram->offender = datagram->to;
    datagram->offender.port = 0;
    datagram->event.run = icmp_run;
    sim_event_add(&datagram->event, sim_now_ns() + sim_link_delay(datagram->host, to_host));
}

void sim_udp_arrive(struct sim_datagram *datagram)
{
    struct spd_udp *udp = receiver_of(datagram);
    struct sim_host *host = sim_host(datagram->host);
    spd_ns at_ns = datagram->event.at_ns;
    size_t n_charged = spd_udp_buffer_cost(datagram->n_bytes);

    if (udp == NULL) {
        unsigned sender =
            spd_addr_is_loopback(&datagram->from) ? datagram->host : sim_host_of(&datagram->from);

        sim_link_note_fate(datagram, SIM_REFUSED, at_ns);
        turn_back(datagram, sender);
        return;
    }
    if (udp->n_receives == 0 &&
        udp->receive_charge + n_charged > (size_t)udp->facts.receive_buffer_bytes) {
        udp->n_dropped++;
        sim_link_note_fate(datagram, SIM_LOST_SOCKET, at_ns);
        sim_datagram_free(datagram);
        return;
    }
    sim_link_note_fate(datagram, SIM_DELIVERED, at_ns);
    if (!sim_set_has(&host->lose_receive, host->n_receives++))
        datagram->stamp_ns = sim_wall_at(datagram->host, at_ns);
    udp->receive_charge += n_charged;
    sim_list_append(&udp->datagrams, &datagram->node);
    match(udp);
}

bool spd_udp_receive_drops(struct spd_udp *udp, uint64_t *n_dropped)
{
    *n_dropped = udp->n_dropped;
    return true;
}

/* As Linux 6 charges it: a block of a power of two for packet and trailer, and
 * the packet's head; small ones share a cache of their own. */
size_t spd_udp_buffer_cost(size_t n_bytes)
{
    size_t block = 1024;

    if (n_bytes <= 200)
        return 832;
    while (block < n_bytes + 400)
        block *= 2;
    return block + 256;
}

/* ---- ICMP errors ---- */

static void icmp_note(struct spd_udp *udp, const struct sim_datagram *datagram)
{
    struct sim_icmp_error *error;

    if (udp->n_icmp == MOST_ICMP_ERRORS)
        return;
    if (udp->n_icmp == udp->icmp_capacity) {
        udp->icmp_capacity = udp->n_icmp ? 2 * udp->n_icmp : 16;
        udp->icmp = sim_grow(udp->icmp, udp->icmp_capacity * sizeof udp->icmp[0]);
    }
    error = &udp->icmp[udp->n_icmp++];
    *error = (struct sim_icmp_error){ .err = datagram->icmp, .offender = datagram->offender };
    error->n_payload =
        datagram->n_bytes < sizeof error->payload ? datagram->n_bytes : sizeof error->payload;
    memcpy(error->payload, datagram->bytes, error->n_payload);
}

void sim_udp_icmp(struct sim_datagram *datagram)
{
    struct sim_world *world = sim_world();

    for (struct sim_node *node = world->sockets.next; node != &world->sockets; node = node->next) {
        struct spd_udp *udp = SPD_CONTAINER_OF(node, struct spd_udp, in_world);

        if (udp->id != datagram->sender_id)
            continue;
        icmp_note(udp, datagram);
        udp->pending_error = datagram->icmp;
        match(udp);
        break;
    }
    sim_datagram_free(datagram);
}

enum spd_err spd_udp_take_icmp_error(struct spd_udp *udp, enum spd_err *err, void *payload,
                                     size_t capacity, size_t *n_payload, struct spd_addr *offender)
{
    const struct sim_icmp_error *oldest = udp->icmp;

    *err = SPD_ERR_OK;
    *n_payload = 0;
    if (udp->n_icmp == 0)
        return SPD_ERR_OK;
    *err = oldest->err;
    *offender = oldest->offender;
    *n_payload = oldest->n_payload < capacity ? oldest->n_payload : capacity;
    if (*n_payload)
        memcpy(payload, oldest->payload, *n_payload);
    memmove(udp->icmp, udp->icmp + 1, --udp->n_icmp * sizeof udp->icmp[0]);
    return SPD_ERR_OK;
}
