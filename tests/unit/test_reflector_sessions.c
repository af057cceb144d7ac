/*
 * The table of a stateful reflector's sessions, against a plain list.
 */
#include "common/engine/reflector_sessions.h"

#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define IDLE_NS (10 * SPD_NS_PER_S)

static struct spd_reflector_session_key some_key(void)
{
    return (struct spd_reflector_session_key){
        .sender = { .family = SPD_FAMILY_IPV4, .bytes = { 192, 0, 2, 1 }, .port = 50000 },
        .reflector = { .family = SPD_FAMILY_IPV4, .bytes = { 192, 0, 2, 2 }, .port = 862 },
        .ssid = 7,
    };
}

static struct spd_reflector_sessions *table_of(size_t n_max)
{
    struct spd_reflector_sessions *sessions = NULL;

    assert_int_equal(spd_reflector_sessions_create(n_max, 0, IDLE_NS, &sessions), SPD_ERR_OK);
    return sessions;
}

static uint32_t next(struct spd_reflector_sessions *sessions,
                     const struct spd_reflector_session_key *key, spd_ns now_ns)
{
    uint32_t seq = UINT32_MAX;

    assert_int_equal(spd_reflector_sessions_next(sessions, key, true, now_ns, &seq), SPD_ERR_OK);
    return seq;
}

static void table_without_places_is_refused(void **state)
{
    struct spd_reflector_sessions *sessions = NULL;

    (void)state;
    assert_int_equal(spd_reflector_sessions_create(0, 0, IDLE_NS, &sessions), SPD_ERR_INVALID);
    assert_int_equal(spd_reflector_sessions_create(SIZE_MAX, 0, IDLE_NS, &sessions),
                     SPD_ERR_INVALID);
    assert_int_equal(spd_reflector_sessions_create(SIZE_MAX / 64, 0, IDLE_NS, &sessions),
                     SPD_ERR_INVALID);
    assert_null(sessions);
    spd_reflector_sessions_destroy(NULL);
}

static void session_counts_from_zero_one_by_one(void **state)
{
    struct spd_reflector_sessions *sessions = table_of(4);
    struct spd_reflector_session_key key = some_key();

    (void)state;
    assert_int_equal(spd_reflector_sessions_count(sessions), 0);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(next(sessions, &key, i), i);
    assert_int_equal(spd_reflector_sessions_count(sessions), 1);
    spd_reflector_sessions_destroy(sessions);
}

/* Each part of the key alone makes another session. */
static void sessions_differ_by_every_part_of_their_key(void **state)
{
    struct spd_reflector_sessions *sessions = table_of(64);
    struct spd_reflector_session_key keys[12];

    (void)state;
    for (size_t i = 0; i < N_ROWS(keys); i++)
        keys[i] = some_key();
    keys[1].ssid = 8;
    keys[2].ssid = 0;
    keys[3].sender.port = 50001;
    keys[4].sender.bytes[3] = 9;
    keys[5].sender.bytes[15] = 9;
    keys[6].sender.scope_id = 2;
    keys[7].sender.family = SPD_FAMILY_IPV6;
    keys[8].reflector.port = 863;
    keys[9].reflector.bytes[0] = 1;
    keys[10].reflector.family = SPD_FAMILY_IPV6;
    keys[11].reflector.scope_id = 1;
    for (uint32_t round = 0; round < 3; round++)
        for (size_t i = 0; i < N_ROWS(keys); i++)
            assert_int_equal(next(sessions, &keys[i], 1), round);
    assert_int_equal(spd_reflector_sessions_count(sessions), N_ROWS(keys));
    spd_reflector_sessions_destroy(sessions);
}

