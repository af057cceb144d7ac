/*
 * The simulated completion port (common/sys/cport.h). One thread: a wait finds
 * what is ready, or lets simulated time pass until something is. Never blocks.
 */
#include "common/sys/cport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define DEFAULT_QUEUED_SENDS 4096
#define MOST_QUEUED_SENDS    32768

_Static_assert(sizeof(struct sim_op) <= SPD_OP_SYSTEM_BYTES, "room for our part of an operation");

struct sim_op *sim_op_of(struct spd_op *op)
{
    return (struct sim_op *)(void *)op->system;
}

static struct sim_op *op_of_node(struct sim_node *node)
{
    return SPD_CONTAINER_OF(node, struct sim_op, node);
}

void spd_op_init(struct spd_op *op)
{
    memset(op, 0, sizeof *op);
}

void spd_op_fini(struct spd_op *op)
{
    SPD_ASSERT(!op->in_flight && "an operation that still belongs to a port is freed");
}

enum spd_err spd_cport_create(const struct spd_cport_config *config, struct spd_cport **out,
                              struct spd_diag *diag)
{
    struct sim_world *world = sim_world();
    struct spd_cport *port;
    enum spd_err err = sim_call_begins(SIM_CALL_CREATE);

    if (err != SPD_ERR_OK)
        return spd_diag_set(diag, err, 0, "cannot create a simulated port: told to fail");
    if (config->max_queued_sends > MOST_QUEUED_SENDS)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "max_queued_sends %u is above %d",
                            config->max_queued_sends, MOST_QUEUED_SENDS);
    port = sim_contract_alloc(sizeof *port);
    if (port == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "cannot create a simulated port: no memory");
    port->config = *config;
    if (port->config.max_queued_sends == 0)
        port->config.max_queued_sends = DEFAULT_QUEUED_SENDS;
    sim_list_init(&port->ready);
    sim_list_init(&port->queued);
    sim_list_init(&port->sockets);
    world->n_alive++;
    *out = port;
    return SPD_ERR_OK;
}

void spd_cport_facts(const struct spd_cport *port, struct spd_cport_facts *out)
{
    *out = (struct spd_cport_facts){
        .kind = "simulated",
        .receive_path = "simulated",
        .features = (SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER) &
                    ~port->config.denied_features,
    };
}

void sim_port_ready(struct spd_cport *port, struct sim_op *op, enum spd_err err, uint32_t n_bytes)
{
    SPD_ASSERT(!op->is_ready);
    op->is_ready = true;
    op->result = (struct spd_completion){
        .key = op->udp ? op->udp->key : op->result.key,
        .op = op->op,
        .n_bytes = n_bytes,
        .err = err,
    };
    op->udp = NULL;
    sim_list_append(&port->ready, &op->node);
    sim_world()->something_happened = true;
}

void sim_port_cancel(struct spd_cport *port, struct sim_op *op)
{
    sim_list_remove(&op->node);
    sim_port_ready(port, op, SPD_ERR_CANCELLED, 0);
}

/* ---- commit ---- */

static struct spd_udp *socket_of_node(struct sim_node *node)
{
    return SPD_CONTAINER_OF(node, struct spd_udp, in_port);
}

/* Sends that waited for room go first; they are older. */
static size_t push_waiting(struct spd_cport *port)
{
    size_t n = 0;

    for (struct sim_node *node = port->sockets.next; node != &port->sockets; node = node->next)
        n += sim_udp_push(socket_of_node(node));
    return n;
}

static size_t hand_queued_over(struct spd_cport *port)
{
    struct sim_world *world = sim_world();
    size_t n = 0;
    unsigned host;

    if (sim_list_is_empty(&port->queued))
        return 0;
    host = op_of_node(port->queued.next)->udp->host;
    sim_sched_commit_begins(host, port->n_queued);
    world->now_ns += world->costs.commit_ns;
    while (!sim_list_is_empty(&port->queued)) {
        struct sim_op *op = op_of_node(port->queued.next);
        struct spd_udp *udp = op->udp;

        sim_list_remove(&op->node);
        port->n_queued--;
        if (sim_list_is_empty(&udp->sends) && sim_udp_hand_over(udp, op))
            sim_sched_sent(host, ++n);
        else
            sim_list_append(&udp->sends, &op->node);
    }
    return n;
}

