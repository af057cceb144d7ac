/* Logs for the tests of logs. */
#include "tests/unit/log_kit.h"

#include "tests/unit/unit.h"

#include "common/base/assert.h"

#define STARTED_NS INT64_C(1700000000000000000)

static struct spd_addr address(uint8_t last, uint16_t port)
{
    return (
        struct spd_addr){ .family = SPD_FAMILY_IPV4, .port = port, .bytes = { 192, 0, 2, last } };
}

void log_kit_clock(struct spd_log_clock *out)
{
    *out = (struct spd_log_clock){
        .pair = { .ticks = { 0x1122334455667788 }, .wall = { STARTED_NS }, .uncertainty_ns = 120 },
        .synchronised = 1,
        .max_error_ns = 2500000,
    };
}

void log_kit_header(struct spd_log_header *out, enum spd_log_kind kind)
{
    *out = (struct spd_log_header){
        .kind = (uint8_t)kind,
        .created_ns = STARTED_NS - 1000000,
        .seed = 0x0102030405060708,
        .program = "stampede 9.8.7",
        .target_name = "reflector.example",
        .host = { .system = "Testix 1.0",
                  .processor = "paper and pencil",
                  .n_processors = 2,
                  .virtual_machine = true,
                  .hypervisor = "dream",
                  .clock_source = "tsc",
                  .power_scheme = "balanced" },
        .counter_hz = 24000000,
        .counter_source = "hourglass, 42 ns",
        .send_stamp = SPD_STAMP_KERNEL,
        .receive_stamp = SPD_STAMP_USER,
        .n_flows = 2,
    };
    log_kit_clock(&out->clock);
    out->flows[0] = (struct spd_log_flow){
        .info = { .name = "EF",
                  .dscp = 46,
                  .n_packets = 2048,
                  .rate_bps = 24000,
                  .interval_ns = 20000000,
                  .source = address(9, 50000),
                  .target = address(1, 862) },
        .first_seq = 100,
        .ssid = 4711,
        .sid = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
        .schedule = "rate 24 kbit/s",
        .n_calibration = 200,
    };
    out->flows[1] = (struct spd_log_flow){
        .info = { .name = "BE",
                  .n_packets = 7,
                  .source = address(9, 50001),
                  .target = address(1, 862) },
        .schedule = "",
    };
    for (size_t i = 0; i < 2; i++)
        out->flows[i].info.one_way = kind != SPD_LOG_TWO_WAY;
}

struct spd_flow_packet log_kit_packet(uint32_t i)
{
    int64_t t1_ns = STARTED_NS + (int64_t)i * 20000000;

    return (struct spd_flow_packet){
        .seq = 100 + i,
        .size_bytes = (uint16_t)(92 + i % 3),
        .flow = 0,
        .flags = SPD_FLOW_SENT | SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED | SPD_FLOW_T1_KERNEL,
        .t1_ns = t1_ns,
        .t2_ns = t1_ns - 7000000000 + 5000000,
        .t3_ns = t1_ns - 7000000000 + 5030000,
        .t4_ns = t1_ns + 8030000,
        .reflector_seq = i,
        .ttl_forward = 61,
        .tclass_forward = 46 << 2,
        .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN,
        .ttl_reverse = 60,
    };
}

void log_kit_environment(struct spd_environment *out)
{
    memset(out, 0, sizeof *out);
    spd_env_set_number(out, SPD_ENV_HEAP, 4096, 2048, "short");
    spd_env_set_text(out, SPD_ENV_CLOCK, "", "hourglass", true, "");
}

void log_kit_end(struct spd_log_end *out, uint64_t n_records)
{
    *out = (struct spd_log_end){
        .ended_ns = STARTED_NS + 60000000000,
        .clock_step_ns = -17,
        .outcome = { .err = SPD_ERR_NO_REPLY, .os_code = -5, .text = "nothing came back" },
        .n_flows = 2,
        .n_records = n_records,
    };
    log_kit_clock(&out->clock);
    out->flows[0] = (struct spd_log_flow_end){
        .ending = SPD_LOG_ENDING_COUNT,
        .n_packets_known = true,
        .n_packets = 2048,
        .n_sent = 2047,
        .n_not_sent = 1,
        .n_late = 3,
        .n_arrived = 2040,
        .n_duplicates = 4,
        .n_unexpected = 5,
        .n_malformed = 6,
        .n_termination = 10,
        .n_bytes = 188324,
        .n_dropped_local = 8,
        .lateness_max_ns = 900000,
        .lateness_sum_ns = 12000000,
        .first_sent_ns = 1000,
        .last_sent_ns = 40940000000,
    };
    out->flows[1].ending = SPD_LOG_ENDING_TIMEOUT;
}

void log_kit_same_header(const struct spd_log_header *a, const struct spd_log_header *b)
{
    uint8_t bytes_a[SPD_LOG_HEADER_MAX_BYTES], bytes_b[SPD_LOG_HEADER_MAX_BYTES];
    size_t n = spd_log_write_header(bytes_a, a);

    assert_int_equal(spd_log_write_header(bytes_b, b), n);
    assert_memory_equal(bytes_a, bytes_b, n);
}