static void limit_holds_until_a_session_is_idle(void **state)
{
    struct spd_reflector_sessions *sessions = table_of(3);
    struct spd_reflector_session_key key = some_key();
    uint32_t seq = 12345;

    (void)state;
    for (uint16_t i = 0; i < 3; i++) {
        key.ssid = (uint16_t)(100 + i);
        assert_int_equal(next(sessions, &key, i * SPD_NS_PER_S), 0);
    }
    key.ssid = 999;
    assert_int_equal(spd_reflector_sessions_next(sessions, &key, true, 3 * SPD_NS_PER_S, &seq),
                     SPD_ERR_LIMIT);
    assert_int_equal(seq, 12345);
    /* Those that are in stay in. */
    key.ssid = 101;
    assert_int_equal(next(sessions, &key, 4 * SPD_NS_PER_S), 1);
    /* The first has been silent for the whole time-out: its place is free. */
    key.ssid = 999;
    assert_int_equal(spd_reflector_sessions_next(sessions, &key, true, IDLE_NS - 1, &seq),
                     SPD_ERR_LIMIT);
    assert_int_equal(next(sessions, &key, IDLE_NS + SPD_NS_PER_S), 0);
    assert_int_equal(spd_reflector_sessions_count(sessions), 3);
    key.ssid = 101;
    assert_int_equal(next(sessions, &key, IDLE_NS + SPD_NS_PER_S), 2);
    spd_reflector_sessions_destroy(sessions);
}

/* Senders take a new port for each test: a table must not stay full of what is
 * over until the idle time-out. */
static void full_table_spares_what_was_silent_for_a_while(void **state)
{
    struct spd_reflector_session_key keys[5] = { 0 };
    struct spd_reflector_sessions *sessions = NULL;
    uint32_t seq;

    (void)state;
    assert_int_equal(spd_reflector_sessions_create(4, 0, 900 * SPD_NS_PER_S, &sessions),
                     SPD_ERR_OK);
    for (uint16_t i = 0; i < 5; i++)
        keys[i].ssid = i;
    for (int i = 0; i < 4; i++)
        (void)next(sessions, &keys[i], SPD_NS_PER_S);
    assert_int_equal(next(sessions, &keys[0], 20 * SPD_NS_PER_S), 1);
    assert_int_equal(
        spd_reflector_sessions_next(sessions, &keys[4], true, SPD_REFLECTOR_SPARE_NS, &seq),
        SPD_ERR_LIMIT);
    assert_int_equal(next(sessions, &keys[4], SPD_REFLECTOR_SPARE_NS + 2 * SPD_NS_PER_S), 0);
    assert_int_equal(spd_reflector_sessions_count(sessions), 2);
    assert_int_equal(next(sessions, &keys[0], SPD_REFLECTOR_SPARE_NS + 2 * SPD_NS_PER_S), 2);
    spd_reflector_sessions_destroy(sessions);
}

