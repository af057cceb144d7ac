/*
 * Simulated kernel send stamps (common/sys/udp.h): SCHED when a datagram is
 * handed over, SENT when it leaves the sender's own queue; times of day of the
 * sending host. Each can be denied or lost. Sends that failed, what the local
 * queue dropped among them, are not numbered.
 */
#include <string.h>

#include "tests/support/sim_world.h"

void sim_udp_stamp(struct spd_udp *udp, spd_ns sched_ns, spd_ns sent_ns)
{
    struct sim_host *host = sim_host(udp->host);
    uint32_t index = host->n_sends++;
    struct sim_stamp *stamp;

    if (!udp->config.want_send_stamps)
        return;
    if (udp->n_stamps == udp->stamps_capacity) {
        udp->stamps_capacity = udp->n_stamps ? 2 * udp->n_stamps : 256;
        udp->stamps = sim_grow(udp->stamps, udp->stamps_capacity * sizeof udp->stamps[0]);
    }
    stamp = &udp->stamps[udp->n_stamps++];
    *stamp = (struct sim_stamp){ .sched_due_ns = sched_ns, .sent_due_ns = sent_ns };
    if ((udp->facts.send_stamps & (1u << SPD_STAMP_KERNEL_SCHED)) &&
        !sim_set_has(&host->lose_sched, index))
        stamp->sched_ns = sim_wall_at(udp->host, sched_ns);
    if ((udp->facts.send_stamps & (1u << SPD_STAMP_KERNEL)) &&
        !sim_set_has(&host->lose_sent, index))
        stamp->sent_ns = sim_wall_at(udp->host, sent_ns);
}

void spd_udp_stamps_begin(struct spd_udp *udp)
{
    udp->n_stamps = 0;
}

static size_t fetch(int64_t *out, int64_t stamp_ns, spd_ns due_ns, bool *fetched)
{
    if (*fetched || stamp_ns == 0 || due_ns > sim_now_ns())
        return 0;
    *fetched = true;
    *out = stamp_ns;
    return 1;
}

size_t spd_udp_stamps_collect(struct spd_udp *udp, int64_t *sched_ns, int64_t *sent_ns, size_t n)
{
    size_t n_fetched = 0;

    sim_run_due();
    for (size_t i = 0; i < n && i < udp->n_stamps; i++) {
        struct sim_stamp *stamp = &udp->stamps[i];

        n_fetched +=
            fetch(&sched_ns[i], stamp->sched_ns, stamp->sched_due_ns, &stamp->sched_fetched);
        n_fetched += fetch(&sent_ns[i], stamp->sent_ns, stamp->sent_due_ns, &stamp->sent_fetched);
    }
    return n_fetched;
}

void spd_udp_stamp_by_counter(struct spd_udp *udp, bool on)
{
    udp->stamp_by_counter = on;
}

bool spd_udp_handed_over_at(const struct spd_op *op, spd_ticks *at)
{
    struct sim_op sim;

    memcpy(&sim, op->system, sizeof sim);
    if (!sim.handed_over_known)
        return false;
    *at = sim.handed_over;
    return true;
}
