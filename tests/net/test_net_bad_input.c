/*
 * What cannot work is refused with a message that says what, why and what to
 * do, and with an exit code that scripts can use: 2 for a wrong call, 3 for
 * what something here or on the way prevents. The same table holds for the
 * native program and for the Windows one under Wine.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { USAGE = 2, ENVIRONMENT = 3, SAYS_MAX = 4 };

enum system { EVERYWHERE, LINUX, WINE };

struct row {
    const char *name;
    const char *arguments;
    int code;
    const char *says[SAYS_MAX]; /* what, why, what to do */
    enum system system;
    bool nobody;
    const char *output; /* where standard output goes */
    bool shows_result;  /* one of two outputs could be written */
    bool fills_memory;  /* of a computer of usual size */
};

#define ROW(name_, arguments_, code_, ...)                                                         \
    .name = name_, .arguments = arguments_, .code = code_, .says = { __VA_ARGS__ }
#define WRONG(name_, arguments_, ...)     ROW(name_, arguments_, USAGE, __VA_ARGS__)
#define PREVENTED(name_, arguments_, ...) ROW(name_, arguments_, ENVIRONMENT, __VA_ARGS__)

/* Everything happens on one host: a reflector listens on port $R, a socket that
 * nobody reads is bound to $S, and nothing to $N. */
