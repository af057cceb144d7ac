/*
 * The reflector, asked by a plain socket on another simulated host: what it
 * answers, how, and what it never answers.
 */
#include "common/engine/reflector.h"

#include "common/base/cursor.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"
#include "tests/support/sim.h"
#include "tests/unit/unit.h"

#define CLIENT      1u
#define REFLECTOR   2u
#define LONGEST     9216u
#define CLIENT_PORT 40000u

/* ---- the stage ---- */

struct posted {
    unsigned n;
    uintptr_t key;
    uint32_t n_bytes;
};

static void on_post(void *context, const struct spd_completion *completion)
{
    struct posted *posted = context;

    posted->n++;
    posted->key = completion->key;
    posted->n_bytes = completion->n_bytes;
}

struct stage {
    struct spd_cport *reflector_port;
    struct spd_reflector *reflector;
    struct spd_cport *client_port;
    struct spd_udp *client;
    struct spd_op receive;
    uint8_t received[65536];
    struct spd_udp_meta meta;
    struct posted posted; /* to the reflector, by others */
};

static void reflect(void *argument)
{
    struct stage *stage = argument;

    while (spd_reflector_step(stage->reflector, 0, on_post, &stage->posted) == SPD_ERR_OK)
        continue;
}

static void open_client(struct stage *stage, const struct spd_addr *local, unsigned host)
{
    const struct spd_cport_config port = { .single_owner = true };
    const struct spd_udp_config config = { .local = *local,
                                           .tclass = -1,
                                           .ttl = 255,
                                           .max_datagram_bytes = sizeof(stage->received),
                                           .want_receive_details = true };
    struct spd_diag diag;

    sim_set_current_host(host);
    assert_int_equal(spd_cport_create(&port, &stage->client_port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_udp_open(stage->client_port, 1, &config, &stage->client, &diag),
                     SPD_ERR_OK);
    spd_op_init(&stage->receive);
}

static void stage_set_with(struct stage *stage, const struct spd_reflector_config *config,
                           const struct spd_addr *client, unsigned client_host)
{
    const struct spd_cport_config port = { .single_owner = true };
    struct spd_diag diag = { 0 };

    memset(stage, 0, sizeof(*stage));
    sim_set_current_host(REFLECTOR);
    assert_int_equal(spd_cport_create(&port, &stage->reflector_port, &diag), SPD_ERR_OK);
    if (spd_reflector_create(stage->reflector_port, 1, config, &stage->reflector, &diag))
        fail_msg("no reflector: %s", diag.text);
    sim_add_actor(REFLECTOR, 0, reflect, stage);
    open_client(stage, client, client_host);
}

static void stage_set(struct stage *stage, const struct spd_reflector_config *config,
                      const struct spd_addr *client)
{
    stage_set_with(stage, config, client, CLIENT);
}

static void close_client(struct stage *stage)
{
    struct spd_completion completion;
    size_t n;

    spd_udp_close(stage->client);
    spd_cport_close(stage->client_port);
    while (spd_cport_wait(stage->client_port, &completion, 1, &n, 0) == SPD_ERR_OK)
        continue;
    spd_cport_destroy(stage->client_port);
}

static void stage_strike(struct stage *stage)
{
    close_client(stage);
    sim_set_current_host(REFLECTOR);
    spd_reflector_destroy(stage->reflector);
    spd_cport_close(stage->reflector_port);
    spd_cport_destroy(stage->reflector_port);
    assert_int_equal(sim_n_alive(), 0);
    sim_destroy();
}

static void send_bytes(struct stage *stage, const void *bytes, size_t n_bytes,
                       const struct spd_udp_send_options *options)
{
    struct spd_completion completion;
    struct spd_op op;
    size_t n;

    spd_op_init(&op);
    assert_int_equal(spd_udp_queue_send(stage->client, &op, bytes, n_bytes, options), SPD_ERR_OK);
    assert_int_equal(spd_cport_commit(stage->client_port, NULL), SPD_ERR_OK);
    while (op.in_flight)
        assert_int_equal(spd_cport_wait(stage->client_port, &completion, 1, &n, 0), SPD_ERR_OK);
}

/* The answer's length; -1 when there is none. */
static long answer_to(struct stage *stage, const void *bytes, size_t n_bytes,
                      const struct spd_udp_send_options *options)
{
    struct spd_completion completion;
    size_t n;

    send_bytes(stage, bytes, n_bytes, options);
    if (!stage->receive.in_flight)
        assert_int_equal(spd_udp_queue_receive(stage->client, &stage->receive, stage->received,
                                               sizeof(stage->received), &stage->meta),
                         SPD_ERR_OK);
    if (spd_cport_wait(stage->client_port, &completion, 1, &n, SPD_NS_PER_S) == SPD_ERR_TIMEOUT)
        return -1;
    assert_int_equal(completion.err, SPD_ERR_OK);
    return (long)completion.n_bytes;
}

static struct spd_addr reflector_address(void)
{
    return sim_addr4(REFLECTOR, SPD_STAMP_DEFAULT_PORT);
}

static struct spd_addr client_address(void)
{
    return sim_addr4(CLIENT, CLIENT_PORT);
}

static struct spd_reflector_config config_of(const struct spd_addr *listen)
{
    return (struct spd_reflector_config){ .listen = listen,
                                          .n_listen = 1,
                                          .reply_dscp = SPD_REFLECTOR_REPLY_DSCP_COPY };
}

/* Ask the reflector on its address. */
static long ask(struct stage *stage, const void *bytes, size_t n_bytes)
{
    struct spd_addr to = reflector_address();
    struct spd_udp_send_options options = { .to = &to, .tclass = -1 };

    return answer_to(stage, bytes, n_bytes, &options);
}

static void write_request(uint8_t *packet, size_t n_bytes, uint32_t seq, uint16_t ssid)
{
    struct spd_stamp_request request = { seq, UINT64_C(0x1122334455667788),
                                         SPD_ERROR_ESTIMATE_UNKNOWN, ssid };
    uint8_t base[SPD_STAMP_BYTES] = { 0 };

    assert_int_equal(spd_stamp_write_request(base, sizeof(base), &request), SPD_ERR_OK);
    for (size_t i = 0; i < n_bytes; i++)
        packet[i] = i < sizeof(base) ? base[i] : (uint8_t)(i * 7 + 1);
}

static struct spd_stamp_reply reply_of(const struct stage *stage, long n_bytes)
{
    struct spd_stamp_reply reply;

    assert_true(n_bytes >= SPD_STAMP_BYTES);
    assert_int_equal(spd_stamp_read_reply(stage->received, (size_t)n_bytes, &reply), SPD_ERR_OK);
    return reply;
}

static struct spd_reflector_counters counters_of(struct stage *stage)
{
    struct spd_reflector_counters counters;

    spd_reflector_counters(stage->reflector, &counters);
    return counters;
}

/* ---- sizes ---- */

static void answers_have_the_size_that_the_rfc_says(void **state)
{
    static const struct {
        size_t request;
        long reply; /* -1: none */
    } rows[] = {
        { 0, -1 },           { 1, -1 },     { 13, -1 },     { 14, 44 },     { 15, 44 },
        { 16, 44 },          { 41, 44 },    { 43, 44 },     { 44, 44 },     { 45, 45 },
        { 64, 64 },          { 484, 484 },  { 1472, 1472 }, { 9215, 9215 }, { LONGEST, LONGEST },
        { LONGEST + 1, -1 }, { 20000, -1 },
    };
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct spd_reflector_counters c;
    struct stage stage;
    static uint8_t packet[20000];
    unsigned n_short = 0, n_long = 0, n_answers = 0;

    (void)state;
    stage_set(&stage, &config, &client);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        char row[32];
        long n;

        snprintf(row, sizeof(row), "%zu bytes", rows[i].request);
        write_request(packet, rows[i].request, (uint32_t)i, 99);
        n = ask(&stage, packet, rows[i].request);
        CHECK_ROW_INT(row, n, rows[i].reply);
        n_short += rows[i].request < 14;
        n_long += rows[i].request > LONGEST;
        n_answers += n >= 0;
        if (n < 0)
            continue;
        CHECK_ROW_INT(row, reply_of(&stage, n).sender_seq, i);
        /* Octets 14 and 15 only count where they were sent. */
        CHECK_ROW_INT(row, reply_of(&stage, n).ssid, rows[i].request >= 16 ? 99 : 0);
        if (n > SPD_STAMP_BYTES)
            CHECK_ROW(row, memcmp(stage.received + 44, packet + 44, (size_t)n - 44) == 0);
    }
    c = counters_of(&stage);
    assert_int_equal(c.n_received, N_ROWS(rows));
    assert_int_equal(c.n_malformed, n_short);
    assert_int_equal(c.n_truncated, n_long);
    assert_int_equal(c.n_reflected, n_answers);
    stage_strike(&stage);
}

