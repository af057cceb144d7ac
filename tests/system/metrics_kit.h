/*
 * What the tests of the HTTP server share: a thread that answers its questions
 * with a snapshot of fixed figures, and a client.
 */
#ifndef SPD_TESTS_SYSTEM_METRICS_KIT_H
#define SPD_TESTS_SYSTEM_METRICS_KIT_H

#include "service/metrics_http.h"

#define KIT_TEST "voice to \"Berlin\""

/* Upper bounds of the buckets of delay variation: 100 us and 19 powers of two
 * of it. 10,000 packets forward lie between 0 and 99.99 ms, 10 us apart. */
#define KIT_BOUNDS    20
#define KIT_PDV_P99_S 0.099

enum kit_mode {
    KIT_ANSWERS,
    KIT_UNWELL, /* answers that it is not well */
    KIT_FAILS,  /* answers that it has no memory */
    KIT_HOLDS,  /* keeps questions until it is to answer them */
};

struct kit;

/* Fails the running test, or ends the program, when it cannot. */
struct kit *kit_start(void);
struct spd_cport *kit_port(struct kit *kit);
#define KIT_KEY 7
void kit_set(struct kit *kit, enum kit_mode mode);
unsigned kit_n_asked(struct kit *kit);
unsigned kit_n_held(struct kit *kit);
/* Answers what is held, ends the thread, frees. */
void kit_stop(struct kit *kit);

#endif
