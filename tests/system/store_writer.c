/*
 * Checks that everything acknowledged so far is in the history, then keeps
 * results as fast as it can, until it is killed. test_store_kill kills it.
 *
 * usage: store_writer DB ACKS LOGS [--check]
 *
 * ACKS gets one line a result, written once the store has acknowledged it. Each
 * tenth result has a log, LOGS.NUMBER. Result n starts at second n; what is
 * more than KEPT seconds old is forgotten, with its log.
 */
#include <stdio.h>

#include "tests/unit/store_kit.h"

#define KEPT       300
#define LINE_BYTES 22 /* "%010d %010d\n" */

struct acks {
    FILE *file;
    int *ids; /* by number - 1; -1: not acknowledged */
    int n;
};

static void die(const char *what)
{
    fprintf(stderr, "store_writer: %s\n", what);
    exit(1);
}

/* Whole lines only: the last one may have been cut off by the kill. */
static void read_acks(const char *path, struct acks *acks)
{
    char line[LINE_BYTES + 1] = "";
    size_t capacity = 0;

    acks->file = fopen(path, "r+b");
    if (!acks->file)
        acks->file = fopen(path, "w+b");
    if (!acks->file)
        die("cannot open ACKS");
    setvbuf(acks->file, NULL, _IONBF, 0);
    while (fread(line, 1, LINE_BYTES, acks->file) == LINE_BYTES) {
        int id, number;

        if (sscanf(line, "%d %d", &id, &number) != 2 || number != acks->n + 1)
            die("ACKS are out of order");
        if ((size_t)acks->n == capacity) {
            capacity = capacity ? 2 * capacity : 1024;
            acks->ids = realloc(acks->ids, capacity * sizeof(*acks->ids));
            if (!acks->ids)
                die("no memory");
        }
        acks->ids[acks->n++] = id;
    }
    if (fseek(acks->file, (long)acks->n * LINE_BYTES, SEEK_SET) != 0)
        die("cannot seek in ACKS");
}

static void write_ack(struct acks *acks, int64_t id, int number)
{
    char line[LINE_BYTES + 1];

    snprintf(line, sizeof(line), "%010d %010d\n", (int)id, number);
    if (fwrite(line, 1, LINE_BYTES, acks->file) != LINE_BYTES)
        die("cannot write ACKS");
}

static const char *log_of(const char *logs, int number)
{
    static char path[512];

    snprintf(path, sizeof(path), "%s.%d", logs, number);
    return path;
}

static bool is_there(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file)
        fclose(file);
    return file != NULL;
}

struct expected {
    int number;
    const char *log; /* or "" */
};

static bool check_run(void *context, const struct spd_store_run *run)
{
    const struct expected *expected = context;
    struct spd_store_run bare = *run;
    char row[32];

    snprintf(row, sizeof(row), "result %d", expected->number);
    CHECK_ROW_TEXT(row, run->log, expected->log);
    bare.log = "";
    bare.log_bytes = 0;
    store_kit_check_run(row, &bare, expected->number, true);
    return true;
}

/* What is young enough must be there; its log as long as it is. */
static void check_one(struct spd_store *store, const struct acks *acks, int number,
                      const char *logs)
{
    bool has_log = number % 10 == 0, young = number > acks->n - KEPT + 1;
    struct expected expected = { number, has_log ? log_of(logs, number) : "" };
    struct spd_store_filter filter = { .id = acks->ids[number - 1], .with_details = true };
    struct spd_diag diag = { 0 };
    uint64_t found = 0;

    if (spd_store_each(store, &filter, check_run, &expected, &found, &diag))
        die(diag.text);
    if (young && !found) {
        fprintf(stderr, "store_writer: result %d (run %d) was acknowledged and is gone\n", number,
                acks->ids[number - 1]);
        exit(1);
    }
    if (has_log && is_there(log_of(logs, number)) != (found > 0)) {
        fprintf(stderr, "store_writer: result %d is %s, its log is %s\n", number,
                found ? "there" : "gone", found ? "gone" : "there");
        exit(1);
    }
}

static void forget(struct spd_store *store, int number)
{
    struct spd_store_limits limits = { KEPT * SPD_NS_PER_S, 0 };
    struct spd_store_retained retained;
    struct spd_diag diag = { 0 };

    do {
        if (spd_store_retain(store, &limits, store_kit_wall(number), &retained, &diag) ||
            retained.n_logs_left)
            die(diag.text);
    } while (retained.more);
}

static void keep(struct spd_store *store, struct acks *acks, int number, const char *logs)
{
    struct spd_store_run run = store_kit_run(number);
    struct spd_diag diag = { 0 };
    int64_t id = 0;

    if (number % 10 == 0) {
        run.log = log_of(logs, number);
        run.log_bytes = 7;
        store_kit_write_file(run.log, "packets", 7);
    }
    if (spd_store_begin(store, &run, &id, &diag) || spd_store_finish(store, id, &run, &diag))
        die(diag.text);
    write_ack(acks, id, number);
}

int main(int argc, char **argv)
{
    struct acks acks = { 0 };
    struct spd_store_opened opened;
    struct spd_store *store = NULL;
    struct spd_diag diag = { 0 };

    if (argc < 4)
        die("usage: store_writer DB ACKS LOGS [--check]");
    read_acks(argv[2], &acks);
    if (spd_store_open(argv[1], SPD_STORE_WRITE, store_kit_wall(0), &store, &opened, &diag))
        die(diag.text);
    if (opened.damaged)
        die(opened.notice);
    if (spd_store_check(store, &diag))
        die(diag.text);
    forget(store, acks.n);
    for (int number = acks.n > 2 * KEPT ? acks.n - 2 * KEPT : 1; number <= acks.n; number++)
        check_one(store, &acks, number, argv[3]);
    if (argc > 4) {
        printf("%d\n", acks.n);
        spd_store_close(store);
        return 0;
    }
    for (int number = acks.n + 1;; number++) {
        keep(store, &acks, number, argv[3]);
        if (number % 20 == 0)
            forget(store, number);
    }
}
