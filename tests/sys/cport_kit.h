/*
 * What the conformance cases of the completion port share: a port in one of
 * several modes, requests that count their completions, sockets, threads, and
 * a clean end also after a failed assertion. Assertions (cmocka's) may be made
 * by the main thread only.
 */
#ifndef SPD_TESTS_CPORT_KIT_H
#define SPD_TESTS_CPORT_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/sys/cport.h"
#include "common/sys/thread.h"
#include "common/sys/udp.h"

#define KIT_MAX_SOCKETS 160
#define KIT_MAX_THREADS 16
/* A wait this long without any completion means that one was lost. */
#define KIT_PATIENCE_NS (20 * SPD_NS_PER_S)

/* An operation that knows how often it was accepted and how often it completed. */
struct kit_request {
    struct spd_op op;
    unsigned n_accepted;
    unsigned n_completed;
    struct spd_completion last;
    struct spd_udp_meta meta;
    unsigned char *buffer;
    size_t capacity;
};

struct kit_block;

struct kit {
    struct spd_cport_config config;
    struct spd_cport *port;
    struct spd_cport *other; /* a second port, see kit_other_port */
    struct spd_cport_facts facts;
    struct spd_udp *sockets[KIT_MAX_SOCKETS];
    struct spd_thread *threads[KIT_MAX_THREADS];
    struct kit_block *blocks;
    struct spd_completion *bare; /* completions without an operation, in order */
    size_t n_bare, bare_capacity;
    size_t n_in_order; /* completions with an operation so far */
};

enum kit_flags {
    KIT_SHARED_ONLY = 1u << 0,  /* several threads wait, or queue */
    KIT_THREADS_MEET = 1u << 1, /* threads that wait for each other: not in the simulator */
    KIT_OWN_PORT = 1u << 2,     /* the case creates its ports itself */
};

struct kit_case {
    const char *name;
    void (*run)(struct kit *kit);
    unsigned flags; /* of enum kit_flags */
};
#define KIT_CASE(function, flags)                                                                  \
    {                                                                                              \
#function, function, flags                                                                 \
    }

/* The themes: each ends with a name of NULL. */
extern const struct kit_case cport_post_cases[];
extern const struct kit_case cport_thread_cases[];
extern const struct kit_case cport_waiter_cases[];
extern const struct kit_case cport_send_cases[];
extern const struct kit_case cport_receive_cases[];
extern const struct kit_case cport_meta_cases[];
extern const struct kit_case cport_cancel_cases[];
extern const struct kit_case cport_close_cases[];
extern const struct kit_case cport_icmp_cases[];
extern const struct kit_case cport_stamp_cases[];

/* Run all cases of all themes in one mode; the number that failed. */
int kit_run_group(const char *mode, const struct spd_cport_config *config,
                  const struct kit_case *const *themes, size_t n_themes);

/* Both end the case and say why. */
#define kit_fail(...) kit_fail_at(__FILE__, __LINE__, __VA_ARGS__)
void kit_fail_at(const char *file, int line, const char *format, ...) SPD_PRINTF_LIKE(3, 4);
void kit_skip(const char *why);
bool kit_is_simulated(const struct kit *kit);
bool kit_is_io_uring(const struct kit *kit);
bool kit_is_windows(const struct kit *kit);
bool kit_is_wine(void);

/* ---- ports ---- */

/* For KIT_OWN_PORT: replaces nothing, creates kit->port. */
void kit_create_port(struct kit *kit, const struct spd_cport_config *config);
/* A second port of the same kind, made at first use. */
struct spd_cport *kit_other_port(struct kit *kit);

/* ---- requests and completions ---- */

/* n requests with buffers of this capacity (0: none). They live until the case
 * is over and nothing is pending any more, also after a failed assertion. */
struct kit_request *kit_requests(struct kit *kit, size_t n, size_t capacity);

/* These must be accepted. */
void kit_post(struct kit *kit, uintptr_t key, uint32_t n_bytes, struct kit_request *request);
void kit_send(struct kit *kit, struct spd_udp *udp, struct kit_request *request, const void *data,
              size_t n_bytes, const struct spd_addr *to);
void kit_receive(struct kit *kit, struct spd_udp *udp, struct kit_request *request);
/* n sends of four bytes: the number, big-endian, from first. */
void kit_send_numbers(struct kit *kit, struct spd_udp *udp, struct kit_request *requests, size_t n,
                      uint32_t first);
uint32_t kit_number(const unsigned char *bytes);
void kit_commit(struct kit *kit);

/* One wait on a port; notes what came. False on time-out; anything else fails. */
bool kit_take(struct kit *kit, struct spd_cport *port, spd_ns timeout_ns);
/* Until each of the requests has completed as often as it was accepted. */
void kit_await(struct kit *kit, const struct kit_request *requests, size_t n);
void kit_await_on(struct kit *kit, struct spd_cport *port, const struct kit_request *requests,
                  size_t n);
void kit_await_bare(struct kit *kit, size_t n);
/* Nothing completes for this long. */
void kit_expect_quiet(struct kit *kit, struct spd_cport *port, spd_ns duration_ns);
/* It completed once, like this. */
void kit_expect(const struct kit_request *request, enum spd_err err, size_t n_bytes);

/* ---- sockets ---- */

struct spd_addr kit_loopback(enum spd_family family); /* port 0 */
/* Opens and, at the end, closes. config->local NONE stands for 127.0.0.1, port 0. */
struct spd_udp *kit_open(struct kit *kit, uintptr_t key, const struct spd_udp_config *config);
struct spd_udp *kit_open_on(struct kit *kit, struct spd_cport *port, uintptr_t key,
                            const struct spd_udp_config *config);
void kit_close(struct kit *kit, struct spd_udp *udp);
struct spd_addr kit_address(const struct spd_udp *udp);
/* A receiver (key 2) and a sender connected to it (key 1), on loopback. */
struct kit_pair {
    struct spd_udp *sender;
    struct spd_udp *receiver;
};
struct kit_pair kit_open_pair(struct kit *kit, enum spd_family family);
/* Skips the case where the system has no IPv6. */
void kit_need_ipv6(void);

/* ---- threads ---- */

void kit_start(struct kit *kit, void (*run)(void *argument), void *argument);
void kit_join(struct kit *kit);

spd_ns kit_elapsed_ns(spd_ticks since);

#endif
