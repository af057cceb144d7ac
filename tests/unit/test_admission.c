/*
 * Who may test what now: rules, limits by user and in total, and the reasons.
 */
#include "service/admission.h"

#include <stdio.h>

#include "tests/unit/config_kit.h"
#include "tests/unit/unit.h"

static struct spd_local_group groups[] = { { "1000", "alice" }, { "27", "helpdesk" } };
static const struct spd_local_peer alice = {
    .user = "alice", .user_id = "1000", .n_groups = 2, .groups = groups
};
static const struct spd_local_peer bob = { .user = "bob", .user_id = "1001" };
static const struct spd_local_peer root = { .user = "root", .user_id = "0", .is_admin = true };

static struct spd_local_group domain_groups[] = {
    { "S-1-5-21-1-2-3-513", "EXAMPLE\\Domain Users" },
};
static const struct spd_local_peer carol = { .user = "EXAMPLE\\Carol",
                                             .user_id = "S-1-5-21-1-2-3-1104",
                                             .n_groups = 1,
                                             .groups = domain_groups };

/* A voice stream to a host. */
static struct spd_test_demand demand_of(const char *target)
{
    struct spd_test_demand demand = { .command = SPD_COMMAND_STREAM,
                                      .n_packets = 1000,
                                      .rate_bps = 80000,
                                      .memory_bytes = 1 << 20,
                                      .n_targets = 1,
                                      .n_classes = 1,
                                      .dscp = { 46 } };

    snprintf(demand.target[0], sizeof(demand.target[0]), "%s", target);
    return demand;
}

static struct spd_diag diag;

static enum spd_err ask(const struct spd_config *config, const struct spd_local_peer *user,
                        const struct spd_test_demand *demand,
                        const struct spd_admission_running *running, size_t n)
{
    struct spd_admission_request request = { .demand = demand };

    for (size_t i = 0; i < demand->n_targets; i++)
        (void)spd_addr_parse_host(demand->target[i], &request.target[i]);
    diag = (struct spd_diag){ 0 };
    return spd_admission_ask(config, user, &request, running, n, &diag);
}

static void check(const char *row, enum spd_err got, enum spd_err expected, const char *says)
{
    if (got != expected)
        fail_msg("row \"%s\": %s (%s), expected %s", row, spd_err_name(got), diag.text,
                 spd_err_name(expected));
    if (says && !strstr(diag.text, says))
        fail_msg("row \"%s\": it says \"%s\", not \"%s\"", row, diag.text, says);
    if (got)
        CHECK_ROW_INT(row, diag.err, got);
}

/* --------------------------------------------------------------------- rules */

static void a_rule_names_users_and_groups(void **state)
{
    static const struct {
        const char *names;
        const struct spd_local_peer *user;
        bool in;
    } rows[] = {
        { "users = alice", &alice, true },
        { "users = bob", &alice, false },
        { "users = bob, alice", &alice, true },
        { "users = 1000", &alice, true },
        { "users = Alice", &alice, false },
        { "users = ali", &alice, false },
        { "users = helpdesk", &alice, false },
        { "users = *", &bob, true },
        { "groups = helpdesk", &alice, true },
        { "groups = 27", &alice, true },
        { "groups = helpdesk", &bob, false },
        { "groups = *", &bob, false },
        { "users = bob\ngroups = helpdesk", &alice, true },
        { "users = EXAMPLE\\Carol", &carol, true },
        { "users = example\\carol", &carol, true },
        { "users = carol", &carol, false },
        { "users = S-1-5-21-1-2-3-1104", &carol, true },
        { "groups = EXAMPLE\\domain users", &carol, true },
        { "groups = S-1-5-21-1-2-3-513", &carol, true },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_test_demand demand = demand_of("192.0.2.7");
        struct spd_config *config;
        char text[200];

        snprintf(text, sizeof(text), "[allow \"x\"]\n%s\n", rows[i].names);
        config = config_kit_good(text);
        check(rows[i].names, ask(config, rows[i].user, &demand, NULL, 0),
              rows[i].in ? SPD_ERR_OK : SPD_ERR_PERM, rows[i].in ? NULL : "no rule allows");
        spd_config_free(config);
    }
}

