/*
 * The reflector against requests made by hand, from a bare socket: short ones,
 * long ones, garbage, other people's numbering. Each reply is checked octet by
 * octet. Random datagrams take a seed from SPD_SEED.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/support/random.h"

enum {
    PORT = 8620,
    BASE = 44,     /* a STAMP packet, both directions */
    SHORTEST = 14, /* a TWAMP request without padding */
    OUR_TTL = 77,
    LONGEST = 9216, /* that the reflector takes */
    N_RANDOM = 400,
    SSID = 0xBEEF,
    ESTIMATE = 0x8F84 /* 1 ms, synchronised */
};

#define NTP_TO_UNIX_S INT64_C(2208988800)

static struct net_program *reflector;
static struct spd_random chance;

/* ------------------------------------------------------------ a bare client */

static int new_client(uint16_t local_port)
{
    struct sockaddr_in local = { .sin_family = AF_INET, .sin_port = htons(local_port) };
    struct timeval patience = { .tv_sec = 20 };
    int fd = net_socket(NET_NEAR, AF_INET, SOCK_DGRAM, 0), ttl = OUR_TTL;

    assert_int_equal(bind(fd, (struct sockaddr *)&local, sizeof(local)), 0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    return fd;
}

static void send_to(int fd, const char *address, const uint8_t *request, size_t n)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };

    assert_int_equal(inet_pton(AF_INET, address, &to.sin_addr), 1);
    assert_int_equal(sendto(fd, request, n, 0, (struct sockaddr *)&to, sizeof(to)), n);
}

/* The next reply; from, when not NULL, gets the address that sent it. */
static size_t receive(int fd, uint8_t *reply, size_t capacity, char *from)
{
    struct sockaddr_in address = { 0 };
    socklen_t size = sizeof(address);
    ssize_t n = recvfrom(fd, reply, capacity, 0, (struct sockaddr *)&address, &size);

    if (n < 0)
        fail_msg("no reply came: %s; the reflector said: %s", strerror(errno), net_err(reflector));
    assert_int_equal(ntohs(address.sin_port), PORT);
    if (from)
        inet_ntop(AF_INET, &address.sin_addr, from, INET_ADDRSTRLEN);
    return (size_t)n;
}

static uint64_t get(const uint8_t *at, size_t n)
{
    uint64_t value = 0;

    for (size_t i = 0; i < n; i++)
        value = value << 8 | at[i];
    return value;
}

