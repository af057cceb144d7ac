/*
 * Configurations live as long as somebody uses them. On the thread of the
 * agent.
 */
#include <stdlib.h>

#include "common/sys/defaults.h"
#include "service/agent_private.h"

enum spd_err spd_agent_settings_load(const char *path, bool may_default,
                                     struct spd_agent_settings **out,
                                     struct spd_config_problems *problems)
{
    struct spd_agent_settings *s = calloc(1, sizeof(*s));
    enum spd_err err;

    if (!s) {
        problems->n = 1;
        return spd_diag_set(&problems->problem[0], SPD_ERR_NOMEM, 0,
                            "no memory for the configuration");
    }
    err = spd_config_load(path ? path : spd_defaults()->config_file, &s->config, problems);
    /* Nobody asked for that file: without it the defaults are in force. But one
     * that was there may just be written anew. */
    if (!path && may_default && err == SPD_ERR_NOT_FOUND)
        err = spd_config_load(NULL, &s->config, problems);
    if (err) {
        free(s);
        return err;
    }
    s->n_users = 1;
    *out = s;
    return SPD_ERR_OK;
}

void spd_agent_settings_hold(struct spd_agent_settings *s)
{
    s->n_users++;
}

void spd_agent_settings_release(struct spd_agent_settings *s)
{
    if (!s || --s->n_users > 0)
        return;
    spd_config_free(s->config);
    free(s);
}
