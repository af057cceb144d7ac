/*
 * Packet sizes as typed, and from files.
 */
#include "service/size_mix.h"

#include <stdio.h>

#include "tests/unit/unit.h"

#define FILE_NAME "test_size_mix.tmp"

struct row {
    const char *text; /* or the contents of a file */
    enum spd_err expected;
    const char *says;        /* in the message */
    struct spd_size_mix mix; /* what is expected */
};

#define ONE(a, b)                                                                                  \
    {                                                                                              \
        1,                                                                                         \
        {                                                                                          \
            {                                                                                      \
                a, b, 1                                                                            \
            }                                                                                      \
        }                                                                                          \
    }
#define REFUSED(err, says)                                                                         \
    SPD_ERR_##err, says,                                                                           \
    {                                                                                              \
        0                                                                                          \
    }

static void check(const char *name, const char *text, const struct row *row)
{
    struct spd_size_mix mix, untouched;
    struct spd_diag diag = { 0 };
    enum spd_err err;

    memset(&mix, 0x77, sizeof(mix));
    untouched = mix;
    err = spd_size_mix_parse(text, 72, 1500, &mix, &diag);
    CHECK_ROW_INT(name, err, row->expected);
    if (err) {
        CHECK_ROW(name, memcmp(&mix, &untouched, sizeof(mix)) == 0);
        CHECK_ROW_INT(name, diag.err, row->expected);
        if (!strstr(diag.text, row->says))
            fail_msg("row \"%s\": says \"%s\"", name, diag.text);
        return;
    }
    CHECK_ROW_INT(name, mix.n, row->mix.n);
    for (size_t i = 0; i < mix.n; i++) {
        CHECK_ROW_INT(name, mix.item[i].min_bytes, row->mix.item[i].min_bytes);
        CHECK_ROW_INT(name, mix.item[i].max_bytes, row->mix.item[i].max_bytes);
        CHECK_ROW_INT(name, mix.item[i].weight, row->mix.item[i].weight);
    }
}

static void sizes_are_read(void **state)
{
    static const struct row rows[] = {
        { "92", SPD_ERR_OK, NULL, ONE(92, 92) },
        { "72", SPD_ERR_OK, NULL, ONE(72, 72) },
        { "1500", SPD_ERR_OK, NULL, ONE(1500, 1500) },
        { "72-1500", SPD_ERR_OK, NULL, ONE(72, 1500) },
        { "100-100", SPD_ERR_OK, NULL, ONE(100, 100) },
        { "imix", SPD_ERR_OK, NULL, { 3, { { 72, 72, 7 }, { 576, 576, 4 }, { 1500, 1500, 1 } } } },
        { "IMIX", SPD_ERR_OK, NULL, { 3, { { 72, 72, 7 }, { 576, 576, 4 }, { 1500, 1500, 1 } } } },
        { "80:7,576:4,1500:1",
          SPD_ERR_OK,
          NULL,
          { 3, { { 80, 80, 7 }, { 576, 576, 4 }, { 1500, 1500, 1 } } } },
        { "80-90:3,100", SPD_ERR_OK, NULL, { 2, { { 80, 90, 3 }, { 100, 100, 1 } } } },
        { "92:1000000", SPD_ERR_OK, NULL, { 1, { { 92, 92, 1000000 } } } },
        { "71", REFUSED(RANGE, "72 to 1500") },
        { "1501", REFUSED(RANGE, "72 to 1500") },
        { "60-100", REFUSED(RANGE, "60 to 100") },
        { "100-1501", REFUSED(RANGE, "100 to 1501") },
        { "200-100", REFUSED(RANGE, "200 to 100") },
        { "0", REFUSED(RANGE, "0 to 0") },
        { "65536", REFUSED(RANGE, "65536") },
        { "65628", REFUSED(RANGE, "65628") },             /* 92 in 16 bits */
        { "4294967388", REFUSED(INVALID, "not a size") }, /* 92 in 32 bits */
        { "99999999999999999999", REFUSED(INVALID, "not a size") },
        { "92:0", REFUSED(RANGE, "weights go from 1") },
        { "92:1000001", REFUSED(RANGE, "weights go from 1") },
        { "92:4000000000", REFUSED(INVALID, "not a size") },
        { "92:", REFUSED(INVALID, "not a size") },
        { "92:,100", REFUSED(INVALID, "not a size") },
        { "92:x", REFUSED(INVALID, "not a size") },
        { "92 7", REFUSED(INVALID, "commas") },
        { "", REFUSED(INVALID, "not a size") },
        { "-", REFUSED(INVALID, "not a size") },
        { "-92", REFUSED(INVALID, "not a size") },
        { "92-", REFUSED(INVALID, "not a size") },
        { "92,", REFUSED(INVALID, "not a size") },
        { ",92", REFUSED(INVALID, "not a size") },
        { "92;100", REFUSED(INVALID, "commas") },
        { "imix,92", REFUSED(INVALID, "not a size") },
        { "large", REFUSED(INVALID, "not a size") },
        { "80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95",
          SPD_ERR_OK,
          NULL,
          { 16,
            { { 80, 80, 1 },
              { 81, 81, 1 },
              { 82, 82, 1 },
              { 83, 83, 1 },
              { 84, 84, 1 },
              { 85, 85, 1 },
              { 86, 86, 1 },
              { 87, 87, 1 },
              { 88, 88, 1 },
              { 89, 89, 1 },
              { 90, 90, 1 },
              { 91, 91, 1 },
              { 92, 92, 1 },
              { 93, 93, 1 },
              { 94, 94, 1 },
              { 95, 95, 1 } } } },
        { "80,81,82,83,84,85,86,87,88,89,90,91,92,93,94,95,96", REFUSED(RANGE, "at most 16") },
        { "@no/such/file", REFUSED(NOT_FOUND, "no/such/file") },
        { "@", REFUSED(NOT_FOUND, "cannot read") },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++)
        check(rows[i].text, rows[i].text, &rows[i]);
}

