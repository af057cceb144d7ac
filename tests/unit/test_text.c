/*
 * Bounded text: cut at character boundaries, never beyond the room given.
 */
#include "tests/unit/unit.h"

#include "common/base/text.h"

struct cut_row {
    const char *name;
    size_t capacity;
    const char *text;
    const char *expected;
};

static const struct cut_row cut_rows[] = {
    { "nothing", 4, "", "" },
    { "null", 4, NULL, "" },
    { "no room but for the zero", 1, "abc", "" },
    { "one less than fits", 5, "abc", "abc" },
    { "just fits", 4, "abc", "abc" },
    { "one too long", 3, "abc", "ab" },
    { "two bytes, cut inside", 3, "a\xC3\xA9", "a" },
    { "two bytes, just fits", 4, "a\xC3\xA9", "a\xC3\xA9" },
    { "three bytes, cut after the first", 3, "a\xE2\x82\xAC", "a" },
    { "three bytes, cut after the second", 4, "a\xE2\x82\xAC", "a" },
    { "three bytes, just fits", 5, "a\xE2\x82\xAC", "a\xE2\x82\xAC" },
    { "four bytes, cut after the third", 5, "a\xF0\x9F\x9A\x80z", "a" },
    { "four bytes, cut behind it", 6, "a\xF0\x9F\x9A\x80z", "a\xF0\x9F\x9A\x80" },
    { "continuations alone are cut where they stand", 5, "\x80\x80\x80\x80\x80\x80",
      "\x80\x80\x80\x80" },
    { "so are too many of them behind a character", 6, "a\x80\x80\x80\x80\x80\x80",
      "a\x80\x80\x80\x80" },
    { "a character that fills all the room", 3, "\xF0\x9F\x9A\x80", "" },
};

static void text_is_cut_at_a_character_boundary(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(cut_rows); i++) {
        const struct cut_row *row = &cut_rows[i];
        char *source = row->text ? exact_copy(row->text, strlen(row->text) + 1) : NULL;
        char *to = malloc(row->capacity);

        assert_non_null(to);
        memset(to, '#', row->capacity);
        size_t n = spd_text_copy(to, row->capacity, source);
        CHECK_ROW_TEXT(row->name, to, row->expected);
        CHECK_ROW_INT(row->name, n, strlen(row->expected));
        free(source);
        free(to);
    }
}

static void what_lies_beyond_the_text_is_not_read(void **state)
{
    (void)state;
    const char text[4] = { 'a', 'b', 'c', 'd' }; /* no zero: only 3 + 1 bytes may be looked at */
    char *source = exact_copy(text, sizeof text);
    char to[4];

    assert_int_equal(spd_text_copy(to, sizeof to, source), 3);
    assert_string_equal(to, "abc");
    free(source);
}

static void control_characters_are_spelled_out(void **state)
{
    static const struct {
        const char *name, *text;
        size_t capacity;
        const char *expected;
    } rows[] = {
        { "plain", "all is well", 20, "all is well" },
        { "empty", "", 1, "" },
        { "nothing", NULL, 5, "" },
        { "line end", "a\nb", 20, "a\\x0Ab" },
        { "escape and delete", "\x1b[2J\x7f", 20, "\\x1B[2J\\x7F" },
        { "no room for all of it", "ab\n", 6, "ab" },
        { "just room", "ab\n", 7, "ab\\x0A" },
        { "umlaut fits", "\xc3\xa4", 3, "\xc3\xa4" },
        { "umlaut is not cut", "x\xc3\xa4", 3, "x" },
        { "no UTF-8", "\x80\x80", 3, "\x80\x80" },
        { "cut in the middle of its source", "\xe2\x82", 9, "\xe2\x82" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char to[32];
        size_t n;

        memset(to, 'z', sizeof(to));
        n = spd_text_copy_plain(to, rows[i].capacity, rows[i].text);
        if (strcmp(to, rows[i].expected) != 0 || n != strlen(to) || to[rows[i].capacity] != 'z')
            fail_msg("%s: '%s'", rows[i].name, to);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(control_characters_are_spelled_out),
        cmocka_unit_test(text_is_cut_at_a_character_boundary),
        cmocka_unit_test(what_lies_beyond_the_text_is_not_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
