/*
 * What the commands of `imsgate` have in common: where the configuration is, and how they speak to
 * their user. One message on stderr per failure, as "imsgate COMMAND: message".
 */
#ifndef TOOLS_OPTIONS_H
#define TOOLS_OPTIONS_H

#include <stdbool.h>

struct config;

/* The lines about the shared options, for the help of each command that takes them. */
#define OPTIONS_HELP                                                                               \
	"  --config FILE  configuration; default $IMSGATE_CONFIG, else\n"                          \
	"                 /etc/imsgate/imsgate.yaml\n"                                             \
	"  --json         JSON instead of a table\n"                                               \
	"  --help         this text\n"

struct options {
	const char *config; /* as given, or the default */
	bool json;
};

/*
 * Takes the shared options out of argv, which keeps what is the command's own, and prints `help` if
 * --help is among them. Returns the new argc; 0 when the command is done (*status says how).
 */
int options_parse(int argc, char **argv, const char *help, struct options *o, int *status);

/* The configuration, or NULL after one message; `command` names the speaker. */
struct config *options_config(const struct options *o, const char *command);

/* Prints "imsgate COMMAND: message" and returns EXIT_FAILURE or EXIT_USAGE. */
int options_fail(const char *command, const char *message, ...)
	__attribute__((format(printf, 2, 3)));
int options_misuse(const char *command, const char *message, ...)
	__attribute__((format(printf, 2, 3)));

#endif
