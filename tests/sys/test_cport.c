/*
 * The conformance suite of the completion port (common/sys/cport.h, udp.h):
 * one source, linked against the real system and against the simulated one.
 * Every case runs on a shared port and on a single-owner port, and again with
 * the features denied that the port has.
 */
#include <stdio.h>
#include <string.h>

#include "common/sys/console.h"
#include "common/sys/cport.h"
#include "tests/sys/cport_kit.h"

static const struct kit_case *const themes[] = {
    cport_post_cases, cport_thread_cases, cport_waiter_cases, cport_send_cases, cport_receive_cases,
    cport_meta_cases, cport_cancel_cases, cport_close_cases,  cport_icmp_cases, cport_stamp_cases,
};

static const struct mode {
    const char *name;
    struct spd_cport_config config;
} modes[] = {
    { "shared port", { .single_owner = false } },
    { "single-owner port", { .single_owner = true } },
    { "single-owner port, stamps not through the ring",
      { .single_owner = true, .denied_features = SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER } },
    { "single-owner port, nothing but the least",
      { .single_owner = true,
        .denied_features =
            SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER | SPD_CPORT_RIO } },
    { "shared port, nothing but the least",
      { .denied_features =
            SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP | SPD_CPORT_DEFER | SPD_CPORT_RIO } },
};

/* Whether denying these features changes anything here. */
static bool makes_a_difference(const struct spd_cport_config *config)
{
    struct spd_cport_config full = { .single_owner = config->single_owner };
    struct spd_cport_facts facts = { 0 };
    struct spd_cport *port;
    struct spd_diag diag;

    if (config->denied_features == 0)
        return true;
    if (spd_cport_create(&full, &port, &diag) != SPD_ERR_OK)
        return false;
    spd_cport_facts(port, &facts);
    spd_cport_close(port);
    spd_cport_destroy(port);
    return (facts.features & config->denied_features) != 0 && strcmp(facts.kind, "simulated") != 0;
}

int main(void)
{
    struct spd_diag diag = { 0 };
    int n_failed = 0;

    if (spd_console_init(&diag) != SPD_ERR_OK) {
        printf("cannot start: %s\n", diag.text);
        return 1;
    }
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        if (makes_a_difference(&modes[i].config))
            n_failed += kit_run_group(modes[i].name, &modes[i].config, themes,
                                      sizeof themes / sizeof themes[0]);
    }
    return n_failed ? 1 : 0;
}
