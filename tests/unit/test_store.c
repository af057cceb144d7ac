/* The history: what is kept comes back, in the order and the choice asked for,
 * and readers and the one writer pass each other. */
#include <stdio.h>

#include "common/result/store_private.h"
#include "tests/unit/store_kit.h"

static void a_run_comes_back_as_it_was_kept(void **state)
{
    (void)state;
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    int64_t previous = 0;

    for (int i = 0; i < 7; i++) {
        int64_t id = store_kit_keep(store, i);
        assert_true(id > previous);
        previous = id;
    }
    assert_int_equal(store_kit_check_all(store, "by its writer"), 7);
    spd_store_close(store);
    store = store_kit_open(store_kit_path, SPD_STORE_READ);
    assert_int_equal(store_kit_check_all(store, "by a reader"), 7);
    spd_store_close(store);
}

static bool keep_copy(void *context, const struct spd_store_run *run)
{
    struct spd_store_run *copy = context;

    *copy = *run; /* its texts are gone afterwards */
    assert_string_equal(run->name, "");
    assert_string_equal(run->user, "");
    assert_string_equal(run->result, "");
    assert_string_equal(run->error, run->state == SPD_STORE_MISSED ? "the computer slept" : "");
    return true;
}

static void what_is_not_known_stays_unknown(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run run = { .kind = "burst", .target = "h", .started = store_kit_wall(9) };
    struct spd_store_run got;
    struct spd_store_filter filter = { .with_details = true };
    struct spd_diag diag = { 0 };
    int64_t id = 0;
    uint64_t n = 0;

    (void)state;
    assert_int_equal(spd_store_begin(store, &run, &id, &diag), SPD_ERR_OK);
    assert_int_equal(spd_store_each(store, &filter, keep_copy, &got, &n, &diag), SPD_ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(got.state, SPD_STORE_RUNNING);
    assert_int_equal(got.scheduled.ns, 0);
    assert_int_equal(got.ended.ns, 0);
    assert_false(got.figures.known);
    assert_true(got.figures.rtt_p50_ns == SPD_NS_UNKNOWN);
    /* For those who ask the database themselves: NULL, not 0. */
    int64_t n_known = -1;
    assert_int_equal(spd_sql_number(store,
                                    "SELECT count(scheduled_ns) + count(ended_ns) + count(n_sent)"
                                    " + count(mos) + count(rtt_p50_ns) FROM run",
                                    &n_known, &diag),
                     SPD_ERR_OK);
    assert_int_equal(n_known, 0);

    run = (struct spd_store_run){ .kind = "burst",
                                  .target = "h",
                                  .scheduled = store_kit_wall(1),
                                  .started = store_kit_wall(500),
                                  .state = SPD_STORE_MISSED,
                                  .error = "the computer slept" };
    assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_OK);
    filter.id = id;
    assert_int_equal(spd_store_each(store, &filter, keep_copy, &got, &n, &diag), SPD_ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(got.state, SPD_STORE_MISSED);
    assert_int_equal(got.scheduled.ns, store_kit_wall(1).ns);
    spd_store_close(store);
}

/* ---- order and choice ---- */

#define RUNS 600 /* more than two pages */

static const struct {
    const char *name;
    struct spd_store_filter filter;
    int first, last;
    uint64_t n;
} choices[] = {
    { "all", { .id = 0 }, RUNS - 1, 0, RUNS },
    { "the oldest first", { .oldest_first = true }, 0, RUNS - 1, RUNS },
    { "the last one", { .limit = 1 }, RUNS - 1, RUNS - 1, 1 },
    { "a page", { .limit = 256 }, RUNS - 1, RUNS - 256, 256 },
    { "a page and one", { .limit = 257 }, RUNS - 1, RUNS - 257, 257 },
    { "more than there are", { .limit = 1000000 }, RUNS - 1, 0, RUNS },
    { "by name", { .name = "site \"B\" \xe2\x80\x93 voice" }, RUNS - 1, 1, RUNS / 2 },
    { "without a name", { .name = "" }, RUNS - 2, 0, RUNS / 2 },
    { "by a name that is not there", { .name = "site" }, 0, 0, 0 },
    { "by kind", { .kind = "stream" }, RUNS - 2, 1, RUNS / 3 },
    { "by name and kind", { .name = "", .kind = "stream" }, RUNS - 2, 4, RUNS / 6 },
    { "by id", { .id = 42 }, 41, 41, 1 },
    { "by an id that is not there", { .id = RUNS + 1 }, 0, 0, 0 },
    { "by id and a wrong kind", { .id = 42, .kind = "stream" }, 0, 0, 0 },
    { "since, up to the nanosecond", { .since = { 590 } }, RUNS - 1, 590, 10 },
    { "until, which is not in it", { .until = { 10 } }, 9, 0, 10 },
    { "since and until",
      { .since = { 100 }, .until = { 400 }, .oldest_first = true },
      100,
      399,
      300 },
    { "an empty span", { .since = { 400 }, .until = { 400 } }, 0, 0, 0 },
};

struct seen {
    const char *row;
    int first, last, previous;
    bool oldest_first;
};

static bool look(void *context, const struct spd_store_run *run)
{
    struct seen *seen = context;
    int number = -1;

    CHECK_ROW_INT(seen->row, sscanf(run->target, "host%d.", &number), 1);
    store_kit_check_run(seen->row, run, number, false);
    if (seen->first < 0)
        seen->first = number;
    else
        CHECK_ROW(seen->row,
                  seen->oldest_first ? number > seen->previous : number < seen->previous);
    seen->last = seen->previous = number;
    return true;
}

/* The span in the rows is in numbers of runs. */
static spd_wall start_of(spd_wall number)
{
    return (spd_wall){ number.ns ? store_kit_run((int)number.ns).started.ns : 0 };
}

static void lists_have_the_order_and_the_choice_asked_for(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);

    (void)state;
    for (int i = 0; i < RUNS; i++)
        store_kit_keep(store, i);
    for (size_t i = 0; i < N_ROWS(choices); i++) {
        struct seen seen = { choices[i].name, -1, -1, -1, choices[i].filter.oldest_first };
        struct spd_store_filter filter = choices[i].filter;
        struct spd_diag diag = { 0 };
        uint64_t n = 77;

        filter.since = start_of(filter.since);
        filter.until = start_of(filter.until);
        CHECK_ROW_INT(seen.row, spd_store_each(store, &filter, look, &seen, &n, &diag), SPD_ERR_OK);
        CHECK_ROW_INT(seen.row, n, choices[i].n);
        if (n > 0) {
            CHECK_ROW_INT(seen.row, seen.first, choices[i].first);
            CHECK_ROW_INT(seen.row, seen.last, choices[i].last);
        }
    }
    spd_store_close(store);
}

