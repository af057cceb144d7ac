/*
 * The formulas of ITU-T G.107 (06/2015) with its default values. Runs on
 * whichever thread analyses.
 */
#include "common/analysis/mos.h"

#include <ctype.h>
#include <math.h>

/* Ro - Is with the default values of G.107 Table 3. */
#define R_WITHOUT_IMPAIRMENT 93.2

/* G.113 Appendix I: Ie and Bpl. Packets of 20 ms but for G.723.1. */
const struct spd_codec spd_codecs[] = {
    { "G.711", 0, 25.1, 20 * SPD_NS_PER_MS, 0 }, /* with concealment, G.711 Appendix I */
    { "G.711-noPLC", 0, 4.3, 20 * SPD_NS_PER_MS, 0 },
    { "G.729A", 11, 19.0, 20 * SPD_NS_PER_MS, 5 * SPD_NS_PER_MS }, /* with VAD */
    { "G.723.1", 15, 16.1, 30 * SPD_NS_PER_MS, 7500000 },          /* 6.3 kbit/s with VAD */
    { "GSM-EFR", 5, 10.0, 20 * SPD_NS_PER_MS, 0 },
};
const size_t spd_n_codecs = sizeof(spd_codecs) / sizeof(spd_codecs[0]);

const struct spd_codec *spd_codec_default(void)
{
    return &spd_codecs[0];
}

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
            return false;
    return *a == *b;
}

const struct spd_codec *spd_codec_find(const char *name)
{
    for (size_t i = 0; i < spd_n_codecs; i++)
        if (same_name(spd_codecs[i].name, name))
            return &spd_codecs[i];
    return NULL;
}

/* G.107 equations 7-27 and 7-28: nothing up to 100 ms. */
static double delay_impairment(spd_ns delay_ns)
{
    double x;

    if (delay_ns <= 100 * SPD_NS_PER_MS)
        return 0;
    x = log2((double)delay_ns / (100.0 * (double)SPD_NS_PER_MS));
    return 25 * (pow(1 + pow(x, 6), 1.0 / 6) - 3 * pow(1 + pow(x / 3, 6), 1.0 / 6) + 2);
}

/* G.107 equation 7-29. */
static double equipment_impairment(const struct spd_codec *codec, double loss_ratio,
                                   double burst_ratio)
{
    double percent = 100 * loss_ratio;

    if (percent <= 0)
        return codec->ie;
    return codec->ie + (95 - codec->ie) * percent / (percent / burst_ratio + codec->bpl);
}

/* G.107 Annex B, equation B-4. */
static double opinion(double r)
{
    if (r <= 0)
        return 1;
    if (r >= 100)
        return 4.5;
    return 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6;
}

void spd_mos_compute(const struct spd_codec *codec, spd_ns delay_ns, double loss_ratio,
                     double burst_ratio, struct spd_mos *out)
{
    out->idd = delay_impairment(delay_ns);
    out->ie_eff = equipment_impairment(codec, loss_ratio, burst_ratio);
    out->r = R_WITHOUT_IMPAIRMENT - out->idd - out->ie_eff;
    out->mos = opinion(out->r);
    /* The cubic dips a little below 1 for R under 6.5. */
    if (out->mos < 1)
        out->mos = 1;
}

double spd_mos_burst_ratio(size_t n_packets, size_t n_lost, size_t n_loss_runs)
{
    double p, ratio;

    if (n_lost == 0 || n_loss_runs == 0 || n_lost >= n_packets)
        return 1;
    p = (double)n_lost / (double)n_packets;
    ratio = (double)n_lost / (double)n_loss_runs * (1 - p);
    return ratio > 1 ? ratio : 1;
}
