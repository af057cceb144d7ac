#include "tests/unit/store_kit.h"

#include <inttypes.h>
#include <stdio.h>

const char store_kit_path[] = SPD_TEST_NAME ".db";

int store_kit_tidy(void **state)
{
    static const char *const ends[] = { "", "-wal", "-shm", "-journal", ".lock" };
    /* At this time the tests move damaged ones aside. */
    static const char *const middles[] = { "", ".cut", ".damaged-20261120T224000Z",
                                           ".damaged-20261120T224000Z-2" };

    (void)state;
    for (size_t i = 0; i < N_ROWS(middles); i++)
        for (size_t k = 0; k < N_ROWS(ends); k++) {
            char name[128];

            snprintf(name, sizeof(name), "%s%s%s", store_kit_path, middles[i], ends[k]);
            remove(name);
        }
    return 0;
}

spd_wall store_kit_wall(int64_t seconds)
{
    return (spd_wall){ (INT64_C(1795214400) + seconds) * SPD_NS_PER_S };
}

struct spd_store_run store_kit_run(int number)
{
    static char target[32], result[64], environment[64];
    static struct spd_store_bucket buckets[3];
    static const char *const kinds[] = { "burst", "stream", "qos" };
    struct spd_store_run run = {
        .name = number % 2 ? "site \"B\" \xe2\x80\x93 voice" : "",
        .user = "nora",
        .kind = kinds[number % 3],
        .target = target,
        .scheduled = { number % 2 ? store_kit_wall(number).ns : 0 },
        .started = { store_kit_wall(number).ns + 5 },
        .ended = { store_kit_wall(number).ns + 7 },
        .state = SPD_STORE_FINISHED,
        .exit_code = number % 2,
        .error = "",
        .log = "",
        .result = result,
        .environment = environment,
        .figures = {
            .known = true,
            .n_sent = (uint64_t)number * 100,
            .n_lost = (uint64_t)number,
            .loss_ratio = 0.01,
            .rtt_p50_ns = 1000000 + number,
            .rtt_p99_ns = SPD_NS_UNKNOWN,
            .mos = number % 2 ? 4.25 : 0,
            .ways = { { 10, 20 + number, 30 }, { SPD_NS_UNKNOWN, SPD_NS_UNKNOWN, -1 } },
        },
        .buckets = buckets,
        .n_buckets = 3,
    };

    snprintf(target, sizeof(target), "host%d.example:862", number);
    snprintf(result, sizeof(result), "{\"number\": %d, \"text\": \"it's\"}", number);
    snprintf(environment, sizeof(environment), "[%d]", number);
    buckets[0] = (struct spd_store_bucket){ 0, 10000, (uint64_t)number };
    buckets[1] = (struct spd_store_bucket){ 0, SPD_NS_MAX, 7 };
    buckets[2] = (struct spd_store_bucket){ 1, 10000, 1 };
    return run;
}

static void check_figures(const char *row, const struct spd_store_figures *got,
                          const struct spd_store_figures *expected)
{
    CHECK_ROW_INT(row, got->known, expected->known);
    CHECK_ROW_INT(row, got->n_sent, expected->n_sent);
    CHECK_ROW_INT(row, got->n_lost, expected->n_lost);
    CHECK_ROW(row, got->loss_ratio == expected->loss_ratio && got->mos == expected->mos);
    CHECK_ROW_INT(row, got->rtt_p50_ns, expected->rtt_p50_ns);
    CHECK_ROW_INT(row, got->rtt_p99_ns, expected->rtt_p99_ns);
    for (int way = 0; way < 2; way++) {
        CHECK_ROW_INT(row, got->ways[way].pdv_p50_ns, expected->ways[way].pdv_p50_ns);
        CHECK_ROW_INT(row, got->ways[way].pdv_p95_ns, expected->ways[way].pdv_p95_ns);
        CHECK_ROW_INT(row, got->ways[way].pdv_p99_ns, expected->ways[way].pdv_p99_ns);
    }
}

void store_kit_check_run(const char *row, const struct spd_store_run *got, int number,
                         bool with_details)
{
    struct spd_store_run expected = store_kit_run(number);

    CHECK_ROW_TEXT(row, got->name, expected.name);
    CHECK_ROW_TEXT(row, got->user, expected.user);
    CHECK_ROW_TEXT(row, got->kind, expected.kind);
    CHECK_ROW_TEXT(row, got->target, expected.target);
    CHECK_ROW_INT(row, got->scheduled.ns, expected.scheduled.ns);
    CHECK_ROW_INT(row, got->started.ns, expected.started.ns);
    CHECK_ROW_INT(row, got->ended.ns, expected.ended.ns);
    CHECK_ROW_TEXT(row, spd_store_state_name(got->state), spd_store_state_name(expected.state));
    CHECK_ROW_INT(row, got->exit_code, expected.exit_code);
    CHECK_ROW_TEXT(row, got->error, expected.error);
    CHECK_ROW_TEXT(row, got->log, expected.log);
    CHECK_ROW_INT(row, got->log_bytes, expected.log_bytes);
    check_figures(row, &got->figures, &expected.figures);
    CHECK_ROW_TEXT(row, got->result, with_details ? expected.result : "");
    CHECK_ROW_TEXT(row, got->environment, with_details ? expected.environment : "");
    CHECK_ROW_INT(row, got->n_buckets, with_details ? expected.n_buckets : 0);
    for (size_t i = 0; i < got->n_buckets; i++) {
        CHECK_ROW_INT(row, got->buckets[i].way, expected.buckets[i].way);
        CHECK_ROW_INT(row, got->buckets[i].upper_ns, expected.buckets[i].upper_ns);
        CHECK_ROW_INT(row, got->buckets[i].n, expected.buckets[i].n);
    }
}

struct spd_store *store_kit_open(const char *path, enum spd_store_mode mode)
{
    struct spd_store *store = NULL;
    struct spd_diag diag = { 0 };

    if (spd_store_open(path, mode, store_kit_wall(0), &store, NULL, &diag))
        fail_msg("%s", diag.text);
    return store;
}

int64_t store_kit_keep(struct spd_store *store, int number)
{
    struct spd_store_run run = store_kit_run(number);
    struct spd_diag diag = { 0 };
    int64_t id = 0;

    if (spd_store_begin(store, &run, &id, &diag) || spd_store_finish(store, id, &run, &diag))
        fail_msg("%s", diag.text);
    return id;
}

struct check_all {
    const char *row;
};

/* The number is that of the target. */
static bool check_one(void *context, const struct spd_store_run *run)
{
    const struct check_all *all = context;
    int number = -1;

    if (run->state == SPD_STORE_FINISHED) {
        CHECK_ROW_INT(all->row, sscanf(run->target, "host%d.", &number), 1);
        store_kit_check_run(all->row, run, number, true);
    }
    return true;
}

uint64_t store_kit_check_all(struct spd_store *store, const char *row)
{
    struct check_all all = { row };
    struct spd_store_filter filter = { .with_details = true };
    struct spd_diag diag = { 0 };
    uint64_t n = 0;

    if (spd_store_each(store, &filter, check_one, &all, &n, &diag) || spd_store_check(store, &diag))
        fail_msg("row \"%s\": %s", row, diag.text);
    return n;
}

void store_kit_write_file(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

uint8_t *store_kit_read_file(const char *path, size_t *n)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes;
    long length;

    if (!file)
        return NULL;
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    length = ftell(file);
    rewind(file);
    bytes = malloc((size_t)length + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)length, file), length);
    fclose(file);
    *n = (size_t)length;
    return bytes;
}
