/*
 * The contract of common/sys/netif.h. Nothing here asks a name server: the
 * nonsense names are refused before one would be asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/netif.h"

/* One label of 70 characters; RFC 1035 section 2.3.4 allows 63. */
#define LONG_LABEL "nonsense-nonsense-nonsense-nonsense-nonsense-nonsense-nonsense-nonsens"

static struct spd_addr address(const char *text)
{
    struct spd_addr result = { 0 };

    assert_true(spd_addr_parse_host(text, &result));
    return result;
}

static void numeric_addresses_resolve_to_themselves(void **state)
{
    static const struct {
        const char *host;
        enum spd_family family;
    } rows[] = {
        { "127.0.0.1", SPD_FAMILY_NONE },
        { "127.0.0.1", SPD_FAMILY_IPV4 },
        { "203.0.113.7", SPD_FAMILY_NONE },
        { "0.0.0.0", SPD_FAMILY_IPV4 },
        { "255.255.255.255", SPD_FAMILY_IPV4 },
        { "::1", SPD_FAMILY_NONE },
        { "::1", SPD_FAMILY_IPV6 },
        { "2001:db8::77", SPD_FAMILY_NONE },
        { "2001:db8::77", SPD_FAMILY_IPV6 },
        { "::", SPD_FAMILY_IPV6 },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_addr expected = address(rows[row].host);
        struct spd_addr found = { 0 };
        struct spd_diag diag = { 0 };
        enum spd_err err = spd_netif_resolve(rows[row].host, 862, rows[row].family, &found, &diag);

        expected.port = 862;
        if (err != SPD_ERR_OK || !spd_addr_equal(&found, &expected)) {
            fail_msg("%s: %s %s", rows[row].host, spd_err_name(err), diag.text);
        }
    }
}

static void localhost_resolves_to_a_loopback_address(void **state)
{
    struct spd_addr found;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_netif_resolve("localhost", 1, SPD_FAMILY_IPV4, &found, &diag);

    (void)state;
    if (err != SPD_ERR_OK) {
        fail_msg("%s", diag.text);
    }
    assert_int_equal(found.family, SPD_FAMILY_IPV4);
    assert_true(spd_addr_is_loopback(&found));
    assert_int_equal(found.port, 1);
}

static void a_name_that_cannot_be_is_not_found_and_named(void **state)
{
    static const struct {
        const char *host;
        enum spd_family family;
        const char *named;
    } rows[] = {
        { LONG_LABEL, SPD_FAMILY_NONE, LONG_LABEL },
        { LONG_LABEL, SPD_FAMILY_IPV6, LONG_LABEL },
        { "no such host", SPD_FAMILY_NONE, "no such host" },
        { "", SPD_FAMILY_NONE, "" },
        { "127.0.0.1", SPD_FAMILY_IPV6, "127.0.0.1" },
        { "::1", SPD_FAMILY_IPV4, "::1" },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_addr found = address("192.0.2.9");
        struct spd_addr before = found;
        struct spd_diag diag = { 0 };
        enum spd_err err = spd_netif_resolve(rows[row].host, 862, rows[row].family, &found, &diag);

        if (err != SPD_ERR_NOT_FOUND || diag.err != err || diag.text[0] == '\0' ||
            strstr(diag.text, rows[row].named) == NULL) {
            fail_msg("\"%s\": %s \"%s\"", rows[row].host, spd_err_name(err), diag.text);
        }
        assert_true(spd_addr_equal(&found, &before));
        assert_int_equal(spd_netif_resolve(rows[row].host, 862, rows[row].family, &found, NULL),
                         SPD_ERR_NOT_FOUND);
    }
}

static void a_very_long_name_is_not_found_and_the_message_stays_whole(void **state)
{
    char host[2000];
    struct spd_addr found;
    struct spd_diag diag = { 0 };

    (void)state;
    memset(host, 'h', sizeof host - 1);
    host[sizeof host - 1] = '\0';
    assert_int_equal(spd_netif_resolve(host, 1, SPD_FAMILY_NONE, &found, &diag), SPD_ERR_NOT_FOUND);
    assert_non_null(memchr(diag.text, 0, sizeof diag.text));
    assert_non_null(strstr(diag.text, "hhhh"));
}

static void expect_loopback(const char *text, const char *source_text)
{
    struct spd_addr target = address(text);
    struct spd_addr source = { 0 };
    struct spd_netif_path path;
    struct spd_diag diag = { 0 };
    enum spd_err err;

    target.port = 862;
    if (source_text != NULL) {
        source = address(source_text);
    }
    memset(&path, 0xa5, sizeof path);
    err = spd_netif_path(&target, source_text != NULL ? &source : NULL, NULL, &path, &diag);
    if (err == SPD_ERR_NET_UNREACHABLE && target.family == SPD_FAMILY_IPV6) {
        print_message("skipped: no IPv6 here: %s\n", diag.text);
        skip();
    }
    if (err != SPD_ERR_OK) {
        fail_msg("%s from %s: %s %s", text, source_text != NULL ? source_text : "any",
                 spd_err_name(err), diag.text);
    }
    assert_int_equal(path.source.family, target.family);
    assert_true(spd_addr_is_loopback(&path.source));
    assert_int_equal(path.source.port, 0);
    if (source_text != NULL) {
        assert_true(spd_addr_equal_host(&path.source, &source));
    }
    assert_true(path.is_loopback);
    assert_int_equal(path.link_header_bytes, 0);
    /* RFC 791: 576; RFC 8200: 1280. No loopback is smaller than that. */
    assert_true(path.mtu_bytes == 0 || path.mtu_bytes >= 1280);
    assert_non_null(memchr(path.interface_name, 0, sizeof path.interface_name));
    print_message("%s: interface \"%s\", MTU %u\n", text, path.interface_name,
                  (unsigned)path.mtu_bytes);
}

