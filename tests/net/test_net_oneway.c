/*
 * One-way sessions with real programs: however a session ends, each side's log
 * is read by "analyze" with every packet that arrived before (spec L1 to L3);
 * and what the control server refuses, and holds out against.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HEADER_MOST = 1024,
    N = 200,
    N_BY_HAND = 800,
    PORT = 8610,
    PATIENCE_S = 60,
    ENVIRONMENT = 3
};

/* 92 bytes every 5 ms: a second in all. */
#define STREAM_OF(n)                                                                               \
    "stream --one-way " NET_FAR_ADDR ":8610 --packets " #n " --interval 5ms --quiet --json "
#define STREAM         STREAM_OF(200)
#define STREAM_BY_HAND STREAM_OF(800) /* long enough to be stopped in the middle, however slow */

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };
static char folder[64];

static const char *path_of(const char *name)
{
    static char paths[4][200]; /* net_end would take them away */
    static unsigned n;
    char *path = paths[n++ % 4];

    snprintf(path, 200, "%s/%s", folder, name);
    return path;
}

/* ------------------------------------------------------------------ the hosts */

/* Octets of the IP packet: the mark is in the payload, which begins at 28. */
#define MARK_TYPE      "match u8 249 0xff at 73 "
#define IS_TERMINATION MARK_TYPE "match u8 0x80 0x80 at 77 "
#define NO_TERMINATION MARK_TYPE "match u8 0 0x80 at 77 "

/* The router between them loses what it is told to: a class whose queue has no
 * room for any packet. */
static void build(void)
{
    net_build(NET_ROUTED);
    net_sh(NET_ROUTER, "tc qdisc add dev r2 root handle 1: htb default 10 &&"
                       "tc class add dev r2 parent 1: classid 1:10 htb rate 1gbit quantum 1514 &&"
                       "tc class add dev r2 parent 1: classid 1:20 htb rate 1gbit quantum 1514 &&"
                       "tc qdisc add dev r2 parent 1:20 handle 20: bfifo limit 1");
}

static void lose(const char *which, unsigned seq)
{
    net_sh(NET_ROUTER,
           "tc filter add dev r2 parent 1: protocol ip prio 1 u32 %s"
           "match u32 %u 0xffffffff at 28 flowid 1:20",
           which, seq);
}

/* With one packet lost no session ends by count. */
static void lose_packet(unsigned seq)
{
    lose(NO_TERMINATION, seq);
}

static void lose_termination(unsigned first, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        lose(IS_TERMINATION, first + i);
}

static struct net_program *receive(const char *options)
{
    struct net_program *p;

    /* Nothing is left over from a case that failed. */
    net_sh(NET_HERE, "rm -f %s/*.log", folder);
    p = net_start(&in_far, "receive --listen " NET_FAR_ADDR ":%d --json %s", PORT, options);

    net_await(p, "receiving on ");
    return p;
}

/* ------------------------------------------------------------------- the logs */

static json_t *analyze(const char *logs)
{
    return net_result(net_start(&in_near, "analyze %s --json", logs), PATIENCE_S);
}

/* A value of the only flow. */
static int64_t of_flow(const json_t *r, const char *path)
{
    const json_t *flows = json_object_get(r, "flows");

    assert_int_equal(json_array_size(flows), 1);
    return net_int(json_array_get(flows, 0), path);
}

static const char *ended_by(const json_t *r)
{
    return net_text(json_array_get(json_object_get(r, "flows"), 0), "ended_by");
}

/* The receiver's log alone: so many records, this ending (NULL: none), this
 * state. */
static void check_far_log(const char *path, int64_t n_records, const char *ending,
                          const char *state)
{
    json_t *r = analyze(path);

    assert_string_equal(net_text(r, "test.kind"), "one-way-receiver");
    assert_string_equal(net_text(r, "log.state"), state);
    assert_int_equal(net_int(r, "log.n_records"), n_records);
    if (ending)
        assert_string_equal(ended_by(r), ending);
    else
        assert_true(net_is_null(json_array_get(json_object_get(r, "flows"), 0), "ended_by"));
}

