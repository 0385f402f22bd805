#include "tools/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "tools/commands.h"

static const char *default_config(void)
{
	const char *path = getenv("IMSGATE_CONFIG");

	return path && *path ? path : "/etc/imsgate/imsgate.yaml";
}

int options_parse(int argc, char **argv, const char *help, struct options *o, int *status)
{
	int kept = 1;

	*o = (struct options){ .config = default_config() };
	*status = EXIT_SUCCESS;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			return 0;
		}
		if (!strcmp(argv[i], "--json")) {
			o->json = true;
		} else if (!strcmp(argv[i], "--config")) {
			if (!argv[++i]) {
				*status = options_misuse(argv[0], "--config needs a file");
				return 0;
			}
			o->config = argv[i];
		} else {
			argv[kept++] = argv[i];
		}
	}
	argv[kept] = NULL;
	return kept;
}

struct config *options_config(const struct options *o, const char *command)
{
	struct config *config;
	char error[512];
	int rc = config_load(o->config, &config, error, sizeof(error));

	if (rc == 0)
		return config;
	options_fail(command, "%s%s", error,
		     rc == -ENOENT ? "; name the file that runs here: --config FILE" : "");
	return NULL;
}

static void say(const char *command, const char *message, va_list args)
{
	fflush(stdout);
	fprintf(stderr, "imsgate %s: ", command);
	vfprintf(stderr, message, args);
	fputc('\n', stderr);
}

int options_fail(const char *command, const char *message, ...)
{
	va_list args;

	va_start(args, message);
	say(command, message, args);
	va_end(args);
	return EXIT_FAILURE;
}

int options_misuse(const char *command, const char *message, ...)
{
	va_list args;

	va_start(args, message);
	say(command, message, args);
	va_end(args);
	fprintf(stderr, "`imsgate help %s` says more.\n", command);
	return EXIT_USAGE;
}