static void path_to_127_0_0_1_is_loopback(void **state)
{
    (void)state;
    expect_loopback("127.0.0.1", NULL);
}

static void path_to_ipv6_loopback_is_loopback(void **state)
{
    (void)state;
    expect_loopback("::1", NULL);
}

static void a_source_is_taken_as_given(void **state)
{
    (void)state;
    expect_loopback("127.0.0.1", "127.0.0.1");
}

static void an_ipv6_source_is_taken_as_given(void **state)
{
    (void)state;
    expect_loopback("::1", "::1");
}

static void a_path_through_the_interface_it_takes_anyway_is_the_same(void **state)
{
    struct spd_addr target = address("127.0.0.1");
    struct spd_netif_path first;
    struct spd_netif_path second;
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_netif_path(&target, NULL, "", &first, &diag), SPD_ERR_OK);
    if (first.interface_name[0] == '\0') {
        print_message("skipped: the system does not name the loopback interface\n");
        skip();
    }
    if (spd_netif_path(&target, NULL, first.interface_name, &second, &diag) != SPD_ERR_OK) {
        fail_msg("%s", diag.text);
    }
    assert_true(spd_addr_equal(&first.source, &second.source));
    assert_string_equal(first.interface_name, second.interface_name);
    assert_int_equal(first.mtu_bytes, second.mtu_bytes);
    assert_int_equal(first.link_header_bytes, second.link_header_bytes);
    assert_int_equal(first.is_loopback, second.is_loopback);
}

static void what_is_not_there_is_not_found_and_named(void **state)
{
    static const struct {
        const char *name;
        const char *target;
        const char *source;
        const char *interface_name;
        const char *named;
    } rows[] = {
        { "foreign source", "127.0.0.1", "203.0.113.77", NULL, "203.0.113.77" },
        { "foreign IPv6 source", "::1", "2001:db8::77", NULL, "2001:db8::77" },
        { "no such interface", "127.0.0.1", NULL, "nonsense0", "nonsense0" },
        { "long interface", "127.0.0.1", NULL, "an-interface-name-that-is-too-long", "too-long" },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_addr target = address(rows[row].target);
        struct spd_addr source = { 0 };
        struct spd_netif_path path = { .mtu_bytes = 4711 };
        struct spd_diag diag = { 0 };
        enum spd_err err;

        if (rows[row].source != NULL) {
            source = address(rows[row].source);
        }
        err = spd_netif_path(&target, rows[row].source != NULL ? &source : NULL,
                             rows[row].interface_name, &path, &diag);
        if (err != SPD_ERR_NOT_FOUND || diag.err != err ||
            strstr(diag.text, rows[row].named) == NULL) {
            fail_msg("%s: %s \"%s\"", rows[row].name, spd_err_name(err), diag.text);
        }
        assert_int_equal(path.mtu_bytes, 4711);
    }
}

static void source_and_target_of_two_families_are_refused(void **state)
{
    struct spd_addr target = address("127.0.0.1");
    struct spd_addr source = address("::1");
    struct spd_netif_path path;
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_not_equal(spd_netif_path(&target, &source, NULL, &path, &diag), SPD_ERR_OK);
    assert_true(diag.text[0] != '\0');
}

/* On Windows the network is ready only after this. */
static int start(void **state)
{
    struct spd_diag diag;

    (void)state;
    return spd_console_init(&diag) == SPD_ERR_OK ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numeric_addresses_resolve_to_themselves),
        cmocka_unit_test(localhost_resolves_to_a_loopback_address),
        cmocka_unit_test(a_name_that_cannot_be_is_not_found_and_named),
        cmocka_unit_test(a_very_long_name_is_not_found_and_the_message_stays_whole),
        cmocka_unit_test(path_to_127_0_0_1_is_loopback),
        cmocka_unit_test(path_to_ipv6_loopback_is_loopback),
        cmocka_unit_test(a_source_is_taken_as_given),
        cmocka_unit_test(an_ipv6_source_is_taken_as_given),
        cmocka_unit_test(a_path_through_the_interface_it_takes_anyway_is_the_same),
        cmocka_unit_test(what_is_not_there_is_not_found_and_named),
        cmocka_unit_test(source_and_target_of_two_families_are_refused),
    };

    return cmocka_run_group_tests(tests, start, NULL);
}
