/*
 * The subcommands of `imsgate`, one function each, called by main.c with argv[0] = the command's
 * name. A command reads its own options, answers --help on stdout, and returns the exit status of
 * the process: EXIT_SUCCESS, EXIT_FAILURE after one message on stderr that says what to do, or
 * EXIT_USAGE. To add a command: a row here, a row in the table of main.c, its files in meson.build.
 */
#ifndef TOOLS_COMMANDS_H
#define TOOLS_COMMANDS_H

#include <stdlib.h>

#define EXIT_USAGE 2 /* as getopt-style tools have it: the command line was not understood */

int command_lab(int argc, char **argv);
int command_reload(int argc, char **argv);
int command_show(int argc, char **argv);
int command_top(int argc, char **argv);
int command_sa(int argc, char **argv);
int command_tunnel(int argc, char **argv);
int command_registration(int argc, char **argv);
int command_subscriber(int argc, char **argv);

#endif
