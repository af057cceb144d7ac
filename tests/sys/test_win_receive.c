/*
 * What a receive makes of the control data that Windows gives with a datagram.
 * The data is put there by the test: Wine has no stamps, and no system gives
 * malformed data on request.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "win/udp.h"

#include <mstcpip.h>

/* A socket and a receive on it that has just completed. */
struct fixture {
    struct spd_cport port;
    struct spd_udp udp;
    struct spd_op op;
    struct spd_udp_meta meta;
    struct spd_completion completion;
};

static struct fixture *f;

static int set_up(void **state)
{
    struct spd_win_op *w;

    (void)state;
    f = calloc(1, sizeof *f);
    if (f == NULL)
        return -1;
    f->udp.port = &f->port;
    f->udp.family = SPD_FAMILY_IPV4;
    f->udp.facts.local.port = 862;
    f->udp.facts.receive_stamp = SPD_STAMP_KERNEL;
    atomic_store(&f->udp.n_receives, 1);
    w = spd_win_op(&f->op);
    assert_true(spd_win_op_begin(&f->op, SPD_WIN_OP_RECEIVE, &f->udp));
    w->meta = &f->meta;
    w->capacity = 100;
    w->peer.Ipv4.sin_family = AF_INET;
    w->peer.Ipv4.sin_port = htons(4000);
    w->peer.Ipv4.sin_addr.s_addr = htonl(0xC0000201); /* 192.0.2.1 */
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(f);
    return 0;
}

static void add(int level, int type, const void *value, size_t n_bytes)
{
    struct spd_win_op *w = spd_win_op(&f->op);
    size_t at = w->message.Control.len;
    WSACMSGHDR *header = (WSACMSGHDR *)(void *)(w->control + at);

    assert_true(at + SPD_WIN_CONTROL_SPACE(n_bytes) <= sizeof w->control);
    header->cmsg_len = SPD_WIN_CONTROL_LEN(n_bytes);
    header->cmsg_level = level;
    header->cmsg_type = type;
    memcpy(SPD_WIN_CONTROL_DATA(header), value, n_bytes);
    w->message.Control.len += (ULONG)SPD_WIN_CONTROL_SPACE(n_bytes);
}

static void add_int(int level, int type, INT value)
{
    add(level, type, &value, sizeof value);
}

static void finish(uint32_t n_bytes)
{
    struct spd_receive_context context = { .have_pair = false };

    spd_udp_finish_receive(&f->op, n_bytes, &context, &f->completion);
}

