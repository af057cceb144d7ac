/*
 * Simulated links: what happens to a datagram between two hosts, and the truth
 * about it. A datagram offered waits in a FIFO queue, is serialised at the
 * link's rate, and arrives after the delay; on the way it can be lost,
 * duplicated, held back or changed. Chance comes from the world's generator,
 * so a seed gives the same run again.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

/* One packet in the queue: it leaves when its serialisation begins. */
struct waiting {
    spd_ns leaves_ns;
    uint64_t n_bytes;
};

struct sim_link_state {
    struct sim_link_state *next;
    unsigned from, to;
    bool is_set;
    struct sim_link config; /* its lists are not used, the copies are */
    struct sim_set lose, duplicate, reorder, corrupt;
    struct sim_outage *outages;
    uint32_t n_offered;
    spd_ns busy_until_ns;
    uint64_t busy_fraction; /* of a ns, in units of 1 / rate */
    spd_ns last_arrival_ns;
    struct waiting *waiting; /* oldest first, from first_waiting to n_waiting */
    size_t first_waiting, n_waiting, waiting_capacity;
    uint64_t waiting_bytes;
    struct sim_truth *truth;
    size_t n_truth, truth_capacity;
};

static struct sim_link_state *links;

static struct sim_link_state *link_find(unsigned from, unsigned to)
{
    struct sim_link_state *link = links;

    while (link && (link->from != from || link->to != to))
        link = link->next;
    if (link == NULL) {
        link = sim_alloc(sizeof *link);
        link->from = from;
        link->to = to;
        link->next = links;
        links = link;
    }
    return link;
}

static void link_clear_config(struct sim_link_state *link)
{
    sim_set_free(&link->lose);
    sim_set_free(&link->duplicate);
    sim_set_free(&link->reorder);
    sim_set_free(&link->corrupt);
    free(link->outages);
    link->outages = NULL;
}

void sim_links_clear(void)
{
    while (links) {
        struct sim_link_state *link = links;

        links = link->next;
        link_clear_config(link);
        free(link->waiting);
        free(link->truth);
        free(link);
    }
}

void sim_link_set(unsigned from, unsigned to, const struct sim_link *config)
{
    struct sim_link_state *link;

    sim_world();
    link = link_find(from, to);
    link_clear_config(link);
    link->config = *config;
    sim_set_copy(&link->lose, &config->lose);
    sim_set_copy(&link->duplicate, &config->duplicate);
    sim_set_copy(&link->reorder, &config->reorder);
    sim_set_copy(&link->corrupt, &config->corrupt);
    if (config->n_outages) {
        link->outages = sim_alloc(config->n_outages * sizeof link->outages[0]);
        memcpy(link->outages, config->outages, config->n_outages * sizeof link->outages[0]);
    }
    if (!link->is_set)
        link->n_offered = 0;
    link->is_set = true;
}

void sim_path_set(unsigned a, unsigned b, const struct sim_link *config)
{
    sim_link_set(a, b, config);
    if (a != b)
        sim_link_set(b, a, config);
}

uint32_t sim_link_mtu(unsigned from, unsigned to)
{
    uint32_t mtu_bytes = link_find(from, to)->config.mtu_bytes;

    return mtu_bytes ? mtu_bytes : 65535;
}

uint32_t sim_link_header(unsigned from, unsigned to)
{
    return link_find(from, to)->config.link_header_bytes;
}

bool sim_link_is_local_queue(unsigned from, unsigned to)
{
    return link_find(from, to)->config.local_queue;
}

spd_ns sim_link_delay(unsigned from, unsigned to)
{
    return link_find(from, to)->config.delay_ns;
}

/* ---- truth ---- */

static size_t truth_add(struct sim_link_state *link, const struct sim_datagram *datagram,
                        uint32_t index, spd_ns at_ns)
{
    struct sim_truth *truth;
    size_t n_kept =
        datagram->n_bytes < SIM_TRUTH_PAYLOAD_BYTES ? datagram->n_bytes : SIM_TRUTH_PAYLOAD_BYTES;

    if (link->n_truth == link->truth_capacity) {
        link->truth_capacity = link->n_truth ? 2 * link->n_truth : 256;
        link->truth = sim_grow(link->truth, link->truth_capacity * sizeof link->truth[0]);
    }
    truth = &link->truth[link->n_truth];
    *truth = (struct sim_truth){
        .index = index,
        .fate = SIM_IN_FLIGHT,
        .from = datagram->from,
        .to = datagram->to,
        .sent_ns = at_ns,
        .wire_ns = -1,
        .arrived_ns = -1,
        .n_bytes = datagram->n_bytes,
    };
    memcpy(truth->payload, datagram->bytes, n_kept);
    return link->n_truth++;
}

