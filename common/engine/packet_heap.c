/*
 * One block of pages: first the units, then their headers. Runs on the thread
 * of the test that owns it; must never allocate after create.
 */
#include "common/engine/packet_heap.h"

#include <stdlib.h>

#include "common/base/assert.h"
#include "common/sys/pagemem.h"

struct spd_packet_heap {
    uint8_t *block;
    struct spd_unit *headers; /* within block */
    struct spd_packet_heap_facts facts;
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) / to * to;
}

/* Unit and total size; false when they do not fit in size_t. */
static bool measure(size_t n_units, size_t packet_bytes, size_t *unit_bytes, size_t *total_bytes)
{
    size_t page = spd_pagemem_page_bytes();

    if (n_units == 0 || packet_bytes == 0 || packet_bytes > SIZE_MAX - page)
        return false;
    *unit_bytes = round_up(packet_bytes, page);
    if (*unit_bytes > UINT32_MAX || n_units > UINT32_MAX)
        return false;
    if (n_units > (SIZE_MAX - page) / (*unit_bytes + sizeof(struct spd_unit)))
        return false;
    *total_bytes = round_up(n_units * (*unit_bytes + sizeof(struct spd_unit)), page);
    return true;
}

size_t spd_packet_heap_bytes(size_t n_units, size_t packet_bytes)
{
    size_t unit_bytes, total_bytes;

    return measure(n_units, packet_bytes, &unit_bytes, &total_bytes) ? total_bytes : 0;
}

static void init_headers(struct spd_packet_heap *heap)
{
    for (size_t i = 0; i < heap->facts.n_units; i++) {
        struct spd_unit *unit = &heap->headers[i];

        spd_op_init(&unit->op);
        unit->data = heap->block + i * heap->facts.unit_bytes;
        unit->capacity = (uint32_t)heap->facts.unit_bytes;
        unit->index = (uint32_t)i;
    }
}

enum spd_err spd_packet_heap_create(size_t n_units, size_t packet_bytes,
                                    struct spd_packet_heap **out, struct spd_diag *diag)
{
    size_t unit_bytes, total_bytes;
    struct spd_packet_heap *heap;
    void *block;
    enum spd_err err;

    if (!measure(n_units, packet_bytes, &unit_bytes, &total_bytes))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "a packet heap of %zu packets of %zu bytes is not possible", n_units,
                            packet_bytes);
    heap = calloc(1, sizeof(*heap));
    if (!heap)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the packet heap");
    err = spd_pagemem_alloc(total_bytes, &block, &heap->facts.locked_bytes,
                            &heap->facts.lock_diag);
    if (err) {
        free(heap);
        return spd_diag_set(diag, err, 0,
                            "no memory for a packet heap of %zu bytes (%zu packets, each in its "
                            "own page); ask for fewer packets",
                            total_bytes, n_units);
    }
    heap->block = block;
    /* Unit sizes are whole pages, so the headers keep the alignment of an op. */
    heap->headers = (struct spd_unit *)(void *)(heap->block + n_units * unit_bytes);
    heap->facts.page_bytes = spd_pagemem_page_bytes();
    heap->facts.unit_bytes = unit_bytes;
    heap->facts.n_units = n_units;
    heap->facts.total_bytes = total_bytes;
    init_headers(heap);
    *out = heap;
    return SPD_ERR_OK;
}

void spd_packet_heap_destroy(struct spd_packet_heap *heap)
{
    if (!heap)
        return;
    for (size_t i = 0; i < heap->facts.n_units; i++)
        spd_op_fini(&heap->headers[i].op);
    spd_pagemem_free(heap->block, heap->facts.total_bytes);
    free(heap);
}

struct spd_unit *spd_packet_heap_unit(struct spd_packet_heap *heap, size_t index)
{
    SPD_ASSERT(index < heap->facts.n_units);
    return &heap->headers[index];
}

void spd_packet_heap_facts(const struct spd_packet_heap *heap, struct spd_packet_heap_facts *out)
{
    *out = heap->facts;
}