static bool ids_grow(void *context, const struct spd_store_run *run)
{
    int64_t *last = context;

    assert_true(run->id > *last);
    *last = run->id;
    return true;
}

static void runs_of_the_same_moment_are_all_listed(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_diag diag = { 0 };
    uint64_t n = 0;

    (void)state;
    for (int i = 0; i < RUNS; i++) {
        struct spd_store_run run = store_kit_run(3);
        int64_t id;
        assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_OK);
    }
    assert_int_equal(store_kit_check_all(store, "newest first"), RUNS);
    struct spd_store_filter filter = { .oldest_first = true };
    int64_t last = 0;
    assert_int_equal(spd_store_each(store, &filter, ids_grow, &last, &n, &diag), SPD_ERR_OK);
    assert_int_equal(n, RUNS);
    spd_store_close(store);
}

/* ---- one writer, any readers ---- */

static void a_second_writer_is_refused_until_the_first_one_closes(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE), *second = NULL;
    struct spd_diag diag = { 0 };

    (void)state;
    store_kit_keep(store, 1);
    assert_int_equal(
        spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &second, NULL, &diag),
        SPD_ERR_IN_USE);
    assert_non_null(strstr(diag.text, store_kit_path));
    assert_non_null(strstr(diag.text, "another process"));
    assert_null(second);
    store_kit_keep(store, 2); /* the first one is not disturbed */
    spd_store_close(store);
    store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    assert_int_equal(store_kit_check_all(store, "by the second"), 2);
    spd_store_close(store);
}

struct slow_reader {
    struct spd_store *writer;
    int n;
};

static bool write_meanwhile(void *context, const struct spd_store_run *run)
{
    struct slow_reader *slow = context;

    (void)run;
    if (slow->n < 300)
        store_kit_keep(slow->writer, 100 + slow->n++);
    return true;
}

static void reading_holds_up_no_writing_and_the_journal_stays_small(void **state)
{
    struct spd_store *writer = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct slow_reader slow = { writer, 0 };
    struct spd_store_filter filter = { .with_details = true };
    struct spd_diag diag = { 0 };
    char journal[64];
    uint64_t n = 0;
    size_t n_bytes = 0;

    (void)state;
    for (int i = 0; i < 400; i++)
        store_kit_keep(writer, i % 100);
    struct spd_store *reader = store_kit_open(store_kit_path, SPD_STORE_READ);
    assert_int_equal(spd_store_each(reader, &filter, write_meanwhile, &slow, &n, &diag),
                     SPD_ERR_OK);
    assert_int_equal(slow.n, 300);
    assert_true(n >= 400);
    /* 700 runs of 6 pages each would be 17 MB if nothing were merged. */
    snprintf(journal, sizeof(journal), "%s-wal", store_kit_path);
    free(store_kit_read_file(journal, &n_bytes));
    assert_true(n_bytes > 0 && n_bytes < 6000000);
    /* What is acknowledged is seen at once. */
    assert_int_equal(store_kit_check_all(reader, "afterwards"), 700);
    spd_store_close(reader);
    spd_store_close(writer);
}

