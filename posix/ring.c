/*
 * io_uring at the level of rings: creation with fall-backs for older kernels,
 * and the enter call. Runs in whatever thread may use the ring; the enter
 * functions never allocate or lock.
 */
#include "posix/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix/oserr.h"

/* ABI that we rely on and that liburing only passes through. */
_Static_assert(sizeof(struct io_uring_sqe) == 64, "one cache line a submission");
_Static_assert(sizeof(struct io_uring_cqe) == 16, "completions of 16 bytes");

enum { NEEDED_FEATURES = IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP | IORING_FEAT_NODROP };

/* Reads the sysctl that denies io_uring; -1 when there is none (before 6.6). */
static int read_disabled(void)
{
    char digit = 0;
    int fd = open("/proc/sys/kernel/io_uring_disabled", O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return -1;
    }
    ssize_t n = read(fd, &digit, 1);
    (void)close(fd);
    return n == 1 && digit >= '0' && digit <= '9' ? digit - '0' : -1;
}

static enum spd_err explain_denial(int os_errno, struct spd_diag *diag)
{
    if (os_errno == EPERM || os_errno == EACCES) {
        int disabled = read_disabled();

        if (disabled > 0) {
            return spd_diag_set(diag, SPD_ERR_PERM, os_errno,
                                "io_uring is disabled on this system "
                                "(kernel.io_uring_disabled=%d); run 'sysctl -w "
                                "kernel.io_uring_disabled=0' as root%s",
                                disabled,
                                disabled == 1 ? ", or join the group that "
                                                "kernel.io_uring_group names"
                                              : "");
        }
        return spd_diag_set(diag, SPD_ERR_PERM, os_errno,
                            "io_uring is denied to this process (%s), as containers do by a "
                            "seccomp profile; allow io_uring_setup, io_uring_enter and "
                            "io_uring_register in that profile",
                            spd_oserr_name(os_errno));
    }
    if (os_errno == ENOSYS) {
        return spd_diag_set(diag, SPD_ERR_NOTSUP, os_errno,
                            "this kernel has no io_uring (ENOSYS); Linux 5.19 or newer with "
                            "CONFIG_IO_URING is needed");
    }
    if (os_errno == ENOMEM) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, os_errno,
                            "no memory for an io_uring (ENOMEM); free some, or raise the limit on "
                            "locked memory (ulimit -l)");
    }
    return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno, "cannot create an io_uring: %s",
                        spd_oserr_name(os_errno));
}

/* Which operations this kernel knows tells its age better than its name. */
static void probe_operations(struct spd_ring *ring)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&ring->uring);

    if (probe == NULL) {
        return;
    }
    /* SEND_ZC came with multishot RECVMSG (6.0), SENDMSG_ZC with the address of
     * SEND (6.1); neither of the latter two can be asked for by itself. */
    ring->has_multishot = io_uring_opcode_supported(probe, IORING_OP_SEND_ZC) != 0;
    ring->has_send_to = io_uring_opcode_supported(probe, IORING_OP_SENDMSG_ZC) != 0;
    io_uring_free_probe(probe);
}

/* Commands of sockets cannot be asked for either. Reading send stamps came in
 * 6.17; completions of mixed size in 6.18, and whether a ring may have those
 * can be tried. So 6.17 alone is taken for older than it is. */
static bool probe_stamps(void)
{
    struct io_uring_params params;

    memset(&params, 0, sizeof params);
    params.flags = SPD_RING_SETUP_CQE_MIXED;
    int fd = io_uring_setup(1, &params);

    if (fd < 0) {
        return false;
    }
    (void)close(fd);
    return true;
}

static int try_flags(struct spd_ring *ring, unsigned flags, unsigned n_sends,
                     unsigned n_completions)
{
    struct io_uring_params params;

    memset(&params, 0, sizeof params);
    params.flags = flags | IORING_SETUP_CQSIZE;
    params.cq_entries = n_completions;
    int r = io_uring_queue_init_params(n_sends, &ring->uring, &params);

    if (r == 0) {
        ring->setup_flags = params.flags;
        ring->enabled = (params.flags & IORING_SETUP_R_DISABLED) == 0;
    }
    return -r;
}

