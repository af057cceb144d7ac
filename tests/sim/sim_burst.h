/*
 * Runs a whole burst test in the simulator: a real session on host 1, a real
 * reflector on host 2, and the truth about every packet to compare with.
 *
 *     struct sim_burst b;
 *     sim_burst_run(&b, &(struct sim_burst_scenario){ .forward = { ... } });
 *     sim_burst_check("row", &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
 *     sim_burst_destroy(&b);
 *
 * Everything in a scenario counts from the first turn, the moment before the
 * first burst leaves: positions in lists, times of steps and outages. The
 * discovery before it passes a perfect network, unless from_start is set.
 */
#ifndef SPD_TESTS_SIM_SIM_BURST_H
#define SPD_TESTS_SIM_SIM_BURST_H

#include "common/analysis/summary.h"
#include "common/engine/plan.h"
#include "common/engine/reflector.h"
#include "common/engine/session.h"
#include "tests/support/sim.h"

#define SIM_BURST_SENDER    1u
#define SIM_BURST_REFLECTOR 2u
#define SIM_BURST_STRANGER  3u
#define SIM_BURST_PORT      862
/* FIRST_GUESS_NS of common/engine/stamp_ahead.c. */
#define SIM_BURST_SEND_NS 2500

/* A sim_list of these positions; constant outside of functions only. */
#define SIM_LIST(...)                                                                              \
    {                                                                                              \
        .indices = (const uint32_t[]){ __VA_ARGS__ },                                              \
        .n = sizeof((const uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t)                          \
    }

struct sim_burst;

/* Zero means the default everywhere. */
struct sim_burst_scenario {
    uint64_t seed; /* default 1 */
    struct sim_link forward;
    struct sim_link reverse;
    struct sim_host_config sender;
    struct sim_host_config reflector;
    struct sim_costs costs;
    /* Sending costs nothing. Otherwise, unless costs say differently, it costs
     * what the reflector thinks before it has learned better, so that the send
     * times in its packets are true. */
    bool instant;
    bool from_start;   /* all of the above holds, and counts, from the world's beginning */
    bool no_reflector; /* nobody listens on host 2 */
    bool stateless;
    bool ipv6;
    bool user_stamps;
    bool spin;
    uint8_t dscp;
    uint32_t n_packets;  /* default 20 */
    uint32_t n_bursts;   /* default 1 */
    uint32_t size_bytes; /* default 512 */
    unsigned n_retries;
    spd_ns gap_ns;       /* default 10 ms */
    spd_ns timeout_ns;   /* default 1 s */
    spd_ns gap_limit_ns; /* default 1 ms */
    unsigned reflector_batch;
    int reply_dscp; /* of the reflector, when reply_dscp_set; else copied */
    bool reply_dscp_set;
    void *context;
    /* In the fresh world, with the reflector and before the session. */
    void (*on_world)(struct sim_burst *burst);
    /* Before turn number `turn` (from 0) is granted; the world may be changed. */
    void (*on_turn)(struct sim_burst *burst, uint32_t turn);
    bool withhold_turns; /* the test grants them itself */
};

struct sim_burst {
    struct sim_burst_scenario scenario; /* with the defaults filled in */
    struct spd_burst_spec spec;
    struct spd_plan plan;
    struct spd_session *session; /* NULL when it could not be created: see err */
    struct spd_cport *reflector_port;
    struct spd_reflector *reflector;
    struct spd_test_record *record; /* of the session */
    struct spd_summary summary;     /* once judged */
    enum spd_err err;               /* of the creation */
    struct spd_diag diag;
    bool finished; /* the session said so */
    uint32_t n_turns, n_turns_over, n_attempts_reported;
    spd_ns first_turn_ns;                      /* true time; -1 before */
    size_t n_forward_before, n_reverse_before; /* packets in the truth before the first turn */
};

/* The world, the reflector and the session. When the session cannot be created
 * err and diag say why. */
void sim_burst_create(struct sim_burst *burst, const struct sim_burst_scenario *scenario);
/* One step of the session; false once it has finished. Fails the test when it
 * does not end within an hour of simulated time. */
bool sim_burst_step(struct sim_burst *burst, spd_ns max_wait_ns);
/* Judge and sum up the finished test, as the program does. */
void sim_burst_judge(struct sim_burst *burst);
/* All of the above to the end. */
void sim_burst_run(struct sim_burst *burst, const struct sim_burst_scenario *scenario);
/* The end of everything; fails the test when anything is left of it. */
void sim_burst_destroy(struct sim_burst *burst);
/* The same without the session's, for tests in which only the reflector dies. */
void sim_burst_kill_reflector(struct sim_burst *burst);

/* What really happened to one packet of the record. */
struct sim_packet_truth {
    const struct sim_truth *request; /* as it was offered; NULL when it never was */
    const struct sim_truth *seen;    /* the request whose reply arrived first */
    const struct sim_truth *reply;   /* the reply that arrived first */
    uint32_t n_requests;             /* that arrived */
    uint32_t n_answers;              /* offered by the reflector */
    uint32_t n_replies;              /* that arrived */
};
/* One for each packet record; free it. Only of packets whose sequence numbers
 * nothing on the way has changed. */
struct sim_packet_truth *sim_burst_truth(const struct sim_burst *burst);
uint32_t sim_truth_seq(const struct sim_truth *truth);        /* of a request */
uint32_t sim_truth_sender_seq(const struct sim_truth *reply); /* that it answers */
uint16_t sim_truth_ssid(const struct sim_truth *truth);

enum sim_check {
    /* Received or lost, and in which direction, is told for every packet. */
    SIM_CHECK_FATES = 1u << 0,
    /* The same, but the direction may be unknown; what is told is true. */
    SIM_CHECK_SOUND = 1u << 1,
    /* The stamps of every answered packet: T1, T2 and T4 by the kernels to the
     * nanosecond, and T3 as far as it can be foretold. */
    SIM_CHECK_STAMPS = 1u << 2,
};
/* Compares the judged record with the truth. Always: how many replies each
 * packet got, and that every reply that arrived was counted somewhere. */
void sim_burst_check(const char *row, const struct sim_burst *burst, unsigned what);

/* How far the send time in a reply may be off: 0 where sending costs what the
 * reflector thinks and its clock runs true. */
spd_ns sim_burst_t3_margin_ns(const struct sim_burst *burst);

#endif
