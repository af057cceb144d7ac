/*
 * Our packets as others read them: a capture of a run, decoded by tshark's
 * dissector of TWAMP-Test, gives the very values of our own result.
 */
#include "tests/net/net.h"

#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* tshark turns fractions into nanoseconds in floating point. */
enum { TSHARK_ROUNDS_NS = 1, SNAP = 96, N_BURSTS = 3, N_PACKETS = 50 };

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };
static const struct net_how here = { .host = NET_HERE };

static char folder[] = "/tmp/stampede-net-XXXXXX";
static char capture_file[64];

/* In the order of the fields that tshark is asked for. */
enum field {
    FROM_PORT,
    TO_PORT,
    TTL,
    SEQ,
    TIMESTAMP,
    ESTIMATE,
    RECEIVED,
    SENDER_SEQ,
    SENDER_TIMESTAMP,
    SENDER_ESTIMATE,
    SENDER_TTL,
    MBZ1,
    MBZ2,
    N_FIELDS
};

static const char asked_fields[] =
    "-e udp.srcport -e udp.dstport -e ip.ttl -e twamp.test.seq_number -e twamp.test.timestamp "
    "-e twamp.test.error_estimate -e twamp.test.receive_timestamp "
    "-e twamp.test.sender_seq_number -e twamp.test.sender_timestamp "
    "-e twamp.test.sender_error_estimate -e twamp.test.sender_ttl -e twamp.test.mbz1 "
    "-e twamp.test.mbz2";

/* A datagram as tshark shows it. */
struct decoded {
    bool seen;
    int64_t of[N_FIELDS];
};

static struct net_program *run_tool(const struct net_how *how, const char *tool,
                                    const char *arguments)
{
    char *words[] = { (char *)(uintptr_t)tool };

    return net_start_command(how, words, 1, arguments);
}

/* "Nov 20, 2026 19:42:13.317961460 UTC" */
static bool parse_time(const char *text, int64_t *ns)
{
    struct tm t = { 0 };
    const char *rest = strptime(text, "%b %d, %Y %H:%M:%S", &t);
    long fraction;
    char *end;

    if (!rest || *rest != '.')
        return false;
    fraction = strtol(rest + 1, &end, 10);
    if (end - rest != 10)
        return false;
    *ns = timegm(&t) * NET_S + fraction;
    return true;
}

static void parse_line(char *line, struct decoded *d)
{
    int i = 0;

    for (char *word; (word = strsep(&line, "\t")) != NULL; i++) {
        char *end;

        assert_true(i < N_FIELDS);
        if (parse_time(word, &d->of[i]))
            continue;
        d->of[i] = strtoll(word, &end, 0);
        if (end == word || *end)
            fail_msg("tshark shows \"%s\" in field %d", word, i);
    }
    assert_int_equal(i, N_FIELDS);
}

/* Requests and replies of the socket with this port, by the sender's number. */
static void decode(int64_t our_port, size_t n_sent, struct decoded *requests,
                   struct decoded *replies)
{
    char arguments[1000], *text, *line;
    struct net_program *p;

    snprintf(arguments, sizeof(arguments), "-n -r %s -d udp.port==862,twamp.test -T fields %s",
             capture_file, asked_fields);
    p = run_tool(&here, "tshark", arguments);
    if (net_wait(p, 60) != 0)
        fail_msg("tshark: %s", net_err(p));
    text = net_alloc(strlen(net_out(p)) + 1);
    strcpy(text, net_out(p));
    while ((line = strsep(&text, "\n")) != NULL && *line) {
        struct decoded d = { .seen = true }, *place;
        bool request;

        parse_line(line, &d);
        request = d.of[TO_PORT] == 862;
        if (d.of[request ? FROM_PORT : TO_PORT] != our_port ||
            d.of[request ? SEQ : SENDER_SEQ] >= (int64_t)n_sent)
            continue; /* of the probes that look for a reflector, or of the last one */
        place = request ? &requests[d.of[SEQ]] : &replies[d.of[SENDER_SEQ]];
        assert_false(place->seen);
        *place = d;
    }
}

static void check_time(const char *what, uint32_t seq, int64_t decoded, int64_t ours)
{
    if (llabs(decoded - ours) > TSHARK_ROUNDS_NS)
        fail_msg("packet %u: %s is %lld by tshark, %lld by us", seq, what, (long long)decoded,
                 (long long)ours);
}

static void check_number(const char *what, uint32_t seq, int64_t decoded, int64_t ours)
{
    if (decoded != ours)
        fail_msg("packet %u: %s is %lld by tshark, %lld by us", seq, what, (long long)decoded,
                 (long long)ours);
}

