/*
 * stampede analyze: reads a log, or those of a sender and its receivers, and
 * repeats every analysis. Main thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/result/log_join.h"
#include "service/commands.h"
#include "service/flow_outcome.h"

struct logs {
    size_t n;
    struct spd_log log[SPD_TEXTS_MAX];
    struct spd_log_join join;
    bool joined;
};

static void fini(struct logs *logs)
{
    for (size_t i = 0; i < logs->n; i++)
        spd_log_fini(&logs->log[i]);
    free(logs);
}

/* What is wrong with a log is said once, before the figures. */
static void tell_condition(const struct spd_settings *settings, const struct spd_log *log)
{
    if (log->facts.condition.text[0] && !settings->quiet)
        fprintf(stderr, "stampede: %s: %s\n", log->name, log->facts.condition.text);
}

static enum spd_err load(const struct spd_settings *settings, struct logs *logs,
                         struct spd_diag *diag)
{
    for (size_t i = 0; i < settings->operands.n; i++) {
        enum spd_err err = spd_log_load_file(settings->operands.text[i], &logs->log[i], diag);

        if (err)
            return err;
        logs->n = i + 1;
        tell_condition(settings, &logs->log[i]);
    }
    return SPD_ERR_OK;
}

static bool is_senders(const struct spd_log *log)
{
    return log->header.kind == SPD_LOG_ONE_WAY_SENDER || log->header.kind == SPD_LOG_ONE_WAY;
}

/* The sender's log comes first, in whichever order they were given. */
static void put_sender_first(struct logs *logs)
{
    for (size_t i = 1; i < logs->n && !is_senders(&logs->log[0]); i++)
        if (is_senders(&logs->log[i])) {
            struct spd_log sender = logs->log[i];

            logs->log[i] = logs->log[0];
            logs->log[0] = sender;
        }
}

static void add_join(struct spd_log_join *sum, const struct spd_log_join *join)
{
    for (size_t i = 0; i < SPD_FLOWS_MAX; i++)
        sum->heard[i] = sum->heard[i] || join->heard[i];
    sum->n_matched += join->n_matched;
    sum->n_unmatched += join->n_unmatched;
    sum->n_unjudged += join->n_unjudged;
}

/* The name in the result is that of the first log; a log that is not whole
 * makes the whole result so. */
static void take_condition(struct spd_log *sender, const struct spd_log *receiver)
{
    if (receiver->facts.condition.state > sender->facts.condition.state)
        sender->facts.condition = receiver->facts.condition;
}

static enum spd_err join_all(struct logs *logs, struct spd_diag *diag)
{
    put_sender_first(logs);
    for (size_t i = 1; i < logs->n; i++) {
        struct spd_log_join join;
        enum spd_err err = spd_log_join(&logs->log[0], &logs->log[i], &join, diag);

        if (err)
            return err;
        add_join(&logs->join, &join);
        take_condition(&logs->log[0], &logs->log[i]);
        logs->joined = true;
    }
    return SPD_ERR_OK;
}

int spd_command_analyze(const struct spd_settings *settings)
{
    struct spd_flow_outputs outputs = { 0 };
    struct spd_flow_wishes wishes;
    struct spd_flow_input input;
    struct spd_diag diag = { 0 };
    struct logs *logs = calloc(1, sizeof(*logs));
    int code;

    if (!logs) {
        spd_diag_set(&diag, SPD_ERR_NOMEM, 0, "no memory to read logs");
        return spd_complain(&diag);
    }
    if (spd_flow_wishes_read(settings, &wishes, &diag) || load(settings, logs, &diag) ||
        join_all(logs, &diag) || spd_flow_outputs_open(settings, &outputs, &diag)) {
        code = spd_complain(&diag);
    } else {
        spd_flow_input_of_log(&logs->log[0], logs->joined ? &logs->join : NULL, &input);
        code = spd_flow_outcome(settings, &wishes, &outputs, &input);
    }
    fini(logs);
    return code;
}