static const struct row rows[] = {
    /* The call is wrong. */
    { WRONG("no host", "burst", "HOST", "missing", "--help") },
    { WRONG("no such command", "bursts 127.0.0.1", "bursts", "no such command", "--help") },
    { WRONG("no such option", "burst 127.0.0.1 --packet 3", "--packet", "no such option",
            "--help") },
    { WRONG("an option of the other command", "reflect --packets 3", "--packets",
            "no such option") },
    { WRONG("two hosts", "burst 127.0.0.1 127.0.0.2", "127.0.0.2", "only one") },
    { WRONG("a port that is none", "burst 127.0.0.1:65536", "65536", "not a target",
            "1 to 65535") },
    { WRONG("port 0", "burst 127.0.0.1:0", "127.0.0.1:0", "not a target", "1 to 65535") },
    { WRONG("many hosts at once", "burst 224.0.0.1", "224.0.0.1", "one host") },
    { WRONG("any host", "burst 0.0.0.0", "0.0.0.0", "one host") },
    { WRONG("packets 0", "burst 127.0.0.1 --packets 0", "--packets 0", "out of range",
            "1 to 32768") },
    { WRONG("packets beyond a burst", "burst 127.0.0.1 --packets 32769", "--packets 32769",
            "out of range", "1 to 32768") },
    { WRONG("packets beyond 64 bits", "burst 127.0.0.1 --packets 99999999999999999999999",
            "--packets 9", "out of range", "1 to 32768") },
    { WRONG("packets below 0", "burst 127.0.0.1 --packets -1", "--packets -1", "not a whole number",
            "1 to 32768") },
    { WRONG("packets in words", "burst 127.0.0.1 --packets many", "--packets many",
            "not a whole number", "1 to 32768") },
    { PREVENTED("packets beyond memory",
                "burst 127.0.0.1 --packets 32768 --bursts 16000 --retries 3", "memory",
                "MiB are free", "fewer"),
      .fills_memory = true },
    { WRONG("bursts 0", "burst 127.0.0.1 --bursts 0", "--bursts 0", "out of range") },
    { WRONG("more than one test can hold", "burst 127.0.0.1 --packets 32768 --bursts 1000000",
            "1000000 bursts", "more than one test can hold") },
    { WRONG("a size below the probe", "burst 127.0.0.1 --size 71", "--size 71", "probe",
            "at least 72") },
    { WRONG("a size below the probe over IPv6", "burst ::1 --size 91", "--size 91", "probe",
            "at least 92") },
    { WRONG("a size that no packet has", "burst 127.0.0.1 --size 65536", "--size 65536",
            "out of range", "65535") },
    { WRONG("a DSCP that has no name", "burst 127.0.0.1 --dscp VOICE", "--dscp VOICE",
            "no such DSCP", "EF") },
    { WRONG("a DSCP of seven bits", "burst 127.0.0.1 --dscp 64", "--dscp 64", "no such DSCP",
            "0 to 63") },
    { WRONG("a DSCP below 0", "burst 127.0.0.1 --dscp -1", "--dscp -1", "no such DSCP") },
    { WRONG("a reply DSCP that is none", "reflect --reply-dscp 99", "--reply-dscp 99",
            "no such DSCP", "copy") },
    { WRONG("a time without a unit that is known", "burst 127.0.0.1 --gap 5parsecs",
            "--gap 5parsecs", "not a time", "ms") },
    { WRONG("no time at all", "burst 127.0.0.1 --timeout 0ms", "--timeout 0ms", "out of range") },
    { WRONG("an option without its value", "burst 127.0.0.1 --csv", "--csv", "needs a value") },
    { WRONG("two results on one stream", "burst 127.0.0.1 --csv - --json", "--csv -", "--json",
            "file") },
    { WRONG("both families", "burst 127.0.0.1 --ipv4 --ipv6", "--ipv4", "--ipv6", "exclude") },
    { WRONG("a source that is no address", "burst 127.0.0.1 --source here", "--source here",
            "not an address") },
    { WRONG("a source of the other family", "burst 127.0.0.1 --source ::1", "--source ::1", "IPv6",
            "IPv4") },
    { WRONG("listening nowhere", "reflect --listen nowhere", "--listen nowhere", "not an address",
            "0.0.0.0:862") },
    { WRONG("a network that is none", "reflect --allow 10.0.0.0/33", "--allow 10.0.0.0/33",
            "not a network", "10.0.0.0/8") },
    { WRONG("a network with bits behind its prefix", "reflect --allow 10.1.0.0/8",
            "--allow 10.1.0.0/8", "behind the prefix") },
    { WRONG("a rate beyond all", "reflect --source-rate 10000001", "--source-rate 10000001",
            "out of range", "0 to 10000000") },
    { WRONG("sessions to limit where there are none", "reflect --source-sessions 3",
            "--source-sessions", "--stateful") },
    { WRONG("an operand too many", "reflect 127.0.0.1", "127.0.0.1", "no operand") },

    /* Something here or on the way prevents it. */
    { PREVENTED("an unknown host", "burst nohost.invalid", "nohost.invalid", "address") },
    { PREVENTED("a source that is not ours", "burst 127.0.0.1 --source 192.0.2.1", "192.0.2.1",
                "address") },
    { PREVENTED("an interface that is not there", "burst 127.0.0.1 --interface eth99", "eth99",
                "interface") },
    { PREVENTED("a port in use", "reflect --listen 127.0.0.1:$R", "127.0.0.1:$R", "in use",
                "another port") },
    { PREVENTED("an address that is not ours", "reflect --listen 192.0.2.1:$N", "192.0.2.1:$N",
                "no interface", "address") },
    { PREVENTED("nobody listens there", "burst 127.0.0.1:$N --timeout 500ms", "127.0.0.1:$N",
                "port unreachable", "start one") },
    { PREVENTED("nobody answers there", "burst 127.0.0.1:$S --timeout 100ms", "127.0.0.1:$S",
                "never answered", "check") },
    { PREVENTED("a CSV file in no folder", "burst 127.0.0.1:$R --csv /no/such/folder/x.csv",
                "/no/such/folder/x.csv", "No such file", "folder") },
    { PREVENTED("no route", "burst 198.51.100.1", "198.51.100.1", "no route", "check"),
      .system = LINUX },
    { WRONG("a size above the MTU", "burst " NET_FAR_ADDR " --size 1501", "--size 1501",
            "at most 1500", "MTU"),
      .system = LINUX },
    { PREVENTED("a well-known port without rights", "reflect", ":862", "not permitted", "1024"),
      .system = LINUX, .nobody = true },
    { PREVENTED("a CSV file in a folder of others", "burst 127.0.0.1:$R --csv /etc/x.csv",
                "/etc/x.csv", "Permission denied", "folder"),
      .system = LINUX, .nobody = true },
    { PREVENTED("a full disk below the CSV file", "burst 127.0.0.1:$R --bursts 1 --csv /dev/full",
                "/dev/full", "No space left", "free"),
      .system = LINUX, .shows_result = true },
    { PREVENTED("a full disk below the report", "burst 127.0.0.1:$R --bursts 1", "standard output",
                "No space left", "free"),
      .system = LINUX, .output = "/dev/full" },
    { PREVENTED("a full disk below the JSON result",
                "burst 127.0.0.1:$R --bursts 1 --json --records", "standard output",
                "No space left", "free"),
      .system = LINUX, .output = "/dev/full" },
};

