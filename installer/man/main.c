/*
 * stampede-manual FOLDER: writes the manual and the completion there. One
 * thread; part of the build, never installed. Which day it is makes no
 * difference to what it writes.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "installer/man/manual.h"

/* NULL with a message. */
static FILE *create(const char *folder, const char *name, char path[4096])
{
    FILE *file;

    snprintf(path, 4096, "%s/%s", folder, name);
    file = fopen(path, "w");
    if (file == NULL)
        fprintf(stderr, "stampede-manual: cannot write %s: %s\n", path, strerror(errno));
    return file;
}

static bool close_file(FILE *file, const char *path)
{
    bool done = !ferror(file);

    done = fclose(file) == 0 && done;
    if (!done)
        fprintf(stderr, "stampede-manual: cannot write %s: %s\n", path, strerror(errno));
    return done;
}

static bool write_one(const char *folder, const char *name, void (*write)(FILE *out))
{
    char path[4096];
    FILE *file = create(folder, name, path);

    if (file == NULL)
        return false;
    write(file);
    return close_file(file, path);
}

static bool write_command(const char *folder, const struct spd_command *command)
{
    char name[64], path[4096];
    FILE *file;

    snprintf(name, sizeof(name), "stampede-%s.1", command->name);
    file = create(folder, name, path);
    if (file == NULL)
        return false;
    spd_manual_command(file, command);
    return close_file(file, path);
}

int main(int argc, char **argv)
{
    bool done;

    if (argc != 2) {
        fputs("usage: stampede-manual FOLDER\n", stderr);
        return SPD_EXIT_USAGE;
    }
    done = write_one(argv[1], "stampede.1", spd_manual_program) &&
           write_one(argv[1], "stampede.ini.5", spd_manual_config) &&
           write_one(argv[1], "stampede.bash", spd_manual_bash);
    for (size_t i = 0; done && i < spd_n_commands; i++)
        done = write_command(argv[1], &spd_commands[i]);
    return done ? SPD_EXIT_OK : SPD_EXIT_ENVIRONMENT;
}