static void a_target_is_one_of_the_rule(void **state)
{
    static const struct {
        const char *targets, *target;
        bool in;
    } rows[] = {
        { "192.0.2.0/24", "192.0.2.7", true },
        { "192.0.2.0/24", "192.0.3.7", false },
        { "192.0.2.7", "192.0.2.7", true },
        { "2001:db8::/32", "2001:db8::7", true },
        { "192.0.2.0/24", "::ffff:192.0.2.7", true },
        { "0.0.0.0/0", "pc7.example", false }, /* nobody knows what it means */
        { "0.0.0.0/0, ::/0", "pc7.example", false },
        { "pc7.example", "pc7.example", true },
        { "pc7.example", "PC7.Example.", true },
        { "pc7.example", "pc8.example", false },
        { "pc7.example", "xpc7.example", false },
        { "*.example", "pc7.example", true },
        { "*.example", "a.b.example", true },
        { "*.example", "example", false },
        { "*.example", ".example", false },
        { "*.example", "notexample", false },
        { "*.example", "pc7.example.evil", false },
        { "10.0.0.0/8, *.example, 192.0.2.7", "192.0.2.7", true },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_test_demand demand = demand_of(rows[i].target);
        struct spd_config *config;
        char text[200];

        snprintf(text, sizeof(text), "[allow \"x\"]\nusers = *\ntargets = %s\n", rows[i].targets);
        config = config_kit_good(text);
        snprintf(text, sizeof(text), "%s to %s", rows[i].targets, rows[i].target);
        check(text, ask(config, &bob, &demand, NULL, 0), rows[i].in ? SPD_ERR_OK : SPD_ERR_PERM,
              rows[i].in ? NULL : "is none of them");
        spd_config_free(config);
    }
}

static void the_target_of_noise_counts_too(void **state)
{
    struct spd_config *config =
        config_kit_good("[allow \"x\"]\nusers = *\ntargets = 192.0.2.0/24\n");
    struct spd_test_demand demand = demand_of("192.0.2.7");

    (void)state;
    demand.n_targets = 2;
    snprintf(demand.target[1], sizeof(demand.target[1]), "198.51.100.1");
    check("elsewhere", ask(config, &bob, &demand, NULL, 0), SPD_ERR_PERM, "198.51.100.1");
    snprintf(demand.target[1], sizeof(demand.target[1]), "192.0.2.8");
    check("there", ask(config, &bob, &demand, NULL, 0), SPD_ERR_OK, NULL);
    spd_config_free(config);
}

