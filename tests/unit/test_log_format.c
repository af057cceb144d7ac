/* The bytes of each chunk, field by field as log_format.md has them. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/result/crc32c.h"
#include "tests/unit/log_kit.h"

/* RFC 9260 appendix A's polynomial, bit by bit. */
static uint32_t crc_bit_by_bit(const uint8_t *bytes, size_t n)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
    }
    return ~crc;
}

static void the_crc_is_castagnolis(void **state)
{
    uint8_t bytes[300];
    uint32_t x = 1;

    (void)state;
    assert_int_equal(spd_crc32c(0, "123456789", 9), 0xE3069283); /* the usual check value */
    memset(bytes, 0, 32);
    assert_int_equal(spd_crc32c(0, bytes, 32), 0x8A9136AA); /* RFC 3720 appendix B.4 */
    memset(bytes, 0xFF, 32);
    assert_int_equal(spd_crc32c(0, bytes, 32), 0x62A8AB43);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
    for (size_t n = 0; n <= sizeof bytes; n++) {
        assert_int_equal(spd_crc32c(0, bytes, n), crc_bit_by_bit(bytes, n));
        size_t half = n / 3;
        assert_int_equal(spd_crc32c(spd_crc32c(0, bytes, half), bytes + half, n - half),
                         crc_bit_by_bit(bytes, n));
    }
}

/* Fails with the first octet that differs. */
static void expect_bytes(const char *row, const uint8_t *got, size_t n_got, const uint8_t *expected,
                         size_t n_expected)
{
    for (size_t i = 0; i < n_got && i < n_expected; i++)
        if (got[i] != expected[i])
            fail_msg("%s: octet %zu is %02X, expected %02X", row, i, got[i], expected[i]);
    CHECK_ROW_INT(row, n_got, n_expected);
}

static void the_preamble_is_golden(void **state)
{
    static const uint8_t golden[] = { 0x89, 'S',  'P',  'D', 0x0D, 0x0A, 0x1A, 0x0A, /* magic */
                                      0x00, 0x01,                                    /* major */
                                      0x00, 0x01,                                    /* minor */
                                      0x5D, 0x12, 0xAC, 0x3F };                      /* CRC-32C */
    uint8_t bytes[SPD_LOG_PREAMBLE_BYTES];
    uint16_t major = 9, minor = 9;

    (void)state;
    spd_log_write_preamble(bytes);
    expect_bytes("preamble", bytes, sizeof bytes, golden, sizeof golden);
    assert_int_equal(crc_bit_by_bit(golden, 12), 0x5D12AC3F);
    assert_int_equal(spd_log_read_preamble(golden, &major, &minor), SPD_ERR_OK);
    assert_true(major == 1 && minor == 1);
}

static void a_chunk_head_is_golden(void **state)
{
    static const uint8_t body[] = { 0xAA, 0xBB, 0xCC };
    static const uint8_t golden[] = { 'c',  'l',  'c',  'k',    /* type */
                                      0x00, 0x00, 0x00, 0x03,   /* octets of the body */
                                      0x01, 0x02, 0x03, 0x04 }; /* number */
    uint8_t bytes[SPD_LOG_CHUNK_HEAD_BYTES], both[15];
    struct spd_log_chunk_head head;

    (void)state;
    spd_log_write_chunk_head(bytes, SPD_LOG_CHUNK_CLOCK, 0x01020304, body, sizeof body);
    expect_bytes("head", bytes, 12, golden, sizeof golden);
    memcpy(both, golden, 12);
    memcpy(both + 12, body, 3);
    spd_log_read_chunk_head(bytes, &head);
    assert_int_equal(head.crc, crc_bit_by_bit(both, 15));
    assert_int_equal(head.type, SPD_LOG_CHUNK_CLOCK);
    assert_int_equal(head.n_body_bytes, 3);
    assert_int_equal(head.number, 0x01020304);
    assert_true(spd_log_chunk_is_sound(bytes, body));
    bytes[11] ^= 1;
    assert_false(spd_log_chunk_is_sound(bytes, body));
}

