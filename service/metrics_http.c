/*
 * Serves the pages through civetweb. Its threads run what stands here: a port
 * of its own for each, on which answers come back. Nothing of this may touch
 * what other threads own.
 */
#include "service/metrics_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <civetweb.h>

#include "common/sys/tcp.h"
#include "service/metrics_ask.h"
#include "service/shut_port.h"

#define LISTEN_MAX        8
#define WORKER            1    /* civetweb's number for threads that serve */
#define THREADS           "16" /* one a connection, silent ones too */
#define QUEUE             "64" /* of connections that wait for one */
#define REQUEST_BYTES_MAX "8192"
#define REQUEST_MS_MAX    "2000" /* to send a request, and to take its answer */

struct spd_metrics_http {
    struct spd_metrics_http_config config;
    struct spd_addr listen[LISTEN_MAX];
    size_t n_listen;
    struct mg_context *server;
    atomic_bool stopping;
    bool library;
    char text[LISTEN_MAX * (SPD_ADDR_TEXT_BYTES + 2)];
};

/* What belongs to a thread of the server. */
struct worker {
    struct spd_cport *back; /* made when it is first needed: most are never */
};

static bool open_port(struct worker *worker)
{
    struct spd_cport_config config = { .single_owner = true, .max_queued_sends = 1 };

    return worker->back || !spd_cport_create(&config, &worker->back, NULL);
}

/* ---- answers ---- */

static int send_page(struct mg_connection *conn, int status, const char *reason, const char *type,
                     const char *bytes, size_t n_bytes)
{
    const char *method = mg_get_request_info(conn)->request_method;
    char head[512];
    int n = snprintf(head, sizeof(head),
                     "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                     "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                     "%sConnection: close\r\n\r\n",
                     status, reason, type, n_bytes, status == 405 ? "Allow: GET, HEAD\r\n" : "");

    (void)mg_write(conn, head, (size_t)n);
    if (!method || strcmp(method, "HEAD") != 0) /* NULL: it could not be read */
        (void)mg_write(conn, bytes, n_bytes);
    return status;
}

static int send_text(struct mg_connection *conn, int status, const char *reason, const char *text)
{
    return send_page(conn, status, reason, "text/plain; charset=utf-8", text, strlen(text));
}

static const char *why_not(enum spd_err err)
{
    switch (err) {
    case SPD_ERR_TIMEOUT:
        return "the service did not answer in time";
    case SPD_ERR_CLOSED:
        return "the service is ending";
    default:
        return spd_err_text(err);
    }
}

static int send_unavailable(struct mg_connection *conn, enum spd_err err)
{
    char text[200];

    snprintf(text, sizeof(text), "%s\n", why_not(err));
    return send_text(conn, 503, "Service Unavailable", text);
}

static int send_metrics(struct mg_connection *conn, enum spd_err err,
                        const struct spd_metrics_snapshot *snapshot)
{
    enum spd_metrics_format format = spd_metrics_format_of(mg_get_header(conn, "Accept"));
    size_t n = 0;
    char *page;
    int status;

    if (err)
        return send_unavailable(conn, err);
    page = spd_export_metrics(snapshot, format, &n);
    if (!page)
        return send_unavailable(conn, SPD_ERR_NOMEM);
    status = send_page(conn, 200, "OK", spd_metrics_content_type(format), page, n);
    free(page);
    return status;
}

static int send_health(struct mg_connection *conn, enum spd_err err,
                       const struct spd_metrics_snapshot *snapshot)
{
    struct spd_metrics_snapshot unknown = { .service = { .version = SPD_VERSION } };
    const struct spd_metrics_snapshot *s = err ? &unknown : snapshot;
    bool well;
    size_t n = 0;
    char *line;
    int status;

    if (err)
        spd_metrics_snapshot_add_reason(&unknown, "%s", why_not(err));
    well = s->n_reasons == 0;
    line = spd_export_health(s, &n);
    if (!line)
        return send_unavailable(conn, SPD_ERR_NOMEM);
    status = send_page(conn, well ? 200 : 503, well ? "OK" : "Service Unavailable",
                       "application/json", line, n);
    free(line);
    return status;
}

