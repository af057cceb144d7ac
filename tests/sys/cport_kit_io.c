/*
 * Requests, sockets and threads for the conformance cases.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "tests/sys/cport_kit.h"

/* ---- requests ---- */

void kit_post(struct kit *kit, uintptr_t key, uint32_t n_bytes, struct kit_request *request)
{
    enum spd_err err = spd_cport_post(kit->port, key, n_bytes, request ? &request->op : NULL);

    if (err != SPD_ERR_OK)
        kit_fail("post says %s", spd_err_name(err));
    if (request)
        request->n_accepted++;
}

void kit_send(struct kit *kit, struct spd_udp *udp, struct kit_request *request, const void *data,
              size_t n_bytes, const struct spd_addr *to)
{
    struct spd_udp_send_options options = { .to = to, .tclass = -1 };
    enum spd_err err = spd_udp_queue_send(udp, &request->op, data, n_bytes, to ? &options : NULL);

    (void)kit;
    if (err != SPD_ERR_OK)
        kit_fail("queue_send says %s", spd_err_name(err));
    request->n_accepted++;
}

void kit_receive(struct kit *kit, struct spd_udp *udp, struct kit_request *request)
{
    enum spd_err err = spd_udp_queue_receive(udp, &request->op, request->buffer, request->capacity,
                                             &request->meta);

    (void)kit;
    if (err != SPD_ERR_OK)
        kit_fail("queue_receive says %s", spd_err_name(err));
    request->n_accepted++;
}

void kit_send_numbers(struct kit *kit, struct spd_udp *udp, struct kit_request *requests, size_t n,
                      uint32_t first)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t number = first + (uint32_t)i;

        for (unsigned b = 0; b < 4; b++)
            requests[i].buffer[b] = (unsigned char)(number >> (24 - 8 * b));
        kit_send(kit, udp, &requests[i], requests[i].buffer, 4, NULL);
    }
}

uint32_t kit_number(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

void kit_commit(struct kit *kit)
{
    enum spd_err err = spd_cport_commit(kit->port, NULL);

    if (err != SPD_ERR_OK)
        kit_fail("commit says %s", spd_err_name(err));
}

/* ---- sockets ---- */

struct spd_addr kit_loopback(enum spd_family family)
{
    struct spd_addr addr;

    if (!spd_addr_parse_host(family == SPD_FAMILY_IPV6 ? "::1" : "127.0.0.1", &addr))
        kit_fail("the loopback address does not parse");
    return addr;
}

struct spd_udp *kit_open_on(struct kit *kit, struct spd_cport *port, uintptr_t key,
                            const struct spd_udp_config *config)
{
    struct spd_udp_config filled = *config;
    struct spd_diag diag = { 0 };
    struct spd_udp *udp = NULL;
    size_t slot = 0;
    enum spd_err err;

    if (filled.local.family == SPD_FAMILY_NONE)
        filled.local = kit_loopback(SPD_FAMILY_IPV4);
    while (slot < KIT_MAX_SOCKETS && kit->sockets[slot])
        slot++;
    assert_true(slot < KIT_MAX_SOCKETS);
    err = spd_udp_open(port, key, &filled, &udp, &diag);
    if (err != SPD_ERR_OK)
        kit_fail("cannot open a socket: %s: %s", spd_err_name(err), diag.text);
    kit->sockets[slot] = udp;
    return udp;
}

struct spd_udp *kit_open(struct kit *kit, uintptr_t key, const struct spd_udp_config *config)
{
    return kit_open_on(kit, kit->port, key, config);
}

void kit_close(struct kit *kit, struct spd_udp *udp)
{
    for (size_t i = 0; i < KIT_MAX_SOCKETS; i++) {
        if (kit->sockets[i] == udp)
            kit->sockets[i] = NULL;
    }
    spd_udp_close(udp);
}

struct spd_addr kit_address(const struct spd_udp *udp)
{
    struct spd_udp_facts facts;

    spd_udp_facts(udp, &facts);
    return facts.local;
}

struct kit_pair kit_open_pair(struct kit *kit, enum spd_family family)
{
    struct spd_udp_config config = { .local = kit_loopback(family), .tclass = -1 };
    struct kit_pair pair;

    config.want_receive_details = true;
    config.receive_buffer_bytes = (size_t)4 << 20;
    config.send_buffer_bytes = (size_t)4 << 20;
    pair.receiver = kit_open(kit, 2, &config);
    config.remote = kit_address(pair.receiver);
    pair.sender = kit_open(kit, 1, &config);
    return pair;
}

void kit_need_ipv6(void)
{
    struct spd_cport_config port_config = { 0 };
    struct spd_udp_config config = { .local = kit_loopback(SPD_FAMILY_IPV6), .tclass = -1 };
    struct spd_cport *port = NULL;
    struct spd_udp *udp = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_cport_create(&port_config, &port, &diag);

    if (err == SPD_ERR_OK) {
        err = spd_udp_open(port, 1, &config, &udp, &diag);
        spd_udp_close(udp);
        spd_cport_close(port);
        spd_cport_destroy(port);
    }
    if (err == SPD_ERR_NOT_FOUND || err == SPD_ERR_NOTSUP)
        kit_skip("no IPv6 loopback address here");
}

/* ---- threads ---- */

void kit_start(struct kit *kit, void (*run)(void *argument), void *argument)
{
    size_t slot = 0;
    enum spd_err err;

    while (slot < KIT_MAX_THREADS && kit->threads[slot])
        slot++;
    assert_true(slot < KIT_MAX_THREADS);
    err = spd_thread_start(&kit->threads[slot], "case", run, argument);
    if (err != SPD_ERR_OK)
        kit_fail("cannot start a thread: %s", spd_err_name(err));
}

void kit_join(struct kit *kit)
{
    for (size_t i = 0; i < KIT_MAX_THREADS; i++) {
        if (kit->threads[i])
            spd_thread_join(kit->threads[i]);
        kit->threads[i] = NULL;
    }
}
