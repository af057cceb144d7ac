/*
 * Values that are lists: items between commas, each into its field behind those
 * before. Any thread.
 */
#include <string.h>

#include "common/base/addr.h"
#include "common/base/dscp.h"
#include "service/config_private.h"
#include "service/metrics_http.h"

#define WHY_BYTES SPD_CONFIG_WHY_BYTES

/* "host.example", "*.example": what a name server could know. */
static bool is_host_pattern(const char *text)
{
    size_t n = strlen(text);
    bool has_letter = false;

    if (strncmp(text, "*.", 2) == 0)
        text += 2;
    if (n > 253 || *text == '.' || *text == '-' || !*text)
        return false;
    for (; *text; text++) {
        bool letter = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');

        if (!letter && !(*text >= '0' && *text <= '9') && !strchr("-._", *text))
            return false;
        has_letter = has_letter || letter;
    }
    return has_letter; /* else it was meant to be an address */
}

static bool set_target(struct spd_config_load *load, const char *text, void *field,
                       char why[WHY_BYTES])
{
    struct spd_config_targets *targets = field;
    struct spd_config_target target = { 0 };

    if (targets->n == SPD_TEXTS_MAX) {
        snprintf(why, WHY_BYTES, "is one too many; %d are allowed", SPD_TEXTS_MAX);
        return false;
    }
    target.is_network = spd_network_parse(text, &target.network);
    if (!target.is_network && (strpbrk(text, "/:") || !is_host_pattern(text))) {
        snprintf(why, WHY_BYTES,
                 "give a network (192.0.2.0/24, without bits behind its prefix), an address, a "
                 "host's name without port, or *.example for all names that end so");
        return false;
    }
    target.host = spd_config_keep(load, text);
    targets->target[targets->n++] = target;
    return true;
}

static bool set_address(const char *text, char why[WHY_BYTES])
{
    struct spd_addr address;
    char host[SPD_ADDR_TEXT_BYTES];
    uint16_t port;

    if (spd_addr_split(text, SPD_METRICS_DEFAULT_PORT, false, host, sizeof(host), &port) &&
        spd_addr_parse_host(host, &address))
        return true;
    snprintf(why, WHY_BYTES, "give ADDR:PORT in numbers, as in 127.0.0.1:%d or [::1]:%d",
             SPD_METRICS_DEFAULT_PORT, SPD_METRICS_DEFAULT_PORT);
    return false;
}

static bool set_texts(struct spd_config_load *load, const char *text, void *field,
                      char why[WHY_BYTES])
{
    struct spd_texts *texts = field;

    if (texts->n == SPD_TEXTS_MAX) {
        snprintf(why, WHY_BYTES, "is one too many; %d are allowed", SPD_TEXTS_MAX);
        return false;
    }
    texts->text[texts->n] = spd_config_keep(load, text);
    texts->n += texts->text[texts->n] != NULL;
    return true;
}

static bool set_command(const char *text, void *field, char why[WHY_BYTES])
{
    unsigned command;

    if (!spd_test_command_parse(text, &command)) {
        snprintf(why, WHY_BYTES, "no such command here; there are burst, stream and qos");
        return false;
    }
    *(unsigned *)field |= command;
    return true;
}

static bool set_class(const char *text, void *field, char why[WHY_BYTES])
{
    uint8_t dscp;

    if (!spd_dscp_parse(text, &dscp)) {
        snprintf(why, WHY_BYTES,
                 "no such DSCP; give a name (EF, AF11..AF43, CS0..CS7, VA, LE, BE) or a number "
                 "from 0 to 63");
        return false;
    }
    *(uint64_t *)field |= UINT64_C(1) << dscp;
    return true;
}

static bool set_item(struct spd_config_load *load, const struct spd_config_key *key,
                     const char *text, void *field, char why[WHY_BYTES])
{
    switch (key->kind) {
    case SPD_CONFIG_TARGETS:
        return set_target(load, text, field, why);
    case SPD_CONFIG_ADDRESSES:
        return set_address(text, why) && set_texts(load, text, field, why);
    case SPD_CONFIG_COMMANDS:
        return set_command(text, field, why);
    case SPD_CONFIG_CLASSES:
        return set_class(text, field, why);
    default:
        return set_texts(load, text, field, why);
    }
}

/* Items between commas. */
bool spd_config_set_list(struct spd_config_load *load, const struct spd_config_key *key,
                         const char *text, void *field, char why[WHY_BYTES])
{
    for (;;) {
        size_t n = strcspn(text, ","), end = n;
        char item[256];

        while (end > 0 && text[end - 1] == ' ')
            end--;
        if (end == 0 || end >= sizeof(item)) {
            snprintf(why, WHY_BYTES, end ? "has an item that is too long" : "has an empty item");
            return false;
        }
        memcpy(item, text, end);
        item[end] = '\0';
        if (!set_item(load, key, item, field, why)) {
            char plain[WHY_BYTES];

            memcpy(plain, why, sizeof(plain));
            snprintf(why, WHY_BYTES, "\"%.60s\": %.220s", item, plain);
            return false;
        }
        if (!text[n])
            return true;
        text += n + 1 + strspn(text + n + 1, " ");
    }
}
