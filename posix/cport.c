/*
 * The completion port over io_uring: creation, what it found, commit, post and
 * end. What happens between is in cport_core.c and cport_shared.c.
 *
 * Creation and end run in any thread and may allocate and format; commit and
 * wait of a single-owner port never do.
 */
#include "posix/cport_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "posix/oserr.h"
#include "posix/udp_private.h"

enum {
    DEFAULT_SENDS = 4096,
    MAX_SENDS = 32768,
    MIN_SENDS = 64,
    N_FIXED_SLOTS = 64,
    N_STAMP_COMPLETIONS = 8192,
};

static unsigned round_up(unsigned n)
{
    unsigned power = MIN_SENDS;

    while (power < n) {
        power *= 2;
    }
    return power;
}

static void add_note(struct spd_cport *port, const char *text)
{
    size_t n = strlen(port->facts.note);

    (void)snprintf(port->facts.note + n, sizeof port->facts.note - n, "%s%s", n > 0 ? "; " : "",
                   text);
}

static void find_facts(struct spd_cport *port, unsigned denied)
{
    struct spd_cport_facts *facts = &port->facts;

    facts->kind = "io_uring";
    facts->receive_path = "poll+recvmmsg";
    if ((denied & SPD_CPORT_MULTISHOT) != 0) {
        add_note(port, "multishot receive denied");
    } else if (!port->ring.has_multishot) {
        add_note(port, "no multishot receive (Linux 6.0)");
    } else {
        facts->features |= SPD_CPORT_MULTISHOT;
        facts->receive_path = "multishot";
    }
    if ((denied & SPD_CPORT_TX_STAMP) != 0) {
        add_note(port, "send stamps through the ring denied");
    } else if (!port->ring.has_stamps) {
        add_note(port, "no send stamps through the ring (Linux 6.18)");
    } else {
        facts->features |= SPD_CPORT_TX_STAMP;
    }
    if (!port->single_owner) {
        return; /* deferred completions are for one owner by their nature */
    }
    if ((denied & SPD_CPORT_DEFER) != 0) {
        add_note(port, "deferred completions denied");
    } else if (!spd_ring_is_deferred(&port->ring)) {
        add_note(port, "no deferred completions (Linux 6.1)");
    } else {
        facts->features |= SPD_CPORT_DEFER;
    }
}

static enum spd_err open_rings(struct spd_cport *port, unsigned denied, struct spd_diag *diag)
{
    enum spd_ring_sharing sharing = port->single_owner ? SPD_RING_OWNED : SPD_RING_SHARED;
    bool defer = (denied & SPD_CPORT_DEFER) == 0;
    /* Failed sends and arrived datagrams: some for each send. */
    enum spd_err err = spd_ring_open(&port->ring, sharing, port->max_queued_sends,
                                     2 * port->max_queued_sends, defer, false, diag);

    if (err != SPD_ERR_OK) {
        return err;
    }
    find_facts(port, denied);
    /* Older kernels let go of a file in the table later than of a plain one,
     * and a closed socket must be gone at once. */
    port->has_fixed_slots = port->ring.has_stamps &&
                            io_uring_register_files_sparse(&port->ring.uring, N_FIXED_SLOTS) == 0;
    if ((port->facts.features & SPD_CPORT_TX_STAMP) != 0) {
        struct spd_diag ignored;

        port->has_stamp_ring = spd_ring_open(&port->stamp_ring, sharing, 8, N_STAMP_COMPLETIONS,
                                             defer, true, &ignored) == SPD_ERR_OK;
        if (!port->has_stamp_ring) {
            port->facts.features &= ~(unsigned)SPD_CPORT_TX_STAMP;
            add_note(port, "no second ring for send stamps");
        }
    }
    return SPD_ERR_OK;
}

