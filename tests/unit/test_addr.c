/*
 * Addresses: text both ways, kinds, and the splitting of host and port.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/base/addr.h"
#include "tests/support/random.h"

static struct spd_addr parsed(const char *text)
{
    struct spd_addr a;

    if (!spd_addr_parse_host(text, &a))
        fail_msg("\"%s\" does not parse", text);
    return a;
}

struct text_row {
    const char *text;
    const char *canonical; /* RFC 5952 */
};

static const struct text_row text_rows[] = {
    { "0.0.0.0", "0.0.0.0" },
    { "127.0.0.1", "127.0.0.1" },
    { "255.255.255.255", "255.255.255.255" },
    { "192.0.2.10", "192.0.2.10" },
    { "::", "::" },
    { "::1", "::1" },
    { "1::", "1::" },
    { "0:0:0:0:0:0:0:0", "::" },
    { "2001:DB8::ABCD", "2001:db8::abcd" },             /* 4.3 lower case */
    { "2001:0db8::0001", "2001:db8::1" },               /* 4.1 leading zeros */
    { "2001:db8:0:0:0:0:2:1", "2001:db8::2:1" },        /* 4.2.1 shorten all */
    { "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" }, /* 4.2.2 not one group */
    { "2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },  /* likewise */
    { "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },          /* 4.2.3 the longest */
    { "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },    /* 4.2.3 the first */
    { "0:0:1:2:3:4:5:6", "::1:2:3:4:5:6" },
    { "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
    { "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
    { "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
    { "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
    { "::ffff:c000:0221", "::ffff:192.0.2.33" }, /* 5 mapped */
    { "::ffff:192.0.2.33", "::ffff:192.0.2.33" },
    { "::192.0.2.33", "::c000:221" },
    { "64:ff9b::192.0.2.33", "64:ff9b::c000:221" },
    { "1:2:3:4:5:6:192.0.2.33", "1:2:3:4:5:6:c000:221" },
    { "fe80::1%3", "fe80::1%3" },
    { "fe80::1%4294967295", "fe80::1%4294967295" },
    { "fe80::1%0", "fe80::1" },
    { "febf::1%1", "febf::1%1" },
    { "ff02::1%7", "ff02::1%7" },
};

static void addresses_are_read_and_shown_as_rfc_5952_has_it(void **state)
{
    (void)state;
    char text[SPD_ADDR_TEXT_BYTES];

    for (size_t i = 0; i < N_ROWS(text_rows); i++) {
        const struct text_row *row = &text_rows[i];
        struct spd_addr a = parsed(row->text);
        CHECK_ROW_TEXT(row->text, spd_addr_format_host(&a, text), row->canonical);
        CHECK_ROW_INT(row->text, a.port, 0);
        CHECK_ROW_INT(row->text, a.reserved, 0);
        struct spd_addr again = parsed(row->canonical);
        CHECK_ROW(row->text, spd_addr_equal(&a, &again));
    }
}

static void the_bytes_stand_where_the_network_has_them(void **state)
{
    (void)state;
    const uint8_t v4[16] = { 192, 0, 2, 33 };
    const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0xab, 0xcd, 0, 1 };
    struct spd_addr a = parsed("192.0.2.33"), b = parsed("2001:db8::abcd:1");

    assert_int_equal(a.family, SPD_FAMILY_IPV4);
    assert_memory_equal(a.bytes, v4, 16);
    assert_int_equal(b.family, SPD_FAMILY_IPV6);
    assert_memory_equal(b.bytes, v6, 16);
}

static const char *const no_addresses[] = {
    "",
    " ",
    "1",
    "1.2.3",
    "1.2.3.4.5",
    "1.2.3.256",
    "1.2.3.1000",
    "1.2.3.",
    ".1.2.3",
    "1..2.3",
    "01.2.3.4",
    "1.2.3.00",
    "0x1.2.3.4",
    "1.2.3.4 ",
    " 1.2.3.4",
    "1.2.3.-4",
    "+1.2.3.4",
    "1.2.3.4%1",
    "127.1",
    "4294967295",
    "localhost",
    ":",
    ":::",
    "1:",
    ":1",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "::1:2:3:4:5:6:7:8",
    "1:2:3:4::5:6:7:8",
    "1::2::3",
    "12345::",
    "::12345",
    "g::",
    "::1:",
    "1:::2",
    "::1.2.3",
    "::1.2.3.4:5",
    "::1.2.3.256",
    "1:2:3:4:5:6:7:1.2.3.4",
    "1.2.3.4::",
    "::%",
    "fe80::1%",
    "fe80::1%eth0",
    "fe80::1%4294967296",
    "fe80::1%99999999999",
    "fe80::1%1%2",
    "fe80::1% 1",
    "::1%1",
    "2001:db8::1%2",
    "[::1]",
    "[::1]:862",
    "::1/128",
    "::ffff:1.2.3.4%1",
    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
};

static void what_is_no_address_is_refused_and_nothing_written(void **state)
{
    (void)state;
    struct spd_addr untouched;

    memset(&untouched, 0xA5, sizeof untouched);
    for (size_t i = 0; i < N_ROWS(no_addresses); i++) {
        char *text = exact_copy(no_addresses[i], strlen(no_addresses[i]) + 1);
        struct spd_addr a = untouched;
        CHECK_ROW(no_addresses[i], !spd_addr_parse_host(text, &a));
        CHECK_ROW(no_addresses[i], memcmp(&a, &untouched, sizeof a) == 0);
        free(text);
    }
}

static void random_addresses_survive_text_both_ways(void **state)
{
    (void)state;
    struct spd_random random = spd_random_start("random_addresses_survive_text_both_ways");

    for (int i = 0; i < 100000; i++) {
        struct spd_addr a = { .family = SPD_FAMILY_IPV4 }, back;
        char text[SPD_ADDR_TEXT_BYTES];
        if (spd_random_below(&random, 4) == 0) {
            spd_random_bytes(&random, a.bytes, 4);
        } else {
            a.family = SPD_FAMILY_IPV6;
            spd_random_bytes(&random, a.bytes, 16);
            for (int k = 0; k < 16; k += 2) { /* zero groups are where the rules are */
                if (spd_random_below(&random, 2))
                    a.bytes[k] = a.bytes[k + 1] = 0;
            }
        }
        spd_addr_format_host(&a, text);
        CHECK_ROW(text, spd_addr_parse_host(text, &back) && spd_addr_equal(&a, &back));
    }
}

static void random_text_never_does_harm(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789abcdefF:::...%[] x";
    struct spd_random random = spd_random_start("random_text_never_does_harm");

    for (int i = 0; i < 100000; i++) {
        size_t n = spd_random_below(&random, 60);
        char *text = malloc(n + 1), host[40];
        struct spd_addr a;
        uint16_t port;
        assert_non_null(text);
        for (size_t k = 0; k < n; k++)
            text[k] = alphabet[spd_random_below(&random, sizeof alphabet - 1)];
        text[n] = '\0';
        if (spd_addr_parse_host(text, &a)) {
            char again[SPD_ADDR_TEXT_BYTES];
            struct spd_addr b;
            spd_addr_format_host(&a, again);
            CHECK_ROW(text, spd_addr_parse_host(again, &b) && spd_addr_equal(&a, &b));
        }
        if (spd_addr_split(text, 862, false, host, sizeof host, &port))
            CHECK_ROW(text, host[0] != '\0' && port != 0);
        free(text);
    }
}

static void the_port_is_shown_in_brackets_only_for_ipv6(void **state)
{
    (void)state;
    char text[SPD_ADDR_TEXT_BYTES];
    struct spd_addr v4 = parsed("192.0.2.1"), v6 = parsed("2001:db8::1"), none = { 0 };

    v4.port = v6.port = 862;
    assert_string_equal(spd_addr_format(&v4, text), "192.0.2.1:862");
    assert_string_equal(spd_addr_format_host(&v4, text), "192.0.2.1");
    assert_string_equal(spd_addr_format(&v6, text), "[2001:db8::1]:862");
    assert_string_equal(spd_addr_format(&none, text), "-");
    assert_string_equal(spd_addr_format_host(&none, text), "-");
}

static void the_longest_text_fits(void **state)
{
    (void)state;
    struct spd_addr a = { .family = SPD_FAMILY_IPV6, .port = 65535, .scope_id = UINT32_MAX };
    char *text = malloc(SPD_ADDR_TEXT_BYTES);

    assert_non_null(text);
    memset(a.bytes, 0xFF, sizeof a.bytes);
    assert_string_equal(spd_addr_format(&a, text),
                        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");
    free(text);
}

struct kind_row {
    const char *text;
    bool any, loopback, multicast;
    size_t header_bytes;
};

static const struct kind_row kind_rows[] = {
    { "0.0.0.0", true, false, false, 28 },
    { "0.0.0.1", false, false, false, 28 },
    { "127.0.0.1", false, true, false, 28 },
    { "127.255.255.255", false, true, false, 28 },
    { "128.0.0.1", false, false, false, 28 },
    { "223.255.255.255", false, false, false, 28 },
    { "224.0.0.0", false, false, true, 28 },
    { "239.255.255.255", false, false, true, 28 },
    { "240.0.0.0", false, false, false, 28 },
    { "255.255.255.255", false, false, true, 28 },
    { "::", true, false, false, 48 },
    { "::1", false, true, false, 48 },
    { "::2", false, false, false, 48 },
    { "fe80::1", false, false, false, 48 },
    { "ff02::1", false, false, true, 48 },
    { "::ffff:0.0.0.0", true, false, false, 28 }, /* travels as IPv4 */
    { "::ffff:127.0.0.1", false, true, false, 28 },
    { "::ffff:224.0.0.1", false, false, true, 28 },
};

static void kinds_of_addresses_are_told_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(kind_rows); i++) {
        const struct kind_row *row = &kind_rows[i];
        struct spd_addr a = parsed(row->text);
        CHECK_ROW_INT(row->text, spd_addr_is_any(&a), row->any);
        CHECK_ROW_INT(row->text, spd_addr_is_loopback(&a), row->loopback);
        CHECK_ROW_INT(row->text, spd_addr_is_multicast(&a), row->multicast);
        CHECK_ROW_INT(row->text, spd_addr_header_bytes(&a), row->header_bytes);
    }
    struct spd_addr none = { 0 };
    assert_false(spd_addr_is_any(&none) || spd_addr_is_loopback(&none) ||
                 spd_addr_is_multicast(&none));
}

static void equality_sees_every_field(void **state)
{
    (void)state;
    struct spd_addr a = parsed("fe80::1%3"), b = a;

    assert_true(spd_addr_equal(&a, &b));
    b.port = 1;
    assert_false(spd_addr_equal(&a, &b));
    assert_true(spd_addr_equal_host(&a, &b));
    b = a;
    b.scope_id = 4;
    assert_false(spd_addr_equal_host(&a, &b));
    b = a;
    b.bytes[15] = 2;
    assert_false(spd_addr_equal_host(&a, &b));
    struct spd_addr v4 = { .family = SPD_FAMILY_IPV4 }, v6 = { .family = SPD_FAMILY_IPV6 };
    assert_false(spd_addr_equal_host(&v4, &v6));
}

struct split_row {
    const char *text;
    bool allow_zero;
    const char *host; /* NULL: refused */
    uint16_t port;
};

static const struct split_row split_rows[] = {
    { "example.org", false, "example.org", 862 },
    { "example.org:9", false, "example.org", 9 },
    { "192.0.2.1", false, "192.0.2.1", 862 },
    { "192.0.2.1:1", false, "192.0.2.1", 1 },
    { "192.0.2.1:65535", false, "192.0.2.1", 65535 },
    { "[::1]", false, "::1", 862 },
    { "[::1]:4000", false, "::1", 4000 },
    { "[fe80::1%eth0]:4000", false, "fe80::1%eth0", 4000 },
    { "::1", false, "::1", 862 },
    { "2001:db8::1:862", false, "2001:db8::1:862", 862 },
    { "host:0", true, "host", 0 },
    { "host:0", false, NULL, 0 },
    { "host:65536", false, NULL, 0 },
    { "host:99999", false, NULL, 0 },
    { "host:100000", false, NULL, 0 },
    { "host:", false, NULL, 0 },
    { "host:http", false, NULL, 0 },
    { "host:-1", false, NULL, 0 },
    { "host:+1", false, NULL, 0 },
    { "host: 1", false, NULL, 0 },
    { "host:1 ", false, NULL, 0 },
    { "host:0x50", false, NULL, 0 },
    { "", false, NULL, 0 },
    { ":862", false, NULL, 0 },
    { "[]", false, NULL, 0 },
    { "[]:862", false, NULL, 0 },
    { "[::1", false, NULL, 0 },
    { "::1]", false, NULL, 0 },
    { "[::1]862", false, NULL, 0 },
    { "[::1]:", false, NULL, 0 },
    { "[::1]:x", false, NULL, 0 },
    { "[[::1]]", false, NULL, 0 },
    { "[192.0.2.1]:862", false, NULL, 0 },
    { "[host]:862", false, NULL, 0 },
    { "[host:862", false, NULL, 0 },
};

static void host_and_port_are_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(split_rows); i++) {
        const struct split_row *row = &split_rows[i];
        char host[64] = "untouched";
        uint16_t port = 7;
        bool split = spd_addr_split(row->text, 862, row->allow_zero, host, sizeof host, &port);
        CHECK_ROW_INT(row->text, split, row->host != NULL);
        CHECK_ROW_TEXT(row->text, host, row->host ? row->host : "untouched");
        CHECK_ROW_INT(row->text, port, row->host ? row->port : 7);
    }
}

static void a_host_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    uint16_t port;
    char *host = malloc(5);

    assert_non_null(host);
    assert_true(spd_addr_split("abcd:1", 862, false, host, 5, &port));
    assert_string_equal(host, "abcd");
    assert_false(spd_addr_split("abcde:1", 862, false, host, 5, &port));
    assert_false(spd_addr_split("abcde", 862, false, host, 5, &port));
    assert_false(spd_addr_split("a", 862, false, host, 0, &port));
    free(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_and_shown_as_rfc_5952_has_it),
        cmocka_unit_test(the_bytes_stand_where_the_network_has_them),
        cmocka_unit_test(what_is_no_address_is_refused_and_nothing_written),
        cmocka_unit_test(random_addresses_survive_text_both_ways),
        cmocka_unit_test(random_text_never_does_harm),
        cmocka_unit_test(the_port_is_shown_in_brackets_only_for_ipv6),
        cmocka_unit_test(the_longest_text_fits),
        cmocka_unit_test(kinds_of_addresses_are_told_apart),
        cmocka_unit_test(equality_sees_every_field),
        cmocka_unit_test(host_and_port_are_split),
        cmocka_unit_test(a_host_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
