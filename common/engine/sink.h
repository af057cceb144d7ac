/*
 * A sink for noise: takes datagrams on any number of sockets of one completion
 * port, counts them, and answers nothing. The owner of the port steps it.
 */
#ifndef SPD_ENGINE_SINK_H
#define SPD_ENGINE_SINK_H

#include <stdint.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/sys/cport.h"

#define SPD_SINK_MAX_LISTEN 64

struct spd_sink;

struct spd_sink_counters {
    uint64_t n_received;
    uint64_t n_bytes;             /* IP packets */
    uint32_t last_bytes;          /* of the last one */
    uint64_t n_receive_failed;
    uint64_t n_dropped_by_system; /* receive buffers full; what the system tells */
    spd_ns first_ns;              /* counter time of the first and the last packet */
    spd_ns last_ns;
};

/* keys first_key .. first_key + n_listen - 1 are the sink's. interface_name may
 * be NULL. Errors as spd_udp_open, and NOMEM. */
enum spd_err spd_sink_create(struct spd_cport *port, uintptr_t first_key,
                             const struct spd_addr *listen, size_t n_listen,
                             const char *interface_name, struct spd_sink **out,
                             struct spd_diag *diag);

/* The address of socket i as bound. */
struct spd_addr spd_sink_address(const struct spd_sink *sink, size_t i);

/* Wait at most max_wait_ns; posts go to on_post. As spd_reflector_step. */
typedef void spd_sink_on_post(void *context, const struct spd_completion *completion);
enum spd_err spd_sink_step(struct spd_sink *sink, spd_ns max_wait_ns, spd_sink_on_post *on_post,
                           void *context);

void spd_sink_counters(struct spd_sink *sink, struct spd_sink_counters *out);

/* Closes the sockets, drains the port of their operations and frees. */
void spd_sink_destroy(struct spd_sink *sink);

#endif