static void put(uint8_t *at, size_t n, uint64_t value)
{
    for (size_t i = n; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return t.tv_sec * NET_S + t.tv_nsec;
}

static int64_t unix_ns(const uint8_t *ntp)
{
    return ((int64_t)get(ntp, 4) - NTP_TO_UNIX_S) * NET_S +
           (int64_t)(get(ntp + 4, 4) * (uint64_t)NET_S >> 32);
}

/* A request of n octets of a session; what has no meaning is random. */
static void make_request(uint8_t *request, size_t n, uint32_t seq, uint16_t ssid)
{
    uint8_t head[16];

    spd_random_bytes(&chance, request, n);
    put(head, 4, seq);
    put(head + 4, 8, UINT64_C(0xE1234567) << 32 | seq);
    put(head + 12, 2, ESTIMATE);
    put(head + 14, 2, ssid);
    memcpy(request, head, n < sizeof(head) ? n : sizeof(head));
}

/* RFC 8762 section 4.3.1, field by field, RFC 8972 section 3 for the SSID. */
static void check_reply(const uint8_t *request, size_t n_request, const uint8_t *reply,
                        size_t n_reply, uint32_t seq, int64_t sent_ns)
{
    static const uint8_t zeros[3];
    int64_t t2_ns = unix_ns(reply + 16), t3_ns = unix_ns(reply + 4);

    assert_int_equal(n_reply, n_request < BASE ? BASE : n_request);
    assert_int_equal(get(reply, 4), seq);
    assert_true((get(reply + 12, 2) & 0xFF) != 0);    /* RFC 4656 section 4.1.2 */
    assert_int_equal(get(reply + 12, 2) & 0x4000, 0); /* NTP format */
    assert_int_equal(get(reply + 14, 2), n_request < 16 ? 0 : get(request + 14, 2));
    assert_memory_equal(reply + 24, request, 4);
    assert_memory_equal(reply + 28, request + 4, 8);
    assert_memory_equal(reply + 36, request + 12, 2);
    assert_memory_equal(reply + 38, zeros, 2);
    assert_int_equal(reply[40], OUR_TTL);
    assert_memory_equal(reply + 41, zeros, 3);
    if (n_request > BASE)
        assert_memory_equal(reply + BASE, request + BASE, n_request - BASE);
    assert_true(sent_ns - 1 <= t2_ns && t2_ns <= t3_ns && t3_ns <= now_ns() + 1000000);
}

static void start(const char *options)
{
    const struct net_how far = { .host = NET_FAR };

    net_build(NET_DIRECT);
    reflector = net_reflector(&far, "0.0.0.0", PORT, options);
}

/* The counters that the reflector prints when it is told to end. */
static json_t *stop(void)
{
    net_signal(reflector, SIGINT);
    return net_result(reflector, 20);
}

/* ------------------------------------------------------------ cases */

/* A request that gets none is followed by one that gets a reply: what comes
 * first tells, and nobody has to wait. */
static void requests_of_0_to_60_octets_get_what_the_rfc_says(void **state)
{
    uint8_t request[64], good[BASE], reply[2048];
    json_t *counters;
    int fd;

    (void)state;
    start("--json");
    fd = new_client(0);
    for (size_t n = 0; n <= 60; n++) {
        uint32_t seq = 1000 + (uint32_t)n;
        int64_t sent_ns = now_ns();
        size_t n_reply;

        make_request(request, n, seq, SSID);
        send_to(fd, NET_FAR_ADDR, request, n);
        make_request(good, BASE, 5000, SSID);
        send_to(fd, NET_FAR_ADDR, good, BASE);
        n_reply = receive(fd, reply, sizeof(reply), NULL);
        if (n >= SHORTEST) {
            check_reply(request, n, reply, n_reply, seq, sent_ns);
            n_reply = receive(fd, reply, sizeof(reply), NULL);
        }
        check_reply(good, BASE, reply, n_reply, 5000, sent_ns);
    }
    counters = stop();
    assert_int_equal(net_int(counters, "n_received"), 2 * 61);
    assert_int_equal(net_int(counters, "n_malformed"), SHORTEST);
    assert_int_equal(net_int(counters, "n_reflected"), 2 * 61 - SHORTEST);
}

static void random_datagrams_are_mirrored_or_dropped_and_never_amplified(void **state)
{
    static uint8_t request[1473], reply[2048];
    int64_t n_dropped = 0;
    uint8_t good[BASE];
    json_t *counters;
    int fd;

    (void)state;
    start("--json");
    fd = new_client(0);
    for (int i = 0; i < N_RANDOM; i++) {
        size_t n = spd_random_below(&chance, sizeof(request)), n_reply;
        int64_t sent_ns = now_ns();

        spd_random_bytes(&chance, request, n);
        /* Short ones and a zero Multiplier often enough. */
        if (i % 4 == 0)
            n %= 50;
        if (i % 8 == 1 && n >= SHORTEST)
            request[13] = 0;
        send_to(fd, NET_FAR_ADDR, request, n);
        make_request(good, BASE, (uint32_t)i, SSID);
        send_to(fd, NET_FAR_ADDR, good, BASE);
        n_reply = receive(fd, reply, sizeof(reply), NULL);
        if (n < SHORTEST || request[13] == 0) {
            n_dropped++;
        } else {
            check_reply(request, n, reply, n_reply, (uint32_t)get(request, 4), sent_ns);
            n_reply = receive(fd, reply, sizeof(reply), NULL);
        }
        check_reply(good, BASE, reply, n_reply, (uint32_t)i, sent_ns);
    }
    assert_true(n_dropped > N_RANDOM / 16);
    counters = stop();
    assert_int_equal(net_int(counters, "n_received"), 2 * N_RANDOM);
    assert_int_equal(net_int(counters, "n_malformed"), n_dropped);
}

static void what_is_longer_than_the_reflector_takes_is_counted_and_not_answered(void **state)
{
    static uint8_t request[LONGEST + 1], reply[LONGEST + 1];
    static const size_t sizes[] = { 1472, 1473, 8000, LONGEST };
    json_t *counters;
    int fd;

    (void)state;
    start("--json");
    fd = new_client(0);
    make_request(request, LONGEST + 1, 1, SSID);
    send_to(fd, NET_FAR_ADDR, request, LONGEST + 1);
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int64_t sent_ns = now_ns();

        make_request(request, sizes[i], (uint32_t)i, SSID);
        send_to(fd, NET_FAR_ADDR, request, sizes[i]);
        check_reply(request, sizes[i], reply, receive(fd, reply, sizeof(reply), NULL), (uint32_t)i,
                    sent_ns);
    }
    counters = stop();
    assert_int_equal(net_int(counters, "n_truncated"), 1);
    assert_int_equal(net_int(counters, "n_reflected"), sizeof(sizes) / sizeof(sizes[0]));
}

static uint32_t ask(int fd, uint32_t seq, uint16_t ssid)
{
    uint8_t request[BASE], reply[2048];
    size_t n;

    make_request(request, BASE, seq, ssid);
    send_to(fd, NET_FAR_ADDR, request, BASE);
    n = receive(fd, reply, sizeof(reply), NULL);
    assert_int_equal(n, BASE);
    assert_memory_equal(reply + 24, request, 4);
    return (uint32_t)get(reply, 4);
}

