#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/dataplane.h"
#include "tools/options.h"
#include "tools/reload_reply.h"

static const char help[] =
	"Usage: imsgate reload [--check] [OPTION…]\n"
	"\n"
	"The data plane reads the file that it was started with again and takes over what it "
	"says,\n"
	"without losing a packet: all of it, or nothing where a key needs a restart (the column\n"
	"\"live\" of docs/configuration.md).\n"
	"\n"
	"  --check        say what would change, or why not, and change nothing\n"
	"  --socket PATH  the data plane's socket; default: as the configuration has it\n"
	"  --config FILE  configuration that names the socket; default $IMSGATE_CONFIG, else\n"
	"                 /etc/imsgate/imsgate.yaml\n"
	"  --help         this text\n";

/* Each line of the reply: to stdout what changes, to stderr why nothing does. */
static int print(struct reload_reply *r, const char *path, bool check)
{
	if (r->result.status)
		options_fail("reload", "refused, and nothing changed:");
	for (unsigned i = 0; i < r->n_lines; i++)
		fprintf(r->result.status ? stderr : stdout, "%s\n", reload_reply_line(r, i));
	if (r->result.n_lines > r->n_lines)
		fprintf(r->result.status ? stderr : stdout, "and %u more\n",
			r->result.n_lines - r->n_lines);
	if (!r->result.status && !r->n_lines)
		printf("%s: nothing %s\n", path, check ? "would change" : "changed");
	return r->result.status ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int reload(const char *path, bool check)
{
	const struct api_reload request = { .flags = check ? API_RELOAD_CHECK : 0 };
	struct dataplane_reply reply;
	struct reload_reply r;
	struct dataplane d;
	int status;

	if (dataplane_open(&d, path, "imsgate-reload") ||
	    dataplane_request(&d, API_RELOAD, &request, sizeof(request), 1, &reply))
		status = options_fail("reload", "%s", d.error);
	else if (reload_reply_parse(&r, &reply))
		status = options_fail("reload", "the data plane's answer has a wrong length");
	else
		status = print(&r, path, check);
	dataplane_close(&d);
	return status;
}

/* The socket of the configuration, for the caller to free; NULL after one message. */
static char *configured_socket(const struct options *o)
{
	struct config *config = options_config(o, "reload");
	char *path = NULL;

	if (config && !config->dataplane)
		options_fail("reload", "%s has no dataplane section", o->config);
	else if (config)
		path = strdup(config->dataplane->socket);
	config_free(config);
	return path;
}

int command_reload(int argc, char **argv)
{
	const char *socket = NULL;
	bool check = false;
	struct options o;
	char *path;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--check"))
			check = true;
		else if (!strcmp(argv[i], "--socket") && argv[i + 1])
			socket = argv[++i];
		else
			return options_misuse(
				"reload", "found %s, expected --check or --socket PATH", argv[i]);
	}
	if (o.json)
		return options_misuse("reload", "found --json, which is not for this command");
	if (socket)
		return reload(socket, check);
	path = configured_socket(&o);
	if (!path)
		return EXIT_FAILURE;
	status = reload(path, check);
	free(path);
	return status;
}
