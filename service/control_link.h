/*
 * The sender's control connection (OWAMP-Control, RFC 4656): each step blocks
 * for a bounded time, on the thread that calls; while packets are sent, a thread
 * of its own hears the server.
 */
#ifndef SPD_SERVICE_CONTROL_LINK_H
#define SPD_SERVICE_CONTROL_LINK_H

#include "common/engine/control_client.h"
#include "common/sys/cport.h"

struct spd_control_link;

/* Connect to the server from local (or NULL) and have the session accepted.
 * request lacks addresses: they are those of the connection; its sender's port
 * is given. Errors, with a diag: as spd_tcp_connect; PROHIBITED, TIMEOUT,
 * FORMAT, CLOSED (what the server said, or did not); NOMEM. */
enum spd_err spd_control_link_open(const struct spd_addr *server, const struct spd_addr *local,
                                   const char *server_name, const struct spd_owamp_request *request,
                                   const struct spd_owamp_slot *slots,
                                   struct spd_control_link **out, struct spd_diag *diag);

const struct spd_control_client *spd_control_link_client(const struct spd_control_link *link);

/* Start-Sessions. */
enum spd_err spd_control_link_start(struct spd_control_link *link, struct spd_diag *diag);

/* From now on, until unwatch, post key to the port once when the server wants to
 * stop, or is gone. */
enum spd_err spd_control_link_watch(struct spd_control_link *link, struct spd_cport *port,
                                    uintptr_t key, struct spd_diag *diag);
void spd_control_link_unwatch(struct spd_control_link *link);

/* Stop-Sessions, both ways, and Fetch-Session. */
enum spd_err spd_control_link_stop(struct spd_control_link *link, uint8_t accept, uint32_t next_seq,
                                   const struct spd_owamp_skip *skips, uint32_t n_skips,
                                   struct spd_diag *diag);
enum spd_err spd_control_link_fetch(struct spd_control_link *link, struct spd_diag *diag);

void spd_control_link_close(struct spd_control_link *link); /* NULL is allowed */

#endif