static void a_stateful_reflector_numbers_each_session_by_itself(void **state)
{
    json_t *counters;
    int first, second;

    (void)state;
    start("--json --stateful --max-sessions 3");
    first = new_client(0);
    second = new_client(0);
    assert_int_equal(ask(first, 500, 1), 0);
    assert_int_equal(ask(first, 7, 1), 1);
    assert_int_equal(ask(second, 7, 1), 0);
    assert_int_equal(ask(first, 9, 2), 0); /* another SSID */
    assert_int_equal(ask(first, 0xFFFFFFFF, 1), 2);
    assert_int_equal(ask(second, 8, 1), 1);
    counters = stop();
    assert_int_equal(net_int(counters, "n_sessions"), 3);
    assert_int_equal(net_int(counters, "n_reflected"), 6);
}

static void sessions_beyond_the_limit_are_refused_and_counted(void **state)
{
    uint8_t request[BASE];
    json_t *counters;
    int fd;

    (void)state;
    start("--json --stateful --max-sessions 2");
    fd = new_client(0);
    assert_int_equal(ask(fd, 0, 1), 0);
    assert_int_equal(ask(fd, 0, 2), 0);
    make_request(request, BASE, 0, 3);
    send_to(fd, NET_FAR_ADDR, request, BASE);
    assert_int_equal(ask(fd, 1, 2), 1);
    counters = stop();
    assert_int_equal(net_int(counters, "n_sessions_refused"), 1);
    assert_int_equal(net_int(counters, "n_reflected"), 3);
}

/* Two reflectors must not play ball with one spoofed packet. */
static void what_comes_from_the_port_of_a_reflector_is_never_answered(void **state)
{
    uint8_t request[BASE];
    json_t *counters;

    (void)state;
    start("--json");
    make_request(request, BASE, 1, SSID);
    send_to(new_client(862), NET_FAR_ADDR, request, BASE);
    send_to(new_client(PORT), NET_FAR_ADDR, request, BASE);
    assert_int_equal(ask(new_client(0), 4, SSID), 4);
    counters = stop();
    assert_int_equal(net_int(counters, "n_received"), 3);
    assert_int_equal(net_int(counters, "n_loops"), 2);
    assert_int_equal(net_int(counters, "n_reflected"), 1);
}

static void replies_come_from_the_address_that_was_asked(void **state)
{
    static const char *const addresses[] = { "10.77.2.3", NET_FAR_ADDR, "10.77.2.4" };
    uint8_t request[BASE], reply[2048];
    int fd;

    (void)state;
    start("");
    net_sh(NET_FAR, "ip addr add 10.77.2.3/16 dev f0 && ip addr add 10.77.2.4/16 dev f0");
    fd = new_client(0);
    for (uint32_t i = 0; i < 3; i++) {
        int64_t sent_ns = now_ns();
        char from[INET_ADDRSTRLEN];
        size_t n;

        make_request(request, BASE, i, SSID);
        send_to(fd, addresses[i], request, BASE);
        n = receive(fd, reply, sizeof(reply), from);
        check_reply(request, BASE, reply, n, i, sent_ns);
        assert_string_equal(from, addresses[i]);
    }
}

/* DSCP is copied; ECN is not, RFC 7750 section 3. */
static void replies_bear_the_class_of_the_request(void **state)
{
    struct net_capture *capture;
    const struct net_frame *frames;
    int fd, tos = 46 << 2 | 2;
    size_t n;

    (void)state;
    start("");
    capture = net_capture_start(NET_NEAR, "n0");
    fd = new_client(0);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
    assert_int_equal(ask(fd, 1, SSID), 1);
    frames = net_capture_frames(capture, &n);
    assert_int_equal(n, 2);
    assert_true(frames[0].outgoing);
    assert_int_equal(frames[0].tclass, tos);
    assert_int_equal(frames[1].tclass, 46 << 2);
    assert_int_equal(frames[1].ttl, 255);
}

#define CASE(test) cmocka_unit_test_teardown(test, net_end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(requests_of_0_to_60_octets_get_what_the_rfc_says),
        CASE(random_datagrams_are_mirrored_or_dropped_and_never_amplified),
        CASE(what_is_longer_than_the_reflector_takes_is_counted_and_not_answered),
        CASE(a_stateful_reflector_numbers_each_session_by_itself),
        CASE(sessions_beyond_the_limit_are_refused_and_counted),
        CASE(what_comes_from_the_port_of_a_reflector_is_never_answered),
        CASE(replies_come_from_the_address_that_was_asked),
        CASE(replies_bear_the_class_of_the_request),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    chance = spd_random_start("test_net_requests");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
