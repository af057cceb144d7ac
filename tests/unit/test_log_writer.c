/* The writer, on disks that are fine, full, and full for a while. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "common/result/log_writer.h"
#include "tests/unit/log_kit.h"

#define GOLDEN SPD_TEST_DATA "/log/two_way.bin"

static const char path[] = SPD_TEST_NAME ".tmp";

/* The disk: how long the file may grow; what is there can be written over.
 * Linked in place of the real fwrite. */
static size_t n_bytes_limit = SIZE_MAX;

size_t __real_fwrite(const void *bytes, size_t size, size_t n, FILE *file);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t n, FILE *file);
size_t __wrap_fwrite(const void *bytes, size_t size, size_t n, FILE *file)
{
    if (file == stdout || file == stderr || n_bytes_limit == SIZE_MAX)
        return __real_fwrite(bytes, size, n, file);
    long at = ftell(file);
    assert_true(at >= 0 && (size_t)at <= n_bytes_limit && size == 1);
    if (n <= n_bytes_limit - (size_t)at)
        return __real_fwrite(bytes, 1, n, file);
    size_t n_written = __real_fwrite(bytes, 1, n_bytes_limit - (size_t)at, file);
    fflush(file);
    errno = ENOSPC;
    return n_written;
}

static size_t file_bytes(void)
{
    size_t n;

    free(log_kit_file(path, &n));
    return n;
}

static int tidy_up(void **state)
{
    (void)state;
    n_bytes_limit = SIZE_MAX;
    remove(path);
    return 0;
}

static struct spd_log_writer *create(void)
{
    struct spd_log_writer *writer = NULL;
    struct spd_log_header header;
    struct spd_diag diag = { 0 };

    log_kit_header(&header, SPD_LOG_TWO_WAY);
    enum spd_err err = spd_log_writer_create(path, &header, &writer, &diag);
    if (err)
        fail_msg("%s", diag.text);
    return writer;
}

static enum spd_err append(struct spd_log_writer *writer, uint32_t first, uint32_t n,
                           struct spd_diag *diag)
{
    struct spd_flow_packet *packets = calloc(n, sizeof *packets);

    for (uint32_t i = 0; i < n; i++)
        packets[i] = log_kit_packet(first + i);
    enum spd_err err = spd_log_writer_append(writer, packets, n, diag);
    free(packets);
    return err;
}

