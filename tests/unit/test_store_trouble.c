/* The history when the power fails, the disk is full or damaged, or the file is
 * not what it should be: what was acknowledged is there, and nothing is lost in
 * silence. */
#include <sqlite3.h>
#include <stdio.h>

#include "common/result/store_private.h"
#include "tests/unit/store_kit.h"
#include "tests/unit/store_vfs.h"

#define CUT SPD_TEST_NAME ".db.cut"

static const char aside_path[] = SPD_TEST_NAME ".db.damaged-20261120T224000Z";

static int plug_in(void **state)
{
    store_kit_tidy(state);
    store_vfs_install();
    return 0;
}

static int pull_out(void **state)
{
    (void)state;
    store_vfs_remove();
    return 0;
}

static bool count_finished(void *context, const struct spd_store_run *run)
{
    uint64_t *n = context;

    *n += run->state == SPD_STORE_FINISHED;
    return true;
}

static uint64_t finished(struct spd_store *store)
{
    struct spd_store_filter filter = { 0 };
    struct spd_diag diag = { 0 };
    uint64_t n = 0;

    if (spd_store_each(store, &filter, count_finished, &n, NULL, &diag))
        fail_msg("%s", diag.text);
    return n;
}

/* ---- power ---- */

static void what_was_acknowledged_survives_a_power_cut(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE), *after;
    struct spd_store_opened opened;
    struct spd_diag diag = { 0 };

    (void)state;
    /* Long enough for the journal to be merged a few times. */
    for (int i = 0; i < 120; i++) {
        store_kit_keep(store, i);
        if (i % 7 != 0)
            continue;
        store_vfs_power_cut(store_kit_path, CUT);
        if (spd_store_open(CUT, SPD_STORE_WRITE, store_kit_wall(0), &after, &opened, &diag))
            fail_msg("%s", diag.text);
        assert_string_equal(opened.notice, "");
        assert_int_equal(store_kit_check_all(after, "after the cut"), i + 1);
        spd_store_close(after);
    }
    /* Begun, not finished: it is there too. */
    struct spd_store_run run = store_kit_run(1);
    int64_t id = 0;
    assert_int_equal(spd_store_begin(store, &run, &id, &diag), SPD_ERR_OK);
    store_vfs_power_cut(store_kit_path, CUT);
    assert_int_equal(
        spd_store_open(CUT, SPD_STORE_WRITE, store_kit_wall(0), &after, &opened, &diag),
        SPD_ERR_OK);
    assert_int_equal(opened.n_interrupted, 1);
    spd_store_close(after);
    spd_store_close(store);
}

/* ---- a disk that fails ---- */

static const struct {
    const char *name;
    int rc;
    int lasts;
    enum spd_err expected;
    const char *says;
} failures[] = {
    { "full for a moment", SQLITE_FULL, 0, SPD_ERR_FULL, "the disk is full; free some space" },
    { "full", SQLITE_FULL, 1, SPD_ERR_FULL, "the disk is full; free some space" },
    { "broken for a moment", SQLITE_IOERR_WRITE, 0, SPD_ERR_IO, "check the disk" },
    { "broken", SQLITE_IOERR_FSYNC, 1, SPD_ERR_IO, "check the disk" },
    { "read-only", SQLITE_READONLY, 1, SPD_ERR_PERM, "read-only" },
};

/* A run is kept while each change in turn fails. Whatever begin or finish
 * acknowledged is there; the store works on as soon as the disk does. */
static void each_failure_of_the_disk_is_told_and_loses_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(failures); i++) {
        bool was_reached = true;

        for (int at = 1; was_reached; at++) {
            struct spd_store_run run;
            struct spd_diag diag = { 0 };
            int64_t id = 0;
            uint64_t n_kept = 1;
            enum spd_err err;

            store_kit_tidy(NULL);
            struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
            store_kit_keep(store, 1);
            run = store_kit_run(2);
            store_vfs.n_changes = 0;
            store_vfs.fail_rc = failures[i].rc;
            store_vfs.lasts = failures[i].lasts;
            store_vfs.fail_at = at;
            err = spd_store_begin(store, &run, &id, &diag);
            if (!err) {
                err = spd_store_finish(store, id, &run, &diag);
                n_kept += !err;
            }
            was_reached = store_vfs.n_changes >= at;
            store_vfs.fail_at = 0;
            /* The merge of the journal may fail without harm to the commit. */
            if (err) {
                CHECK_ROW_INT(failures[i].name, err, failures[i].expected);
                CHECK_ROW(failures[i].name, strstr(diag.text, failures[i].says) != NULL);
                CHECK_ROW(failures[i].name, strstr(diag.text, store_kit_path) != NULL);
            } else {
                CHECK_ROW(failures[i].name, !was_reached);
            }
            CHECK_ROW_INT(failures[i].name, finished(store), n_kept);
            store_kit_keep(store, 3);
            CHECK_ROW_INT(failures[i].name, finished(store), n_kept + 1);
            spd_store_close(store);
            store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
            CHECK_ROW_INT(failures[i].name, finished(store), n_kept + 1);
            store_kit_check_all(store, failures[i].name);
            spd_store_close(store);
        }
    }
}