static bool under_wine;
static enum net_host host;

static uint16_t port_reflector, port_silent, port_nobody;

/* The text with its ports filled in; freed by net_end. */
static const char *expand(const char *text)
{
    char *out = net_alloc(strlen(text) + 32), *at = out;

    for (; *text; text++)
        if (*text == '$')
            at += sprintf(at, "%u",
                          *++text == 'R' ? port_reflector
                          : *text == 'S' ? port_silent
                                         : port_nobody);
        else
            *at++ = *text;
    *at = 0;
    return out;
}

static void bind_and_never_read(uint16_t port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = net_socket(host, AF_INET, SOCK_DGRAM, 0);

    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
}

/* One message on one line, by the program, in its words. */
static void check_message(const struct row *row, struct net_program *p)
{
    const char *said = net_err(p), *line;

    for (size_t i = 0; i < SAYS_MAX && row->says[i]; i++)
        if (!strstr(said, expand(row->says[i])))
            fail_msg("row \"%s\": does not say \"%s\", but: %s", row->name, row->says[i], said);
    line = strstr(said, "stampede: ");
    if (!line || strchr(line, '\n') != line + strlen(line) - 1)
        fail_msg("row \"%s\": not one line at the end that begins with the program's name: %s",
                 row->name, said);
    if ((strlen(net_out(p)) > 0) != row->shows_result)
        fail_msg("row \"%s\": standard output has: \"%s\"", row->name, net_out(p));
}

static bool is_usual_computer(void)
{
    return (int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) < INT64_C(128) << 30;
}

static void check_row(const struct row *row)
{
    struct net_how how = { .host = host, .nobody = row->nobody, .output = row->output };
    struct net_program *p = net_start(&how, "%s", expand(row->arguments));
    int code = net_wait(p, 60);

    if (code != row->code)
        fail_msg("row \"%s\": exit code %d, not %d: %s", row->name, code, row->code, net_err(p));
    check_message(row, p);
    print_message("  %-36s %d  %s", row->name, code, strstr(net_err(p), "stampede: "));
}

static void what_cannot_work_is_refused_with_what_why_and_what_to_do(void **state)
{
    const struct net_how how = { .host = host };

    (void)state;
    if (!under_wine)
        net_build(NET_DIRECT);
    port_reflector = net_free_port(host);
    net_reflector(&how, "127.0.0.1", port_reflector, "");
    port_silent = net_free_port(host);
    bind_and_never_read(port_silent);
    port_nobody = net_free_port(host);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].system != EVERYWHERE && (rows[i].system == WINE) != under_wine)
            continue;
        if (!rows[i].fills_memory || is_usual_computer())
            check_row(&rows[i]);
    }
}

static void help_and_version_are_asked_for_and_no_error(void **state)
{
    static const char *const asked[] = { "--help",       "-h",         "help",     "help burst",
                                         "burst --help", "reflect -h", "--version" };
    const struct net_how how = { .host = host };

    (void)state;
    if (!under_wine)
        net_build(NET_DIRECT);
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct net_program *p = net_start(&how, "%s", asked[i]);

        assert_int_equal(net_wait(p, 60), 0);
        assert_string_equal(net_err(p), "");
        assert_non_null(strstr(net_out(p), "stampede"));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_cannot_work_is_refused_with_what_why_and_what_to_do,
                                  net_end),
        cmocka_unit_test_teardown(help_and_version_are_asked_for_and_no_error, net_end),
    };

    net_use(argc - 1, argv + 1);
    under_wine = strstr(net_used(), ".exe") != NULL;
    /* Sockets of Wine belong to its server, wherever its programs are. */
    host = under_wine ? NET_HERE : NET_NEAR;
    if (!under_wine)
        net_require_hosts();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