enum spd_err spd_cport_create(const struct spd_cport_config *config, struct spd_cport **out,
                              struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_NOMEM;
    unsigned n_sends = config->max_queued_sends != 0 ? config->max_queued_sends : DEFAULT_SENDS;
    struct spd_cport *port = calloc(1, sizeof *port);

    if (port == NULL) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, ENOMEM, "no memory for a completion port");
    }
    port->wake_fd = -1;
    port->ring.uring.ring_fd = -1;
    port->single_owner = config->single_owner;
    port->max_queued_sends = round_up(n_sends < MAX_SENDS ? n_sends : MAX_SENDS);
    atomic_init(&port->closed, false);
    atomic_init(&port->sleeping, false);
    if (spd_posts_init(&port->posts) != SPD_ERR_OK) {
        spd_diag_set(diag, err, ENOMEM, "no memory for the posts of a completion port");
        goto fail;
    }
    port->wake_fd = eventfd(0, EFD_CLOEXEC);
    if (port->wake_fd < 0) {
        err = spd_oserr_map(errno);
        spd_diag_set(diag, err, errno, "cannot create an eventfd for a completion port: %s",
                     spd_oserr_name(errno));
        goto fail;
    }
    err = open_rings(port, config->denied_features, diag);
    if (err != SPD_ERR_OK) {
        goto fail;
    }
    if (!port->single_owner) {
        err = spd_shared_init(port, config->concurrency_limit);
        if (err != SPD_ERR_OK) {
            spd_diag_set(diag, err, 0,
                         "no thread-specific key for a completion port: this process has too "
                         "many shared ports");
            goto fail;
        }
    }
    *out = port;
    return SPD_ERR_OK;

fail:
    spd_cport_free(port);
    return err;
}

void spd_cport_free(struct spd_cport *port)
{
    if (port->has_stamp_ring) {
        spd_ring_close(&port->stamp_ring);
    }
    spd_ring_close(&port->ring);
    if (port->wake_fd >= 0) {
        (void)close(port->wake_fd);
    }
    spd_posts_free(&port->posts);
    free(port);
}

void spd_cport_facts(const struct spd_cport *port, struct spd_cport_facts *out)
{
    *out = port->facts;
}

enum spd_err spd_cport_commit(struct spd_cport *port, size_t *n_handed)
{
    enum spd_err err = SPD_ERR_OK;
    size_t n = 0;

    spd_cport_hold(port);
    if (atomic_load_explicit(&port->closed, memory_order_acquire)) {
        spd_cport_sweep(port);
        err = SPD_ERR_CLOSED;
    } else {
        n = spd_cport_flush(port, false);
        if (!port->single_owner) {
            /* A leader may be in the kernel already: nobody else would hand
             * the receives over. The owner does it in its wait, because a
             * receive in the kernel slows the sends of a burst. */
            spd_shared_hand_receives(port);
        }
        if (port->os_errno != 0) {
            err = spd_cport_failure(port);
        }
    }
    if (!port->single_owner) {
        spd_shared_wake(port);
    }
    spd_cport_release(port);
    if (n_handed != NULL) {
        *n_handed = n;
    }
    return err;
}

enum spd_err spd_cport_wait(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                            size_t *n_out, spd_ns timeout_ns)
{
    if (capacity == 0) {
        return SPD_ERR_INVALID;
    }
    return port->single_owner ? spd_cport_wait_owned(port, out, capacity, n_out, timeout_ns)
                              : spd_shared_wait(port, out, capacity, n_out, timeout_ns);
}

enum spd_err spd_cport_post(struct spd_cport *port, uintptr_t key, uint32_t n_bytes,
                            struct spd_op *op)
{
    const struct spd_post post = { .key = key, .op = op, .n_bytes = n_bytes };
    enum spd_err err = spd_posts_push(port, &post);

    if (err != SPD_ERR_OK) {
        return err;
    }
    if (port->single_owner) {
        spd_cport_kick(port);
    } else {
        spd_cport_hold(port);
        spd_shared_wake(port);
        spd_cport_release(port);
    }
    return SPD_ERR_OK;
}

void spd_cport_close(struct spd_cport *port)
{
    /* Under this lock a post is accepted before, or refused after. */
    (void)pthread_mutex_lock(&port->posts.lock);
    atomic_store(&port->closed, true);
    (void)pthread_mutex_unlock(&port->posts.lock);
    if (port->single_owner) {
        spd_cport_kick(port); /* the owner cancels what is pending, in wait */
        return;
    }
    spd_cport_hold(port);
    spd_cport_sweep(port);
    spd_shared_wake_all(port);
    spd_cport_release(port);
}

void spd_cport_destroy(struct spd_cport *port)
{
    if (port == NULL) {
        return;
    }
    SPD_ASSERT(port->udps == NULL);      /* all sockets are closed */
    SPD_ASSERT(port->done.head == NULL); /* all completions were fetched */
    SPD_ASSERT(atomic_load(&port->posts.n) == 0);
    SPD_ASSERT(!atomic_load(&port->sleeping)); /* nobody waits */
    if (!port->single_owner) {
        spd_shared_free(port);
    }
    spd_cport_free(port);
}
