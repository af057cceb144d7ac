/*
 * Bursts behind a shaper: the send buffer overflows, and the order on the wire
 * is kept, on every path that this kernel can be made to take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/udp.h"
#include "tests/sys/posix_child.h"
#include "tests/sys/posix_link.h"

enum { N_PACKETS = 2048, SIZE = 512, PORT = 9400, PATIENCE_MS = 5000 };

struct packet {
    struct spd_op op;
    unsigned n_completed;
    unsigned char data[SIZE];
};

struct row {
    const char *name;
    size_t send_buffer_bytes;
    unsigned denied_features;
    bool stamps;
    bool v6;
    bool by_address; /* each send names its destination and class */
    bool by_counter;
    bool single_owner;
    bool whole; /* all go over with the commit */
};

static struct packet *packets;
static int64_t sched_ns[N_PACKETS];
static int64_t sent_ns[N_PACKETS];

/* A plain socket on the far side with room for everything. */
static int open_sink(bool v6)
{
    struct sockaddr_in6 a6 = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
    struct sockaddr_in a4 = { .sin_family = AF_INET, .sin_port = htons(PORT) };
    int room = 16 << 20;
    int fd;

    link_go_east();
    fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    link_go_west();
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0);
    CHILD_CHECK(bind(fd, v6 ? (void *)&a6 : (void *)&a4, v6 ? sizeof a6 : sizeof a4) == 0);
    return fd;
}

static void expect_in_order(int fd)
{
    for (uint32_t i = 0; i < N_PACKETS; i++) {
        struct pollfd readable = { .fd = fd, .events = POLLIN };
        unsigned char data[SIZE];
        uint32_t number = 0;
        char text[60];

        CHILD_CHECK(poll(&readable, 1, PATIENCE_MS) == 1);
        CHILD_CHECK(recv(fd, data, sizeof data, 0) == SIZE);
        memcpy(&number, data, sizeof number);
        snprintf(text, sizeof text, "%u came in place of %u", number, i);
        CHILD_CHECK_SHOW(number == i, text);
    }
}

static void queue_burst(struct spd_udp *udp, const struct row *row, const struct spd_addr *to)
{
    const struct spd_udp_send_options options = { .to = to, .tclass = 0x20 };

    for (uint32_t i = 0; i < N_PACKETS; i++) {
        memcpy(packets[i].data, &i, sizeof i);
        CHILD_CHECK(spd_udp_queue_send(udp, &packets[i].op, packets[i].data, SIZE,
                                       row->by_address ? &options : NULL) == SPD_ERR_OK);
    }
}

static void await_burst(struct spd_cport *port)
{
    struct spd_completion out[64];
    size_t n_done = 0;
    size_t n = 0;

    while (n_done < N_PACKETS) {
        CHILD_CHECK(spd_cport_wait(port, out, 64, &n, PATIENCE_MS * SPD_NS_PER_MS) == SPD_ERR_OK);
        for (size_t i = 0; i < n; i++) {
            CHILD_CHECK_SHOW(out[i].err == SPD_ERR_OK, spd_err_name(out[i].err));
            CHILD_CHECK(out[i].n_bytes == SIZE);
            SPD_CONTAINER_OF(out[i].op, struct packet, op)->n_completed++;
        }
        n_done += n;
    }
    for (size_t i = 0; i < N_PACKETS; i++) {
        CHILD_CHECK(packets[i].n_completed == 1);
    }
    CHILD_CHECK(spd_cport_wait(port, out, 64, &n, 0) == SPD_ERR_TIMEOUT);
}

/* All have left by now: every stamp is there, and they rise. */
static void expect_stamps(struct spd_udp *udp)
{
    size_t n;

    memset(sched_ns, 0, sizeof sched_ns);
    memset(sent_ns, 0, sizeof sent_ns);
    n = spd_udp_stamps_collect(udp, sched_ns, sent_ns, N_PACKETS);
    CHILD_CHECK(n == (size_t)2 * N_PACKETS);
    for (size_t i = 0; i < N_PACKETS; i++) {
        CHILD_CHECK(sched_ns[i] != 0 && sent_ns[i] >= sched_ns[i]);
        CHILD_CHECK(i == 0 || sent_ns[i] >= sent_ns[i - 1]);
    }
    /* The shaper held the last for most of the time that the burst takes. */
    CHILD_CHECK(sent_ns[N_PACKETS - 1] - sent_ns[0] > SPD_NS_PER_S / 5);
}

