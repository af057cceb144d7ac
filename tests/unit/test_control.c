/*
 * The client and the server of OWAMP-Control against each other and against
 * peers that break the rules, octet by octet, without clock or network.
 */
#include "common/engine/control_client.h"
#include "common/engine/control_server.h"
#include "common/wire/ntptime.h"
#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define N        100
#define START_NS INT64_C(1790000000000000000)
#define FAR_PORT 7777

static const uint8_t sid[16] = { 10, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 };

static const struct spd_addr near_addr = { .family = SPD_FAMILY_IPV4,
                                           .port = 40000,
                                           .bytes = { 10, 0, 0, 1 } };
static const struct spd_addr far_addr = { .family = SPD_FAMILY_IPV4,
                                          .port = 861,
                                          .bytes = { 10, 0, 0, 2 } };

/* The host of the server, and what it was asked. */
static struct {
    struct spd_control_server *server;
    struct spd_control_client *client;
    bool ended; /* the server said: close */
    uint8_t answer;
    bool answer_later, stop_later;
    unsigned n_requests, n_stops;
    struct spd_flow_packet packets[4 * N];
    size_t n_packets;
    bool running, marked;
    int64_t discard_after_ns;
    uint8_t sid[16];
    const struct spd_control_session *session;
} host;

static uint8_t on_request(void *context, unsigned i, const struct spd_control_session *session)
{
    (void)context;
    host.n_requests++;
    host.session = session;
    assert_ptr_equal(session, spd_control_server_session(host.server, i));
    if (host.answer == SPD_OWAMP_OK && !host.answer_later)
        spd_control_server_answer(host.server, SPD_OWAMP_OK, FAR_PORT, host.sid);
    return host.answer;
}

static void on_stop(void *context)
{
    (void)context;
    host.n_stops++;
    if (!host.stop_later)
        spd_control_server_stopped(host.server);
}

static bool on_fetch(void *context, const uint8_t wanted[16], struct spd_control_fetch_source *out)
{
    (void)context;
    if (!host.session || memcmp(wanted, host.session->request.sid, 16) != 0)
        return false;
    *out = (struct spd_control_fetch_source){
        .request = &host.session->request,
        .slots = host.session->slots,
        .finished = !host.running,
        .normal = host.session->normally,
        .next_seq = host.session->next_seq,
        .skips = host.session->skips,
        .n_skips = host.session->n_skips,
        .packets = host.packets,
        .n_packets = host.n_packets,
        .error_estimate = 0x0F84,
        .marked = host.marked,
        .discard_after_ns = host.discard_after_ns,
    };
    return true;
}

static void start_server_with(bool refuse)
{
    struct spd_control_server_config config = {
        .host = { NULL, on_request, on_stop, on_fetch },
        .limits = { .n_slots_max = 16, .n_packets_max = 1000, .rate_bps_max = 10000000 },
        .local = far_addr,
        .peer = near_addr,
        .refuse = refuse,
        .start_time = 0xE8FE6F8000000000,
    };

    memset(&host, 0, sizeof(host));
    memcpy(host.sid, sid, 16);
    host.marked = true;
    assert_int_equal(spd_control_server_create(&config, &host.server), SPD_ERR_OK);
}

static void start_server(void)
{
    start_server_with(false);
}

static int end(void **state)
{
    (void)state;
    spd_control_server_destroy(host.server);
    spd_control_client_destroy(host.client);
    memset(&host, 0, sizeof(host));
    return 0;
}

static struct spd_owamp_request a_request(void)
{
    struct spd_owamp_request r = {
        .sender = near_addr,
        .receiver = far_addr,
        .conf_receiver = true,
        .n_slots = 1,
        .n_packets = N,
        .padding_bytes = 50,
        .start_time = spd_ntptime_from_wall((spd_wall){ START_NS }),
        .timeout = spd_owamp_interval_from_ns(SPD_NS_PER_S),
    };

    r.sender.port = 5000;
    return r;
}

static const struct spd_owamp_slot every_10_ms = { SPD_OWAMP_SLOT_FIXED, 0x028F5C29 };

static void start_client(const struct spd_owamp_request *request)
{
    assert_int_equal(spd_control_client_create(request, &every_10_ms, "far", &host.client),
                     SPD_ERR_OK);
}

/* Octets from one to the other, in pieces of every size, until none moves. */
static void pump(void)
{
    uint64_t seed = 88172645463325252u;
    bool moved = true;

    while (moved) {
        const uint8_t *bytes;
        size_t n, n_wanted;

        moved = false;
        n = spd_control_server_pending(host.server, &bytes);
        n_wanted = spd_control_client_wanted(host.client);
        n = n < n_wanted ? n : n_wanted;
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        n = n > 1 ? 1 + seed % n : n;
        if (n > 0) {
            spd_control_client_take(host.client, bytes, n);
            spd_control_server_written(host.server, n);
            moved = true;
        }
        n = spd_control_client_pending(host.client, &bytes);
        n_wanted = spd_control_server_wanted(host.server);
        n = n < n_wanted ? n : n_wanted;
        n = n > 1 ? 1 + seed % n : n;
        if (n > 0) {
            host.ended = !spd_control_server_take(host.server, bytes, n) || host.ended;
            spd_control_client_written(host.client, n);
            moved = true;
        }
    }
}

