/*
 * The heap of packets, on the simulated system, which can refuse memory and
 * locks and has pages of any size.
 */
#include "common/engine/packet_heap.h"

#include "common/base/assert.h"
#include "common/sys/pagemem.h"
#include "tests/support/sim.h"
#include "tests/unit/unit.h"

static int fresh_world(void **state)
{
    (void)state;
    sim_create(1);
    return 0;
}

static int end_of_world(void **state)
{
    (void)state;
    sim_destroy(); /* asserts that no page is left */
    return 0;
}

struct size_row {
    const char *name;
    size_t page_bytes, n_units, packet_bytes, unit_bytes;
};

static const struct size_row size_rows[] = {
    { "the smallest", 4096, 1, 1, 4096 },
    { "a probe", 4096, 10, 44, 4096 },
    { "one byte less than a page", 4096, 3, 4095, 4096 },
    { "exactly a page", 4096, 3, 4096, 4096 },
    { "one byte more than a page", 4096, 3, 4097, 8192 },
    { "a jumbo frame", 4096, 7, 9216, 12288 },
    { "the longest datagram", 4096, 2, 65507, 65536 },
    { "pages of 16 KiB", 16384, 5, 1472, 16384 },
    { "pages of 64 KiB", 65536, 2, 65507, 65536 },
    { "a burst of 2,048 and its replies", 4096, 4240, 484, 4096 },
};

static void units_are_whole_pages_apart_from_each_other_and_zero(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(size_rows); i++) {
        const struct size_row *row = &size_rows[i];
        struct sim_host_config host = { .page_bytes = row->page_bytes };
        struct spd_packet_heap *heap = NULL;
        struct spd_packet_heap_facts facts;
        struct spd_diag diag = { 0 };

        sim_host_set(1, &host);
        CHECK_ROW_INT(row->name,
                      spd_packet_heap_create(row->n_units, row->packet_bytes, &heap, &diag),
                      SPD_ERR_OK);
        spd_packet_heap_facts(heap, &facts);
        CHECK_ROW_INT(row->name, facts.page_bytes, row->page_bytes);
        CHECK_ROW_INT(row->name, facts.unit_bytes, row->unit_bytes);
        CHECK_ROW_INT(row->name, facts.n_units, row->n_units);
        CHECK_ROW_INT(row->name, facts.total_bytes,
                      spd_packet_heap_bytes(row->n_units, row->packet_bytes));
        CHECK_ROW_INT(row->name, facts.total_bytes % row->page_bytes, 0);
        CHECK_ROW_INT(row->name, facts.locked_bytes, facts.total_bytes);
        CHECK_ROW_INT(row->name, facts.lock_diag.err, SPD_ERR_OK);
        for (size_t k = 0; k < row->n_units; k++) {
            struct spd_unit *unit = spd_packet_heap_unit(heap, k);

            CHECK_ROW_INT(row->name, unit->index, k);
            CHECK_ROW_INT(row->name, unit->capacity, row->unit_bytes);
            CHECK_ROW_INT(row->name, (uintptr_t)unit->data % row->page_bytes, 0);
            CHECK_ROW_INT(row->name, (uintptr_t)&unit->op % alignof(struct spd_op), 0);
            CHECK_ROW_INT(row->name, unit->op.in_flight, 0);
            CHECK_ROW(row->name, unit->data[0] == 0 && unit->data[unit->capacity - 1] == 0);
            memset(unit->data, (int)(k % 255 + 1), unit->capacity);
        }
        /* Nobody wrote into anybody else's. */
        for (size_t k = 0; k < row->n_units; k++) {
            struct spd_unit *unit = spd_packet_heap_unit(heap, k);

            CHECK_ROW_INT(row->name, unit->index, k);
            CHECK_ROW_INT(row->name, unit->data[0], k % 255 + 1);
            CHECK_ROW_INT(row->name, unit->data[unit->capacity - 1], k % 255 + 1);
        }
        spd_packet_heap_destroy(heap);
    }
}

static const struct {
    const char *name;
    size_t n_units, packet_bytes;
} impossible_rows[] = {
    { "no unit", 0, 100 },
    { "no byte", 10, 0 },
    { "nothing at all", 0, 0 },
    { "a packet as large as memory", 1, SIZE_MAX },
    { "a packet that only rounding makes too large", 1, SIZE_MAX - 4095 },
    { "a unit beyond 32 bits", 1, (size_t)UINT32_MAX + 1 },
    { "more units than 32 bits count", (size_t)UINT32_MAX + 1, 1 },
    { "a product that wraps", UINT32_MAX, UINT32_MAX - 4096 },
};

