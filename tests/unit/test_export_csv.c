/* CSV read back by a reader that knows RFC 4180 and no more. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/result/export_csv.h"
#include "tests/unit/result_kit.h"

/* The next cell, unquoted, in place; *end is what ended it: ',', '\r' or 0. */
static char *next_cell(char **at, char *end)
{
    char *cell = *at;
    char *to = *at;
    char *from = *at;

    if (*from == '"') {
        for (from++; *from != '"' || from[1] == '"'; from++) {
            assert_true(*from != '\0');
            from += *from == '"';
            *to++ = *from;
        }
        from++;
    } else {
        while (*from != ',' && *from != '\r' && *from != '\0')
            *to++ = *from++;
    }
    *end = *from;
    if (*from == '\r') {
        assert_int_equal(from[1], '\n');
        from++;
    }
    *at = *from != '\0' ? from + 1 : from;
    *to = '\0';
    return cell;
}

#define MOST_COLUMNS 64

struct table {
    char *text;
    char *cells[32][MOST_COLUMNS];
    size_t n_rows; /* with the header */
    size_t n_columns;
};

static void read_table(const struct spd_result *result, struct table *table)
{
    struct spd_diag diag = { 0 };
    FILE *file = kit_file();
    char end = '\0';

    memset(table, 0, sizeof *table);
    assert_int_equal(spd_export_csv(file, "a file", result, &diag), SPD_ERR_OK);
    table->text = kit_contents(file, NULL);
    kit_close(file);
    for (char *at = table->text; *at != '\0'; table->n_rows++) {
        size_t column = 0;
        do {
            assert_true(column < MOST_COLUMNS && table->n_rows < 32);
            table->cells[table->n_rows][column++] = next_cell(&at, &end);
        } while (end == ',');
        assert_int_equal(end, '\r');
        if (table->n_rows == 0)
            table->n_columns = column;
        assert_int_equal(column, table->n_columns);
    }
}

static const char *cell(const struct table *table, size_t row, const char *column)
{
    for (size_t c = 0; c < table->n_columns; c++)
        if (strcmp(table->cells[0][c], column) == 0)
            return table->cells[row][c];
    fail_msg("no column %s", column);
    return "";
}

static void make(struct kit *kit)
{
    memset(kit, 0, sizeof *kit);
    builder_init(&kit->record, 2, 6, 0);
    kit->record.bursts[0].superseded = true;
    builder_lose(&kit->record.packets[8]);
    kit->record.packets[9].fate = SPD_FATE_NOT_SENT;
    kit->record.packets[9].err = SPD_ERR_TOO_BIG;
    builder_lose(&kit->record.packets[9]);
    kit_compute(kit);
}

static void the_header_is_the_field_table(void **state)
{
    struct table table;
    struct kit kit;

    (void)state;
    make(&kit);
    read_table(&kit.result, &table);
    assert_int_equal(table.n_columns, spd_field_count(SPD_FIELD_PACKET));
    for (size_t c = 0; c < table.n_columns; c++)
        assert_string_equal(table.cells[0][c], spd_field_path(spd_field_at(SPD_FIELD_PACKET, c)));
    free(table.text);
    kit_fini(&kit);
}

static void every_packet_has_a_row_the_lost_ones_too(void **state)
{
    struct table table;
    struct kit kit;

    (void)state;
    make(&kit);
    read_table(&kit.result, &table);
    assert_int_equal(table.n_rows, 13);
    assert_string_equal(cell(&table, 1, "seq"), "0");
    assert_string_equal(cell(&table, 1, "superseded"), "true");
    assert_string_equal(cell(&table, 7, "superseded"), "false");
    assert_string_equal(cell(&table, 7, "fate"), "received");
    assert_string_equal(cell(&table, 7, "round_trip_ns"), "5000000");
    assert_string_equal(cell(&table, 7, "t1_ns"), "1700000001000000000");
    assert_string_equal(cell(&table, 7, "error"), "");
    assert_string_equal(cell(&table, 9, "fate"), "lost");
    assert_string_equal(cell(&table, 9, "seq"), "8");
    assert_string_equal(cell(&table, 9, "t4_ns"), "");
    assert_string_equal(cell(&table, 9, "round_trip_ns"), "");
    assert_string_equal(cell(&table, 10, "fate"), "not-sent");
    assert_string_equal(cell(&table, 10, "error"), "TOO_BIG");
    assert_string_equal(cell(&table, 12, "seq"), "11");
    free(table.text);
    kit_fini(&kit);
}

static void nothing_measured_leaves_the_header(void **state)
{
    struct table table;
    struct kit kit = { 0 };

    (void)state;
    builder_init(&kit.record, 0, 0, 0);
    kit_compute(&kit);
    read_table(&kit.result, &table);
    assert_int_equal(table.n_rows, 1);
    free(table.text);
    kit_fini(&kit);
}

static void a_stream_that_refuses_is_named(void **state)
{
    struct spd_diag diag = { 0 };
    struct kit kit;
    FILE *file = kit_unwritable();

    (void)state;
    make(&kit);
    assert_int_equal(spd_export_csv(file, "C:\\out.csv", &kit.result, &diag), SPD_ERR_IO);
    assert_int_equal(diag.err, SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "C:\\out.csv"));
    assert_true(diag.os_code != 0);
    assert_int_equal(spd_export_csv(file, "C:\\out.csv", &kit.result, NULL), SPD_ERR_IO);
    kit_close(file);
    kit_fini(&kit);
}

/* More than one buffer, so that the failure comes in the middle. */
static void a_full_disk_is_reported(void **state)
{
    struct spd_diag diag = { 0 };
    struct kit kit = { 0 };
    FILE *file = fopen("/dev/full", "wb");

    (void)state;
    if (file == NULL) {
        print_message("skipped: this system has no /dev/full\n");
        skip();
    }
    builder_init(&kit.record, 1, 1000, 0);
    kit_compute(&kit);
    assert_int_equal(spd_export_csv(file, "out.csv", &kit.result, &diag), SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "out.csv"));
    assert_non_null(strstr(diag.text, "space"));
    fclose(file);
    kit_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_header_is_the_field_table),
        cmocka_unit_test(every_packet_has_a_row_the_lost_ones_too),
        cmocka_unit_test(nothing_measured_leaves_the_header),
        cmocka_unit_test(a_stream_that_refuses_is_named),
        cmocka_unit_test(a_full_disk_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