/* RFC 8762 names no restart; a session that was forgotten begins again at 0. */
static void idle_session_begins_again(void **state)
{
    static const struct {
        const char *name;
        spd_ns silence_ns;
        uint32_t expected;
    } rows[] = {
        { "one nanosecond before", IDLE_NS - 1, 2 },
        { "at the time-out", IDLE_NS, 0 },
        { "long after", 1000 * IDLE_NS, 0 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_reflector_sessions *sessions = table_of(2);
        struct spd_reflector_session_key key = some_key();

        (void)next(sessions, &key, 0);
        (void)next(sessions, &key, 50);
        CHECK_ROW_INT(rows[i].name, next(sessions, &key, 50 + rows[i].silence_ns),
                      rows[i].expected);
        CHECK_ROW_INT(rows[i].name, spd_reflector_sessions_count(sessions), 1);
        spd_reflector_sessions_destroy(sessions);
    }
}

static void expire_ends_exactly_the_idle_ones(void **state)
{
    struct spd_reflector_sessions *sessions = table_of(100);
    struct spd_reflector_session_key key = some_key();

    (void)state;
    for (uint16_t i = 0; i < 100; i++) {
        key.ssid = i;
        (void)next(sessions, &key, i * SPD_NS_PER_MS);
    }
    assert_int_equal(spd_reflector_sessions_expire(sessions, IDLE_NS - 1), 0);
    assert_int_equal(spd_reflector_sessions_expire(sessions, IDLE_NS), 1);
    assert_int_equal(spd_reflector_sessions_expire(sessions, IDLE_NS + 59 * SPD_NS_PER_MS), 59);
    assert_int_equal(spd_reflector_sessions_count(sessions), 40);
    for (uint16_t i = 60; i < 100; i++) {
        key.ssid = i;
        assert_int_equal(next(sessions, &key, IDLE_NS + 59 * SPD_NS_PER_MS), 1);
    }
    assert_int_equal(spd_reflector_sessions_expire(sessions, 100 * IDLE_NS), 40);
    assert_int_equal(spd_reflector_sessions_count(sessions), 0);
    spd_reflector_sessions_destroy(sessions);
}

/* A flood of new sessions must not buy a scan of the table with each packet,
 * nor keep the old ones from being served. */
static void flood_of_new_sessions_is_refused_and_changes_nothing(void **state)
{
    struct spd_reflector_sessions *sessions = table_of(50);
    struct spd_reflector_session_key key = some_key();
    uint32_t seq;

    (void)state;
    for (uint16_t i = 0; i < 50; i++) {
        key.ssid = i;
        (void)next(sessions, &key, 0);
    }
    for (uint32_t i = 0; i < 100000; i++) {
        key.ssid = (uint16_t)(1000 + i % 60000);
        key.sender.port = (uint16_t)(i >> 8);
        assert_int_equal(spd_reflector_sessions_next(sessions, &key, true, (spd_ns)i, &seq),
                         SPD_ERR_LIMIT);
    }
    key = some_key();
    for (uint16_t i = 0; i < 50; i++) {
        key.ssid = i;
        assert_int_equal(next(sessions, &key, SPD_NS_PER_S), 1);
    }
    spd_reflector_sessions_destroy(sessions);
}

static void each_host_has_its_number_of_sessions(void **state)
{
    struct spd_reflector_sessions *sessions = NULL;
    struct spd_reflector_session_key key = some_key();
    uint32_t seq = 12345;

    (void)state;
    assert_int_equal(spd_reflector_sessions_create(100, 3, IDLE_NS, &sessions), SPD_ERR_OK);
    for (uint8_t host = 0; host < 10; host++) {
        key.sender.bytes[3] = host;
        for (uint16_t i = 0; i < 3; i++) {
            key.sender.port = (uint16_t)(40000 + i); /* ports do not matter */
            assert_int_equal(next(sessions, &key, i * SPD_NS_PER_S), 0);
        }
        key.sender.port = 50000;
        assert_int_equal(spd_reflector_sessions_next(sessions, &key, true, 2 * SPD_NS_PER_S, &seq),
                         SPD_ERR_FULL);
        assert_int_equal(seq, 12345);
        key.sender.port = 40001;
        assert_int_equal(next(sessions, &key, 2 * SPD_NS_PER_S), 1);
    }
    /* One of each has been silent for long enough: there is room for one. */
    assert_int_equal(spd_reflector_sessions_expire(sessions, IDLE_NS), 10);
    for (uint8_t host = 0; host < 10; host++) {
        key.sender.bytes[3] = host;
        key.sender.port = 50000;
        assert_int_equal(next(sessions, &key, IDLE_NS), 0);
        key.sender.port = 50001;
        assert_int_equal(spd_reflector_sessions_next(sessions, &key, true, IDLE_NS, &seq),
                         SPD_ERR_FULL);
    }
    spd_reflector_sessions_destroy(sessions);
}

static void hosts_that_are_not_established_leave_a_quarter_of_the_places(void **state)
{
    struct spd_reflector_sessions *sessions = table_of(8);
    struct spd_reflector_session_key key = some_key();
    uint32_t seq;

    (void)state;
    for (uint16_t i = 0; i < 8; i++) {
        key.ssid = i;
        assert_int_equal(spd_reflector_sessions_next(sessions, &key, false, 0, &seq),
                         i < 6 ? SPD_ERR_OK : SPD_ERR_LIMIT);
    }
    for (uint16_t i = 6; i < 9; i++) {
        key.ssid = i;
        assert_int_equal(spd_reflector_sessions_next(sessions, &key, true, 0, &seq),
                         i < 8 ? SPD_ERR_OK : SPD_ERR_LIMIT);
    }
    spd_reflector_sessions_destroy(sessions);
}

/* ---- against a plain list ---- */

#define MODEL_MAX          24
#define MODEL_MAX_PER_HOST 7
#define MODEL_HOSTS        5

struct model {
    struct spd_reflector_session_key key;
    uint32_t next_seq;
    spd_ns last_ns;
    bool used;
};

static struct model *model_find(struct model *model, uint16_t ssid)
{
    for (size_t i = 0; i < MODEL_MAX; i++)
        if (model[i].used && model[i].key.ssid == ssid)
            return &model[i];
    return NULL;
}

static size_t model_of_host(const struct model *model, const struct spd_addr *host)
{
    size_t n = 0;

    for (size_t i = 0; i < MODEL_MAX; i++)
        n += model[i].used && spd_addr_equal_host(&model[i].key.sender, host);
    return n;
}

static size_t model_expire(struct model *model, spd_ns now_ns)
{
    size_t n = 0;

    for (size_t i = 0; i < MODEL_MAX; i++)
        if (model[i].used && now_ns - model[i].last_ns >= IDLE_NS) {
            model[i].used = false;
            n++;
        }
    return n;
}

static void table_does_what_a_plain_list_does(void **state)
{
    struct spd_random random = spd_random_start("reflector_sessions");
    struct spd_reflector_sessions *sessions = NULL;
    struct model model[MODEL_MAX] = { 0 };
    struct spd_reflector_session_key key = some_key();
    spd_ns now_ns = 0, expired_at_ns = 0;
    unsigned n_refused = 0;

    (void)state;
    assert_int_equal(
        spd_reflector_sessions_create(MODEL_MAX, MODEL_MAX_PER_HOST, IDLE_NS, &sessions),
        SPD_ERR_OK);
    for (int step = 0; step < 200000; step++) {
        struct model *m;
        uint32_t seq = 0;
        enum spd_err err;

        now_ns += (spd_ns)spd_random_below(&random, 800 * SPD_NS_PER_MS);
        if (spd_random_below(&random, 50) == 0) {
            assert_int_equal(spd_reflector_sessions_expire(sessions, now_ns),
                             model_expire(model, now_ns));
            expired_at_ns = now_ns;
            continue;
        }
        key.ssid = (uint16_t)spd_random_below(&random, 40);
        key.sender.bytes[3] = (uint8_t)(key.ssid % MODEL_HOSTS);
        err = spd_reflector_sessions_next(sessions, &key, true, now_ns, &seq);
        m = model_find(model, key.ssid);
        if (m && now_ns - m->last_ns >= IDLE_NS) {
            m->used = false;
            m = NULL;
        }
        for (int round = 0; !m && round < 2; round++) {
            for (size_t i = 0; i < MODEL_MAX && !m; i++)
                if (!model[i].used) {
                    m = &model[i];
                    *m = (struct model){ .key = key, .used = true };
                }
            /* Full: the idle ones go, at most once a second. */
            if (!m && round == 0 && now_ns - expired_at_ns >= SPD_NS_PER_S) {
                (void)model_expire(model, now_ns);
                expired_at_ns = now_ns;
            }
        }
        if (!m) {
            assert_int_equal(err, SPD_ERR_LIMIT);
            continue;
        }
        if (m->next_seq == 0 && model_of_host(model, &key.sender) > MODEL_MAX_PER_HOST) {
            assert_int_equal(err, SPD_ERR_FULL);
            n_refused++;
            m->used = false;
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_int_equal(seq, m->next_seq);
        m->next_seq++;
        m->last_ns = now_ns;
    }
    assert_true(n_refused > 100);
    spd_reflector_sessions_destroy(sessions);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_without_places_is_refused),
        cmocka_unit_test(session_counts_from_zero_one_by_one),
        cmocka_unit_test(sessions_differ_by_every_part_of_their_key),
        cmocka_unit_test(limit_holds_until_a_session_is_idle),
        cmocka_unit_test(full_table_spares_what_was_silent_for_a_while),
        cmocka_unit_test(idle_session_begins_again),
        cmocka_unit_test(expire_ends_exactly_the_idle_ones),
        cmocka_unit_test(flood_of_new_sessions_is_refused_and_changes_nothing),
        cmocka_unit_test(each_host_has_its_number_of_sessions),
        cmocka_unit_test(hosts_that_are_not_established_leave_a_quarter_of_the_places),
        cmocka_unit_test(table_does_what_a_plain_list_does),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
