/*
 * Errors: one list with the same numbers everywhere, and messages that can be
 * trusted with text from users and peers.
 */
#include "tests/unit/unit.h"

#include "common/base/assert.h"
#include "common/base/err.h"

static void every_error_has_its_own_name_and_text(void **state)
{
    (void)state;
    for (int a = 0; a < SPD_ERR_COUNT; a++) {
        assert_true(spd_err_name((enum spd_err)a)[0] != '\0');
        assert_true(spd_err_text((enum spd_err)a)[0] != '\0');
        for (int b = 0; b < a; b++) {
            assert_string_not_equal(spd_err_name((enum spd_err)a), spd_err_name((enum spd_err)b));
            assert_string_not_equal(spd_err_text((enum spd_err)a), spd_err_text((enum spd_err)b));
        }
    }
}

static void numbers_and_names_belong_together(void **state)
{
    (void)state;
    assert_int_equal(SPD_ERR_OK, 0);
    assert_string_equal(spd_err_name(SPD_ERR_OK), "OK");
    assert_string_equal(spd_err_name(SPD_ERR_NO_BUFFERS), "NO_BUFFERS");
    assert_string_equal(spd_err_text(SPD_ERR_REFUSED), "port unreachable");
    assert_string_equal(spd_err_name(SPD_ERR_INTERNAL), "INTERNAL");
}

static void numbers_outside_the_list_still_have_a_name(void **state)
{
    (void)state;
    const int outside[] = { -1, SPD_ERR_COUNT, SPD_ERR_COUNT + 1, 0x7FFFFFFF };

    for (size_t i = 0; i < N_ROWS(outside); i++) {
        assert_string_equal(spd_err_name((enum spd_err)outside[i]), "UNKNOWN");
        assert_string_equal(spd_err_text((enum spd_err)outside[i]), "unknown error");
    }
}

static void only_icmp_errors_are_unreachable(void **state)
{
    (void)state;
    for (int err = 0; err < SPD_ERR_COUNT; err++) {
        bool expected = err == SPD_ERR_REFUSED || err == SPD_ERR_HOST_UNREACHABLE ||
                        err == SPD_ERR_NET_UNREACHABLE || err == SPD_ERR_PROHIBITED;
        CHECK_ROW_INT(spd_err_name((enum spd_err)err), spd_err_is_unreachable((enum spd_err)err),
                      expected);
    }
}

static void a_message_is_formatted_and_its_error_returned(void **state)
{
    (void)state;
    struct spd_diag diag;

    assert_int_equal(spd_diag_set(&diag, SPD_ERR_IN_USE, 98, "cannot open %s:%d", "0.0.0.0", 862),
                     SPD_ERR_IN_USE);
    assert_int_equal(diag.err, SPD_ERR_IN_USE);
    assert_int_equal(diag.os_code, 98);
    assert_string_equal(diag.text, "cannot open 0.0.0.0:862");
}

static void a_caller_that_wants_no_message_gives_null(void **state)
{
    (void)state;
    assert_int_equal(spd_diag_set(NULL, SPD_ERR_NOMEM, 12, "%s", "no one listens"), SPD_ERR_NOMEM);
}

static void a_message_may_wrap_the_one_before(void **state)
{
    (void)state;
    struct spd_diag diag;

    spd_diag_set(&diag, SPD_ERR_PERM, 1, "io_uring is disabled");
    spd_diag_set(&diag, diag.err, diag.os_code, "cannot start: %s; use another host", diag.text);
    assert_string_equal(diag.text, "cannot start: io_uring is disabled; use another host");
    assert_int_equal(diag.err, SPD_ERR_PERM);
}

static void a_message_stays_one_line_without_control_characters(void **state)
{
    (void)state;
    struct spd_diag diag;

    spd_diag_set(&diag, SPD_ERR_NOT_FOUND, 0, "unknown host \"%s\"", "a\nb\r\x1b[31mc\x7f\td");
    assert_string_equal(diag.text, "unknown host \"a b  [31mc  d\"");
}

static void a_long_message_is_cut_at_a_character_boundary(void **state)
{
    (void)state;
    struct spd_diag diag;
    char name[600];

    /* Two-byte characters from an odd position: one straddles the end. */
    for (size_t i = 0; i + 2 < sizeof name; i += 2)
        memcpy(name + i, "\xC3\xA9", 3);
    spd_diag_set(&diag, SPD_ERR_RANGE, 0, "%s", name);
    assert_int_equal(strlen(diag.text), sizeof diag.text - 2);
    spd_diag_set(&diag, SPD_ERR_RANGE, 0, "x%s", name);
    assert_int_equal(strlen(diag.text), sizeof diag.text - 1);
}

static jmp_buf panic_jump;
static char panic_text[64];

static void remember_panic(const char *file, int line, const char *what)
{
    assert_true(line > 0 && strstr(file, "test_err"));
    strncpy(panic_text, what, sizeof panic_text - 1);
    longjmp(panic_jump, 1);
}

static void a_failed_assertion_reaches_the_handler_in_every_build(void **state)
{
    (void)state;
    bool panicked = false;

    spd_panic_set_handler(remember_panic);
    SPD_ASSERT(1 + 1 == 2);
    if (setjmp(panic_jump) == 0)
        SPD_ASSERT(1 + 1 == 3);
    else
        panicked = true;
    spd_panic_set_handler(NULL);
    assert_true(panicked);
    assert_string_equal(panic_text, "1 + 1 == 3");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_its_own_name_and_text),
        cmocka_unit_test(numbers_and_names_belong_together),
        cmocka_unit_test(numbers_outside_the_list_still_have_a_name),
        cmocka_unit_test(only_icmp_errors_are_unreachable),
        cmocka_unit_test(a_message_is_formatted_and_its_error_returned),
        cmocka_unit_test(a_caller_that_wants_no_message_gives_null),
        cmocka_unit_test(a_message_may_wrap_the_one_before),
        cmocka_unit_test(a_message_stays_one_line_without_control_characters),
        cmocka_unit_test(a_long_message_is_cut_at_a_character_boundary),
        cmocka_unit_test(a_failed_assertion_reaches_the_handler_in_every_build),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
