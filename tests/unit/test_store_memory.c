/* The history when memory ends: each allocation in turn fails, SQLite's and our
 * own; the answer is NOMEM, nothing leaks, and the store works on. */
#include <sqlite3.h>
#include <stdio.h>

#include "tests/unit/store_kit.h"

static int n_allocations, fail_at;

static bool fails(void)
{
    return fail_at > 0 && ++n_allocations == fail_at;
}

/* Ours, by the linker. */
void *__real_malloc(size_t n);
void *__wrap_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

/* SQLite's, by its own settings. */
static sqlite3_mem_methods theirs;

static void *their_malloc(int n)
{
    return fails() ? NULL : theirs.xMalloc(n);
}

static void *their_realloc(void *old, int n)
{
    return fails() ? NULL : theirs.xRealloc(old, n);
}

static int set_up(void **state)
{
    sqlite3_mem_methods ours;

    (void)state;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &theirs), SQLITE_OK);
    ours = theirs;
    ours.xMalloc = their_malloc;
    ours.xRealloc = their_realloc;
    assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &ours), SQLITE_OK);
    return 0;
}

static bool look(void *context, const struct spd_store_run *run)
{
    int64_t *sum = context;

    *sum += run->id;
    return true;
}

static struct spd_store *store;
static int64_t id;

static enum spd_err do_open(struct spd_diag *diag)
{
    return spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &store, NULL, diag);
}

static enum spd_err do_open_to_read(struct spd_diag *diag)
{
    return spd_store_open(store_kit_path, SPD_STORE_READ, store_kit_wall(0), &store, NULL, diag);
}

static enum spd_err do_begin(struct spd_diag *diag)
{
    struct spd_store_run run = store_kit_run(50);

    return spd_store_begin(store, &run, &id, diag);
}

static enum spd_err do_finish(struct spd_diag *diag)
{
    struct spd_store_run run = store_kit_run(50);

    return spd_store_finish(store, id, &run, diag);
}

static enum spd_err do_each(struct spd_diag *diag)
{
    struct spd_store_filter filter = { .with_details = true };
    int64_t sum = 0;

    return spd_store_each(store, &filter, look, &sum, NULL, diag);
}

static enum spd_err do_size(struct spd_diag *diag)
{
    struct spd_store_size size;

    return spd_store_size(store, &size, diag);
}

static enum spd_err do_check(struct spd_diag *diag)
{
    return spd_store_check(store, diag);
}

static enum spd_err do_retain(struct spd_diag *diag)
{
    struct spd_store_limits limits = { 45 * SPD_NS_PER_S, 0 }; /* the first three */
    struct spd_store_retained retained;

    return spd_store_retain(store, &limits, store_kit_wall(50), &retained, diag);
}

static const struct {
    const char *name;
    enum spd_err (*run)(struct spd_diag *diag);
    int n_more;   /* runs that are there afterwards, if it succeeds */
    bool is_open; /* before */
    bool begun;   /* a run, before */
    bool reads;   /* and changes nothing: one history will do */
} calls[] = {
    { "open", do_open, 0, false, false, true },
    { "open to read", do_open_to_read, 0, false, false, true },
    { "begin", do_begin, 1, true, false, false },
    { "finish", do_finish, 0, true, true, false },
    { "each", do_each, 0, true, false, true },
    { "size", do_size, 0, true, false, true },
    { "check", do_check, 0, true, false, true },
    { "retain", do_retain, -3, true, false, false },
};

/* Runs 2 to 7, one with a log; and a begun one, if that is wanted. */
#define RUNS 6

static void make_history(size_t i)
{
    struct spd_diag diag = { 0 };

    store_kit_tidy(NULL);
    store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    for (int k = 0; k < RUNS; k++) {
        struct spd_store_run run = store_kit_run(2 + k);
        run.log = k == 1 ? "no-such-log" : "";
        assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_OK);
    }
    if (calls[i].begun)
        assert_int_equal(do_begin(&diag), SPD_ERR_OK);
    if (!calls[i].is_open) {
        spd_store_close(store);
        store = NULL;
    }
}

static enum spd_err call_with_failure(size_t i, int at, bool *reached)
{
    struct spd_diag diag = { 0 };
    enum spd_err err;

    n_allocations = 0;
    fail_at = at;
    err = calls[i].run(&diag);
    fail_at = 0;
    *reached = n_allocations >= at;
    /* SQLite does without some of what it asks for. */
    if (err) {
        CHECK_ROW_TEXT(calls[i].name, spd_err_name(err), "NOMEM");
        CHECK_ROW(calls[i].name, strstr(diag.text, "no memory") != NULL);
        CHECK_ROW(calls[i].name, *reached);
    }
    return err;
}

static void check_history(size_t i, enum spd_err err)
{
    struct spd_store_size size;
    struct spd_diag diag = { 0 };
    int before = RUNS + calls[i].begun, after = before + calls[i].n_more;

    store_kit_keep(store, 60);
    assert_int_equal(spd_store_size(store, &size, &diag), SPD_ERR_OK);
    /* Retention may have stopped behind its transaction. */
    if (err && calls[i].run == do_retain && size.n_runs != (uint64_t)before + 1)
        CHECK_ROW_INT(calls[i].name, size.n_runs, after + 1);
    else
        CHECK_ROW_INT(calls[i].name, size.n_runs, (err ? before : after) + 1);
    assert_int_equal(spd_store_check(store, &diag), SPD_ERR_OK);
}

/* Returns how many allocations failed the call. */
static int fail_each(size_t i)
{
    bool reached = true;
    int n_failed = 0;

    if (calls[i].reads)
        make_history(i);
    for (int at = 1; reached; at++) {
        enum spd_err err;

        if (!calls[i].reads)
            make_history(i);
        err = call_with_failure(i, at, &reached);
        n_failed += err != SPD_ERR_OK;
        if (!calls[i].is_open && !err)
            spd_store_close(store);
        if (calls[i].reads)
            continue;
        check_history(i, err);
        spd_store_close(store);
    }
    if (calls[i].reads) {
        if (!calls[i].is_open)
            store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
        check_history(i, SPD_ERR_OK);
        spd_store_close(store);
    }
    return n_failed;
}

static void each_allocation_that_fails_is_told_and_does_no_harm(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(calls); i++) {
        int n_failed = fail_each(i);

        printf("%s: %d failures\n", calls[i].name, n_failed);
        CHECK_ROW(calls[i].name, n_failed > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_that_fails_is_told_and_does_no_harm),
    };
    return cmocka_run_group_tests(tests, set_up, store_kit_tidy);
}
