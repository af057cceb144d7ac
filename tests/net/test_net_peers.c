/*
 * The sender against reflectors that are not ours: TWAMP-Light peers with short
 * replies, their own numbering, altered or foreign fields. They are made by
 * hand here, and what they put in their replies is what the result must hold.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PORT = 8620, N_BURSTS = 3, N_PACKETS = 40, N = N_BURSTS * N_PACKETS, REPLY_MAX = 2048 };

#define NTP_TO_UNIX_S INT64_C(2208988800)

/* A peer's clock: T2 tells the sender's number, T3 is so much later. Far from
 * ours, as clocks can be. */
#define T2_NS(seq)      (INT64_C(1600000000) * NET_S + (int64_t)(seq)*1000)
#define IN_REFLECTOR_NS INT64_C(1000)

struct peer {
    const char *name;
    size_t n_reply;   /* length of a reply; 0: as the request */
    bool numbers;     /* counts replies by itself */
    bool alters_t1;   /* returns another Session-Sender Timestamp and Error Estimate */
    bool knows_ssid;  /* RFC 8972 */
    bool ptp;         /* T2 and T3 in PTPv2 format, RFC 8186 */
    uint8_t ttl;      /* what it says of the request's, if the reply is long enough */
    uint8_t octet_41; /* RFC 7750 */
    uint16_t estimate;
};

static const struct peer peers[] = {
    { "STAMP without RFC 8972", .ttl = 61, .estimate = 0x8F84 },
    { "STAMP with RFC 8972", .knows_ssid = true, .ttl = 61, .estimate = 0x0001 },
    { "TWAMP without padding, 41 octets", .n_reply = 41, .ttl = 254, .estimate = 0x8587 },
    { "the shortest seen, 38 octets, no TTL", .n_reply = 38, .estimate = 0x8F84 },
    { "43 octets", .n_reply = 43, .ttl = 3, .octet_41 = 0xB8, .estimate = 0x9980 },
    { "DSCP in octet 41, RFC 7750", .ttl = 9, .octet_41 = 0xBA, .estimate = 0x8F84 },
    { "alters the sender's timestamp", .alters_t1 = true, .ttl = 64, .estimate = 0x8F84 },
    { "numbers its replies", .numbers = true, .ttl = 64, .estimate = 0x8F84 },
    { "numbers its replies, 41 octets", .n_reply = 41, .numbers = true, .ttl = 64,
      .estimate = 0x8F84 },
    { "PTPv2 timestamps", .ptp = true, .ttl = 64, .estimate = 0xCF84 },
};

static void put(uint8_t *at, size_t n, uint64_t value)
{
    for (size_t i = n; i-- > 0; value >>= 8)
        at[i] = (uint8_t)value;
}

/* Rounded up, so that whoever rounds down on the way back gets it exactly. */
static void put_time(const struct peer *peer, uint8_t *at, int64_t ns)
{
    uint64_t s = (uint64_t)(ns / NET_S), rest = (uint64_t)(ns % NET_S);

    put(at, 4, peer->ptp ? s : s + NTP_TO_UNIX_S);
    put(at + 4, 4, peer->ptp ? rest : ((rest << 32) + NET_S - 1) / NET_S);
}

static size_t make_reply(const struct peer *peer, const uint8_t *request, size_t n_request,
                         uint32_t number, uint8_t *reply)
{
    uint32_t seq = (uint32_t)request[0] << 24 | (uint32_t)request[1] << 16 |
                   (uint32_t)request[2] << 8 | request[3];

    memset(reply, 0, REPLY_MAX);
    memcpy(reply + 44, request + 14, n_request - 44); /* padding, shifted as some do */
    put(reply, 4, peer->numbers ? number : seq);
    put_time(peer, reply + 4, T2_NS(seq) + IN_REFLECTOR_NS);
    put(reply + 12, 2, peer->estimate);
    if (peer->knows_ssid)
        memcpy(reply + 14, request + 14, 2);
    put_time(peer, reply + 16, T2_NS(seq));
    memcpy(reply + 24, request, 4);
    memcpy(reply + 28, request + 4, 8);
    memcpy(reply + 36, request + 12, 2);
    if (peer->alters_t1) {
        memset(reply + 28, 0x5A, 8);
        memset(reply + 36, 0, 2);
    }
    reply[40] = peer->ttl;
    reply[41] = peer->octet_41;
    return peer->n_reply ? peer->n_reply : n_request;
}