/* Both together. */
static json_t *check_both(const char *near, const char *far, int64_t n_sent, int64_t n_lost)
{
    char logs[500];
    json_t *r;

    snprintf(logs, sizeof(logs), "%s %s", near, far);
    r = analyze(logs);
    assert_string_equal(net_text(r, "test.kind"), "one-way");
    assert_int_equal(of_flow(r, "sending.n_sent"), n_sent);
    assert_int_equal(of_flow(r, "loss.n_lost"), n_lost);
    return r;
}

/* ------------------------------------------------------------------- endings */

struct ending {
    const char *name;
    unsigned lost;           /* this packet; N: none */
    unsigned n_terminations; /* lost, of ten */
    bool control;
    const char *ending;
};

static void run_ending(const struct ending *row)
{
    const char *near = path_of("near.log"), *far = path_of("far.log");
    struct net_program *receiver, *sender;
    char options[300];
    int64_t n_lost = row->lost < N;
    json_t *r;

    build();
    if (row->lost < N)
        lose_packet(row->lost);
    lose_termination(N, row->n_terminations);
    snprintf(options, sizeof(options), "%s --log %s --timeout 1500ms",
             row->control ? "" : "--no-control", far);
    receiver = receive(options);
    sender = net_start(&in_near, STREAM "%s --log %s", row->control ? "" : "--no-control", near);
    r = net_result(sender, PATIENCE_S);
    assert_int_equal(net_int(r, "n_sent"), N);
    assert_int_equal(net_int(r, "n_termination"), 10);
    if (row->control) {
        assert_int_equal(net_int(r, "receiver.n_arrived"), N - n_lost);
        assert_int_equal(net_int(r, "receiver.n_lost"), n_lost);
    } else {
        assert_true(net_is_null(r, "receiver"));
    }
    r = net_result(receiver, PATIENCE_S);
    if (strcmp(net_text(r, "ending"), row->ending) != 0)
        fail_msg("%s: ended by %s", row->name, net_text(r, "ending"));
    assert_int_equal(net_int(r, "n_arrived"), N - n_lost);
    check_far_log(far, N - n_lost, row->ending, "whole");
    if (row->control) {
        /* The sender's log has it all already. */
        json_t *near_result = analyze(near);

        assert_string_equal(net_text(near_result, "test.kind"), "one-way");
        assert_int_equal(of_flow(near_result, "loss.n_lost"), n_lost);
        assert_int_equal(of_flow(near_result, "receiving.n_arrived"), N - n_lost);
    } else {
        check_both(near, far, N, n_lost);
    }
    print_message("  %s\n", row->name);
    remove(near);
    remove(far);
    net_end(NULL);
}

