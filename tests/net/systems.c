/*
 * Two systems on one host; see systems.h.
 */
#include "tests/net/systems.h"

#include <signal.h>

#define DIGITS 9 /* of real numbers: the libraries of both round the last ones apart */

const char *const side_names[N_SIDES] = { "native", "Windows" };

static const struct net_how here = { .host = NET_HERE };
static char *words[N_SIDES][4];
static size_t n_words[N_SIDES];

void systems_use(int argc, char **argv)
{
    if (argc < 4 || argc > 3 + 4 || strcmp(argv[2], "--") != 0) {
        fprintf(stderr, "usage: %s NATIVE -- COMMAND...\n", argv[0]);
        exit(2);
    }
    words[NATIVE][0] = argv[1];
    n_words[NATIVE] = 1;
    n_words[WINDOWS] = (size_t)argc - 3;
    memcpy(words[WINDOWS], argv + 3, n_words[WINDOWS] * sizeof(argv[0]));
}

struct net_program *side_start(enum side side, const char *format, ...)
{
    char arguments[700];
    va_list list;

    va_start(list, format);
    vsnprintf(arguments, sizeof(arguments), format, list);
    va_end(list);
    return net_start_command(&here, words[side], n_words[side], arguments);
}

struct net_program *side_reflector(enum side side, const char *address, uint16_t *port)
{
    struct net_program *p;

    *port = net_free_port(NET_HERE);
    p = side_start(side, "reflect --listen %s:%u --stateful --json", address, *port);
    net_await(p, "reflecting on ");
    return p;
}

json_t *side_interrupt(struct net_program *p, int patience_s)
{
    net_signal(p, SIGINT);
    return net_result(p, patience_s);
}

/* ------------------------------------------------------------ the same words */

static void check_keys(const char *at, const json_t *a, const json_t *b);

static void check_keys_in(const char *at, const json_t *a, const json_t *b, const char *whose)
{
    const char *key;
    json_t *value;

    /* jansson's iterators take no constant object, and change none. */
    json_object_foreach((json_t *)(uintptr_t)a, key, value)
    {
        const json_t *other = json_object_get(b, key);
        char deeper[200];

        if (!other)
            fail_msg("\"%s.%s\" is only in the result of the %s program", at, key, whose);
        snprintf(deeper, sizeof(deeper), "%s.%s", at, key);
        check_keys(deeper, value, other);
    }
}

static void check_keys(const char *at, const json_t *a, const json_t *b)
{
    if (json_is_object(a) && json_is_object(b)) {
        check_keys_in(at, a, b, side_names[NATIVE]);
        check_keys_in(at, b, a, side_names[WINDOWS]);
    } else if (json_is_array(a) && json_is_array(b)) {
        assert_int_equal(json_array_size(a) > 0, json_array_size(b) > 0);
        if (json_array_size(a) > 0)
            check_keys(at, json_array_get(a, 0), json_array_get(b, 0));
    } else if (json_is_object(a) != json_is_object(b) || json_is_array(a) != json_is_array(b)) {
        fail_msg("\"%s\" is of two kinds", at);
    }
}

void systems_check_same_keys(const json_t *native, const json_t *windows)
{
    check_keys("", native, windows);
}

void systems_check_same(const char *what, const json_t *native, const json_t *windows)
{
    size_t flags = JSON_SORT_KEYS | JSON_REAL_PRECISION(DIGITS) | JSON_ENCODE_ANY;
    char *a = json_dumps(native, flags), *b = json_dumps(windows, flags);

    assert_true(a && b);
    if (strcmp(a, b) != 0)
        fail_msg("%s: the native program says %s, the Windows one %s", what, a, b);
    free(a);
    free(b);
}

bool systems_have_ipv6(void)
{
    return system("grep -q '^00000000000000000000000000000001 ' /proc/net/if_inet6") == 0;
}
