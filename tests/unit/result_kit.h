/*
 * What the tests of results share: a result made from a built record, and
 * files to write into and read back.
 */
#ifndef SPD_TESTS_UNIT_RESULT_KIT_H
#define SPD_TESTS_UNIT_RESULT_KIT_H

#include <stdio.h>

#include "common/result/fields.h"
#include "tests/unit/record_builder.h"

struct kit {
    struct spd_test_record record;
    struct spd_summary summary;
    struct spd_host host;
    struct spd_result result;
};

/* Judge and summarise kit->record, which the test has built; again after it
 * has bent it. */
void kit_compute(struct kit *kit);
void kit_fini(struct kit *kit);

/* A new file in the current folder, open for writing and reading as bytes, and
 * its whole contents with a zero behind them (free it). */
FILE *kit_file(void);
char *kit_contents(FILE *file, size_t *n_bytes);
void kit_close(FILE *file);

/* A stream that takes no bytes: opened for reading only. */
FILE *kit_unwritable(void);

#endif
