/*
 * The table of settings. Text for people: kept to what fits a line of help.
 */
#include "service/options.h"

#define BURST   SPD_COMMAND_BURST
#define REFLECT SPD_COMMAND_REFLECT
#define AT(field) offsetof(struct spd_settings, field)

const struct spd_option spd_options[] = {
    { "packets", 'n', BURST, SPD_OPTION_COUNT, "N", 1, 32768, "100", AT(n_packets),
      "packets in one burst" },
    { "bursts", 'b', BURST, SPD_OPTION_COUNT, "N", 1, 1000000, "10", AT(n_bursts),
      "bursts in the test" },
    { "gap", 0, BURST, SPD_OPTION_DURATION, "TIME", 0, 3600 * SPD_NS_PER_S, "100ms", AT(gap_ns),
      "pause after each burst" },
    { "size", 's', BURST, SPD_OPTION_COUNT, "BYTES", 1, 65535, "512", AT(size_bytes),
      "length of each IP packet, headers included" },
    { "dscp", 0, BURST, SPD_OPTION_DSCP, "NAME|N", 0, 63, "BE", AT(dscp),
      "mark packets: EF, AF41, CS5, LE, 0..63" },
    { "retries", 0, BURST, SPD_OPTION_COUNT, "N", 0, 1000, "2", AT(n_retries),
      "repeat a burst that was not whole so often" },
    { "max-gap", 0, BURST, SPD_OPTION_DURATION, "TIME", 1000, 10 * SPD_NS_PER_S, "1ms",
      AT(gap_limit_ns), "a larger gap between two packets breaks a burst" },
    { "timeout", 'w', BURST, SPD_OPTION_DURATION, "TIME", SPD_NS_PER_MS, 600 * SPD_NS_PER_S, "1s",
      AT(timeout_ns), "end a burst when nothing came for so long" },
    { "source", 0, BURST, SPD_OPTION_TEXT, "ADDR", 0, 0, NULL, AT(source),
      "send from this address" },
    { "listen", 'l', REFLECT, SPD_OPTION_TEXTS, "ADDR:PORT", 0, 0, NULL, AT(listen),
      "where to listen; repeatable (0.0.0.0:862 and [::]:862)" },
    { "stateful", 0, REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(stateful),
      "number replies per session: tells loss by direction" },
    { "max-sessions", 0, REFLECT, SPD_OPTION_COUNT, "N", 1, 1000000, "1024", AT(max_sessions),
      "sessions at once when stateful" },
    { "idle-timeout", 0, REFLECT, SPD_OPTION_DURATION, "TIME", SPD_NS_PER_S,
      86400 * SPD_NS_PER_S, "900s", AT(idle_timeout_ns), "end a session after this silence" },
    { "batch", 0, REFLECT, SPD_OPTION_COUNT, "N", 1, 64, "1", AT(batch),
      "replies sent together: less CPU, less exact send times" },
    { "reply-dscp", 0, REFLECT, SPD_OPTION_DSCP, "NAME|N|copy", -1, 63, "copy", AT(reply_dscp),
      "mark replies; copy: as the request arrived" },
    { "interface", 'i', BURST | REFLECT, SPD_OPTION_TEXT, "NAME", 0, 0, NULL, AT(interface_name),
      "use this network interface only" },
    { "ipv4", '4', BURST | REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(ipv4), "IPv4 only" },
    { "ipv6", '6', BURST | REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(ipv6), "IPv6 only" },
    { "spin", 0, BURST | REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(spin),
      "poll instead of sleeping: faster, takes a processor" },
    { "user-stamps", 0, BURST, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(user_stamps),
      "do not ask for kernel stamps" },
    { "json", 'j', BURST | REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(json),
      "print the result as JSON" },
    { "records", 0, BURST, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(records),
      "with --json: add every packet" },
    { "csv", 0, BURST, SPD_OPTION_TEXT, "FILE", 0, 0, NULL, AT(csv),
      "write one row a packet (- is standard output)" },
    { "quiet", 'q', BURST | REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(quiet),
      "no progress, no notices" },
    { "help", 'h', BURST | REFLECT, SPD_OPTION_FLAG, NULL, 0, 0, NULL, AT(help), "this help" },
};
const size_t spd_n_options = sizeof(spd_options) / sizeof(spd_options[0]);