static void fields_of_the_request_come_back(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct spd_stamp_reply reply;
    struct stage stage;
    uint8_t packet[60];
    spd_ns asked_ns;
    spd_wall now, t2, t3;
    long n;

    (void)state;
    stage_set(&stage, &config, &client);
    sim_path_set(CLIENT, REFLECTOR, &(struct sim_link){ .delay_ns = 3000000, .hops = 7 });
    write_request(packet, sizeof(packet), 0xDEADBEEF, 0xABCD);
    packet[12] = 0x8F;
    packet[13] = 0x84;
    asked_ns = sim_now_ns();
    n = ask(&stage, packet, sizeof(packet));
    reply = reply_of(&stage, n);
    assert_int_equal(reply.seq, 0xDEADBEEF); /* stateless: a copy */
    assert_int_equal(reply.sender_seq, 0xDEADBEEF);
    assert_int_equal(reply.ssid, 0xABCD);
    assert_true(reply.sender_timestamp == UINT64_C(0x1122334455667788));
    assert_int_equal(reply.sender_error_estimate, 0x8F84);
    assert_true(reply.sender_ttl_known);
    assert_int_equal(reply.sender_ttl, 255 - 7);
    now = (spd_wall){ sim_true_wall_ns(sim_now_ns()) };
    assert_int_equal(spd_stamptime_to_wall(reply.receive_timestamp, reply.error_estimate, now, &t2),
                     SPD_ERR_OK);
    assert_int_equal(spd_stamptime_to_wall(reply.timestamp, reply.error_estimate, now, &t3),
                     SPD_ERR_OK);
    assert_int_equal(t2.ns, sim_wall_at(REFLECTOR, asked_ns + 3000000));
    assert_true(t3.ns >= t2.ns);
    /* RFC 8762 section 4.3.1: the MBZ octets are zero. */
    assert_memory_equal(stage.received + 38, ((uint8_t[]){ 0, 0 }), 2);
    assert_memory_equal(stage.received + 41, ((uint8_t[]){ 0, 0, 0 }), 3);
    /* RFC 5357 section 4.2.1: replies leave with 255. */
    assert_int_equal(stage.meta.ttl, 255 - 7);
    stage_strike(&stage);
}

