/*
 * Main thread, before anything is opened.
 */
#include "service/receive_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For packets that an announced end has overtaken. */
#define LINGER_NS (200 * SPD_NS_PER_MS)

/* "8000-8099", or "8000". */
static bool parse_range(const char *text, uint16_t *first, uint16_t *last)
{
    unsigned long a, b;
    char *end;

    if (text[0] < '0' || text[0] > '9')
        return false;
    a = b = strtoul(text, &end, 10);
    if (*end == '-' && end[1] >= '0' && end[1] <= '9')
        b = strtoul(end + 1, &end, 10);
    if (*end != '\0' || a < 1 || a > b || b > 65535)
        return false;
    *first = (uint16_t)a;
    *last = (uint16_t)b;
    return true;
}

/* To find out after a session that it has nowhere to go would waste it. */
static enum spd_err try_file(const char *path, struct spd_diag *diag)
{
    FILE *file = fopen(path, "ab");

    if (!file)
        return spd_diag_set(diag, SPD_ERR_IO, errno,
                            "cannot write %s: %s; give --log a file in a folder that you may write "
                            "to, or a folder with a slash at its end",
                            path, strerror(errno));
    fclose(file);
    return SPD_ERR_OK;
}

enum spd_err spd_receive_options_check(const struct spd_settings *settings, bool *log_is_file,
                                       struct spd_diag *diag)
{
    uint16_t first, last;
    size_t n;

    *log_is_file = false;
    if (settings->port_range && !parse_range(settings->port_range, &first, &last))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--port %s: no port or range of ports; give 8000 or 8000-8099",
                            settings->port_range);
    if (!settings->log)
        return SPD_ERR_OK;
    n = strlen(settings->log);
    *log_is_file = n == 0 || (settings->log[n - 1] != '/' && settings->log[n - 1] != '\\');
    return *log_is_file ? try_file(settings->log, diag) : SPD_ERR_OK;
}

void spd_receive_receiver_spec(const struct spd_settings *settings, struct spd_receiver_spec *out)
{
    memset(out, 0, sizeof(*out));
    if (settings->port_range)
        (void)parse_range(settings->port_range, &out->port_first, &out->port_last);
    if (settings->interface_name)
        snprintf(out->interface_name, sizeof(out->interface_name), "%s", settings->interface_name);
    out->kernel_stamps = !settings->user_stamps;
    out->timeout_ns = settings->timeout_ns;
    out->linger_ns = LINGER_NS;
}
