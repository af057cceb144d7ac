/*
 * The private heap of packets: units of whole pages, one packet a unit, taken,
 * touched and locked before the first packet leaves (spec B6).
 *
 * The packet data starts on the page boundary. The operation and what is known
 * of the packet stand in a header apart from it (same memory block, behind the
 * units): headers at a page's distance from one another would all fall into
 * the same few cache sets.
 *
 * One thread uses a heap. Nothing here allocates after create.
 */
#ifndef SPD_ENGINE_PACKET_HEAP_H
#define SPD_ENGINE_PACKET_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/sys/udp.h"

struct spd_packet_heap;

/* The header of one unit. The owner of the heap may use every field but data,
 * capacity and index. */
struct spd_unit {
    struct spd_op op;
    struct spd_udp_meta meta;
    uint8_t *data;       /* page-aligned */
    uint32_t capacity;   /* bytes at data */
    uint32_t index;      /* 0 .. n_units - 1 */
    uint32_t n_bytes;    /* of the packet in it */
    uint32_t tag;
};

struct spd_packet_heap_facts {
    size_t page_bytes;
    size_t unit_bytes;      /* a multiple of page_bytes */
    size_t n_units;
    size_t total_bytes;     /* units and headers */
    size_t locked_bytes;    /* of total_bytes */
    struct spd_diag lock_diag; /* why it is not locked; err OK when it is */
};

/* n_units units that hold packets of at least packet_bytes each.
 * Errors: NOMEM (diag says how much was wanted), INVALID (zero, or too large
 * for size_t). */
enum spd_err spd_packet_heap_create(size_t n_units, size_t packet_bytes,
                                    struct spd_packet_heap **out, struct spd_diag *diag);

/* Panics when an operation of a unit is still in flight. NULL is allowed. */
void spd_packet_heap_destroy(struct spd_packet_heap *heap);

/* index must be below n_units (asserted). */
struct spd_unit *spd_packet_heap_unit(struct spd_packet_heap *heap, size_t index);

void spd_packet_heap_facts(const struct spd_packet_heap *heap, struct spd_packet_heap_facts *out);

/* The bytes that create would take, 0 when that does not fit in size_t. */
size_t spd_packet_heap_bytes(size_t n_units, size_t packet_bytes);

#endif