static void check_step(enum spd_control_step expected)
{
    if (spd_control_client_step(host.client) != expected)
        fail_msg("step %d instead of %d: %s", spd_control_client_step(host.client), expected,
                 spd_control_client_diag(host.client)->text);
}

static void negotiate(void)
{
    struct spd_owamp_request request = a_request();

    start_client(&request);
    pump();
    check_step(SPD_CLIENT_ACCEPTED);
}

static void run(void)
{
    negotiate();
    spd_control_client_start(host.client);
    pump();
    check_step(SPD_CLIENT_RUNNING);
}

static void add_packet(uint32_t seq, uint8_t flags)
{
    host.packets[host.n_packets++] = (struct spd_flow_packet){
        .seq = seq,
        .flags = SPD_FLOW_ARRIVED | flags,
        .size_bytes = 92,
        .t1_ns = START_NS + (seq + 1) * 10 * SPD_NS_PER_MS + 1000,
        .t2_ns = START_NS + (seq + 1) * 10 * SPD_NS_PER_MS + 5000000 + seq,
        .ttl_forward = 60,
        .reflector_seq = 0x8001,
    };
}

/* ---------------------------------------------------------------- a session */

static void a_session_is_negotiated_run_stopped_and_fetched(void **state)
{
    static const struct spd_owamp_skip skips[] = { { 3, 4 }, { 90, 90 } };
    const struct spd_control_fetched *got;

    (void)state;
    start_server();
    run();
    assert_int_equal(spd_control_client_port(host.client), FAR_PORT);
    assert_memory_equal(spd_control_client_sid(host.client), sid, 16);
    assert_true(spd_control_client_knows_marks(host.client));
    assert_int_equal(host.session->request.n_packets, N);
    assert_int_equal(host.session->slots[0].interval, every_10_ms.interval);
    assert_int_equal(spd_control_server_phase(host.server), SPD_CONTROL_RUNNING);
    /* 3, 4 and 90 were not sent; 7 and 99 were lost; 8 came twice. */
    for (uint32_t i = 0; i < N; i++) {
        if (i != 3 && i != 4 && i != 90 && i != 7 && i != 99)
            add_packet(i, 0);
        if (i == 10)
            add_packet(8, SPD_FLOW_DUPLICATE);
    }
    assert_int_equal(spd_control_client_stop(host.client, 0, N, skips, 2), SPD_ERR_OK);
    pump();
    check_step(SPD_CLIENT_STOPPED);
    assert_int_equal(host.n_stops, 1);
    assert_int_equal(host.session->next_seq, N);
    assert_int_equal(host.session->n_skips, 2);
    assert_true(host.session->normally);
    assert_int_equal(spd_control_server_phase(host.server), SPD_CONTROL_IDLE);
    spd_control_client_fetch(host.client);
    pump();
    check_step(SPD_CLIENT_FETCHED);
    got = spd_control_client_fetched(host.client);
    assert_int_equal(got->n_packets, host.n_packets);
    assert_int_equal(got->n_lost, 2);
    assert_int_equal(got->next_seq, N);
    for (size_t i = 0; i < got->n_packets; i++) {
        struct spd_flow_packet expected = host.packets[i];

        expected.reflector_seq = 0;
        expected.tclass_forward = expected.tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN;
        assert_memory_equal(&got->packets[i], &expected, sizeof(expected));
    }
    assert_false(host.ended);
}

/* Every octet of a fetch, by the RFC's own layout. */
static void lost_packets_have_their_presumed_send_times(void **state)
{
    static const struct spd_owamp_skip skips[] = { { 1, 1 } };
    struct spd_owamp_request request = a_request();
    struct spd_control_session session = { .request = request, .normally = true };
    struct spd_owamp_slot slot = every_10_ms;
    struct spd_owamp_fetch all = { .end_seq = UINT32_MAX };
    struct spd_control_fetch_source source;
    struct spd_control_fetch fetch;
    struct spd_owamp_record record;
    uint8_t out[1024];
    size_t n;

    (void)state;
    memset(&host, 0, sizeof(host));
    session.request.n_packets = 3;
    session.slots = &slot;
    session.next_seq = 3;
    host.session = &session;
    host.marked = true;
    add_packet(2, 0);
    assert_true(on_fetch(NULL, session.request.sid, &source));
    source.skips = skips;
    source.n_skips = 1;
    assert_int_equal(spd_control_fetch_begin(&fetch, &source, &all), SPD_ERR_OK);
    n = spd_control_fetch_next(&fetch, out, sizeof(out));
    /* Ack, request, slot, HMAC, skip range and zeros, HMAC, two records and zeros, HMAC. */
    assert_int_equal(n, 32 + 112 + 16 + 16 + 16 + 16 + 64 + 16);
    assert_int_equal(spd_control_fetch_next(&fetch, out + n, sizeof(out) - n), 0);
    assert_memory_equal(out, "\0\1\0\0\0\0\0\3\0\0\0\1\0\0\0\2", 16);
    assert_memory_equal(out + 176, "\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0\0", 16);
    spd_owamp_read_record(out + 208, &record);
    assert_int_equal(record.seq, 2);
    assert_int_equal(record.send_error, 0x8001);
    assert_int_equal(record.receive_error, 0x0F84);
    assert_int_equal(record.ttl, 60);
    spd_owamp_read_record(out + 233, &record);
    assert_int_equal(record.seq, 0);
    assert_true(record.send_time == request.start_time + every_10_ms.interval);
    assert_true(record.receive_time == 0);
    assert_int_equal(record.send_error, SPD_OWAMP_LOST_SEND_ERROR);
    assert_int_equal(record.ttl, 255);
    for (size_t i = 258; i < n; i++)
        assert_int_equal(out[i], 0);
    spd_control_fetch_end(&fetch);
    memset(&host, 0, sizeof(host));
}

