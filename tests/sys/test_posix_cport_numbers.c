/*
 * The numbers of send stamps when packets fail or are late: Linux numbers what
 * it then drops in the local queue, and old packets bring stamps after begin.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"
#include "common/sys/udp.h"
#include "tests/sys/posix_child.h"
#include "tests/sys/posix_link.h"

enum { N_MAX = 400, SIZE = 512, PORT = 9401 };

struct packet {
    struct spd_op op;
    uint32_t number;
    enum spd_err err;
    unsigned char data[SIZE];
};

static struct packet packets[N_MAX];
static int64_t sched_ns[N_MAX];
static int64_t sent_ns[N_MAX];
static unsigned denied;
static struct spd_cport *port;
static struct spd_udp *udp;
static int sink;

static void open_all(const char *shaper)
{
    struct spd_cport_config port_config = { .single_owner = true, .denied_features = denied };
    struct spd_udp_config config = { .send_buffer_bytes = 4 << 20,
                                     .tclass = -1,
                                     .want_send_stamps = true };
    struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    struct spd_diag diag = { 0 };
    char command[160];

    link_up();
    snprintf(command, sizeof command, "qdisc add dev west root tbf %s", shaper);
    link_tc(command);
    link_go_east();
    sink = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    link_go_west();
    CHILD_CHECK(sink >= 0 && bind(sink, (struct sockaddr *)&here, sizeof here) == 0);
    CHILD_CHECK(spd_addr_parse_host("192.0.2.1", &config.local));
    CHILD_CHECK(spd_addr_parse_host("192.0.2.2", &config.remote));
    config.remote.port = PORT;
    CHILD_CHECK_SHOW(spd_cport_create(&port_config, &port, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK_SHOW(spd_udp_open(port, 1, &config, &udp, &diag) == SPD_ERR_OK, diag.text);
}

static void close_all(void)
{
    spd_udp_close(udp);
    spd_cport_destroy(port);
    (void)close(sink);
}

static void send_burst(uint32_t first, uint32_t n)
{
    struct spd_completion out[64];
    uint32_t n_done = 0;
    size_t k = 0;

    for (uint32_t i = first; i < first + n; i++) {
        packets[i].number = i;
        memcpy(packets[i].data, &i, sizeof i);
        CHILD_CHECK(spd_udp_queue_send(udp, &packets[i].op, packets[i].data, SIZE, NULL) ==
                    SPD_ERR_OK);
    }
    while (n_done < n) {
        CHILD_CHECK(spd_cport_wait(port, out, 64, &k, SPD_NS_PER_S) == SPD_ERR_OK);
        for (size_t i = 0; i < k; i++) {
            SPD_CONTAINER_OF(out[i].op, struct packet, op)->err = out[i].err;
        }
        n_done += (uint32_t)k;
    }
}

/* Fetches until n packets have both stamps; the child's alarm ends it. Returns
 * how many stamps there were. */
static size_t await_stamps(size_t n)
{
    size_t n_fetched = 0;
    bool complete = false;

    memset(sched_ns, 0, sizeof sched_ns);
    memset(sent_ns, 0, sizeof sent_ns);
    while (!complete) {
        n_fetched += spd_udp_stamps_collect(udp, sched_ns, sent_ns, N_MAX);
        complete = true;
        for (size_t i = 0; i < n; i++) {
            complete = complete && sched_ns[i] != 0 && sent_ns[i] != 0;
        }
        spd_thread_sleep(SPD_NS_PER_MS);
    }
    return n_fetched;
}

/* The local queue holds about 30 packets: most of the burst is dropped there. */
static void overflow_the_queue(void)
{
    size_t n_sent = 0;

    open_all("rate 20mbit burst 1600 limit 17000");
    for (int round = 0; round < 2; round++) { /* the second counts from 0 again */
        n_sent = 0;
        spd_udp_stamps_begin(udp);
        send_burst(0, N_MAX);
        for (size_t i = 0; i < N_MAX; i++) {
            CHILD_CHECK_SHOW(packets[i].err == SPD_ERR_OK || packets[i].err == SPD_ERR_NO_BUFFERS,
                             spd_err_name(packets[i].err));
            n_sent += packets[i].err == SPD_ERR_OK;
        }
        CHILD_CHECK(n_sent > 10 && n_sent < N_MAX / 2);
        CHILD_CHECK(await_stamps(n_sent) == 2 * n_sent);
        for (size_t i = 0; i < N_MAX; i++) {
            uint32_t number = 0;

            /* The numbers are those of the packets that were sent, in order. */
            CHILD_CHECK((sent_ns[i] != 0) == (i < n_sent));
            CHILD_CHECK((sched_ns[i] != 0) == (i < n_sent));
            if (packets[i].err == SPD_ERR_OK) {
                CHILD_CHECK(recv(sink, &number, sizeof number, 0) == sizeof number);
                CHILD_CHECK(number == i);
            }
        }
    }
    close_all();
}

/* A second burst while the first still leaves: 200 packets take 44 ms. */
static void begin_too_early(void)
{
    enum { N_OLD = 200, N_NEW = 50 };
    int64_t began_ns;

    open_all("rate 20mbit burst 1600 limit 1000000");
    spd_udp_stamps_begin(udp);
    send_burst(0, N_OLD);
    began_ns = spd_clock_wall().ns;
    spd_udp_stamps_begin(udp);
    send_burst(N_OLD, N_NEW);
    CHILD_CHECK(await_stamps(N_NEW) == (size_t)2 * N_NEW);
    for (size_t i = 0; i < N_NEW; i++) {
        CHILD_CHECK(sched_ns[i] >= began_ns);
        /* Behind the old ones in the same queue. */
        CHILD_CHECK(sent_ns[i] - began_ns > 20 * SPD_NS_PER_MS);
    }
    /* When all have left it counts from 0 again. */
    spd_udp_stamps_begin(udp);
    send_burst(0, N_NEW);
    CHILD_CHECK(await_stamps(N_NEW) == (size_t)2 * N_NEW);
    close_all();
}

static void each_way(void (*body)(void))
{
    static const unsigned ways[] = { 0, SPD_CPORT_TX_STAMP };

    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        denied = ways[i];
        child_run(body);
    }
}

static void what_the_local_queue_drops_fails_and_has_no_number(void **state)
{
    (void)state;
    each_way(overflow_the_queue);
}

static void stamps_of_an_earlier_burst_are_not_taken_for_later_ones(void **state)
{
    (void)state;
    each_way(begin_too_early);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_local_queue_drops_fails_and_has_no_number),
        cmocka_unit_test(stamps_of_an_earlier_burst_are_not_taken_for_later_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
