/*
 * Simulated UDP sockets (common/sys/udp.h): sending, cancelling and
 * closing. Opening is in sim_udp_open.c, what arrives in sim_udp_receive.c.
 */
#include "common/sys/udp.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define LONGEST_PAYLOAD 65507

/* ---- send ---- */

static void accept_op(struct spd_udp *udp, struct spd_op *op, enum sim_op_kind kind)
{
    struct sim_op *sim = sim_op_of(op);

    memset(sim, 0, sizeof *sim);
    sim->op = op;
    sim->udp = udp;
    sim->kind = kind;
    sim->tclass = -1;
    op->in_flight = 1;
}

enum spd_err spd_udp_queue_send(struct spd_udp *udp, struct spd_op *op, const void *data,
                                size_t n_bytes, const struct spd_udp_send_options *options)
{
    struct spd_cport *port = udp->port;
    const struct spd_addr *to = options ? options->to : NULL;
    struct sim_op *sim;

    if (port->is_closed)
        return SPD_ERR_CLOSED;
    if (op->in_flight || (to == NULL && !udp->facts.connected) ||
        (to && to->family != udp->config.local.family))
        return SPD_ERR_INVALID;
    if (n_bytes > LONGEST_PAYLOAD)
        return SPD_ERR_TOO_BIG;
    if (port->n_queued >= port->config.max_queued_sends)
        return SPD_ERR_FULL;
    accept_op(udp, op, SIM_OP_SEND);
    sim = sim_op_of(op);
    sim->data = data;
    sim->n_bytes = n_bytes;
    if (options) {
        sim->tclass = options->tclass;
        sim->has_to = options->to != NULL;
        if (options->to)
            sim->to = *options->to;
        sim->has_from = options->from != NULL;
        if (options->from)
            sim->from = *options->from;
    }
    sim_list_append(&port->queued, &sim->node);
    port->n_queued++;
    return SPD_ERR_OK;
}

static struct sim_datagram *make_datagram(struct spd_udp *udp, const struct sim_op *op)
{
    struct sim_datagram *datagram = sim_alloc(sizeof *datagram + op->n_bytes);

    datagram->to = op->has_to ? op->to : udp->config.remote;
    datagram->from = sim_udp_source(udp, &datagram->to);
    if (op->has_from) {
        datagram->from = op->from;
        datagram->from.port = udp->config.local.port;
    }
    datagram->host = spd_addr_is_loopback(&datagram->to) ? udp->host : sim_host_of(&datagram->to);
    datagram->ttl = (uint8_t)udp->config.ttl;
    datagram->tclass = (uint8_t)(op->tclass >= 0 ? op->tclass : udp->config.tclass);
    datagram->sender_id = udp->id;
    datagram->n_bytes = op->n_bytes;
    if (op->n_bytes)
        memcpy(datagram->bytes, op->data, op->n_bytes);
    return datagram;
}

/* A packet leaves the sender's own queue and gives its room back. */
struct leaving {
    struct sim_event event; /* first */
    uint64_t udp_id;
    size_t n_charged;
};

static void leaving_drop(struct sim_event *event)
{
    free(event);
}

static void leaving_run(struct sim_event *event)
{
    struct sim_world *world = sim_world();
    struct leaving *leaving = (struct leaving *)(void *)event;

    for (struct sim_node *node = world->sockets.next; node != &world->sockets; node = node->next) {
        struct spd_udp *udp = SPD_CONTAINER_OF(node, struct spd_udp, in_world);

        if (udp->id == leaving->udp_id)
            udp->send_charge -= leaving->n_charged;
    }
    free(leaving);
}

static void charge_until(struct spd_udp *udp, size_t n_charged, spd_ns leaves_ns)
{
    struct leaving *leaving = sim_alloc(sizeof *leaving);

    leaving->event.run = leaving_run;
    leaving->event.drop = leaving_drop;
    leaving->udp_id = udp->id;
    leaving->n_charged = n_charged;
    udp->send_charge += n_charged;
    sim_event_add(&leaving->event, leaves_ns);
}

