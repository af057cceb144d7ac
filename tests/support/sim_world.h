/*
 * What the files of the simulator share. Not for tests: those include sim.h.
 */
#ifndef SPD_SIM_WORLD_H
#define SPD_SIM_WORLD_H

#include "common/base/assert.h"
#include "common/base/record.h"
#include "common/sys/cport.h"
#include "common/sys/pagemem.h"
#include "common/sys/udp.h"
#include "tests/support/sim.h"

/* ---- lists: intrusive, doubly linked, with a sentinel ---- */

struct sim_node {
    struct sim_node *next;
    struct sim_node *previous;
};

void sim_list_init(struct sim_node *head);
bool sim_list_is_empty(const struct sim_node *head);
void sim_list_append(struct sim_node *head, struct sim_node *node);
void sim_list_prepend(struct sim_node *head, struct sim_node *node);
void sim_list_remove(struct sim_node *node);

/* A copy of a sim_list that answers quickly. */
struct sim_set {
    uint32_t *sorted;
    size_t n;
};
void sim_set_copy(struct sim_set *set, const struct sim_list *list);
void sim_set_free(struct sim_set *set);
bool sim_set_has(const struct sim_set *set, uint32_t index);

/* ---- events ---- */

struct sim_event {
    spd_ns at_ns;
    uint64_t order; /* among events of the same moment: first come, first served */
    void (*run)(struct sim_event *event);  /* frees it */
    void (*drop)(struct sim_event *event); /* frees it without effect */
};

void sim_event_add(struct sim_event *event, spd_ns at_ns);

/* ---- hosts ---- */

struct sim_host {
    struct sim_host_config config; /* its pointers are not used, the copies are */
    struct sim_step *steps;
    struct sim_set lose_sched, lose_sent, lose_receive;
    uint32_t n_sends, n_receives; /* since sim_host_set, for these sets */
    uint16_t next_port;
    int64_t n_switches;
};
struct sim_host *sim_host(unsigned number);
unsigned sim_host_of(const struct spd_addr *addr); /* 0: of none; loopback: the current host */

/* ---- datagrams ---- */

struct sim_link_state;

struct sim_datagram {
    struct sim_event event; /* first */
    struct sim_node node;   /* in a socket's buffer */
    struct sim_link_state *link;
    size_t truth;  /* its place in the link's truth */
    unsigned host; /* where it arrives */
    struct spd_addr from;
    struct spd_addr to;
    uint8_t ttl;
    uint8_t tclass;
    uint64_t sender_id; /* socket that sent it, for the ICMP error */
    enum spd_err icmp;  /* on its way back as this error; offender is then in `offender` */
    struct spd_addr offender;
    int64_t stamp_ns; /* time of day of its arrival; 0 when that stamp is lost */
    size_t n_bytes;
    unsigned char bytes[];
};

/* Offer a datagram to the link between two hosts at a true time. Returns
 * NO_BUFFERS when the link is the sender's own and its queue is full, and the
 * moment at which it leaves the sender. Takes the datagram. */
enum spd_err sim_link_offer(unsigned from_host, struct sim_datagram *datagram, spd_ns at_ns,
                            spd_ns *leaves_ns);
void sim_link_note_fate(const struct sim_datagram *datagram, enum sim_fate fate, spd_ns at_ns);
uint32_t sim_link_mtu(unsigned from, unsigned to);
uint32_t sim_link_header(unsigned from, unsigned to);
/* The sender's own queue: what waits in it fills the send buffer. */
bool sim_link_is_local_queue(unsigned from, unsigned to);
spd_ns sim_link_delay(unsigned from, unsigned to);
void sim_links_clear(void);

/* In sim_udp.c: a datagram, or an ICMP error, reaches its host. */
void sim_udp_arrive(struct sim_datagram *datagram);
void sim_udp_icmp(struct sim_datagram *datagram);
void sim_datagram_free(struct sim_datagram *datagram);

/* ---- operations and ports ---- */

enum sim_op_kind { SIM_OP_SEND, SIM_OP_RECEIVE, SIM_OP_POST };

/* Lies in spd_op.system. */
struct sim_op {
    struct sim_node node;
    struct spd_op *op; /* NULL for a post without one, whose memory is the port's */
    struct spd_udp *udp;
    enum sim_op_kind kind;
    bool is_ready; /* completed, not fetched */
    bool has_to, has_from, handed_over_known;
    int tclass;
    struct spd_addr to, from;
    const void *data;
    void *buffer;
    size_t n_bytes; /* capacity of a receive */
    struct spd_udp_meta *meta;
    spd_ticks handed_over;
    struct spd_completion result;
};

