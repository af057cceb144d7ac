/*
 * Completions that other threads post to a port, and how they end its wait.
 * Any thread pushes; the holder of the port fetches. Pushing takes a lock and
 * may allocate; fetching takes the lock only when something is there.
 */
#include "posix/cport_private.h"

#include <errno.h>
#include <unistd.h>

enum { FIRST_CAPACITY = 256 };

enum spd_err spd_posts_init(struct spd_posts *posts)
{
    posts->items = malloc(FIRST_CAPACITY * sizeof posts->items[0]);
    if (posts->items == NULL) {
        return SPD_ERR_NOMEM;
    }
    posts->capacity = FIRST_CAPACITY;
    posts->first = 0;
    atomic_init(&posts->n, 0);
    (void)pthread_mutex_init(&posts->lock, NULL);
    return SPD_ERR_OK;
}

void spd_posts_free(struct spd_posts *posts)
{
    if (posts->items != NULL) {
        (void)pthread_mutex_destroy(&posts->lock);
        free(posts->items);
        posts->items = NULL;
    }
}

static bool grow(struct spd_posts *posts, size_t n)
{
    struct spd_post *items = malloc(2 * posts->capacity * sizeof items[0]);

    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        items[i] = posts->items[(posts->first + i) & (posts->capacity - 1)];
    }
    free(posts->items);
    posts->items = items;
    posts->capacity *= 2;
    posts->first = 0;
    return true;
}

enum spd_err spd_posts_push(struct spd_cport *port, const struct spd_post *post)
{
    struct spd_posts *posts = &port->posts;
    enum spd_err err = SPD_ERR_OK;

    (void)pthread_mutex_lock(&posts->lock);
    size_t n = atomic_load_explicit(&posts->n, memory_order_relaxed);

    /* closed is set under this lock, so a post is either seen by those who
     * drain a closed port or refused. */
    if (atomic_load(&port->closed)) {
        err = SPD_ERR_CLOSED;
    } else if (post->op != NULL && post->op->in_flight != 0) {
        err = SPD_ERR_INVALID;
    } else if (n == posts->capacity && !grow(posts, n)) {
        err = SPD_ERR_NOMEM;
    } else {
        if (post->op != NULL) {
            post->op->in_flight = 1;
        }
        posts->items[(posts->first + n) & (posts->capacity - 1)] = *post;
        atomic_store(&posts->n, n + 1);
    }
    (void)pthread_mutex_unlock(&posts->lock);
    return err;
}

size_t spd_posts_fetch(struct spd_posts *posts, struct spd_completion *out, size_t capacity)
{
    if (atomic_load_explicit(&posts->n, memory_order_acquire) == 0) {
        return 0;
    }
    (void)pthread_mutex_lock(&posts->lock);
    size_t n = atomic_load_explicit(&posts->n, memory_order_relaxed);
    size_t n_taken = n < capacity ? n : capacity;

    for (size_t i = 0; i < n_taken; i++) {
        const struct spd_post *post = &posts->items[(posts->first + i) & (posts->capacity - 1)];

        out[i] = (struct spd_completion){
            .key = post->key, .op = post->op, .n_bytes = post->n_bytes, .err = SPD_ERR_OK
        };
        if (post->op != NULL) {
            post->op->in_flight = 0;
        }
    }
    posts->first = (posts->first + n_taken) & (posts->capacity - 1);
    atomic_store(&posts->n, n - n_taken);
    (void)pthread_mutex_unlock(&posts->lock);
    return n_taken;
}

void spd_cport_kick(struct spd_cport *port)
{
    /* Who sleeps sets sleeping before it looks at the posts a last time; who
     * posts looks at sleeping after the post. One of the two sees the other. */
    if (atomic_exchange(&port->sleeping, false)) {
        uint64_t one = 1;
        ssize_t n;

        do {
            n = write(port->wake_fd, &one, sizeof one);
        } while (n < 0 && errno == EINTR);
        /* EAGAIN would mean a counter near 2^64: the eventfd is readable then. */
    }
}

/* On single-owner ports the wait in the ring ends when the ring has read the
 * eventfd; on shared ones the leader reads it itself. */
void spd_cport_arm_wake(struct spd_cport *port)
{
    if (port->wake_armed) {
        return;
    }
    struct io_uring_sqe *sqe = spd_cport_sqe(port);

    if (sqe == NULL) {
        return; /* the ring failed; its error is remembered */
    }
    io_uring_prep_read(sqe, port->wake_fd, &port->wake_value, sizeof port->wake_value, 0);
    sqe->user_data = spd_tagged(NULL, SPD_TAG_WAKE);
    port->wake_armed = true;
}
