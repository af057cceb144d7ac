/*
 * Every allocation and every call of the system fails once: the test ends with
 * a reason, or copes, and leaves nothing behind.
 *
 * Linked with wrapped allocators: they count what is alive, and fail the n-th
 * calloc of the program itself. The simulator's own memory never fails.
 */
#include "common/analysis/fate.h"
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

/* ---- allocators ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t n);
void __real_free(void *memory);
void *__real_sim_alloc(size_t n);
void *__real_sim_grow(void *old, size_t n);
void *__real_sim_contract_alloc(size_t n);
struct sim_set;
void __real_sim_set_copy(struct sim_set *set, const struct sim_list *list);
void __wrap_sim_set_copy(struct sim_set *set, const struct sim_list *list);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t n);
void __wrap_free(void *memory);
void *__wrap_sim_alloc(size_t n);
void *__wrap_sim_grow(void *old, size_t n);
void *__wrap_sim_contract_alloc(size_t n);

static long n_alive;
static bool armed;
static unsigned in_simulator;
static unsigned n_until_failure;
static bool failed;
static uint64_t n_calls_before; /* of the kind that is to fail */

void *__wrap_malloc(size_t n)
{
    void *memory = __real_malloc(n);

    n_alive += memory != NULL;
    return memory;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *memory;

    if (armed && in_simulator == 0 && n_until_failure-- == 0) {
        armed = false;
        failed = true;
        return NULL;
    }
    memory = __real_calloc(n, size);
    n_alive += memory != NULL;
    return memory;
}

void *__wrap_realloc(void *old, size_t n)
{
    void *memory = __real_realloc(old, n);

    n_alive += old == NULL && memory != NULL;
    return memory;
}

void __wrap_free(void *memory)
{
    n_alive -= memory != NULL;
    __real_free(memory);
}

void *__wrap_sim_alloc(size_t n)
{
    void *memory;

    in_simulator++;
    memory = __real_sim_alloc(n);
    in_simulator--;
    return memory;
}

void *__wrap_sim_grow(void *old, size_t n)
{
    void *memory;

    in_simulator++;
    memory = __real_sim_grow(old, n);
    in_simulator--;
    return memory;
}

void *__wrap_sim_contract_alloc(size_t n)
{
    void *memory;

    in_simulator++;
    memory = __real_sim_contract_alloc(n);
    in_simulator--;
    return memory;
}

void __wrap_sim_set_copy(struct sim_set *set, const struct sim_list *list)
{
    in_simulator++;
    __real_sim_set_copy(set, list);
    in_simulator--;
}

/* ---- one run ---- */

enum kind { ENGINE_ALLOCATION = SIM_CALL_COUNT };

struct plan {
    enum kind kind; /* or enum sim_call */
    unsigned nth;
    enum spd_err err;
};

static void arm(struct sim_burst *b)
{
    const struct plan *plan = b->scenario.context;

    failed = false;
    n_calls_before =
        (int)plan->kind == ENGINE_ALLOCATION ? 0 : sim_calls((enum sim_call)plan->kind);
    if ((int)plan->kind != ENGINE_ALLOCATION) {
        sim_fail_call((enum sim_call)plan->kind, plan->nth, plan->err);
        return;
    }
    n_until_failure = plan->nth;
    armed = true;
}

/* Whether the call or allocation that was to fail was made at all. */
static bool was_reached(const struct plan *plan)
{
    if ((int)plan->kind == ENGINE_ALLOCATION)
        return failed;
    return sim_calls((enum sim_call)plan->kind) > n_calls_before + plan->nth;
}

static const struct sim_list lost = SIM_LIST(4, 19);

static struct sim_burst_scenario scenario(const struct plan *plan)
{
    return (struct sim_burst_scenario){
        .n_bursts = 2,
        .forward = { .delay_ns = 20000, .lose = lost },
        .reverse = { .delay_ns = 20000 },
        .timeout_ns = 5 * SPD_NS_PER_MS,
        .context = (void *)(uintptr_t)plan,
        .on_world = arm,
    };
}

