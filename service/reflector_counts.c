/*
 * The table of counters. Main thread.
 */
#include "service/reflector_counts.h"

#include <inttypes.h>
#include <stddef.h>

struct counter {
    const char *key;
    const char *text;
    size_t offset;
    bool always; /* in the text also when 0 */
};

#define AT(field) offsetof(struct spd_reflector_counters, field)

static const struct counter counters_table[] = {
    { "n_received", "packets received", AT(n_received), true },
    { "n_reflected", "packets reflected", AT(n_reflected), true },
    { "n_sessions", "sessions now", AT(n_sessions), false },
    { "n_sources", "sources heard in the last second", AT(n_sources), false },
    { "n_sessions_expired", "sessions ended for silence", AT(n_sessions_expired), false },
    { "n_malformed", "dropped: not a STAMP or TWAMP test packet", AT(n_malformed), false },
    { "n_truncated", "dropped: longer than this reflector takes", AT(n_truncated), false },
    { "n_loops", "dropped: sent by a reflector, or from no valid address", AT(n_loops), false },
    { "n_short", "dropped: the reply would be larger", AT(n_short), false },
    { "n_not_allowed", "dropped: from a network that is not allowed", AT(n_not_allowed), false },
    { "n_over_source_rate", "dropped: above the rate for one source", AT(n_over_source_rate),
      false },
    { "n_without_place", "dropped: too many new sources at once", AT(n_without_place), false },
    { "n_over_total_rate", "dropped: above the rate for all sources", AT(n_over_total_rate),
      false },
    { "n_source_sessions_refused", "dropped: session limit of one source reached",
      AT(n_source_sessions_refused), false },
    { "n_sessions_refused", "dropped: session limit reached", AT(n_sessions_refused), false },
    { "n_send_failed", "replies that could not be sent", AT(n_send_failed), false },
    { "n_receive_failed", "receive errors (ICMP and others)", AT(n_receive_failed), false },
    { "n_dropped_by_system", "dropped by the system: receive buffer full", AT(n_dropped_by_system),
      false },
};

static uint64_t value_of(const struct spd_reflector_counters *c, const struct counter *entry)
{
    return *(const uint64_t *)(const void *)((const char *)c + entry->offset);
}

void spd_reflector_counts_write(FILE *stream, const struct spd_reflector_counters *c, bool as_json)
{
    if (as_json)
        fputs("{\"schema\": \"stampede.reflector/1\"", stream);
    for (size_t i = 0; i < sizeof(counters_table) / sizeof(counters_table[0]); i++) {
        const struct counter *entry = &counters_table[i];
        uint64_t value = value_of(c, entry);

        if (as_json)
            fprintf(stream, ", \"%s\": %" PRIu64, entry->key, value);
        else if (value > 0 || entry->always)
            fprintf(stream, "%12" PRIu64 "  %s\n", value, entry->text);
    }
    if (as_json)
        fputs("}\n", stream);
    fflush(stream);
}
