/*
 * What a log says of paced flows: its header before they start, its end after.
 */
#ifndef SPD_SERVICE_FLOW_LOG_H
#define SPD_SERVICE_FLOW_LOG_H

#include "common/engine/flows.h"
#include "common/result/log_format.h"

void spd_flow_log_header(const struct spd_flows_spec *spec, const char *target_name,
                         enum spd_log_kind kind, struct spd_log_header *out);
void spd_flow_log_end(const struct spd_flows_record *record, struct spd_log_end *out);

#endif