void log_kit_same_environment(const struct spd_environment *a, const struct spd_environment *b)
{
    uint8_t bytes_a[SPD_LOG_ENVIRONMENT_MAX_BYTES], bytes_b[SPD_LOG_ENVIRONMENT_MAX_BYTES];
    size_t n = spd_log_write_environment(bytes_a, a);

    assert_int_equal(spd_log_write_environment(bytes_b, b), n);
    assert_memory_equal(bytes_a, bytes_b, n);
}

void log_kit_same_end(const struct spd_log_end *a, const struct spd_log_end *b)
{
    uint8_t bytes_a[SPD_LOG_END_MAX_BYTES], bytes_b[SPD_LOG_END_MAX_BYTES];
    size_t n = spd_log_write_end(bytes_a, a);

    assert_int_equal(spd_log_write_end(bytes_b, b), n);
    assert_memory_equal(bytes_a, bytes_b, n);
}

static uint8_t *extend(struct log_bytes *bytes, size_t n)
{
    bytes->bytes = realloc(bytes->bytes, bytes->n + n);
    SPD_ASSERT(bytes->bytes != NULL);
    bytes->n += n;
    return bytes->bytes + bytes->n - n;
}

void log_bytes_preamble(struct log_bytes *bytes)
{
    spd_log_write_preamble(extend(bytes, SPD_LOG_PREAMBLE_BYTES));
}

void log_bytes_chunk(struct log_bytes *bytes, uint32_t type, const uint8_t *body, size_t n_body)
{
    spd_log_write_chunk_head(extend(bytes, SPD_LOG_CHUNK_HEAD_BYTES), type, bytes->n_chunks++, body,
                             n_body);
    if (n_body > 0)
        memcpy(extend(bytes, n_body), body, n_body);
}

void log_bytes_header(struct log_bytes *bytes, const struct spd_log_header *header)
{
    uint8_t body[SPD_LOG_HEADER_MAX_BYTES];

    log_bytes_chunk(bytes, SPD_LOG_CHUNK_HEADER, body, spd_log_write_header(body, header));
}

void log_bytes_data(struct log_bytes *bytes, const struct spd_flow_packet *packets, size_t n)
{
    uint8_t *body = malloc(SPD_LOG_DATA_HEAD_BYTES + n * SPD_LOG_RECORD_BYTES);

    SPD_ASSERT(body != NULL);
    log_bytes_chunk(bytes, SPD_LOG_CHUNK_DATA, body, spd_log_write_data(body, packets, n));
    free(body);
}

void log_bytes_end(struct log_bytes *bytes, const struct spd_log_end *end)
{
    uint8_t body[SPD_LOG_END_MAX_BYTES];

    log_bytes_chunk(bytes, SPD_LOG_CHUNK_END, body, spd_log_write_end(body, end));
}

void log_bytes_whole(struct log_bytes *bytes, size_t n_packets, size_t per_chunk)
{
    struct spd_flow_packet *packets = calloc(per_chunk, sizeof *packets);
    struct spd_log_header header;
    struct spd_log_end end;

    SPD_ASSERT(packets != NULL);
    memset(bytes, 0, sizeof *bytes);
    log_kit_header(&header, SPD_LOG_TWO_WAY);
    log_bytes_preamble(bytes);
    log_bytes_header(bytes, &header);
    for (size_t i = 0; i < n_packets;) {
        size_t n = 0;

        while (n < per_chunk && i < n_packets)
            packets[n++] = log_kit_packet((uint32_t)i++);
        log_bytes_data(bytes, packets, n);
    }
    log_kit_end(&end, n_packets);
    log_bytes_end(bytes, &end);
    free(packets);
}

void log_bytes_fini(struct log_bytes *bytes)
{
    free(bytes->bytes);
    memset(bytes, 0, sizeof *bytes);
}

static size_t read_memory(void *context, void *bytes, size_t n, int *os_code)
{
    struct log_memory *memory = context;
    size_t n_given = n < memory->n ? n : memory->n;

    if (n_given > 0)
        memcpy(bytes, memory->bytes, n_given);
    memory->bytes += n_given;
    memory->n -= n_given;
    if (n_given < n)
        *os_code = memory->fail_os_code;
    return n_given;
}

struct spd_log_source log_memory_source(struct log_memory *memory)
{
    return (struct spd_log_source){ read_memory, memory, "test.log" };
}

enum spd_err log_kit_load(const uint8_t *bytes, size_t n, struct spd_log *out,
                          struct spd_diag *diag)
{
    struct log_memory memory = { bytes, n, 0 };
    struct spd_log_source source = log_memory_source(&memory);

    return spd_log_load(&source, out, diag);
}

uint8_t *log_kit_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    SPD_ASSERT(file != NULL);
    SPD_ASSERT(fseek(file, 0, SEEK_END) == 0);
    long end = ftell(file);
    uint8_t *bytes = malloc((size_t)end + 1);
    SPD_ASSERT(end >= 0 && bytes != NULL);
    rewind(file);
    SPD_ASSERT(fread(bytes, 1, (size_t)end, file) == (size_t)end);
    fclose(file);
    *n = (size_t)end;
    return bytes;
}
