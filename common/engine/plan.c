/*
 * Arithmetic only, in 64 bits, so that no product of two settings can wrap.
 * Runs on any thread.
 */
#include "common/engine/plan.h"

#include <inttypes.h>

#include "common/base/record.h"
#include "common/engine/packet_heap.h"
#include "common/wire/stamp.h"

#define SIZE_MAX_BYTES    65535u
#define PACKETS_MAX       32768u /* of one burst: what a port queues at once */
#define RECORDS_MAX       UINT32_C(0x7FFFFFFF)
/* A kernel stamp on the error queue, two for each packet (linux/errqueue.h;
 * measured as 832 bytes of receive buffer). */
#define STAMPS_BYTES 2u * 832u

uint32_t spd_plan_size_min(const struct spd_addr *target)
{
    return (uint32_t)(spd_addr_header_bytes(target) + SPD_STAMP_BYTES);
}

static enum spd_err check_size(const struct spd_burst_spec *spec, struct spd_diag *diag)
{
    uint32_t size_min = spd_plan_size_min(&spec->target);

    if (spec->size_bytes < size_min)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "--size %" PRIu32 ": an IP packet that carries a probe to %s has at "
                            "least %" PRIu32 " bytes (IPv%d and UDP header %zu, STAMP %d)",
                            spec->size_bytes, spec->target_name, size_min, spec->target.family,
                            spd_addr_header_bytes(&spec->target), SPD_STAMP_BYTES);
    if (spec->mtu_bytes && spec->size_bytes > spec->mtu_bytes)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "--size %" PRIu32 ": the path to %s takes IP packets of at most "
                            "%" PRIu32 " bytes (its MTU); ask for that or less",
                            spec->size_bytes, spec->target_name, spec->mtu_bytes);
    if (spec->size_bytes > SIZE_MAX_BYTES)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "--size %" PRIu32 ": an IP packet has at most %u bytes",
                            spec->size_bytes, SIZE_MAX_BYTES);
    return SPD_ERR_OK;
}

static enum spd_err check_counts(const struct spd_burst_spec *spec, struct spd_diag *diag)
{
    uint64_t n_records = (uint64_t)spec->n_packets * spec->n_bursts;

    if (spec->n_packets < 1 || spec->n_packets > PACKETS_MAX)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "--packets %" PRIu32 ": a burst has 1 to %u packets; use --bursts for "
                            "more",
                            spec->n_packets, PACKETS_MAX);
    if (spec->n_bursts < 1)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "--bursts 0: there must be at least one burst");
    if (spec->n_retries > 1000 || n_records > RECORDS_MAX / (1u + spec->n_retries))
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "%" PRIu32 " bursts of %" PRIu32 " packets, each repeated up to %u "
                            "times, are more than one test can hold (%" PRIu32 " packets)",
                            spec->n_bursts, spec->n_packets, spec->n_retries, RECORDS_MAX);
    return SPD_ERR_OK;
}

enum spd_err spd_plan_make(const struct spd_burst_spec *spec, size_t available_bytes,
                           size_t (*buffer_cost)(size_t n_bytes), struct spd_plan *out,
                           struct spd_diag *diag)
{
    struct spd_plan plan = { 0 };
    uint64_t total, per_packet;
    size_t heap_bytes;
    enum spd_err err = check_counts(spec, diag);

    if (!err)
        err = check_size(spec, diag);
    if (err)
        return err;
    plan.payload_bytes = spec->size_bytes - spd_addr_header_bytes(&spec->target);
    plan.n_burst_records = spec->n_bursts * (1u + spec->n_retries);
    plan.n_records = spec->n_packets * plan.n_burst_records;
    /* Some more than one for each packet: duplicates and strays must not keep
     * a reply waiting. */
    plan.n_receives = spec->n_packets + 16u + spec->n_packets / 16u;
    plan.heap_units = (size_t)spec->n_packets + plan.n_receives;
    plan.send_buffer_bytes = spec->n_packets * buffer_cost(plan.payload_bytes);
    plan.receive_buffer_bytes =
        2u * spec->n_packets * (buffer_cost(plan.payload_bytes) + STAMPS_BYTES);

    heap_bytes = spd_packet_heap_bytes(plan.heap_units, plan.payload_bytes);
    per_packet = sizeof(struct spd_packet_record);
    total = heap_bytes + per_packet * plan.n_records +
            sizeof(struct spd_burst_record) * (uint64_t)plan.n_burst_records;
    if (heap_bytes == 0 || total > SIZE_MAX / 2 || (available_bytes && total > available_bytes))
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0,
                            "this test needs %" PRIu64 " MiB of memory and %zu MiB are free: ask "
                            "for fewer --packets, --bursts or --retries",
                            total >> 20, available_bytes >> 20);
    plan.total_bytes = (size_t)total;
    *out = plan;
    return SPD_ERR_OK;
}
