/* Logs as they are found: whole, torn, flipped, foreign, of tomorrow. */
#include "tests/unit/unit.h"

#include <errno.h>
#include <stdio.h>

#include "common/result/crc32c.h"
#include "tests/unit/log_kit.h"

#define GOLDEN     SPD_TEST_DATA "/log/two_way.bin"
#define GOLDEN_1_0 SPD_TEST_DATA "/log/two_way_1_0.bin"

/* Offsets of a whole log with 5 packets in chunks of 2. */
static size_t header_end(const struct log_bytes *log)
{
    struct spd_log_chunk_head head;

    spd_log_read_chunk_head(log->bytes + SPD_LOG_PREAMBLE_BYTES, &head);
    return SPD_LOG_PREAMBLE_BYTES + SPD_LOG_CHUNK_HEAD_BYTES + head.n_body_bytes;
}

static size_t data_bytes(size_t n)
{
    return SPD_LOG_CHUNK_HEAD_BYTES + SPD_LOG_DATA_HEAD_BYTES + n * SPD_LOG_RECORD_BYTES;
}

static void expect_packets(const struct spd_log *log, size_t n)
{
    assert_int_equal(log->n_packets, n);
    assert_int_equal(log->facts.n_records, n);
    for (size_t i = 0; i < n; i++) {
        struct spd_flow_packet expected = log_kit_packet((uint32_t)i);
        assert_memory_equal(&log->packets[i], &expected, sizeof expected);
    }
}

static void a_whole_log_comes_back_as_it_was_written(void **state)
{
    struct log_bytes bytes;
    struct spd_log_header header;
    struct spd_log_end end;
    struct spd_log log = { 0 };

    (void)state;
    log_bytes_whole(&bytes, 5, 2);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n, &log, NULL), SPD_ERR_OK);
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    log_kit_end(&end, 5);
    log_kit_same_header(&log.header, &header);
    assert_true(log.facts.ended);
    log_kit_same_end(&log.facts.end, &end);
    assert_int_equal(log.facts.condition.state, SPD_LOG_WHOLE);
    assert_int_equal(log.facts.condition.n_bytes_read, bytes.n);
    assert_int_equal(log.facts.condition.n_bytes_unread, 0);
    assert_string_equal(log.facts.condition.text, "");
    assert_string_equal(log.name, "test.log");
    expect_packets(&log, 5);
    spd_log_fini(&log);
    log_bytes_fini(&bytes);
}

static void records_come_in_portions_of_any_size(void **state)
{
    struct log_bytes bytes;

    (void)state;
    log_bytes_whole(&bytes, 7, 3);
    for (size_t portion = 1; portion <= 8; portion++) {
        struct log_memory memory = { bytes.bytes, bytes.n, 0 };
        struct spd_log_source source = log_memory_source(&memory);
        struct spd_flow_packet packets[8], expected;
        struct spd_log_reader *reader;
        size_t n_seen = 0, n = 1;

        assert_int_equal(spd_log_reader_open(&source, &reader, NULL), SPD_ERR_OK);
        while (n > 0) {
            assert_int_equal(spd_log_reader_next(reader, packets, portion, &n, NULL), SPD_ERR_OK);
            assert_true(n <= portion);
            for (size_t i = 0; i < n; i++) {
                expected = log_kit_packet((uint32_t)n_seen++);
                assert_memory_equal(&packets[i], &expected, sizeof expected);
            }
        }
        assert_int_equal(n_seen, 7);
        assert_int_equal(spd_log_reader_facts(reader)->condition.state, SPD_LOG_WHOLE);
        spd_log_reader_close(reader);
    }
    log_bytes_fini(&bytes);
}

/* Also the tail of a file that a power cut left: any length, and zeros where
 * nothing was written. */
