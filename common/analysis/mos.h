/*
 * Voice quality: the transmission rating R and the mean opinion score of the
 * E-model (ITU-T G.107), from one-way delay and loss, for a codec that is
 * assumed (equipment impairments of ITU-T G.113 Appendix I). Pure; any thread.
 *
 * All parameters that packets do not show have G.107's defaults, so that
 * R = 93.2 - Idd - Ie,eff: no echo (echo cancellation is taken to be perfect),
 * no advantage factor.
 */
#ifndef SPD_ANALYSIS_MOS_H
#define SPD_ANALYSIS_MOS_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/time.h"

struct spd_codec {
    const char *name;    /* "G.711" */
    double ie;           /* equipment impairment factor without loss */
    double bpl;          /* packet loss robustness factor */
    spd_ns packet_ns;    /* speech in a packet, as usual with it */
    spd_ns lookahead_ns; /* coding delay besides */
};

extern const struct spd_codec spd_codecs[];
extern const size_t spd_n_codecs;
/* The one assumed when none is named: G.711 with packet loss concealment. */
const struct spd_codec *spd_codec_default(void);
/* By name, letter case ignored; NULL when unknown. */
const struct spd_codec *spd_codec_find(const char *name);

struct spd_mos {
    double r;      /* transmission rating factor, G.107: below 0 to 93.2 */
    double mos;    /* G.107 Annex B: 1 to 4.5 */
    double idd;    /* impairment by delay, G.107 section 7.4 */
    double ie_eff; /* by codec and loss, G.107 section 7.5 */
};

/* delay_ns from mouth to ear (network, packet, look-ahead and jitter buffer;
 * negative counts as 0); loss_ratio 0..1 of packets lost or too late for the
 * jitter buffer; burst_ratio as below. */
void spd_mos_compute(const struct spd_codec *codec, spd_ns delay_ns, double loss_ratio,
                     double burst_ratio, struct spd_mos *out);

/* BurstR of G.107 section 7.5: the mean length of runs of losses over the
 * length expected if losses were random; 1 when there are none. At least 1. */
double spd_mos_burst_ratio(size_t n_packets, size_t n_lost, size_t n_loss_runs);

#endif