static int peer_socket;

/* A session is a port of the sender: a new one begins at 0. */
static void serve(void *argument)
{
    static uint8_t request[REPLY_MAX], reply[REPLY_MAX];
    const struct peer *peer = argument;
    uint32_t number = 0;
    in_port_t last_port = 0;

    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof(from);
        ssize_t n =
            recvfrom(peer_socket, request, sizeof(request), 0, (struct sockaddr *)&from, &size);

        if (n < 44)
            continue;
        if (from.sin_port != last_port)
            number = 0;
        last_port = from.sin_port;
        n = (ssize_t)make_reply(peer, request, (size_t)n, number++, reply);
        (void)!sendto(peer_socket, reply, (size_t)n, 0, (struct sockaddr *)&from, size);
    }
}

static void start(const struct peer *peer)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    int buffer_bytes = 8 << 20;

    net_build(NET_DIRECT);
    peer_socket = net_socket(NET_FAR, AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(peer_socket, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(
        setsockopt(peer_socket, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)),
        0);
    net_start_body(NET_FAR, serve, (void *)(uintptr_t)peer);
}

#define CHECK(peer, condition)                                                                     \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("peer \"%s\": %s", (peer)->name, #condition);                                 \
    } while (0)

static void check_packet(const struct peer *peer, const struct net_packet *p)
{
    CHECK(peer, strcmp(p->fate, "received") == 0);
    CHECK(peer, p->t2_ns == T2_NS(p->seq));
    CHECK(peer, p->t3_ns == T2_NS(p->seq) + IN_REFLECTOR_NS);
    CHECK(peer, p->round_trip_ns == p->t4_ns - p->t1_ns - IN_REFLECTOR_NS);
    CHECK(peer, p->t3_error_estimate == peer->estimate);
    CHECK(peer, p->reflector_seq == p->seq);
    CHECK(peer, p->ttl_forward == (peer->n_reply == 38 ? 0 : peer->ttl));
    /* Kept from when it was sent, whatever came back. */
    CHECK(peer, p->t1_ns > INT64_C(1700000000) * NET_S && p->t4_ns > p->t1_ns &&
                    p->t4_ns - p->t1_ns < 10 * NET_S);
}

static void replies_of_other_reflectors_are_measured_by_what_they_hold(void **state)
{
    const struct net_how near = { .host = NET_NEAR };

    (void)state;
    for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
        const struct peer *peer = &peers[i];
        const struct net_packet *packets;
        json_t *r;
        size_t n;

        start(peer);
        r = net_result(net_start(&near,
                                 "burst " NET_FAR_ADDR ":%d --bursts %d --packets %d "
                                 "--size 200 --gap 1ms --retries 0 --json --records",
                                 PORT, N_BURSTS, N_PACKETS),
                       60);
        packets = net_packets(r, &n);
        CHECK(peer, n == N);
        for (size_t k = 0; k < n; k++)
            check_packet(peer, &packets[k]);
        CHECK(peer, net_int(r, "packet_counts.n_received") == N);
        CHECK(peer, net_int(r, "loss.n_lost") == 0);
        CHECK(peer, net_int(r, "replies.n_malformed") == 0);
        CHECK(peer, net_int(r, "replies.n_unexpected") == 0);
        CHECK(peer, net_bool(r, "test.ssid_returned") == peer->knows_ssid);
        CHECK(peer, strcmp(net_text(r, "test.reflector_mode"),
                           peer->numbers ? "stateful" : "stateless") == 0);
        CHECK(peer, net_int(r, "in_reflector.min_ns") == IN_REFLECTOR_NS);
        CHECK(peer, net_int(r, "in_reflector.max_ns") == IN_REFLECTOR_NS);
        CHECK(peer, net_int(r, "stamps.n_packets_left_out") == 0);
        CHECK(peer, net_int(r, "pdv_forward.n") == N && net_int(r, "pdv_reverse.n") == N);
        net_end(NULL);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(replies_of_other_reflectors_are_measured_by_what_they_hold,
                                  net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
