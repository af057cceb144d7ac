/*
 * The end of the report: what the machine gave and what it refused. Any
 * thread; allocates nothing.
 */
#include <stdio.h>
#include <string.h>

#include "common/result/report_text.h"

/* "working_set_bytes" becomes "working set". */
static void name_item(enum spd_env_key key, char name[48])
{
    const char *unit = spd_env_key_unit(key);
    size_t n_unit = strlen(unit);

    snprintf(name, 48, "  %s", spd_env_key_name(key));
    size_t n = strlen(name);
    if (n_unit > 0 && n > n_unit + 1 && strcmp(name + n - n_unit, unit) == 0)
        name[n - n_unit - 1] = '\0';
    for (char *c = name; *c != '\0'; c++)
        if (*c == '_')
            *c = ' ';
}

static void item_text(const struct spd_env_item *item, enum spd_env_key key, bool requested,
                      char text[SPD_REPORT_TEXT_BYTES * 4])
{
    int64_t amount = requested ? item->requested : item->obtained;
    char room[SPD_REPORT_TEXT_BYTES];

    if (spd_env_key_unit(key)[0] == '\0')
        snprintf(text, SPD_REPORT_TEXT_BYTES * 4, "%s",
                 requested ? item->requested_text : item->obtained_text);
    else
        snprintf(text, SPD_REPORT_TEXT_BYTES * 4, "%s",
                 amount < 0 ? "unknown" : spd_report_bytes((double)amount, room));
}

/* What was not obtained: what there is instead, what was asked, and why. */
static void add_refusal(struct spd_page *page, const struct spd_env_item *item,
                        enum spd_env_key key, size_t n_lines_max)
{
    char label[48];
    char requested[SPD_REPORT_TEXT_BYTES * 4];
    char obtained[SPD_REPORT_TEXT_BYTES * 4];
    char text[512];

    name_item(key, label);
    item_text(item, key, true, requested);
    item_text(item, key, false, obtained);
    snprintf(text, sizeof text, "%s, asked for %s%s%s", obtained, requested,
             item->note[0] != '\0' ? ": " : "", item->note);
    spd_page_wrap(page, label, text, n_lines_max);
}

void spd_report_environment(struct spd_page *page, const struct spd_result *result)
{
    static const enum spd_env_key shown[] = { SPD_ENV_PORT, SPD_ENV_PRIORITY, SPD_ENV_WORKING_SET };
    const struct spd_env_item *items = spd_result_environment(result)->items;
    size_t n_present = 0;
    size_t n_refused = 0;

    for (size_t i = 0; i < SPD_ENV_COUNT; i++) {
        n_present += items[i].present;
        n_refused += items[i].present && !items[i].fulfilled;
    }
    if (n_present == 0)
        return;
    char *line = spd_page_line(page, "Obtained");
    spd_line_add(line, "%zu of %zu as asked", n_present - n_refused, n_present);
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        char text[SPD_REPORT_TEXT_BYTES * 4];

        if (!items[shown[i]].present || !items[shown[i]].fulfilled)
            continue;
        item_text(&items[shown[i]], shown[i], false, text);
        if (spd_text_columns(line) + spd_text_columns(text) + 24 <= SPD_PAGE_COLUMNS)
            spd_line_add(line, "   %s%s", text,
                         shown[i] == SPD_ENV_WORKING_SET ? " working set" : "");
    }
    spd_page_tighten(page, 2 * n_refused);
    for (size_t i = 0; i < SPD_ENV_COUNT && n_refused > 0; i++) {
        if (!items[i].present || items[i].fulfilled)
            continue;
        size_t room = page->n_lines < SPD_PAGE_LINES ? SPD_PAGE_LINES - page->n_lines : 0;
        if (room == 0 || (room == 1 && n_refused > 1)) {
            line = spd_page_line(page, "");
            spd_line_add(line, "and %zu more were not: see --json", n_refused);
            return;
        }
        /* A second line for the reason only while each of the rest has one. */
        size_t spare = room - n_refused;
        add_refusal(page, &items[i], (enum spd_env_key)i,
                    room > n_refused && spare > 0 ? 1 + spare : 1);
        n_refused--;
    }
}
