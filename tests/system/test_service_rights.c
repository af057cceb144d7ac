/*
 * The service among users who may not do everything, and among those who mean
 * it ill: what they may, they get; what they may not, they hear; and nobody
 * else notices.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/support/random.h"
#include "tests/system/service_kit.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED 1 /* memory is then the sanitizer's */
#else
#define IS_SANITIZED 0
#endif

enum {
    NOBODY = 65534,
    CLIENT_S = 60,
    GROWTH_KIB = 4 * 1024,   /* that a second round of the same may take */
    SWELLING_KIB = 32 * 1024 /* while answers wait for those who do not read */
};

#define RULE                                                                                       \
    "[allow \"desk\"]\nusers = 65534\ncommands = stream, qos\ntargets = 127.0.0.0/8\n"             \
    "max-rate = 100kbit\nmax-packets = 200\nclasses = BE, EF\n"

/* ------------------------------------------------------------------ rights */

static void a_user_gets_what_a_rule_allows_and_hears_why_not_the_rest(void **state)
{
    static const struct {
        const char *name, *command, *options, *said;
    } rows[] = {
        { "another command", "burst 127.0.0.1", "", "'desk' does not allow stampede burst" },
        { "another target", "stream 10.1.2.3", "", "'desk' allows tests to 127.0.0.0/8" },
        { "a name as target", "stream localhost", "", "'desk' allows tests to 127.0.0.0/8" },
        { "too much at once", "stream 127.0.0.1", "--rate 5mbit --packets 100",
          "allows at most 100 kbit/s; this test sends 5 Mbit/s" },
        { "too many packets", "stream 127.0.0.1", "--packets 201", "at most 200 packets" },
        { "another class", "stream 127.0.0.1", "--packets 10 --dscp AF41", "class AF41" },
        { "a file to write", "stream 127.0.0.1", "--packets 10 --log written", "writes no files" },
        { "a file to read", "stream 127.0.0.1", "--packets 10 --size @/etc/shadow",
          "for administrators" },
        { "a processor", "stream 127.0.0.1", "--packets 10 --spin", "for administrators" },
    };
    struct net_program *p;

    (void)state;
    service_configure(RULE);
    service_start();
    p = service_client(true, "stream 127.0.0.1:%u --packets 20 --json --via-service", service.port);
    assert_int_equal(net_int(json_array_get(json_object_get(net_result(p, CLIENT_S), "flows"), 0),
                             "sending.n_sent"),
                     20);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int code;

        p = service_client(true, "%s:%u %s --via-service", rows[i].command, service.port,
                           rows[i].options);
        code = net_wait(p, CLIENT_S);
        if (code == 0 || code > 3 || !strstr(net_err(p), rows[i].said))
            fail_msg("row \"%s\": ended with %d and said: %s", rows[i].name, code, net_err(p));
    }
    assert_int_equal(access("written", F_OK), -1);
    assert_int_equal(json_array_size(service_history()), 1);
    assert_int_equal(net_int(service_status(), "tests_refused"), sizeof(rows) / sizeof(rows[0]));
    service_stop();
}

static void without_a_rule_a_user_gets_nothing(void **state)
{
    struct net_program *p;

    (void)state;
    service_configure("%s", "");
    service_start();
    p = service_client(true, "stream 127.0.0.1:%u --packets 10 --via-service", service.port);
    assert_int_not_equal(net_wait(p, CLIENT_S), 0);
    assert_non_null(strstr(net_err(p), "no rule allows"));
    assert_int_equal(net_wait(service_client(true, "status"), CLIENT_S), 0);
    service_stop();
}

static void a_user_touches_no_tests_of_others_and_no_configuration(void **state)
{
    struct service_link *link;
    struct net_program *p, *theirs;
    char arguments[200];
    const json_t *line;
    int64_t ours, number = 0;

    (void)state;
    service_configure(RULE);
    service_start();
    link = service_link();
    snprintf(arguments, sizeof(arguments),
             "\"command\":\"stream\",\"arguments\":[\"127.0.0.1:%u\",\"--packets\",\"100000\"]",
             service.port);
    ours = service_ask_test(link, 1, arguments);

    assert_int_equal(net_wait(p = service_client(true, "tests"), CLIENT_S), 0);
    assert_string_equal(net_out(p), "no test runs\n");
    p = service_client(true, "cancel %lld", (long long)ours);
    assert_int_not_equal(net_wait(p, CLIENT_S), 0);
    assert_non_null(strstr(net_err(p), "is not yours"));

    /* Their own they see and end; an administrator sees both. */
    theirs = service_client(true, "stream 127.0.0.1:%u --packets 200 --interval 100 --via-service",
                            service.port);
    for (int i = 0; i < CLIENT_S && number == 0; i++) {
        line = net_result(service_client(true, "tests --json"), CLIENT_S);
        if (json_array_size(json_object_get(line, "tests")) == 1)
            number = net_int(json_array_get(json_object_get(line, "tests"), 0), "test");
        else
            usleep(500000);
    }
    assert_true(number > ours);
    line = net_result(service_client(false, "tests --json"), CLIENT_S);
    assert_int_equal(json_array_size(json_object_get(line, "tests")), 2);
    assert_int_equal(net_wait(service_client(true, "cancel %lld", (long long)number), CLIENT_S), 0);
    assert_int_equal(net_wait(theirs, CLIENT_S), 0);
    assert_int_equal(net_wait(service_client(false, "cancel %lld", (long long)ours), CLIENT_S), 0);
    assert_true(net_bool(service_hear_event(link, "finished"), "interrupted"));
    service_unlink(link);
    service_stop();
}

