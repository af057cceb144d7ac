/*
 * The contract of common/sys/host.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/host.h"

static void assert_clean_text(const char *name, const char *text, size_t capacity)
{
    if (memchr(text, 0, capacity) == NULL) {
        fail_msg("%s has no end", name);
    }
    for (const char *at = text; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            fail_msg("%s holds the control character %d", name, *at);
        }
    }
}

static void facts_are_texts_that_fit_a_result(void **state)
{
    struct spd_host host;

    (void)state;
    memset(&host, 0xa5, sizeof host);
    spd_host_read(&host);
    assert_clean_text("system", host.system, sizeof host.system);
    assert_clean_text("processor", host.processor, sizeof host.processor);
    assert_clean_text("hypervisor", host.hypervisor, sizeof host.hypervisor);
    assert_clean_text("clock_source", host.clock_source, sizeof host.clock_source);
    assert_clean_text("power_scheme", host.power_scheme, sizeof host.power_scheme);
    print_message("%s | %s | %u | virtual %d %s | %s | %s\n", host.system, host.processor,
                  host.n_processors, host.virtual_machine, host.hypervisor, host.clock_source,
                  host.power_scheme);
}

static void every_machine_has_a_system_a_processor_and_a_clock(void **state)
{
    struct spd_host host;

    (void)state;
    spd_host_read(&host);
    assert_true(host.system[0] != '\0');
    assert_true(host.processor[0] != '\0');
    assert_true(host.clock_source[0] != '\0');
    assert_in_range(host.n_processors, 1, 4096);
}

static void the_clock_source_is_that_of_the_stamps(void **state)
{
    struct spd_host host;

    (void)state;
    spd_host_read(&host);
    assert_int_equal(strncmp(spd_clock_source(), host.clock_source, strlen(host.clock_source)), 0);
}

static void only_a_virtual_machine_has_a_hypervisor(void **state)
{
    struct spd_host host;

    (void)state;
    spd_host_read(&host);
    if (host.hypervisor[0] != '\0') {
        assert_true(host.virtual_machine);
    }
}

static void facts_do_not_change_from_one_reading_to_the_next(void **state)
{
    struct spd_host first;
    struct spd_host second;

    (void)state;
    memset(&first, 0, sizeof first);
    memset(&second, 0xff, sizeof second);
    spd_host_read(&first);
    spd_host_read(&second);
    assert_string_equal(first.system, second.system);
    assert_string_equal(first.processor, second.processor);
    assert_string_equal(first.hypervisor, second.hypervisor);
    assert_string_equal(first.clock_source, second.clock_source);
    assert_int_equal(first.n_processors, second.n_processors);
    assert_int_equal(first.virtual_machine, second.virtual_machine);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_are_texts_that_fit_a_result),
        cmocka_unit_test(every_machine_has_a_system_a_processor_and_a_clock),
        cmocka_unit_test(the_clock_source_is_that_of_the_stamps),
        cmocka_unit_test(only_a_virtual_machine_has_a_hypervisor),
        cmocka_unit_test(facts_do_not_change_from_one_reading_to_the_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
