/*
 * The order of one burst on the wire, behind a shaper that is slower than the
 * sender: across two network namespaces of the test's own, judged by a plain
 * socket at the far end. Needs the right to make namespaces.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/sys/clock.h"
#include "tests/net/net.h"
#include "tests/net/net_private.h"
#include "tests/sys/cport_kit.h"

enum {
    N = 2048,
    BYTES = 512,
    FRAME_BYTES = BYTES + 8 + 20 + 14,
    RATE_BPS = 20000000,
    FAR_PORT = 9000,
};

/* The plain socket at the far end, with room for the whole burst. */
static int far_socket(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(FAR_PORT) };
    struct timeval patience = { .tv_usec = 500000 };
    int fd = net_socket(NET_FAR, AF_INET, SOCK_DGRAM, 0);
    int room = N * 4096;

    assert_int_equal(inet_pton(AF_INET, NET_FAR_ADDR, &address.sin_addr), 1);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static struct spd_udp *near_socket(struct kit *kit, size_t send_buffer_bytes)
{
    struct spd_udp_config config = { .tclass = -1, .send_buffer_bytes = send_buffer_bytes };
    struct spd_udp *udp;

    assert_true(spd_addr_parse_host(NET_NEAR_ADDR, &config.local));
    assert_true(spd_addr_parse_host(NET_FAR_ADDR, &config.remote));
    config.remote.port = FAR_PORT;
    net_enter(NET_NEAR);
    udp = kit_open(kit, 1, &config);
    net_leave(NET_NEAR);
    return udp;
}

static void queue_numbered(struct kit *kit, struct spd_udp *udp, struct kit_request *sends,
                           size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sends[i].buffer[2] = (unsigned char)(i >> 8);
        sends[i].buffer[3] = (unsigned char)i;
        kit_send(kit, udp, &sends[i], sends[i].buffer, BYTES, NULL);
    }
}

/* The numbers that arrive, in their order; how many. A ring that still has
 * something to tell this thread interrupts its system calls. */
static size_t read_numbers(int fd, uint32_t *numbers, size_t capacity)
{
    unsigned char bytes[BYTES + 1];
    size_t n = 0;

    while (n < capacity) {
        ssize_t got = recv(fd, bytes, sizeof bytes, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            break;
        assert_int_equal(got, BYTES);
        numbers[n++] = kit_number(bytes);
    }
    return n;
}

/* A veth pair keeps the order of what one processor puts in. The shaper puts in
 * where its sender or its timer runs; moved in the middle of a burst, it fills
 * the queues of two, which overtake each other. */
static void stay_on_one_processor(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)sched_getcpu(), &set);
    assert_int_equal(sched_setaffinity(0, sizeof set, &set), 0);
}

static void shape(const char *limit)
{
    stay_on_one_processor();
    net_build(NET_DIRECT);
    net_sh(NET_NEAR, "tc qdisc add dev n0 root handle 1: tbf rate %d burst 1600 limit %s", RATE_BPS,
           limit);
}

static void a_burst_keeps_its_order_while_the_send_buffer_overflows(struct kit *kit)
{
    static uint32_t numbers[N];
    struct kit_request *sends = kit_requests(kit, N, BYTES);
    struct spd_udp *udp;
    size_t n_handed = 0;
    spd_ticks start;
    int fd;

    shape("10000000");
    fd = far_socket();
    udp = near_socket(kit, 65536);
    queue_numbered(kit, udp, sends, N);
    start = spd_clock_now();
    assert_int_equal(spd_cport_commit(kit->port, &n_handed), SPD_ERR_OK);
    if (n_handed >= N)
        kit_fail("the send buffer took the whole burst, so that nothing was tested");
    kit_await(kit, sends, N);
    /* The shaper was in the way: what is still in the buffer is a tenth at most. */
    assert_true(kit_elapsed_ns(start) > SPD_NS_PER_S / RATE_BPS * FRAME_BYTES * 8 * (N - N / 5));
    for (size_t i = 0; i < N; i++)
        kit_expect(&sends[i], SPD_ERR_OK, BYTES);
    assert_int_equal(read_numbers(fd, numbers, N), N);
    for (uint32_t i = 0; i < N; i++) {
        if (numbers[i] != i)
            kit_fail("datagram %u left as number %u", numbers[i], i);
    }
}

