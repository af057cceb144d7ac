/*
 * Paced flows from one host to one or several reflectors or sinks: packets
 * leave by their schedules, merged by due time, so that the flows of a
 * comparison meet the same network packet by packet. One thread waits in the
 * port until shortly before a packet is due and spins on the counter for the
 * rest; replies are taken meanwhile.
 *
 * A flow is two-way (a STAMP reflector answers), one-way (a receiver logs it) or
 * noise (to a sink; nothing is kept of it but counts).
 */
#ifndef SPD_ENGINE_FLOWS_H
#define SPD_ENGINE_FLOWS_H

#include "common/base/flow.h"
#include "common/base/ring.h"
#include "common/engine/schedule.h"
#include "common/sys/cport.h"

enum spd_flow_kind { SPD_FLOW_TWO_WAY, SPD_FLOW_NOISE, SPD_FLOW_ONE_WAY };

struct spd_flow_spec {
    struct spd_flow_info info;  /* n_packets: of measured flows, 1.. */
    enum spd_flow_kind kind;
    struct spd_schedule_spec schedule;
    spd_ns starts_ns;           /* after the start of the test */
    /* Flows that take turns: each interval has n_turns places at equal distances,
     * and who gets which is drawn anew for each, so that none always comes
     * before another. All have the same interval and turn_seed, and numbers of
     * their own below n_turns; 0: every packet at the interval's begin. */
    uint32_t n_turns;
    uint32_t turn;
    uint64_t turn_seed;
    spd_ns ends_ns;             /* noise: no packet is due later; 0 for ever */
    uint64_t session;           /* one-way: of the mark in packets with room for it; 0: no mark */
    uint32_t n_termination;     /* one-way: packets that end the session, also when cancelled */
    uint16_t source_port;       /* 0: the system chooses */
};

struct spd_flows_spec {
    struct spd_flow_spec flows[SPD_FLOWS_MAX]; /* noise last */
    size_t n_flows;
    char interface_name[64];
    struct spd_addr source;     /* family NONE: the system chooses */
    int64_t start_wall_ns;      /* the test starts then; 0, or past: at once */
    bool zero_padding;          /* of one-way packets: no random octets */
    spd_ns timeout_ns;          /* the test ends when nothing came for so long after the last send */
    spd_ns late_limit_ns;       /* later than its schedule by more: SPD_FLOW_LATE */
    bool kernel_stamps;
    bool spin;                  /* never sleep */
    uint64_t seed;              /* SSIDs and padding */
};

/* What became of one flow besides its records. */
struct spd_flow_counts {
    uint32_t n_sent;
    uint32_t n_not_sent;
    uint32_t n_late;            /* beyond late_limit_ns */
    uint32_t n_returned;
    uint32_t n_duplicates;
    uint32_t n_unexpected;      /* replies that fit no packet */
    uint64_t n_bytes_sent;      /* IP packets */
    uint16_t last_bytes;        /* of the last one: a rate from the first to the last leaves it out */
    spd_ns lateness_max_ns;     /* of what was handed over, also if it failed later */
    spd_ns lateness_sum_ns;
    spd_ns first_sent_ns;       /* counter time of the first and the last packet, from the */
    spd_ns last_sent_ns;        /* start of the test */
    uint64_t n_dropped_local;   /* replies that this host's receive buffer dropped */
    bool ssid_returned;
    uint32_t n_termination;     /* termination packets, in none of the counts above */
    uint32_t n_unreachable;     /* ICMP errors that came back, and the last one */
    enum spd_err unreachable;
};

/* The whole record of a test; see spd_flows_record. */
struct spd_flows_record {
    size_t n_flows;
    struct spd_flow_info info[SPD_FLOWS_MAX];
    enum spd_flow_kind kind[SPD_FLOWS_MAX];
    struct spd_flow_counts counts[SPD_FLOWS_MAX];
    struct spd_flow_packet *packets[SPD_FLOWS_MAX]; /* n_packets[i] in order of sending; NULL for noise */
    uint32_t n_packets[SPD_FLOWS_MAX];              /* taken up to now: sent or failed */
    struct spd_environment environment;
    struct spd_diag outcome;    /* why it ended early, if it did */
    bool interrupted;
    spd_ns duration_ns;         /* first due time to the last send */
    spd_ns clock_step_ns;       /* time of day against counter, from start to end of the test:
                                   steps and slewing of this host's clock together */
    uint64_t seed;
};

/* The SSID that flow i of a test will have. */
uint16_t spd_flows_ssid(const struct spd_flows_spec *spec, size_t i);

struct spd_flows;

enum spd_flows_event {
    SPD_FLOWS_PROGRESS, /* number: per mille of the packets sent */
    SPD_FLOWS_FINISHED,
};
typedef void spd_flows_notify(void *context, enum spd_flows_event event, uint32_t number);

/* Takes all memory. records (or NULL) gets a copy of each packet record once it
 * is complete, in the order of completion; what finds it full comes later, and
 * nothing is left out. Further replies to a packet get records of their own
 * there (SPD_FLOW_DUPLICATE), as long as there is room; all are counted.
 * Errors: RANGE with a diag (sizes, rates), NOMEM, and as spd_cport_create. */
enum spd_err spd_flows_create(const struct spd_flows_spec *spec, struct spd_ring_buffer *records,
                              spd_flows_notify *notify, void *context, struct spd_flows **out,
                              struct spd_diag *diag);

/* As spd_session_step and spd_session_due_in_ns. The first call opens the
 * sockets and becomes the owner of the port. */
bool spd_flows_step(struct spd_flows *flows, spd_ns max_wait_ns);
spd_ns spd_flows_due_in_ns(const struct spd_flows *flows);

/* Any thread: send no more, and end when the replies to what was sent are there
 * or the time-out has passed: replies cut off would look like loss. Called
 * again: end at once. */
void spd_flows_cancel(struct spd_flows *flows);

/* Complete once finished; valid until destroy. */
struct spd_flows_record *spd_flows_record(struct spd_flows *flows);

/* Only when finished, or never stepped. NULL is allowed. */
void spd_flows_destroy(struct spd_flows *flows);

#endif
