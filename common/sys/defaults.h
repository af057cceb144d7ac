/*
 * What is usual on this system: where things live. Any thread; the texts are
 * static.
 */
#ifndef SPD_SYS_DEFAULTS_H
#define SPD_SYS_DEFAULTS_H

#include <stdbool.h>

struct spd_defaults {
    const char *config_file; /* "/etc/stampede/stampede.ini" */
    const char *data_folder; /* "/var/lib/stampede", "C:\ProgramData\Stampede" */
    char separator;          /* of folders, as people write it: '/' or '\\' */
    bool admins_are_group;   /* administrators are named by a group; else by SDDL */
    bool metrics;            /* are served unless told otherwise */
};

/* Never NULL. */
const struct spd_defaults *spd_defaults(void);

/* Whether the path starts at the root of a file system, and so means the same
 * whatever the folder of the process. */
bool spd_defaults_is_absolute(const char *path);

#endif