static void details_of_ipv4_are_read(void **state)
{
    IN_PKTINFO info = { .ipi_ifindex = 7 };

    (void)state;
    info.ipi_addr.s_addr = htonl(0xC6336401); /* 198.51.100.1 */
    add_int(IPPROTO_IP, IP_TOS, 0xB9);
    add_int(IPPROTO_IP, IP_TTL, 255);
    add(IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
    finish(44);
    assert_int_equal(f->completion.err, SPD_ERR_OK);
    assert_int_equal(f->completion.n_bytes, 44);
    assert_int_equal(f->meta.tclass, 0xB9);
    assert_int_equal(f->meta.ttl, 255);
    assert_int_equal(f->meta.to.family, SPD_FAMILY_IPV4);
    assert_int_equal(f->meta.to.bytes[0], 198);
    assert_int_equal(f->meta.to.port, 862);
    assert_int_equal(f->meta.interface_index, 7);
    assert_int_equal(f->meta.from.bytes[3], 1);
    assert_int_equal(f->meta.from.port, 4000);
    assert_int_equal(f->meta.stamp_source, SPD_STAMP_NONE);
}

static void details_of_ipv6_are_read(void **state)
{
    IN6_PKTINFO info = { .ipi6_ifindex = 9 };
    static const uint8_t address[16] = { 0x20, 0x01, 0x0D, 0xB8, [15] = 5 };

    (void)state;
    memcpy(&info.ipi6_addr, address, 16);
    add_int(IPPROTO_IPV6, IPV6_HOPLIMIT, 64);
    add_int(IPPROTO_IPV6, IPV6_TCLASS, 0x28);
    add(IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
    finish(1);
    assert_int_equal(f->meta.ttl, 64);
    assert_int_equal(f->meta.tclass, 0x28);
    assert_int_equal(f->meta.to.family, SPD_FAMILY_IPV6);
    assert_memory_equal(f->meta.to.bytes, address, 16);
    assert_int_equal(f->meta.interface_index, 9);
}

/* A stamp that lies this far before now. */
static void add_stamp(spd_ns age_ns)
{
    int64_t hz = (int64_t)spd_clock_frequency_hz();
    uint64_t stamp =
        (uint64_t)((int64_t)spd_clock_now().ticks - age_ns / SPD_NS_PER_MS * hz / 1000);

    add(SOL_SOCKET, SO_TIMESTAMP, &stamp, sizeof stamp);
}

static void a_stamp_of_the_counter_becomes_a_time_of_day(void **state)
{
    spd_wall before = spd_clock_wall();
    spd_wall after;

    (void)state;
    add_stamp(500 * SPD_NS_PER_MS);
    finish(1);
    after = spd_clock_wall();
    assert_int_equal(f->meta.stamp_source, SPD_STAMP_KERNEL);
    /* Half a second before the moment of this test, and a millisecond for two
     * clocks that are read one after the other. */
    assert_true(f->meta.kernel_stamp.ns >= before.ns - 501 * SPD_NS_PER_MS);
    assert_true(f->meta.kernel_stamp.ns <= after.ns - 499 * SPD_NS_PER_MS);
    assert_false(atomic_load(&f->udp.stamps_missing));
}

static void a_stamp_of_another_clock_is_not_taken(void **state)
{
    static const spd_ns ages_ns[] = { 60 * SPD_NS_PER_S, -60 * SPD_NS_PER_S };

    for (size_t i = 0; i < sizeof ages_ns / sizeof ages_ns[0]; i++) {
        struct spd_udp_facts facts;

        if (i > 0) {
            tear_down(state);
            set_up(state);
        }
        add_stamp(ages_ns[i]);
        finish(1);
        assert_int_equal(f->meta.stamp_source, SPD_STAMP_NONE);
        /* And the facts no longer promise any. */
        spd_udp_facts(&f->udp, &facts);
        assert_int_equal(facts.receive_stamp, SPD_STAMP_NONE);
    }
}

static void what_reaches_beyond_the_buffer_is_truncated(void **state)
{
    (void)state;
    finish(101);
    assert_int_equal(f->completion.err, SPD_ERR_TRUNCATED);
    assert_int_equal(f->completion.n_bytes, 100);
    assert_true(f->meta.truncated);
}

static void truncation_told_by_the_system_is_the_same(void **state)
{
    (void)state;
    spd_win_op(&f->op)->overlapped.Internal = 0x80000005; /* STATUS_BUFFER_OVERFLOW */
    finish(101);
    assert_int_equal(f->completion.err, SPD_ERR_TRUNCATED);
    assert_int_equal(f->completion.n_bytes, 100);
}

static void malformed_control_data_ends_the_reading(void **state)
{
    static const struct {
        const char *name;
        size_t cmsg_len;
    } rows[] = {
        { "none", 0 },
        { "shorter than its header", sizeof(WSACMSGHDR) - 1 },
        { "a header without data", sizeof(WSACMSGHDR) },
        { "longer than the buffer", SPD_WIN_CONTROL_BYTES + 1 },
        { "the largest", SIZE_MAX },
        { "nearly the largest", SIZE_MAX - 7 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        WSACMSGHDR *header;

        tear_down(state);
        set_up(state);
        add_int(IPPROTO_IP, IP_TTL, 64);
        header = (WSACMSGHDR *)(void *)spd_win_op(&f->op)->control;
        header->cmsg_len = rows[i].cmsg_len;
        finish(1);
        if (f->meta.ttl != -1)
            fail_msg("%s: TTL %d", rows[i].name, f->meta.ttl);
        assert_int_equal(f->completion.err, SPD_ERR_OK);
    }
}

static void values_that_no_header_holds_are_unknown(void **state)
{
    (void)state;
    add_int(IPPROTO_IP, IP_TTL, 256);
    add_int(IPPROTO_IP, IP_TOS, -1);
    finish(1);
    assert_int_equal(f->meta.ttl, -1);
    assert_int_equal(f->meta.tclass, -1);
}

static void what_a_close_cut_off_was_cancelled(void **state)
{
    static const uint32_t statuses[] = {
        0xC0000120, /* STATUS_CANCELLED */
        0x8000000A, /* STATUS_HANDLES_CLOSED, which Wine gives */
        0xC0000236, /* STATUS_CONNECTION_REFUSED */
    };

    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        tear_down(state);
        set_up(state);
        atomic_store(&f->udp.closing, true);
        spd_win_op(&f->op)->overlapped.Internal = statuses[i];
        finish(0);
        assert_int_equal(f->completion.err, SPD_ERR_CANCELLED);
        assert_int_equal(f->udp.n_icmp, 0);
    }
}

static void port_unreachable_is_kept_and_fetched_once(void **state)
{
    struct spd_addr offender;
    size_t n_payload = 99;
    enum spd_err err;

    (void)state;
    f->udp.remote = (struct spd_addr){ .family = SPD_FAMILY_IPV4, .port = 862, .bytes = { 10 } };
    spd_win_op(&f->op)->overlapped.Internal = 0xC000023F; /* STATUS_PORT_UNREACHABLE */
    finish(0);
    assert_int_equal(f->completion.err, SPD_ERR_REFUSED);
    assert_int_equal(f->completion.os_code, ERROR_PORT_UNREACHABLE);
    assert_int_equal(spd_udp_take_icmp_error(&f->udp, &err, NULL, 0, &n_payload, &offender),
                     SPD_ERR_OK);
    assert_int_equal(err, SPD_ERR_REFUSED);
    assert_int_equal(n_payload, 0);
    assert_true(spd_addr_equal_host(&offender, &f->udp.remote));
    spd_udp_take_icmp_error(&f->udp, &err, NULL, 0, &n_payload, &offender);
    assert_int_equal(err, SPD_ERR_OK);
}

static void of_too_many_icmp_errors_the_newest_are_kept(void **state)
{
    struct spd_addr offender;
    size_t n_payload;
    enum spd_err err;
    size_t n = 0;

    (void)state;
    spd_udp_keep_icmp_error(&f->udp, SPD_ERR_HOST_UNREACHABLE);
    for (int i = 0; i < SPD_WIN_ICMP_KEPT; i++)
        spd_udp_keep_icmp_error(&f->udp, SPD_ERR_NET_UNREACHABLE);
    for (;; n++) {
        spd_udp_take_icmp_error(&f->udp, &err, NULL, 0, &n_payload, &offender);
        if (err == SPD_ERR_OK)
            break;
        assert_int_equal(err, SPD_ERR_NET_UNREACHABLE);
    }
    assert_int_equal(n, SPD_WIN_ICMP_KEPT);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(details_of_ipv4_are_read),
        CASE(details_of_ipv6_are_read),
        CASE(a_stamp_of_the_counter_becomes_a_time_of_day),
        CASE(a_stamp_of_another_clock_is_not_taken),
        CASE(what_reaches_beyond_the_buffer_is_truncated),
        CASE(truncation_told_by_the_system_is_the_same),
        CASE(malformed_control_data_ends_the_reading),
        CASE(values_that_no_header_holds_are_unknown),
        CASE(what_a_close_cut_off_was_cancelled),
        CASE(port_unreachable_is_kept_and_fetched_once),
        CASE(of_too_many_icmp_errors_the_newest_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
