/*
 * Writing the file of a unit. On the thread that installs.
 */
#include "posix/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "posix/oserr.h"

#define FOLDER     "/etc/systemd/system"
#define KEY        "ExecStart="
#define LINE_BYTES (4 * SPD_UNIT_PATH_BYTES + 64)

static enum spd_err explain(struct spd_diag *diag, const char *what, const char *path, int os_errno)
{
    enum spd_err err = os_errno == EROFS ? SPD_ERR_PERM : spd_oserr_map(os_errno);

    return spd_diag_set(diag, err, os_errno, "cannot %s %s: %s (%s)%s", what, path,
                        spd_err_text(err), spd_oserr_name(os_errno),
                        err == SPD_ERR_PERM ? "; become root first" : "");
}

/* Returns false when the path would be cut. */
static bool path_of(const struct spd_svcmgr_service *service, const char *suffix,
                    char path[SPD_UNIT_PATH_BYTES])
{
    int n = snprintf(path, SPD_UNIT_PATH_BYTES, "%s" FOLDER "/%s.service%s",
                     service->root != NULL ? service->root : "", service->name, suffix);

    return n > 0 && n < SPD_UNIT_PATH_BYTES;
}

/* A word of a command line, systemd.service(5): in quotes, \ and " escaped, % and $ doubled.
 * Returns false for what cannot be written so. */
static bool append_word(char line[LINE_BYTES], const char *word)
{
    size_t n = strlen(line);

    if (strlen(word) >= SPD_UNIT_PATH_BYTES) {
        return false;
    }
    line[n++] = '"';
    for (; *word != '\0'; word++) {
        if ((unsigned char)*word < ' ' || *word == 0x7f) {
            return false;
        }
        if (*word == '\\' || *word == '"') {
            line[n++] = '\\';
        } else if (*word == '%' || *word == '$') {
            line[n++] = *word;
        }
        line[n++] = *word;
    }
    line[n++] = '"';
    line[n] = '\0';
    return true;
}

/* The command line that starts the service. */
static enum spd_err exec_start(const struct spd_svcmgr_service *service, char line[LINE_BYTES],
                               struct spd_diag *diag)
{
    char own[SPD_UNIT_PATH_BYTES];
    const char *program = service->program;

    if (program == NULL) {
        ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);

        if (n < 0) {
            return explain(diag, "find", "this program (/proc/self/exe)", errno);
        }
        own[n] = '\0';
        program = own;
    }
    (void)snprintf(line, LINE_BYTES, "%s", KEY);
    /* systemd replaces no variable in the name of the program: a $ stays alone there. */
    if (program[0] != '/' || strchr(program, '$') != NULL || !append_word(line, program)) {
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "'%.200s' cannot be the program of a unit: put it at a plain absolute "
                            "path",
                            program);
    }
    strcat(line, " service run");
    if (service->config_path != NULL) {
        strcat(line, " --config ");
        if (service->config_path[0] != '/' || !append_word(line, service->config_path)) {
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "'%.200s' cannot be the configuration of a unit: give a plain "
                                "absolute path",
                                service->config_path);
        }
    }
    return SPD_ERR_OK;
}

/* The text with another line for ExecStart=, for the caller to free; NULL for want of memory. */
static char *compose(const char *unit, const char *line)
{
    size_t n_bytes = strlen(unit) + strlen(line) + 2;
    char *text = malloc(n_bytes);
    size_t n = 0;

    while (text != NULL && *unit != '\0') {
        size_t n_line = strcspn(unit, "\n");
        bool replace = strncmp(unit, KEY, sizeof KEY - 1) == 0;
        const char *from = replace ? line : unit;
        size_t n_from = replace ? strlen(line) : n_line;

        memcpy(text + n, from, n_from);
        n += n_from;
        text[n++] = '\n';
        unit += n_line + (unit[n_line] == '\n');
    }
    if (text != NULL) {
        text[n] = '\0';
    }
    return text;
}

/* The folders of a path. Those that are there stay as they are. Returns 0 or
 * an errno. */
static int make_folders(const char *path)
{
    char folder[SPD_UNIT_PATH_BYTES];

    for (const char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
            return errno;
        }
    }
    return 0;
}

/* Returns 0 or an errno. */
static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    size_t n = strlen(text);
    int rc = 0;

    if (fd < 0) {
        return errno;
    }
    while (n > 0) {
        ssize_t n_written = write(fd, text, n);

        if (n_written < 0 && errno == EINTR) {
            continue;
        }
        if (n_written <= 0) {
            rc = n_written < 0 ? errno : EIO;
            break;
        }
        text += n_written;
        n -= (size_t)n_written;
    }
    while (rc == 0 && fsync(fd) != 0) {
        if (errno != EINTR) {
            rc = errno;
        }
    }
    close(fd);
    return rc;
}

enum spd_err spd_unit_write(const struct spd_svcmgr_service *service, struct spd_diag *diag)
{
    char path[SPD_UNIT_PATH_BYTES], draft[SPD_UNIT_PATH_BYTES], line[LINE_BYTES];
    enum spd_err err;
    char *text;
    int rc;

    if (!path_of(service, "", path) || !path_of(service, ".new", draft)) {
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "'%.200s': the path is too long",
                            service->root);
    }
    err = exec_start(service, line, diag);
    if (err != SPD_ERR_OK) {
        return err;
    }
    text = compose(service->unit, line);
    if (text == NULL) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a unit");
    }
    rc = make_folders(path);
    if (rc == 0) {
        rc = write_file(draft, text);
    }
    free(text);
    if (rc == 0 && rename(draft, path) != 0) {
        rc = errno;
    }
    if (rc == 0) {
        return SPD_ERR_OK;
    }
    (void)unlink(draft);
    return explain(diag, "write", path, rc);
}

bool spd_unit_exists(const struct spd_svcmgr_service *service)
{
    char path[SPD_UNIT_PATH_BYTES];
    struct stat info;

    return path_of(service, "", path) && lstat(path, &info) == 0;
}

enum spd_err spd_unit_remove(const struct spd_svcmgr_service *service, struct spd_diag *diag)
{
    char path[SPD_UNIT_PATH_BYTES];

    if (path_of(service, "", path) && unlink(path) == 0) {
        return SPD_ERR_OK;
    }
    return explain(diag, "remove", path, errno);
}