static void a_data_chunk_is_golden(void **state)
{
    static const uint8_t golden[] = {
        0x00,        0x00, 0x00, 0x01,                         /* records */
        0x00,        0x30, 0x00, 0x00,                         /* octets of each, zero */
        0xFF,        0xFF, 0xFF, 0xFE,                         /* seq */
        0x05,        0xDC, 0x01, 0x87,                         /* size, flow, flags */
        0x17,        0x97, 0x9C, 0xFE, 0x36, 0x2A, 0x00, 0x00, /* T1 */
        0x80 | 0x40, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* T2: -2^62 */
        0x40,        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* T3: 2^62 */
        0x00,        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, /* T4: unknown */
        0x01,        0x02, 0x03, 0x04,                         /* reflector's number */
        0x3D,        0xB8, 0xFF, 0x3C,                         /* TTL, classes, TTL */
    };
    const struct spd_flow_packet packet = {
        .seq = 0xFFFFFFFE,
        .size_bytes = 1500,
        .flow = 1,
        .flags = SPD_FLOW_SENT | SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED | SPD_FLOW_RX_KERNEL,
        .t1_ns = INT64_C(1700000000000000000),
        .t2_ns = -(INT64_C(1) << 62),
        .t3_ns = INT64_C(1) << 62,
        .t4_ns = 0,
        .reflector_seq = 0x01020304,
        .ttl_forward = 61,
        .tclass_forward = 46 << 2,
        .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
        .ttl_reverse = 60,
    };
    uint8_t bytes[SPD_LOG_DATA_HEAD_BYTES + SPD_LOG_RECORD_BYTES];
    struct spd_flow_packet back;
    size_t n = 0;

    (void)state;
    expect_bytes("data", bytes, spd_log_write_data(bytes, &packet, 1), golden, sizeof golden);
    assert_int_equal(spd_log_read_data(golden, sizeof golden, 2, 0, &back, 1, &n), SPD_ERR_OK);
    assert_int_equal(n, 1);
    assert_memory_equal(&back, &packet, sizeof back);
    assert_int_equal(spd_log_read_data(golden, sizeof golden, 1, 0, &back, 1, &n), SPD_ERR_FORMAT);
    bytes[8 + 23] = 1; /* 2^62 + 1 and -2^62 + 1 */
    assert_int_equal(spd_log_read_data(bytes, sizeof bytes, 2, 0, &back, 1, &n), SPD_ERR_OK);
    bytes[8 + 31] = 1;
    assert_int_equal(spd_log_read_data(bytes, sizeof bytes, 2, 0, &back, 1, &n), SPD_ERR_FORMAT);
}

#define CLOCK                                                                                      \
    "\x11\x22\x33\x44\x55\x66\x77\x88" /* counter */                                               \
    "\x17\x97\x9C\xFE\x36\x2A\x00\x00" /* time of day */                                           \
    "\0\0\0\0\0\0\0\x78"               /* at most so far apart */                                  \
    "\x01\0\0\0"                       /* synchronised, zero */                                    \
    "\0\0\0\0\0\x26\x25\xA0"           /* stated error */

static void a_clock_chunk_is_golden(void **state)
{
    static const char golden[] = CLOCK;
    uint8_t bytes[SPD_LOG_CLOCK_BYTES];
    struct spd_log_clock clock, back;

    (void)state;
    log_kit_clock(&clock);
    expect_bytes("clock", bytes, spd_log_write_clock(bytes, &clock), (const uint8_t *)golden,
                 sizeof golden - 1);
    clock.synchronised = -1;
    clock.max_error_ns = -1;
    spd_log_write_clock(bytes, &clock);
    assert_int_equal(spd_log_read_clock(bytes, sizeof bytes, &back), SPD_ERR_OK);
    assert_int_equal(back.synchronised, -1);
    assert_int_equal(back.max_error_ns, -1);
    assert_int_equal(back.pair.ticks.ticks, clock.pair.ticks.ticks);
    assert_int_equal(back.pair.uncertainty_ns, 120);
}