static void sizes_that_cannot_be_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(impossible_rows); i++) {
        const char *row = impossible_rows[i].name;
        struct spd_packet_heap *heap = (void *)&heap;
        struct spd_diag diag = { 0 };
        enum spd_err err;

        /* The last one fits where size_t has 64 bits, and memory does not. */
        err = spd_packet_heap_create(impossible_rows[i].n_units, impossible_rows[i].packet_bytes,
                                     &heap, &diag);
        CHECK_ROW(row, err == SPD_ERR_INVALID || err == SPD_ERR_NOMEM);
        CHECK_ROW(row, diag.err == err && diag.text[0]);
        CHECK_ROW(row, heap == (void *)&heap);
        if (err == SPD_ERR_INVALID)
            CHECK_ROW_INT(
                row,
                spd_packet_heap_bytes(impossible_rows[i].n_units, impossible_rows[i].packet_bytes),
                0);
    }
}

static void memory_that_is_not_there_is_refused_with_what_to_do(void **state)
{
    struct sim_host_config host = { .available_bytes = 1 << 20 };
    struct spd_packet_heap *heap = NULL;
    struct spd_diag diag = { 0 };

    (void)state;
    sim_host_set(1, &host);
    assert_int_equal(spd_packet_heap_create(1000, 1000, &heap, &diag), SPD_ERR_NOMEM);
    assert_null(heap);
    assert_non_null(strstr(diag.text, "fewer packets"));
    assert_int_equal(spd_packet_heap_create(100, 1000, &heap, &diag), SPD_ERR_OK);
    spd_packet_heap_destroy(heap);
}

static void lock_that_is_refused_is_told_and_no_error(void **state)
{
    struct sim_host_config host = { .refuse_lock = true };
    struct spd_packet_heap_facts facts;
    struct spd_packet_heap *heap;
    struct spd_diag diag;

    (void)state;
    sim_host_set(1, &host);
    assert_int_equal(spd_packet_heap_create(4, 100, &heap, &diag), SPD_ERR_OK);
    spd_packet_heap_facts(heap, &facts);
    assert_int_equal(facts.locked_bytes, 0);
    assert_int_not_equal(facts.lock_diag.err, SPD_ERR_OK);
    assert_true(facts.lock_diag.text[0] != 0);
    spd_packet_heap_destroy(heap);
    spd_packet_heap_destroy(NULL);
}

static jmp_buf panicked;

static void on_panic(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    (void)what;
    longjmp(panicked, 1);
}

static void index_beyond_the_last_unit_panics(void **state)
{
    struct spd_packet_heap *heap;
    struct spd_diag diag;

    (void)state;
    assert_int_equal(spd_packet_heap_create(4, 100, &heap, &diag), SPD_ERR_OK);
    spd_panic_set_handler(on_panic);
    if (setjmp(panicked) == 0) {
        (void)spd_packet_heap_unit(heap, 4);
        spd_panic_set_handler(NULL);
        fail_msg("unit 4 of 4 was given out");
    }
    spd_panic_set_handler(NULL);
    assert_non_null(spd_packet_heap_unit(heap, 3));
    spd_packet_heap_destroy(heap);
}

static void heap_whose_operation_is_in_flight_cannot_be_destroyed(void **state)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_completion completion;
    struct spd_packet_heap *heap;
    struct spd_cport *port;
    struct spd_diag diag;
    size_t n;

    (void)state;
    assert_int_equal(spd_packet_heap_create(4, 100, &heap, &diag), SPD_ERR_OK);
    assert_int_equal(spd_cport_create(&config, &port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_cport_post(port, 1, 2, &spd_packet_heap_unit(heap, 3)->op), SPD_ERR_OK);
    spd_panic_set_handler(on_panic);
    if (setjmp(panicked) == 0) {
        spd_packet_heap_destroy(heap);
        spd_panic_set_handler(NULL);
        fail_msg("the heap was freed under the port's operation");
    }
    spd_panic_set_handler(NULL);
    assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 0), SPD_ERR_OK);
    spd_packet_heap_destroy(heap);
    spd_cport_close(port);
    spd_cport_destroy(port);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(units_are_whole_pages_apart_from_each_other_and_zero,
                                        fresh_world, end_of_world),
        cmocka_unit_test_setup_teardown(sizes_that_cannot_be_are_refused, fresh_world,
                                        end_of_world),
        cmocka_unit_test_setup_teardown(memory_that_is_not_there_is_refused_with_what_to_do,
                                        fresh_world, end_of_world),
        cmocka_unit_test_setup_teardown(lock_that_is_refused_is_told_and_no_error, fresh_world,
                                        end_of_world),
        cmocka_unit_test_setup_teardown(index_beyond_the_last_unit_panics, fresh_world,
                                        end_of_world),
        cmocka_unit_test_setup_teardown(heap_whose_operation_is_in_flight_cannot_be_destroyed,
                                        fresh_world, end_of_world),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