static void clock_that_is_synchronised_says_so_with_its_error(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct sim_host_config host = { .synchronised = 1, .max_error_ns = 1000000 };
    struct stage stage;
    uint8_t packet[44];
    bool synchronised, ptp;
    spd_ns error_ns;

    (void)state;
    sim_host_set(REFLECTOR, &host);
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 1, 1);
    assert_int_equal(
        spd_error_estimate_decode(reply_of(&stage, ask(&stage, packet, 44)).error_estimate,
                                  &synchronised, &ptp, &error_ns),
        SPD_ERR_OK);
    assert_true(synchronised);
    assert_false(ptp);
    assert_in_range(error_ns, 1000000, 1100000);
    /* It loses that, and says so within two seconds. */
    host.synchronised = 0;
    sim_host_set(REFLECTOR, &host);
    sim_advance(2 * SPD_NS_PER_S);
    (void)ask(&stage, packet, 44);
    sim_advance(2 * SPD_NS_PER_S);
    assert_int_equal(reply_of(&stage, ask(&stage, packet, 44)).error_estimate & 0x8000, 0);
    stage_strike(&stage);
}

/* A system that tells nothing of a datagram but its sender. */
static void unknown_details_are_stated_as_such(void **state)
{
    struct spd_addr listen = { .family = SPD_FAMILY_IPV4, .port = 862 };
    struct spd_addr client = client_address(), to = reflector_address();
    struct spd_reflector_config config = config_of(&listen);
    struct sim_host_config host = { .deny_receive_details = true };
    struct spd_udp_send_options options = { .to = &to, .tclass = 46 << 2 };
    struct stage stage;
    uint8_t packet[44];
    long n;

    (void)state;
    sim_host_set(REFLECTOR, &host);
    config.stateful = true;
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 4, 4);
    n = answer_to(&stage, packet, sizeof(packet), &options);
    /* RFC 5357 section 4.2.1: 255 when the TTL cannot be read. */
    assert_int_equal(reply_of(&stage, n).sender_ttl, 255);
    assert_int_equal(reply_of(&stage, n).seq, 0);
    assert_int_equal(stage.meta.tclass, 0);
    assert_int_equal(reply_of(&stage, answer_to(&stage, packet, sizeof(packet), &options)).seq, 1);
    stage_strike(&stage);
}

