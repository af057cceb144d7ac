/*
 * What goes wrong on the way, or in the middle of a test: ICMP errors, a
 * reflector that ends, a link that goes down, a user who has seen enough, a
 * kernel without io_uring. What was measured stays, and the rest has its name.
 */
#include "tests/net/net.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENVIRONMENT = 3 };

static const struct net_how in_far = { .host = NET_FAR };
static const struct net_how in_near = { .host = NET_NEAR };

/* A result that was printed although the test did not end well. */
static json_t *result_of_failure(struct net_program *p, int code, const char *const *says)
{
    int got = net_wait(p, 60);
    json_t *r;

    print_message("  %d  %s", got, net_err(p));
    assert_int_equal(got, code);
    for (; *says; says++)
        if (!strstr(net_err(p), *says))
            fail_msg("it does not say \"%s\", but: %s", *says, net_err(p));
    r = json_loads(net_out(p), JSON_REJECT_DUPLICATES, NULL);
    if (!r)
        fail_msg("no JSON: %s", net_out(p));
    net_keep_json(r);
    return r;
}

/* Waits until the reflector has seen a burst, which its counters tell. */
static void await_bursts(struct net_program *reflector, unsigned n_packets)
{
    for (int i = 0; i < 1000; i++) {
        const char *line;

        net_signal(reflector, SIGUSR1);
        usleep(10000);
        line = strrchr(net_out(reflector), '{');
        if (line) {
            json_t *counters = json_loads(line, 0, NULL);
            int64_t n = counters ? net_int(counters, "n_received") : 0;

            json_decref(counters);
            if (n >= n_packets)
                return;
        }
    }
    fail_msg("no burst reached the reflector");
}

/* ------------------------------------------------------------ from the start */

static void an_icmp_error_from_a_router_is_named(void **state)
{
    static const struct {
        const char *route, *says;
    } rows[] = {
        { "unreachable", "host unreachable" },
        { "prohibit", "prohibited" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct net_program *p;

        net_build(NET_ROUTED);
        net_sh(NET_ROUTER, "ip route add %s " NET_FAR_ADDR "/32", rows[i].route);
        net_sh(NET_ROUTER, "echo 0 >/proc/sys/net/ipv4/icmp_ratelimit");
        p = net_start(&in_near, "burst " NET_FAR_ADDR " --timeout 500ms");
        assert_int_equal(net_wait(p, 30), ENVIRONMENT);
        print_message("  %s", net_err(p));
        if (!strstr(net_err(p), rows[i].says) || !strstr(net_err(p), NET_FAR_ADDR) ||
            !strstr(net_err(p), "check"))
            fail_msg("%s: it says: %s", rows[i].route, net_err(p));
        assert_string_equal(net_out(p), "");
        net_end(NULL);
    }
}

/* ------------------------------------------------------------ in the middle */

/* After the first of four bursts, something happens. */
static json_t *burst_with_trouble(void (*happen)(struct net_program *reflector),
                                  const char *icmp_ratelimit, const char *const *says)
{
    struct net_program *reflector, *sender;

    net_build(NET_DIRECT);
    net_sh(NET_FAR, "echo %s >/proc/sys/net/ipv4/icmp_ratelimit", icmp_ratelimit);
    reflector = net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful --json");
    sender = net_start(&in_near, "burst " NET_FAR_ADDR " --bursts 4 --packets 40 --gap 700ms "
                                 "--timeout 200ms --retries 0 --json --records");
    await_bursts(reflector, 2 + 40);
    happen(reflector);
    return result_of_failure(sender, ENVIRONMENT, says);
}

static void kill_it(struct net_program *reflector)
{
    net_signal(reflector, SIGKILL);
    net_wait(reflector, 20);
}

static void check_one_burst_of_four(const json_t *r)
{
    const struct net_packet *packets;
    size_t n;

    packets = net_packets(r, &n);
    assert_int_equal(n, 160);
    assert_int_equal(net_int(r, "packet_counts.n_received"), 40);
    assert_int_equal(net_int(r, "loss.n_lost"), 0);
    for (size_t i = 0; i < n; i++)
        if (i < 40)
            assert_string_equal(packets[i].fate, "received");
        else if (strcmp(packets[i].fate, "unreachable") != 0)
            assert_string_equal(packets[i].fate, "not-sent");
}

/* Both when each packet gets its ICMP error and when a host sends few of them,
 * as Linux does by itself. */
static void a_reflector_that_ends_is_unreachable_and_nothing_is_lost(void **state)
{
    static const char *const says[] = { NET_FAR_ADDR, "port unreachable from burst 1 on",
                                        "start it again", NULL };
    static const char *const limits[] = { "0", "1000" };

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        json_t *r = burst_with_trouble(kill_it, limits[i], says);

        check_one_burst_of_four(r);
        assert_true(net_int(r, "packet_counts.n_unreachable") > 0);
        assert_string_equal(net_text(r, "outcome.error"), "REFUSED");
        net_end(NULL);
    }
}

