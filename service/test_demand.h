/*
 * What a test will take, from its settings alone: nothing is looked up, nothing
 * is sent. Also the check of settings that only show at the making of a test
 * (sizes, classes, profiles, buckets).
 */
#ifndef SPD_SERVICE_TEST_DEMAND_H
#define SPD_SERVICE_TEST_DEMAND_H

#include <stdbool.h>

#include "common/base/err.h"
#include "service/options.h"

#define SPD_DEMAND_TARGETS_MAX 2
#define SPD_DEMAND_CLASSES_MAX 16

struct spd_test_demand {
    unsigned command;      /* SPD_COMMAND_BURST, _STREAM or _QOS */
    uint64_t n_packets;    /* that it may send at most: repetitions and noise too */
    uint64_t rate_bps;     /* of IP packets, mean while it sends; of bursts, with the pauses
                            * between them, of a millisecond at least */
    uint64_t memory_bytes; /* about */
    size_t n_targets;      /* hosts without port, as typed; the second one takes noise */
    char target[SPD_DEMAND_TARGETS_MAX][256];
    size_t n_classes; /* different DSCPs of packets sent */
    uint8_t dscp[SPD_DEMAND_CLASSES_MAX];
    bool reads_file; /* packet sizes from a file of this host */
    bool spins;      /* keeps a processor busy */
};

/* Opens no file: where sizes come from one, reads_file is set and the largest
 * ones are counted. Errors: INVALID, RANGE (what the settings say), NOTSUP (no
 * such command in the service), NOT_FOUND, NOMEM, each with a diag. */
enum spd_err spd_test_demand_find(unsigned command, const struct spd_settings *settings,
                                  struct spd_test_demand *out, struct spd_diag *diag);

/* The same, and reads such a file: only for settings of somebody who may. */
enum spd_err spd_test_demand_read(unsigned command, const struct spd_settings *settings,
                                  struct spd_test_demand *out, struct spd_diag *diag);

/* "burst", "stream", "qos"; false for others. And back; NULL for others. */
bool spd_test_command_parse(const char *text, unsigned *command);
const char *spd_test_command_name(unsigned command);

/* Whether an option makes sense for a test that the service runs: not those that
 * write files or say how to print. */
bool spd_test_option_serves(const struct spd_option *option);

#endif
