/*
 * Two simulated hosts for the tests of the simulator; see sim_pair.h.
 */
#include "tests/support/sim_pair.h"

struct sim_pair net;

void net_open(const struct spd_udp_config *like)
{
    struct spd_cport_config port_config = { .single_owner = true };
    struct spd_udp_config config = *like;
    struct spd_diag diag;

    memset(&net, 0, sizeof net);
    assert_int_equal(spd_cport_create(&port_config, &net.port, &diag), SPD_ERR_OK);
    config.local = sim_addr4(2, 862);
    config.want_receive_details = true;
    assert_int_equal(spd_udp_open(net.port, 2, &config, &net.receiver, &diag), SPD_ERR_OK);
    config.local = sim_addr4(1, 0);
    config.remote = sim_addr4(2, 862);
    assert_int_equal(spd_udp_open(net.port, 1, &config, &net.sender, &diag), SPD_ERR_OK);
    for (size_t i = 0; i < MAX; i++) {
        net.came_ns[i] = -1;
        assert_int_equal(spd_udp_queue_receive(net.receiver, &net.receives[i], net.received[i], 100,
                                               &net.meta[i]),
                         SPD_ERR_OK);
    }
}

void net_send(size_t n, size_t n_bytes)
{
    for (size_t i = 0; i < n; i++) {
        net.sent[i][0] = (unsigned char)i;
        assert_int_equal(spd_udp_queue_send(net.sender, &net.sends[i], net.sent[i], n_bytes, NULL),
                         SPD_ERR_OK);
    }
    assert_int_equal(spd_cport_commit(net.port, NULL), SPD_ERR_OK);
}

void net_run(spd_ns duration_ns)
{
    spd_ns until_ns = sim_now_ns() + duration_ns;
    struct spd_completion out[8];
    size_t n;

    while (spd_cport_wait(net.port, out, 8, &n, until_ns - sim_now_ns()) == SPD_ERR_OK) {
        for (size_t i = 0; i < n; i++) {
            if (out[i].key == 1) {
                net.send_err[out[i].op - net.sends] = out[i].err;
            } else {
                net.came_ns[out[i].op - net.receives] = sim_now_ns();
                net.n_came += out[i].err == SPD_ERR_OK;
            }
        }
    }
}

void net_close(void)
{
    struct spd_completion out[8];
    size_t n;

    spd_udp_close(net.sender);
    spd_udp_close(net.receiver);
    spd_cport_close(net.port);
    while (spd_cport_wait(net.port, out, 8, &n, 0) == SPD_ERR_OK)
        continue;
    spd_cport_destroy(net.port);
    memset(&net, 0, sizeof net);
}

int net_fresh_world(void **state)
{
    (void)state;
    sim_create(42);
    return 0;
}

int net_end_world(void **state)
{
    (void)state;
    if (net.port)
        net_close();
    sim_destroy();
    return 0;
}

void net_send_over(const struct sim_link *link, size_t n)
{
    sim_link_set(1, 2, link);
    net_open(&(struct spd_udp_config){ .tclass = -1 });
    net_send(n, 100);
    net_run(1000 * MS);
}
