/*
 * [allow "NAME"] to a rule. Any thread.
 */
#include "service/config_private.h"

void spd_config_make_rule(struct spd_config_load *load, const struct spd_config_heading *heading,
                          struct spd_config_rule *out)
{
    out->name = heading->name;
    out->line = heading->line;
    spd_config_apply(load, SPD_CONFIG_ALLOW, heading, out, 0, NULL, NULL);
    if (!spd_config_line_of(load, heading, "classes"))
        out->dscp_mask = UINT64_MAX;
    if (!spd_config_line_of(load, heading, "users") && !spd_config_line_of(load, heading, "groups"))
        spd_config_complain(load, heading->line,
                            "[%s]: names nobody; give users or groups (users = * is everybody)",
                            heading->title);
}