struct spd_cport {
    struct spd_cport_config config;
    struct sim_node ready;   /* completions to fetch */
    struct sim_node queued;  /* sends not committed, in order */
    struct sim_node sockets; /* spd_udp.in_port */
    unsigned n_queued;
    bool is_closed;
};

struct sim_stamp {
    int64_t sched_ns, sent_ns;        /* times of day; 0: lost or denied */
    spd_ns sched_due_ns, sent_due_ns; /* true times from which they can be fetched */
    bool sched_fetched, sent_fetched;
};

struct sim_icmp_error {
    enum spd_err err;
    struct spd_addr offender;
    size_t n_payload;
    unsigned char payload[64];
};

struct spd_udp {
    struct sim_node in_port;
    struct sim_node in_world;
    struct spd_cport *port;
    struct spd_udp_config config;
    struct spd_udp_facts facts;
    uintptr_t key;
    uint64_t id;
    unsigned host;
    struct sim_node sends;     /* committed, waiting for room in the send buffer */
    struct sim_node receives;  /* queued receive operations */
    struct sim_node datagrams; /* arrived, nobody asked yet */
    unsigned n_receives;
    size_t send_charge, receive_charge; /* bytes of the buffers in use */
    uint64_t n_dropped;
    enum spd_err pending_error; /* an ICMP error no receive has told yet */
    bool stamp_by_counter;
    struct sim_stamp *stamps;
    size_t n_stamps, stamps_capacity;
    struct sim_icmp_error *icmp;
    size_t n_icmp, icmp_capacity;
};

struct sim_op *sim_op_of(struct spd_op *op);
/* Queue its completion for wait. */
void sim_port_ready(struct spd_cport *port, struct sim_op *op, enum spd_err err, uint32_t n_bytes);
/* Take it from the list it is in, and complete it with CANCELLED. */
void sim_port_cancel(struct spd_cport *port, struct sim_op *op);

/* The address that a socket sends from towards another host. */
struct spd_addr sim_udp_source(const struct spd_udp *udp, const struct spd_addr *to);
/* Hand an operation over; false when the send buffer has no room for it. */
bool sim_udp_hand_over(struct spd_udp *udp, struct sim_op *op);
/* Hand over what waits for room; returns how many. */
size_t sim_udp_push(struct spd_udp *udp);
void sim_udp_cancel_all(struct spd_udp *udp);
void sim_udp_stamp(struct spd_udp *udp, spd_ns sched_ns, spd_ns sent_ns);
/* Something about switches in the middle of a commit. */
void sim_sched_commit_begins(unsigned host, size_t n_sends);
void sim_sched_sent(unsigned host, size_t n_so_far);

/* ---- the world ---- */

struct sim_thread_note;

struct sim_world {
    spd_ns now_ns;
    unsigned current_host;
    uint64_t random_state;
    struct sim_costs costs;
    struct sim_event **heap;
    size_t n_events, heap_capacity;
    uint64_t next_order;
    uint64_t next_id;
    struct sim_host *hosts[SIM_HOST_MAX + 1];
    struct sim_node sockets;
    struct sim_node threads; /* started, not yet run */
    bool something_happened; /* actors are due */
    bool in_actor;
    size_t n_alive;
};
extern struct sim_world sim_the_world;
struct sim_world *sim_world(void); /* made when there is none */

/* Run what is due until now. */
void sim_run_due(void);
/* Move time to the next event, at most to limit; false without an event. */
bool sim_step_to(spd_ns limit_ns);
spd_ns sim_saturating_add(spd_ns a, spd_ns b);
/* Run one noted thread; false when there is none. */
bool sim_thread_run_one(void);
uint64_t sim_random_below(uint64_t bound);
bool sim_random_ppm(uint32_t ppm);

/* Count a call; not OK when it was told to fail. */
enum spd_err sim_call_begins(enum sim_call call);
/* NULL when told to fail; otherwise zeroed memory. */
void *sim_contract_alloc(size_t n_bytes);
/* For the simulator itself: never NULL. */
void *sim_alloc(size_t n_bytes);
void *sim_grow(void *old, size_t n_bytes);

/* One list of plans that a fresh world forgets. */
void sim_trouble_clear(void);
enum spd_err sim_trouble_send(unsigned host);
void sim_console_clear(void);

#endif