/* ---- what is never answered ---- */

static void what_is_no_request_is_counted_and_not_answered(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct stage stage;
    uint8_t packet[44];

    (void)state;
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 5, 5);
    packet[13] = 0; /* RFC 4656 section 4.1.2: a Multiplier of 0 is corrupt */
    assert_int_equal(ask(&stage, packet, sizeof(packet)), -1);
    assert_int_equal(counters_of(&stage).n_malformed, 1);
    stage_strike(&stage);
}

struct loop_row {
    const char *name;
    uint16_t reflector_port, client_port;
    bool answered;
};

static const struct loop_row loop_rows[] = {
    { "from any port", 862, 40000, true },
    { "from the well-known port", 862, 862, false },
    { "from the well-known port to another one", 8620, 862, false },
    { "from our own port number", 8620, 8620, false },
    { "from another one", 8620, 8621, true },
};

static void reflectors_never_answer_each_other(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(loop_rows); i++) {
        const struct loop_row *row = &loop_rows[i];
        struct spd_addr listen = sim_addr4(REFLECTOR, row->reflector_port);
        struct spd_addr client = sim_addr4(CLIENT, row->client_port);
        struct spd_reflector_config config = config_of(&listen);
        struct spd_udp_send_options options = { .to = &listen, .tclass = -1 };
        struct stage stage;
        uint8_t packet[44];

        stage_set(&stage, &config, &client);
        write_request(packet, sizeof(packet), 1, 1);
        CHECK_ROW_INT(row->name, answer_to(&stage, packet, sizeof(packet), &options),
                      row->answered ? 44 : -1);
        CHECK_ROW_INT(row->name, counters_of(&stage).n_loops, !row->answered);
        stage_strike(&stage);
    }
}

/* One that listens on some other port: our reply comes back as its reply, or as
 * it is from an echo service. */
static void what_came_from_us_is_not_answered_again(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    uint8_t first[100], again[100], padded[100];
    struct spd_stamp_reply reply,
        other = { .seq = 5, .error_estimate = 1, .sender_ttl_known = true };
    struct stage stage;
    size_t n;

    (void)state;
    stage_set(&stage, &config, &client);
    write_request(first, sizeof(first), 7, 3);
    reply = reply_of(&stage, ask(&stage, first, sizeof(first)));
    memcpy(again, stage.received, sizeof(again));
    assert_int_equal(ask(&stage, again, sizeof(again)), -1);                  /* the echo */
    other.timestamp = other.receive_timestamp = UINT64_C(0x1111222233334444); /* another clock */
    other.sender_timestamp = reply.timestamp;
    other.sender_seq = reply.seq;
    assert_int_equal(spd_stamp_write_reply(again, sizeof(again), sizeof(again), &other, &n),
                     SPD_ERR_OK);
    memset(again + 41, 0xA5, 3); /* of TWAMP: padding follows the TTL */
    assert_int_equal(ask(&stage, again, sizeof(again)), -1);
    assert_int_equal(counters_of(&stage).n_loops, 2);
    /* A sender with padding of any kind is no reflector, nor one that echoes old stamps. */
    for (int fill = 0; fill < 256; fill++) {
        write_request(padded, sizeof(padded), (uint32_t)fill, 3);
        memset(padded + 16, fill, sizeof(padded) - 16);
        assert_int_equal(ask(&stage, padded, sizeof(padded)), sizeof(padded));
    }
    again[38] = 1; /* no reflector: the octets before the TTL are zero */
    assert_int_equal(ask(&stage, again, sizeof(again)), sizeof(again));
    again[38] = 0;
    sim_advance(10 * SPD_NS_PER_S);
    assert_int_equal(ask(&stage, again, sizeof(again)), sizeof(again));
    assert_int_equal(counters_of(&stage).n_loops, 2);
    stage_strike(&stage);
}

