/*
 * What the tests across networks share: hosts (network namespaces joined by
 * veth links), programs started in them, captures of what passed a link, and
 * results read back. Linux only, single-threaded.
 *
 * Nothing outlives the test program, however it ends: namespaces have no name
 * and go with the descriptors that hold them, programs are killed by the
 * kernel when their parent dies. A helper that cannot do what it is asked
 * fails the running cmocka case and says why.
 */
#ifndef SPD_TESTS_NET_NET_H
#define SPD_TESTS_NET_NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#define NET_S INT64_C(1000000000)

/* Ends the program with 77, after "skipped: why". */
_Noreturn void net_skip_all(const char *why);
/* After the last attempt of a case that measures time: fails unless holds, but
 * skips the case where other programs took more than 2 % of a processor. */
void net_hold_unless_busy(bool holds);

/* ------------------------------------------------------------ hosts */

enum net_host {
    NET_HERE = -1, /* where the test itself runs */
    NET_NEAR,      /* the sender's */
    NET_ROUTER,
    NET_FAR, /* the reflector's */
    NET_N_HOSTS
};

/* near n0 ---- f0 far, or near n0 ---- r1 router r2 ---- f0 far */
enum net_layout { NET_DIRECT, NET_ROUTED };

#define NET_NEAR_ADDR "10.77.1.1"
#define NET_FAR_ADDR  "10.77.2.2" /* in both layouts */

/* Skips the whole program where network namespaces are not allowed or the
 * tools are missing. */
void net_require_hosts(void);

/* Make the hosts anew and join them. IPv4 alone, neighbours known, so that no
 * packet but the test's crosses a link. */
void net_build(enum net_layout layout);

/* A shell command in a host; what it prints is shown when it fails. */
void net_sh(enum net_host host, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A socket of a host, as socket(2). */
int net_socket(enum net_host host, int domain, int type, int protocol);

/* A UDP port that nobody has now. */
uint16_t net_free_port(enum net_host host);

/* ------------------------------------------------------------ programs */

struct net_program;

struct net_how {
    enum net_host host;
    bool nobody;        /* as user 65534, without rights and with small limits */
    const char *output; /* standard output goes to this file; NULL: kept for net_out */
};

/* The program under test: the words of a command, from main's arguments. */
void net_use(int argc, char **argv);
const char *net_used(void); /* its last word */

/* Start the program under test with these arguments, separated by blanks. */
struct net_program *net_start(const struct net_how *how, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same for any command: n_words words, then arguments. */
struct net_program *net_start_command(const struct net_how *how, char *const *words, size_t n_words,
                                      const char *arguments);

/* A part of the test itself that goes on beside it, in a host; it has no cmocka. */
struct net_program *net_start_body(enum net_host host, void (*body)(void *), void *argument);

/* What it has printed so far, on standard output and standard error. Valid
 * until the next call for this program. */
const char *net_out(struct net_program *program);
const char *net_err(struct net_program *program);

/* Wait until standard error has this text. */
void net_await(struct net_program *program, const char *text);

void net_signal(struct net_program *program, int number);

/* Whether it has ended, or does within that time. */
bool net_ended_within(struct net_program *program, int timeout_ms);

/* Wait for its end; the exit code, or 128 and the signal's number. A program
 * that runs for longer than that many seconds fails the case. */
int net_wait(struct net_program *program, int seconds);

/* Wait, and fail unless it exits with 0; standard output as JSON, owned by the
 * program's place in this harness (freed by net_end). */
json_t *net_result(struct net_program *program, int seconds);

/* A reflector that is ready, on this port of its host. */
struct net_program *net_reflector(const struct net_how *how, const char *address, uint16_t port,
                                  const char *options);

/* Teardown of each case: kills what still runs, closes what is open. */
int net_end(void **state);

/* ------------------------------------------------------------ captures */

/* A UDP datagram over IPv4 as it passed an interface. */
struct net_frame {
    int64_t at_ns; /* time of day by the kernel, where the interface is tapped */
    bool outgoing;
    uint8_t ttl;
    uint8_t tclass;
    uint16_t link_bytes; /* the Ethernet frame without its check sequence */
    uint16_t from_port;
    uint16_t to_port;
    size_t n_payload;    /* of the datagram */
    uint8_t payload[48]; /* its first octets */
};

struct net_capture;

/* From now on, on this interface. */
struct net_capture *net_capture_start(enum net_host host, const char *interface);

/* Everything that passed so far, in the order in which it did; *n frames, valid
 * until net_end. Fails when the capture itself lost something. */
const struct net_frame *net_capture_frames(struct net_capture *capture, size_t *n);

/* A big-endian number of 4 octets in the payload. */
uint32_t net_u32(const struct net_frame *frame, size_t offset);

/* ------------------------------------------------------------ results */

/* The value at "a.b.c"; fails when it is missing or of another type. */
int64_t net_int(const json_t *root, const char *path);
double net_real(const json_t *root, const char *path); /* integers too */
const char *net_text(const json_t *root, const char *path);
bool net_bool(const json_t *root, const char *path);
bool net_is_null(const json_t *root, const char *path);

/* One element of "packets", what the tests look at. Times are 0 when null. */
struct net_packet {
    uint32_t seq;
    uint32_t burst;
    int64_t t1_ns, t2_ns, t3_ns, t4_ns, t1_wire_ns;
    int64_t round_trip_ns;
    int64_t pdv_forward_ns, pdv_reverse_ns; /* -1 when null */
    uint16_t t1_error_estimate, t3_error_estimate;
    uint8_t ttl_forward, ttl_reverse;
    uint32_t reflector_seq;
    char fate[16];
};

/* All packets of a result, freed by net_end. */
const struct net_packet *net_packets(const json_t *root, size_t *n);

/* The value below which this share of the n values lies, by nearest rank; they
 * are sorted on return. */
double net_quantile(double *values, size_t n, double share);

/* net_end drops the reference. */
void net_keep_json(json_t *value);

/* Memory that net_end frees. */
void *net_alloc(size_t n_bytes);

#endif
