/*
 * The hot path of a single-owner port: from the first queued packet of a burst
 * to its last stamp nothing is allocated, locked or formatted. Calls from the
 * library are counted by wrappers (LINKER:--wrap in CMakeLists.txt).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <cmocka.h>

#include "common/sys/udp.h"

enum { N_PACKETS = 2048, SIZE = 64, N_BURSTS = 3 };

static bool counting;
static unsigned n_forbidden;
static const char *first_forbidden;

static void count(const char *name)
{
    if (counting && n_forbidden++ == 0) {
        first_forbidden = name;
    }
}

/* clang-format off: one line a wrapper. */
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_malloc(size_t n)
{
    count("malloc");
    return __real_malloc(n);
}
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size)
{
    count("calloc");
    return __real_calloc(n, size);
}
void *__real_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_realloc(void *p, size_t n)
{
    count("realloc");
    return __real_realloc(p, n);
}
void __real_free(void *p);
void __wrap_free(void *p);
void __wrap_free(void *p)
{
    count("free");
    __real_free(p);
}
void *__real_mmap(void *p, size_t n, int protection, int flags, int fd, off_t at);
void *__wrap_mmap(void *p, size_t n, int protection, int flags, int fd, off_t at);
void *__wrap_mmap(void *p, size_t n, int protection, int flags, int fd, off_t at)
{
    count("mmap");
    return __real_mmap(p, n, protection, flags, fd, at);
}
int __real_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m);
int __wrap_pthread_mutex_lock(pthread_mutex_t *m)
{
    count("pthread_mutex_lock");
    return __real_pthread_mutex_lock(m);
}
int __wrap_snprintf(char *out, size_t n, const char *format, ...);
int __wrap_snprintf(char *out, size_t n, const char *format, ...)
{
    va_list a;
    va_start(a, format);
    count("snprintf");
    int r = vsnprintf(out, n, format, a);
    va_end(a);
    return r;
}
/* clang-format on */

struct packet {
    struct spd_op send;
    struct spd_op receive;
    struct spd_udp_meta meta;
    unsigned char data[SIZE];
    unsigned char buffer[SIZE];
};

static struct packet packets[N_PACKETS];
static int64_t sched_ns[N_PACKETS];
static int64_t sent_ns[N_PACKETS];

struct pair {
    struct spd_cport *port;
    struct spd_udp *sender;
    struct spd_udp *receiver;
};

static void open_pair(struct pair *pair, unsigned denied_features)
{
    struct spd_cport_config port_config = { .single_owner = true,
                                            .denied_features = denied_features };
    struct spd_udp_config config = { .tclass = -1,
                                     .send_buffer_bytes = 8 << 20,
                                     .receive_buffer_bytes = 8 << 20,
                                     .want_send_stamps = true,
                                     .want_receive_stamps = true,
                                     .want_receive_details = true };
    struct spd_udp_facts facts;
    struct spd_diag diag;

    if (spd_cport_create(&port_config, &pair->port, &diag) != SPD_ERR_OK) {
        print_message("skipped: %s\n", diag.text);
        skip();
    }
    assert_true(spd_addr_parse_host("127.0.0.1", &config.local));
    assert_int_equal(spd_udp_open(pair->port, 1, &config, &pair->receiver, &diag), SPD_ERR_OK);
    spd_udp_facts(pair->receiver, &facts);
    if (facts.receive_buffer_bytes < 8 << 20) {
        print_message("skipped: the burst does not fit: %s\n", facts.note);
        spd_udp_close(pair->receiver);
        spd_cport_destroy(pair->port);
        skip();
    }
    config.remote = facts.local;
    assert_int_equal(spd_udp_open(pair->port, 2, &config, &pair->sender, &diag), SPD_ERR_OK);
}

static void expect_none(const char *phase)
{
    if (n_forbidden > 0) {
        fail_msg("%s: %u forbidden calls, the first is %s", phase, n_forbidden, first_forbidden);
    }
}

/* Waits until all is fetched or nothing comes any more; returns how many. */
static size_t fetch_all(struct spd_cport *port, size_t n_expected)
{
    struct spd_completion out[64];
    size_t n_done = 0;
    size_t n = 0;

    while (n_done < n_expected && spd_cport_wait(port, out, 64, &n, SPD_NS_PER_S) == SPD_ERR_OK) {
        for (size_t i = 0; i < n; i++) {
            n_done += out[i].err == SPD_ERR_OK;
        }
    }
    return n_done;
}

static void run_burst(const struct pair *pair)
{
    size_t n_handed = 0;

    for (size_t i = 0; i < N_PACKETS; i++) {
        assert_int_equal(spd_udp_queue_receive(pair->receiver, &packets[i].receive,
                                               packets[i].buffer, SIZE, &packets[i].meta),
                         SPD_ERR_OK);
    }
    spd_udp_stamps_begin(pair->sender);
    for (size_t i = 0; i < N_PACKETS; i++) {
        assert_int_equal(
            spd_udp_queue_send(pair->sender, &packets[i].send, packets[i].data, SIZE, NULL),
            SPD_ERR_OK);
    }
    expect_none("queue");
    assert_int_equal(spd_cport_commit(pair->port, &n_handed), SPD_ERR_OK);
    expect_none("commit");
    assert_int_equal(n_handed, N_PACKETS);
    assert_int_equal(fetch_all(pair->port, 2 * N_PACKETS), 2 * N_PACKETS);
    expect_none("wait");
    assert_int_equal(spd_udp_stamps_collect(pair->sender, sched_ns, sent_ns, N_PACKETS),
                     2 * N_PACKETS);
    expect_none("collect");
}

static void run_bursts(unsigned denied_features)
{
    struct pair pair;

    open_pair(&pair, denied_features);
    n_forbidden = 0;
    counting = true;
    for (int i = 0; i < N_BURSTS; i++) {
        run_burst(&pair);
    }
    counting = false;
    spd_udp_close(pair.sender);
    spd_udp_close(pair.receiver);
    spd_cport_destroy(pair.port);
}

static void a_burst_neither_allocates_nor_locks_nor_formats(void **state)
{
    (void)state;
    run_bursts(0);
}

static void nor_does_it_by_the_fall_backs(void **state)
{
    (void)state;
    run_bursts(SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER);
}

/* That the wrappers see what they should: opening does all of it. */
static void the_wrappers_count(void **state)
{
    struct pair pair;

    (void)state;
    n_forbidden = 0;
    counting = true;
    open_pair(&pair, 0);
    counting = false;
    assert_true(n_forbidden > 5);
    n_forbidden = 0;
    counting = true;
    assert_int_equal(spd_cport_post(pair.port, 1, 1, NULL), SPD_ERR_OK);
    counting = false;
    assert_string_equal(first_forbidden, "pthread_mutex_lock");
    assert_int_equal(fetch_all(pair.port, 1), 1);
    spd_udp_close(pair.sender);
    spd_udp_close(pair.receiver);
    spd_cport_destroy(pair.port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_wrappers_count),
        cmocka_unit_test(a_burst_neither_allocates_nor_locks_nor_formats),
        cmocka_unit_test(nor_does_it_by_the_fall_backs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