static void reflector_on_several_ports_does_not_talk_to_itself(void **state)
{
    struct spd_addr listen[2] = { sim_addr4(REFLECTOR, 5001), sim_addr4(REFLECTOR, 5002) };
    struct spd_addr client = sim_addr4(CLIENT, 5002);
    struct spd_reflector_config config = config_of(listen);
    struct spd_udp_send_options options = { .to = &listen[0], .tclass = -1 };
    struct stage stage;
    uint8_t packet[44];

    (void)state;
    config.n_listen = 2;
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 1, 1);
    assert_int_equal(answer_to(&stage, packet, sizeof(packet), &options), -1);
    assert_int_equal(counters_of(&stage).n_loops, 1);
    stage_strike(&stage);
}

/* ---- limits ---- */

static void limits_refuse_and_are_counted_by_reason(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct spd_network allow;
    struct spd_reflector_counters c;
    struct spd_addr stranger = { .family = SPD_FAMILY_IPV4,
                                 .port = 9,
                                 .bytes = { 203, 0, 113, 9 } };
    struct spd_udp_send_options forged = { .to = &listen, .from = &stranger, .tclass = -1 };
    uint8_t packet[44];
    struct stage stage;

    (void)state;
    assert_true(spd_network_parse("10.0.0.0/8", &allow));
    config.allow = &allow;
    config.n_allow = 1;
    config.source_rate = 5;
    config.total_rate = 100;
    config.source_sessions = 2;
    config.stateful = true;
    config.never_larger = true;
    stage_set(&stage, &config, &client);
    allow = (struct spd_network){ 0 }; /* it keeps its own */
    write_request(packet, sizeof(packet), 1, 1);
    assert_int_equal(answer_to(&stage, packet, sizeof(packet), &forged), -1);
    assert_int_equal(ask(&stage, packet, 43), -1);
    for (uint16_t ssid = 1; ssid <= 3; ssid++) {
        write_request(packet, sizeof(packet), 1, ssid);
        assert_int_equal(ask(&stage, packet, sizeof(packet)), ssid <= 2 ? 44 : -1);
    }
    write_request(packet, sizeof(packet), 1, 1);
    for (int i = 0; i < 4; i++)
        assert_int_equal(ask(&stage, packet, sizeof(packet)), 44);
    /* Time passed while there was no answer: wait for that to be used up. */
    while (ask(&stage, packet, sizeof(packet)) == 44)
        continue;
    c = counters_of(&stage);
    assert_int_equal(c.n_not_allowed, 1);
    assert_int_equal(c.n_short, 1);
    assert_int_equal(c.n_source_sessions_refused, 1);
    assert_int_equal(c.n_over_source_rate, 1);
    assert_int_equal(c.n_over_total_rate, 0);
    assert_int_equal(c.n_sessions, 2);
    stage_strike(&stage);
}

static void total_limit_is_counted(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    uint8_t packet[44];
    struct stage stage;

    (void)state;
    config.total_rate = 2;
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 1, 1);
    for (int i = 0; i < 2; i++)
        (void)ask(&stage, packet, sizeof(packet));
    assert_int_equal(counters_of(&stage).n_over_total_rate, 1);
    stage_strike(&stage);
}

static void limits_that_cannot_be_are_refused(void **state)
{
    struct spd_cport_config port_config = { .single_owner = true };
    struct spd_addr listen = reflector_address();
    struct spd_reflector_config config = config_of(&listen);
    struct spd_reflector *reflector = NULL;
    struct spd_cport *port;
    struct spd_diag diag = { 0 };

    (void)state;
    config.total_rate = UINT32_MAX;
    sim_set_current_host(REFLECTOR);
    assert_int_equal(spd_cport_create(&port_config, &port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_reflector_create(port, 1, &config, &reflector, &diag), SPD_ERR_INVALID);
    assert_non_null(strstr(diag.text, "10000000"));
    assert_null(reflector);
    spd_cport_close(port);
    spd_cport_destroy(port);
    sim_destroy();
}

/* A forged sender must not make us answer to everybody, or to nobody. */
static void senders_that_are_no_host_are_not_answered(void **state)
{
    static const struct {
        const char *name;
        struct spd_addr from;
    } rows[] = {
        { "multicast", { .family = SPD_FAMILY_IPV4, .bytes = { 224, 0, 0, 1 } } },
        { "broadcast", { .family = SPD_FAMILY_IPV4, .bytes = { 255, 255, 255, 255 } } },
        { "no address", { .family = SPD_FAMILY_IPV4 } },
    };
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct stage stage;
    uint8_t packet[44];

    (void)state;
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 1, 1);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_udp_send_options options = { .to = &listen,
                                                .from = &rows[i].from,
                                                .tclass = -1 };

        CHECK_ROW_INT(rows[i].name, answer_to(&stage, packet, sizeof(packet), &options), -1);
        CHECK_ROW_INT(rows[i].name, counters_of(&stage).n_loops, i + 1);
        CHECK_ROW_INT(rows[i].name, counters_of(&stage).n_reflected, 0);
    }
    stage_strike(&stage);
}

