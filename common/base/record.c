/*
 * Texts of the enumerations in records, and the setters of the environment.
 * Any thread. The records themselves are plain data: no logic belongs here.
 */
#include "common/base/record.h"

#include "common/base/assert.h"
#include "common/base/text.h"

#define SECOND_OF_TWO(a, b)      b,
#define SECOND_OF_THREE(a, b, c) b,
#define THIRD_OF_THREE(a, b, c)  c,

static const char *const stamp_source_texts[] = { SPD_STAMP_SOURCE_LIST(SECOND_OF_TWO) };
static const char *const fate_texts[] = { SPD_FATE_LIST(SECOND_OF_TWO) };
static const char *const broken_texts[] = { SPD_BROKEN_LIST(SECOND_OF_TWO) };
static const char *const env_names[] = { SPD_ENV_LIST(SECOND_OF_THREE) };
static const char *const env_units[] = { SPD_ENV_LIST(THIRD_OF_THREE) };

const char *spd_stamp_source_text(enum spd_stamp_source source)
{
    return (unsigned)source < SPD_STAMP_SOURCE_COUNT ? stamp_source_texts[source] : "unknown";
}

const char *spd_fate_text(enum spd_fate fate)
{
    return (unsigned)fate < SPD_FATE_COUNT ? fate_texts[fate] : "unknown";
}

const char *spd_broken_text(enum spd_broken broken)
{
    return (unsigned)broken < SPD_BROKEN_COUNT ? broken_texts[broken] : "unknown";
}

const char *spd_env_key_name(enum spd_env_key key)
{
    return (unsigned)key < SPD_ENV_COUNT ? env_names[key] : "unknown";
}

const char *spd_env_key_unit(enum spd_env_key key)
{
    return (unsigned)key < SPD_ENV_COUNT ? env_units[key] : "";
}

void spd_env_set_number(struct spd_environment *env, enum spd_env_key key, int64_t requested,
                        int64_t obtained, const char *note)
{
    SPD_ASSERT((unsigned)key < SPD_ENV_COUNT);
    SPD_ASSERT(spd_env_key_unit(key)[0] != '\0');
    struct spd_env_item *item = &env->items[key];

    *item = (struct spd_env_item){
        .present = true,
        .fulfilled = obtained >= requested,
        .requested = requested,
        .obtained = obtained,
    };
    spd_text_copy(item->note, sizeof item->note, note);
}

void spd_env_set_text(struct spd_environment *env, enum spd_env_key key, const char *requested,
                      const char *obtained, bool fulfilled, const char *note)
{
    SPD_ASSERT((unsigned)key < SPD_ENV_COUNT);
    SPD_ASSERT(spd_env_key_unit(key)[0] == '\0');
    struct spd_env_item *item = &env->items[key];

    *item = (struct spd_env_item){ .present = true, .fulfilled = fulfilled };
    spd_text_copy(item->requested_text, sizeof item->requested_text, requested);
    spd_text_copy(item->obtained_text, sizeof item->obtained_text, obtained);
    spd_text_copy(item->note, sizeof item->note, note);
}