/* Every request comes here; nothing is left to the library, which would serve
 * files. */
static int on_request(struct mg_connection *conn)
{
    const struct mg_request_info *request = mg_get_request_info(conn);
    struct spd_metrics_http *http = mg_get_user_data(mg_get_context(conn));
    struct worker *worker = mg_get_thread_pointer(conn);
    bool metrics = strcmp(request->local_uri, "/metrics") == 0;
    struct spd_metrics_ask *ask = NULL;
    enum spd_err err = SPD_ERR_NOMEM;
    int status;

    /* Else the library would wait for all of a body that nobody reads. */
    mg_disable_keep_alive(conn);
    if (strcmp(request->request_method, "GET") != 0 && strcmp(request->request_method, "HEAD") != 0)
        return send_text(conn, 405, "Method Not Allowed", "only GET and HEAD\n");
    if (!metrics && strcmp(request->local_uri, "/healthz") != 0)
        return send_text(conn, 404, "Not Found", "there are /metrics and /healthz\n");
    if (worker && open_port(worker))
        err = spd_metrics_ask(&http->config, worker->back, &http->stopping, &ask);
    if (metrics)
        status = send_metrics(conn, err, ask ? &ask->snapshot : NULL);
    else
        status = send_health(conn, err, ask ? &ask->snapshot : NULL);
    if (ask)
        spd_metrics_ask_free(ask);
    return status;
}

/* ---- threads ---- */

static void *on_thread_begins(const struct mg_context *server, int type)
{
    (void)server;
    return type == WORKER ? calloc(1, sizeof(struct worker)) : NULL;
}

static void on_thread_ends(const struct mg_context *server, int type, void *worker)
{
    (void)server;
    if (type != WORKER || !worker)
        return;
    spd_shut_port(((struct worker *)worker)->back);
    free(worker);
}

/* What the library refuses by itself. Its own pages would take the date from
 * functions that are not for several threads. */
static int on_refusal(struct mg_connection *conn, int status, const char *message)
{
    char text[200];

    snprintf(text, sizeof(text), "%s\n", message ? message : "");
    (void)send_text(conn, status, status == 408 ? "Request Timeout" : "Bad Request", text);
    return 0; /* answered */
}

/* What it has to say of its clients is of no interest. */
static int on_message(const struct mg_connection *conn, const char *message)
{
    (void)conn;
    (void)message;
    return 1;
}

/* ---- start and stop ---- */

static enum spd_err add_address(struct spd_metrics_http *http, const char *text,
                                struct spd_diag *diag)
{
    struct spd_addr *a = &http->listen[http->n_listen];
    char host[SPD_ADDR_TEXT_BYTES];
    uint16_t port;

    if (http->n_listen == LISTEN_MAX)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "metrics: more than %d addresses to listen on", LISTEN_MAX);
    if (!spd_addr_split(text, SPD_METRICS_DEFAULT_PORT, true, host, sizeof(host), &port) ||
        !spd_addr_parse_host(host, a))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "metrics: %s is no address to listen on; give ADDR or ADDR:PORT, such "
                            "as 127.0.0.1:%d",
                            text, SPD_METRICS_DEFAULT_PORT);
    if (a->family == SPD_FAMILY_IPV6 && !mg_check_feature(MG_FEATURES_IPV6))
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                            "metrics: the HTTP library here listens on IPv4 only; give an IPv4 "
                            "address in place of %s",
                            text);
    a->port = port;
    http->n_listen++;
    return SPD_ERR_OK;
}

static enum spd_err find_addresses(struct spd_metrics_http *http, const struct spd_texts *listen,
                                   struct spd_diag *diag)
{
    enum spd_err err = SPD_ERR_OK;

