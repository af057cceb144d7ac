/*
 * Simulated console and host facts (common/sys/console.h, host.h).
 */
#include "common/sys/console.h"

#include <string.h>

#include "common/sys/host.h"
#include "tests/support/sim_world.h"

static struct {
    bool terminal;
    unsigned width;
    struct spd_cport *port;
    uintptr_t key;
} console;

void sim_console_clear(void)
{
    memset(&console, 0, sizeof console);
}

void sim_console_set(bool terminal, unsigned width)
{
    console.terminal = terminal;
    console.width = width;
}

bool sim_console_event(enum spd_console_event event)
{
    return console.port &&
           spd_cport_post(console.port, console.key, (uint32_t)event, NULL) == SPD_ERR_OK;
}

enum spd_err spd_console_init(struct spd_diag *diag)
{
    (void)diag;
    return SPD_ERR_OK;
}

bool spd_console_is_terminal(FILE *stream)
{
    (void)stream;
    return console.terminal;
}

unsigned spd_console_width(void)
{
    return console.width ? console.width : 80;
}

enum spd_err spd_console_watch(struct spd_cport *port, uintptr_t key, struct spd_diag *diag)
{
    (void)diag;
    console.port = port;
    console.key = key;
    return SPD_ERR_OK;
}

void spd_console_unwatch(void)
{
    console.port = NULL;
}

void spd_host_read(struct spd_host *out)
{
    *out = (struct spd_host){
        .system = "simulated",
        .processor = "simulated",
        .n_processors = 1,
        .clock_source = "simulated",
    };
}

const char *spd_host_name(char out[SPD_HOST_NAME_BYTES])
{
    out[0] = 0;
    return out;
}