static void readers_cannot_write(void **state)
{
    struct spd_store_run run = store_kit_run(1);
    struct spd_store_limits limits = { 1, 1 };
    struct spd_store_retained retained;
    struct spd_diag diag = { 0 };
    int64_t id = 0;

    (void)state;
    spd_store_close(store_kit_open(store_kit_path, SPD_STORE_WRITE));
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_READ);
    assert_int_equal(spd_store_begin(store, &run, &id, &diag), SPD_ERR_INVALID);
    assert_int_equal(spd_store_finish(store, 1, &run, &diag), SPD_ERR_INVALID);
    assert_int_equal(spd_store_add(store, &run, &id, &diag), SPD_ERR_INVALID);
    assert_int_equal(spd_store_retain(store, &limits, store_kit_wall(0), &retained, &diag),
                     SPD_ERR_INVALID);
    assert_non_null(strstr(diag.text, "reading only"));
    spd_store_close(store);
}

/* ---- ends ---- */

static void a_run_ends_once(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run run = store_kit_run(1);
    struct spd_diag diag = { 0 };
    int64_t id = 0;

    (void)state;
    assert_int_equal(spd_store_finish(store, 1, &run, &diag), SPD_ERR_NOT_FOUND);
    assert_int_equal(spd_store_begin(store, &run, &id, &diag), SPD_ERR_OK);
    run.state = SPD_STORE_RUNNING;
    assert_int_equal(spd_store_finish(store, id, &run, &diag), SPD_ERR_INVALID);
    run.state = SPD_STORE_FINISHED;
    assert_int_equal(spd_store_finish(store, id, &run, &diag), SPD_ERR_OK);
    run.state = SPD_STORE_FAILED;
    assert_int_equal(spd_store_finish(store, id, &run, &diag), SPD_ERR_NOT_FOUND);
    assert_int_equal(store_kit_check_all(store, "once"), 1);
    spd_store_close(store);
}

static bool count_states(void *context, const struct spd_store_run *run)
{
    int *n = context;

    n[run->state]++;
    if (run->state == SPD_STORE_INTERRUPTED)
        assert_string_equal(run->error, "the service ended before the test did");
    return true;
}

static void runs_that_their_writer_left_are_interrupted(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run run = store_kit_run(1);
    struct spd_store_opened opened;
    struct spd_store_filter filter = { 0 };
    struct spd_diag diag = { 0 };
    int n[SPD_STORE_STATE_COUNT] = { 0 };
    int64_t id = 0;

    (void)state;
    store_kit_keep(store, 5);
    for (int i = 0; i < 3; i++)
        assert_int_equal(spd_store_begin(store, &run, &id, &diag), SPD_ERR_OK);
    spd_store_close(store);
    assert_int_equal(
        spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &store, &opened, &diag),
        SPD_ERR_OK);
    assert_false(opened.created);
    assert_int_equal(opened.n_interrupted, 3);
    assert_string_equal(opened.notice, "3 tests had not ended when the service did");
    assert_int_equal(spd_store_each(store, &filter, count_states, n, NULL, &diag), SPD_ERR_OK);
    assert_int_equal(n[SPD_STORE_INTERRUPTED], 3);
    assert_int_equal(n[SPD_STORE_FINISHED], 1);
    spd_store_close(store);
}

static void every_state_has_a_name_that_leads_back(void **state)
{
    (void)state;
    for (int i = 0; i < SPD_STORE_STATE_COUNT; i++)
        assert_int_equal(spd_store_state_find(spd_store_state_name((enum spd_store_state)i)), i);
    assert_int_equal(spd_store_state_find("nonsense"), SPD_STORE_STATE_COUNT);
    assert_string_equal(spd_store_state_name(SPD_STORE_STATE_COUNT), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_run_comes_back_as_it_was_kept, store_kit_tidy),
        cmocka_unit_test_setup(what_is_not_known_stays_unknown, store_kit_tidy),
        cmocka_unit_test_setup(lists_have_the_order_and_the_choice_asked_for, store_kit_tidy),
        cmocka_unit_test_setup(runs_of_the_same_moment_are_all_listed, store_kit_tidy),
        cmocka_unit_test_setup(a_second_writer_is_refused_until_the_first_one_closes,
                               store_kit_tidy),
        cmocka_unit_test_setup(reading_holds_up_no_writing_and_the_journal_stays_small,
                               store_kit_tidy),
        cmocka_unit_test_setup(readers_cannot_write, store_kit_tidy),
        cmocka_unit_test_setup(a_run_ends_once, store_kit_tidy),
        cmocka_unit_test_setup(runs_that_their_writer_left_are_interrupted, store_kit_tidy),
        cmocka_unit_test(every_state_has_a_name_that_leads_back),
    };
    return cmocka_run_group_tests(tests, NULL, store_kit_tidy);
}
