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

#endif