static void check_torn(const struct log_bytes *bytes, size_t n, size_t n_zeros)
{
    size_t start = header_end(bytes), chunk = data_bytes(2), last = data_bytes(1);
    uint8_t *torn = calloc(n + n_zeros + 1, 1);
    struct spd_log log = { 0 };
    struct spd_diag diag = { 0 };
    char row[64];

    memcpy(torn, bytes->bytes, n);
    snprintf(row, sizeof row, "%zu bytes and %zu zeros", n, n_zeros);
    enum spd_err err = log_kit_load(torn, n + n_zeros, &log, &diag);
    if (n < start) {
        CHECK_ROW_INT(row, err, SPD_ERR_FORMAT);
        CHECK_ROW(row, strstr(diag.text, "test.log") != NULL);
    } else {
        size_t n_chunks = (n - start) / chunk < 2 ? (n - start) / chunk : 2;
        size_t end = start + n_chunks * chunk;
        bool has_last = n_chunks == 2 && n - end >= last;
        size_t n_packets = n_chunks * 2 + has_last;
        end += has_last ? last : 0;

        CHECK_ROW_INT(row, err, SPD_ERR_OK);
        CHECK_ROW_INT(row, log.n_packets, n_packets);
        CHECK_ROW_INT(row, log.facts.condition.state,
                      n == bytes->n                ? SPD_LOG_WHOLE
                      : n == end && n_zeros == 0   ? SPD_LOG_UNFINISHED
                      : n > end && n_zeros >= 3000 ? SPD_LOG_DAMAGED
                                                   : SPD_LOG_TORN);
        CHECK_ROW_INT(row, log.facts.ended, n == bytes->n);
        CHECK_ROW_INT(row, log.facts.condition.n_bytes_unread,
                      n == bytes->n ? n_zeros : n + n_zeros - end);
        CHECK_ROW_INT(row, log.facts.condition.text[0] == '\0', n == bytes->n && n_zeros == 0);
        expect_packets(&log, n_packets);
    }
    spd_log_fini(&log);
    free(torn);
}

static void a_log_torn_at_any_byte_gives_all_whole_chunks(void **state)
{
    struct log_bytes bytes;

    (void)state;
    log_bytes_whole(&bytes, 5, 2);
    for (size_t n = 1; n <= bytes.n; n++)
        check_torn(&bytes, n, 0);
    log_bytes_fini(&bytes);
}

static void zeros_behind_the_tear_are_no_records(void **state)
{
    struct log_bytes bytes;

    (void)state;
    log_bytes_whole(&bytes, 5, 2);
    /* Its own last zeros cannot be missed. Where a chunk has begun, zeros
     * complete it: that is damage. */
    size_t n_last = bytes.n;
    while (bytes.bytes[n_last - 1] == 0)
        n_last--;
    for (size_t n = header_end(&bytes); n < n_last; n++)
        check_torn(&bytes, n, 3000);
    check_torn(&bytes, bytes.n, 3000);
    log_bytes_fini(&bytes);
}

static void every_flipped_bit_is_found(void **state)
{
    struct log_bytes bytes;

    (void)state;
    log_bytes_whole(&bytes, 5, 2);
    size_t start = header_end(&bytes), chunk = data_bytes(2);
    for (size_t bit = 0; bit < 8 * bytes.n; bit++) {
        struct spd_log log = { 0 };
        struct spd_diag diag = { 0 };
        char row[32];

        snprintf(row, sizeof row, "byte %zu bit %zu", bit / 8, bit % 8);
        bytes.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        enum spd_err err = log_kit_load(bytes.bytes, bytes.n, &log, &diag);
        if (bit / 8 < start) {
            CHECK_ROW_INT(row, err, SPD_ERR_FORMAT);
        } else {
            size_t n_before = (bit / 8 - start) / chunk;
            size_t n_packets = n_before < 2                                  ? 2 * n_before
                               : bit / 8 < start + 2 * chunk + data_bytes(1) ? 4
                                                                             : 5;
            CHECK_ROW_INT(row, err, SPD_ERR_OK);
            CHECK_ROW(row, log.facts.condition.state == SPD_LOG_TORN ||
                               log.facts.condition.state == SPD_LOG_DAMAGED);
            CHECK_ROW(row, log.facts.condition.text[0] != '\0' && !log.facts.ended);
            expect_packets(&log, n_packets);
        }
        spd_log_fini(&log);
        bytes.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    log_bytes_fini(&bytes);
}

static void set_version(uint8_t *bytes, uint8_t major, uint8_t minor)
{
    bytes[8] = 0;
    bytes[9] = major;
    bytes[10] = 0;
    bytes[11] = minor;
    uint32_t crc = spd_crc32c(0, bytes, 12);
    for (int i = 0; i < 4; i++)
        bytes[12 + i] = (uint8_t)(crc >> (24 - 8 * i));
}

static void a_newer_major_version_is_refused_and_a_newer_minor_one_read(void **state)
{
    struct log_bytes bytes;
    struct spd_log log = { 0 };
    struct spd_diag diag = { 0 };

    (void)state;
    log_bytes_whole(&bytes, 5, 2);
    set_version(bytes.bytes, SPD_LOG_VERSION_MAJOR + 1, 3);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n, &log, &diag), SPD_ERR_NOTSUP);
    assert_non_null(strstr(diag.text, "2.3"));
    assert_non_null(strstr(diag.text, "newer"));
    set_version(bytes.bytes, 0, 9);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n, &log, &diag), SPD_ERR_FORMAT);
    set_version(bytes.bytes, SPD_LOG_VERSION_MAJOR, 9);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n, &log, &diag), SPD_ERR_OK);
    expect_packets(&log, 5);
    spd_log_fini(&log);
    log_bytes_fini(&bytes);
}

