/*
 * Two counters that only grow, each written by one side. push allocates
 * nothing and waits for nobody.
 */
#include "common/base/ring.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct spd_ring_buffer {
    atomic_size_t n_pushed; /* written by the producer */
    char apart[64];         /* each on a cache line of its own */
    atomic_size_t n_popped; /* written by the consumer */
    size_t mask;
    size_t record_bytes;
    unsigned char *records;
};

enum spd_err spd_ring_buffer_create(size_t n_records, size_t record_bytes,
                                    struct spd_ring_buffer **out)
{
    struct spd_ring_buffer *ring;
    size_t n = 1;

    if (n_records == 0 || record_bytes == 0 || n_records > SIZE_MAX / 2 / record_bytes)
        return SPD_ERR_INVALID;
    while (n < n_records)
        n *= 2;
    ring = calloc(1, sizeof(*ring));
    if (!ring)
        return SPD_ERR_NOMEM;
    ring->records = calloc(n, record_bytes);
    if (!ring->records) {
        free(ring);
        return SPD_ERR_NOMEM;
    }
    ring->mask = n - 1;
    ring->record_bytes = record_bytes;
    *out = ring;
    return SPD_ERR_OK;
}

void spd_ring_buffer_destroy(struct spd_ring_buffer *ring)
{
    if (!ring)
        return;
    free(ring->records);
    free(ring);
}

static void *slot(const struct spd_ring_buffer *ring, size_t position)
{
    return ring->records + (position & ring->mask) * ring->record_bytes;
}

bool spd_ring_buffer_push(struct spd_ring_buffer *ring, const void *record)
{
    size_t pushed = atomic_load_explicit(&ring->n_pushed, memory_order_relaxed);
    size_t popped = atomic_load_explicit(&ring->n_popped, memory_order_acquire);

    if (pushed - popped > ring->mask)
        return false;
    memcpy(slot(ring, pushed), record, ring->record_bytes);
    atomic_store_explicit(&ring->n_pushed, pushed + 1, memory_order_release);
    return true;
}

size_t spd_ring_buffer_pop(struct spd_ring_buffer *ring, void *records, size_t capacity)
{
    size_t popped = atomic_load_explicit(&ring->n_popped, memory_order_relaxed);
    size_t pushed = atomic_load_explicit(&ring->n_pushed, memory_order_acquire);
    size_t n = pushed - popped < capacity ? pushed - popped : capacity;

    for (size_t i = 0; i < n; i++)
        memcpy((char *)records + i * ring->record_bytes, slot(ring, popped + i),
               ring->record_bytes);
    atomic_store_explicit(&ring->n_popped, popped + n, memory_order_release);
    return n;
}