const struct sim_truth *sim_truth(unsigned from, unsigned to, size_t *n)
{
    const struct sim_link_state *link;

    sim_world();
    link = link_find(from, to);
    *n = link->n_truth;
    return link->truth;
}

size_t sim_truth_count(unsigned from, unsigned to, enum sim_fate fate)
{
    size_t n, n_found = 0;
    const struct sim_truth *truth = sim_truth(from, to, &n);

    for (size_t i = 0; i < n; i++)
        n_found += truth[i].fate == fate;
    return n_found;
}

void sim_link_note_fate(const struct sim_datagram *datagram, enum sim_fate fate, spd_ns at_ns)
{
    struct sim_truth *truth = &datagram->link->truth[datagram->truth];

    truth->fate = fate;
    if (fate == SIM_DELIVERED || fate == SIM_LOST_SOCKET || fate == SIM_REFUSED)
        truth->arrived_ns = at_ns;
}

/* ---- queue and serialisation ---- */

static void queue_forget(struct sim_link_state *link, spd_ns at_ns)
{
    while (link->first_waiting < link->n_waiting &&
           link->waiting[link->first_waiting].leaves_ns <= at_ns)
        link->waiting_bytes -= link->waiting[link->first_waiting++].n_bytes;
    if (link->first_waiting == link->n_waiting)
        link->first_waiting = link->n_waiting = 0;
}

static void queue_append(struct sim_link_state *link, spd_ns leaves_ns, uint64_t n_bytes)
{
    if (link->n_waiting == link->waiting_capacity) {
        link->waiting_capacity = link->n_waiting ? 2 * link->n_waiting : 256;
        link->waiting = sim_grow(link->waiting, link->waiting_capacity * sizeof link->waiting[0]);
    }
    link->waiting[link->n_waiting++] = (struct waiting){ leaves_ns, n_bytes };
    link->waiting_bytes += n_bytes;
}

static uint64_t link_bytes(const struct sim_link_state *link, const struct sim_datagram *datagram)
{
    return datagram->n_bytes + spd_addr_header_bytes(&datagram->to) +
           link->config.link_header_bytes;
}

static bool queue_is_full(const struct sim_link_state *link, uint64_t n_bytes)
{
    const struct sim_link *config = &link->config;

    if (config->queue_bytes && link->waiting_bytes + n_bytes > config->queue_bytes)
        return true;
    return config->queue_packets && link->n_waiting - link->first_waiting >= config->queue_packets;
}

/* False when the queue is full. *leaves_ns: serialisation begins; *done_ns: it ends. */
static bool serialise(struct sim_link_state *link, uint64_t n_bytes, spd_ns at_ns,
                      spd_ns *leaves_ns, spd_ns *done_ns)
{
    uint64_t total, rate_bps = link->config.rate_bps;

    *leaves_ns = *done_ns = at_ns;
    if (rate_bps == 0)
        return true;
    queue_forget(link, at_ns);
    if (at_ns < link->busy_until_ns) {
        if (queue_is_full(link, n_bytes))
            return false;
        *leaves_ns = link->busy_until_ns;
        queue_append(link, *leaves_ns, n_bytes);
    } else {
        link->busy_fraction = 0;
    }
    /* Exact over any number of packets: the remainder is carried on. */
    total = n_bytes * 8 * (uint64_t)SPD_NS_PER_S + link->busy_fraction;
    link->busy_until_ns = *leaves_ns + (spd_ns)(total / rate_bps);
    link->busy_fraction = total % rate_bps;
    *done_ns = link->busy_until_ns;
    return true;
}

static bool is_outage(const struct sim_link_state *link, spd_ns at_ns)
{
    for (size_t i = 0; i < link->config.n_outages; i++) {
        if (at_ns >= link->outages[i].from_ns && at_ns < link->outages[i].until_ns)
            return true;
    }
    return false;
}

/* ---- on the way ---- */

static struct sim_datagram *datagram_of(struct sim_event *event)
{
    return (struct sim_datagram *)(void *)event;
}

static void datagram_drop(struct sim_event *event)
{
    free(event);
}

static void datagram_arrives(struct sim_event *event)
{
    sim_udp_arrive(datagram_of(event));
}

static void icmp_arrives(struct sim_event *event)
{
    sim_udp_icmp(datagram_of(event));
}

void sim_datagram_free(struct sim_datagram *datagram)
{
    free(datagram);
}

/* When it arrives, given when it is on the wire. */
static spd_ns arrival_ns(struct sim_link_state *link, uint32_t index, spd_ns done_ns,
                         struct sim_truth *truth)
{
    const struct sim_link *config = &link->config;
    spd_ns at_ns = done_ns + config->delay_ns;