static void the_last_timeout_before_a_stop_does_not_count_for_others(void **state)
{
    (void)state;
    start_server();
    run();
    for (uint32_t i = 0; i < N; i++)
        if (i != 20 && i != 80)
            add_packet(i, 0);
    (void)spd_control_client_stop(host.client, 0, N, NULL, 0);
    pump();
    host.marked = false;
    host.discard_after_ns = START_NS + 50 * 10 * SPD_NS_PER_MS + 2 * SPD_NS_PER_MS;
    spd_control_client_fetch(host.client);
    pump();
    check_step(SPD_CLIENT_FETCHED);
    assert_int_equal(spd_control_client_fetched(host.client)->n_packets, 49); /* 0..49 but 20 */
    assert_int_equal(spd_control_client_fetched(host.client)->n_lost, 1);
}

static void the_server_may_stop_first(void **state)
{
    (void)state;
    start_server();
    run();
    spd_control_server_stop(host.server);
    spd_control_server_stop(host.server);
    pump();
    check_step(SPD_CLIENT_RUNNING);
    assert_true(spd_control_client_is_told_to_stop(host.client));
    (void)spd_control_client_stop(host.client, 0, 17, NULL, 0);
    pump();
    check_step(SPD_CLIENT_STOPPED);
    assert_int_equal(host.session->next_seq, 17);
    assert_int_equal(spd_control_server_phase(host.server), SPD_CONTROL_IDLE);
}

static void the_server_waits_for_its_receivers(void **state)
{
    (void)state;
    start_server();
    host.answer_later = host.stop_later = true;
    struct spd_owamp_request request = a_request();
    start_client(&request);
    pump();
    check_step(SPD_CLIENT_NEGOTIATING);
    assert_int_equal(spd_control_server_phase(host.server), SPD_CONTROL_WAITING);
    assert_int_equal(spd_control_server_wanted(host.server), 0);
    spd_control_server_answer(host.server, SPD_OWAMP_OK, FAR_PORT, sid);
    pump();
    check_step(SPD_CLIENT_ACCEPTED);
    spd_control_client_start(host.client);
    pump();
    (void)spd_control_client_stop(host.client, 0, N, NULL, 0);
    pump();
    check_step(SPD_CLIENT_STOPPING);
    spd_control_server_stopped(host.server);
    pump();
    check_step(SPD_CLIENT_STOPPED);
}

static void a_failed_session_is_not_fetched(void **state)
{
    (void)state;
    start_server();
    run();
    (void)spd_control_client_stop(host.client, SPD_OWAMP_INTERNAL_ERROR, 5, NULL, 0);
    pump();
    assert_false(host.session->normally);
    spd_control_client_fetch(host.client);
    pump();
    check_step(SPD_CLIENT_FAILED);
    assert_int_equal(spd_control_client_diag(host.client)->err, SPD_ERR_PROHIBITED);
    assert_false(host.ended); /* the server only says no */
}

static void a_running_session_gives_parts_but_not_all(void **state)
{
    struct spd_owamp_fetch part = { .begin_seq = 2, .end_seq = 5 }, all = { .end_seq = UINT32_MAX };
    struct spd_control_fetch_source source;
    struct spd_control_fetch fetch;

    (void)state;
    start_server();
    run();
    host.running = true;
    for (uint32_t i = 0; i < 5; i++)
        add_packet(i, 0);
    assert_true(on_fetch(NULL, sid, &source));
    assert_int_equal(spd_control_fetch_begin(&fetch, &source, &all), SPD_ERR_OK);
    assert_int_equal(fetch.ack.accept, SPD_OWAMP_FAILURE);
    assert_int_equal(spd_control_fetch_begin(&fetch, &source, &part), SPD_ERR_OK);
    assert_int_equal(fetch.ack.accept, SPD_OWAMP_OK);
    assert_int_equal(fetch.ack.n_records, 3); /* 2, 3 and 4; 5 is not lost yet */
    assert_false(fetch.ack.finished);
    assert_int_equal(fetch.ack.next_seq, 0);
    spd_control_fetch_end(&fetch);
}