static void cut_the_link(struct net_program *reflector)
{
    (void)reflector;
    net_sh(NET_NEAR, "ip link set n0 down");
}

static void a_link_that_goes_down_is_named_and_what_was_measured_stays(void **state)
{
    static const char *const says[] = { NET_FAR_ADDR, "network unreachable from burst 1 on",
                                        "check the link", NULL };
    json_t *r;

    (void)state;
    r = burst_with_trouble(cut_the_link, "1000", says);
    check_one_burst_of_four(r);
    assert_int_equal(net_int(r, "packet_counts.n_not_sent"), 120);
    assert_string_equal(net_text(r, "outcome.error"), "NET_UNREACHABLE");
}

static void ctrl_c_ends_with_the_result_so_far(void **state)
{
    struct net_program *reflector, *sender;
    json_t *r;

    (void)state;
    net_build(NET_DIRECT);
    reflector = net_reflector(&in_far, NET_FAR_ADDR, 862, "--stateful --json");
    sender = net_start(&in_near, "burst " NET_FAR_ADDR " --bursts 1000 --packets 40 --gap 300ms "
                                 "--retries 0 --json");
    await_bursts(reflector, 2 + 2 * 40);
    net_signal(sender, SIGINT);
    r = net_result(sender, 20);
    assert_true(net_bool(r, "test.interrupted"));
    assert_true(net_int(r, "packet_counts.n_received") >= 80);
    assert_true(net_int(r, "packet_counts.n_received") <= 40 * 40);
    assert_int_equal(net_int(r, "loss.n_lost"), 0);
    net_signal(reflector, SIGTERM);
    assert_int_equal(net_wait(reflector, 20), 0);
}

/* ------------------------------------------------------------ no io_uring */

static const char io_uring_setting[] = "/proc/sys/kernel/io_uring_disabled";

static bool write_setting(char value)
{
    int fd = open(io_uring_setting, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 && write(fd, &value, 1) == 1;

    if (fd >= 0)
        close(fd);
    return ok;
}

static char read_setting(void)
{
    int fd = open(io_uring_setting, O_RDONLY | O_CLOEXEC);
    char value = 0;

    if (fd >= 0 && read(fd, &value, 1) != 1)
        value = 0;
    if (fd >= 0)
        close(fd);
    return value;
}

/* The setting is the whole machine's. A grandchild, which nobody who kills this
 * test finds, puts it back when its end of the pipe says that the test is over,
 * however it ended. Returns this end. */
static int start_guard(char value)
{
    int alive[2];
    pid_t pid;

    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    fflush(NULL);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char byte;

        if (fork() != 0)
            _exit(0);
        setsid();
        signal(SIGINT, SIG_IGN);
        signal(SIGTERM, SIG_IGN);
        signal(SIGHUP, SIG_IGN);
        close(alive[1]);
        while (read(alive[0], &byte, 1) > 0)
            ;
        _exit(write_setting(value) ? 0 : 1);
    }
    waitpid(pid, NULL, 0);
    close(alive[0]);
    return alive[1];
}

static void try_without_io_uring(char value, bool nobody, const char *arguments)
{
    const struct net_how how = { .host = NET_NEAR, .nobody = nobody };
    char before = read_setting();
    struct net_program *p;
    int guard = start_guard(before), code;

    if (!write_setting(value)) {
        close(guard);
        printf("skipped: kernel.io_uring_disabled cannot be set here\n");
        skip();
    }
    p = net_start(&how, "%s", arguments);
    net_ended_within(p, 20000);
    close(guard);
    for (int i = 0; i < 1000 && read_setting() != before; i++)
        usleep(1000);
    assert_int_equal(read_setting(), before);
    code = net_wait(p, 1);
    print_message("  %d  %s", code, net_err(p));
    assert_int_equal(code, ENVIRONMENT);
    assert_non_null(strstr(net_err(p), "io_uring"));
    assert_non_null(strstr(net_err(p), "kernel.io_uring_disabled"));
    assert_string_equal(net_out(p), "");
}

static void io_uring_disabled_names_the_setting_to_change(void **state)
{
    (void)state;
    if (read_setting() == 0) {
        printf("skipped: this kernel has no kernel.io_uring_disabled\n");
        skip();
    }
    net_build(NET_DIRECT);
    try_without_io_uring('2', false, "burst " NET_FAR_ADDR);
    try_without_io_uring('2', false, "reflect --listen 127.0.0.1:8620");
    try_without_io_uring('1', true, "burst " NET_FAR_ADDR);
    try_without_io_uring('1', true, "reflect --listen 127.0.0.1:8620");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_icmp_error_from_a_router_is_named, net_end),
        cmocka_unit_test_teardown(a_reflector_that_ends_is_unreachable_and_nothing_is_lost,
                                  net_end),
        cmocka_unit_test_teardown(a_link_that_goes_down_is_named_and_what_was_measured_stays,
                                  net_end),
        cmocka_unit_test_teardown(ctrl_c_ends_with_the_result_so_far, net_end),
        cmocka_unit_test_teardown(io_uring_disabled_names_the_setting_to_change, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
