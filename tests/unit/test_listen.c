/*
 * Where reflectors and sinks listen, as typed and by default.
 */
#include "service/listen.h"

#include "tests/unit/unit.h"

static void addresses_are_read(void **state)
{
    static const struct {
        const char *text, *expected; /* NULL: refused */
    } rows[] = {
        { "192.0.2.7", "192.0.2.7:862" },
        { "192.0.2.7:8620", "192.0.2.7:8620" },
        { "192.0.2.7:0", "192.0.2.7:0" },
        { "0.0.0.0", "0.0.0.0:862" },
        { "::", "[::]:862" },
        { "2001:db8::7", "[2001:db8::7]:862" },
        { "[2001:db8::7]", "[2001:db8::7]:862" },
        { "[2001:db8::7]:1", "[2001:db8::7]:1" },
        { "192.0.2.7:65535", "192.0.2.7:65535" },
        { "192.0.2.7:65536", NULL },
        { "192.0.2.7:", NULL },
        { "192.0.2.7:x", NULL },
        { "192.0.2.7:-1", NULL },
        { "192.0.2", NULL },
        { "here.example", NULL },
        { "8620", NULL },
        { ":8620", NULL },
        { "[2001:db8::7", NULL },
        { "2001:db8::7]:1", NULL },
        { "*", NULL },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_settings settings = { .listen = { { rows[i].text }, 1 } };
        struct spd_listen listen;
        struct spd_diag diag = { 0 };
        enum spd_err err = spd_listen_find(&settings, 862, &listen, &diag);
        char text[SPD_ADDR_TEXT_BYTES];

        CHECK_ROW_INT(rows[i].text, err, rows[i].expected ? SPD_ERR_OK : SPD_ERR_INVALID);
        if (err) {
            CHECK_ROW(rows[i].text, strstr(diag.text, rows[i].text) != NULL);
            continue;
        }
        CHECK_ROW_INT(rows[i].text, listen.n, 1);
        CHECK_ROW(rows[i].text, listen.chosen);
        CHECK_ROW_TEXT(rows[i].text, spd_addr_format(&listen.address[0], text), rows[i].expected);
    }
}

static void several_are_kept_in_order_up_to_the_most_there_can_be(void **state)
{
    struct spd_settings settings = { 0 };
    struct spd_listen listen;
    struct spd_diag diag = { 0 };

    (void)state;
    for (size_t i = 0; i < SPD_TEXTS_MAX; i++)
        settings.listen.text[settings.listen.n++] = i % 2 ? "::1" : "127.0.0.1";
    assert_int_equal(spd_listen_find(&settings, 8862, &listen, &diag), SPD_ERR_OK);
    assert_int_equal(listen.n, SPD_TEXTS_MAX);
    for (size_t i = 0; i < SPD_TEXTS_MAX; i++) {
        assert_int_equal(listen.address[i].family, i % 2 ? SPD_FAMILY_IPV6 : SPD_FAMILY_IPV4);
        assert_int_equal(listen.address[i].port, 8862);
    }
}

static void without_a_choice_it_is_every_address_of_the_families_allowed(void **state)
{
    static const struct {
        const char *name;
        bool ipv4, ipv6;
        size_t n;
        uint8_t family[2];
    } rows[] = {
        { "both", false, false, 2, { SPD_FAMILY_IPV4, SPD_FAMILY_IPV6 } },
        { "IPv4", true, false, 1, { SPD_FAMILY_IPV4, 0 } },
        { "IPv6", false, true, 1, { SPD_FAMILY_IPV6, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_settings settings = { .ipv4 = rows[i].ipv4, .ipv6 = rows[i].ipv6 };
        struct spd_listen listen;
        struct spd_diag diag = { 0 };

        CHECK_ROW_INT(rows[i].name, spd_listen_find(&settings, 862, &listen, &diag), SPD_ERR_OK);
        CHECK_ROW_INT(rows[i].name, listen.n, rows[i].n);
        CHECK_ROW(rows[i].name, !listen.chosen);
        for (size_t k = 0; k < listen.n; k++) {
            CHECK_ROW_INT(rows[i].name, listen.address[k].family, rows[i].family[k]);
            CHECK_ROW(rows[i].name, spd_addr_is_any(&listen.address[k]));
            CHECK_ROW_INT(rows[i].name, listen.address[k].port, 862);
        }
    }
}

static void a_host_without_ipv6_listens_on_ipv4_unless_it_was_told_otherwise(void **state)
{
    struct spd_settings settings = { 0 };
    struct spd_listen listen;
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_listen_find(&settings, 862, &listen, &diag), SPD_ERR_OK);
    assert_false(spd_listen_without_ipv6(&listen, SPD_ERR_IN_USE));
    assert_false(spd_listen_without_ipv6(&listen, SPD_ERR_OK));
    assert_int_equal(listen.n, 2);
    assert_true(spd_listen_without_ipv6(&listen, SPD_ERR_NOTSUP));
    assert_int_equal(listen.n, 1);
    assert_int_equal(listen.address[0].family, SPD_FAMILY_IPV4);
    assert_false(spd_listen_without_ipv6(&listen, SPD_ERR_NOTSUP)); /* once only */

    settings.listen = (struct spd_texts){ { "0.0.0.0", "::" }, 2 };
    assert_int_equal(spd_listen_find(&settings, 862, &listen, &diag), SPD_ERR_OK);
    assert_false(spd_listen_without_ipv6(&listen, SPD_ERR_NOTSUP));
    assert_int_equal(listen.n, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read),
        cmocka_unit_test(several_are_kept_in_order_up_to_the_most_there_can_be),
        cmocka_unit_test(without_a_choice_it_is_every_address_of_the_families_allowed),
        cmocka_unit_test(a_host_without_ipv6_listens_on_ipv4_unless_it_was_told_otherwise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
