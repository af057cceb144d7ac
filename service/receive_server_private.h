/*
 * Shared by receive_server.c (connections, the loop) and receive_hosted.c (the
 * sessions that they ask for); nobody else includes it. All of it belongs to the
 * control thread.
 */
#ifndef SPD_SERVICE_RECEIVE_SERVER_PRIVATE_H
#define SPD_SERVICE_RECEIVE_SERVER_PRIVATE_H

#include <stdatomic.h>

#include "common/engine/control_server.h"
#include "common/sys/tcp.h"
#include "service/listen.h"
#include "service/receive_session.h"

#define SPD_RECEIVE_CONNECTIONS_MAX 160
#define SPD_RECEIVE_SESSIONS_MAX    32
#define SPD_RECEIVE_PACKETS_MAX     1000000u /* of one session */
#define SPD_RECEIVE_PACKETS_ALL_MAX 4000000u /* of all, since their records are kept */

struct spd_hosted {
    struct spd_receive_session *session; /* NULL: the place is free */
    struct spd_connection *connection;   /* NULL once that is closed */
    unsigned number;                     /* of the connection's sessions */
    uint8_t sid[16];
    uint32_t n_packets;
    bool answered; /* the client knows its port */
    bool over;
    int64_t stopped_ns; /* time of day of the client's Stop-Sessions; 0: none */
    spd_ns timeout_ns;  /* the session's own */
};

struct spd_connection {
    struct spd_tcp *stream; /* NULL: the place is free */
    struct spd_control_server *control;
    struct spd_receive_server *server;
    struct spd_addr peer;
    spd_ns active_ns; /* when octets last moved, or the phase changed */
    bool stopping;    /* its receivers are to end */
    bool closing;     /* once what is pending is written */
};

struct spd_receive_server {
    const struct spd_settings *settings;
    struct spd_listen listen;
    struct spd_tcp *listeners[SPD_LISTEN_MAX];
    struct spd_connection connections[SPD_RECEIVE_CONNECTIONS_MAX];
    struct spd_hosted hosted[SPD_RECEIVE_SESSIONS_MAX];
    struct spd_tcp_waker *waker;
    struct spd_cport *port; /* of the main thread */
    atomic_bool stop_wanted;
    bool stopping;
    spd_ns stop_ns; /* when stopping began */
    bool only_one;  /* the log is a file */
    bool one_is_over;
    uint64_t start_time; /* for Server-Start */
    uint64_t counter_hz;
    struct spd_diag failed; /* read by the main thread after the end */
};

/* receive_hosted.c */
uint8_t spd_hosted_request(void *connection, unsigned i, const struct spd_control_session *session);
void spd_hosted_stop(void *connection);
bool spd_hosted_fetch(void *connection, const uint8_t sid[16],
                      struct spd_control_fetch_source *out);
/* What has happened to the sessions; tells their connections. */
void spd_hosted_tend(struct spd_receive_server *server);
/* The connection is gone: its sessions end by themselves. */
void spd_hosted_orphan(struct spd_receive_server *server, const struct spd_connection *connection);
void spd_hosted_stop_all(struct spd_receive_server *server);
/* Of the connection, or of all when it is NULL. */
bool spd_hosted_any_running(const struct spd_receive_server *server,
                            const struct spd_connection *connection);
void spd_hosted_destroy_all(struct spd_receive_server *server);

#endif
