/*
 * The commands: what each is called, takes and does. A table; any thread.
 */
#include "service/commands.h"

#include <string.h>

const struct spd_command spd_commands[] = {
    { "burst", SPD_COMMAND_BURST, "HOST[:PORT]",
      "send bursts to a STAMP reflector and explain what came back",
      "  stampede burst 192.0.2.7 --packets 200 --size 1000\n"
      "  stampede burst pc7.example:8620 --dscp EF --csv packets.csv\n"
      "  stampede burst [2001:db8::7] --bursts 100 --json\n",
      spd_command_burst, false },
    { "reflect", SPD_COMMAND_REFLECT, NULL,
      "answer test packets (STAMP Session-Reflector, RFC 8762) until Ctrl-C",
      "  stampede reflect --listen 192.0.2.7:8620 --listen [2001:db8::7]:8620\n"
      "  stampede reflect --stateful --max-sessions 100\n"
      "  stampede reflect --allow 10.0.0.0/8 --source-rate 1000 --total-rate 50000\n"
      "SIGUSR1 or Ctrl-Break prints the counters; so does the end.\n",
      spd_command_reflect, false },
    { "stream", SPD_COMMAND_STREAM, "HOST[:PORT]",
      "send a paced flow and show how the network delays each packet of it",
      "  stampede stream 192.0.2.7 --profile voice --log voice.log --plot voice.svg\n"
      "  stampede stream 192.0.2.7 --rate 24kbit --size 92 --dscp EF --json\n"
      "  stampede stream [2001:db8::7]:8620 --bucket 1Mbit:15000 --size imix\n",
      spd_command_stream, false },
    { "noise", SPD_COMMAND_NOISE, "HOST[:PORT]",
      "make background traffic at a rate, or take it (--sink)",
      "  stampede noise --sink\n"
      "  stampede noise 192.0.2.7 --rate 100kbit --poisson --duration 30s\n"
      "  stampede noise 192.0.2.7:9000 --rate 2Mbit --size 64-1400\n",
      spd_command_noise, true },
    { "receive", SPD_COMMAND_RECEIVE, NULL,
      "be the receiving end of one-way sessions (OWAMP) until Ctrl-C",
      "  stampede receive --log sessions/\n"
      "  stampede receive --listen 192.0.2.7:8610 --port 9000-9099\n"
      "  stampede receive --no-control --log far.log\n",
      spd_command_receive, false },
    { "analyze", SPD_COMMAND_ANALYZE, "LOG...",
      "analyse a log again, or those of a one-way sender and its receivers",
      "  stampede analyze flow.log\n"
      "  stampede analyze sender.log receiver.log --csv packets.csv\n"
      "  stampede analyze flow.log --skew least-squares --jump 15.6ms --json\n",
      spd_command_analyze, false },
    { "qos", SPD_COMMAND_QOS, "HOST[:PORT]",
      "tell what QoS does for a class, against another one in the same run",
      "  stampede qos 192.0.2.7\n"
      "  stampede qos 192.0.2.7 --class EF --class BE --noise 100kbit:64-1400\n"
      "  stampede qos pc7.example --class 46:8620:200 --class AF21:8621 --plot qos.svg\n",
      spd_command_qos, false },
    { "compare", SPD_COMMAND_COMPARE, "LOG[#FLOW]...",
      "compare two flows out of logs, the one with QoS first",
      "  stampede compare with-qos.log without.log\n"
      "  stampede compare run.log#EF run.log#BE --plot both.svg\n",
      spd_command_compare, false },
    { "tests", SPD_COMMAND_TESTS, NULL, "list the tests that the service runs now",
      "  stampede tests\n"
      "  stampede tests --json\n",
      spd_command_tests, false },
    { "cancel", SPD_COMMAND_CANCEL, "TEST", "let a test of the service end with what it has",
      "  stampede cancel 17\n", spd_command_cancel, false },
    { "status", SPD_COMMAND_STATUS, NULL, "tell how the service fares",
      "  stampede status\n"
      "  stampede status --json\n",
      spd_command_status, false },
    { "history", SPD_COMMAND_HISTORY, "[list | show ID... | export]",
      "show what the service measured and kept",
      "  stampede history --since 7d --name voice\n"
      "  stampede history show 17 --json\n"
      "  stampede history export --csv runs.csv\n"
      "export writes JSON unless --csv is given.\n",
      spd_command_history, true },
    { "config", SPD_COMMAND_CONFIG, "check|show [FILE]...",
      "check the service's configuration, or show what is in force",
      "  stampede config check new.ini\n"
      "  stampede config show\n"
      "  stampede config show /etc/stampede/stampede.ini --json\n"
      "config.md lists every key. A file that does not parse ends with exit code 2.\n",
      spd_command_config, false },
    { "service", SPD_COMMAND_SERVICE, "ACTION",
      "install the service, control it, or be it",
      "  stampede service install\n"
      "  stampede service start\n"
      "  stampede service status --json\n"
      "  stampede service run --config stampede.ini\n"
      "The actions: install, uninstall, start, stop, reload, status (which ends with 0\n"
      "when it runs) and run: in the foreground until Ctrl-C, or under systemd.\n",
      spd_command_service, false },
};
const size_t spd_n_commands = sizeof(spd_commands) / sizeof(spd_commands[0]);

const struct spd_command *spd_command_find(const char *name)
{
    for (size_t i = 0; i < spd_n_commands; i++)
        if (strcmp(spd_commands[i].name, name) == 0)
            return &spd_commands[i];
    return NULL;
}
