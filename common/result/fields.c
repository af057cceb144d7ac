/*
 * Looks fields up and reads their values. Any thread; allocates nothing.
 */
#include "common/result/fields.h"

#include <string.h>

#include "common/base/assert.h"
#include "common/base/dscp.h"
#include "common/base/flow.h"
#include "common/result/export_json.h"
#include "common/result/fields_table.h"

static const struct spd_field_list *list_of(enum spd_field_group group)
{
    switch (group) {
    case SPD_FIELD_TEST:
        return &spd_fields_test;
    case SPD_FIELD_BURST:
        return &spd_fields_burst;
    case SPD_FIELD_PACKET:
        return &spd_fields_packet;
    case SPD_FIELD_ENVIRONMENT:
        return &spd_fields_environment;
    case SPD_FIELD_FLOW_TEST:
        return &spd_fields_flow_test;
    case SPD_FIELD_FLOW:
        return &spd_fields_flow;
    case SPD_FIELD_FLOW_JUMP:
        return &spd_fields_flow_jump;
    case SPD_FIELD_FLOW_PACKET:
        return &spd_fields_flow_packet;
    }
    spd_panic(__FILE__, __LINE__, "no such field group");
}

size_t spd_field_count(enum spd_field_group group)
{
    return list_of(group)->n;
}

const struct spd_field *spd_field_at(enum spd_field_group group, size_t index)
{
    SPD_ASSERT(index < list_of(group)->n);
    return &list_of(group)->fields[index];
}

const struct spd_field *spd_field_find(enum spd_field_group group, const char *path)
{
    const struct spd_field_list *list = list_of(group);

    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->fields[i].path, path) == 0)
            return &list->fields[i];
    return NULL;
}

const char *spd_field_path(const struct spd_field *field)
{
    return field->path;
}

const char *spd_field_unit(const struct spd_field *field)
{
    return field->unit;
}

const char *spd_field_source(const struct spd_field *field)
{
    return field->source;
}

const char *spd_field_range(const struct spd_field *field)
{
    return field->range;
}

const char *spd_field_help(const struct spd_field *field)
{
    return field->help;
}

/* Where a field's member lies, or NULL when there is no such record. */
static const void *home_of(const struct spd_field *field, const struct spd_result *result,
                           size_t index)
{
    const struct spd_test_record *record = result->record;
    const struct spd_summary *summary = result->summary;
    bool by_packet =
        field >= spd_fields_packet.fields && field < spd_fields_packet.fields + spd_fields_packet.n;

    switch (field->home) {
    case SPD_HOME_RESULT:
        return result;
    case SPD_HOME_RECORD:
        return record;
    case SPD_HOME_SUMMARY:
        return summary;
    case SPD_HOME_HOST:
        return result->host;
    case SPD_HOME_BURST:
        return &record->bursts[by_packet ? record->packets[index].burst : index];
    case SPD_HOME_BURST_FIGURES:
        return &summary->bursts[index];
    case SPD_HOME_PACKET:
        return &record->packets[index];
    case SPD_HOME_PACKET_FIGURES:
        return &summary->packets[index];
    case SPD_HOME_ENVIRONMENT:
        if (record != NULL)
            return &record->environment.items[index];
        break;
    default:
        break;
    }
    return spd_flow_field_home(field, result, index);
}

void spd_field_set_text(struct spd_field_value *out, const char *text)
{
    if (text == NULL || text[0] == '\0')
        return;
    out->kind = SPD_FIELD_TEXT;
    out->as.text = text;
}

static void set_number(struct spd_field_value *out, uint64_t number)
{
    out->kind = SPD_FIELD_UNSIGNED;
    out->as.number = number;
}

static void set_integer(struct spd_field_value *out, int64_t integer)
{
    out->kind = SPD_FIELD_INTEGER;
    out->as.integer = integer;
}

static void set_env(const struct spd_field *field, const struct spd_env_item *item, size_t index,
                    struct spd_field_value *out)
{
    bool requested = field->storage == SPD_STORE_ENV_REQUESTED;

    if (spd_env_key_unit((enum spd_env_key)index)[0] == '\0')
        spd_field_set_text(out, requested ? item->requested_text : item->obtained_text);
    else if (requested || item->obtained >= 0)
        set_integer(out, requested ? item->requested : item->obtained);
}

static const char *mode_text(uint8_t mode)
{
    if (mode == SPD_REFLECTOR_STATELESS)
        return "stateless";
    return mode == SPD_REFLECTOR_STATEFUL ? "stateful" : NULL;
}

static const char *err_text(enum spd_err err)
{
    return err == SPD_ERR_OK ? NULL : spd_err_name(err);
}

/* Storage with a text of its own. Returns false for plain numbers. */
static bool read_text(const struct spd_field *field, const struct spd_result *result,
                      const void *member, struct spd_field_value *out)
{
    const uint8_t *byte = member;

    switch (field->storage) {
    case SPD_STORE_CHARS:
        spd_field_set_text(out, member);
        return true;
    case SPD_STORE_ADDR:
        if (((const struct spd_addr *)member)->family != SPD_FAMILY_NONE)
            spd_field_set_text(out, spd_addr_format(member, out->room));
        return true;
    case SPD_STORE_STAMP_SOURCE:
        spd_field_set_text(out, spd_stamp_source_text((enum spd_stamp_source) * byte));
        return true;
    case SPD_STORE_FATE:
        spd_field_set_text(out, spd_fate_text((enum spd_fate) * byte));
        return true;
    case SPD_STORE_BROKEN:
        spd_field_set_text(out, spd_broken_text((enum spd_broken) * byte));
        return true;
    case SPD_STORE_ERR8:
        spd_field_set_text(out, err_text((enum spd_err) * byte));
        return true;
    case SPD_STORE_ERR:
        spd_field_set_text(out, err_text(*(const enum spd_err *)member));
        return true;
    case SPD_STORE_REFLECTOR_MODE:
        spd_field_set_text(out, mode_text(*byte));
        return true;
    case SPD_STORE_DSCP_NAME:
        spd_field_set_text(out, spd_dscp_name(*byte));
        return true;
    case SPD_STORE_PDV_INTERVAL:
        spd_field_set_text(out, *(const bool *)member ? "test" : "burst");
        return true;
    case SPD_STORE_SCHEMA:
        spd_field_set_text(out, SPD_JSON_SCHEMA_BURST);
        return true;
    case SPD_STORE_VERSION:
        spd_field_set_text(out, result->version);
        return true;
    default:
        return spd_flow_field_text(field, member, out);
    }
}