static void what_is_no_log_is_named(void **state)
{
    static const char text[] = "seq,flow,t1_ns\r\n1,0,17\r\n";
    struct spd_log log = { 0 };
    struct spd_diag diag = { 0 };
    uint8_t changed[SPD_LOG_PREAMBLE_BYTES];

    (void)state;
    assert_int_equal(log_kit_load((const uint8_t *)text, sizeof text, &log, &diag), SPD_ERR_FORMAT);
    assert_non_null(strstr(diag.text, "no log"));
    assert_int_equal(log_kit_load((const uint8_t *)text, 0, &log, &diag), SPD_ERR_FORMAT);
    assert_non_null(strstr(diag.text, "is empty"));
    spd_log_write_preamble(changed); /* line ends changed on the way, as by FTP */
    memmove(changed + 4, changed + 5, sizeof changed - 5);
    assert_int_equal(log_kit_load(changed, sizeof changed, &log, &diag), SPD_ERR_FORMAT);
    spd_log_write_preamble(changed);
    assert_int_equal(log_kit_load(changed, sizeof changed, &log, &diag), SPD_ERR_FORMAT);
    assert_non_null(strstr(diag.text, "ends before its header"));
    assert_int_equal(spd_log_load_file("no/such.log", &log, &diag), SPD_ERR_NOT_FOUND);
    assert_non_null(strstr(diag.text, "no/such.log"));
}

static void a_log_without_packets_is_sound(void **state)
{
    struct log_bytes bytes;
    struct spd_log log = { 0 };

    (void)state;
    log_bytes_whole(&bytes, 0, 1);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n, &log, NULL), SPD_ERR_OK);
    assert_int_equal(log.n_packets, 0);
    assert_int_equal(log.facts.condition.state, SPD_LOG_WHOLE);
    spd_log_fini(&log);
    log_bytes_fini(&bytes);
}

static void a_failing_disk_is_an_error_and_no_tear(void **state)
{
    struct log_bytes bytes;
    struct spd_log log = { 0 };

    (void)state;
    log_bytes_whole(&bytes, 5, 2);
    for (size_t n = 0; n < bytes.n; n++) {
        struct log_memory memory = { bytes.bytes, n, EIO };
        struct spd_log_source source = log_memory_source(&memory);
        struct spd_diag diag = { 0 };

        assert_int_equal(spd_log_load(&source, &log, &diag), SPD_ERR_IO);
        assert_int_equal(diag.os_code, EIO);
        assert_non_null(strstr(diag.text, "test.log"));
    }
    log_bytes_fini(&bytes);
}

