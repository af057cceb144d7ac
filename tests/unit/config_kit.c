#include "tests/unit/config_kit.h"

#include <stdio.h>

#include "common/sys/console.h"
#include "tests/unit/unit.h"

int config_kit_set_up(void **state)
{
    struct spd_diag diag = { 0 };

    (void)state;
    return spd_console_init(&diag) == SPD_ERR_OK ? 0 : -1;
}

enum spd_err config_kit_load_n(const void *bytes, size_t n, struct spd_config **out,
                               struct spd_config_problems *problems)
{
    FILE *file = fopen(CONFIG_KIT_FILE, "wb");
    enum spd_err err;

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
    err = spd_config_load(CONFIG_KIT_FILE, out, problems);
    remove(CONFIG_KIT_FILE);
    return err;
}

struct spd_config *config_kit_good(const char *text)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;

    if (config_kit_load_n(text, strlen(text), &config, &problems))
        fail_msg("\"%s\": %s", text, problems.problem[0].text);
    return config;
}

void config_kit_bad(const char *row, const char *text, unsigned line, const char *says)
{
    static struct spd_config_problems problems;
    struct spd_config *config = (void *)&problems, *before = config;
    const char *told = problems.problem[0].text;
    char place[100];

    CHECK_ROW_INT(row, config_kit_load_n(text, strlen(text), &config, &problems), SPD_ERR_FORMAT);
    CHECK_ROW(row, config == before);
    if (problems.n != 1)
        fail_msg("row \"%s\": %zu problems, first \"%s\" and then \"%s\"", row, problems.n, told,
                 problems.problem[1].text);
    if (line)
        snprintf(place, sizeof(place), CONFIG_KIT_FILE ":%u: ", line);
    else
        snprintf(place, sizeof(place), CONFIG_KIT_FILE ": ");
    if (strncmp(told, place, strlen(place)) != 0 || !strstr(told, says))
        fail_msg("row \"%s\": it says \"%s\", not \"%s\" with \"%s\"", row, told, place, says);
    CHECK_ROW(row, !strchr(told, '\n'));
}
