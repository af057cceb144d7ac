/*
 * Every allocation and every call of the system fails once under paced flows:
 * the test ends with a reason, or copes, hands over every record, and leaves
 * nothing behind.
 *
 * Linked with wrapped allocators, which fail the n-th calloc of the program
 * itself. The simulator's own memory never fails.
 */
#include "tests/sim/sim_flows.h"

/* ---- allocators ---- */

struct sim_set;
void *__real_calloc(size_t n, size_t size);
void *__real_sim_alloc(size_t n);
void *__real_sim_contract_alloc(size_t n);
void __real_sim_set_copy(struct sim_set *set, const struct sim_list *list);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_sim_alloc(size_t n);
void *__wrap_sim_contract_alloc(size_t n);
void __wrap_sim_set_copy(struct sim_set *set, const struct sim_list *list);

static bool armed, failed;
static unsigned in_simulator;
static unsigned n_until_failure;

void *__wrap_calloc(size_t n, size_t size)
{
    if (armed && in_simulator == 0 && n_until_failure-- == 0) {
        armed = false;
        failed = true;
        return NULL;
    }
    return __real_calloc(n, size);
}

void *__wrap_sim_alloc(size_t n)
{
    void *memory;

    in_simulator++;
    memory = __real_sim_alloc(n);
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

static void check_records(const char *row)
{
    for (size_t i = 0; i < 2; i++) {
        const struct spd_flow_counts *c = &sf.record->counts[i];
        uint32_t n = 0, n_sent = 0, n_returned = 0;

        CHECK_ROW_INT(row, c->n_sent + c->n_not_sent, sf.record->n_packets[i]);
        for (uint32_t k = 0; k < sf.record->n_packets[i]; k++) {
            unsigned flags = sf.record->packets[i][k].flags;

            CHECK_ROW(row, !(flags & SPD_FLOW_SENT) != !(flags & SPD_FLOW_NOT_SENT));
            n_sent += !!(flags & SPD_FLOW_SENT);
            n_returned += !!(flags & SPD_FLOW_RETURNED);
        }
        CHECK_ROW_INT(row, n_sent, c->n_sent);
        CHECK_ROW_INT(row, n_returned, c->n_returned);
        for (size_t k = 0; k < sf.n_taken; k++)
            n += sf.taken[k].flow == i && !(sf.taken[k].flags & SPD_FLOW_DUPLICATE);
        CHECK_ROW_INT(row, n, sf.record->n_packets[i]);
    }
}

/* Everything is made anew, and call or allocation number nth of the test fails.
 * False when there is none any more. A slow reader lets a
 * ring of two records fill up. */
static bool run(const char *name, int call, unsigned nth, enum spd_err err, bool slow_reader)
{
    uint64_t n_before = 0;
    const struct spd_diag *outcome;
    char row[80];
    bool reached;

    snprintf(row, sizeof(row), "%s number %u fails with %s%s", name, nth, spd_err_name(err),
             slow_reader ? ", slow reader" : "");
    sim_flows_prepare(nth + 1);
    sf.spec.flows[0].info.n_packets = sf.spec.flows[1].info.n_packets = 10;
    sf.spec.timeout_ns = 50 * MS;
    sim_flows_add_noise(SPD_PACING_INTERVAL, 0);
    sim_flows_start_hosts();
    failed = false;
    if (call < 0) {
        n_until_failure = nth;
        armed = true;
    } else {
        n_before = sim_calls((enum sim_call)call);
        sim_fail_call((enum sim_call)call, nth, err);
    }
    sf.ring_unread = slow_reader;
    if (slow_reader)
        sf.ring_records = 2;
    sim_flows_start_test();
    if (sf.flows) {
        for (unsigned n = 0; sim_flows_step(10 * MS); n++) {
            if (n == 200)
                sf.ring_unread = false;
            if (n > 100000)
                fail_msg("row \"%s\": it steps for ever", row);
        }
        sf.ring_unread = false;
        CHECK_ROW(row, !sim_flows_step(0)); /* takes the last records */
        CHECK_ROW_INT(row, sf.n_finished, 1);
    }
    armed = false;
    reached = call < 0 ? failed : sim_calls((enum sim_call)call) > n_before + nth;
    outcome = sf.flows ? &sf.record->outcome : &sf.diag;
    if (outcome->err)
        CHECK_ROW(row, outcome->text[0] != '\0');
    if (sf.flows)
        check_records(row);
    sim_flows_end(NULL);
    return reached;
}

static unsigned run_all(const char *name, int call, enum spd_err err, bool slow_reader)
{
    unsigned nth = 0;

    while (run(name, call, nth, err, slow_reader))
        if (++nth > 3000)
            fail_msg("%s: no end of calls", name);
    return nth;
}

static void every_failing_allocation_of_the_program_ends_well(void **state)
{
    (void)state;
    assert_in_range(run_all("allocation", -1, SPD_ERR_NOMEM, false), 15, 200);
}

static void every_failing_call_of_the_system_ends_well(void **state)
{
    static const struct {
        const char *name;
        enum sim_call call;
        enum spd_err err;
        unsigned n_least;
    } rows[] = {
        { "allocation behind the contract", SIM_CALL_ALLOCATION, SPD_ERR_NOMEM, 5 },
        { "creating a port", SIM_CALL_CREATE, SPD_ERR_PERM, 1 },
        { "opening a socket", SIM_CALL_OPEN, SPD_ERR_LIMIT, 3 },
        { "page memory", SIM_CALL_PAGEMEM, SPD_ERR_NOMEM, 3 },
        { "commit", SIM_CALL_COMMIT, SPD_ERR_IO, 20 },
        { "wait", SIM_CALL_WAIT, SPD_ERR_IO, 20 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++)
        for (int slow = 0; slow < 2; slow++) {
            unsigned n = run_all(rows[i].name, (int)rows[i].call, rows[i].err, slow);

            CHECK_ROW(rows[i].name, n >= rows[i].n_least);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failing_allocation_of_the_program_ends_well),
        cmocka_unit_test(every_failing_call_of_the_system_ends_well),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
