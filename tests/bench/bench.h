/*
 * The benchmark: what Stampede costs against bare system calls on the same
 * path, interleaved in one run, as ratios of medians. Linux only.
 *
 * The path is a veth pair between two network namespaces that the program
 * makes for itself and that vanish with it. The near host is pinned to the last
 * processor, the far one to the first.
 */
#ifndef SPD_BENCH_H
#define SPD_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define BENCH_NEAR "10.77.41.1"
#define BENCH_FAR  "10.77.41.2"
#define BENCH_PAYLOAD_BYTES 484 /* an IP packet of 512 bytes */

/* ---- the path: bench_path.c ---- */

/* Make the namespaces and the link, enter the near one. Returns false after
 * saying why on standard error (no right to make namespaces, no ip command). */
bool bench_path_open(void);

/* Run serve(argument) in a process of its own on the far host; returns when it
 * has written one byte to ready_fd. The process ends with this one. */
pid_t bench_far_start(void (*serve)(int ready_fd, int argument), int argument);
void bench_far_stop(pid_t pid);

/* A socket opened on the far host, for use here. -1 on failure. */
int bench_far_socket(int domain, int type, int protocol);

/* ---- figures: bench_stat.c ---- */

int64_t bench_now_ns(void);            /* CLOCK_MONOTONIC_RAW */
int64_t bench_cpu_ns(pid_t pid);       /* processor time of a process so far */
int64_t bench_thread_ns(pid_t tid);    /* of one thread, of any process */
int64_t bench_quantile(int64_t *values, size_t n, double q); /* sorts */
void bench_pin(int cpu);
void bench_fifo(bool on);
void bench_die(const char *what);      /* with errno; ends the program */
void bench_remove_at_end(const char *path); /* however the program ends by itself */
pid_t bench_start(char *const argv[]);      /* a program that prints nothing */

/* One line of the table and one key of the JSON. */
void bench_report(const char *key, double value, const char *unit, double limit,
                  const char *text);
void bench_report_write_json(FILE *stream);
size_t bench_report_n_missed(void);    /* figures beyond their limit */

/* ---- baselines, written as well as they can be: baseline.c ---- */

/* Echo servers on the far host; argument is the port. */
void baseline_echo_batch(int ready_fd, int port);    /* recvmmsg + sendmmsg of 64 */
void baseline_echo_blocking(int ready_fd, int port); /* recvfrom + sendto */
/* A socket connected from the near host to port, with large buffers. */
int baseline_connect(int port);
/* Hand a burst over by sendmmsg; nanoseconds it took. */
int64_t baseline_submit(int fd, char *payload, size_t n);
/* One round trip by send and recv; nanoseconds. */
int64_t baseline_ping(int fd, char *payload);

/* ---- the subject: subject.c ---- */

/* Our reflector; argument is the port, negative to spin on -port. */
void subject_reflect(int ready_fd, int port);

/* ---- the parts ---- */

void bench_submit(size_t n_rounds);
void bench_reflect(size_t n_rounds);
void bench_rtt(size_t n_rounds);
void bench_stamps(size_t n_rounds);
void bench_memory(const char *program);
void bench_analysis(const char *program);
void bench_log(size_t n_rounds);

#endif
