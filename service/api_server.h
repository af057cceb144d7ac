/*
 * The service's end of the local interface: a thread that accepts connections,
 * cuts them into lines, hands requests to the controller and writes what comes
 * back. It lets nobody wait for anybody else: connections, lines, requests and
 * what waits to be written are limited, for each connection and for each user.
 */
#ifndef SPD_SERVICE_API_SERVER_H
#define SPD_SERVICE_API_SERVER_H

#include "service/api_message.h"

struct spd_api_server;

struct spd_api_server_config {
    const char *name;   /* of the endpoint; NULL: the default one */
    const char *admins; /* as in struct spd_local_config */
    struct spd_cport *controller;
    uintptr_t key; /* with which requests are posted there */
};

/* Listen and start the thread; everything of config but the port is copied.
 * Errors: as spd_local_listen and spd_cport_create. */
enum spd_err spd_api_server_start(const struct spd_api_server_config *config,
                                  struct spd_api_server **out, struct spd_diag *diag);

/* Hand it an answer or event; takes the message, whatever happens. Any thread.
 * A message to a connection that is gone is freed. */
void spd_api_server_send(struct spd_api_server *server, struct spd_api_message *message);

struct spd_api_counts {
    unsigned n_connections; /* now */
    uint64_t n_requests;
    uint64_t n_malformed;
    uint64_t n_turned_away; /* connections: too many, too slow, or hostile */
};
/* Any thread. */
void spd_api_server_counts(struct spd_api_server *server, struct spd_api_counts *out);

/* What is written is still sent, for at most two seconds. Requests that the controller
 * still has must be freed by it. NULL is allowed. */
void spd_api_server_stop(struct spd_api_server *server);

#endif
