/*
 * `imsgate subscriber`: makes subscribers, and puts them into the database of the HSS.
 */
#include "tools/subscriber.h"

#include <getopt.h>
#include <string.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/subscriber_csv.h"

static const char help[] =
	"Usage: imsgate subscriber generate --n N --realm REALM > FILE\n"
	"       imsgate subscriber import [--config FILE] FILE.csv\n"
	"       imsgate subscriber add [--config FILE] --keys FILE [--op] [--amf HEX] [--sqn N]\n"
	"                              [--capabilities LIST] IMPI IMPU... [/ IMPU...]\n"
	"       imsgate subscriber show [--config FILE] [--json] IMPI|IMPU\n"
	"       imsgate subscriber delete [--config FILE] [--force] IMPI\n"
	"       imsgate subscriber deregister|push [--config FILE] IMPI\n"
	"\n"
	"generate  writes N subscribers with random keys as CSV:\n"
	"          " SUBSCRIBER_CSV_HEADER "\n"
	"          Subscriber i is 00101<i in ten digits>@REALM. The file holds keys:\n"
	"          `umask 077` first.\n"
	"import    puts the subscribers of a CSV file into the database of the HSS\n"
	"          (hss.database of the configuration), all of them or none. Registrations\n"
	"          wait while it runs. `-` reads from standard input. A header with op\n"
	"          instead of opc says that the column is OP.\n"
	"add       puts in one subscriber. The key file has K on its first line and OPc on\n"
	"          its second, 32 hexadecimal digits each; `-` is standard input. The first\n"
	"          IMPU is the default one. IMPUs are registered together; what follows a /\n"
	"          belongs to another service profile and is registered by itself.\n"
	"show      tells everything of a subscriber but keys.\n"
	"delete    takes a subscriber out. One that is registered is refused without --force:\n"
	"          the S-CSCF serves him until his registration ends.\n"
	"deregister  has the HSS end a registration at its S-CSCF (Cx RTR)\n"
	"push      has the HSS send the profile to the S-CSCF (Cx PPR)\n"
	"\n"
	"  --capabilities LIST  numbers of what his S-CSCF must be able to do, and after a /\n"
	"                 of what it should: 1,2/7\n"
	"  --op           the key file has OP on its second line, not OPc\n"
	"  --amf HEX      authentication management field, 4 digits (0000)\n"
	"  --sqn N        last sequence number that was used, SEQ and IND together "
	"(0)\n" OPTIONS_HELP;

static const struct {
	const char *name;
	int (*run)(int argc, char **argv, const struct options *o);
} commands[] = {
	{ "generate", subscriber_generate }, { "import", subscriber_import },
	{ "add", subscriber_add },           { "show", subscriber_show },
	{ "delete", subscriber_delete },     { "deregister", subscriber_order },
	{ "push", subscriber_order },
};

int command_subscriber(int argc, char **argv)
{
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	for (size_t i = 0; argc > 1 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (o.json && commands[i].run != subscriber_show)
			return options_misuse(SUBSCRIBER, "no --json for %s", argv[1]);
		return commands[i].run(argc - 1, argv + 1, &o);
	}
	return options_misuse(SUBSCRIBER,
			      "expected generate, import, add, show, delete, deregister or push");
}

struct store *subscriber_store(const struct config *config)
{
	struct store *store;
	char error[512];

	if (config->hss == NULL) {
		options_fail(SUBSCRIBER, "the configuration has no section hss");
		return NULL;
	}
	if (store_open(config->hss->database, config->hss->key_file, &store, error,
		       sizeof(error)) == 0)
		return store;
	options_fail(SUBSCRIBER, "%s", error);
	return NULL;
}