static void check_outcome(const char *row, struct sim_burst *b)
{
    const struct spd_diag *outcome = b->session ? &b->record->outcome : &b->diag;

    if (outcome->err) {
        CHECK_ROW(row, outcome->text[0] != 0);
        CHECK_ROW(row, outcome->err < SPD_ERR_COUNT);
    } else {
        CHECK_ROW_INT(row, b->record->n_bursts, 2);
    }
    if (!b->session)
        return;
    CHECK_ROW(row, b->finished);
    CHECK_ROW_INT(row, b->n_turns, b->n_turns_over);
    CHECK_ROW_INT(row, b->record->n_packets, 20 * b->record->n_bursts);
    if (b->record->n_packets > 0)
        sim_burst_check(row, b, SIM_CHECK_SOUND);
}

/* Judged with failing memory, too: then nothing may have changed. */
static void judge(const char *row, struct sim_burst *b)
{
    size_t n_bytes = b->record->n_packets * sizeof(*b->record->packets);
    void *before = exact_copy(b->record->packets, n_bytes);
    enum spd_err err = SPD_ERR_NOMEM;

    for (unsigned nth = 0; err; nth++) {
        armed = true;
        n_until_failure = nth;
        err = spd_fate_judge(b->record, NULL, 0);
        armed = false;
        CHECK_ROW(row, err == SPD_ERR_OK || err == SPD_ERR_NOMEM);
        if (err)
            CHECK_ROW(row, memcmp(before, b->record->packets, n_bytes) == 0);
    }
    free(before);
    err = SPD_ERR_NOMEM;
    for (unsigned nth = 0; err; nth++) {
        armed = true;
        n_until_failure = nth;
        err = spd_summary_compute(b->record, &b->summary);
        armed = false;
        CHECK_ROW(row, err == SPD_ERR_OK || err == SPD_ERR_NOMEM);
    }
    spd_summary_fini(&b->summary);
}

/* False when there is no call number nth any more. */
static bool run(const char *name, const struct plan *plan)
{
    struct sim_burst_scenario s = scenario(plan);
    long n_alive_before = n_alive;
    bool reached;
    struct sim_burst b;
    char row[64];

    snprintf(row, sizeof(row), "%s number %u fails with %s", name, plan->nth,
             spd_err_name(plan->err));
    sim_burst_create(&b, &s);
    while (b.session && sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    armed = false;
    reached = was_reached(plan);
    if (b.session) {
        judge(row, &b);
        sim_burst_judge(&b);
    }
    check_outcome(row, &b);
    sim_burst_destroy(&b);
    CHECK_ROW_INT(row, n_alive, n_alive_before);
    return reached;
}

static unsigned run_all(const char *name, enum kind kind, enum spd_err err)
{
    struct plan plan = { kind, 0, err };

    while (run(name, &plan)) {
        plan.nth++;
        if (plan.nth > 5000)
            fail_msg("%s: no end of calls", name);
    }
    return plan.nth;
}

static void every_failing_allocation_of_the_program_ends_well(void **state)
{
    (void)state;
    assert_in_range(run_all("allocation", ENGINE_ALLOCATION, SPD_ERR_NOMEM), 9, 200);
}

static void every_failing_allocation_of_the_system_ends_well(void **state)
{
    (void)state;
    assert_in_range(
        run_all("allocation behind the contract", (enum kind)SIM_CALL_ALLOCATION, SPD_ERR_NOMEM), 5,
        200);
}

static void every_failing_call_of_the_system_ends_well(void **state)
{
    static const struct {
        const char *name;
        enum sim_call call;
        enum spd_err err;
        unsigned n_least;
    } rows[] = {
        { "creating a port", SIM_CALL_CREATE, SPD_ERR_PERM, 1 },
        { "creating a port", SIM_CALL_CREATE, SPD_ERR_NOTSUP, 1 },
        { "opening a socket", SIM_CALL_OPEN, SPD_ERR_LIMIT, 2 },
        { "opening a socket", SIM_CALL_OPEN, SPD_ERR_NET_UNREACHABLE, 2 },
        { "page memory", SIM_CALL_PAGEMEM, SPD_ERR_NOMEM, 2 },
        { "commit", SIM_CALL_COMMIT, SPD_ERR_IO, 5 },
        { "post", SIM_CALL_POST, SPD_ERR_NOMEM, 2 },
        { "wait", SIM_CALL_WAIT, SPD_ERR_IO, 20 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        unsigned n = run_all(rows[i].name, (enum kind)rows[i].call, rows[i].err);

        CHECK_ROW(rows[i].name, n >= rows[i].n_least);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_of_the_program_ends_well),
        cmocka_unit_test(every_failing_allocation_of_the_system_ends_well),
        cmocka_unit_test(every_failing_call_of_the_system_ends_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
