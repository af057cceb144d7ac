/* The history forgets in time: the oldest first, with their logs, a piece at a
 * time, and never what still runs. */
#include <stdio.h>

#include "common/result/store_private.h"
#include "tests/unit/store_kit.h"

/* One for each run, named by its number. */
static const char *log_path(int number)
{
    static char path[64];

    snprintf(path, sizeof(path), SPD_TEST_NAME ".%d.log", number);
    return path;
}

static bool is_there(const char *path)
{
    FILE *file = fopen(path, "rb");

    if (file)
        fclose(file);
    return file != NULL;
}

#define LOGS 260

static int tidy(void **state)
{
    for (int i = 0; i < LOGS; i++)
        remove(log_path(i));
    return store_kit_tidy(state);
}

static void keep_with_log(struct spd_store *store, int number, uint64_t bytes, bool make_log)
{
    struct spd_store_run run = store_kit_run(number);
    struct spd_diag diag = { 0 };
    int64_t id;

    run.log = log_path(number);
    run.log_bytes = bytes;
    if (make_log)
        store_kit_write_file(run.log, "packets", 7);
    if (spd_store_add(store, &run, &id, &diag))
        fail_msg("%s", diag.text);
}

static uint64_t n_runs(struct spd_store *store)
{
    struct spd_store_size size;
    struct spd_diag diag = { 0 };

    if (spd_store_size(store, &size, &diag))
        fail_msg("%s", diag.text);
    return size.n_runs;
}

static struct spd_store_retained retain(struct spd_store *store, spd_ns age, uint64_t bytes,
                                        int64_t now)
{
    struct spd_store_limits limits = { age, bytes };
    struct spd_store_retained retained = { 99, 99, 99, true };
    struct spd_diag diag = { 0 };

    if (spd_store_retain(store, &limits, store_kit_wall(now), &retained, &diag))
        fail_msg("%s", diag.text);
    return retained;
}

static bool oldest_number(void *context, const struct spd_store_run *run)
{
    assert_int_equal(sscanf(run->target, "host%d.", (int *)context), 1);
    return false;
}

static int oldest(struct spd_store *store)
{
    struct spd_store_filter filter = { .oldest_first = true };
    struct spd_diag diag = { 0 };
    int number = -1;

    assert_int_equal(spd_store_each(store, &filter, oldest_number, &number, NULL, &diag),
                     SPD_ERR_OK);
    return number;
}

static void what_is_older_than_the_limit_goes_with_its_log(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);

    (void)state;
    for (int i = 0; i < 10; i++)
        keep_with_log(store, i, 7, true);
    /* Run i started at i seconds and 5 ns. */
    struct spd_store_retained retained = retain(store, 6 * SPD_NS_PER_S, 0, 10);
    assert_int_equal(retained.n_runs, 4);
    assert_int_equal(retained.n_logs, 4);
    assert_int_equal(retained.n_logs_left, 0);
    assert_false(retained.more);
    assert_int_equal(n_runs(store), 6);
    assert_int_equal(oldest(store), 4);
    for (int i = 0; i < 10; i++)
        assert_int_equal(is_there(log_path(i)), i >= 4);
    /* Nothing refers to what is gone. */
    struct spd_diag diag = { 0 };
    int64_t n = -1;
    assert_int_equal(spd_sql_number(store,
                                    "SELECT (SELECT count(*) FROM result) + (SELECT count(*) FROM"
                                    " environment) + (SELECT count(*) FROM histogram)",
                                    &n, &diag),
                     SPD_ERR_OK);
    assert_int_equal(n, 6 + 6 + 6 * 3);
    retained = retain(store, 6 * SPD_NS_PER_S, 0, 10);
    assert_int_equal(retained.n_runs, 0);
    spd_store_close(store);
}

static void without_limits_everything_stays(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);

    (void)state;
    for (int i = 0; i < 10; i++)
        keep_with_log(store, i, 1000000000, false);
    assert_int_equal(retain(store, 0, 0, 1000000000).n_runs, 0);
    assert_int_equal(n_runs(store), 10);
    spd_store_close(store);
}

static void the_size_of_database_and_logs_is_kept_and_given_back(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_size before, after;
    struct spd_diag diag = { 0 };
    char *text = malloc(50001);
    size_t n_before, n_after;
    int calls = 0;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', 50000);
    text[50000] = 0;
    for (int i = 0; i < 60; i++) {
        struct spd_store_run run = store_kit_run(i);
        int64_t id;
        run.result = text;
        run.log = log_path(i);
        run.log_bytes = 100000;
        assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_OK);
    }
    free(text);
    spd_store_close(store); /* all is merged */
    free(store_kit_read_file(store_kit_path, &n_before));
    store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    assert_int_equal(spd_store_size(store, &before, &diag), SPD_ERR_OK);
    assert_int_equal(before.log_bytes, 6000000);
    assert_true(before.database_bytes > 3000000 && before.database_bytes <= n_before);
    do {
        retain(store, 0, 3000000, 100);
        assert_int_equal(spd_store_size(store, &after, &diag), SPD_ERR_OK);
        assert_true(++calls < 20);
    } while (after.database_bytes + after.log_bytes > 3000000);
    /* About a third of 150 kB each; no more was taken than had to be. */
    assert_true(after.n_runs >= 18 && after.n_runs <= 20);
    assert_int_equal(oldest(store), 60 - (int)after.n_runs);
    assert_int_equal(retain(store, 0, 3000000, 100).n_runs, 0);
    assert_int_equal(spd_store_check(store, &diag), SPD_ERR_OK);
    spd_store_close(store);
    free(store_kit_read_file(store_kit_path, &n_after));
    assert_true(n_after < n_before / 2);
}