static void a_rule_says_what_it_does_not_allow(void **state)
{
    static const struct {
        const char *rule;
        struct spd_test_demand demand;
        const char *says; /* NULL: allowed */
    } rows[] = {
        { "commands = burst, qos",
          { .command = SPD_COMMAND_STREAM },
          "the rule 'x' does not allow stampede stream" },
        { "commands = stream", { .command = SPD_COMMAND_STREAM }, NULL },
        { "max-rate = 1Mbit",
          { .rate_bps = 5000000 },
          "the rule 'x' allows at most 1 Mbit/s; this test sends 5 Mbit/s" },
        { "max-rate = 1Mbit", { .rate_bps = 1000000 }, NULL },
        { "max-packets = 10",
          { .n_packets = 11 },
          "the rule 'x' allows at most 10 packets; this test may send 11" },
        { "max-packets = 10", { .n_packets = 10 }, NULL },
        { "classes = EF, BE",
          { .n_classes = 2, .dscp = { 0, 34 } },
          "the rule 'x' does not allow packets of class AF41" },
        { "classes = EF", { .n_classes = 1, .dscp = { 1 } }, "class " },
        { "classes = EF, BE", { .n_classes = 2, .dscp = { 0, 46 } }, NULL },
        { "classes = 63", { .n_classes = 1, .dscp = { 63 } }, NULL },
        { "max-packets = 10", { .reads_file = true }, "administrators" },
        { "max-packets = 10", { .spins = true }, "administrators" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_test_demand demand = rows[i].demand;
        struct spd_config *config;
        char text[200];

        demand.command = demand.command ? demand.command : SPD_COMMAND_BURST;
        snprintf(text, sizeof(text), "[allow \"x\"]\nusers = bob\n%s\n", rows[i].rule);
        config = config_kit_good(text);
        check(rows[i].rule, ask(config, &bob, &demand, NULL, 0),
              rows[i].says ? SPD_ERR_PERM : SPD_ERR_OK, rows[i].says);
        check("administrators need no rule", ask(config, &root, &demand, NULL, 0), SPD_ERR_OK,
              NULL);
        spd_config_free(config);
    }
}

static void one_rule_must_allow_all_of_it(void **state)
{
    struct spd_config *config = config_kit_good("[allow \"slow\"]\nusers = bob\nmax-rate = 10kbit\n"
                                                "[allow \"alice\"]\nusers = alice\n"
                                                "[allow \"near\"]\nusers = bob\n"
                                                "targets = 192.0.2.0/24\n");
    struct spd_test_demand demand = demand_of("192.0.2.7");

    (void)state;
    check("by the third", ask(config, &bob, &demand, NULL, 0), SPD_ERR_OK, NULL);
    snprintf(demand.target[0], sizeof(demand.target[0]), "198.51.100.1");
    check("parts of two are not enough", ask(config, &bob, &demand, NULL, 0), SPD_ERR_PERM,
          "'near'");
    demand.rate_bps = 10000;
    check("by the first", ask(config, &bob, &demand, NULL, 0), SPD_ERR_OK, NULL);
    spd_config_free(config);
}

static void without_rules_only_administrators_and_the_service_may(void **state)
{
    struct spd_config *config = config_kit_good("");
    struct spd_test_demand demand = demand_of("192.0.2.7");

    (void)state;
    check("bob", ask(config, &bob, &demand, NULL, 0), SPD_ERR_PERM, "no rule allows bob");
    check("root", ask(config, &root, &demand, NULL, 0), SPD_ERR_OK, NULL);
    check("service", ask(config, NULL, &demand, NULL, 0), SPD_ERR_OK, NULL);
    spd_config_free(config);
}

/* -------------------------------------------------------------------- limits */

#define USERS "[allow \"x\"]\nusers = *\n[limits]\n"

static struct spd_admission_running running_of(const struct spd_local_peer *user,
                                               const char *target)
{
    struct spd_test_demand demand = demand_of(target);
    struct spd_admission_request request = { .demand = &demand };
    struct spd_admission_running running;

    spd_admission_enter(user, &request, &running);
    return running;
}

/* One of bob's, one of alice's, one of the service run already; each sends 1,000
 * packets with 80 kbit/s and takes 1 MiB. Each row is a limit that bites, and
 * the same one step higher, which does not. */
static void limits_bite_by_user_and_in_total(void **state)
{
    static const struct {
        const char *limit, *next;
        enum spd_err err;
        const char *says;
    } rows[] = {
        { "user-tests = 1", "user-tests = 2", SPD_ERR_FULL, "user-tests is 1" },
        { "total-tests = 3", "total-tests = 4", SPD_ERR_FULL, "total-tests is 3" },
        { "user-tests = 0", "user-tests = 2", SPD_ERR_LIMIT, "user-tests is 0" },
        { "user-packets = 1999", "user-packets = 2000", SPD_ERR_FULL, "would be 2000" },
        { "user-packets = 999", "user-packets = 2000", SPD_ERR_LIMIT, "alone takes 1000" },
        { "total-packets = 3999", "total-packets = 4000", SPD_ERR_FULL, "try later" },
        { "user-rate = 159999", "user-rate = 160000", SPD_ERR_FULL, "160 kbit/s" },
        { "user-rate = 79kbit", "user-rate = 160kbit", SPD_ERR_LIMIT, "79 kbit/s" },
        { "total-rate = 319999", "total-rate = 320kbit", SPD_ERR_FULL, "total-rate" },
        { "user-memory = 1.5MiB", "user-memory = 2MiB", SPD_ERR_FULL, "2.0 MiB" },
        { "total-memory = 3.5MiB", "total-memory = 4MiB", SPD_ERR_FULL, "total-memory" },
        { "user-targets = 1", "user-targets = 2", SPD_ERR_FULL, "user-targets" },
        { "total-targets = 3", "total-targets = 4", SPD_ERR_FULL, "total-targets" },
    };
    struct spd_admission_running running[] = {
        running_of(&bob, "192.0.2.1"),
        running_of(&alice, "192.0.2.2"),
        running_of(NULL, "192.0.2.3"),
    };
    struct spd_test_demand demand = demand_of("192.0.2.4");

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_config *config;
        char text[200];

        snprintf(text, sizeof(text), USERS "%s\n", rows[i].limit);
        config = config_kit_good(text);
        check(rows[i].limit, ask(config, &bob, &demand, running, 3), rows[i].err, rows[i].says);
        if (strncmp(rows[i].limit, "user", 4) == 0)
            check("not of administrators", ask(config, &root, &demand, running, 3), SPD_ERR_OK,
                  NULL);
        else
            check("of administrators too", ask(config, &root, &demand, running, 3), rows[i].err,
                  NULL);
        spd_config_free(config);
        snprintf(text, sizeof(text), USERS "%s\n", rows[i].next);
        config = config_kit_good(text);
        check(rows[i].next, ask(config, &bob, &demand, running, 3), SPD_ERR_OK, NULL);
        spd_config_free(config);
    }
}