/* A second burst queued while the first is still on its way stays behind it. */
static void bursts_behind_each_other_keep_their_order(struct kit *kit)
{
    enum { HALF = 600 };
    static uint32_t numbers[2 * HALF];
    struct kit_request *sends = kit_requests(kit, 2 * HALF, BYTES);
    struct spd_udp *udp;
    int fd;

    shape("10000000");
    fd = far_socket();
    udp = near_socket(kit, 65536);
    queue_numbered(kit, udp, sends, HALF);
    kit_commit(kit);
    for (size_t i = HALF; i < 2 * HALF; i += 10) {
        for (size_t k = i; k < i + 10; k++) {
            sends[k].buffer[2] = (unsigned char)(k >> 8);
            sends[k].buffer[3] = (unsigned char)k;
            kit_send(kit, udp, &sends[k], sends[k].buffer, BYTES, NULL);
        }
        kit_commit(kit);
        if (i % 50 == 0)
            kit_take(kit, kit->port, SPD_NS_PER_MS);
    }
    kit_await(kit, sends, 2 * HALF);
    assert_int_equal(read_numbers(fd, numbers, 2 * HALF), 2 * HALF);
    for (uint32_t i = 0; i < 2 * HALF; i++)
        assert_int_equal(numbers[i], i);
}

/* Sends that wait for room can be taken back; what left before stays whole. */
static void sends_that_wait_for_room_are_cancelled_by_the_close(struct kit *kit)
{
    static uint32_t numbers[N];
    struct kit_request *sends = kit_requests(kit, N, BYTES);
    struct spd_udp *udp;
    size_t n_ok = 0;
    int fd;

    shape("10000000");
    fd = far_socket();
    udp = near_socket(kit, 65536);
    queue_numbered(kit, udp, sends, N);
    kit_commit(kit);
    kit_close(kit, udp);
    kit_await(kit, sends, N);
    for (; n_ok < N && sends[n_ok].last.err == SPD_ERR_OK; n_ok++)
        continue;
    assert_true(n_ok > 0 && n_ok < N);
    for (size_t i = n_ok; i < N; i++)
        kit_expect(&sends[i], SPD_ERR_CANCELLED, 0);
    assert_int_equal(read_numbers(fd, numbers, N), n_ok);
    for (uint32_t i = 0; i < n_ok; i++)
        assert_int_equal(numbers[i], i);
}

/* The shaper's own queue is small and the send buffer large. */
static void what_the_local_queue_drops_is_told(struct kit *kit)
{
    enum { M = 400 };
    static uint32_t numbers[M];
    struct kit_request *sends = kit_requests(kit, M, BYTES);
    struct spd_udp *udp;
    size_t n_arrived, n_ok = 0;
    int fd;

    shape("30000");
    fd = far_socket();
    udp = near_socket(kit, (size_t)4 << 20);
    queue_numbered(kit, udp, sends, M);
    kit_await(kit, sends, M);
    n_arrived = read_numbers(fd, numbers, M);
    for (uint32_t i = 0; i < M; i++) {
        if (sends[i].last.err == SPD_ERR_OK) {
            kit_expect(&sends[i], SPD_ERR_OK, BYTES);
            assert_true(n_ok < n_arrived);
            assert_int_equal(numbers[n_ok++], i);
        } else {
            kit_expect(&sends[i], SPD_ERR_NO_BUFFERS, 0);
        }
    }
    assert_int_equal(n_ok, n_arrived);
    assert_true(n_ok > 0 && n_ok < M);
}

static const struct kit_case cases[] = {
    KIT_CASE(a_burst_keeps_its_order_while_the_send_buffer_overflows, 0),
    KIT_CASE(bursts_behind_each_other_keep_their_order, 0),
    KIT_CASE(sends_that_wait_for_room_are_cancelled_by_the_close, 0),
    KIT_CASE(what_the_local_queue_drops_is_told, 0),
    { NULL, NULL, 0 },
};

int main(void)
{
    static const struct kit_case *const themes[] = { cases };
    static const struct {
        const char *name;
        struct spd_cport_config config;
    } modes[] = {
        { "single-owner port", { .single_owner = true } },
        { "single-owner port, not deferred",
          { .single_owner = true, .denied_features = SPD_CPORT_DEFER } },
        { "shared port", { .single_owner = false } },
    };
    void *state = NULL;
    int n_failed = 0;

    net_require_hosts();
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        n_failed += kit_run_group(modes[i].name, &modes[i].config, themes, 1);
        net_end(&state);
    }
    return n_failed ? 1 : 0;
}