static void a_call_is_a_bounded_piece(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);

    (void)state;
    for (int i = 0; i < 250; i++)
        keep_with_log(store, i, 7, true);
    for (int i = 0; i < 3; i++) {
        struct spd_store_retained retained = retain(store, 1, 0, 1000);
        assert_int_equal(retained.n_runs, i < 2 ? 100 : 50);
        assert_int_equal(retained.n_logs, i < 2 ? 100 : 50);
        assert_int_equal(retained.more, i < 2);
    }
    assert_int_equal(n_runs(store), 0);
    spd_store_close(store);
}

static void what_runs_stays_however_old(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run run = store_kit_run(0);
    struct spd_diag diag = { 0 };
    int64_t id;

    (void)state;
    assert_int_equal(spd_store_begin(store, &run, &id, &diag), SPD_ERR_OK);
    store_kit_keep(store, 1);
    assert_int_equal(retain(store, 1, 1, 1000).n_runs, 1);
    assert_int_equal(n_runs(store), 1);
    assert_int_equal(spd_store_finish(store, id, &run, &diag), SPD_ERR_OK);
    assert_int_equal(retain(store, 1, 0, 1000).n_runs, 1);
    spd_store_close(store);
}

/* A folder that is not empty stands for a file that is open on Windows. */
static void a_log_that_cannot_be_removed_is_tried_again(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run run = store_kit_run(1);
    struct spd_store_limits limits = { 1, 0 };
    struct spd_store_retained retained;
    struct spd_diag diag = { 0 };
    int64_t id;

    (void)state;
    keep_with_log(store, 0, 7, false); /* removed by hand: no matter */
    run.log = ".";
    assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_OK);
    keep_with_log(store, 2, 7, true);
    for (int i = 0; i < 2; i++) {
        diag.text[0] = 0;
        assert_int_equal(spd_store_retain(store, &limits, store_kit_wall(1000), &retained, &diag),
                         SPD_ERR_OK);
        assert_int_equal(retained.n_runs, i == 0 ? 3 : 0);
        assert_int_equal(retained.n_logs, i == 0 ? 1 : 0);
        assert_int_equal(retained.n_logs_left, 1);
        assert_non_null(strstr(diag.text, "the old log . cannot be removed"));
    }
    assert_false(is_there(log_path(2)));
    spd_store_close(store);
}

static void a_log_that_was_written_anew_stays(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run run = store_kit_run(50);
    struct spd_diag diag = { 0 };
    int64_t id;

    (void)state;
    keep_with_log(store, 0, 7, true);
    run.log = log_path(0);
    assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_OK);
    struct spd_store_retained retained = retain(store, 20 * SPD_NS_PER_S, 0, 60);
    assert_int_equal(retained.n_runs, 1);
    assert_int_equal(retained.n_logs, 0);
    assert_true(is_there(log_path(0)));
    retained = retain(store, 1, 0, 60);
    assert_int_equal(retained.n_logs, 1);
    assert_false(is_there(log_path(0)));
    spd_store_close(store);
}

/* Of one name: the runs of the others, and the one that is kept, stay as they are. */
static void logs_that_are_given_up_go_and_their_runs_stay(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_diag diag = { 0 };
    struct spd_store_size before, after;

    (void)state;
    for (int i = 0; i < 6; i++)
        keep_with_log(store, i, 100, true);
    assert_int_equal(spd_store_size(store, &before, &diag), SPD_ERR_OK);
    /* Odd ones have a name; run 5, the last, is number 6 in the database. */
    assert_int_equal(spd_store_give_up_logs(store, store_kit_run(5).name, 6, &diag), SPD_ERR_OK);
    assert_int_equal(spd_store_size(store, &after, &diag), SPD_ERR_OK);
    assert_int_equal(after.n_runs, 6);
    assert_int_equal(before.log_bytes - after.log_bytes, 200);
    assert_int_equal(retain(store, 0, 0, 10).n_logs, 2);
    for (int i = 0; i < 6; i++)
        assert_int_equal(is_there(log_path(i)), i != 1 && i != 3);
    assert_int_equal(n_runs(store), 6);
    spd_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_older_than_the_limit_goes_with_its_log, tidy),
        cmocka_unit_test_setup(without_limits_everything_stays, tidy),
        cmocka_unit_test_setup(logs_that_are_given_up_go_and_their_runs_stay, tidy),
        cmocka_unit_test_setup(the_size_of_database_and_logs_is_kept_and_given_back, tidy),
        cmocka_unit_test_setup(a_call_is_a_bounded_piece, tidy),
        cmocka_unit_test_setup(what_runs_stays_however_old, tidy),
        cmocka_unit_test_setup(a_log_that_cannot_be_removed_is_tried_again, tidy),
        cmocka_unit_test_setup(a_log_that_was_written_anew_stays, tidy),
    };
    return cmocka_run_group_tests(tests, NULL, tidy);
}
