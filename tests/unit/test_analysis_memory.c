/*
 * What an analysis takes at its height: the figure that flow_summary.h promises
 * and that keeps stampede analyze below twice the log. The linker sends the
 * modules' calls here (--wrap).
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/analysis/flow_summary.h"
#include "tests/support/random.h"

enum { N = 300000 };

/* Besides: what does not grow with the flow. */
#define MORE_BYTES (512 * 1024)

void *__real_malloc(size_t n);
void __real_free(void *memory);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void __wrap_free(void *memory);

/* In front of each block, so that what is given back can be told. */
union size {
    size_t n;
    max_align_t aligned;
};

static size_t n_live, n_peak;

void *__wrap_malloc(size_t n)
{
    union size *block = __real_malloc(n + sizeof *block);

    if (block == NULL)
        return NULL;
    block->n = n;
    n_live += n;
    n_peak = n_live > n_peak ? n_live : n_peak;
    return block + 1;
}

void *__wrap_calloc(size_t n, size_t size)
{
    void *memory = __wrap_malloc(n * size);

    return memory != NULL ? memset(memory, 0, n * size) : NULL;
}

void __wrap_free(void *memory)
{
    union size *block = memory;

    if (memory == NULL)
        return;
    n_live -= block[-1].n;
    __real_free(block - 1);
}

static struct spd_flow_packet packets[N];

/* A flow with skew and a jump, in which packets are lost, and some overtake
 * others on either way: then both send times and arrivals need sorting. */
static void make_flow(struct spd_random *random)
{
    for (size_t i = 0; i < N; i++) {
        struct spd_flow_packet *p = &packets[i];
        int64_t far_ns = (int64_t)i * 200 + (i > N / 2 ? SPD_NS_PER_S : 0);
        int64_t late_ns = spd_random_below(random, 100) == 0 ? 50 * SPD_NS_PER_MS : 0;

        *p = (struct spd_flow_packet){ .seq = (uint32_t)i, .flags = SPD_FLOW_SENT };
        p->t1_ns = INT64_C(1700000000000000000) + (int64_t)i * 20 * SPD_NS_PER_MS;
        if (spd_random_below(random, 100) == 0)
            continue;
        p->flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED;
        p->t2_ns = p->t1_ns + far_ns + late_ns + (int64_t)spd_random_below(random, 100000);
        p->t3_ns = p->t2_ns + 1000;
        p->t4_ns = p->t3_ns - far_ns + late_ns + (int64_t)spd_random_below(random, 100000);
    }
}

static void an_analysis_takes_what_its_header_says(void **state)
{
    struct spd_random random = spd_random_start(__func__);

    (void)state;
    make_flow(&random);
    for (int d = 0; d < 2; d++)
        for (enum spd_skew_method method = 0; method < SPD_SKEW_METHOD_COUNT; method++) {
            struct spd_flow_options o = spd_flow_options_default((enum spd_flow_direction)d);
            struct spd_flow_corrections found;
            struct spd_flow_summary s;
            size_t before = n_live;

            o.skew_method = method;
            n_peak = n_live;
            assert_int_equal(spd_flow_summary_find(packets, N, &o, &found), SPD_ERR_OK);
            o.found = &found;
            assert_int_equal(spd_flow_summary_compute(packets, N, &o, NULL, NULL, &s), SPD_ERR_OK);
            assert_true(s.jumps_removed && s.skew_removed && s.reorder.n_reordered > 0);
            printf("%s, direction %d: %.1f bytes a packet\n", spd_skew_method_text(method), d,
                   (double)(n_peak - before) / N);
            CHECK_ROW(spd_skew_method_text(method), n_peak - before <= 40 * (size_t)N + MORE_BYTES);
            assert_int_equal(n_live, before);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_analysis_takes_what_its_header_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