static void the_header_chunk_is_golden(void **state)
{
    static const char golden[] =
        "\x01\x02\x02\x01"                 /* two-way, 2 flows, kernel stamps out, user stamps in */
        "\x17\x97\x9C\xFE\x36\x1A\xBD\xC0" /* created */
        "\x01\x02\x03\x04\x05\x06\x07\x08" /* seed */
        "\0\0\0\0\x01\x6E\x36\0"           /* counter, Hz */
        CLOCK                              /* now */
        "\0\x10hourglass, 42 ns"           /* counter */
        "\0\x0Estampede 9.8.7"             /* program */
        "\0\x11reflector.example"          /* target */
        "\0\x0ATestix 1.0"                 /* system */
        "\0\x10paper and pencil"           /* processor */
        "\0\0\0\x02\x01"                   /* processors, virtual */
        "\0\x05"
        "dream"     /* hypervisor */
        "\0\x03tsc" /* clock source */
        "\0\x08"
        "balanced" /* power scheme */
        "\0\x72"   /* flow 0: octets */
        "\0\x02"
        "EF"                     /* name */
        "\x2E\0"                 /* DSCP, one-way */
        "\x12\x67"               /* SSID */
        "\0\0\x08\0"             /* packets */
        "\0\0\0\0\0\0\x5D\xC0"   /* bit/s */
        "\0\0\0\0\x01\x31\x2D\0" /* interval */
        "\0\0\0\x64"             /* first sequence number */
        "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0A\x0B\x0C\x0D\x0E\x0F\x10" /* SID */
        "\x04\xC3\x50\0\0\0\0\xC0\0\x02\x09\0\0\0\0\0\0\0\0\0\0\0\0"       /* source */
        "\x04\x03\x5E\0\0\0\0\xC0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0"       /* target */
        "\0\x0Erate 24 kbit/s"                                             /* schedule */
        "\0\0\0\xC8"                                                       /* calibration */
        "\0\x64"                                                           /* flow 1 */
        "\0\x02"
        "BE"
        "\0\0"
        "\0\0"
        "\0\0\0\x07"
        "\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0"
        "\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\x04\xC3\x51\0\0\0\0\xC0\0\x02\x09\0\0\0\0\0\0\0\0\0\0\0\0"
        "\x04\x03\x5E\0\0\0\0\xC0\0\x02\x01\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0"
        "\0\0\0\0";
    uint8_t bytes[SPD_LOG_HEADER_MAX_BYTES];
    struct spd_log_header header, back;

    (void)state;
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    expect_bytes("header", bytes, spd_log_write_header(bytes, &header), (const uint8_t *)golden,
                 sizeof golden - 1);
    assert_int_equal(spd_log_read_header(bytes, sizeof golden - 1, &back), SPD_ERR_OK);
    log_kit_same_header(&back, &header);
}

static void the_end_chunk_is_golden(void **state)
{
    static const char golden[] =
        "\x17\x97\x9D\x0C\x2E\x71\x58\0"   /* ended */
        "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xEF" /* clock step */
        CLOCK "\0\x08NO_REPLY"             /* error */
        "\xFF\xFF\xFF\xFB"                 /* of the system */
        "\0\x11nothing came back"
        "\0\0\0\0\0\0\0\x05"       /* records */
        "\0\0\0\0\0\0\0\0"         /* records lost */
        "\x02"                     /* flows */
        "\0\x76"                   /* flow 0: octets */
        "\x01\x01"                 /* count, packets known */
        "\0\0\x08\0"               /* packets */
        "\0\0\0\0\0\0\x07\xFF"     /* sent */
        "\0\0\0\0\0\0\0\x01"       /* not sent */
        "\0\0\0\0\0\0\0\x03"       /* late */
        "\0\0\0\0\0\0\x07\xF8"     /* arrived */
        "\0\0\0\0\0\0\0\x04"       /* duplicates */
        "\0\0\0\0\0\0\0\x05"       /* unexpected */
        "\0\0\0\0\0\0\0\x06"       /* malformed */
        "\0\0\0\0\0\0\0\x0A"       /* termination packets */
        "\0\0\0\0\0\x02\xDF\xA4"   /* bytes */
        "\0\0\0\0\0\0\0\x08"       /* dropped by this host */
        "\0\0\0\0\0\x0D\xBB\xA0"   /* lateness: largest */
        "\0\0\0\0\0\xB7\x1B\0"     /* lateness: sum */
        "\0\0\0\0\0\0\x03\xE8"     /* first sent */
        "\0\0\0\x09\x88\x36\xD3\0" /* last sent */
        "\0\x76\x04\0\0\0\0\0"     /* flow 1: time-out */
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    uint8_t bytes[SPD_LOG_END_MAX_BYTES];
    struct spd_log_end end, back;

    (void)state;
    log_kit_end(&end, 5);
    expect_bytes("end", bytes, spd_log_write_end(bytes, &end), (const uint8_t *)golden,
                 sizeof golden - 1);
    assert_int_equal(spd_log_read_end(bytes, sizeof golden - 1, &back), SPD_ERR_OK);
    log_kit_same_end(&back, &end);
    assert_string_equal(back.outcome.text, "nothing came back");
    assert_int_equal(back.outcome.err, SPD_ERR_NO_REPLY);
}

