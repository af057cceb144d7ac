/*
 * What the tests of the history share: runs to keep, files to keep them in.
 */
#ifndef SPD_TESTS_UNIT_STORE_KIT_H
#define SPD_TESTS_UNIT_STORE_KIT_H

#include "common/result/store.h"
#include "tests/unit/unit.h"

/* In the folder of the test; its name is that of the program. */
extern const char store_kit_path[];

/* Remove the database and all that may lie beside it. */
int store_kit_tidy(void **state);

/* 2026-11-20 22:40 UTC and so many seconds. */
spd_wall store_kit_wall(int64_t seconds);

/* A finished run whose every field follows from number; its texts are static
 * until the next call. */
struct spd_store_run store_kit_run(int number);

/* Fails, with the row's name, unless got is store_kit_run(number) with its id. */
void store_kit_check_run(const char *row, const struct spd_store_run *got, int number,
                         bool with_details);

/* Open, or fail the test with what is said. */
struct spd_store *store_kit_open(const char *path, enum spd_store_mode mode);

/* Keep store_kit_run(number), by begin and finish; gives the id. */
int64_t store_kit_keep(struct spd_store *store, int number);

/* How many runs there are, after checking each kept one; ids[i] is the number
 * of the run with id i, or -1. */
uint64_t store_kit_check_all(struct spd_store *store, const char *row);

void store_kit_write_file(const char *path, const void *bytes, size_t n);
uint8_t *store_kit_read_file(const char *path, size_t *n); /* free it; NULL: not there */

#endif