/* Chunks that are sound as bytes and not in what they say. */
static void what_makes_no_sense_ends_the_log_in_front_of_it(void **state)
{
    enum {
        FLOW,
        TIME,
        COUNT,
        SHORT_RECORDS,
        UNKNOWN_KIND,
        SECOND_HEADER,
        END_COUNT,
        END_FLOWS,
        CLOCK,
        ENVIRONMENT,
        N
    };
    static const char *const rows[N] = { "flow that is not there",    "time beyond all measure",
                                         "fewer records than stated", "records too short",
                                         "chunk that must be known",  "second header",
                                         "end that counts otherwise", "end of other flows",
                                         "clock cut short",           "environment cut short" };

    (void)state;
    for (int row = 0; row < N; row++) {
        struct spd_flow_packet packet = log_kit_packet(1);
        uint8_t body[SPD_LOG_END_MAX_BYTES] = { 0 };
        struct log_bytes bytes = { 0 };
        struct spd_log_header header;
        struct spd_log_end end;
        struct spd_log log = { 0 };
        size_t n;

        log_kit_header(&header, SPD_LOG_TWO_WAY);
        log_bytes_preamble(&bytes);
        log_bytes_header(&bytes, &header);
        packet = log_kit_packet(0);
        log_bytes_data(&bytes, &packet, 1);
        size_t n_sound = bytes.n;
        log_kit_end(&end, 1);
        packet.flow = row == FLOW ? 2 : 0;
        packet.t2_ns = row == TIME ? INT64_MIN : packet.t2_ns;
        end.n_records = row == END_COUNT ? 2 : 1;
        end.n_flows = row == END_FLOWS ? 1 : 2;
        n = spd_log_write_data(body, &packet, 1);
        if (row == COUNT)
            body[3] = 2;
        if (row == SHORT_RECORDS)
            body[5] = 24, body[3] = 2;
        if (row <= SHORT_RECORDS)
            log_bytes_chunk(&bytes, SPD_LOG_CHUNK_DATA, body, n);
        else if (row == UNKNOWN_KIND)
            log_bytes_chunk(&bytes, SPD_LOG_CHUNK('N', 'e', 'w', '!'), body, n);
        else if (row == SECOND_HEADER)
            log_bytes_header(&bytes, &header);
        else if (row == CLOCK)
            log_bytes_chunk(&bytes, SPD_LOG_CHUNK_CLOCK, body, SPD_LOG_CLOCK_BYTES - 1);
        else if (row == ENVIRONMENT)
            log_bytes_chunk(&bytes, SPD_LOG_CHUNK_ENVIRONMENT, body + 3, 9);
        else
            log_bytes_end(&bytes, &end);
        packet = log_kit_packet(2);
        log_bytes_data(&bytes, &packet, 1);

        CHECK_ROW_INT(rows[row], log_kit_load(bytes.bytes, bytes.n, &log, NULL), SPD_ERR_OK);
        CHECK_ROW_INT(rows[row], log.n_packets, 1);
        CHECK_ROW_INT(rows[row], log.facts.condition.state, SPD_LOG_DAMAGED);
        CHECK_ROW_INT(rows[row], log.facts.condition.n_bytes_read, n_sound);
        CHECK_ROW_INT(rows[row], log.facts.condition.n_bytes_unread, bytes.n - n_sound);
        CHECK_ROW_INT(rows[row], log.facts.ended, false);
        spd_log_fini(&log);
        log_bytes_fini(&bytes);
    }
}

static void what_a_newer_minor_version_adds_is_passed_over(void **state)
{
    struct spd_flow_packet packet = log_kit_packet(0);
    uint8_t body[SPD_LOG_HEADER_MAX_BYTES + 8] = { 0 };
    struct log_bytes bytes = { 0 };
    struct spd_log_header header;
    struct spd_log log = { 0 };

    (void)state;
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    log_bytes_preamble(&bytes);
    log_bytes_chunk(&bytes, SPD_LOG_CHUNK_HEADER, body, spd_log_write_header(body, &header) + 3);
    log_bytes_chunk(&bytes, SPD_LOG_CHUNK('n', 'e', 'w', '!'), body, 5);
    /* One record with four octets more. */
    memset(body, 0xEE, sizeof body);
    spd_log_write_data(body, &packet, 1);
    body[5] = SPD_LOG_RECORD_BYTES + 4;
    log_bytes_chunk(&bytes, SPD_LOG_CHUNK_DATA, body,
                    SPD_LOG_DATA_HEAD_BYTES + SPD_LOG_RECORD_BYTES + 4);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n, &log, NULL), SPD_ERR_OK);
    log_kit_same_header(&log.header, &header);
    assert_int_equal(log.facts.condition.state, SPD_LOG_UNFINISHED);
    expect_packets(&log, 1);
    spd_log_fini(&log);
    log_bytes_fini(&bytes);
}