static void check_packet(const struct net_packet *p, const struct decoded *request,
                         const struct decoded *reply, int64_t ssid)
{
    assert_true(request->seen && reply->seen);
    check_time("T1 as sent", p->seq, request->of[TIMESTAMP], p->t1_wire_ns);
    check_number("Error Estimate of the sender", p->seq, request->of[ESTIMATE],
                 p->t1_error_estimate);
    check_number("TTL as sent", p->seq, request->of[TTL], 255);
    /* TWAMP has MBZ where STAMP has the SSID. */
    check_number("SSID as sent", p->seq, request->of[MBZ1], ssid);
    check_number("SSID as returned", p->seq, reply->of[MBZ1], ssid);
    check_number("MBZ", p->seq, reply->of[MBZ2], 0);
    check_number("Sequence Number of the reflector", p->seq, reply->of[SEQ], p->reflector_seq);
    check_time("T2", p->seq, reply->of[RECEIVED], p->t2_ns);
    check_time("T3", p->seq, reply->of[TIMESTAMP], p->t3_ns);
    check_number("Error Estimate of the reflector", p->seq, reply->of[ESTIMATE],
                 p->t3_error_estimate);
    check_time("T1 as echoed", p->seq, reply->of[SENDER_TIMESTAMP], p->t1_wire_ns);
    check_number("Error Estimate as echoed", p->seq, reply->of[SENDER_ESTIMATE],
                 p->t1_error_estimate);
    check_number("TTL at the reflector", p->seq, reply->of[SENDER_TTL], p->ttl_forward);
    check_number("TTL of the reply", p->seq, reply->of[TTL], p->ttl_reverse);
    /* There is a router between the two. */
    check_number("TTL at the reflector", p->seq, p->ttl_forward, 254);
    check_number("TTL of the reply", p->seq, p->ttl_reverse, 254);
}

/* tcpdump ends at once when it is told to: let it write everything first. */
static void await_capture(void)
{
    enum {
        RECORD = 16,     /* the header of each */
        PROBE = 42 + 44, /* two of them, answered, come first */
        ALL = 24 + 2 * 2 * (RECORD + PROBE) + 2 * N_BURSTS * N_PACKETS * (RECORD + SNAP),
        PATIENCE_MS = 10000
    };
    struct stat facts = { 0 };

    for (int ms = 0; ms < PATIENCE_MS; ms += 20) {
        if (stat(capture_file, &facts) == 0 && facts.st_size >= ALL)
            return;
        usleep(20000);
    }
    fail_msg("the capture stays at %lld bytes", (long long)facts.st_size);
}

static void run_and_compare(const char *reflector_options)
{
    struct decoded *requests = net_alloc(N_BURSTS * N_PACKETS * sizeof(*requests));
    struct decoded *replies = net_alloc(N_BURSTS * N_PACKETS * sizeof(*replies));
    const struct net_packet *packets;
    struct net_program *tap;
    char arguments[200];
    const char *port;
    json_t *r;
    size_t n;

    net_build(NET_ROUTED);
    net_reflector(&in_far, NET_FAR_ADDR, 862, reflector_options);
    snprintf(arguments, sizeof(arguments),
             "-Z root -i n0 -n -s %d -B 16384 -U --immediate-mode -w %s udp port 862", SNAP,
             capture_file);
    tap = run_tool(&in_near, "tcpdump", arguments);
    net_await(tap, "listening on");
    r = net_result(net_start(&in_near,
                             "burst " NET_FAR_ADDR " --bursts %d --packets %d --size 200 "
                             "--retries 0 --gap 10ms --json --records",
                             N_BURSTS, N_PACKETS),
                   60);
    await_capture();
    net_signal(tap, SIGINT);
    assert_int_equal(net_wait(tap, 20), 0);
    packets = net_packets(r, &n);
    assert_int_equal(n, N_BURSTS * N_PACKETS);
    port = strrchr(net_text(r, "source.address"), ':');
    assert_non_null(port);
    decode(strtol(port + 1, NULL, 10), n, requests, replies);
    for (size_t i = 0; i < n; i++)
        check_packet(&packets[i], &requests[i], &replies[i], net_int(r, "test.ssid"));
}

static void tshark_reads_the_values_of_our_result_from_a_stateless_run(void **state)
{
    (void)state;
    run_and_compare("");
}

static void tshark_reads_the_values_of_our_result_from_a_stateful_run(void **state)
{
    (void)state;
    run_and_compare("--stateful");
}

static int remove_capture(void **state)
{
    (void)state;
    unlink(capture_file);
    rmdir(folder);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(tshark_reads_the_values_of_our_result_from_a_stateless_run,
                                  net_end),
        cmocka_unit_test_teardown(tshark_reads_the_values_of_our_result_from_a_stateful_run,
                                  net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    if (system("command -v tshark >/dev/null && command -v tcpdump >/dev/null") != 0)
        net_skip_all("tshark or tcpdump is missing; apt-get install tshark tcpdump");
    setenv("TZ", "UTC", 1);
    if (!mkdtemp(folder))
        net_skip_all("no temporary folder in /tmp");
    snprintf(capture_file, sizeof(capture_file), "%s/run.pcap", folder);
    return cmocka_run_group_tests(tests, NULL, remove_capture);
}
