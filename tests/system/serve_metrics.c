/*
 * serve_metrics: the fixed figures of metrics_kit over HTTP on a free port of
 * loopback, until standard input ends. Prints where, and another free port for
 * whoever watches.
 */
#include <stdio.h>

#include "common/sys/tcp.h"
#include "tests/system/metrics_kit.h"

static uint16_t free_port(void)
{
    struct spd_addr a = { .family = SPD_FAMILY_IPV4, .bytes = { 127, 0, 0, 1 } };
    struct spd_tcp *listener;

    if (spd_tcp_listen(&a, &listener, NULL))
        return 0;
    spd_tcp_local(listener, &a);
    spd_tcp_close(listener);
    return a.port;
}

int main(void)
{
    static const struct spd_texts listen = { { "127.0.0.1:0" }, 1 };
    struct kit *kit = kit_start();
    struct spd_metrics_http_config config = { &listen, kit_port(kit), KIT_KEY };
    struct spd_metrics_http *http;
    struct spd_diag diag;

    if (spd_metrics_http_start(&config, &http, &diag)) {
        fprintf(stderr, "%s\n", diag.text);
        return 1;
    }
    printf("%s %u\n", spd_metrics_http_text(http), free_port());
    fflush(stdout);
    while (getchar() != EOF)
        continue;
    spd_metrics_http_stop(http);
    kit_stop(kit);
    return 0;
}
