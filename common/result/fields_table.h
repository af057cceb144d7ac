/*
 * How the rows of the field table are made: each names a member of one of the
 * records, how it is stored and when it has a value. Part of result/fields;
 * nobody else includes it.
 */
#ifndef SPD_RESULT_FIELDS_TABLE_H
#define SPD_RESULT_FIELDS_TABLE_H

#include "common/result/fields.h"

/* The struct that holds the member. */
enum spd_field_home {
    SPD_HOME_RESULT, /* struct spd_result itself: handled by storage */
    SPD_HOME_RECORD,
    SPD_HOME_SUMMARY,
    SPD_HOME_HOST,
    SPD_HOME_BURST, /* of the burst, or of the packet's burst */
    SPD_HOME_BURST_FIGURES,
    SPD_HOME_PACKET,
    SPD_HOME_PACKET_FIGURES,
    SPD_HOME_ENVIRONMENT,
    SPD_HOME_LOG_NAME, /* struct spd_flow_input */
    SPD_HOME_LOG_HEADER,
    SPD_HOME_LOG_FACTS,
    SPD_HOME_LOG_END,
    SPD_HOME_JOIN,
    SPD_HOME_FLOW,
    SPD_HOME_FLOW_INFO,
    SPD_HOME_FLOW_END,
    SPD_HOME_JUMP,
    SPD_HOME_ROW,
    SPD_HOME_ROW_PACKET,
};

enum spd_field_storage {
    SPD_STORE_BOOL,
    SPD_STORE_U8,
    SPD_STORE_U16,
    SPD_STORE_U32,
    SPD_STORE_U64,
    SPD_STORE_SIZE,
    SPD_STORE_I64,
    SPD_STORE_NS, /* SPD_NS_UNKNOWN has no value */
    SPD_STORE_REAL,
    SPD_STORE_CHARS, /* a char array; an empty one has no value */
    SPD_STORE_ADDR,  /* with its port */
    SPD_STORE_STAMP_SOURCE,
    SPD_STORE_FATE,
    SPD_STORE_BROKEN,
    SPD_STORE_ERR8, /* enum spd_err in a byte; OK has no value */
    SPD_STORE_ERR,
    SPD_STORE_REFLECTOR_MODE,
    SPD_STORE_DSCP_NAME,
    SPD_STORE_TCLASS_DSCP,
    SPD_STORE_TCLASS_ECN,
    SPD_STORE_PDV_INTERVAL,
    SPD_STORE_STARTED, /* of the first burst */
    SPD_STORE_SCHEMA,
    SPD_STORE_VERSION,
    SPD_STORE_ENV_REQUESTED,
    SPD_STORE_ENV_OBTAINED,
    SPD_STORE_TEXT, /* const char *; an empty one has no value */
    SPD_STORE_FLOW_SCHEMA,
    SPD_STORE_LOG_KIND,
    SPD_STORE_LOG_STATE,
    SPD_STORE_ENDING,
    SPD_STORE_TRISTATE, /* 1, 0, or no value */
    SPD_STORE_SID,
    SPD_STORE_SKEW_METHOD,
    SPD_STORE_SKEW_FINDING,
    SPD_STORE_CODEC,
    SPD_STORE_JUMP_KIND,
    SPD_STORE_JUMP_CLOCK,
    SPD_STORE_KERNEL,       /* bool: of the kernel, else of the user */
    SPD_STORE_DSCP_OR_NONE, /* as the two above; SPD_FLOW_TCLASS_UNKNOWN has no value */
    SPD_STORE_ECN_OR_NONE,
    SPD_STORE_LATE, /* a bit of the flags of a flow's packet */
};

/* When the member has a value. */
enum spd_field_rule {
    SPD_SHOW_ALWAYS,
    SPD_SHOW_NONZERO,
    SPD_SHOW_NONNEGATIVE,
    SPD_SHOW_ANSWERED,     /* the packet has a reply */
    SPD_SHOW_TCLASS,       /* the traffic class of the reply is known */
    SPD_SHOW_STATEFUL,     /* the reflector numbers its replies itself */
    SPD_SHOW_SYNCHRONISED, /* both clocks claim to be synchronised */
    SPD_SHOW_WAY,          /* the direction in which the member lies is known */
    SPD_SHOW_WAY_ARRIVED,  /* and packets arrived with time stamps */
    SPD_SHOW_WAY_SKEW,     /* and the skew could be estimated */
    SPD_SHOW_LOSS,         /* something is known of arrivals */
    SPD_SHOW_LOSS_WAYS,    /* and on which way packets were lost */
    SPD_SHOW_ENDED,        /* the log has its end */
    SPD_SHOW_T1,           /* the packet has this stamp */
    SPD_SHOW_RX,
    SPD_SHOW_RETURNED, /* its reply came back */
};

struct spd_field {
    const char *path;
    const char *unit;
    const char *source;
    const char *range;
    const char *help;
    enum spd_field_home home;
    enum spd_field_storage storage;
    enum spd_field_rule rule;
    size_t offset;
};

struct spd_field_list {
    const struct spd_field *fields;
    size_t n;
};

extern const struct spd_field_list spd_fields_test;
extern const struct spd_field_list spd_fields_burst;
extern const struct spd_field_list spd_fields_packet;
extern const struct spd_field_list spd_fields_environment;
extern const struct spd_field_list spd_fields_flow_test;
extern const struct spd_field_list spd_fields_flow;
extern const struct spd_field_list spd_fields_flow_jump;
extern const struct spd_field_list spd_fields_flow_packet;

/* Empty texts and NULL have no value. */
void spd_field_set_text(struct spd_field_value *out, const char *text);

/* Fields of paced flows: where the member lies (NULL: nowhere), texts (false
 * for storage that has none of its own), and whether it has a value. */
const void *spd_flow_field_home(const struct spd_field *field, const struct spd_result *result,
                                size_t index);
bool spd_flow_field_text(const struct spd_field *field, const void *member,
                         struct spd_field_value *out);
bool spd_flow_field_is_shown(const struct spd_field *field, const struct spd_result *result,
                             size_t index);

#endif
