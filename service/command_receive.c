/*
 * stampede receive: the receiving end of one-way sessions, with OWAMP-Control
 * or without.
 */
#include "service/commands.h"
#include "service/receive_marked.h"
#include "service/receive_server.h"

int spd_command_receive(const struct spd_settings *settings)
{
    return settings->no_control ? spd_receive_marked(settings) : spd_receive_server(settings);
}