    if (!listen || listen->n == 0)
        return add_address(http, "127.0.0.1", diag);
    for (size_t i = 0; i < listen->n && !err; i++)
        err = add_address(http, listen->text[i], diag);
    return err;
}

/* The library does not say why it cannot listen: the system is asked before. */
static enum spd_err try_addresses(const struct spd_metrics_http *http, struct spd_diag *diag)
{
    for (size_t i = 0; i < http->n_listen; i++) {
        struct spd_tcp *listener;
        enum spd_err err = spd_tcp_listen(&http->listen[i], &listener, diag);

        if (err)
            return err;
        spd_tcp_close(listener);
    }
    return SPD_ERR_OK;
}

static void write_addresses(struct spd_metrics_http *http, const char *between)
{
    size_t n = 0;

    http->text[0] = '\0';
    for (size_t i = 0; i < http->n_listen; i++) {
        char text[SPD_ADDR_TEXT_BYTES];

        n += (size_t)snprintf(http->text + n, sizeof(http->text) - n, "%s%s", i ? between : "",
                              spd_addr_format(&http->listen[i], text));
    }
}

static enum spd_err start_server(struct spd_metrics_http *http, struct spd_diag *diag)
{
    static const struct mg_callbacks callbacks = { .begin_request = on_request,
                                                   .http_error = on_refusal,
                                                   .log_message = on_message,
                                                   .init_thread = on_thread_begins,
                                                   .exit_thread = on_thread_ends };
    /* clang-format off */
    const char *options[] = {
        "listening_ports", http->text,
        "num_threads", THREADS,
        "connection_queue", QUEUE,
        "max_request_size", REQUEST_BYTES_MAX,
        "request_timeout_ms", REQUEST_MS_MAX,
        "enable_keep_alive", "no",
        "decode_url", "no",
        "tcp_nodelay", "1",
        NULL,
    };
    /* clang-format on */
    struct mg_init_data init = { .callbacks = &callbacks,
                                 .user_data = http,
                                 .configuration_options = options };
    struct mg_server_port ports[LISTEN_MAX] = { 0 };
    char text[256] = "";
    unsigned code = 0;
    struct mg_error_data error = { &code, text, sizeof(text) };
    int n_ports;

    write_addresses(http, ",");
    (void)mg_init_library(0);
    http->library = true;
    http->server = mg_start2(&init, &error);
    if (!http->server)
        return spd_diag_set(diag, SPD_ERR_IO, 0, "metrics: cannot serve on %s: %s", http->text,
                            text[0] ? text : "the HTTP library does not say why");
    n_ports = mg_get_server_ports(http->server, LISTEN_MAX, ports);
    for (int i = 0; i < n_ports; i++)
        http->listen[i].port = (uint16_t)ports[i].port;
    write_addresses(http, ", ");
    return SPD_ERR_OK;
}

enum spd_err spd_metrics_http_start(const struct spd_metrics_http_config *config,
                                    struct spd_metrics_http **out, struct spd_diag *diag)
{
    struct spd_metrics_http *http = calloc(1, sizeof(*http));
    enum spd_err err;

    if (!http)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the server of metrics");
    http->config = *config;
    atomic_init(&http->stopping, false);
    err = find_addresses(http, config->listen, diag);
    if (!err)
        err = try_addresses(http, diag);
    if (!err)
        err = start_server(http, diag);
    if (err) {
        spd_metrics_http_stop(http);
        return err;
    }
    http->config.listen = NULL; /* not ours to keep */
    *out = http;
    return SPD_ERR_OK;
}

const char *spd_metrics_http_text(const struct spd_metrics_http *http)
{
    return http->text;
}

void spd_metrics_http_stop(struct spd_metrics_http *http)
{
    if (!http)
        return;
    atomic_store(&http->stopping, true);
    if (http->server)
        mg_stop(http->server);
    if (http->library)
        (void)mg_exit_library();
    free(http);
}
