/*
 * A link of known rate in the path of a burst, for the tests that measure it: a
 * token bucket shaper, on the end of the link that belongs to the sending host
 * or on a router in the middle, on the way there or on the way back.
 */
#ifndef SPD_TESTS_NET_SHAPED_H
#define SPD_TESTS_NET_SHAPED_H

#include "tests/net/net.h"

enum way { FORWARD, REVERSE };
enum owner { OWN, ROUTER };

enum { BUCKET_BYTES = 1600, N_PACKETS = 200, ETHERNET_BYTES = 14 };

struct link {
    enum way way;
    enum owner owner;
    unsigned rate_kbit;
    unsigned size_bytes; /* IP packet */
};

/* What one packet takes of the bucket. */
unsigned link_bytes(const struct link *link);
double link_rate_bytes_per_ns(const struct link *link);

/* Build the hosts with this link; limit_bytes: how much its queue holds. */
void link_shape(const struct link *link, unsigned limit_bytes);

/* A tap where packets come out of it. */
struct net_capture *link_tap(const struct link *link);

/* Bursts of N_PACKETS across it, to a stateful reflector: the result, with
 * every packet. */
json_t *link_burst(const struct link *link, unsigned n_bursts, unsigned timeout_ms);

/* When each of the n_sent packets came out by the capture; 0: never. */
const int64_t *link_captured(struct net_capture *capture, const json_t *result, size_t n_sent);

/* A case with its own name for one link. */
#define LINK_CASE(name, test, ...)                                                                 \
    {                                                                                              \
        name, test, NULL, net_end, &(struct link)                                                  \
        {                                                                                          \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

#endif
