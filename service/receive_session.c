/*
 * The receiver's thread steps and tells; the owner's opens and closes the log;
 * the log's own thread writes. The log is opened when the session is known, for
 * its header says whose it is: until then records wait at the receiver.
 */
#include "service/receive_session.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"
#include "service/receive_log.h"
#include "service/record_log.h"

#define LOG_PATH_BYTES 1024

struct spd_receive_session {
    struct spd_receive_session_spec spec;
    struct spd_receiver *receiver;
    struct spd_thread *thread;
    struct spd_record_log *log;
    struct spd_diag log_diag;
    char log_path[LOG_PATH_BYTES];
    atomic_bool opened, began, finished; /* by the receiver's thread, for the owner */
    bool log_done;                       /* opened, or found impossible */
    bool over;
};

static void notify(void *context, enum spd_receiver_event event, uint32_t number)
{
    struct spd_receive_session *s = context;

    (void)number;
    if (event == SPD_RECEIVER_OPENED)
        atomic_store(&s->opened, true);
    else if (event == SPD_RECEIVER_BEGAN)
        atomic_store(&s->began, true);
    else
        atomic_store(&s->finished, true);
    s->spec.wake(s->spec.context);
}

static void run(void *argument)
{
    struct spd_receive_session *s = argument;

    while (spd_receiver_step(s->receiver, SPD_NS_FOREVER))
        ;
}

enum spd_err spd_receive_session_start(const struct spd_receive_session_spec *spec,
                                       struct spd_receive_session **out, struct spd_diag *diag)
{
    struct spd_receive_session *s = calloc(1, sizeof(*s));
    enum spd_err err;

    if (!s)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the session");
    s->spec = *spec;
    s->spec.receiver.wait_for_ring = spec->log != NULL;
    err = spd_receiver_create(&s->spec.receiver, NULL, notify, s, &s->receiver, diag);
    if (err)
        goto fail;
    err = spd_thread_start(&s->thread, "spd-receive", run, s);
    if (err) {
        spd_diag_set(diag, err, 0, "cannot start the thread of the session: %s", spd_err_text(err));
        goto fail;
    }
    *out = s;
    return SPD_ERR_OK;
fail:
    spd_receiver_destroy(s->receiver);
    free(s);
    return err;
}

bool spd_receive_session_is_closed(struct spd_receive_session *s)
{
    return atomic_load(&s->finished);
}

static bool is_folder(const char *path)
{
    size_t n = strlen(path);

    return n > 0 && (path[n - 1] == '/' || path[n - 1] == '\\');
}

static void open_log(struct spd_receive_session *s)
{
    const struct spd_receiver_record *record = spd_receiver_record(s->receiver);
    struct spd_log_header *header;
    int n;

    s->log_done = true;
    if (!s->spec.log)
        return;
    header = calloc(1, sizeof(*header));
    if (!header) {
        spd_diag_set(&s->log_diag, SPD_ERR_NOMEM, 0, "no memory for the log");
        goto fail;
    }
    spd_receive_log_header(record, s->spec.sid, s->spec.sender_name, header);
    if (is_folder(s->spec.log))
        n = snprintf(s->log_path, sizeof(s->log_path), "%sreceive-%" PRId64 "-%016" PRIx64 ".log",
                     s->spec.log, header->created_ns / SPD_NS_PER_S, record->session);
    else
        n = snprintf(s->log_path, sizeof(s->log_path), "%s", s->spec.log);
    if (n < 0 || (size_t)n >= sizeof(s->log_path))
        spd_diag_set(&s->log_diag, SPD_ERR_RANGE, 0, "--log %.80s...: too long a path",
                     s->spec.log);
    else
        (void)spd_record_log_start(s->log_path, header, &s->log, &s->log_diag);
    free(header);
    if (s->log) {
        spd_receiver_set_ring(s->receiver, spd_record_log_ring(s->log));
        return;
    }
fail:
    s->log_path[0] = '\0';
    spd_receiver_set_ring(s->receiver, NULL);
    spd_receiver_stop(s->receiver, SPD_RECEIVER_ERROR, 0);
}

static void close_log(struct spd_receive_session *s)
{
    const struct spd_receiver_record *record = spd_receiver_record(s->receiver);
    struct spd_log_end *end = s->log ? calloc(1, sizeof(*end)) : NULL;
    struct spd_diag diag = { 0 };

    if (end)
        spd_receive_log_end(record, end);
    if (spd_record_log_finish(s->log, &record->environment, end, &diag) &&
        s->log_diag.err == SPD_ERR_OK)
        s->log_diag = diag;
    s->log = NULL;
    free(end);
}

enum spd_receive_state spd_receive_session_tend(struct spd_receive_session *s)
{
    if (s->over)
        return SPD_RECEIVE_OVER;
    if (atomic_load(&s->began) && !s->log_done)
        open_log(s);
    if (atomic_load(&s->finished)) {
        spd_thread_join(s->thread);
        s->thread = NULL;
        close_log(s);
        s->over = true;
        return SPD_RECEIVE_OVER;
    }
    return s->log_done               ? SPD_RECEIVE_BEGUN
           : atomic_load(&s->opened) ? SPD_RECEIVE_OPEN
                                     : SPD_RECEIVE_OPENING;
}

struct spd_addr spd_receive_session_address(const struct spd_receive_session *s)
{
    return spd_receiver_record(s->receiver)->info.target;
}

void spd_receive_session_stop(struct spd_receive_session *s, enum spd_receiver_ending ending,
                              uint32_t n_taken)
{
    if (!s->over)
        spd_receiver_stop(s->receiver, ending, n_taken);
}

size_t spd_receive_session_kept(struct spd_receive_session *s,
                                const struct spd_flow_packet **packets)
{
    return spd_receiver_kept(s->receiver, packets);
}

const struct spd_receiver_record *spd_receive_session_record(const struct spd_receive_session *s)
{
    return spd_receiver_record(s->receiver);
}

const struct spd_diag *spd_receive_session_log_diag(const struct spd_receive_session *s)
{
    return &s->log_diag;
}

const char *spd_receive_session_log_path(const struct spd_receive_session *s)
{
    return s->log_path;
}

void spd_receive_session_destroy(struct spd_receive_session *s)
{
    if (!s)
        return;
    if (!s->over) {
        spd_receiver_stop(s->receiver, SPD_RECEIVER_BY_HAND, 0);
        /* Only its thread's end says that it is over; the log may open meanwhile. */
        while (spd_receive_session_tend(s) != SPD_RECEIVE_OVER)
            spd_thread_sleep(SPD_NS_PER_MS);
    }
    spd_receiver_destroy(s->receiver);
    free(s);
}
