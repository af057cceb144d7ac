/*
 * A Unix socket that listens. The lock on a file beside it says whether its
 * owner lives, so that what a killed one left behind can be taken over without
 * taking anything from a living one. On the thread that owns the set.
 */
#include "posix/local.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"
#include "posix/oserr.h"
#include "posix/users.h"

#define BACKLOG 128

static const char *remedy(int os_errno)
{
    switch (os_errno) {
    case EWOULDBLOCK:
    case EADDRINUSE:
        return "; another service runs with it: stop that one, or choose another path";
    case ENOENT:
    case ENOTDIR:
        return "; make the folder (a systemd unit does: RuntimeDirectory=), or choose another path";
    case EACCES:
    case EPERM:
    case EROFS:
        return "; choose a path in a folder that this user may write to";
    case EMFILE:
    case ENFILE:
        return "; too many files are open (ulimit -n)";
    default:
        return "";
    }
}

static enum spd_err explain(struct spd_diag *diag, const char *path, int os_errno)
{
    enum spd_err err = os_errno == EWOULDBLOCK                  ? SPD_ERR_IN_USE
                       : os_errno == ENOTDIR                    ? SPD_ERR_NOT_FOUND
                       : os_errno == EROFS || os_errno == ELOOP ? SPD_ERR_PERM
                                                                : spd_oserr_map(os_errno);

    return spd_diag_set(diag, err, os_errno, "cannot listen on %s: %s (%s)%s", path,
                        spd_err_text(err), spd_oserr_name(os_errno), remedy(os_errno));
}

static enum spd_err find_admins(const char *group, struct spd_local_admins *out,
                                struct spd_diag *diag)
{
    int rc;

    *out = (struct spd_local_admins){ .own = geteuid() };
    if (group == NULL) {
        return SPD_ERR_OK;
    }
    rc = spd_users_group_id(group, &out->group);
    if (rc == 0) {
        out->has_group = true;
        return SPD_ERR_OK;
    }
    if (rc == ENOENT) {
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0,
                            "there is no group '%.100s', whose members would be administrators; "
                            "make it (groupadd), or name another",
                            group);
    }
    return spd_diag_set(diag, spd_oserr_map(rc), rc, "cannot look up the group '%.100s': %s", group,
                        spd_oserr_name(rc));
}

/* Returns 0 or an errno; EWOULDBLOCK when another has the lock. */
static int lock_beside(struct spd_local *local, const char *path)
{
    char name[sizeof local->path + sizeof ".lock"];

    (void)snprintf(name, sizeof name, "%s.lock", path);
    local->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (local->lock < 0) {
        return errno;
    }
    while (flock(local->lock, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* A socket that is there is nobody's, for the lock is ours. Anything else stays. */
static void remove_old(const char *path)
{
    struct stat info;

    if (lstat(path, &info) == 0 && S_ISSOCK(info.st_mode)) {
        (void)unlink(path);
    }
}

/* Returns 0 or an errno. */
static int open_at(struct spd_local *local, const struct sockaddr_un *address)
{
    int rc = lock_beside(local, address->sun_path);

    if (rc != 0) {
        return rc;
    }
    remove_old(address->sun_path);
    local->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (local->fd < 0 || bind(local->fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        return errno;
    }
    /* From here on the file is ours to remove. */
    (void)spd_text_copy(local->path, sizeof local->path, address->sun_path);
    /* Whoever may connect is then asked who he is. Before listen nobody can. */
    return chmod(local->path, 0666) == 0 && listen(local->fd, BACKLOG) == 0 ? 0 : errno;
}

enum spd_err spd_local_listen(struct spd_local_set *set, const struct spd_local_config *config,
                              struct spd_local **out, struct spd_diag *diag)
{
    struct spd_local_admins admins;
    struct sockaddr_un address;
    struct spd_local *local;
    enum spd_err err = spd_local_address(config->name, &address, diag);
    int os_errno;

    if (err == SPD_ERR_OK) {
        err = find_admins(config->admins, &admins, diag);
    }
    if (err != SPD_ERR_OK) {
        return err;
    }
    local = spd_local_make(set);
    if (local == NULL) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a listener");
    }
    local->admins = admins;
    os_errno = open_at(local, &address);
    if (os_errno != 0) {
        spd_local_close(local);
        return explain(diag, config->name, os_errno);
    }
    *out = local;
    return SPD_ERR_OK;
}
