/*
 * What goes between the thread of the local interface and the controller: one
 * message a request and one an answer or event, each posted to the other's
 * completion port as an operation. Whoever has it owns it.
 */
#ifndef SPD_SERVICE_API_MESSAGE_H
#define SPD_SERVICE_API_MESSAGE_H

#include <stdint.h>

#include "common/sys/cport.h"
#include "common/sys/local.h"

enum spd_api_verb {
    SPD_API_RUN,    /* command and arguments */
    SPD_API_CANCEL, /* test */
    SPD_API_TESTS,
    SPD_API_STATUS,
    SPD_API_RELOAD,
    SPD_API_GONE, /* the connection is gone: nobody waits for its tests any more; no answer */
};

#define SPD_API_ARGUMENTS_MAX 64

struct spd_api_message {
    struct spd_op op;
    uint64_t connection; /* where it came from, or goes to */
    int64_t id;          /* the client's number of its request */

    /* A request. */
    enum spd_api_verb verb;
    const struct spd_local_peer *peer; /* lives until the answer has come back */
    char *command;
    char *arguments[SPD_API_ARGUMENTS_MAX];
    size_t n_arguments;
    uint64_t test;

    /* An answer or event: a line of JSON with its newline. */
    char *line;
    size_t n_line;
    bool is_answer;   /* the one answer to a request; else an event on the way */
    bool droppable;   /* of progress there will be more */
    bool begins_test; /* the connection waits for one test more from now on, or */
    bool ends_test;   /* for one less */
};

/* NULL: no memory. */
struct spd_api_message *spd_api_message_create(void);
void spd_api_message_free(struct spd_api_message *message); /* NULL is allowed */

#endif
