/*
 * A reflector under a flood from 1,000 sources: it stays within its limits,
 * answers those who keep them, counts what it refuses by reason, and its memory
 * does not grow.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    PORT = 8620,
    BASE = 44,
    N_SOURCES = 1000,
    FLOOD_S = 8,
    BATCH = 50, /* packets, then a pause of 1 ms */
    SOURCE_RATE = 20,
    TOTAL_RATE = 15000
};

/* What the flood did, for the test to see. */
struct flood {
    uint64_t n_sent;
    uint64_t n_replies;
    uint64_t n_most; /* to one source */
};

static struct flood *flood;
static struct net_program *reflector;

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int open_source(int i)
{
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(0x0A420000u + 256 + (unsigned)i) };
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    int fd = socket(AF_INET, SOCK_DGRAM, 0), bytes = 1 << 20;

    inet_pton(AF_INET, NET_FAR_ADDR, &to.sin_addr);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    if (fd < 0 || bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        perror("source");
        _exit(1);
    }
    return fd;
}

/* In a process of its own: no cmocka. 10.66.1.0 and on, each in turn. */
static void run_flood(void *argument)
{
    static int fds[N_SOURCES];
    static const struct timespec pause = { .tv_nsec = 1000000 };
    uint8_t packet[BASE] = { [13] = 1 }, reply[100];
    double end_s;

    (void)argument;
    for (int i = 0; i < N_SOURCES; i++)
        fds[i] = open_source(i);
    end_s = now_s() + FLOOD_S;
    for (unsigned i = 0; now_s() < end_s; nanosleep(&pause, NULL))
        for (int k = 0; k < BATCH; k++)
            flood->n_sent += send(fds[i++ % N_SOURCES], packet, sizeof(packet), 0) == BASE;
    sleep(1); /* for the last replies */
    for (int i = 0; i < N_SOURCES; i++) {
        uint64_t n = 0;

        while (recv(fds[i], reply, sizeof(reply), MSG_DONTWAIT) == BASE)
            n++;
        flood->n_replies += n;
        flood->n_most = n > flood->n_most ? n : flood->n_most;
    }
}

/* The reflector is the child of this test that runs it. */
static pid_t pid_of_reflector(void)
{
    char path[64], command[300];
    FILE *children;
    pid_t pid, found = -1;

    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    children = fopen(path, "r");
    assert_non_null(children);
    while (found < 0 && fscanf(children, "%d", &pid) == 1) {
        FILE *file;
        size_t n = 0;

        snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
        file = fopen(path, "r");
        if (file) {
            n = fread(command, 1, sizeof(command) - 1, file);
            fclose(file);
        }
        for (size_t i = 0; i + 8 < n && found < 0; i++)
            if (strcmp(command + i, "reflect") == 0)
                found = pid;
    }
    fclose(children);
    assert_true(found > 0);
    return found;
}

static long resident_kb(pid_t pid)
{
    char path[64], line[200];
    long kb = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "r");
    assert_non_null(file);
    while (kb < 0 && fgets(line, sizeof(line), file))
        (void)sscanf(line, "VmRSS: %ld", &kb);
    fclose(file);
    assert_true(kb > 0);
    return kb;
}