static void expect_log(size_t n_packets, enum spd_log_state state)
{
    struct spd_log log = { 0 };
    struct spd_diag diag = { 0 };

    if (spd_log_load_file(path, &log, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(log.facts.condition.state, state);
    assert_int_equal(log.n_packets, n_packets);
    for (size_t i = 0; i < n_packets; i++) {
        struct spd_flow_packet expected = log_kit_packet((uint32_t)i);
        assert_memory_equal(&log.packets[i], &expected, sizeof expected);
    }
    spd_log_fini(&log);
}

static void the_bytes_are_those_of_the_golden_log(void **state)
{
    struct spd_log_writer *writer = create();
    struct spd_environment environment;
    struct spd_log_clock clock;
    struct spd_log_end end;
    size_t n, n_golden;

    (void)state;
    log_kit_environment(&environment);
    log_kit_clock(&clock);
    log_kit_end(&end, 0);
    assert_int_equal(spd_log_writer_environment(writer, &environment, NULL), SPD_ERR_OK);
    assert_int_equal(append(writer, 0, 5, NULL), SPD_ERR_OK);
    assert_int_equal(spd_log_writer_clock(writer, &clock, NULL), SPD_ERR_OK);
    assert_int_equal(append(writer, 5, 4, NULL), SPD_ERR_OK);
    assert_int_equal(spd_log_writer_flush(writer, NULL), SPD_ERR_OK);
    assert_int_equal(append(writer, 9, 3, NULL), SPD_ERR_OK);
    assert_int_equal(spd_log_writer_end(writer, &end, NULL), SPD_ERR_OK);
    assert_int_equal(spd_log_writer_n_records(writer), 12);
    assert_int_equal(spd_log_writer_n_lost(writer), 0);
    spd_log_writer_destroy(writer);

    uint8_t *bytes = log_kit_file(path, &n), *golden = log_kit_file(GOLDEN, &n_golden);
    assert_int_equal(n, n_golden);
    assert_memory_equal(bytes, golden, n);
    free(bytes);
    free(golden);
}

static void what_was_flushed_survives_without_an_end(void **state)
{
    struct spd_log_writer *writer = create();

    (void)state;
    assert_int_equal(append(writer, 0, 3, NULL), SPD_ERR_OK);
    expect_log(0, SPD_LOG_UNFINISHED);
    assert_int_equal(spd_log_writer_flush(writer, NULL), SPD_ERR_OK);
    expect_log(3, SPD_LOG_UNFINISHED); /* read while it is written */
    assert_int_equal(append(writer, 3, 2, NULL), SPD_ERR_OK);
    assert_int_equal(spd_log_writer_sync(writer, NULL), SPD_ERR_OK);
    expect_log(5, SPD_LOG_UNFINISHED);
    /* A full chunk needs no flush. */
    assert_int_equal(append(writer, 5, SPD_LOG_CHUNK_RECORDS + 7, NULL), SPD_ERR_OK);
    expect_log(5 + SPD_LOG_CHUNK_RECORDS, SPD_LOG_UNFINISHED);
    spd_log_writer_destroy(writer);
    expect_log(5 + SPD_LOG_CHUNK_RECORDS + 7, SPD_LOG_UNFINISHED);
}

static void a_session_without_packets_leaves_a_whole_log(void **state)
{
    struct spd_log_writer *writer = create();
    struct spd_log_end end;

    (void)state;
    log_kit_end(&end, 99);
    assert_int_equal(spd_log_writer_end(writer, &end, NULL), SPD_ERR_OK);
    spd_log_writer_destroy(writer);
    expect_log(0, SPD_LOG_WHOLE);
}

/* Room for so many bytes behind the header. What fits is kept; what does not is
 * reported and counted. */
static void a_full_disk_keeps_what_fits(void **state)
{
    static const size_t rooms[] = { 0, 1, 71, 72, 500, 5000, 49183, 49184, 60000 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rooms); i++) {
        struct spd_log_writer *writer = create();
        struct spd_diag diag = { 0 };
        struct spd_log log = { 0 };
        struct spd_log_end end;
        char row[32];

        snprintf(row, sizeof row, "room for %zu bytes", rooms[i]);
        n_bytes_limit = file_bytes() + rooms[i];
        CHECK_ROW_INT(row, append(writer, 0, 4000, &diag), SPD_ERR_IO);
        CHECK_ROW_INT(row, diag.os_code, ENOSPC);
        CHECK_ROW(row, strstr(diag.text, path) && strstr(diag.text, "space"));
        CHECK_ROW_INT(row, spd_log_writer_n_records(writer) + spd_log_writer_n_lost(writer), 4000);
        log_kit_end(&end, 0);
        CHECK_ROW_INT(row, spd_log_writer_end(writer, &end, &diag), SPD_ERR_IO);
        uint64_t n_records = spd_log_writer_n_records(writer);
        CHECK_ROW_INT(row, n_records + spd_log_writer_n_lost(writer), 4000);
        spd_log_writer_destroy(writer);
        n_bytes_limit = SIZE_MAX;
        CHECK_ROW_INT(row, spd_log_load_file(path, &log, &diag), SPD_ERR_OK);
        CHECK_ROW_INT(row, log.n_packets, n_records);
        /* Smaller chunks have more heads: most of the room is used, never all. */
        CHECK_ROW(row, log.n_packets * SPD_LOG_RECORD_BYTES <= rooms[i]);
        CHECK_ROW(row, (log.n_packets + 2) * SPD_LOG_RECORD_BYTES > rooms[i] * 9 / 10);
        for (size_t k = 0; k < log.n_packets; k++)
            CHECK_ROW_INT(row, log.packets[k].seq, 100 + k);
        spd_log_fini(&log);
    }
}

static void writing_goes_on_when_there_is_room_again(void **state)
{
    struct spd_log_writer *writer = create();
    struct spd_diag diag = { 0 };
    struct spd_log_end end;

    (void)state;
    assert_int_equal(append(writer, 0, 600, NULL), SPD_ERR_OK);
    n_bytes_limit = file_bytes() + 10000;
    assert_int_equal(spd_log_writer_flush(writer, &diag), SPD_ERR_IO);
    assert_int_equal(append(writer, 600, 300, &diag), SPD_ERR_OK); /* waits in memory */
    assert_int_equal(spd_log_writer_flush(writer, &diag), SPD_ERR_IO);
    n_bytes_limit = SIZE_MAX;
    assert_int_equal(spd_log_writer_flush(writer, &diag), SPD_ERR_OK);
    expect_log(900, SPD_LOG_UNFINISHED);
    assert_int_equal(append(writer, 900, 2000, &diag), SPD_ERR_OK);
    assert_int_equal(spd_log_writer_n_lost(writer), 0);
    log_kit_end(&end, 0);
    assert_int_equal(spd_log_writer_end(writer, &end, &diag), SPD_ERR_OK);
    spd_log_writer_destroy(writer);
    expect_log(2900, SPD_LOG_WHOLE);
}

static void what_was_lost_on_a_full_disk_is_counted_in_the_end(void **state)
{
    struct spd_log_writer *writer = create();
    struct spd_diag diag = { 0 };
    struct spd_log log = { 0 };
    struct spd_log_end end;

    (void)state;
    n_bytes_limit = file_bytes();
    assert_int_equal(append(writer, 0, 3000, &diag), SPD_ERR_IO);
    n_bytes_limit = SIZE_MAX;
    assert_int_equal(append(writer, 3000, 10, &diag), SPD_ERR_OK);
    log_kit_end(&end, 0);
    assert_int_equal(spd_log_writer_end(writer, &end, &diag), SPD_ERR_OK);
    spd_log_writer_destroy(writer);
    assert_int_equal(spd_log_load_file(path, &log, &diag), SPD_ERR_OK);
    assert_int_equal(log.facts.condition.state, SPD_LOG_WHOLE);
    assert_int_equal(log.n_packets, SPD_LOG_CHUNK_RECORDS + 10);
    assert_int_equal(log.facts.end.n_records, SPD_LOG_CHUNK_RECORDS + 10);
    assert_int_equal(log.facts.end.n_records_lost, 3000 - SPD_LOG_CHUNK_RECORDS);
    spd_log_fini(&log);
}

/* Each byte of room at which the beginning may fail. */
static void a_log_that_cannot_begin_says_so(void **state)
{
    struct spd_log_writer *writer = NULL;
    struct spd_log_header header;
    struct spd_diag diag;

    (void)state;
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    for (size_t room = 0; room < 200; room += 7) {
        memset(&diag, 0, sizeof diag);
        n_bytes_limit = room;
        assert_int_equal(spd_log_writer_create(path, &header, &writer, &diag), SPD_ERR_IO);
        assert_non_null(strstr(diag.text, path));
        assert_null(writer);
    }
    n_bytes_limit = SIZE_MAX;
    assert_int_not_equal(spd_log_writer_create("no/such/folder.log", &header, &writer, &diag),
                         SPD_ERR_OK);
    assert_non_null(strstr(diag.text, "no/such/folder.log"));
}

static void what_is_no_log_is_not_overwritten(void **state)
{
    static const char precious[] = "precious and much longer than a preamble";
    struct spd_log_writer *writer = NULL;
    struct spd_log_header header;
    struct spd_diag diag = { 0 };
    size_t n;

    (void)state;
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(precious, 1, sizeof precious, file), sizeof precious);
    fclose(file);
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    assert_int_equal(spd_log_writer_create(path, &header, &writer, &diag), SPD_ERR_IN_USE);
    assert_non_null(strstr(diag.text, path));
    uint8_t *bytes = log_kit_file(path, &n);
    assert_int_equal(n, sizeof precious);
    assert_memory_equal(bytes, precious, n);
    free(bytes);

    fclose(fopen(path, "wb")); /* an empty file is nobody's */
    spd_log_writer_destroy(create());
    spd_log_writer_destroy(create()); /* nor is an older log */
    expect_log(0, SPD_LOG_UNFINISHED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_bytes_are_those_of_the_golden_log, tidy_up),
        cmocka_unit_test_teardown(what_was_flushed_survives_without_an_end, tidy_up),
        cmocka_unit_test_teardown(a_session_without_packets_leaves_a_whole_log, tidy_up),
        cmocka_unit_test_teardown(a_full_disk_keeps_what_fits, tidy_up),
        cmocka_unit_test_teardown(writing_goes_on_when_there_is_room_again, tidy_up),
        cmocka_unit_test_teardown(what_was_lost_on_a_full_disk_is_counted_in_the_end, tidy_up),
        cmocka_unit_test_teardown(a_log_that_cannot_begin_says_so, tidy_up),
        cmocka_unit_test_teardown(what_is_no_log_is_not_overwritten, tidy_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
