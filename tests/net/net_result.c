/*
 * Results read back, and what a case leaves behind; see net.h.
 */
#include "tests/net/net.h"

#include <unistd.h>

#include "tests/net/net_private.h"

enum { KEPT_MAX = 512 };

static int fds[KEPT_MAX];
static size_t n_fds;
static json_t *values[KEPT_MAX];
static size_t n_values;
static void *blocks[KEPT_MAX];
static size_t n_blocks;

void net_keep_fd(int fd)
{
    assert_true(n_fds < KEPT_MAX);
    fds[n_fds++] = fd;
}

void net_drop_fd(int fd)
{
    for (size_t i = 0; i < n_fds; i++)
        if (fds[i] == fd)
            fds[i--] = fds[--n_fds];
    close(fd);
}

void net_keep_json(json_t *value)
{
    assert_true(n_values < KEPT_MAX);
    values[n_values++] = value;
}

void *net_alloc(size_t n_bytes)
{
    assert_true(n_blocks < KEPT_MAX);
    blocks[n_blocks] = calloc(1, n_bytes ? n_bytes : 1);
    assert_non_null(blocks[n_blocks]);
    return blocks[n_blocks++];
}

int net_end(void **state)
{
    (void)state;
    net_programs_end();
    net_captures_end();
    while (n_fds > 0)
        close(fds[--n_fds]);
    while (n_values > 0)
        json_decref(values[--n_values]);
    while (n_blocks > 0)
        free(blocks[--n_blocks]);
    net_hosts_end();
    return 0;
}

static const json_t *at(const json_t *root, const char *path)
{
    const json_t *value = root;
    char name[64];

    for (const char *rest = path; value && *rest;) {
        size_t n = strcspn(rest, ".");

        snprintf(name, sizeof(name), "%.*s", (int)n, rest);
        value = json_object_get(value, name);
        rest += n + (rest[n] == '.');
    }
    if (!value)
        fail_msg("the result has no \"%s\"", path);
    return value;
}

int64_t net_int(const json_t *root, const char *path)
{
    const json_t *value = at(root, path);

    if (!json_is_integer(value))
        fail_msg("\"%s\" is no integer", path);
    return json_integer_value(value);
}

double net_real(const json_t *root, const char *path)
{
    const json_t *value = at(root, path);

    if (!json_is_number(value))
        fail_msg("\"%s\" is no number", path);
    return json_number_value(value);
}

const char *net_text(const json_t *root, const char *path)
{
    const json_t *value = at(root, path);

    if (!json_is_string(value))
        fail_msg("\"%s\" is no text", path);
    return json_string_value(value);
}

bool net_bool(const json_t *root, const char *path)
{
    const json_t *value = at(root, path);

    if (!json_is_boolean(value))
        fail_msg("\"%s\" is neither true nor false", path);
    return json_is_true(value);
}

bool net_is_null(const json_t *root, const char *path)
{
    return json_is_null(at(root, path));
}

static int64_t int_or(const json_t *root, const char *path, int64_t otherwise)
{
    return net_is_null(root, path) ? otherwise : net_int(root, path);
}

static void read_packet(const json_t *from, struct net_packet *p)
{
    p->seq = (uint32_t)net_int(from, "seq");
    p->burst = (uint32_t)net_int(from, "burst");
    p->t1_ns = int_or(from, "t1_ns", 0);
    p->t2_ns = int_or(from, "t2_ns", 0);
    p->t3_ns = int_or(from, "t3_ns", 0);
    p->t4_ns = int_or(from, "t4_ns", 0);
    p->t1_wire_ns = int_or(from, "t1_wire_ns", 0);
    p->round_trip_ns = int_or(from, "round_trip_ns", 0);
    p->pdv_forward_ns = int_or(from, "pdv_forward_ns", -1);
    p->pdv_reverse_ns = int_or(from, "pdv_reverse_ns", -1);
    p->t1_error_estimate = (uint16_t)net_int(from, "t1_error_estimate");
    p->t3_error_estimate = (uint16_t)int_or(from, "t3_error_estimate", 0);
    p->ttl_forward = (uint8_t)int_or(from, "ttl_forward", 0);
    p->ttl_reverse = (uint8_t)int_or(from, "ttl_reverse", 0);
    p->reflector_seq = (uint32_t)int_or(from, "reflector_seq", 0);
    snprintf(p->fate, sizeof(p->fate), "%s", net_text(from, "fate"));
}

const struct net_packet *net_packets(const json_t *root, size_t *n)
{
    const json_t *list = at(root, "packets");
    struct net_packet *packets;

    *n = json_array_size(list);
    packets = net_alloc(*n * sizeof(*packets));
    for (size_t i = 0; i < *n; i++)
        read_packet(json_array_get(list, i), &packets[i]);
    return packets;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double net_quantile(double *sample, size_t n, double share)
{
    size_t rank;

    assert_true(n > 0);
    qsort(sample, n, sizeof(*sample), compare);
    rank = (size_t)(share * (double)n + 0.999999);
    return sample[rank < 1 ? 0 : rank > n ? n - 1 : rank - 1];
}