static void a_disk_that_fails_at_open_leaves_the_next_open_whole(void **state)
{
    struct spd_store *store = NULL;
    struct spd_diag diag = { 0 };
    bool was_reached = true;

    (void)state;
    for (int at = 1; was_reached; at++) {
        enum spd_err err;

        store_kit_tidy(NULL);
        store_vfs = (struct store_vfs){ .fail_at = at, .fail_rc = SQLITE_FULL, .lasts = 1 };
        err =
            spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &store, NULL, &diag);
        was_reached = store_vfs.n_changes >= at;
        store_vfs.fail_at = 0;
        if (!err) {
            assert_false(was_reached);
            spd_store_close(store);
        } else if (err != SPD_ERR_FULL && err != SPD_ERR_IO) {
            fail_msg("change %d: %s", at, diag.text);
        }
        store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
        store_kit_keep(store, 1);
        assert_int_equal(store_kit_check_all(store, "the next open"), 1);
        spd_store_close(store);
    }
}

/* ---- damage ---- */

struct damage {
    const char *name;
    void (*harm)(uint8_t *bytes, size_t *n);
    bool is_damaged;
};

static void garbage(uint8_t *bytes, size_t *n)
{
    for (size_t i = 0; i < *n; i++)
        bytes[i] = (uint8_t)(i * 7 + 1);
}

static void header(uint8_t *bytes, size_t *n)
{
    (void)n;
    bytes[3] ^= 0x20;
}

static void half(uint8_t *bytes, size_t *n)
{
    (void)bytes;
    *n /= 2;
}

static void an_odd_piece(uint8_t *bytes, size_t *n)
{
    (void)bytes;
    *n = *n - 4096 * 3 - 17;
}

static void every_page_but_the_first(uint8_t *bytes, size_t *n)
{
    memset(bytes + 4096, 0xa5, *n - 4096);
}

/* The head of each page says what kind it is. */
static void one_page(uint8_t *bytes, size_t *n)
{
    memset(bytes + (*n / 4096 / 2) * 4096, 0, 16);
}

static void nothing(uint8_t *bytes, size_t *n)
{
    (void)bytes;
    (void)n;
}

static void everything(uint8_t *bytes, size_t *n)
{
    (void)bytes;
    *n = 0;
}

static const struct damage damages[] = {
    { "none", nothing, false },
    { "all garbage", garbage, true },
    { "header", header, true },
    { "half", half, true },
    { "an odd piece at the end", an_odd_piece, true },
    { "every page but the first", every_page_but_the_first, true },
    { "one page", one_page, true },
    { "empty", everything, false }, /* as good as not there */
};

static void a_damaged_history_is_kept_aside_and_a_new_one_begun(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(damages); i++) {
        const char *row = damages[i].name;
        struct spd_store_opened opened;
        struct spd_diag diag = { 0 };
        size_t n, n_aside = 0;

        store_kit_tidy(NULL);
        struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
        for (int k = 0; k < 100; k++)
            store_kit_keep(store, k);
        spd_store_close(store);
        uint8_t *bytes = store_kit_read_file(store_kit_path, &n);
        damages[i].harm(bytes, &n);
        store_kit_write_file(store_kit_path, bytes, n);

        if (spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &store, &opened,
                           &diag))
            fail_msg("row \"%s\": %s", row, diag.text);
        CHECK_ROW_INT(row, opened.damaged, damages[i].is_damaged);
        CHECK_ROW_INT(row, opened.created, damages[i].is_damaged || n == 0);
        uint8_t *aside = store_kit_read_file(aside_path, &n_aside);
        CHECK_ROW_INT(row, aside != NULL, damages[i].is_damaged);
        if (aside) {
            CHECK_ROW(row, strstr(opened.notice, aside_path) != NULL);
            CHECK_ROW(row, strstr(opened.notice, "is damaged") != NULL);
            CHECK_ROW_INT(row, n_aside, n);
            CHECK_ROW(row, memcmp(aside, bytes, n) == 0);
        } else {
            CHECK_ROW_INT(row, store_kit_check_all(store, row), n ? 100 : 0);
        }
        store_kit_keep(store, 1);
        spd_store_close(store);
        free(aside);
        free(bytes);
    }
}

