/*
 * The count of sessions by host, against a plain list.
 */
#include "common/engine/reflector_hosts.h"

#include <stdio.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

#define N_MAX 16
#define N_ALL 40 /* hosts to choose from */

static struct spd_addr host(uint8_t i)
{
    return (struct spd_addr){ .family = i % 2 ? SPD_FAMILY_IPV4 : SPD_FAMILY_IPV6,
                              .bytes = { 192, 0, 2, i } };
}

static void impossible_sizes_are_refused(void **state)
{
    struct spd_reflector_hosts *hosts = NULL;

    (void)state;
    assert_int_equal(spd_reflector_hosts_create(0, 1, &hosts), SPD_ERR_INVALID);
    assert_int_equal(spd_reflector_hosts_create(SIZE_MAX / 64, 1, &hosts), SPD_ERR_INVALID);
    assert_null(hosts);
    spd_reflector_hosts_destroy(NULL);
}

static void ports_do_not_matter(void **state)
{
    struct spd_reflector_hosts *hosts = NULL;
    struct spd_addr a = host(1), b = a;

    (void)state;
    b.port = 4711;
    assert_int_equal(spd_reflector_hosts_create(1, 1, &hosts), SPD_ERR_OK);
    assert_int_equal(spd_reflector_hosts_count(hosts, &a), 0);
    spd_reflector_hosts_add(hosts, &a);
    spd_reflector_hosts_add(hosts, &b);
    assert_int_equal(spd_reflector_hosts_count(hosts, &b), 2);
    spd_reflector_hosts_remove(hosts, &a);
    spd_reflector_hosts_remove(hosts, &a);
    assert_int_equal(spd_reflector_hosts_count(hosts, &a), 0);
    spd_reflector_hosts_destroy(hosts);
}

/* A full table, in which hosts come and go: every place is found again. */
static void counts_are_those_of_a_plain_list(void **state)
{
    struct spd_random random = spd_random_start("reflector_hosts");
    struct spd_reflector_hosts *hosts = NULL;
    uint32_t counts[N_ALL] = { 0 };
    unsigned n_used = 0;

    (void)state;
    assert_int_equal(spd_reflector_hosts_create(N_MAX, spd_random_u64(&random), &hosts),
                     SPD_ERR_OK);
    for (int step = 0; step < 100000; step++) {
        uint8_t i = (uint8_t)spd_random_below(&random, N_ALL);
        struct spd_addr a = host(i);

        if (counts[i] > 0 && spd_random_below(&random, 2) == 0) {
            spd_reflector_hosts_remove(hosts, &a);
            n_used -= --counts[i] == 0;
        } else if (counts[i] > 0 || n_used < N_MAX) {
            spd_reflector_hosts_add(hosts, &a);
            n_used += counts[i]++ == 0;
        }
        for (uint8_t k = 0; k < N_ALL; k++) {
            a = host(k);
            assert_int_equal(spd_reflector_hosts_count(hosts, &a), counts[k]);
        }
    }
    spd_reflector_hosts_destroy(hosts);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(ports_do_not_matter),
        cmocka_unit_test(counts_are_those_of_a_plain_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