/* ---- numbers ---- */

static uint32_t number_of_answer(struct stage *stage, uint32_t seq, uint16_t ssid)
{
    uint8_t packet[44];

    write_request(packet, sizeof(packet), seq, ssid);
    return reply_of(stage, ask(stage, packet, sizeof(packet))).seq;
}

static void stateful_reflector_numbers_its_replies_per_session(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct stage stage;

    (void)state;
    config.stateful = true;
    stage_set(&stage, &config, &client);
    for (uint32_t k = 0; k < 5; k++) {
        assert_int_equal(number_of_answer(&stage, 100 + 3 * k, 1), k);
        assert_int_equal(number_of_answer(&stage, 7, 2), k);
        assert_int_equal(number_of_answer(&stage, 0, 0), k);
    }
    assert_int_equal(counters_of(&stage).n_sessions, 3);
    /* What gets no answer takes no number. */
    (void)ask(&stage, "short", 5);
    assert_int_equal(number_of_answer(&stage, 1, 1), 5);
    stage_strike(&stage);
}

static void session_limit_and_idle_time_out_hold(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct stage stage;
    uint8_t packet[44];

    (void)state;
    config.stateful = true;
    config.max_sessions = 2;
    config.idle_timeout_ns = 30 * SPD_NS_PER_S;
    stage_set(&stage, &config, &client);
    assert_int_equal(number_of_answer(&stage, 0, 1), 0);
    assert_int_equal(number_of_answer(&stage, 0, 2), 0);
    write_request(packet, sizeof(packet), 0, 3);
    assert_int_equal(ask(&stage, packet, sizeof(packet)), -1);
    assert_int_equal(counters_of(&stage).n_sessions_refused, 1);
    sim_advance(20 * SPD_NS_PER_S);
    assert_int_equal(number_of_answer(&stage, 1, 1), 1);
    sim_advance(15 * SPD_NS_PER_S);
    /* The second has been silent for 35 s; the first has not. */
    assert_int_equal(number_of_answer(&stage, 0, 3), 0);
    assert_int_equal(number_of_answer(&stage, 2, 1), 2);
    assert_int_equal(counters_of(&stage).n_sessions, 2);
    /* All go when nobody asks any more, and a new start counts from 0. */
    sim_advance(100 * SPD_NS_PER_S);
    assert_int_equal(number_of_answer(&stage, 9, 1), 0);
    assert_int_equal(counters_of(&stage).n_sessions, 1);
    assert_true(counters_of(&stage).n_sessions_expired >= 1);
    stage_strike(&stage);
}

/* ---- marking ---- */

struct dscp_row {
    const char *name;
    int policy;
    int request; /* traffic class */
    int reply;
};

static const struct dscp_row dscp_rows[] = {
    { "copied", SPD_REFLECTOR_REPLY_DSCP_COPY, 46 << 2, 46 << 2 },
    { "copied without ECN", SPD_REFLECTOR_REPLY_DSCP_COPY, 46 << 2 | 3, 46 << 2 },
    { "nothing to copy", SPD_REFLECTOR_REPLY_DSCP_COPY, 0, 0 },
    { "ECN alone", SPD_REFLECTOR_REPLY_DSCP_COPY, 1, 0 },
    { "the largest", SPD_REFLECTOR_REPLY_DSCP_COPY, 255, 252 },
    { "always zero", 0, 46 << 2, 0 },
    { "always AF41", 34, 46 << 2 | 2, 34 << 2 },
    { "always AF41, unmarked", 34, 0, 34 << 2 },
};