static void the_environment_chunk_is_golden(void **state)
{
    static const char golden[] = "\x02"
                                 "\0\x05"
                                 "clock"
                                 "\x01"
                                 "\0\0\0\0\0\0\0\0"
                                 "\0\0\0\0\0\0\0\0"
                                 "\0\0"
                                 "\0\x09hourglass"
                                 "\0\0"
                                 "\0\x0Aheap_bytes\0" /* not fulfilled */
                                 "\0\0\0\0\0\0\x10\0"
                                 "\0\0\0\0\0\0\x08\0"
                                 "\0\0"
                                 "\0\0"
                                 "\0\x05short";
    uint8_t bytes[SPD_LOG_ENVIRONMENT_MAX_BYTES];
    struct spd_environment environment, back;

    (void)state;
    log_kit_environment(&environment);
    expect_bytes("environment", bytes, spd_log_write_environment(bytes, &environment),
                 (const uint8_t *)golden, sizeof golden - 1);
    assert_int_equal(spd_log_read_environment(bytes, sizeof golden - 1, &back), SPD_ERR_OK);
    log_kit_same_environment(&back, &environment);
}

/* The largest of everything fits the room that the header promises. */
static void the_longest_texts_fit(void **state)
{
    static uint8_t bytes[1 << 16];
    struct spd_log_header header, header_back;
    struct spd_environment environment, environment_back;
    struct spd_log_end end, end_back;

    (void)state;
#define FILL(text) memset(text, 'x', sizeof(text) - 1)
    log_kit_header(&header, SPD_LOG_ONE_WAY);
    log_kit_end(&end, 5);
    FILL(header.counter_source), FILL(header.program), FILL(header.target_name);
    FILL(header.host.system), FILL(header.host.processor), FILL(header.host.hypervisor);
    FILL(header.host.clock_source), FILL(header.host.power_scheme);
    FILL(end.outcome.text);
    header.n_flows = end.n_flows = SPD_FLOWS_MAX;
    for (size_t i = 0; i < SPD_FLOWS_MAX; i++) {
        FILL(header.flows[i].info.name), FILL(header.flows[i].schedule);
        end.flows[i] = end.flows[0];
    }
    memset(&environment, 0, sizeof environment);
    for (size_t i = 0; i < SPD_ENV_COUNT; i++) {
        struct spd_env_item *item = &environment.items[i];

        item->present = true;
        FILL(item->requested_text), FILL(item->obtained_text), FILL(item->note);
    }
    size_t n = spd_log_write_header(bytes, &header);
    assert_true(n < SPD_LOG_HEADER_MAX_BYTES);
    assert_int_equal(spd_log_read_header(bytes, n, &header_back), SPD_ERR_OK);
    log_kit_same_header(&header_back, &header);
    n = spd_log_write_end(bytes, &end);
    assert_true(n < SPD_LOG_END_MAX_BYTES);
    assert_int_equal(spd_log_read_end(bytes, n, &end_back), SPD_ERR_OK);
    log_kit_same_end(&end_back, &end);
    n = spd_log_write_environment(bytes, &environment);
    assert_true(n < SPD_LOG_ENVIRONMENT_MAX_BYTES);
    assert_int_equal(spd_log_read_environment(bytes, n, &environment_back), SPD_ERR_OK);
    log_kit_same_environment(&environment_back, &environment);
}