/* ---------------------------------------------------------------- ill will */

static struct spd_random chance;

/* As a user of its own; the rest of the crowd is another's. */
static void become_nobody(void)
{
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(126);
}

/* -1 where no more are let in. */
static int knock(int flags)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = 20 };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);

    if (fd < 0)
        _exit(126);
    memcpy(at.sun_path, service.control, sizeof(service.control));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void drain(int fd)
{
    char bytes[4096];

    while (recv(fd, bytes, sizeof(bytes), 0) > 0)
        ;
    close(fd);
}

static void say_random_bytes(void *context)
{
    (void)context;
    become_nobody();
    for (int i = 0; i < 200; i++) {
        uint8_t bytes[4096];
        size_t n = 1 + spd_random_below(&chance, sizeof(bytes));
        int fd = knock(0);

        spd_random_bytes(&chance, bytes, n);
        if (fd < 0)
            _exit(1);
        bytes[n - 1] = '\n';
        (void)send(fd, bytes, n, MSG_NOSIGNAL);
        (void)shutdown(fd, SHUT_WR);
        drain(fd);
    }
}

static void say_halves_of_lines(void *context)
{
    static const char half[] = "{\"stampede\":1,\"id\":1,\"do\":\"sta";
    int fds[40];

    (void)context;
    become_nobody();
    for (int i = 0; i < 40; i++) {
        fds[i] = knock(0);
        if (fds[i] >= 0)
            (void)send(fds[i], half, sizeof(half) - 1, MSG_NOSIGNAL);
    }
    sleep(3);
    for (int i = 0; i < 40; i++)
        close(fds[i]);
}

static void say_lines_of_ten_megabytes(void *context)
{
    static char bytes[1 << 20];

    (void)context;
    become_nobody();
    memset(bytes, '[', sizeof(bytes));
    for (int i = 0; i < 10; i++) {
        int fd = knock(0);

        for (int k = 0; k < 10 && send(fd, bytes, sizeof(bytes), MSG_NOSIGNAL) > 0; k++)
            ;
        close(fd);
    }
}

static void come_in_crowds(void *context)
{
    int fds[1000], n = 0;

    (void)context;
    become_nobody();
    for (int i = 0; i < 1000; i++) {
        fds[i] = knock(SOCK_NONBLOCK);
        for (int k = 0; k < 200 && fds[i] < 0; k++) {
            usleep(10000);
            fds[i] = knock(SOCK_NONBLOCK);
        }
        n += fds[i] >= 0;
    }
    sleep(1);
    if (n < 1000)
        _exit(1);
}

/* Asks and asks, and reads nothing of the answers for some seconds. */
static void ask_and_not_listen(void *context)
{
    static const char request[] = "{\"stampede\":1,\"id\":1,\"do\":\"status\"}\n";
    static char many[1000 * (sizeof(request) - 1)];
    struct pollfd fds[30];
    int64_t until_ns;

    (void)context;
    become_nobody();
    for (int i = 0; i < 1000; i++)
        memcpy(many + (size_t)i * (sizeof(request) - 1), request, sizeof(request) - 1);
    for (int i = 0; i < 30; i++) {
        fds[i] = (struct pollfd){ .fd = knock(SOCK_NONBLOCK), .events = POLLOUT };
        if (fds[i].fd < 0)
            _exit(1);
    }
    until_ns = service_now_ns() + 6 * NET_S;
    while (service_now_ns() < until_ns && poll(fds, 30, 100) >= 0)
        for (int i = 0; i < 30; i++)
            if (fds[i].revents & POLLOUT)
                (void)send(fds[i].fd, many, sizeof(many), MSG_NOSIGNAL);
    /* Then octet by octet, for a while. */
    for (int k = 0; k < 1000; k++)
        for (int i = 0; i < 30; i++) {
            char octet;

            (void)recv(fds[i].fd, &octet, 1, MSG_DONTWAIT);
        }
}