/* The journal may hold what the database has lost, so it goes along as it is. */
static void the_journal_of_a_damaged_history_is_kept_with_it(void **state)
{
    char path[64], aside[64];
    size_t n, n_journal, n_aside = 0;
    struct spd_store_opened opened;
    struct spd_diag diag = { 0 };
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);

    (void)state;
    store_kit_keep(store, 1);
    spd_store_close(store);
    store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    store_kit_keep(store, 2); /* in the journal alone */
    snprintf(path, sizeof(path), "%s-wal", store_kit_path);
    snprintf(aside, sizeof(aside), "%s-wal", aside_path);
    uint8_t *bytes = store_kit_read_file(store_kit_path, &n);
    uint8_t *journal = store_kit_read_file(path, &n_journal);
    assert_true(journal && n_journal > 4096);
    spd_store_close(store);
    /* The header stays, so that the journal is looked at. */
    memset(bytes + 4096, 0xa5, n - 4096);
    store_kit_write_file(store_kit_path, bytes, n);
    store_kit_write_file(path, journal, n_journal);
    assert_int_equal(
        spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &store, &opened, &diag),
        SPD_ERR_OK);
    assert_true(opened.damaged);
    spd_store_close(store);
    uint8_t *kept = store_kit_read_file(aside, &n_aside);
    assert_non_null(kept);
    assert_int_equal(n_aside, n_journal);
    assert_memory_equal(kept, journal, n_journal);
    free(kept);
    kept = store_kit_read_file(aside_path, &n_aside);
    assert_int_equal(n_aside, n);
    assert_memory_equal(kept, bytes, n);
    free(kept);
    free(journal);
    free(bytes);
}

static void a_second_damaged_one_does_not_replace_the_first(void **state)
{
    char second[64];
    struct spd_store *store;
    size_t n = 0;

    (void)state;
    store_kit_write_file(store_kit_path, "first, and long enough for a header of SQLite", 45);
    spd_store_close(store_kit_open(store_kit_path, SPD_STORE_WRITE));
    store_kit_write_file(store_kit_path, "second, and long enough for a header of SQLite", 46);
    store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    spd_store_close(store);
    uint8_t *bytes = store_kit_read_file(aside_path, &n);
    assert_non_null(bytes);
    assert_memory_equal(bytes, "first", 5);
    free(bytes);
    snprintf(second, sizeof(second), "%s-2", aside_path);
    bytes = store_kit_read_file(second, &n);
    assert_non_null(bytes);
    assert_memory_equal(bytes, "second", 6);
    free(bytes);
}

static void damage_met_while_running_is_told(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_diag diag = { 0 };
    size_t n;

    (void)state;
    for (int k = 0; k < 100; k++)
        store_kit_keep(store, k);
    assert_int_equal(spd_store_check(store, &diag), SPD_ERR_OK);
    spd_store_close(store);
    uint8_t *bytes = store_kit_read_file(store_kit_path, &n);
    every_page_but_the_first(bytes, &n);
    store_kit_write_file(store_kit_path, bytes, n);
    free(bytes);
    /* A reader moves nothing. */
    struct spd_store_filter filter = { .with_details = true };
    assert_int_equal(
        spd_store_open(store_kit_path, SPD_STORE_READ, store_kit_wall(0), &store, NULL, &diag),
        SPD_ERR_OK);
    assert_int_equal(spd_store_each(store, &filter, count_finished, &(uint64_t){ 0 }, NULL, &diag),
                     SPD_ERR_FORMAT);
    assert_non_null(strstr(diag.text, "is damaged"));
    assert_int_equal(spd_store_check(store, &diag), SPD_ERR_FORMAT);
    spd_store_close(store);
    assert_null(store_kit_read_file(aside_path, &n));
}

/* ---- what is no history of ours ---- */

