/*
 * Two or more classes side by side: what each met, what the difference is, and
 * a verdict (spec L11). Made from the results of flows; any thread.
 */
#ifndef SPD_RESULT_QOS_RESULT_H
#define SPD_RESULT_QOS_RESULT_H

#include "common/analysis/common_skew.h"
#include "common/analysis/compare.h"
#include "common/result/flow_result.h"

#define SPD_QOS_CLASSES_MAX 4

/* One class: a flow whose points were kept, and skew with them (keep_skew): it
 * is taken out here, see below. */
struct spd_qos_side {
    const char *name;
    uint8_t dscp;
    const struct spd_flow_view *view;
    uint32_t n_calibration;                    /* its first packets met no noise */
    const struct spd_environment *environment; /* of its test, or NULL */
};

struct spd_qos_options {
    bool together; /* measured in one run, interleaved */
    uint64_t seed;
};

/* One direction of one class, after the calibration. */
struct spd_qos_way {
    bool known;
    uint32_t n_sent;
    uint32_t n_lost;
    double loss_ratio;
    struct spd_stats pdv;
    spd_ns idle_p95_ns;               /* in the calibration; SPD_NS_UNKNOWN without one */
    struct spd_mos mos;               /* of the codec below */
    struct spd_compare_flow compared; /* its points: what arrived and what was lost */
};

/* What the marks of the replies say. */
struct spd_qos_marks {
    uint32_t n_known;   /* replies whose traffic class this system told */
    uint32_t n_kept;    /* that came with the DSCP of the class */
    uint8_t other_dscp; /* the most frequent other one */
    uint32_t n_other;   /* of that */
    uint32_t n_forward; /* packets of which the far end told how they arrived */
    uint32_t n_forward_kept;
    uint8_t forward_other_dscp; /* as above, of these */
    uint32_t n_forward_other;
    const char *refused; /* why this host could not mark its packets; NULL: it did */
};

struct spd_qos_class {
    const char *name;
    uint8_t dscp;
    uint32_t n_calibration;
    struct spd_qos_way ways[2]; /* enum spd_flow_direction */
    struct spd_qos_marks marks;
    bool loss_directions_known;
};

/* The first class against another one. */
struct spd_qos_pair {
    size_t other;
    bool known[2];
    struct spd_comparison ways[2];
};

struct spd_qos_result {
    struct spd_qos_options options;
    /* Between the clocks of each class, as latencies forward show it: settled by
     * all classes and directions of one run, which have the same two clocks. One
     * alone may be deaf: on a saturated link even a protected class never finds
     * the wire free, and what rises when the noise begins looks like skew. */
    struct spd_common_skew skew[SPD_QOS_CLASSES_MAX];
    const struct spd_codec *codec;
    size_t n_classes;
    struct spd_qos_class classes[SPD_QOS_CLASSES_MAX];
    size_t n_pairs;
    struct spd_qos_pair pairs[SPD_QOS_CLASSES_MAX - 1];
    enum spd_verdict ways[2]; /* of all pairs; NOT_ENOUGH_LOAD where nothing is known */
    enum spd_verdict verdict; /* WORSE if it is so anywhere, else PROTECTS, else the rest */
};

/* 2.. sides; the first is the one that is meant to be protected. Errors: NOMEM,
 * with a diag. Free with fini, also after an error. */
enum spd_err spd_qos_result_make(const struct spd_qos_side *sides, size_t n_sides,
                                 const struct spd_qos_options *options, struct spd_qos_result *out,
                                 struct spd_diag *diag);
void spd_qos_result_fini(struct spd_qos_result *result);

/* One plain sentence or two. Returns text. */
#define SPD_QOS_TEXT_BYTES 400
const char *spd_qos_verdict_text(const struct spd_qos_result *result,
                                 char text[SPD_QOS_TEXT_BYTES]);

/* What is known of a class's marks, honestly. Returns text. */
const char *spd_qos_marks_text(const struct spd_qos_class *c, char text[SPD_QOS_TEXT_BYTES]);

#endif