enum spd_err spd_ring_open(struct spd_ring *ring, enum spd_ring_sharing sharing, unsigned n_sends,
                           unsigned n_completions, bool allow_defer, bool wide,
                           struct spd_diag *diag)
{
    /* From the best to what every kernel takes. R_DISABLED lets another thread
     * than the creator become the one submitter. */
    static const unsigned owned[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED,
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
            IORING_SETUP_SUBMIT_ALL | IORING_SETUP_R_DISABLED,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL,
    };
    static const unsigned shared[] = { IORING_SETUP_SUBMIT_ALL };
    const unsigned *flags = sharing == SPD_RING_OWNED ? owned : shared;
    size_t n_flags = sharing == SPD_RING_OWNED ? sizeof owned / sizeof owned[0] : 1;
    size_t i = sharing == SPD_RING_OWNED && !allow_defer ? 1 : 0;
    int os_errno = EINVAL;

    memset(ring, 0, sizeof *ring);
    ring->uring.ring_fd = -1;
    for (; i < n_flags && os_errno == EINVAL; i++) {
        os_errno =
            try_flags(ring, flags[i] | (wide ? IORING_SETUP_CQE32 : 0u), n_sends, n_completions);
    }
    if (os_errno != 0) {
        ring->uring.ring_fd = -1;
        return explain_denial(os_errno, diag);
    }
    if ((ring->uring.features & NEEDED_FEATURES) != NEEDED_FEATURES) {
        spd_ring_close(ring);
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                            "the io_uring of this kernel is too old; Linux 5.19 or newer is "
                            "needed");
    }
    (void)fcntl(ring->uring.ring_fd, F_SETFD, FD_CLOEXEC);
    probe_operations(ring);
    ring->has_stamps = !wide && probe_stamps();
    return SPD_ERR_OK;
}

void spd_ring_close(struct spd_ring *ring)
{
    if (ring->uring.ring_fd >= 0) {
        io_uring_queue_exit(&ring->uring);
        ring->uring.ring_fd = -1;
    }
}

int spd_ring_enable(struct spd_ring *ring)
{
    if (ring->enabled) {
        return 0;
    }
    /* liburing 2.3 declares io_uring_enable_rings and does not export it. */
    int r = io_uring_register((unsigned)ring->uring.ring_fd, IORING_REGISTER_ENABLE_RINGS, NULL, 0);

    ring->enabled = r >= 0;
    return r < 0 ? -r : 0;
}

bool spd_ring_is_deferred(const struct spd_ring *ring)
{
    return (ring->setup_flags & IORING_SETUP_TASKRUN_FLAG) != 0;
}

/* Makes what was written visible to the kernel. */
static unsigned publish(struct spd_ring *ring)
{
    struct io_uring_sq *sq = &ring->uring.sq;

    sq->sqe_head = sq->sqe_tail;
    __atomic_store_n(sq->ktail, sq->sqe_tail, __ATOMIC_RELEASE);
    return sq->sqe_tail - __atomic_load_n(sq->khead, __ATOMIC_ACQUIRE);
}

int spd_ring_submit(struct spd_ring *ring, bool get_events)
{
    unsigned n = publish(ring);
    unsigned flags = get_events ? IORING_ENTER_GETEVENTS : 0;

    do {
        int r = io_uring_enter((unsigned)ring->uring.ring_fd, n, 0, flags, NULL);

        if (r < 0) {
            /* liburing answers with the negated errno here. */
            int os_errno = -r;

            if (os_errno == EINTR) {
                continue;
            }
            return os_errno;
        }
        if (r == 0 && n > 0) {
            return EIO; /* the kernel took nothing and said nothing */
        }
        n -= (unsigned)r;
    } while (n > 0);
    return 0;
}

int spd_ring_wait(struct spd_ring *ring, bool submit, spd_ns timeout_ns)
{
    struct __kernel_timespec limit = { timeout_ns / SPD_NS_PER_S, timeout_ns % SPD_NS_PER_S };
    struct io_uring_getevents_arg argument = { .ts = (uint64_t)(uintptr_t)&limit };
    unsigned n = submit ? publish(ring) : 0;
    unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG;

    if (timeout_ns == SPD_NS_FOREVER) {
        argument.ts = 0;
    }
    for (;;) {
        int r = io_uring_enter2((unsigned)ring->uring.ring_fd, n, 1, flags, (sigset_t *)&argument,
                                sizeof argument);

        if (r < 0) {
            return -r;
        }
        if ((unsigned)r >= n) {
            return 0;
        }
        n -= (unsigned)r; /* the kernel stopped in the middle of the submissions */
    }
}
