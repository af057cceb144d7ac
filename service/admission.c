/*
 * Rules first, then each limit by itself, then beside what runs. Any thread.
 */
#include "service/admission.h"

#include <stdio.h>
#include <string.h>

#include "common/base/dscp.h"
#include "common/base/text.h"

static bool has_capital(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool equal_nocase(const char *a, size_t n_a, const char *b, size_t n_b)
{
    if (n_a != n_b)
        return false;
    for (size_t i = 0; i < n_a; i++)
        if ((has_capital(a[i]) ? a[i] + 32 : a[i]) != (has_capital(b[i]) ? b[i] + 32 : b[i]))
            return false;
    return true;
}

/* For people: 5 Mbit/s, 64 kbit/s, 100 bit/s. */
static const char *rate_text(uint64_t bps, char text[40])
{
    static const char *const units[] = { "bit/s", "kbit/s", "Mbit/s", "Gbit/s" };
    double value = (double)bps;
    size_t i = 0;

    for (; value >= 1000 && i < 3; i++)
        value /= 1000;
    snprintf(text, 40, "%.4g %s", value, units[i]);
    return text;
}

/* ------------------------------------------------------------------- rules */

/* Names with a domain ("EXAMPLE\\alice") mean the same in any case. */
static bool is_name(const char *text, const char *name)
{
    return strchr(name, '\\') ? equal_nocase(text, strlen(text), name, strlen(name))
                              : strcmp(text, name) == 0;
}

static bool names_user(const struct spd_config_rule *rule, const struct spd_local_peer *user)
{
    for (size_t i = 0; i < rule->users.n; i++) {
        const char *text = rule->users.text[i];

        if (strcmp(text, "*") == 0 || is_name(text, user->user) || strcmp(text, user->user_id) == 0)
            return true;
    }
    for (size_t i = 0; i < rule->groups.n; i++)
        for (size_t k = 0; k < user->n_groups; k++)
            if (is_name(rule->groups.text[i], user->groups[k].name) ||
                strcmp(rule->groups.text[i], user->groups[k].id) == 0)
                return true;
    return false;
}

/* "*.example" is any name that ends in ".example". A dot at the end of a name
 * says nothing. */
static bool matches_host(const char *pattern, const char *host)
{
    size_t n_pattern = strlen(pattern), n_host = strlen(host);

    if (n_host > 0 && host[n_host - 1] == '.')
        n_host--;
    if (n_pattern > 0 && pattern[n_pattern - 1] == '.')
        n_pattern--;
    if (strncmp(pattern, "*.", 2) != 0)
        return equal_nocase(pattern, n_pattern, host, n_host);
    return n_host > n_pattern - 1 &&
           equal_nocase(pattern + 1, n_pattern - 1, host + n_host - (n_pattern - 1), n_pattern - 1);
}

static bool allows_target(const struct spd_config_rule *rule, const char *host,
                          const struct spd_addr *address)
{
    for (size_t i = 0; i < rule->targets.n; i++) {
        const struct spd_config_target *t = &rule->targets.target[i];

        if (t->is_network ? spd_network_contains(&t->network, address)
                          : matches_host(t->host, host))
            return true;
    }
    return rule->targets.n == 0;
}

static enum spd_err refuse_target(const struct spd_config_rule *rule, const char *host,
                                  const struct spd_addr *address, struct spd_diag *diag)
{
    char names[160] = "";
    size_t n = 0;

    for (size_t i = 0; i < rule->targets.n && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "",
                              rule->targets.target[i].host);
    return spd_diag_set(
        diag, SPD_ERR_PERM, 0, "the rule '%s' allows tests to %s%s; %s is none of them%s",
        rule->name, names, n >= sizeof(names) ? "..." : "", host,
        address->family == SPD_FAMILY_NONE ? " (networks are for targets given as an address)"
                                           : "");
}

static enum spd_err check_classes(const struct spd_config_rule *rule,
                                  const struct spd_test_demand *demand, struct spd_diag *diag)
{
    for (size_t i = 0; i < demand->n_classes; i++) {
        const char *name = spd_dscp_name(demand->dscp[i]);
        char number[8];

        snprintf(number, sizeof(number), "%u", demand->dscp[i]);
        if (!(rule->dscp_mask >> demand->dscp[i] & 1))
            return spd_diag_set(diag, SPD_ERR_PERM, 0,
                                "the rule '%s' does not allow packets of class %s", rule->name,
                                name ? name : number);
    }
    return SPD_ERR_OK;
}

static enum spd_err check_rule(const struct spd_config_rule *rule,
                               const struct spd_admission_request *request, struct spd_diag *diag)
{
    const struct spd_test_demand *demand = request->demand;
    char most[40], wanted[40];

    if (!(rule->commands & demand->command))
        return spd_diag_set(diag, SPD_ERR_PERM, 0, "the rule '%s' does not allow stampede %s",
                            rule->name, spd_test_command_name(demand->command));
    for (size_t i = 0; i < demand->n_targets; i++)
        if (!allows_target(rule, demand->target[i], &request->target[i]))
            return refuse_target(rule, demand->target[i], &request->target[i], diag);
    if (rule->rate_bps_max && demand->rate_bps > rule->rate_bps_max)
        return spd_diag_set(
            diag, SPD_ERR_PERM, 0, "the rule '%s' allows at most %s; this test sends %s",
            rule->name, rate_text(rule->rate_bps_max, most), rate_text(demand->rate_bps, wanted));
    if (rule->n_packets_max && demand->n_packets > rule->n_packets_max)
        return spd_diag_set(diag, SPD_ERR_PERM, 0,
                            "the rule '%s' allows at most %llu packets; this test may send %llu",
                            rule->name, (unsigned long long)rule->n_packets_max,
                            (unsigned long long)demand->n_packets);
    return check_classes(rule, demand, diag);
}

/* One rule must allow all of it. When none does, the last one that names the
 * user says why. */
static enum spd_err check_rules(const struct spd_config *config, const struct spd_local_peer *user,
                                const struct spd_admission_request *request, struct spd_diag *diag)
{
    const struct spd_test_demand *demand = request->demand;
    bool named = false;

    if (demand->reads_file)
        return spd_diag_set(diag, SPD_ERR_PERM, 0,
                            "packet sizes from a file (@) are for administrators: the service "
                            "would read it in its own name");
    if (demand->spins)
        return spd_diag_set(diag, SPD_ERR_PERM, 0,
                            "--spin is for administrators: it keeps a processor busy");
    for (size_t i = 0; i < config->n_rules; i++) {
        if (!names_user(&config->rules[i], user))
            continue;
        named = true;
        if (!check_rule(&config->rules[i], request, diag))
            return SPD_ERR_OK;
    }
    if (named)
        return SPD_ERR_PERM; /* the diag is that of the rule */
    return spd_diag_set(diag, SPD_ERR_PERM, 0,
                        "no rule allows %s tests by the service; an administrator may add [allow "
                        "\"...\"] with users = %s to the configuration",
                        user->user, user->user);
}

/* ------------------------------------------------------------------ limits */

struct sums {
    uint64_t n_tests, n_packets, rate_bps, memory_bytes;
    size_t n_targets;
    const char *target[2 * 64 + SPD_DEMAND_TARGETS_MAX];
};

static uint64_t add(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static void add_target(struct sums *sums, const char *target)
{
    for (size_t i = 0; i < sums->n_targets; i++)
        if (strcmp(sums->target[i], target) == 0)
            return;
    if (sums->n_targets < sizeof(sums->target) / sizeof(sums->target[0]))
        sums->target[sums->n_targets++] = target;
}

static void add_running(struct sums *sums, const struct spd_admission_running *r)
{
    sums->n_tests++;
    sums->n_packets = add(sums->n_packets, r->n_packets);
    sums->rate_bps = add(sums->rate_bps, r->rate_bps);
    sums->memory_bytes = add(sums->memory_bytes, r->memory_bytes);
    for (size_t i = 0; i < r->n_targets; i++)
        add_target(sums, r->target[i]);
}

static enum spd_err exceed(struct spd_diag *diag, enum spd_err err, const char *whose,
                           const char *what, const char *most, const char *wanted)
{
    if (err == SPD_ERR_LIMIT)
        return spd_diag_set(diag, err, 0, "[limits] %s-%s is %s; this test alone takes %s", whose,
                            what, most, wanted);
    return spd_diag_set(diag, err, 0,
                        "[limits] %s-%s is %s; with the tests that run already it would be %s; "
                        "try later",
                        whose, what, most, wanted);
}

static enum spd_err check_number(struct spd_diag *diag, enum spd_err err, const char *whose,
                                 const char *what, uint64_t most, uint64_t wanted)
{
    char most_text[24], wanted_text[24];

    if (wanted <= most)
        return SPD_ERR_OK;
    snprintf(most_text, sizeof(most_text), "%llu", (unsigned long long)most);
    snprintf(wanted_text, sizeof(wanted_text), "%llu", (unsigned long long)wanted);
    return exceed(diag, err, whose, what, most_text, wanted_text);
}

static enum spd_err check_memory(struct spd_diag *diag, enum spd_err err, const char *whose,
                                 uint64_t most, uint64_t wanted)
{
    char most_text[40], wanted_text[40];

    if (wanted <= most)
        return SPD_ERR_OK;
    snprintf(most_text, sizeof(most_text), "%.1f MiB", (double)most / 1048576);
    snprintf(wanted_text, sizeof(wanted_text), "%.1f MiB", (double)wanted / 1048576);
    return exceed(diag, err, whose, "memory", most_text, wanted_text);
}

static enum spd_err check_sums(const struct spd_config_limits *limits, const struct sums *sums,
                               const char *whose, enum spd_err err, struct spd_diag *diag)
{
    char most[40], wanted[40];

    if (check_number(diag, err, whose, "tests", limits->n_tests, sums->n_tests) ||
        check_number(diag, err, whose, "packets", limits->n_packets, sums->n_packets) ||
        check_number(diag, err, whose, "targets", limits->n_targets, sums->n_targets) ||
        check_memory(diag, err, whose, limits->memory_bytes, sums->memory_bytes))
        return err;
    if (sums->rate_bps > limits->rate_bps)
        return exceed(diag, err, whose, "rate", rate_text(limits->rate_bps, most),
                      rate_text(sums->rate_bps, wanted));
    return SPD_ERR_OK;
}

/* The test by itself, then with those that run; of one user, or of all. */
static enum spd_err check_limits(const struct spd_config_limits *limits, const char *whose,
                                 const char *user_id, const struct spd_admission_running *wanted,
                                 const struct spd_admission_running *running, size_t n_running,
                                 struct spd_diag *diag)
{
    struct sums sums = { 0 };
    enum spd_err err;

    add_running(&sums, wanted);
    err = check_sums(limits, &sums, whose, SPD_ERR_LIMIT, diag);
    if (err)
        return err;
    for (size_t i = 0; i < n_running; i++)
        if (!user_id || strcmp(running[i].user_id, user_id) == 0)
            add_running(&sums, &running[i]);
    return check_sums(limits, &sums, whose, SPD_ERR_FULL, diag);
}

/* ------------------------------------------------------------------ public */

void spd_admission_enter(const struct spd_local_peer *user,
                         const struct spd_admission_request *request,
                         struct spd_admission_running *out)
{
    const struct spd_test_demand *demand = request->demand;
    char text[SPD_ADDR_TEXT_BYTES];

    memset(out, 0, sizeof(*out));
    spd_text_copy(out->user_id, sizeof(out->user_id), user ? user->user_id : "");
    out->n_packets = demand->n_packets;
    out->rate_bps = demand->rate_bps;
    out->memory_bytes = demand->memory_bytes;
    out->n_targets = demand->n_targets;
    for (size_t i = 0; i < demand->n_targets; i++)
        spd_text_copy(out->target[i], sizeof(out->target[i]),
                      request->target[i].family ? spd_addr_format_host(&request->target[i], text)
                                                : demand->target[i]);
}

enum spd_err spd_admission_ask(const struct spd_config *config, const struct spd_local_peer *user,
                               const struct spd_admission_request *request,
                               const struct spd_admission_running *running, size_t n_running,
                               struct spd_diag *diag)
{
    bool privileged = !user || user->is_admin;
    struct spd_admission_running wanted;
    enum spd_err err = SPD_ERR_OK;

    spd_admission_enter(user, request, &wanted);
    if (!privileged)
        err = check_rules(config, user, request, diag);
    if (!err && !privileged)
        err = check_limits(&config->limits.user, "user", wanted.user_id, &wanted, running,
                           n_running, diag);
    if (!err)
        err = check_limits(&config->limits.total, "total", NULL, &wanted, running, n_running, diag);
    return err;
}
