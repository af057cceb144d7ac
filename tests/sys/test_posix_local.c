/*
 * Local connections between users and processes of Linux: who is there, who is
 * an administrator, and what a killed listener leaves behind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/local.h"
#include "common/sys/thread.h"
#include "tests/sys/posix_child.h"

#define PATIENCE_NS (20 * SPD_NS_PER_S)

enum { STRANGER = 54321, GROUP = 54322, OTHER_GROUP = 54323, MANY_GROUPS = 2000 };

static char folder[64];
static char name[100];

/* A folder for each test, which every user may use; it goes with the test,
 * however that ends. */
static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/stampede-test-XXXXXX");
    if (mkdtemp(folder) == NULL || chmod(folder, 0777) != 0) {
        return -1;
    }
    snprintf(name, sizeof name, "%s/control.sock", folder);
    return 0;
}

static int remove_folder(void **state)
{
    char lock[128];

    (void)state;
    snprintf(lock, sizeof lock, "%s.lock", name);
    (void)unlink(lock);
    (void)unlink(name);
    return rmdir(folder);
}

/* A listener that was closed takes its socket along. */
static void expect_no_socket(void)
{
    CHILD_CHECK(access(name, F_OK) != 0 && errno == ENOENT);
}

static struct spd_local *listen_here(struct spd_local_set *set, const char *admins)
{
    const struct spd_local_config config = { .name = name, .admins = admins };
    struct spd_local *listener = NULL;
    struct spd_diag diag = { 0 };

    CHILD_CHECK_SHOW(spd_local_listen(set, &config, &listener, &diag) == SPD_ERR_OK, diag.text);
    return listener;
}

static struct spd_local_set *make_set(void)
{
    struct spd_local_set *set = NULL;

    CHILD_CHECK(spd_local_set_create(&set, NULL) == SPD_ERR_OK);
    return set;
}

static struct spd_local *accept_one(struct spd_local_set *set, struct spd_local *listener)
{
    struct spd_local_want want = { .connection = listener, .read = true };
    struct spd_local *far = NULL;

    CHILD_CHECK(spd_local_wait(set, &want, 1, PATIENCE_NS) == SPD_ERR_OK);
    CHILD_CHECK(spd_local_accept(listener, &far) == SPD_ERR_OK);
    return far;
}

/* A process that does not outlive this one, whatever becomes of it. Returns 0 in it. */
static pid_t fork_mortal(void)
{
    pid_t parent = getpid();
    pid_t pid;

    fflush(NULL);
    pid = fork();
    CHILD_CHECK(pid >= 0);
    if (pid == 0 && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)) {
        _exit(1);
    }
    return pid;
}

/* A process of another user that connects and waits to be let go. */
static pid_t send_stranger(uid_t uid, gid_t gid, const gid_t *groups, size_t n_groups)
{
    pid_t pid = fork_mortal();

    if (pid == 0) {
        struct spd_local *near = NULL;
        struct spd_diag diag = { 0 };
        struct spd_local_set *set;

        if (setgroups(n_groups, groups) != 0 || setresgid(gid, gid, gid) != 0 ||
            setresuid(uid, uid, uid) != 0 ||
            prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 /* another user's has none */) {
            _exit(77);
        }
        set = make_set();
        CHILD_CHECK_SHOW(spd_local_connect(set, name, PATIENCE_NS, &near, &diag) == SPD_ERR_OK,
                         diag.text);
        spd_thread_sleep(SPD_NS_FOREVER);
    }
    return pid;
}

static void dismiss(pid_t pid)
{
    CHILD_CHECK(kill(pid, SIGKILL) == 0);
    CHILD_CHECK(waitpid(pid, NULL, 0) == pid);
}

