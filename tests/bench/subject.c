/*
 * Our reflector as a process of the far host: the engine's, as the program runs
 * it, without the command line.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/engine/reflector.h"
#include "tests/bench/bench.h"

void subject_reflect(int ready_fd, int port)
{
    struct spd_cport_config port_config = { .single_owner = true };
    struct spd_reflector_config config = { .n_listen = 1,
                                           .reply_dscp = SPD_REFLECTOR_REPLY_DSCP_COPY };
    struct spd_addr listen;
    struct spd_cport *cport;
    struct spd_reflector *reflector;
    struct spd_diag diag = { 0 };
    spd_ns wait_ns = port < 0 ? 0 : SPD_NS_PER_S;

    spd_addr_parse_host(BENCH_FAR, &listen);
    listen.port = (uint16_t)abs(port);
    config.listen = &listen;
    if (spd_cport_create(&port_config, &cport, &diag) ||
        spd_reflector_create(cport, 1, &config, &reflector, &diag)) {
        fprintf(stderr, "reflector: %s\n", diag.text);
        exit(1);
    }
    (void)spd_reflector_step(reflector, 0, NULL, NULL);
    if (write(ready_fd, "", 1) != 1)
        bench_die("ready");
    for (;;)
        (void)spd_reflector_step(reflector, wait_ns, NULL, NULL);
}
