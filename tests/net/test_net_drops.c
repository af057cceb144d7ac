/*
 * A shaper whose queue holds only so many packets drops most of a burst. A
 * capture behind it tells which: exactly these must be reported as lost, in
 * the direction in which they were.
 */
#include "tests/net/shaped.h"

enum { HOLDS = 50, N_BURSTS = 3, N = N_BURSTS * N_PACKETS };

static void exactly_the_dropped_packets_are_reported_in_the_right_direction(void **state)
{
    const struct link *link = *state;
    const char *expected = link->way == FORWARD ? "lost-forward" : "lost-reverse";
    const struct net_packet *packets;
    struct net_capture *capture;
    const int64_t *came_out;
    int64_t n_lost = 0;
    json_t *r;
    size_t n;

    link_shape(link, HOLDS * link_bytes(link));
    capture = link_tap(link);
    r = link_burst(link, N_BURSTS, 300);
    came_out = link_captured(capture, r, N);
    packets = net_packets(r, &n);
    assert_int_equal(n, N);
    for (size_t i = 0; i < n; i++) {
        const char *truth = came_out[i] ? "received" : expected;

        assert_int_equal(packets[i].seq, i);
        n_lost += came_out[i] == 0;
        if (strcmp(packets[i].fate, truth) != 0)
            fail_msg("packet %zu: %s, in truth %s", i, packets[i].fate, truth);
    }
    print_message("%lld of %d packets dropped\n", (long long)n_lost, N);
    /* The first packet of each burst passes, the queue takes its share, and a
     * few leave it while the burst goes on. */
    assert_true(n_lost > N_BURSTS * (N_PACKETS - 3 * HOLDS));
    assert_true(n_lost < N_BURSTS * (N_PACKETS - HOLDS));
    assert_int_equal(net_int(r, "loss.n_lost"), n_lost);
    assert_int_equal(net_int(r, "loss.n_lost_forward"), link->way == FORWARD ? n_lost : 0);
    assert_int_equal(net_int(r, "loss.n_lost_reverse"), link->way == REVERSE ? n_lost : 0);
    assert_int_equal(net_int(r, "loss.n_lost_unknown"), 0);
    assert_int_equal(net_int(r, "packet_counts.n_sent"), N);
    assert_int_equal(net_int(r, "packet_counts.n_received"), N - n_lost);
}

#define CASE(name, way, owner)                                                                     \
    LINK_CASE(name, exactly_the_dropped_packets_are_reported_in_the_right_direction, way, owner,   \
              10000, 1000)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        CASE("drops_forward_on_the_senders_link", FORWARD, OWN),
        CASE("drops_forward_on_a_router", FORWARD, ROUTER),
        CASE("drops_on_the_way_back_on_the_reflectors_link", REVERSE, OWN),
        CASE("drops_on_the_way_back_on_a_router", REVERSE, ROUTER),
    };

    net_use(argc - 1, argv + 1);
    net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