static void read_number(const struct spd_field *field, const struct spd_result *result,
                        const void *member, struct spd_field_value *out)
{
    switch (field->storage) {
    case SPD_STORE_BOOL:
        out->kind = SPD_FIELD_BOOL;
        out->as.boolean = *(const bool *)member;
        break;
    case SPD_STORE_U8:
        set_number(out, *(const uint8_t *)member);
        break;
    case SPD_STORE_DSCP_OR_NONE:
    case SPD_STORE_ECN_OR_NONE:
        if (*(const uint8_t *)member == SPD_FLOW_TCLASS_UNKNOWN)
            break;
        set_number(out, field->storage == SPD_STORE_ECN_OR_NONE ? *(const uint8_t *)member & 3u
                                                                : *(const uint8_t *)member >> 2);
        break;
    case SPD_STORE_LATE:
        out->kind = SPD_FIELD_BOOL;
        out->as.boolean = (*(const uint8_t *)member & SPD_FLOW_LATE) != 0;
        break;
    case SPD_STORE_TRISTATE:
        if (*(const int8_t *)member < 0)
            break;
        out->kind = SPD_FIELD_BOOL;
        out->as.boolean = *(const int8_t *)member == 1;
        break;
    case SPD_STORE_TCLASS_DSCP: /* RFC 2474 section 3: the upper six bits */
        set_number(out, *(const uint8_t *)member >> 2);
        break;
    case SPD_STORE_TCLASS_ECN: /* RFC 3168 section 5: the lower two */
        set_number(out, *(const uint8_t *)member & 3u);
        break;
    case SPD_STORE_U16:
        set_number(out, *(const uint16_t *)member);
        break;
    case SPD_STORE_U32:
        set_number(out, *(const uint32_t *)member);
        break;
    case SPD_STORE_U64:
        set_number(out, *(const uint64_t *)member);
        break;
    case SPD_STORE_SIZE:
        set_number(out, *(const size_t *)member);
        break;
    case SPD_STORE_NS:
        if (*(const spd_ns *)member == SPD_NS_UNKNOWN)
            break;
        set_integer(out, *(const spd_ns *)member);
        break;
    case SPD_STORE_I64:
        set_integer(out, *(const int64_t *)member);
        break;
    case SPD_STORE_REAL:
        out->kind = SPD_FIELD_REAL;
        out->as.real = *(const double *)member;
        break;
    case SPD_STORE_STARTED:
        if (result->record->n_bursts > 0)
            set_integer(out, result->record->bursts[0].started_ns);
        break;
    default:
        spd_panic(__FILE__, __LINE__, "a field without a reader");
    }
}

static bool is_zero(const struct spd_field_value *value)
{
    return (value->kind == SPD_FIELD_UNSIGNED && value->as.number == 0) ||
           (value->kind == SPD_FIELD_INTEGER && value->as.integer == 0) ||
           (value->kind == SPD_FIELD_REAL && !(value->as.real > 0.0));
}

static bool is_negative(const struct spd_field_value *value)
{
    return (value->kind == SPD_FIELD_INTEGER && value->as.integer < 0) ||
           (value->kind == SPD_FIELD_REAL && value->as.real < 0.0);
}

static bool is_shown(const struct spd_field *field, const struct spd_result *result, size_t index,
                     const struct spd_field_value *value)
{
    switch (field->rule) {
    case SPD_SHOW_ALWAYS:
        return true;
    case SPD_SHOW_NONZERO:
        return !is_zero(value);
    case SPD_SHOW_NONNEGATIVE:
        return !is_negative(value);
    case SPD_SHOW_ANSWERED:
        return result->record->packets[index].n_replies > 0;
    case SPD_SHOW_TCLASS:
        return result->record->packets[index].tclass_reverse_known;
    case SPD_SHOW_STATEFUL:
        return result->summary->fwd.reorder_known && (field->home != SPD_HOME_PACKET_FIGURES ||
                                                      result->record->packets[index].n_replies > 0);
    case SPD_SHOW_SYNCHRONISED:
        return result->summary->clocks_synchronised;
    default:
        return spd_flow_field_is_shown(field, result, index);
    }
}

void spd_field_get(const struct spd_field *field, const struct spd_result *result, size_t index,
                   struct spd_field_value *out)
{
    const char *home = home_of(field, result, index);

    out->kind = SPD_FIELD_NULL;
    if (home == NULL)
        return;
    const void *member = home + field->offset;
    if (field->storage == SPD_STORE_ENV_REQUESTED || field->storage == SPD_STORE_ENV_OBTAINED)
        set_env(field, (const struct spd_env_item *)(const void *)home, index, out);
    else if (!read_text(field, result, member, out))
        read_number(field, result, member, out);
    if (!is_shown(field, result, index, out))
        out->kind = SPD_FIELD_NULL;
}
