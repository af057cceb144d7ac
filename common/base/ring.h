/*
 * A ring of fixed-size records between one producer thread and one consumer
 * thread: how a measuring thread hands its records to the one that writes
 * files, without a lock and without waiting.
 */
#ifndef SPD_BASE_RING_H
#define SPD_BASE_RING_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/err.h"

struct spd_ring_buffer;

/* Room for at least n_records of record_bytes each. Errors: NOMEM, INVALID. */
enum spd_err spd_ring_buffer_create(size_t n_records, size_t record_bytes,
                                    struct spd_ring_buffer **out);
void spd_ring_buffer_destroy(struct spd_ring_buffer *ring);

/* The producer: copy one record in. False when the ring is full. */
bool spd_ring_buffer_push(struct spd_ring_buffer *ring, const void *record);

/* The consumer: copy up to capacity records out, oldest first; how many. */
size_t spd_ring_buffer_pop(struct spd_ring_buffer *ring, void *records, size_t capacity);

#endif