static void replies_are_marked_as_the_policy_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(dscp_rows); i++) {
        const struct dscp_row *row = &dscp_rows[i];
        struct spd_addr listen = reflector_address(), client = client_address();
        struct spd_reflector_config config = config_of(&listen);
        struct spd_udp_send_options options = { .to = &listen, .tclass = row->request };
        struct stage stage;
        uint8_t packet[44];

        config.reply_dscp = row->policy;
        stage_set(&stage, &config, &client);
        write_request(packet, sizeof(packet), 1, 1);
        CHECK_ROW_INT(row->name, answer_to(&stage, packet, sizeof(packet), &options), 44);
        CHECK_ROW_INT(row->name, stage.meta.tclass, row->reply);
        stage_strike(&stage);
    }
}

/* ---- addresses ---- */

/* A host has many loopback addresses: of all that it has, the one that was asked
 * is the one that answers. */
static void replies_come_from_the_address_that_was_asked(void **state)
{
    struct spd_addr listens[] = {
        { .family = SPD_FAMILY_IPV4, .port = 862 }, /* the wildcard */
        { .family = SPD_FAMILY_IPV6, .port = 862 },
        { .family = SPD_FAMILY_IPV4, .port = 8620 },
    };
    const struct {
        const char *name;
        struct spd_addr to, client;
        unsigned client_host;
    } rows[] = {
        { "wildcard over IPv4", sim_addr4(REFLECTOR, 862), sim_addr4(CLIENT, CLIENT_PORT), CLIENT },
        { "wildcard over IPv6", sim_addr6(REFLECTOR, 862), sim_addr6(CLIENT, CLIENT_PORT), CLIENT },
        { "another port", sim_addr4(REFLECTOR, 8620), sim_addr4(CLIENT, CLIENT_PORT), CLIENT },
        { "one loopback address asked by another",
          { .family = SPD_FAMILY_IPV4, .bytes = { 127, 0, 0, 5 }, .port = 862 },
          { .family = SPD_FAMILY_IPV4, .bytes = { 127, 0, 0, 1 }, .port = CLIENT_PORT },
          REFLECTOR },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_reflector_config config = { .listen = listens,
                                               .n_listen = N_ROWS(listens),
                                               .reply_dscp = SPD_REFLECTOR_REPLY_DSCP_COPY };
        struct spd_udp_send_options options = { .to = &rows[i].to, .tclass = -1 };
        struct spd_udp_facts facts;
        struct stage stage;
        uint8_t packet[44];

        stage_set_with(&stage, &config, &rows[i].client, rows[i].client_host);
        for (size_t k = 0; k < N_ROWS(listens); k++) {
            spd_reflector_facts(stage.reflector, k, &facts);
            CHECK_ROW_INT(rows[i].name, facts.local.port, listens[k].port);
        }
        write_request(packet, sizeof(packet), 1, 1);
        CHECK_ROW_INT(rows[i].name, answer_to(&stage, packet, sizeof(packet), &options), 44);
        CHECK_ROW(rows[i].name, spd_addr_equal(&stage.meta.from, &rows[i].to));
        stage_strike(&stage);
    }
}