static const struct row *current_row;

static void run_row(void)
{
    const struct row *row = current_row;
    struct spd_cport_config port_config = { .single_owner = row->single_owner,
                                            .denied_features = row->denied_features };
    struct spd_udp_config config = { .send_buffer_bytes = row->send_buffer_bytes,
                                     .tclass = -1,
                                     .want_send_stamps = row->stamps };
    struct spd_cport *port = NULL;
    struct spd_udp *udp = NULL;
    struct spd_addr remote = { 0 };
    struct spd_diag diag = { 0 };
    size_t n_handed = 0;
    int sink;

    link_up();
    link_tc("qdisc add dev west root tbf rate 20mbit burst 1600 limit 10000000");
    sink = open_sink(row->v6);
    packets = calloc(N_PACKETS, sizeof packets[0]);
    CHILD_CHECK(packets != NULL);
    CHILD_CHECK(spd_addr_parse_host(row->v6 ? "2001:db8::1" : "192.0.2.1", &config.local));
    CHILD_CHECK(spd_addr_parse_host(row->v6 ? "2001:db8::2" : "192.0.2.2", &remote));
    remote.port = PORT;
    if (!row->by_address) {
        config.remote = remote;
    }
    CHILD_CHECK_SHOW(spd_cport_create(&port_config, &port, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK_SHOW(spd_udp_open(port, 1, &config, &udp, &diag) == SPD_ERR_OK, diag.text);
    spd_udp_stamps_begin(udp);
    spd_udp_stamp_by_counter(udp, row->by_counter);
    queue_burst(udp, row, row->by_address ? &remote : NULL);
    CHILD_CHECK(spd_cport_commit(port, &n_handed) == SPD_ERR_OK);
    CHILD_CHECK(row->whole ? n_handed == N_PACKETS : n_handed < N_PACKETS && n_handed > 0);
    await_burst(port);
    expect_in_order(sink);
    if (row->stamps) {
        expect_stamps(udp);
    }
    spd_udp_close(udp);
    spd_cport_destroy(port);
    free(packets);
    (void)close(sink);
}

enum {
    SMALL = 32 << 10, /* which the kernel doubles: 64 KB */
    LARGE = 8 << 20,
    ALL = SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER,
};

static const struct row rows[] = {
    { .name = "room for all", .send_buffer_bytes = LARGE, .single_owner = true, .whole = true },
    { .name = "room for all, stamped",
      .send_buffer_bytes = LARGE,
      .stamps = true,
      .single_owner = true,
      .whole = true },
    { .name = "room for all, stamps from the error queue",
      .send_buffer_bytes = LARGE,
      .stamps = true,
      .denied_features = ALL,
      .single_owner = true,
      .whole = true },
    { .name = "64 KB", .send_buffer_bytes = SMALL, .single_owner = true },
    { .name = "64 KB, stamped", .send_buffer_bytes = SMALL, .stamps = true, .single_owner = true },
    { .name = "64 KB, stamps from the error queue",
      .send_buffer_bytes = SMALL,
      .stamps = true,
      .denied_features = ALL,
      .single_owner = true },
    { .name = "64 KB, IPv6", .send_buffer_bytes = SMALL, .v6 = true, .single_owner = true },
    { .name = "64 KB, IPv6, addressed",
      .send_buffer_bytes = SMALL,
      .v6 = true,
      .by_address = true,
      .single_owner = true },
    { .name = "64 KB, one by one",
      .send_buffer_bytes = SMALL,
      .by_counter = true,
      .single_owner = true },
    { .name = "64 KB, shared port", .send_buffer_bytes = SMALL },
    { .name = "64 KB, shared port, stamped", .send_buffer_bytes = SMALL, .stamps = true },
    { .name = "64 KB, shared port, all denied",
      .send_buffer_bytes = SMALL,
      .stamps = true,
      .denied_features = ALL },
};

static void a_burst_keeps_its_order_behind_a_shaper(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        current_row = &rows[i];
        print_message("%s\n", rows[i].name);
        child_run(run_row);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_keeps_its_order_behind_a_shaper),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
