/*
 * Where things live on Linux (Filesystem Hierarchy Standard 3.0). Any thread.
 */
#include "common/sys/defaults.h"

const struct spd_defaults *spd_defaults(void)
{
    static const struct spd_defaults defaults = {
        .config_file = "/etc/stampede/stampede.ini",
        .data_folder = "/var/lib/stampede",
        .separator = '/',
        .admins_are_group = true,
        .metrics = true,
    };

    return &defaults;
}

bool spd_defaults_is_absolute(const char *path)
{
    return path[0] == '/';
}