static void files_are_read(void **state)
{
    static const char long_comment[] =
        "# a comment that goes on and on, line after line in somebody's editor, without a break, "
        "until it is longer than what the reader takes at once, which a comment may well be, for "
        "instance because it says where the sizes were measured, by whom, when, with what, and "
        "why 9999 is not among them\n92\n";
    static const struct row rows[] = {
        { "92\n", SPD_ERR_OK, NULL, ONE(92, 92) },
        { "92", SPD_ERR_OK, NULL, ONE(92, 92) },
        { "# sizes\n\n  80 7\n\t576\t4 # most\r\n1500-1500:1\n",
          SPD_ERR_OK,
          NULL,
          { 3, { { 80, 80, 7 }, { 576, 576, 4 }, { 1500, 1500, 1 } } } },
        { "92 # no weight\n", SPD_ERR_OK, NULL, ONE(92, 92) },
        { "92  \n", SPD_ERR_OK, NULL, ONE(92, 92) },
        { long_comment, SPD_ERR_OK, NULL, ONE(92, 92) },
        { "", REFUSED(INVALID, "no sizes") },
        { "# nothing\n\n", REFUSED(INVALID, "no sizes") },
        { "92\nlarge\n", REFUSED(INVALID, "line 2") },
        { "92\n\n9999\n", REFUSED(RANGE, "line 3") },
        { "92 7 8\n", REFUSED(INVALID, "line 1") },
        { "92,100\n", REFUSED(INVALID, "line 1") },
        { "92 0\n", REFUSED(RANGE, "line 1") },
        { "92:\n", REFUSED(INVALID, "line 1") },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        FILE *file = fopen(FILE_NAME, "wb");

        assert_non_null(file);
        fputs(rows[i].text, file);
        fclose(file);
        check(rows[i].text, "@" FILE_NAME, &rows[i]);
    }
    remove(FILE_NAME);
}

static void imix_needs_a_path_for_its_largest_packet(void **state)
{
    struct spd_size_mix mix;
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_size_mix_parse("imix", 28, 1499, &mix, &diag), SPD_ERR_RANGE);
    assert_non_null(strstr(diag.text, "1500"));
    assert_int_equal(spd_size_mix_parse("imix", 28, 1500, &mix, &diag), SPD_ERR_OK);
    assert_int_equal(mix.item[0].min_bytes, 40);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(imix_needs_a_path_for_its_largest_packet),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
