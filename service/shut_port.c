/*
 * A Ctrl-C may come after the last wait of a command and before its end.
 */
#include "service/shut_port.h"

void spd_shut_port(struct spd_cport *port)
{
    struct spd_completion events[16];
    size_t n;

    if (!port)
        return;
    spd_cport_close(port);
    while (spd_cport_wait(port, events, 16, &n, SPD_NS_PER_S) == SPD_ERR_OK)
        ;
    spd_cport_destroy(port);
}