static size_t most_kib;

/* Somebody honest is served while the body goes on, test and all. */
static void endure(const char *what, void (*body)(void *))
{
    struct net_program *p = net_start_body(NET_HERE, body, NULL);
    struct service_link *link = service_link();
    char arguments[200];
    int code, n = 0;

    snprintf(arguments, sizeof(arguments),
             "\"command\":\"stream\",\"arguments\":[\"127.0.0.1:%u\",\"--packets\",\"5\"]",
             service.port);
    /* Who has said nothing yet makes room for others. */
    service_say(link, "{\"stampede\":1,\"id\":1,\"do\":\"status\"}");
    service_hear_event(link, "status");
    do {
        const json_t *line;
        struct service_link *other = service_link();
        size_t kib;

        service_say(other, "{\"stampede\":1,\"id\":9,\"do\":\"tests\"}");
        service_hear_event(other, "tests");
        service_unlink(other);
        (void)service_ask_test(link, n, arguments);
        line = service_hear_event(link, "finished");
        assert_int_equal(net_int(line, "exit_code"), 0);
        assert_false(json_is_null(json_object_get(line, "history")));
        kib = service_rss_kib();
        most_kib = kib > most_kib ? kib : most_kib;
        n++;
    } while (!net_ended_within(p, 10));
    service_unlink(link);
    code = net_wait(p, CLIENT_S);
    if (code != 0)
        fail_msg("%s: ended with %d", what, code);
    print_message("%s: %d tests meanwhile, at most %zu KiB\n", what, n, most_kib);
}

static void endure_all(void)
{
    endure("random bytes", say_random_bytes);
    endure("halves of lines", say_halves_of_lines);
    endure("lines of 10 MB", say_lines_of_ten_megabytes);
    endure("1,000 connections", come_in_crowds);
    endure("asking and not listening", ask_and_not_listen);
}

/* Once those who are gone are known to be gone. */
static size_t descriptors_at_rest(size_t wanted)
{
    size_t n = service_descriptors();

    for (int i = 0; i < CLIENT_S && n > wanted; i++) {
        sleep(1);
        n = service_descriptors();
    }
    return n;
}

static void ill_will_neither_stops_nor_starves_nor_swells_the_service(void **state)
{
    size_t kib_before, kib_after, n_before;

    (void)state;
    service_configure(RULE);
    service_start();
    (void)service_status();
    sleep(1);
    n_before = service_descriptors();
    endure_all();
    assert_true(descriptors_at_rest(n_before) <= n_before);
    kib_before = service_rss_kib();
    endure_all();
    assert_true(descriptors_at_rest(n_before) <= n_before);
    kib_after = service_rss_kib();
    print_message("%zu KiB after one round, %zu after two, at most %zu; %zu descriptors\n",
                  kib_before, kib_after, most_kib, n_before);
    if (!IS_SANITIZED) {
        assert_true(kib_after <= kib_before + GROWTH_KIB);
        assert_true(most_kib <= kib_before + SWELLING_KIB);
    }
    assert_true(net_int(service_status(), "requests_malformed") >= 200);
    service_stop();
}

static void half_a_line_is_waited_for_half_a_minute_only(void **state)
{
    struct service_link *link;
    const json_t *line;
    char octet;

    (void)state;
    service_configure("%s", "");
    service_start();
    link = service_link();
    assert_int_equal(send(link->fd, "{\"stampede\":1", 13, MSG_NOSIGNAL), 13);
    assert_int_equal(recv(link->fd, &octet, 1, 0), 0);
    link = service_link();
    service_say(link, "{\"stampede\":2,\"id\":3,\"do\":\"status\"}");
    line = service_hear_event(link, "refused");
    assert_int_equal(net_int(line, "id"), 3);
    service_say(link, "{\"stampede\":1,\"id\":4,\"do\":\"status\"}");
    service_hear_event(link, "status");
    service_stop();
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, service_setup, service_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE(a_user_gets_what_a_rule_allows_and_hears_why_not_the_rest),
        CASE(without_a_rule_a_user_gets_nothing),
        CASE(a_user_touches_no_tests_of_others_and_no_configuration),
        CASE(ill_will_neither_stops_nor_starves_nor_swells_the_service),
        CASE(half_a_line_is_waited_for_half_a_minute_only),
    };

    net_use(argc - 1, argv + 1);
    if (geteuid() != 0)
        net_skip_all("only root can be other users");
    chance = spd_random_start("test_service_rights");
    return cmocka_run_group_tests_name("test_service_rights", tests, NULL, NULL);
}