static void a_session_ends_in_many_ways_and_loses_nothing(void **state)
{
    static const struct ending rows[] = {
        { "count, without control", N, 0, false, "count" },
        { "the first termination packet", 50, 0, false, "termination-packet" },
        { "the tenth termination packet", N - 1, 9, false, "termination-packet" },
        { "silence", N - 1, 10, false, "timeout" },
        { "count, with control", N, 0, true, "count" },
        { "a termination packet, with control", 0, 0, true, "termination-packet" },
        { "DONE over TCP, all termination packets lost", N - 1, 10, true, "done" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        run_ending(&rows[i]);
}

/* Waits until the receiver's log is about as long as that many records. */
static void await_records(const char *path, unsigned n)
{
    struct stat facts;

    for (int i = 0; i < 1000; i++) {
        if (stat(path, &facts) == 0 && facts.st_size > HEADER_MOST + (off_t)n * 48)
            return;
        usleep(10000);
    }
    fail_msg("no %u records came to %s", n, path);
}

/* Waits until nothing more is written to it. */
static void await_silence(const char *path)
{
    off_t size = -1;

    for (int i = 0; i < 100; i++) {
        struct stat facts = { 0 };

        (void)stat(path, &facts);
        if (facts.st_size > 0 && facts.st_size == size)
            return;
        size = facts.st_size;
        usleep(500000);
    }
    fail_msg("%s grows and grows", path);
}

static void by_hand_at_the_sender(void **state)
{
    const char *near = path_of("near.log"), *far = path_of("far.log");
    json_t *r, *both;

    (void)state;
    for (int control = 0; control < 2; control++) {
        struct net_program *receiver, *sender;
        char options[300];
        int64_t n_sent;

        build();
        snprintf(options, sizeof(options), "%s --log %s", control ? "" : "--no-control", far);
        receiver = receive(options);
        sender =
            net_start(&in_near, STREAM_BY_HAND "%s --log %s", control ? "" : "--no-control", near);
        await_records(far, 50);
        net_signal(sender, SIGINT);
        r = net_result(sender, PATIENCE_S);
        n_sent = net_int(r, "n_sent");
        assert_true(net_bool(r, "interrupted"));
        assert_in_range(n_sent, 40, N_BY_HAND - 1);
        r = net_result(receiver, PATIENCE_S);
        assert_string_equal(net_text(r, "ending"), "termination-packet");
        assert_int_equal(net_int(r, "n_arrived"), n_sent);
        assert_int_equal(net_int(r, "n_sent"), n_sent);
        check_far_log(far, n_sent, "termination-packet", "whole");
        both = control ? analyze(near) : check_both(near, far, n_sent, 0);
        assert_string_equal(ended_by(both), "by-hand");
        remove(near);
        remove(far);
        net_end(NULL);
    }
}

static void by_hand_at_the_receiver(void **state)
{
    const char *near = path_of("near.log"), *far = path_of("far.log");
    json_t *r;

    (void)state;
    for (int control = 0; control < 2; control++) {
        struct net_program *receiver, *sender;
        char options[300];
        int64_t n_arrived;

        build();
        snprintf(options, sizeof(options), "%s --log %s", control ? "" : "--no-control", far);
        receiver = receive(options);
        sender =
            net_start(&in_near, STREAM_BY_HAND "%s --log %s", control ? "" : "--no-control", near);
        await_records(far, 50);
        net_signal(receiver, SIGINT);
        r = net_result(receiver, PATIENCE_S);
        n_arrived = net_int(r, "n_arrived");
        assert_string_equal(net_text(r, "ending"), "by-hand");
        assert_in_range(n_arrived, 40, N_BY_HAND - 1);
        check_far_log(far, n_arrived, "by-hand", "whole");
        r = net_result(sender, PATIENCE_S);
        if (control) {
            /* It was told, stopped, and still got the receiver's records. */
            assert_true(net_bool(r, "interrupted"));
            assert_int_equal(net_int(r, "receiver.n_arrived"), n_arrived);
        } else {
            assert_int_equal(net_int(r, "n_sent"), N_BY_HAND);
            assert_true(net_int(r, "n_unreachable") > 0);
            /* What came after it, nobody can tell. */
            r = check_both(near, far, N_BY_HAND, 0);
            assert_int_equal(net_int(r, "log.n_unjudged"), N_BY_HAND - n_arrived);
        }
        remove(near);
        remove(far);
        net_end(NULL);
    }
}

/* Everything has come, and no end: the log lacks only its last chunk. */
static void kill_9_of_the_receiver(void **state)
{
    const char *near = path_of("near.log"), *far = path_of("far.log");
    struct net_program *receiver;
    char options[300];

    (void)state;
    for (int control = 0; control < 2; control++) {
        build();
        lose_packet(N - 1);
        lose_termination(N, 10);
        snprintf(options, sizeof(options), "%s --log %s", control ? "" : "--no-control", far);
        receiver = receive(options);
        struct net_program *sender = net_start(&in_near, STREAM "%s --timeout 5s --log %s",
                                               control ? "" : "--no-control", near);

        await_records(far, N / 2);
        await_silence(far);
        net_signal(receiver, SIGKILL);
        assert_int_equal(net_wait(receiver, PATIENCE_S), 128 + SIGKILL);
        check_far_log(far, N - 1, NULL, "unfinished");
        /* The sender keeps its own, and says what it could not get. */
        if (control) {
            assert_int_equal(net_wait(sender, PATIENCE_S), ENVIRONMENT);
            assert_non_null(strstr(net_err(sender), "OWAMP-Control"));
        } else {
            assert_int_equal(net_wait(sender, PATIENCE_S), 0);
        }
        /* Whether the last one was lost or not, the log cannot tell. */
        assert_int_equal(net_int(check_both(near, far, N, 0), "log.n_unjudged"), 1);
        remove(near);
        remove(far);
        net_end(NULL);
    }
}

static void kill_9_of_the_sender(void **state)
{
    const char *near = path_of("near.log"), *far = path_of("far.log");
    struct net_program *receiver, *sender;
    char options[300];
    int64_t n_arrived;
    json_t *r;

    (void)state;
    for (int control = 0; control < 2; control++) {
        build();
        snprintf(options, sizeof(options), "%s --timeout 1s --log %s",
                 control ? "" : "--no-control", far);
        receiver = receive(options);
        sender = net_start(&in_near, STREAM "%s --log %s", control ? "" : "--no-control", near);
        await_records(far, 50);
        net_signal(sender, SIGKILL);
        net_wait(sender, PATIENCE_S);
        r = net_result(receiver, PATIENCE_S);
        assert_string_equal(net_text(r, "ending"), "timeout");
        n_arrived = net_int(r, "n_arrived");
        check_far_log(far, n_arrived, "timeout", "whole");
        assert_string_equal(net_text(analyze(near), "log.state"), "unfinished");
        remove(near);
        remove(far);
        net_end(NULL);
    }
}

/* 64 KiB of disk for 144 kB of records. */
static void a_full_disk(void **state)
{
    static char shell[] = "/bin/sh", c[] = "-c";
    char script[1500], *words[] = { shell, c, script };
    const char *result = path_of("result.json");
    struct net_program *receiver;
    json_t *r;

    (void)state;
    for (int control = 0; control < 2; control++) {
        build();
        snprintf(script, sizeof(script),
                 "exec 3>%s; unshare -m sh -c 'mount -t tmpfs -o size=64k none /mnt || exit 99; "
                 "%s receive --listen " NET_FAR_ADDR ":%d --json %s --log /mnt/far.log; rc=$?; "
                 "%s analyze /mnt/far.log --json >&3; [ $rc = 3 ] || exit 98'",
                 result, net_used(), PORT, control ? "" : "--no-control", net_used());
        receiver = net_start_command(&in_far, words, 3, "");
        net_await(receiver, "receiving on ");
        assert_int_equal(net_wait(net_start(&in_near,
                                            "stream --one-way " NET_FAR_ADDR ":%d --packets 3000 "
                                            "--interval 500us --quiet %s",
                                            PORT, control ? "" : "--no-control"),
                                  PATIENCE_S),
                         0);
        assert_int_equal(net_wait(receiver, PATIENCE_S), 0);
        assert_non_null(strstr(net_err(receiver), "No space left"));
        r = json_load_file(result, 0, NULL);
        assert_non_null(r);
        net_keep_json(r);
        print_message("  %lld of 3000 records fitted; log %s\n",
                      (long long)net_int(r, "log.n_records"), net_text(r, "log.state"));
        assert_true(net_int(r, "log.n_records") > 800 && net_int(r, "log.n_records") < 1400);
        /* They are the first ones: nothing is missing among them. */
        assert_int_equal(of_flow(r, "loss.n_lost"), 0);
        remove(result);
        net_end(NULL);
    }
}

/* ------------------------------------------------------------------- the server */

enum { HALF_OPEN = 1000 };

static int ready[2], go_on[2];

/* A child that connects and says nothing; in the end it tells how many of its
 * connections were greeted or let go, and how many were let go. */
static void hold_half_open(void *argument)
{
    static int fds[HALF_OPEN];
    struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    struct rlimit limit = { 4096, 4096 };
    struct timeval patience = { .tv_sec = 20 };
    unsigned counts[2] = { 0 };
    char octets[200];

    (void)argument;
    setrlimit(RLIMIT_NOFILE, &limit);
    inet_pton(AF_INET, NET_FAR_ADDR, &far.sin_addr);
    for (int i = 0; i < HALF_OPEN; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (fds[i] < 0 || connect(fds[i], (struct sockaddr *)&far, sizeof(far)) != 0)
            _exit(1);
    }
    if (write(ready[1], "", 1) != 1 || read(go_on[0], octets, 1) != 1)
        _exit(1);
    for (int i = 0; i < HALF_OPEN; i++) {
        bool greeted, let_go;

        /* Where the queue of connections was full, the last step of the
         * handshake is made again, seconds later. In a hurry the server lets
         * go of some before their greeting has left. */
        setsockopt(fds[i], SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        errno = 0;
        greeted = recv(fds[i], octets, 64, MSG_WAITALL) == 64;
        let_go = errno == ECONNRESET || recv(fds[i], octets, 1, MSG_DONTWAIT) == 0;
        counts[0] += greeted || let_go;
        counts[1] += let_go;
    }
    if (write(ready[1], counts, sizeof(counts)) != sizeof(counts))
        _exit(1);
}

static void half_open_connections_do_not_keep_others_out(void **state)
{
    struct net_program *receiver, *crowd;
    unsigned counts[2];
    char octet;
    json_t *r;

    (void)state;
    build();
    receiver = receive("");
    assert_int_equal(pipe(ready), 0);
    assert_int_equal(pipe(go_on), 0);
    crowd = net_start_body(NET_NEAR, hold_half_open, NULL);
    assert_int_equal(read(ready[0], &octet, 1), 1);
    r = net_result(net_start(&in_near, STREAM), PATIENCE_S);
    assert_int_equal(net_int(r, "receiver.n_arrived"), N);
    assert_int_equal(write(go_on[1], "", 1), 1);
    assert_int_equal(read(ready[0], counts, sizeof(counts)), sizeof(counts));
    assert_int_equal(net_wait(crowd, PATIENCE_S), 0);
    for (int i = 0; i < 2; i++) {
        close(ready[i]);
        close(go_on[i]);
    }
    print_message("  %u of %d greeted or let go, %u let go\n", counts[0], HALF_OPEN, counts[1]);
    assert_int_equal(counts[0], HALF_OPEN);
    assert_true(counts[1] >= HALF_OPEN - 200 && counts[1] < HALF_OPEN);
    net_signal(receiver, SIGINT);
    assert_int_equal(net_wait(receiver, PATIENCE_S), 0);
}

static void many_senders_at_once_have_a_log_each(void **state)
{
    enum { SENDERS = 8 };
    struct net_program *senders[SENDERS], *receiver;
    char options[300];
    unsigned n_lines = 0;

    (void)state;
    build();
    net_sh(NET_HERE, "mkdir %s/many", folder);
    snprintf(options, sizeof(options), "--port 20000-20099 --log %s/many/", folder);
    receiver = receive(options);
    for (int i = 0; i < SENDERS; i++)
        senders[i] = net_start(&in_near, STREAM);
    for (int i = 0; i < SENDERS; i++) {
        json_t *r = net_result(senders[i], PATIENCE_S);

        assert_int_equal(net_int(r, "receiver.n_arrived"), N);
        assert_true(strncmp(net_text(r, "target"), NET_FAR_ADDR ":200", 13) == 0);
    }
    net_signal(receiver, SIGINT);
    assert_int_equal(net_wait(receiver, PATIENCE_S), 0);
    for (const char *at = net_out(receiver); (at = strchr(at, '\n')) != NULL; at++)
        n_lines++;
    assert_int_equal(n_lines, SENDERS);
    net_sh(NET_HERE, "test $(ls %s/many | wc -l) = %d", folder, SENDERS);
    net_end(NULL);
}

/* One after another on one socket, without control. */
static void sessions_without_control_follow_one_another(void **state)
{
    struct net_program *receiver;
    char options[300];
    unsigned n_lines = 0;

    (void)state;
    build();
    net_sh(NET_HERE, "mkdir %s/row", folder);
    snprintf(options, sizeof(options), "--no-control --log %s/row/", folder);
    receiver = receive(options);
    for (int i = 0; i < 3; i++) {
        json_t *r = net_result(net_start(&in_near, STREAM "--no-control"), PATIENCE_S);

        assert_int_equal(net_int(r, "n_sent"), N);
        usleep(500000); /* it lingers for 200 ms */
    }
    net_signal(receiver, SIGINT);
    assert_int_equal(net_wait(receiver, PATIENCE_S), 0);
    for (const char *at = net_out(receiver); (at = strstr(at, "\"n_arrived\": 200,")) != NULL; at++)
        n_lines++;
    assert_int_equal(n_lines, 3);
    net_sh(NET_HERE, "test $(ls %s/row | wc -l) = 3", folder);
    net_end(NULL);
}

static void who_cannot_be_helped_is_told_why(void **state)
{
    static const struct {
        const char *arguments, *says;
        int code;
    } rows[] = {
        { "stream --one-way " NET_FAR_ADDR ":1", "nothing listens", 3 },
        { "stream --one-way " NET_FAR_ADDR ":8610 --size 100-200", "--no-control", 2 },
        { "stream --one-way " NET_FAR_ADDR ":8610 --size 41", "41", 2 },
        { "stream --one-way --no-control " NET_FAR_ADDR ":8610 --size 91", "91", 2 },
        { "stream --one-way " NET_FAR_ADDR ":8610 --packets 2000000", "permanent", 3 },
        { "stream --one-way " NET_FAR_ADDR ":8610 --rate 9Gbit --size 1500", "permanent", 3 },
        { "stream --one-way " NET_FAR_ADDR ":8610 --bucket 1Mbit:3000 --packets 5000", "4096", 2 },
        { "receive --port 9-8", "9-8", 2 },
        { "receive --port 65536", "65536", 2 },
        { "receive --listen " NET_NEAR_ADDR ":1 --log /no/such/folder/x.log", "--log", 3 },
        { "receive --listen 192.0.2.1:8610", "192.0.2.1", 3 },
        { "receive --listen nowhere", "--listen", 2 },
    };
    struct net_program *receiver;

    (void)state;
    build();
    receiver = receive("");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_program *p = net_start(&in_near, "%s --quiet", rows[i].arguments);
        int code = net_wait(p, PATIENCE_S);

        print_message("  %d  %s", code, net_err(p));
        if (code != rows[i].code || !strstr(net_err(p), rows[i].says))
            fail_msg("\"%s\": %d: %s", rows[i].arguments, code, net_err(p));
    }
    net_signal(receiver, SIGINT);
    assert_int_equal(net_wait(receiver, PATIENCE_S), 0);
    net_end(NULL);
}

/* Octets by hand: a request that aims at another host, and what comes of it. */
static void a_third_party_is_nobodys_target(void **state)
{
    struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    unsigned char setup[164] = { 0, 0, 0, 1 }, request[144] = { 0 }, answer[112];
    struct net_program *receiver;
    int fd;

    (void)state;
    build();
    receiver = receive("");
    inet_pton(AF_INET, NET_FAR_ADDR, &far.sin_addr);
    fd = net_socket(NET_NEAR, AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&far, sizeof(far)), 0);
    assert_int_equal(recv(fd, answer, 64, MSG_WAITALL), 64);
    assert_int_equal(send(fd, setup, sizeof(setup), 0), sizeof(setup));
    assert_int_equal(recv(fd, answer, 48, MSG_WAITALL), 48);
    assert_int_equal(answer[15], 0);
    memcpy(request, "\1\4\0\1\0\0\0\1\0\0\0\144\23\210\0\0", 16); /* 1 slot, 100 packets */
    inet_pton(AF_INET, NET_NEAR_ADDR, request + 16);
    inet_pton(AF_INET, "192.0.2.66", request + 32);
    request[112] = 1;
    request[124] = 0x10;
    assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
    assert_int_equal(recv(fd, answer, 48, MSG_WAITALL), 48);
    assert_int_equal(answer[0], 3); /* not supported */
    /* The connection goes on: the same with the right target is accepted. */
    inet_pton(AF_INET, NET_FAR_ADDR, request + 32);
    assert_int_equal(send(fd, request, sizeof(request), 0), sizeof(request));
    assert_int_equal(recv(fd, answer, 48, MSG_WAITALL), 48);
    assert_int_equal(answer[0], 0);
    assert_true(answer[2] != 0 || answer[3] != 0);
    close(fd);
    net_signal(receiver, SIGINT);
    assert_int_equal(net_wait(receiver, PATIENCE_S), 0);
    net_end(NULL);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/spd-oneway-%d", (int)getpid());
    return mkdir(folder, 0700);
}

static int remove_folder(void **state)
{
    (void)state;
    net_sh(NET_HERE, "rm -rf %s", folder);
    return 0;
}

#define CASE(f) cmocka_unit_test_teardown(f, net_end)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_session_ends_in_many_ways_and_loses_nothing),
        CASE(by_hand_at_the_sender),
        CASE(by_hand_at_the_receiver),
        CASE(kill_9_of_the_receiver),
        CASE(kill_9_of_the_sender),
        CASE(a_full_disk),
        CASE(half_open_connections_do_not_keep_others_out),
        CASE(many_senders_at_once_have_a_log_each),
        CASE(sessions_without_control_follow_one_another),
        CASE(who_cannot_be_helped_is_told_why),
        CASE(a_third_party_is_nobodys_target),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
