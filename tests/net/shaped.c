/*
 * Links of known rate; see shaped.h.
 */
#include "tests/net/shaped.h"

unsigned link_bytes(const struct link *link)
{
    return link->size_bytes + ETHERNET_BYTES;
}

double link_rate_bytes_per_ns(const struct link *link)
{
    return link->rate_kbit * 1e3 / 8 / 1e9;
}

void link_shape(const struct link *link, unsigned limit_bytes)
{
    enum net_host host = NET_ROUTER;
    const char *device = link->way == FORWARD ? "r2" : "r1";

    net_build(link->owner == OWN ? NET_DIRECT : NET_ROUTED);
    if (link->owner == OWN) {
        host = link->way == FORWARD ? NET_NEAR : NET_FAR;
        device = link->way == FORWARD ? "n0" : "f0";
    }
    net_sh(host, "tc qdisc replace dev %s root tbf rate %ukbit burst %u limit %u", device,
           link->rate_kbit, BUCKET_BYTES, limit_bytes);
}

struct net_capture *link_tap(const struct link *link)
{
    return link->way == FORWARD ? net_capture_start(NET_FAR, "f0")
                                : net_capture_start(NET_NEAR, "n0");
}

json_t *link_burst(const struct link *link, unsigned n_bursts, unsigned timeout_ms)
{
    const struct net_how far = { .host = NET_FAR }, near = { .host = NET_NEAR };

    net_reflector(&far, NET_FAR_ADDR, 862, "--stateful");
    return net_result(net_start(&near,
                                "burst " NET_FAR_ADDR " --packets %d --bursts %u --size %u "
                                "--gap 200ms --retries 0 --timeout %ums --json --records",
                                N_PACKETS, n_bursts, link->size_bytes, timeout_ms),
                      120);
}

/* Whether it is a packet of the test itself, no probe before it. */
static bool is_of_test(const struct net_frame *f, const json_t *result, size_t n_sent)
{
    uint32_t ssid = (uint32_t)f->payload[14] << 8 | f->payload[15];

    return !f->outgoing && f->n_payload == (size_t)net_int(result, "test.size_bytes") - 28 &&
           ssid == net_int(result, "test.ssid") && net_u32(f, f->to_port == 862 ? 0 : 24) < n_sent;
}

const int64_t *link_captured(struct net_capture *capture, const json_t *result, size_t n_sent)
{
    int64_t *at_ns = net_alloc(n_sent * sizeof(*at_ns));
    const struct net_frame *f;
    size_t n;

    f = net_capture_frames(capture, &n);
    for (size_t i = 0; i < n; i++)
        if (is_of_test(&f[i], result, n_sent)) {
            uint32_t seq = net_u32(&f[i], f[i].to_port == 862 ? 0 : 24);

            assert_int_equal(at_ns[seq], 0);
            at_ns[seq] = f[i].at_ns;
        }
    return at_ns;
}