static void build(const char *limits)
{
    const struct net_how far = { .host = NET_FAR };

    net_build(NET_DIRECT);
    /* All of 10.66.0.0/16 lives on the near host. */
    net_sh(NET_NEAR, "ip route add local 10.66.0.0/16 dev lo");
    net_sh(NET_FAR, "ip route add 10.66.0.0/16 via " NET_NEAR_ADDR);
    flood = mmap(NULL, sizeof(*flood), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(flood != MAP_FAILED);
    reflector = net_reflector(&far, NET_FAR_ADDR, PORT, limits);
}

/* The flood, with a stream of 10 packets a second from a source of good will
 * beside it. Returns the result of the stream; *counters are the reflector's. */
static json_t *flood_and_stream(json_t **counters)
{
    const struct net_how near = { .host = NET_NEAR };
    struct net_program *bad, *good;
    json_t *result;
    long before_kb, after_kb;
    pid_t pid = pid_of_reflector();

    bad = net_start_body(NET_NEAR, run_flood, NULL);
    while (flood->n_sent < 20000)
        usleep(1000);
    before_kb = resident_kb(pid);
    good =
        net_start(&near, "stream " NET_FAR_ADDR ":%d --packets 60 --interval 100ms --json", PORT);
    result = net_result(good, 60);
    assert_int_equal(net_wait(bad, 60), 0);
    after_kb = resident_kb(pid);
    print_message("  %llu packets of the flood, %llu answered, %llu at most of one source; "
                  "resident %ld kB, then %ld kB\n",
                  (unsigned long long)flood->n_sent, (unsigned long long)flood->n_replies,
                  (unsigned long long)flood->n_most, before_kb, after_kb);
    assert_true(after_kb <= before_kb + 64);
    net_signal(reflector, SIGINT);
    *counters = net_result(reflector, 20);
    return result;
}

static int64_t lost(const json_t *result)
{
    return net_int(json_array_get(json_object_get(result, "flows"), 0), "loss.n_lost");
}

static int64_t count(const json_t *counters, const char *name)
{
    int64_t n = net_int(counters, name);

    print_message("  %-20s %lld\n", name, (long long)n);
    return n;
}

static void each_source_of_a_flood_is_held_to_its_rate(void **state)
{
    char limits[200];
    json_t *counters, *result;

    (void)state;
    snprintf(limits, sizeof(limits), "--source-rate %d --json", SOURCE_RATE);
    build(limits);
    result = flood_and_stream(&counters);
    /* A second's worth at once, then the rate. */
    assert_true(flood->n_most <= SOURCE_RATE * (FLOOD_S + 2));
    assert_true(flood->n_replies >= N_SOURCES * SOURCE_RATE); /* it does not fall silent */
    assert_int_equal(lost(result), 0);
    assert_true(count(counters, "n_over_source_rate") > 0);
    assert_int_equal(count(counters, "n_received"),
                     count(counters, "n_reflected") + count(counters, "n_over_source_rate"));
}

static void flood_of_allowed_sources_leaves_others_their_share_of_the_total(void **state)
{
    char limits[200];
    json_t *counters, *result;

    (void)state;
    snprintf(limits, sizeof(limits),
             "--allow 10.66.0.0/16 --allow 10.77.0.0/16 --total-rate %d "
             "--json",
             TOTAL_RATE);
    build(limits);
    result = flood_and_stream(&counters);
    assert_true(flood->n_replies <= TOTAL_RATE * (FLOOD_S + 2));
    assert_true(flood->n_replies >= TOTAL_RATE);
    assert_int_equal(lost(result), 0);
    assert_int_equal(count(counters, "n_not_allowed"), 0);
    assert_true(count(counters, "n_over_total_rate") > 0);
    assert_int_equal(count(counters, "n_received"),
                     count(counters, "n_reflected") + count(counters, "n_over_total_rate"));
}

static void flood_of_strangers_gets_no_answer(void **state)
{
    json_t *counters, *result;

    (void)state;
    build("--allow 10.77.1.0/24 --json");
    result = flood_and_stream(&counters);
    assert_int_equal(flood->n_replies, 0);
    assert_int_equal(lost(result), 0);
    assert_int_equal(count(counters, "n_not_allowed"), flood->n_sent);
    assert_int_equal(count(counters, "n_reflected"), 60);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(each_source_of_a_flood_is_held_to_its_rate, net_end),
        cmocka_unit_test_teardown(flood_of_allowed_sources_leaves_others_their_share_of_the_total,
                                  net_end),
        cmocka_unit_test_teardown(flood_of_strangers_gets_no_answer, net_end),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