/* Cut anywhere, in memory of exactly that size. */
static void bodies_cut_short_are_refused(void **state)
{
    uint8_t bytes[SPD_LOG_HEADER_MAX_BYTES];
    struct spd_environment environment;
    struct spd_log_header header;
    struct spd_log_clock clock;
    struct spd_log_end end;

    (void)state;
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    size_t n = spd_log_write_header(bytes, &header);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = exact_copy(bytes, i);
        assert_int_equal(spd_log_read_header(copy, i, &header), SPD_ERR_FORMAT);
        free(copy);
    }
    log_kit_end(&end, 3);
    n = spd_log_write_end(bytes, &end);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = exact_copy(bytes, i);
        assert_int_equal(spd_log_read_end(copy, i, &end), SPD_ERR_FORMAT);
        free(copy);
    }
    log_kit_environment(&environment);
    n = spd_log_write_environment(bytes, &environment);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = exact_copy(bytes, i);
        assert_int_equal(spd_log_read_environment(copy, i, &environment), SPD_ERR_FORMAT);
        free(copy);
    }
    log_kit_clock(&clock);
    n = spd_log_write_clock(bytes, &clock);
    for (size_t i = 0; i < n; i++) {
        uint8_t *copy = exact_copy(bytes, i);
        assert_int_equal(spd_log_read_clock(copy, i, &clock), SPD_ERR_FORMAT);
        free(copy);
    }
}

/* As format 1.0 wrote it: the last flow ends with its schedule. */
static void a_flow_without_a_calibration_has_none(void **state)
{
    uint8_t bytes[SPD_LOG_HEADER_MAX_BYTES];
    struct spd_log_header header, back;

    (void)state;
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    header.flows[1].n_calibration = 77;
    size_t n = spd_log_write_header(bytes, &header);
    assert_int_equal(spd_log_read_header(bytes, n, &back), SPD_ERR_OK);
    assert_int_equal(back.flows[0].n_calibration, 200);
    assert_int_equal(back.flows[1].n_calibration, 77);
    bytes[n - 102 + 1] -= 4; /* the length of the flow */
    assert_int_equal(spd_log_read_header(bytes, n - 4, &back), SPD_ERR_OK);
    assert_int_equal(back.flows[0].n_calibration, 200);
    assert_int_equal(back.flows[1].n_calibration, 0);
    for (uint8_t i = 1; i < 4; i++) { /* no version has a part of it */
        bytes[n - 102 + 1] = 96 + i;
        assert_int_equal(spd_log_read_header(bytes, n - 4 + i, &back), SPD_ERR_FORMAT);
    }
}

static const struct {
    const char *name;
    const char *bytes;
    const char *expected;
} texts[] = {
    { "plain", "voice", "voice" },
    { "two, three and four octets", "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x8E",
      "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x90\x8E" },
    { "escape sequence", "a\x1B[2Jb", "a [2Jb" },
    { "line end and DEL",
      "a\nb\x7F"
      "c",
      "a b c" },
    { "C1 control",
      "a\xC2\x9B"
      "b",
      "a b" },
    { "no-break space is none",
      "a\xC2\xA0"
      "b",
      "a\xC2\xA0"
      "b" },
    { "stray continuation",
      "a\x80"
      "b",
      "a?b" },
    { "overlong",
      "a\xC0\xAF"
      "b",
      "a??b" },
    { "overlong of three", "\xE0\x80\xAF", "???" },
    { "surrogate", "\xED\xA0\x80", "???" },
    { "beyond Unicode", "\xF4\x90\x80\x80", "????" },
    { "cut character", "a\xE2\x82", "a??" },
    { "longer than the room", "123456789012345678901234567890", "12345678901234567890123" },
    { "cut before a character", "1234567890123456789012\xC3\xA9", "1234567890123456789012" },
};

