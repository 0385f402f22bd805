/*
 * `imsgate`: the command that people type. This file finds the subcommand; each has its own.
 */
#include <stdio.h>
#include <string.h>

#include "tools/commands.h"

static int command_help(int argc, char **argv);

static const struct command {
	const char *name;
	const char *help;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "lab", "run the edge, an IMS core and UEs on this machine", command_lab },
	{ "show", "print counters, SAs, registrations, ports or offloads", command_show },
	{ "top", "watch traffic and drops live", command_top },
	{ "reload", "have the data plane read its configuration again", command_reload },
	{ "sa", "install and delete SAs by hand", command_sa },
	{ "tunnel", "install, list and delete tunnels by hand", command_tunnel },
	{ "registration", "authenticate or de-register a UE from here", command_registration },
	{ "subscriber", "make subscribers, import them into the HSS", command_subscriber },
	{ "help", "explain a command: imsgate help COMMAND", command_help },
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static int unknown_command(const char *name)
{
	fprintf(stderr, "imsgate: no command %s; `imsgate help` lists them\n", name);
	return EXIT_USAGE;
}

static int usage(FILE *to)
{
	fprintf(to, "Usage: imsgate COMMAND [OPTION…]\n\nCommands:\n");
	for (size_t i = 0; i < N_COMMANDS; i++)
		fprintf(to, "  %-12s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\n`imsgate help COMMAND` explains a command, `imsgate --version` prints the "
		    "version.\n");
	return to == stdout ? EXIT_SUCCESS : EXIT_USAGE;
}

/* Every command explains itself under --help. */
static int command_help(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find_command(argv[1]) : NULL;
	char help[] = "--help";

	if (argc < 2 || (command && command->run == command_help))
		return usage(stdout);
	if (!command)
		return unknown_command(argv[1]);
	return command->run(2, (char *[]){ argv[1], help, NULL });
}

/* A full disk behind stdout must not pass for success. */
static int finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, "imsgate: cannot write the output\n");
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2)
		return usage(stderr);
	if (!strcmp(argv[1], "--version")) {
		puts("imsgate " IMSGATE_VERSION);
		return EXIT_SUCCESS;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return usage(stdout);
	command = find_command(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	return finish(command->run(argc - 1, argv + 1));
}
