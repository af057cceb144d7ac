/*
 * Configurations from text, for tests.
 */
#ifndef SPD_TESTS_UNIT_CONFIG_KIT_H
#define SPD_TESTS_UNIT_CONFIG_KIT_H

#include "service/config.h"

#define CONFIG_KIT_FILE SPD_TEST_NAME ".ini"

/* For cmocka's group: the sockets of Windows must be up before a way is asked
 * for. */
int config_kit_set_up(void **state);

/* Write n bytes to CONFIG_KIT_FILE and load that. */
enum spd_err config_kit_load_n(const void *bytes, size_t n, struct spd_config **out,
                               struct spd_config_problems *problems);

/* The same for a text that must be good; fails the test with what is wrong. */
struct spd_config *config_kit_good(const char *text);

/* The text must be refused with exactly this one problem: FILE, LINE and what
 * stands in says. */
void config_kit_bad(const char *row, const char *text, unsigned line, const char *says);

#endif