static void chunks_that_were_swapped_or_left_out_are_found(void **state)
{
    struct log_bytes bytes;
    struct spd_log log = { 0 };

    (void)state;
    log_bytes_whole(&bytes, 6, 2);
    size_t start = header_end(&bytes), chunk = data_bytes(2);
    memmove(bytes.bytes + start + chunk, bytes.bytes + start + 2 * chunk,
            bytes.n - start - 2 * chunk);
    assert_int_equal(log_kit_load(bytes.bytes, bytes.n - chunk, &log, NULL), SPD_ERR_OK);
    assert_int_equal(log.facts.condition.state, SPD_LOG_DAMAGED);
    expect_packets(&log, 2);
    spd_log_fini(&log);
    log_bytes_fini(&bytes);
}

static void check_golden(const char *path, bool has_calibration)
{
    struct spd_log_header header;
    struct spd_environment environment;
    struct spd_log_clock clock;
    struct spd_log_end end;
    struct spd_log log = { 0 };
    struct spd_diag diag = { 0 };

    assert_int_equal(spd_log_load_file(path, &log, &diag), SPD_ERR_OK);
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    if (!has_calibration)
        header.flows[0].n_calibration = 0;
    log_kit_environment(&environment);
    log_kit_clock(&clock);
    log_kit_end(&end, 12);
    log_kit_same_header(&log.header, &header);
    assert_true(log.facts.has_environment);
    log_kit_same_environment(&log.facts.environment, &environment);
    assert_int_equal(log.facts.n_clocks, 1);
    assert_int_equal(log.clocks[0].pair.ticks.ticks, clock.pair.ticks.ticks);
    assert_int_equal(log.clocks[0].max_error_ns, clock.max_error_ns);
    log_kit_same_end(&log.facts.end, &end);
    expect_packets(&log, 12);
    assert_int_equal(log.packets[11].t2_ns, INT64_C(1699999993225000000));
    spd_log_fini(&log);
}

/* Files that lie in the tree: the same on every system, in every version. */
static void the_golden_logs_read_the_same_everywhere(void **state)
{
    (void)state;
    check_golden(GOLDEN, true);
    check_golden(GOLDEN_1_0, false);
}

static void long_names_keep_their_end(void **state)
{
    struct log_bytes bytes;
    struct spd_log log = { 0 };
    char name[600];

    (void)state;
    log_bytes_whole(&bytes, 0, 1);
    struct log_memory memory = { bytes.bytes, bytes.n, 0 };
    struct spd_log_source source = log_memory_source(&memory);
    memset(name, 'x', sizeof name);
    memcpy(name + sizeof name - 9, "tail.log", 9);
    source.name = name;
    assert_int_equal(spd_log_load(&source, &log, NULL), SPD_ERR_OK);
    assert_int_equal(strlen(log.name), sizeof log.name - 1);
    assert_string_equal(log.name + strlen(log.name) - 8, "tail.log");
    spd_log_fini(&log);
    /* Not cut inside a character. */
    name[sizeof name - sizeof log.name - 1] = '\xC3';
    name[sizeof name - sizeof log.name] = '\xA9';
    memory = (struct log_memory){ bytes.bytes, bytes.n, 0 };
    assert_int_equal(spd_log_load(&source, &log, NULL), SPD_ERR_OK);
    assert_int_equal(strlen(log.name), sizeof log.name - 2);
    spd_log_fini(&log);
    log_bytes_fini(&bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_log_comes_back_as_it_was_written),
        cmocka_unit_test(records_come_in_portions_of_any_size),
        cmocka_unit_test(a_log_torn_at_any_byte_gives_all_whole_chunks),
        cmocka_unit_test(zeros_behind_the_tear_are_no_records),
        cmocka_unit_test(every_flipped_bit_is_found),
        cmocka_unit_test(a_newer_major_version_is_refused_and_a_newer_minor_one_read),
        cmocka_unit_test(what_is_no_log_is_named),
        cmocka_unit_test(a_log_without_packets_is_sound),
        cmocka_unit_test(a_failing_disk_is_an_error_and_no_tear),
        cmocka_unit_test(what_makes_no_sense_ends_the_log_in_front_of_it),
        cmocka_unit_test(what_a_newer_minor_version_adds_is_passed_over),
        cmocka_unit_test(chunks_that_were_swapped_or_left_out_are_found),
        cmocka_unit_test(the_golden_logs_read_the_same_everywhere),
        cmocka_unit_test(long_names_keep_their_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