static void address_that_cannot_be_listened_on_is_refused_whole(void **state)
{
    struct spd_addr listens[] = { sim_addr4(REFLECTOR, 862), sim_addr4(REFLECTOR, 863),
                                  sim_addr4(REFLECTOR, 862) };
    struct spd_reflector_config config = { .listen = listens, .n_listen = N_ROWS(listens) };
    const struct spd_cport_config port_config = { .single_owner = true };
    struct spd_reflector *reflector = NULL;
    struct spd_diag diag = { 0 };
    struct spd_cport *port;

    (void)state;
    sim_create(1);
    sim_set_current_host(REFLECTOR);
    assert_int_equal(spd_cport_create(&port_config, &port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_reflector_create(port, 1, &config, &reflector, &diag), SPD_ERR_IN_USE);
    assert_non_null(strstr(diag.text, ":862"));
    assert_null(reflector);
    assert_int_equal(sim_n_alive(), 1); /* the port */
    spd_cport_close(port);
    spd_cport_destroy(port);
    sim_destroy();
}

/* ---- posts, closing, noise ---- */

static void posts_of_others_are_handed_on(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct stage stage;

    (void)state;
    stage_set(&stage, &config, &client);
    sim_set_current_host(REFLECTOR);
    assert_int_equal(spd_reflector_step(stage.reflector, 0, on_post, &stage.posted),
                     SPD_ERR_TIMEOUT);
    assert_int_equal(spd_cport_post(stage.reflector_port, 77, 88, NULL), SPD_ERR_OK);
    /* Also one that bears a key of the reflector's own. */
    assert_int_equal(spd_cport_post(stage.reflector_port, 1, 99, NULL), SPD_ERR_OK);
    reflect(&stage);
    assert_int_equal(stage.posted.n, 2);
    assert_int_equal(stage.posted.key, 1);
    assert_int_equal(stage.posted.n_bytes, 99);
    spd_cport_close(stage.reflector_port);
    reflect(&stage);
    assert_int_equal(spd_reflector_step(stage.reflector, 0, NULL, NULL), SPD_ERR_CLOSED);
    stage_strike(&stage);
}

/* Any bytes of any length: never an answer longer than the request, but for the
 * 44 octets of the base packet; never a crash. */
static void noise_is_never_amplified(void **state)
{
    static uint8_t packet[12000];
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct spd_reflector_counters c;
    struct stage stage;
    uint64_t n_sent = 0;

    (void)state;
    sim_create(99);
    config.stateful = true;
    config.max_sessions = 20;
    stage_set(&stage, &config, &client);
    for (int round = 0; round < 3000; round++) {
        size_t n = (size_t)(sim_random() % (round % 10 ? 100 : sizeof(packet)));
        long answer;

        for (size_t i = 0; i < n; i++)
            packet[i] = (uint8_t)sim_random();
        answer = ask(&stage, packet, n);
        n_sent++;
        assert_true(answer <= (long)(n < 44 ? 44 : n));
        assert_true(n >= 14 || answer == -1);
        if (answer > 44)
            assert_memory_equal(stage.received + 44, packet + 44, (size_t)answer - 44);
    }
    c = counters_of(&stage);
    assert_int_equal(c.n_received, n_sent);
    assert_int_equal(c.n_received, c.n_reflected + c.n_malformed + c.n_truncated +
                                       c.n_sessions_refused + c.n_loops + c.n_send_failed);
    assert_true(c.n_sessions <= 20 && c.n_sessions_refused > 0);
    stage_strike(&stage);
}

/* A reply that cannot leave is counted, and its receive goes on serving. */
static void failed_replies_are_counted_and_cost_no_receive(void **state)
{
    struct spd_addr listen = reflector_address(), client = client_address();
    struct spd_reflector_config config = config_of(&listen);
    struct stage stage;
    uint8_t packet[44];

    (void)state;
    config.n_receives = 2;
    stage_set(&stage, &config, &client);
    write_request(packet, sizeof(packet), 1, 1);
    for (uint32_t k = 0; k < 20; k++) {
        sim_fail_send(REFLECTOR, 0, k % 2 ? SPD_ERR_NO_BUFFERS : SPD_ERR_PERM);
        assert_int_equal(ask(&stage, packet, sizeof(packet)), -1);
    }
    assert_int_equal(counters_of(&stage).n_send_failed, 20);
    assert_int_equal(ask(&stage, packet, sizeof(packet)), 44);
    /* Nor does a client that is gone: its ICMP error comes back here. */
    stage_strike(&stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_the_size_that_the_rfc_says),
        cmocka_unit_test(fields_of_the_request_come_back),
        cmocka_unit_test(clock_that_is_synchronised_says_so_with_its_error),
        cmocka_unit_test(unknown_details_are_stated_as_such),
        cmocka_unit_test(what_is_no_request_is_counted_and_not_answered),
        cmocka_unit_test(reflectors_never_answer_each_other),
        cmocka_unit_test(what_came_from_us_is_not_answered_again),
        cmocka_unit_test(reflector_on_several_ports_does_not_talk_to_itself),
        cmocka_unit_test(limits_refuse_and_are_counted_by_reason),
        cmocka_unit_test(total_limit_is_counted),
        cmocka_unit_test(limits_that_cannot_be_are_refused),
        cmocka_unit_test(senders_that_are_no_host_are_not_answered),
        cmocka_unit_test(stateful_reflector_numbers_its_replies_per_session),
        cmocka_unit_test(session_limit_and_idle_time_out_hold),
        cmocka_unit_test(replies_are_marked_as_the_policy_says),
        cmocka_unit_test(replies_come_from_the_address_that_was_asked),
        cmocka_unit_test(address_that_cannot_be_listened_on_is_refused_whole),
        cmocka_unit_test(posts_of_others_are_handed_on),
        cmocka_unit_test(noise_is_never_amplified),
        cmocka_unit_test(failed_replies_are_counted_and_cost_no_receive),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
