/*
 * The agent: the service itself, from the first reading of its configuration to
 * its orderly end.
 */
#ifndef SPD_SERVICE_AGENT_H
#define SPD_SERVICE_AGENT_H

#include "common/sys/svcmgr.h"

struct spd_agent_config {
    const char *config_path;    /* NULL: the default place, or the defaults if nothing is there */
    struct spd_svcmgr *manager; /* lives longer than the agent */
};

/* Runs until the manager says stop; blocks. The event log is open. Returns an exit code (enum
 * spd_exit): SPD_EXIT_OK after a stop; another, after an event in the log, when the service
 * cannot start or go on. */
int spd_agent_run(const struct spd_agent_config *config);

#endif