/* ----------------------------------------------------------------- refusals */

static void change_nothing(struct spd_owamp_request *r)
{
    (void)r;
}
static void let_the_server_send(struct spd_owamp_request *r)
{
    r->conf_sender = true;
    r->conf_receiver = false;
}
static void configure_both(struct spd_owamp_request *r)
{
    r->conf_sender = true;
}
static void configure_nobody(struct spd_owamp_request *r)
{
    r->conf_receiver = false;
}
static void aim_at_a_third_party(struct spd_owamp_request *r)
{
    r->receiver.bytes[3] = 99;
}
static void send_from_a_third_party(struct spd_owamp_request *r)
{
    r->sender.bytes[3] = 99;
}
static void leave_addresses_open(struct spd_owamp_request *r)
{
    memset(r->receiver.bytes, 0, 16);
    memset(r->sender.bytes, 0, 16);
}
static void use_ipv6(struct spd_owamp_request *r)
{
    r->sender.family = r->receiver.family = SPD_FAMILY_IPV6;
}
static void use_ip_version_5(struct spd_owamp_request *r)
{
    r->sender.family = r->receiver.family = 5;
}
static void send_from_port_0(struct spd_owamp_request *r)
{
    r->sender.port = 0;
}
static void send_nothing(struct spd_owamp_request *r)
{
    r->n_packets = 0;
}
static void send_too_much(struct spd_owamp_request *r)
{
    r->n_packets = 1001;
}
static void pad_beyond_any_datagram(struct spd_owamp_request *r)
{
    r->padding_bytes = 9203;
}
static void pad_without_end(struct spd_owamp_request *r)
{
    r->padding_bytes = UINT32_MAX;
}

static void requests_are_judged(void **state)
{
    static const struct {
        const char *name;
        void (*change)(struct spd_owamp_request *);
        uint8_t accept;
    } rows[] = {
        { "as it should be", change_nothing, SPD_OWAMP_OK },
        { "the server would send", let_the_server_send, SPD_OWAMP_NOT_SUPPORTED },
        { "both configured", configure_both, SPD_OWAMP_NOT_SUPPORTED },
        { "nobody configured", configure_nobody, SPD_OWAMP_FAILURE },
        { "a third party as target", aim_at_a_third_party, SPD_OWAMP_NOT_SUPPORTED },
        { "a third party as sender", send_from_a_third_party, SPD_OWAMP_NOT_SUPPORTED },
        { "addresses left open", leave_addresses_open, SPD_OWAMP_OK },
        { "another family than the connection", use_ipv6, SPD_OWAMP_NOT_SUPPORTED },
        { "no IP version", use_ip_version_5, SPD_OWAMP_NOT_SUPPORTED },
        { "sender's port 0", send_from_port_0, SPD_OWAMP_NOT_SUPPORTED },
        { "no packets", send_nothing, SPD_OWAMP_FAILURE },
        { "too many packets", send_too_much, SPD_OWAMP_PERMANENT_LIMIT },
        { "larger packets than are taken whole", pad_beyond_any_datagram, SPD_OWAMP_NOT_SUPPORTED },
        { "endless padding", pad_without_end, SPD_OWAMP_NOT_SUPPORTED },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_owamp_request request = a_request();

        start_server();
        rows[i].change(&request);
        start_client(&request);
        pump();
        CHECK_ROW_INT(rows[i].name, host.n_requests, rows[i].accept == SPD_OWAMP_OK);
        CHECK_ROW_INT(rows[i].name, spd_control_client_step(host.client),
                      rows[i].accept == SPD_OWAMP_OK ? SPD_CLIENT_ACCEPTED : SPD_CLIENT_FAILED);
        if (rows[i].accept != SPD_OWAMP_OK)
            CHECK_ROW(rows[i].name, strstr(spd_control_client_diag(host.client)->text,
                                           spd_owamp_accept_text(rows[i].accept)) != NULL);
        CHECK_ROW(rows[i].name, !host.ended); /* section 3.5: it may ask again */
        CHECK_ROW_INT(rows[i].name, spd_control_server_phase(host.server), SPD_CONTROL_IDLE);
        end(NULL);
    }
}

static void the_hosts_refusal_reaches_the_client(void **state)
{
    struct spd_owamp_request request = a_request();

    (void)state;
    start_server();
    host.answer = SPD_OWAMP_TEMPORARY_LIMIT;
    start_client(&request);
    pump();
    check_step(SPD_CLIENT_FAILED);
    assert_non_null(strstr(spd_control_client_diag(host.client)->text, "temporary"));
    end(NULL);
    start_server();
    host.answer_later = true;
    start_client(&request);
    pump();
    spd_control_server_answer(host.server, SPD_OWAMP_INTERNAL_ERROR, 0, sid);
    pump();
    check_step(SPD_CLIENT_FAILED);
    assert_null(spd_control_server_session(host.server, 0));
}

