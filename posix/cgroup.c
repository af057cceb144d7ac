/*
 * Reads the limits of control groups, versions 1 and 2. Any thread; opens
 * files, so never during a burst.
 */
#include "posix/cgroup.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "posix/textfile.h"

/* The names that differ between the two versions. */
struct layout {
    const char *folder; /* below the mount */
    const char *limit;
    const char *usage;
    const char *reclaimable; /* line of memory.stat */
};

static const struct layout version1 = { "/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                                        "total_inactive_file" };
static const struct layout version2 = { "", "memory.max", "memory.current", "inactive_file" };

static bool read_number(const char *folder, const char *name, uint64_t *number)
{
    char path[1024];
    char text[64];

    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        return false;
    }
    /* "max" is no number: no limit. */
    return spd_textfile_read(path, text, sizeof text) && spd_textfile_number(text, "", number);
}

/* What one group allows by itself. */
static uint64_t group_available(const char *folder, const struct layout *layout)
{
    char path[1024];
    char stat[8192];
    uint64_t limit;
    uint64_t usage;
    uint64_t cache = 0;

    if (!read_number(folder, layout->limit, &limit) ||
        !read_number(folder, layout->usage, &usage)) {
        return UINT64_MAX;
    }
    /* The usage counts the page cache too; what of it is inactive gives way. */
    if (snprintf(path, sizeof path, "%s/memory.stat", folder) < (int)sizeof path &&
        spd_textfile_read(path, stat, sizeof stat)) {
        (void)spd_textfile_number(stat, layout->reclaimable, &cache);
    }
    usage = usage > cache ? usage - cache : 0;
    return limit > usage ? limit - usage : 0;
}

/* Finds this process's group: "4:memory:/path" of version 1 (on a mixed system
 * the memory controller is there), else "0::/path". Ends it at the newline. */
static char *find_group(char *membership, const struct layout **layout)
{
    char *path = NULL;

    for (char *line = membership; line != NULL && *line != '\0';) {
        char *end = strchr(line, '\n');
        char *controllers = strchr(line, ':');

        if (end != NULL) {
            *end++ = '\0';
        }
        if (controllers != NULL && strncmp(controllers, ":memory:/", 9) == 0) {
            *layout = &version1;
            return controllers + 8;
        }
        if (strncmp(line, "0::/", 4) == 0) {
            *layout = &version2;
            path = line + 3;
        }
        line = end;
    }
    return path;
}

uint64_t spd_cgroup_available_bytes(const char *membership, const char *mount)
{
    char text[4096];
    char folder[1024];
    const struct layout *layout = NULL;
    uint64_t least = UINT64_MAX;
    size_t n_root;
    char *group;
    int n;

    if (!spd_textfile_read(membership, text, sizeof text)) {
        return UINT64_MAX;
    }
    group = find_group(text, &layout);
    if (group == NULL) {
        return UINT64_MAX;
    }
    n_root = strlen(mount) + strlen(layout->folder);
    n = snprintf(folder, sizeof folder, "%s%s%s", mount, layout->folder, group);
    if (n < 0 || (size_t)n >= sizeof folder) {
        return UINT64_MAX;
    }
    /* A limit of any group above binds as well. In a container the path may
     * name groups that are not visible; the mount then shows our own at its
     * root, which the walk upwards reaches last. */
    for (;;) {
        uint64_t available = group_available(folder, layout);
        char *slash = strrchr(folder + n_root, '/');

        if (available < least) {
            least = available;
        }
        if (slash == NULL) {
            return least;
        }
        *slash = '\0';
    }
}