    if (index % 2)
        at_ns += config->jitter_constant_ns;
    if (config->jitter_random_ns)
        at_ns += (spd_ns)sim_random_below((uint64_t)config->jitter_random_ns + 1);
    if (!config->jitter_reorders && at_ns < link->last_arrival_ns)
        at_ns = link->last_arrival_ns;
    truth->reordered = sim_set_has(&link->reorder, index) || sim_random_ppm(config->reorder_ppm);
    if (truth->reordered)
        return at_ns + config->reorder_ns;
    if (at_ns > link->last_arrival_ns)
        link->last_arrival_ns = at_ns;
    return at_ns;
}

static void change_a_byte(struct sim_datagram *datagram)
{
    if (datagram->n_bytes) {
        unsigned char *byte = &datagram->bytes[sim_random_below(datagram->n_bytes)];

        *byte = (unsigned char)(*byte ^ (1 + sim_random_below(255)));
    }
}

static void duplicate(struct sim_link_state *link, const struct sim_datagram *datagram,
                      spd_ns at_ns)
{
    struct sim_datagram *copy = sim_alloc(sizeof *copy + datagram->n_bytes);
    const struct sim_truth *original = &link->truth[datagram->truth];
    struct sim_truth truth = *original; /* what follows moves the array */

    memcpy(copy, datagram, sizeof *copy + datagram->n_bytes);
    copy->truth = truth_add(link, datagram, truth.index, truth.sent_ns);
    truth.is_copy = true;
    link->truth[copy->truth] = truth;
    sim_event_add(&copy->event, at_ns + link->config.duplicate_after_ns);
}

/* The ICMP error turns back from the middle of the path. */
static void return_icmp(struct sim_link_state *link, struct sim_datagram *datagram, spd_ns at_ns)
{
    datagram->icmp = link->config.icmp;
    datagram->offender = datagram->to;
    datagram->offender.port = 0;
    datagram->event.run = icmp_arrives;
    sim_event_add(&datagram->event,
                  at_ns + sim_link_delay(link->to ? link->to : link->from, link->from));
}

enum spd_err sim_link_offer(unsigned from_host, struct sim_datagram *datagram, spd_ns at_ns,
                            spd_ns *leaves_ns)
{
    struct sim_link_state *link = link_find(from_host, datagram->host);
    const struct sim_link *config = &link->config;
    uint32_t index = link->n_offered++;
    struct sim_truth *truth;
    spd_ns done_ns, arrives_ns;

    datagram->link = link;
    datagram->truth = truth_add(link, datagram, index, at_ns);
    datagram->event.run = datagram_arrives;
    datagram->event.drop = datagram_drop;
    if (!serialise(link, link_bytes(link, datagram), at_ns, leaves_ns, &done_ns)) {
        sim_link_note_fate(datagram, SIM_LOST_QUEUE, at_ns);
        free(datagram);
        return config->local_queue ? SPD_ERR_NO_BUFFERS : SPD_ERR_OK;
    }
    truth = &link->truth[datagram->truth];
    truth->wire_ns = *leaves_ns;
    if (!config->local_queue)
        *leaves_ns = at_ns; /* the queue is somewhere on the path */
    arrives_ns = arrival_ns(link, index, done_ns, truth);
    if (config->rewrite_tclass)
        datagram->tclass = config->tclass;
    datagram->ttl = (uint8_t)(datagram->ttl > config->hops ? datagram->ttl - config->hops : 0);

    if (datagram->host == 0) {
        truth->fate = SIM_NOWHERE;
    } else if (is_outage(link, truth->wire_ns)) {
        truth->fate = SIM_LOST_OUTAGE;
    } else if (config->icmp != SPD_ERR_OK || sim_set_has(&link->lose, index) ||
               sim_random_ppm(config->loss_ppm) || datagram->ttl == 0) {
        truth->fate = SIM_LOST;
    }
    if (config->icmp != SPD_ERR_OK && truth->fate != SIM_LOST_OUTAGE) {
        return_icmp(link, datagram, arrives_ns);
        return SPD_ERR_OK;
    }
    if (truth->fate != SIM_IN_FLIGHT) {
        free(datagram);
        return SPD_ERR_OK;
    }
    truth->corrupted = sim_set_has(&link->corrupt, index) || sim_random_ppm(config->corrupt_ppm);
    if (truth->corrupted)
        change_a_byte(datagram);
    if (sim_set_has(&link->duplicate, index) || sim_random_ppm(config->duplicate_ppm))
        duplicate(link, datagram, arrives_ns);
    sim_event_add(&datagram->event, arrives_ns);
    return SPD_ERR_OK;
}