static void a_server_without_room_says_so_in_its_greeting(void **state)
{
    struct spd_owamp_request request = a_request();

    (void)state;
    start_server_with(true);
    start_client(&request);
    pump();
    check_step(SPD_CLIENT_FAILED);
    assert_non_null(strstr(spd_control_client_diag(host.client)->text, "Modes 0"));
    assert_int_equal(spd_control_server_phase(host.server), SPD_CONTROL_OVER);
}

/* ------------------------------------------------------------------- hostile */

/* Octets written by hand, all of them. False: the server wants to close. */
static bool say(const void *bytes, size_t n)
{
    const uint8_t *at = bytes, *out;

    while (n > 0) {
        size_t n_now = spd_control_server_wanted(host.server);

        spd_control_server_written(host.server, spd_control_server_pending(host.server, &out));
        n_now = spd_control_server_wanted(host.server);
        if (n_now == 0)
            return true;
        n_now = n_now < n ? n_now : n;
        if (!spd_control_server_take(host.server, at, n_now))
            return false;
        at += n_now;
        n -= n_now;
    }
    return true;
}

static void set_up(void)
{
    uint8_t message[SPD_OWAMP_SET_UP_BYTES];

    start_server();
    spd_owamp_write_set_up(message, SPD_OWAMP_MODE_OPEN);
    assert_true(say(message, sizeof(message)));
}

static void modes_are_judged(void **state)
{
    static const struct {
        const char *name;
        uint32_t mode;
        bool goes_on;
    } rows[] = {
        { "open", 1, true },
        { "open, and bits to be ignored", 0xFFFFFFF9, true },
        { "authenticated", 2, false },
        { "encrypted", 4, false },
        { "two at once", 3, false },
        { "none: the client gives up", 0, false },
        { "none but ignored bits", 8, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint8_t message[SPD_OWAMP_SET_UP_BYTES];

        start_server();
        spd_owamp_write_set_up(message, rows[i].mode);
        CHECK_ROW(rows[i].name, say(message, sizeof(message)) == rows[i].goes_on);
        end(NULL);
    }
}

static void unknown_and_untimely_commands_end_the_connection(void **state)
{
    static const struct {
        const char *name;
        uint8_t command;
    } rows[] = { { "reserved", 0 }, { "stop before start", 3 }, { "TWAMP", 5 }, { "none", 255 } };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint8_t message[48] = { rows[i].command };

        set_up();
        CHECK_ROW(rows[i].name, !say(message, sizeof(message)));
        end(NULL);
    }
    start_server();
    run();
    /* Section 3.4: only Stop-Sessions now, whatever else looks like one. */
    uint8_t start[32] = { 2, [7] = 1 };
    assert_false(say(start, sizeof(start)));
}

static void starting_nothing_is_refused(void **state)
{
    uint8_t start[SPD_OWAMP_START_BYTES];
    const uint8_t *out;

    (void)state;
    set_up();
    spd_control_server_written(host.server, spd_control_server_pending(host.server, &out));
    spd_owamp_write_start(start);
    assert_true(say(start, sizeof(start)));
    assert_int_equal(spd_control_server_pending(host.server, &out), SPD_OWAMP_START_ACK_BYTES);
    assert_int_equal(out[0], SPD_OWAMP_FAILURE);
}