static void make_with_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    char *text = NULL;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
        fail_msg("%s", text);
    sqlite3_close(db);
}

static const struct {
    const char *name, *sql;
    enum spd_err expected;
    const char *says;
} strangers[] = {
    { "of another program", "CREATE TABLE t(a); PRAGMA user_version = 1", SPD_ERR_INVALID,
      "not a history of stampede" },
    { "of another program, marked", "CREATE TABLE t(a); PRAGMA application_id = 7", SPD_ERR_INVALID,
      "not a history of stampede" },
    { "newer", "PRAGMA application_id = 1397769288; PRAGMA user_version = 1000", SPD_ERR_NOTSUP,
      "newer version of stampede" },
};

static void what_is_not_ours_is_refused_and_left_as_it_is(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(strangers); i++)
        for (int mode = SPD_STORE_READ; mode <= SPD_STORE_WRITE; mode++) {
            struct spd_store *store = NULL;
            struct spd_diag diag = { 0 };
            size_t n, n_after;

            store_kit_tidy(NULL);
            make_with_sql(store_kit_path, strangers[i].sql);
            uint8_t *bytes = store_kit_read_file(store_kit_path, &n);
            CHECK_ROW_INT(strangers[i].name,
                          spd_store_open(store_kit_path, (enum spd_store_mode)mode,
                                         store_kit_wall(0), &store, NULL, &diag),
                          strangers[i].expected);
            CHECK_ROW(strangers[i].name, strstr(diag.text, strangers[i].says) != NULL);
            uint8_t *after = store_kit_read_file(store_kit_path, &n_after);
            CHECK_ROW_INT(strangers[i].name, n_after, n);
            CHECK_ROW(strangers[i].name, memcmp(bytes, after, n) == 0);
            free(bytes);
            free(after);
        }
}

static void what_is_not_there_is_said_so_and_not_made_by_reading(void **state)
{
    struct spd_store *store = NULL;
    struct spd_diag diag = { 0 };
    size_t n;

    (void)state;
    assert_int_equal(
        spd_store_open(store_kit_path, SPD_STORE_READ, store_kit_wall(0), &store, NULL, &diag),
        SPD_ERR_NOT_FOUND);
    assert_non_null(strstr(diag.text, store_kit_path));
    assert_null(store_kit_read_file(store_kit_path, &n));
    assert_int_equal(spd_store_open("no-such-folder/history.db", SPD_STORE_WRITE, store_kit_wall(0),
                                    &store, NULL, &diag),
                     SPD_ERR_NOT_FOUND);
    assert_non_null(strstr(diag.text, "no-such-folder"));
    store_kit_write_file(store_kit_path, "", 0);
    assert_int_equal(
        spd_store_open(store_kit_path, SPD_STORE_READ, store_kit_wall(0), &store, NULL, &diag),
        SPD_ERR_NOT_FOUND);
    assert_non_null(strstr(diag.text, "holds no history yet"));
}

/* ---- older versions ---- */