static void texts_cannot_reach_the_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(texts); i++) {
        uint8_t bytes[SPD_LOG_HEADER_MAX_BYTES];
        struct spd_log_header header, back;

        log_kit_header(&header, SPD_LOG_TWO_WAY);
        memset(header.target_name, 0, sizeof header.target_name);
        strcpy(header.target_name, texts[i].bytes);
        /* The name of a flow is shorter than that of a target: put one in the
         * other's place. */
        header.n_flows = 1;
        size_t n = spd_log_write_header(bytes, &header), n_text = strlen(texts[i].bytes);
        uint8_t *name = bytes + n - (2 + 114) + 2;
        uint8_t moved[SPD_LOG_HEADER_MAX_BYTES];
        size_t n_front = (size_t)(name - bytes), n_tail = n - n_front - 4;
        memcpy(moved, bytes, n_front);
        moved[n_front - 2] = (uint8_t)((114 - 2 + n_text) >> 8);
        moved[n_front - 1] = (uint8_t)(114 - 2 + n_text);
        moved[n_front] = 0;
        moved[n_front + 1] = (uint8_t)n_text;
        memcpy(moved + n_front + 2, texts[i].bytes, n_text);
        memcpy(moved + n_front + 2 + n_text, name + 4, n_tail);
        CHECK_ROW_INT(texts[i].name,
                      spd_log_read_header(moved, n_front + 2 + n_text + n_tail, &back), SPD_ERR_OK);
        CHECK_ROW_TEXT(texts[i].name, back.flows[0].info.name, texts[i].expected);
        CHECK_ROW_INT(texts[i].name, back.flows[0].info.rate_bps, 24000);
    }
}

/* Offsets of single octets in the golden header, and what becomes of values
 * that do not belong there. */
static const struct {
    const char *name;
    size_t at;
    uint8_t value;
    enum spd_err err;
} strange[] = {
    { "kind 0", 0, 0, SPD_ERR_FORMAT },
    { "kind of tomorrow", 0, SPD_LOG_KIND_COUNT, SPD_ERR_FORMAT },
    { "no flow", 1, 0, SPD_ERR_FORMAT },
    { "too many flows", 1, SPD_FLOWS_MAX + 1, SPD_ERR_FORMAT },
    { "a flow more than there is", 1, 3, SPD_ERR_FORMAT },
    { "stamp source of tomorrow", 2, 200, SPD_ERR_OK },
    { "created beyond all measure", 4, 0x7F, SPD_ERR_FORMAT },
};

static void strange_values_are_refused_or_unknown(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(strange); i++) {
        uint8_t bytes[SPD_LOG_HEADER_MAX_BYTES];
        struct spd_log_header header;

        log_kit_header(&header, SPD_LOG_TWO_WAY);
        size_t n = spd_log_write_header(bytes, &header);
        bytes[strange[i].at] = strange[i].value;
        CHECK_ROW_INT(strange[i].name, spd_log_read_header(bytes, n, &header), strange[i].err);
        if (strange[i].at == 2)
            CHECK_ROW_INT(strange[i].name, header.send_stamp, SPD_STAMP_NONE);
    }
}

static void kinds_and_endings_have_texts(void **state)
{
    (void)state;
    assert_string_equal(spd_log_kind_text(SPD_LOG_ONE_WAY_RECEIVER), "one-way-receiver");
    assert_string_equal(spd_log_kind_text((enum spd_log_kind)99), "unknown");
    assert_string_equal(spd_log_ending_text(SPD_LOG_ENDING_BY_HAND), "by-hand");
    assert_string_equal(spd_log_ending_text((enum spd_log_ending)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_is_castagnolis),
        cmocka_unit_test(the_preamble_is_golden),
        cmocka_unit_test(a_chunk_head_is_golden),
        cmocka_unit_test(a_data_chunk_is_golden),
        cmocka_unit_test(a_clock_chunk_is_golden),
        cmocka_unit_test(the_header_chunk_is_golden),
        cmocka_unit_test(the_end_chunk_is_golden),
        cmocka_unit_test(the_environment_chunk_is_golden),
        cmocka_unit_test(the_longest_texts_fit),
        cmocka_unit_test(bodies_cut_short_are_refused),
        cmocka_unit_test(a_flow_without_a_calibration_has_none),
        cmocka_unit_test(texts_cannot_reach_the_terminal),
        cmocka_unit_test(strange_values_are_refused_or_unknown),
        cmocka_unit_test(kinds_and_endings_have_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
