/*
 * Texts of the records' enumerations and the environment's setters.
 */
#include "tests/unit/unit.h"

#include "common/base/assert.h"
#include "common/base/record.h"

static void texts_belong_to_their_values(void **state)
{
    (void)state;
    assert_string_equal(spd_stamp_source_text(SPD_STAMP_NONE), "none");
    assert_string_equal(spd_stamp_source_text(SPD_STAMP_KERNEL_SCHED), "kernel-sched");
    assert_string_equal(spd_stamp_source_text(SPD_STAMP_SIMULATED), "simulated");
    assert_string_equal(spd_fate_text(SPD_FATE_PENDING), "pending");
    assert_string_equal(spd_fate_text(SPD_FATE_UNREACHABLE), "unreachable");
    assert_string_equal(spd_broken_text(SPD_BROKEN_WHOLE), "whole");
    assert_string_equal(spd_broken_text(SPD_BROKEN_UNKNOWN), "cannot be told on this system");
    assert_string_equal(spd_env_key_name(SPD_ENV_CLOCK), "clock");
    assert_string_equal(spd_env_key_name(SPD_ENV_REFLECTOR), "reflector_mode");
    assert_string_equal(spd_env_key_unit(SPD_ENV_HEAP), "bytes");
    assert_string_equal(spd_env_key_unit(SPD_ENV_DSCP), "");
}

static void values_outside_a_list_still_have_a_text(void **state)
{
    (void)state;
    assert_string_equal(spd_stamp_source_text((enum spd_stamp_source)99), "unknown");
    assert_string_equal(spd_fate_text((enum spd_fate)SPD_FATE_COUNT), "unknown");
    assert_string_equal(spd_broken_text((enum spd_broken) - 1), "unknown");
    assert_string_equal(spd_env_key_name(SPD_ENV_COUNT), "unknown");
    assert_string_equal(spd_env_key_unit(SPD_ENV_COUNT), "");
}

static void keys_are_unique_and_fit_for_json(void **state)
{
    (void)state;
    for (int a = 0; a < SPD_ENV_COUNT; a++) {
        const char *name = spd_env_key_name((enum spd_env_key)a);
        CHECK_ROW(name, strspn(name, "abcdefghijklmnopqrstuvwxyz_") == strlen(name) && *name);
        for (int b = 0; b < a; b++)
            CHECK_ROW(name, strcmp(name, spd_env_key_name((enum spd_env_key)b)) != 0);
    }
}

static void numbers_are_fulfilled_when_at_least_what_was_asked(void **state)
{
    (void)state;
    static struct spd_environment env;
    const struct spd_env_item *item = &env.items[SPD_ENV_HEAP];

    spd_env_set_number(&env, SPD_ENV_HEAP, 8192, 8192, NULL);
    assert_true(item->present && item->fulfilled);
    assert_true(item->requested == 8192 && item->obtained == 8192);
    assert_string_equal(item->note, "");
    spd_env_set_number(&env, SPD_ENV_HEAP, 8192, 8191, "raise the lock limit");
    assert_true(item->present && !item->fulfilled);
    assert_string_equal(item->note, "raise the lock limit");
    spd_env_set_number(&env, SPD_ENV_HEAP, 8192, -1, "");
    assert_false(item->fulfilled);
    for (int key = 0; key < SPD_ENV_COUNT; key++)
        assert_int_equal(env.items[key].present, key == SPD_ENV_HEAP);
}

static void texts_replace_all_that_was_there(void **state)
{
    (void)state;
    static struct spd_environment env;
    const struct spd_env_item *item = &env.items[SPD_ENV_PRIORITY];

    spd_env_set_text(&env, SPD_ENV_PRIORITY, "time-critical", "nice -20", false, "no CAP_SYS_NICE");
    assert_true(item->present && !item->fulfilled);
    assert_string_equal(item->requested_text, "time-critical");
    assert_string_equal(item->obtained_text, "nice -20");
    assert_string_equal(item->note, "no CAP_SYS_NICE");
    spd_env_set_text(&env, SPD_ENV_PRIORITY, "time-critical", "SCHED_FIFO 50", true, NULL);
    assert_true(item->fulfilled);
    assert_string_equal(item->note, "");
}

static void long_texts_are_cut_at_a_character_boundary(void **state)
{
    (void)state;
    static struct spd_environment env;
    const struct spd_env_item *item = &env.items[SPD_ENV_CLOCK];
    char text[301];

    for (size_t i = 0; i < 300; i += 3)
        memcpy(text + i, "\xE2\x82\xAC", 4);
    spd_env_set_text(&env, SPD_ENV_CLOCK, text, text, true, text);
    assert_int_equal(strlen(item->requested_text), 45); /* of 48 */
    assert_int_equal(strlen(item->obtained_text), 78);  /* of 80 */
    assert_int_equal(strlen(item->note), 159);          /* of 160 */
}

static jmp_buf panic_jump;

static void jump_on_panic(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    (void)what;
    longjmp(panic_jump, 1);
}

static bool number_panics(enum spd_env_key key)
{
    static struct spd_environment env;
    if (setjmp(panic_jump) != 0)
        return true;
    spd_env_set_number(&env, key, 1, 1, NULL);
    return false;
}

static bool text_panics(enum spd_env_key key)
{
    static struct spd_environment env;
    if (setjmp(panic_jump) != 0)
        return true;
    spd_env_set_text(&env, key, "", "", true, NULL);
    return false;
}

static void a_key_takes_either_numbers_or_texts(void **state)
{
    (void)state;
    spd_panic_set_handler(jump_on_panic);
    for (int key = 0; key < SPD_ENV_COUNT; key++) {
        bool is_number = spd_env_key_unit((enum spd_env_key)key)[0] != '\0';
        const char *name = spd_env_key_name((enum spd_env_key)key);
        CHECK_ROW_INT(name, number_panics((enum spd_env_key)key), !is_number);
        CHECK_ROW_INT(name, text_panics((enum spd_env_key)key), is_number);
    }
    assert_true(number_panics(SPD_ENV_COUNT));
    assert_true(text_panics(SPD_ENV_COUNT));
    spd_panic_set_handler(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_belong_to_their_values),
        cmocka_unit_test(values_outside_a_list_still_have_a_text),
        cmocka_unit_test(keys_are_unique_and_fit_for_json),
        cmocka_unit_test(numbers_are_fulfilled_when_at_least_what_was_asked),
        cmocka_unit_test(texts_replace_all_that_was_there),
        cmocka_unit_test(long_texts_are_cut_at_a_character_boundary),
        cmocka_unit_test(a_key_takes_either_numbers_or_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