enum spd_err spd_cport_commit(struct spd_cport *port, size_t *n_handed)
{
    size_t n;
    enum spd_err err = sim_call_begins(SIM_CALL_COMMIT);

    if (err != SPD_ERR_OK)
        return err;
    n = push_waiting(port);
    n += hand_queued_over(port);
    if (n_handed)
        *n_handed = n;
    return SPD_ERR_OK;
}

/* ---- wait ---- */

static size_t fetch_ready(struct spd_cport *port, struct spd_completion *out, size_t capacity)
{
    size_t n = 0;

    while (n < capacity && !sim_list_is_empty(&port->ready)) {
        struct sim_op *op = op_of_node(port->ready.next);

        sim_list_remove(&op->node);
        out[n++] = op->result;
        op->is_ready = false;
        if (op->op)
            op->op->in_flight = 0;
        else
            free(op);
    }
    return n;
}

enum spd_err spd_cport_wait(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                            size_t *n_out, spd_ns timeout_ns)
{
    spd_ns deadline_ns = sim_saturating_add(sim_now_ns(), timeout_ns);
    enum spd_err err = sim_call_begins(SIM_CALL_WAIT);

    SPD_ASSERT(capacity > 0 && timeout_ns >= 0);
    if (err != SPD_ERR_OK)
        return err;
    push_waiting(port);
    hand_queued_over(port);
    for (;;) {
        size_t n;

        sim_run_due();
        push_waiting(port);
        n = fetch_ready(port, out, capacity);
        if (n) {
            *n_out = n;
            return SPD_ERR_OK;
        }
        if (port->is_closed)
            return SPD_ERR_CLOSED;
        if (sim_thread_run_one())
            continue;
        if (sim_now_ns() >= deadline_ns)
            return SPD_ERR_TIMEOUT;
        if (!sim_step_to(deadline_ns) && deadline_ns == SPD_NS_FOREVER &&
            sim_list_is_empty(&port->ready))
            spd_panic(__FILE__, __LINE__, "deadlock: a wait for ever that nothing will end");
    }
}

enum spd_err spd_cport_post(struct spd_cport *port, uintptr_t key, uint32_t n_bytes,
                            struct spd_op *op)
{
    struct sim_op *sim;
    enum spd_err err = sim_call_begins(SIM_CALL_POST);

    if (err != SPD_ERR_OK)
        return err;
    if (port->is_closed)
        return SPD_ERR_CLOSED;
    if (op) {
        SPD_ASSERT(!op->in_flight);
        sim = sim_op_of(op);
        memset(sim, 0, sizeof *sim);
        op->in_flight = 1;
    } else {
        sim = sim_contract_alloc(sizeof *sim);
        if (sim == NULL)
            return SPD_ERR_NOMEM;
    }
    sim->op = op;
    sim->kind = SIM_OP_POST;
    sim->result.key = key;
    sim_port_ready(port, sim, SPD_ERR_OK, n_bytes);
    return SPD_ERR_OK;
}

void spd_cport_close(struct spd_cport *port)
{
    if (port->is_closed)
        return;
    port->is_closed = true;
    for (struct sim_node *node = port->sockets.next; node != &port->sockets; node = node->next)
        sim_udp_cancel_all(socket_of_node(node));
    sim_world()->something_happened = true;
}

void spd_cport_destroy(struct spd_cport *port)
{
    if (port == NULL)
        return;
    SPD_ASSERT(sim_list_is_empty(&port->sockets));
    SPD_ASSERT(sim_list_is_empty(&port->ready));
    sim_world()->n_alive--;
    free(port);
}
