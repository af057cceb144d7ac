/*
 * Answers of the controller to the local interface.
 */
#include "service/agent_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "service/api_protocol.h"
#include "service/commands.h"

/* Takes the line. The message that carries an answer must not fail for want of
 * memory in silence: the connection would wait for ever, so it hears nothing
 * but its end then (line NULL). */
void spd_agent_answer(struct spd_agent *agent, const struct spd_api_message *request, char *line)
{
    struct spd_api_message *m = spd_api_message_create();

    if (!m) {
        free(line);
        return;
    }
    m->connection = request->connection;
    m->id = request->id;
    m->line = line;
    m->is_answer = true;
    spd_api_server_send(agent->api, m);
}

void spd_agent_refuse(struct spd_agent *agent, const struct spd_api_message *request,
                      const struct spd_diag *diag)
{
    agent->counts.n_refused++;
    spd_agent_answer(agent, request,
                     spd_api_refused(request->id, diag, (int)spd_exit_code(diag->err)));
}

void spd_agent_status(struct spd_agent *agent, const struct spd_api_message *request)
{
    const struct spd_agent_counts *c = &agent->counts;
    struct spd_api_counts api;
    char members[1400];

    spd_api_server_counts(agent->api, &api);
    snprintf(
        members, sizeof(members),
        "\"version\":\"" SPD_VERSION "\",\"started_ns\":%" PRId64 ",\"reflector\":%s%s%s,"
        "\"history\":%s,\"tests_running\":%zu,\"tests_scheduled\":%zu,"
        "\"tests_started\":%" PRIu64 ",\"tests_finished\":%" PRIu64 ",\"tests_failed\":%" PRIu64
        ",\"tests_cancelled\":%" PRIu64 ",\"tests_refused\":%" PRIu64 ",\"tests_missed\":%" PRIu64
        ",\"history_errors\":%" PRIu64 ",\"reloads\":%" PRIu64 ",\"reloads_refused\":%" PRIu64
        ",\"connections\":%u,\"requests\":%" PRIu64 ",\"requests_malformed\":%" PRIu64
        ",\"connections_turned_away\":%" PRIu64,
        agent->started_ns, agent->reflector ? "\"" : "",
        agent->reflector ? spd_agent_reflector_text(agent->reflector) : "null",
        agent->reflector ? "\"" : "", agent->store ? "true" : "false",
        spd_agent_tests_count(agent, SPD_AGENT_RUNNING) +
            spd_agent_tests_count(agent, SPD_AGENT_ENDING),
        agent->settings->config->n_tests, c->n_started, c->n_finished, c->n_failed, c->n_cancelled,
        c->n_refused, c->n_missed, c->n_store_errors, c->n_reloads, c->n_reloads_refused,
        api.n_connections, api.n_requests, api.n_malformed, api.n_turned_away);
    spd_agent_answer(agent, request, spd_api_answer(request->id, "status", members));
}