static enum spd_err send_now(struct spd_udp *udp, const struct sim_op *op)
{
    struct sim_world *world = sim_world();
    struct sim_datagram *datagram = make_datagram(udp, op);
    unsigned host = datagram->host;
    size_t n_charged = spd_udp_buffer_cost(op->n_bytes);
    spd_ns at_ns, leaves_ns;
    enum spd_err err = sim_trouble_send(udp->host);

    if (err == SPD_ERR_OK && spd_addr_is_multicast(&datagram->to))
        err = SPD_ERR_PERM; /* to many: a right that nobody has here */
    if (err == SPD_ERR_OK && udp->config.dont_fragment &&
        op->n_bytes + spd_addr_header_bytes(&datagram->to) > sim_link_mtu(udp->host, host))
        err = SPD_ERR_TOO_BIG;
    if (err != SPD_ERR_OK) {
        sim_datagram_free(datagram);
        return err;
    }
    /* It leaves in the middle of what its sending costs. */
    at_ns = world->now_ns + world->costs.send_ns / 2;
    world->now_ns += world->costs.send_ns;
    err = sim_link_offer(udp->host, datagram, at_ns, &leaves_ns);
    if (err == SPD_ERR_OK)
        sim_udp_stamp(udp, at_ns, leaves_ns);
    if (err == SPD_ERR_OK && leaves_ns > at_ns)
        charge_until(udp, n_charged, leaves_ns);
    return err;
}

bool sim_udp_hand_over(struct spd_udp *udp, struct sim_op *op)
{
    uint32_t n_bytes = (uint32_t)op->n_bytes;
    enum spd_err err;

    if (udp->send_charge &&
        udp->send_charge + spd_udp_buffer_cost(n_bytes) > (size_t)udp->facts.send_buffer_bytes)
        return false;
    op->handed_over_known = udp->stamp_by_counter;
    op->handed_over = (spd_ticks){ sim_ticks_at(udp->host, sim_now_ns()) };
    err = send_now(udp, op);
    sim_port_ready(udp->port, op, err, err == SPD_ERR_OK ? n_bytes : 0);
    return true;
}

size_t sim_udp_push(struct spd_udp *udp)
{
    size_t n = 0;

    while (!sim_list_is_empty(&udp->sends)) {
        struct sim_node *node = udp->sends.next;

        sim_list_remove(node);
        if (!sim_udp_hand_over(udp, SPD_CONTAINER_OF(node, struct sim_op, node))) {
            sim_list_prepend(&udp->sends, node);
            break;
        }
        n++;
    }
    return n;
}

/* ---- cancel and close ---- */

static size_t cancel_in(struct spd_udp *udp, struct sim_node *head, const struct spd_op *wanted)
{
    size_t n = 0;
    struct sim_node *node = head->next;

    while (node != head) {
        struct sim_op *op = SPD_CONTAINER_OF(node, struct sim_op, node);

        node = node->next;
        if (op->udp != udp || (wanted && op->op != wanted))
            continue;
        if (op->kind == SIM_OP_RECEIVE)
            udp->n_receives--;
        else if (head == &udp->port->queued)
            udp->port->n_queued--;
        sim_port_cancel(udp->port, op);
        n++;
    }
    return n;
}

static size_t cancel(struct spd_udp *udp, const struct spd_op *op)
{
    return cancel_in(udp, &udp->sends, op) + cancel_in(udp, &udp->port->queued, op) +
           cancel_in(udp, &udp->receives, op);
}

enum spd_err spd_udp_cancel(struct spd_udp *udp, struct spd_op *op)
{
    return cancel(udp, op) ? SPD_ERR_OK : SPD_ERR_NOT_FOUND;
}

void sim_udp_cancel_all(struct spd_udp *udp)
{
    cancel(udp, NULL);
}

void spd_udp_close(struct spd_udp *udp)
{
    if (udp == NULL)
        return;
    cancel(udp, NULL);
    while (!sim_list_is_empty(&udp->datagrams)) {
        struct sim_node *node = udp->datagrams.next;

        sim_list_remove(node);
        sim_datagram_free(SPD_CONTAINER_OF(node, struct sim_datagram, node));
    }
    sim_list_remove(&udp->in_port);
    sim_list_remove(&udp->in_world);
    sim_world()->n_alive--;
    free(udp->stamps);
    free(udp->icmp);
    free(udp);
}