static void a_target_counts_once(void **state)
{
    struct spd_config *config = config_kit_good(USERS "user-targets = 1\nuser-tests = 9\n");
    struct spd_admission_running running[] = { running_of(&bob, "192.0.2.1") };
    struct spd_test_demand demand = demand_of("192.0.2.1");

    (void)state;
    check("the same", ask(config, &bob, &demand, running, 1), SPD_ERR_OK, NULL);
    demand = demand_of("192.0.2.2");
    check("another", ask(config, &bob, &demand, running, 1), SPD_ERR_FULL, "user-targets");
    spd_config_free(config);
}

static void sums_do_not_wrap(void **state)
{
    struct spd_config *config = config_kit_good("");
    struct spd_admission_running running[] = { running_of(NULL, "192.0.2.1") };
    struct spd_test_demand demand = demand_of("192.0.2.1");

    (void)state;
    running[0].n_packets = UINT64_MAX;
    demand.n_packets = 2;
    check("packets", ask(config, NULL, &demand, running, 1), SPD_ERR_FULL, "total-packets");
    running[0].n_packets = 0;
    running[0].rate_bps = UINT64_MAX - 1;
    check("rate", ask(config, NULL, &demand, running, 1), SPD_ERR_FULL, "total-rate");
    spd_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_names_users_and_groups),
        cmocka_unit_test(a_target_is_one_of_the_rule),
        cmocka_unit_test(the_target_of_noise_counts_too),
        cmocka_unit_test(a_rule_says_what_it_does_not_allow),
        cmocka_unit_test(one_rule_must_allow_all_of_it),
        cmocka_unit_test(without_rules_only_administrators_and_the_service_may),
        cmocka_unit_test(limits_bite_by_user_and_in_total),
        cmocka_unit_test(a_target_counts_once),
        cmocka_unit_test(sums_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, config_kit_set_up, NULL);
}