/* Every column of every table: the same for a migrated one as for a new one. */
static void check_columns(const char *row, const char *path)
{
    static const char columns[] =
        "SELECT group_concat(line, char(10)) FROM (SELECT m.name || '.' || p.name || ' ' || p.type"
        " || p.\"notnull\" || p.pk AS line FROM sqlite_schema m, pragma_table_info(m.name) p"
        " ORDER BY line)";
    char *texts[2] = { NULL, NULL };

    spd_store_close(store_kit_open(CUT, SPD_STORE_WRITE)); /* a new one */
    for (int i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        sqlite3_stmt *stmt = NULL;

        assert_int_equal(sqlite3_open(i ? CUT : path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, columns, -1, &stmt, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        texts[i] =
            exact_copy(sqlite3_column_text(stmt, 0), (size_t)sqlite3_column_bytes(stmt, 0) + 1);
        sqlite3_finalize(stmt);
        sqlite3_close(db);
    }
    assert_true(strlen(texts[1]) > 100);
    CHECK_ROW_TEXT(row, texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
}

/* Written by that version: the same runs 0..4, by the fixture's text. */
static void a_history_of_every_older_version_is_brought_up_to_date(void **state)
{
    (void)state;
    for (int version = 1; version <= spd_store_schema_version; version++) {
        char path[300], row[32];
        struct spd_store_opened opened;
        struct spd_store *store = NULL;
        struct spd_diag diag = { 0 };
        size_t n;

        store_kit_tidy(NULL);
        snprintf(row, sizeof(row), "version %d", version);
        snprintf(path, sizeof(path), "%s/store/version-%d.sql", SPD_TEST_DATA, version);
        char *sql = (char *)store_kit_read_file(path, &n);
        if (!sql)
            fail_msg("row \"%s\": %s is missing", row, path);
        sql[n] = 0;
        make_with_sql(store_kit_path, sql);
        free(sql);
        if (spd_store_open(store_kit_path, SPD_STORE_WRITE, store_kit_wall(0), &store, &opened,
                           &diag))
            fail_msg("row \"%s\": %s", row, diag.text);
        CHECK_ROW_INT(row, opened.migrated_from, version == spd_store_schema_version ? 0 : version);
        CHECK_ROW_INT(row, store_kit_check_all(store, row), 5);
        store_kit_keep(store, 5);
        CHECK_ROW_INT(row, store_kit_check_all(store, row), 6);
        spd_store_close(store);
        check_columns(row, store_kit_path);
    }
}

static const char *const steps[] = {
    "CREATE TABLE a(x INTEGER); INSERT INTO a VALUES(1);",
    "ALTER TABLE a ADD COLUMN y INTEGER; UPDATE a SET y = x + 1;",
    "CREATE TABLE b AS SELECT x + y AS z FROM a;",
    "CREATE TABLE c(x INTEGER); SELECT nonsense FROM a;",
};

static int64_t number(struct spd_store *store, const char *sql)
{
    struct spd_diag diag = { 0 };
    int64_t value = -1;

    if (spd_sql_number(store, sql, &value, &diag))
        fail_msg("%s", diag.text);
    return value;
}

static void steps_run_in_order_and_all_or_none(void **state)
{
    char path[] = SPD_TEST_NAME ".db";
    struct spd_store store = { .path = path };
    struct spd_diag diag = { 0 };

    (void)state;
    for (int from = 0; from <= 3; from++) {
        store_kit_tidy(NULL);
        assert_int_equal(sqlite3_open(path, &store.db), SQLITE_OK);
        assert_int_equal(spd_store_migrate(&store, steps, from, &diag), SPD_ERR_OK);
        assert_int_equal(number(&store, "PRAGMA user_version"), from);
        /* The fourth one fails, and takes back what it and the others did. */
        assert_int_equal(spd_store_migrate(&store, steps, 4, &diag), SPD_ERR_INTERNAL);
        assert_int_equal(number(&store, "PRAGMA user_version"), from);
        assert_int_equal(number(&store, "SELECT count(*) FROM sqlite_schema"), from == 0   ? 0
                                                                               : from == 3 ? 2
                                                                                           : 1);
        assert_int_equal(spd_store_migrate(&store, steps, 3, &diag), SPD_ERR_OK);
        assert_int_equal(number(&store, "PRAGMA user_version"), 3);
        assert_int_equal(number(&store, "PRAGMA application_id"), SPD_STORE_APPLICATION_ID);
        assert_int_equal(number(&store, "SELECT z FROM b"), 3);
        /* Once more does nothing. */
        assert_int_equal(spd_store_migrate(&store, steps, 3, &diag), SPD_ERR_OK);
        assert_int_equal(number(&store, "SELECT count(*) FROM a"), 1);
        sqlite3_close(store.db);
    }
}

#define ON_THE_DISK(test) cmocka_unit_test_setup_teardown(test, plug_in, pull_out)
#define TIDY(test)        cmocka_unit_test_setup(test, store_kit_tidy)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_THE_DISK(what_was_acknowledged_survives_a_power_cut),
        ON_THE_DISK(each_failure_of_the_disk_is_told_and_loses_nothing),
        ON_THE_DISK(a_disk_that_fails_at_open_leaves_the_next_open_whole),
        TIDY(a_damaged_history_is_kept_aside_and_a_new_one_begun),
        TIDY(the_journal_of_a_damaged_history_is_kept_with_it),
        TIDY(a_second_damaged_one_does_not_replace_the_first),
        TIDY(damage_met_while_running_is_told),
        TIDY(what_is_not_ours_is_refused_and_left_as_it_is),
        TIDY(what_is_not_there_is_said_so_and_not_made_by_reading),
        TIDY(a_history_of_every_older_version_is_brought_up_to_date),
        TIDY(steps_run_in_order_and_all_or_none),
    };
    return cmocka_run_group_tests(tests, NULL, store_kit_tidy);
}