static void oversize_schedules_are_passed_over_or_cut_off(void **state)
{
    static const struct {
        const char *name;
        uint32_t n_slots;
        bool goes_on;
    } rows[] = {
        { "none", 0, true },
        { "one too many", 17, true },
        { "a thousand", 1000, true },
        { "as many as there are numbers", UINT32_MAX, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_owamp_request request = a_request();
        uint8_t message[SPD_OWAMP_REQUEST_BYTES], zeros[16 * 1001] = { 0 };
        const uint8_t *out;
        size_t n;

        set_up();
        request.n_slots = rows[i].n_slots;
        spd_owamp_write_request(message, &request);
        if (rows[i].goes_on) {
            CHECK_ROW(rows[i].name, say(message, sizeof(message)));
            spd_control_server_written(host.server, spd_control_server_pending(host.server, &out));
            CHECK_ROW(rows[i].name, say(zeros, 16 * (rows[i].n_slots + 1)));
        } else {
            CHECK_ROW(rows[i].name, !say(message, sizeof(message)));
        }
        n = spd_control_server_pending(host.server, &out);
        CHECK_ROW_INT(rows[i].name, n, SPD_OWAMP_ACCEPT_BYTES);
        CHECK_ROW_INT(rows[i].name, out[0],
                      rows[i].n_slots ? SPD_OWAMP_PERMANENT_LIMIT : SPD_OWAMP_FAILURE);
        end(NULL);
    }
}

static void slots_are_judged(void **state)
{
    static const struct {
        const char *name;
        struct spd_owamp_slot slot;
        uint8_t accept;
    } rows[] = {
        { "fixed", { SPD_OWAMP_SLOT_FIXED, 0x028F5C29 }, SPD_OWAMP_OK },
        { "exponential", { SPD_OWAMP_SLOT_EXPONENTIAL, 0x028F5C29 }, SPD_OWAMP_OK },
        { "unknown", { 2, 0x028F5C29 }, SPD_OWAMP_NOT_SUPPORTED },
        { "without any pause", { SPD_OWAMP_SLOT_FIXED, 0 }, SPD_OWAMP_PERMANENT_LIMIT },
        { "beyond the rate", { SPD_OWAMP_SLOT_FIXED, 100000 }, SPD_OWAMP_PERMANENT_LIMIT },
        { "once in a lifetime", { SPD_OWAMP_SLOT_FIXED, UINT64_MAX }, SPD_OWAMP_OK },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_owamp_request request = a_request();

        start_server();
        assert_int_equal(spd_control_client_create(&request, &rows[i].slot, "far", &host.client),
                         SPD_ERR_OK);
        pump();
        CHECK_ROW_INT(rows[i].name, host.n_requests, rows[i].accept == SPD_OWAMP_OK);
        if (rows[i].accept != SPD_OWAMP_OK)
            CHECK_ROW(rows[i].name, strstr(spd_control_client_diag(host.client)->text,
                                           spd_owamp_accept_text(rows[i].accept)) != NULL);
        end(NULL);
    }
}

static void a_connection_has_so_many_sessions(void **state)
{
    struct spd_owamp_request request = a_request();
    uint8_t message[SPD_OWAMP_REQUEST_BYTES + 32] = { 0 };
    const uint8_t *out;

    (void)state;
    set_up();
    spd_owamp_write_request(message, &request);
    spd_owamp_write_slot(message + SPD_OWAMP_REQUEST_BYTES, &every_10_ms);
    for (unsigned i = 0; i <= SPD_CONTROL_SESSIONS_MAX; i++) {
        spd_control_server_written(host.server, spd_control_server_pending(host.server, &out));
        host.sid[15] = (uint8_t)i;
        assert_true(say(message, sizeof(message)));
        assert_int_equal(spd_control_server_pending(host.server, &out), SPD_OWAMP_ACCEPT_BYTES);
        assert_int_equal(out[0],
                         i < SPD_CONTROL_SESSIONS_MAX ? SPD_OWAMP_OK : SPD_OWAMP_TEMPORARY_LIMIT);
    }
}

struct stop {
    const char *name;
    uint32_t n_sessions;
    uint8_t sid_first;
    uint32_t next_seq, n_skips;
    struct spd_owamp_skip skips[3];
    bool sound;
};

static void stops_are_judged(void **state)
{
    static const struct stop rows[] = {
        { "as it should be", 1, 10, N, 0, { { 0, 0 } }, true },
        { "stopped early", 1, 10, 5, 0, { { 0, 0 } }, true },
        { "with a range", 1, 10, N, 1, { { 0, 98 } }, true },
        { "with two ranges", 1, 10, N, 2, { { 0, 9 }, { 11, 11 } }, true },
        { "with three", 1, 10, N, 3, { { 0, 9 }, { 11, 11 }, { 99, 99 } }, true },
        { "no session described", 0, 10, N, 0, { { 0, 0 } }, false },
        { "one too many", 2, 10, N, 0, { { 0, 0 } }, false },
        { "another session", 1, 11, N, 0, { { 0, 0 } }, false },
        { "more than were agreed", 1, 10, N + 1, 0, { { 0, 0 } }, false },
        { "a range beyond the end", 1, 10, N, 1, { { 0, N } }, false },
        { "a range backwards", 1, 10, N, 1, { { 9, 0 } }, false },
        { "ranges that overlap", 1, 10, N, 2, { { 0, 9 }, { 9, 11 } }, false },
        { "endless ranges", 1, 10, N, UINT32_MAX, { { 0, 0 } }, false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct stop *row = &rows[i];
        struct spd_owamp_stop stop = { 0, row->n_sessions };
        struct spd_owamp_stop_session session = { .next_seq = row->next_seq,
                                                  .n_skips = row->n_skips };
        uint8_t message[256] = { 0 };
        size_t n = 40;

        start_server();
        run();
        memcpy(session.sid, sid, 16);
        session.sid[0] = row->sid_first;
        spd_owamp_write_stop(message, &stop);
        spd_owamp_write_stop_session(message + 16, &session);
        for (uint32_t k = 0; k < row->n_skips && k < 3; k++, n += 8)
            spd_owamp_write_skip(message + n, &row->skips[k]);
        n += spd_owamp_block_padding(n) + 16;
        CHECK_ROW(row->name, say(message, n) == row->sound);
        CHECK_ROW_INT(row->name, host.n_stops, row->sound);
        if (row->sound) {
            CHECK_ROW_INT(row->name, host.session->next_seq, row->next_seq);
            CHECK_ROW_INT(row->name, host.session->n_skips, row->n_skips);
            CHECK_ROW_INT(row->name, spd_control_server_phase(host.server), SPD_CONTROL_WRITING);
        }
        end(NULL);
    }
}

static void many_skip_ranges_leave_the_connection_in_order(void **state)
{
    static struct spd_owamp_skip skips[40];

    (void)state;
    for (uint32_t i = 0; i < 40; i++)
        skips[i] = (struct spd_owamp_skip){ 2 * i, 2 * i };
    start_server();
    run();
    for (uint32_t i = 1; i < N; i += 2)
        add_packet(i, 0);
    (void)spd_control_client_stop(host.client, 0, N, skips, 40);
    pump();
    check_step(SPD_CLIENT_STOPPED);
    assert_int_equal(host.session->n_skips, 40);
    spd_control_client_fetch(host.client);
    pump();
    check_step(SPD_CLIENT_FETCHED);
    assert_int_equal(spd_control_client_fetched(host.client)->n_packets, 50);
    assert_int_equal(spd_control_client_fetched(host.client)->n_lost, 10); /* 80, 82 .. 98 */
}

/* Random octets, and sound messages with a few changed: nothing breaks, and no
 * answer outgrows its place. */
static void noise_breaks_nothing(void **state)
{
    struct spd_random random = spd_random_start("noise_breaks_nothing");

    (void)state;
    for (int round = 0; round < 3000; round++) {
        uint8_t bytes[600];
        struct spd_owamp_request request = a_request();
        const uint8_t *out;
        size_t n = spd_random_u64(&random) % sizeof(bytes);

        start_server();
        spd_owamp_write_set_up(bytes, SPD_OWAMP_MODE_OPEN);
        if (round % 2)
            assert_true(say(bytes, SPD_OWAMP_SET_UP_BYTES));
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)spd_random_u64(&random);
        spd_owamp_write_request(bytes, &request);
        spd_owamp_write_slot(bytes + 112, &every_10_ms);
        spd_owamp_write_start(bytes + 144);
        memset(bytes + 128, 0, 16);
        bytes[176] = 3;
        for (int k = 0; k < round % 5; k++)
            bytes[spd_random_u64(&random) % sizeof(bytes)] = (uint8_t)spd_random_u64(&random);
        (void)say(bytes, n);
        while ((n = spd_control_server_pending(host.server, &out)) > 0)
            spd_control_server_written(host.server, n);
        end(NULL);
    }
}

/* Octets of a server written by hand, from the greeting on. */
static void hear(const void *bytes, size_t n)
{
    const uint8_t *at = bytes, *out;

    while (n > 0 && spd_control_client_step(host.client) != SPD_CLIENT_FAILED) {
        size_t n_now = spd_control_client_wanted(host.client);

        assert_true(n_now > 0);
        n_now = n_now < n ? n_now : n;
        spd_control_client_take(host.client, at, n_now);
        at += n_now;
        n -= n_now;
    }
    spd_control_client_written(host.client, spd_control_client_pending(host.client, &out));
}

/* Up to what the row changes: octet `at` of message number `message` becomes
 * `value`. */
static void strange_servers_are_refused(void **state)
{
    enum { GREETING, SERVER_START, ACCEPT, START_ACK, STOP, FETCH_ACK, REQUEST, REST, N_MESSAGES };
    static const size_t sizes[N_MESSAGES] = { 64, 48, 48, 32, 32, 32, 112, 32 + 16 + 32 + 16 };
    static const struct {
        const char *name;
        int message;
        size_t at;
        uint8_t value;
        const char *says; /* NULL: nothing is wrong */
    } rows[] = {
        { "as it should be", GREETING, 0, 0, NULL },
        { "bits to be ignored", GREETING, 12, 0xFF, NULL },
        { "Modes 0", GREETING, 15, 0, "Modes 0" },
        { "Modes 0 but for ignored bits", GREETING, 15, 8, "Modes 0" },
        { "with a key only", GREETING, 15, 6, "key" },
        { "refuses to begin", SERVER_START, 15, 4, "permanent" },
        { "refuses with a reserved value", SERVER_START, 15, 77, "does not give" },
        { "refuses the session", ACCEPT, 0, 5, "temporary" },
        { "accepts on port 0", ACCEPT, 3, 0, "port 0" },
        { "refuses to start", START_ACK, 0, 2, "internal" },
        { "says something else than stop", STOP, 0, 2, "Stop-Sessions" },
        { "describes a session that it cannot have", STOP, 7, 1, "Stop-Sessions" },
        { "stops with a failure", STOP, 1, 1, "failed" },
        { "does not give the records", FETCH_ACK, 0, 3, "not supported" },
        { "has too many records", FETCH_ACK, 13, 1, "more records" },
        { "has too many skip ranges", FETCH_ACK, 9, 2, "more records" },
        { "has more packets than agreed", FETCH_ACK, 7, N + 1, "more records" },
        { "gives another session's records", REQUEST, 48, 99, "another session" },
        { "gives another number of packets", REQUEST, 11, N - 1, "another session" },
        { "gives no request at all", REQUEST, 0, 2, "another session" },
        { "has a record of no packet", REST, 51, N, "has not" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        uint8_t messages[N_MESSAGES][112] = { [GREETING] = { [15] = 1 },
                                              [ACCEPT] = { [3] = 77, [4] = 10 },
                                              [STOP] = { 3 },
                                              [FETCH_ACK] = { [1] = 1, [7] = N, [15] = 1 } };
        struct spd_owamp_request request = a_request();
        struct spd_owamp_record record = { .seq = 5, .send_time = 1, .receive_time = 2 };

        memset(&host, 0, sizeof(host));
        start_client(&request);
        request.sid[0] = 10;
        spd_owamp_write_request(messages[REQUEST], &request);
        spd_owamp_write_record(messages[REST] + 48, &record);
        messages[rows[i].message][rows[i].at] = rows[i].value;
        for (int m = 0; m < N_MESSAGES; m++) {
            if (m == START_ACK)
                spd_control_client_start(host.client);
            hear(messages[m], sizes[m]);
            if (m == STOP) {
                (void)spd_control_client_stop(host.client, 0, N, NULL, 0);
                spd_control_client_fetch(host.client);
            }
        }
        if (!rows[i].says)
            check_step(SPD_CLIENT_FETCHED);
        else if (spd_control_client_step(host.client) != SPD_CLIENT_FAILED ||
                 !strstr(spd_control_client_diag(host.client)->text, rows[i].says))
            fail_msg("row \"%s\": step %d, \"%s\"", rows[i].name,
                     spd_control_client_step(host.client),
                     spd_control_client_diag(host.client)->text);
        end(NULL);
    }
}

/* A server may say anything: the client fails, or goes on, and takes no memory
 * beyond what its own session can need. */
static void a_client_survives_any_server(void **state)
{
    struct spd_random random = spd_random_start("a_client_survives_any_server");
    unsigned n_failed = 0;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct spd_owamp_request request = a_request();
        const uint8_t *bytes;

        memset(&host, 0, sizeof(host));
        start_client(&request);
        for (int i = 0; i < 40 && spd_control_client_step(host.client) != SPD_CLIENT_FAILED; i++) {
            uint8_t octets[SPD_OWAMP_SET_UP_BYTES] = { 0 };
            size_t n = spd_control_client_wanted(host.client);

            assert_true(n <= sizeof(octets));
            for (size_t k = 0; k < n; k++)
                if (spd_random_u64(&random) % 8 == 0)
                    octets[k] = (uint8_t)(spd_random_u64(&random) % 4);
            if (i == 0)
                octets[15] |= 1;
            spd_control_client_take(host.client, octets, n);
            n = spd_control_client_pending(host.client, &bytes);
            spd_control_client_written(host.client, n);
            spd_control_client_start(host.client);
            (void)spd_control_client_stop(host.client, 0, N, NULL, 0);
            spd_control_client_fetch(host.client);
        }
        n_failed += spd_control_client_step(host.client) == SPD_CLIENT_FAILED;
        spd_control_client_closed(host.client);
        assert_true(spd_control_client_step(host.client) == SPD_CLIENT_FAILED ||
                    spd_control_client_step(host.client) == SPD_CLIENT_FETCHED);
        end(NULL);
    }
    assert_true(n_failed > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_session_is_negotiated_run_stopped_and_fetched, end),
        cmocka_unit_test_teardown(lost_packets_have_their_presumed_send_times, end),
        cmocka_unit_test_teardown(the_last_timeout_before_a_stop_does_not_count_for_others, end),
        cmocka_unit_test_teardown(the_server_may_stop_first, end),
        cmocka_unit_test_teardown(the_server_waits_for_its_receivers, end),
        cmocka_unit_test_teardown(a_failed_session_is_not_fetched, end),
        cmocka_unit_test_teardown(a_running_session_gives_parts_but_not_all, end),
        cmocka_unit_test_teardown(requests_are_judged, end),
        cmocka_unit_test_teardown(the_hosts_refusal_reaches_the_client, end),
        cmocka_unit_test_teardown(a_server_without_room_says_so_in_its_greeting, end),
        cmocka_unit_test_teardown(modes_are_judged, end),
        cmocka_unit_test_teardown(unknown_and_untimely_commands_end_the_connection, end),
        cmocka_unit_test_teardown(starting_nothing_is_refused, end),
        cmocka_unit_test_teardown(oversize_schedules_are_passed_over_or_cut_off, end),
        cmocka_unit_test_teardown(slots_are_judged, end),
        cmocka_unit_test_teardown(a_connection_has_so_many_sessions, end),
        cmocka_unit_test_teardown(stops_are_judged, end),
        cmocka_unit_test_teardown(many_skip_ranges_leave_the_connection_in_order, end),
        cmocka_unit_test_teardown(strange_servers_are_refused, end),
        cmocka_unit_test_teardown(noise_breaks_nothing, end),
        cmocka_unit_test_teardown(a_client_survives_any_server, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