static bool has_group(const struct spd_local_peer *peer, gid_t group)
{
    char id[16];

    snprintf(id, sizeof id, "%u", (unsigned)group);
    for (size_t i = 0; i < peer->n_groups; i++) {
        if (strcmp(peer->groups[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

static void meet_strangers(void)
{
    static const gid_t members[] = { OTHER_GROUP, GROUP, STRANGER };
    static const struct {
        const char *what;
        const char *admins;
        uid_t uid;
        gid_t gid;
        size_t n_groups;
        bool is_admin;
    } rows[] = {
        { "nobody in particular", NULL, STRANGER, STRANGER, 0, false },
        { "no member", "54322", STRANGER, STRANGER, 1, false },
        { "a member", "54322", STRANGER, STRANGER, 2, true },
        { "a member first of all", "54322", STRANGER, GROUP, 0, true },
        { "a member, but nobody asked for members", NULL, STRANGER, STRANGER, 2, false },
        { "a member whose own group is listed again", "54322", STRANGER, STRANGER, 3, true },
        { "root", NULL, 0, 0, 0, true },
    };

    if (geteuid() != 0) {
        child_skip("needs root, to be several users");
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spd_local_set *set = make_set();
        struct spd_local *listener = listen_here(set, rows[i].admins);
        pid_t pid = send_stranger(rows[i].uid, rows[i].gid, members, rows[i].n_groups);
        struct spd_local *far = accept_one(set, listener);
        struct spd_local_peer *peer = NULL;
        struct spd_diag diag = { 0 };
        char id[16];

        CHILD_CHECK_SHOW(spd_local_peer(far, &peer, &diag) == SPD_ERR_OK, diag.text);
        snprintf(id, sizeof id, "%u", (unsigned)rows[i].uid);
        CHILD_CHECK_SHOW(strcmp(peer->user_id, id) == 0, peer->user_id);
        /* A user without a name has its number for one. */
        CHILD_CHECK_SHOW(strcmp(peer->user, rows[i].uid == 0 ? "root" : id) == 0, peer->user);
        CHILD_CHECK(peer->pid == (uint32_t)pid);
        CHILD_CHECK_SHOW(peer->is_admin == rows[i].is_admin, rows[i].what);
        CHILD_CHECK(peer->n_groups == (rows[i].n_groups == 3 ? 3 : 1 + rows[i].n_groups));
        CHILD_CHECK(has_group(peer, rows[i].gid));
        CHILD_CHECK(has_group(peer, GROUP) == (rows[i].n_groups >= 2 || rows[i].gid == GROUP));
        spd_local_peer_free(peer);
        dismiss(pid);
        spd_local_close(far);
        spd_local_close(listener);
        spd_local_set_destroy(set);
    }
    expect_no_socket();
}

static void the_kernel_says_who_is_an_administrator(void **state)
{
    (void)state;
    child_run(meet_strangers);
}

static void serve_as_nobody(void)
{
    struct spd_local_set *set;
    struct spd_local *listener, *near = NULL, *far;
    struct spd_local_peer *peer = NULL;
    char id[16];

    child_become_nobody();
    set = make_set();
    listener = listen_here(set, NULL);
    CHILD_CHECK(spd_local_connect(set, name, PATIENCE_NS, &near, NULL) == SPD_ERR_OK);
    far = accept_one(set, listener);
    CHILD_CHECK(spd_local_peer(far, &peer, NULL) == SPD_ERR_OK);
    snprintf(id, sizeof id, "%u", (unsigned)geteuid());
    CHILD_CHECK(strcmp(peer->user_id, id) == 0 && peer->is_admin);
    spd_local_peer_free(peer);
    spd_local_close(near);
    spd_local_close(far);
    spd_local_close(listener);
    spd_local_set_destroy(set);
    expect_no_socket();
}

static void who_runs_the_service_rules_it(void **state)
{
    (void)state;
    child_run(serve_as_nobody);
}

static void meet_a_joiner(void)
{
    static gid_t groups[MANY_GROUPS];
    struct spd_local_set *set;
    struct spd_local *listener, *far;
    struct spd_local_peer *peer = NULL;
    pid_t pid;

    if (geteuid() != 0) {
        child_skip("needs root, to be several users");
    }
    for (gid_t i = 0; i < MANY_GROUPS; i++) {
        groups[i] = 100000 + i;
    }
    set = make_set();
    listener = listen_here(set, "101999"); /* the last of them: more than are told */
    pid = send_stranger(STRANGER, STRANGER, groups, MANY_GROUPS);
    far = accept_one(set, listener);
    CHILD_CHECK(spd_local_peer(far, &peer, NULL) == SPD_ERR_OK);
    CHILD_CHECK(peer->n_groups == 1024);
    CHILD_CHECK(peer->is_admin);
    spd_local_peer_free(peer);
    dismiss(pid);
    spd_local_close(far);
    spd_local_close(listener);
    spd_local_set_destroy(set);
    expect_no_socket();
}

static void a_user_may_be_in_many_groups(void **state)
{
    (void)state;
    child_run(meet_a_joiner);
}

/* Listens in a process of its own, once this returns. */
static pid_t start_listener(void)
{
    int fds[2];
    pid_t pid;
    char octet;

    CHILD_CHECK(pipe(fds) == 0);
    pid = fork_mortal();
    if (pid == 0) {
        close(fds[0]);
        (void)listen_here(make_set(), NULL);
        CHILD_CHECK(write(fds[1], "", 1) == 1);
        spd_thread_sleep(SPD_NS_FOREVER);
    }
    close(fds[1]);
    CHILD_CHECK(read(fds[0], &octet, 1) == 1);
    close(fds[0]);
    return pid;
}

static void take_over(void)
{
    const struct spd_local_config config = { .name = name };
    struct spd_local_set *set = make_set();
    struct spd_local *near = NULL, *listener = NULL;
    struct spd_diag diag = { 0 };
    pid_t pid;

    for (int i = 0; i < 3; i++) {
        pid = start_listener();
        /* From the living nothing is taken. */
        CHILD_CHECK(spd_local_listen(set, &config, &listener, &diag) == SPD_ERR_IN_USE);
        CHILD_CHECK(spd_local_connect(set, name, PATIENCE_NS, &near, &diag) == SPD_ERR_OK);
        spd_local_close(near);
        dismiss(pid);
        /* The dead leaves its socket: nobody listens there. */
        CHILD_CHECK(access(name, F_OK) == 0);
        CHILD_CHECK(spd_local_connect(set, name, 0, &near, &diag) == SPD_ERR_REFUSED);
    }
    listener = listen_here(set, NULL);
    CHILD_CHECK(spd_local_connect(set, name, PATIENCE_NS, &near, &diag) == SPD_ERR_OK);
    spd_local_close(near);
    spd_local_close(listener);
    spd_local_set_destroy(set);
    expect_no_socket();
}

static void what_a_killed_listener_left_is_taken_over(void **state)
{
    (void)state;
    child_run(take_over);
}

static void listen_on_a_file(void)
{
    const struct spd_local_config config = { .name = name };
    struct spd_local_set *set = make_set();
    struct spd_local *listener = NULL;
    struct spd_diag diag = { 0 };
    char text[8] = "";
    FILE *file;

    file = fopen(name, "w");
    CHILD_CHECK(file != NULL && fputs("mine", file) >= 0 && fclose(file) == 0);
    CHILD_CHECK(spd_local_listen(set, &config, &listener, &diag) == SPD_ERR_IN_USE);
    CHILD_CHECK_SHOW(strstr(diag.text, name) != NULL, diag.text);
    file = fopen(name, "r");
    CHILD_CHECK(file != NULL && fgets(text, sizeof text, file) != NULL);
    CHILD_CHECK(fclose(file) == 0 && strcmp(text, "mine") == 0);
    spd_local_set_destroy(set);
}

static void a_file_in_the_way_stays(void **state)
{
    (void)state;
    child_run(listen_on_a_file);
}

static void listen_where_nobody_may(void)
{
    static const struct {
        const char *name;
        enum spd_err expected;
    } rows[] = {
        { "/nowhere/at/all/control.sock", SPD_ERR_NOT_FOUND },
        { "/etc/passwd/control.sock", SPD_ERR_NOT_FOUND },
        { "/usr/control.sock", SPD_ERR_PERM },
    };
    struct spd_local_set *set = make_set();

    child_become_nobody();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct spd_local_config config = { .name = rows[i].name };
        struct spd_local *listener = NULL;
        struct spd_diag diag = { 0 };

        CHILD_CHECK_SHOW(spd_local_listen(set, &config, &listener, &diag) == rows[i].expected,
                         diag.text);
        CHILD_CHECK_SHOW(strstr(diag.text, "; ") != NULL, diag.text); /* a remedy */
    }
    spd_local_set_destroy(set);
}

static void a_place_where_nobody_may_listen_is_told_with_a_remedy(void **state)
{
    (void)state;
    child_run(listen_where_nobody_may);
}

/* Plain sockets, opened until the listener has no more room. */
static void crowd_a_listener(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct spd_local_set *set = make_set();
    struct spd_local *listener, *near = NULL;
    struct spd_diag diag = { 0 };
    int n = 0;

    listener = listen_here(set, NULL);
    memcpy(address.sun_path, name, strlen(name));
    for (;; n++) {
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

        CHILD_CHECK(fd >= 0 && n < 5000);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
            CHILD_CHECK(errno == EAGAIN);
            break;
        }
    }
    CHILD_CHECK(spd_local_connect(set, name, 30 * SPD_NS_PER_MS, &near, &diag) == SPD_ERR_TIMEOUT);
    CHILD_CHECK_SHOW(strstr(diag.text, "busy") != NULL, diag.text);
    spd_local_close(accept_one(set, listener));
    CHILD_CHECK(spd_local_connect(set, name, PATIENCE_NS, &near, &diag) == SPD_ERR_OK);
    spd_local_close(near);
    spd_local_close(listener);
    spd_local_set_destroy(set);
    expect_no_socket();
}

static void a_crowded_listener_lets_wait(void **state)
{
    (void)state;
    child_run(crowd_a_listener);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_kernel_says_who_is_an_administrator, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(who_runs_the_service_rules_it, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_user_may_be_in_many_groups, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(what_a_killed_listener_left_is_taken_over, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_file_in_the_way_stays, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_place_where_nobody_may_listen_is_told_with_a_remedy,
                                        make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_crowded_listener_lets_wait, make_folder, remove_folder),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
