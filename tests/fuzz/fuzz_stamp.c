/*
 * Fuzz target: any bytes as a request that a Session-Reflector receives, and
 * as a reply that a Session-Sender receives. Besides what sanitizers see, the
 * rules that must hold for whatever arrives are checked here.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition);          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static const spd_wall now = { INT64_C(1700000000000000000) };

/* The reply to a request, in memory of exactly its size. */
static void reflect(const uint8_t *data, size_t n_bytes, const struct spd_stamp_request *request)
{
    size_t n_expected = n_bytes < SPD_STAMP_BYTES ? SPD_STAMP_BYTES : n_bytes, n_reply = 0;
    uint8_t *packet = malloc(n_expected);
    struct spd_stamp_reply back, reply = {
        .seq = ~request->seq,
        .error_estimate = SPD_ERROR_ESTIMATE_UNKNOWN,
        .ssid = request->ssid,
        .receive_timestamp = spd_ntptime_from_wall(now),
        .sender_seq = request->seq,
        .sender_timestamp = request->timestamp,
        .sender_error_estimate = request->error_estimate,
        .sender_ttl = 64,
    };

    MUST(packet);
    memcpy(packet, data, n_bytes);
    MUST(spd_stamp_write_reply(packet, n_bytes, n_expected, &reply, &n_reply) == SPD_ERR_OK);
    MUST(n_reply == n_expected);
    spd_stamp_set_timestamp(packet, 0x0123456789ABCDEF);
    if (n_bytes > SPD_STAMP_BYTES)
        MUST(memcmp(packet + SPD_STAMP_BYTES, data + SPD_STAMP_BYTES, n_bytes - SPD_STAMP_BYTES) ==
             0);
    MUST(spd_stamp_read_reply(packet, n_reply, &back) == SPD_ERR_OK);
    MUST(back.seq == reply.seq && back.timestamp == 0x0123456789ABCDEF);
    MUST(back.ssid == request->ssid && back.receive_timestamp == reply.receive_timestamp);
    MUST(back.sender_seq == request->seq && back.sender_timestamp == request->timestamp);
    MUST(back.sender_error_estimate == request->error_estimate);
    MUST(back.sender_ttl_known && back.sender_ttl == 64);
    free(packet);
}

/* What a sender does with the stamps of a reply. */
static void use_stamps(const struct spd_stamp_reply *reply)
{
    bool synchronised, ptp;
    spd_ns error_ns;
    spd_wall t;

    MUST(spd_error_estimate_decode(reply->error_estimate, &synchronised, &ptp, &error_ns) ==
         SPD_ERR_OK);
    MUST(error_ns > 0);
    const uint64_t stamps[] = { reply->timestamp, reply->receive_timestamp };
    for (size_t i = 0; i < sizeof stamps / sizeof stamps[0]; i++) {
        bool legal = !ptp || (stamps[i] & UINT32_MAX) < (uint64_t)SPD_NS_PER_S;
        enum spd_err err = spd_stamptime_to_wall(stamps[i], reply->error_estimate, now, &t);
        MUST(err == (legal ? SPD_ERR_OK : SPD_ERR_FORMAT));
        /* Never further than half an era (and the rounding) from the local clock. */
        if (legal) {
            spd_ns off_ns = spd_wall_diff_ns(t, now);
            MUST(off_ns <= SPD_NS_PER_S << 31 && off_ns >= -(SPD_NS_PER_S << 31));
        }
    }
    (void)spd_stamptime_to_wall(reply->sender_timestamp, reply->sender_error_estimate, now, &t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n_bytes)
{
    struct spd_stamp_request request;
    struct spd_stamp_reply reply;
    enum spd_err as_request = spd_stamp_read_request(data, n_bytes, &request);
    enum spd_err as_reply = spd_stamp_read_reply(data, n_bytes, &reply);

    /* Long enough, and with a Multiplier (RFC 4656 section 4.1.2): nothing else counts. */
    bool sound = n_bytes > 13 && data[13] != 0;
    MUST(as_request == (sound ? SPD_ERR_OK : SPD_ERR_FORMAT));
    MUST(as_reply == (sound && n_bytes >= SPD_STAMP_REPLY_MIN_BYTES ? SPD_ERR_OK : SPD_ERR_FORMAT));
    MUST(as_reply != SPD_ERR_OK || reply.sender_ttl_known == (n_bytes > 40));
    if (as_request == SPD_ERR_OK)
        reflect(data, n_bytes, &request);
    if (as_reply == SPD_ERR_OK)
        use_stamps(&reply);
    return 0;
}
