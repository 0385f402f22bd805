/* `imsgate registration`: orders to the S-CSCF about a registration. */
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/order.h"

#define REGISTRATION "registration"

static const char help[] =
	"Usage: imsgate registration reauthenticate|deactivate|reject [--config FILE] IMPI\n"
	"\n"
	"reauthenticate  asks the UE to register again within scscf.reauth_within_s, and has its\n"
	"                REGISTER challenged, whatever policy says. What becomes of a UE that\n"
	"                does not: scscf.reauth_unanswered\n"
	"deactivate      ends the registration; the UE is told that it may register anew\n"
	"reject          ends the registration; the UE is told to leave it at that\n"
	"\n"
	"The S-CSCF tells the UE and its P-CSCF, if they have subscribed to it (event package\n"
	"reg). `imsgate show registrations` lists who is registered.\n"
	"\n" OPTIONS_HELP;

static const struct {
	const char *name;
	const char *done; /* in words */
} orders[] = {
	{ "reauthenticate", "has been asked to register again" },
	{ "deactivate", "is registered no longer, and may register anew" },
	{ "reject", "is registered no longer" },
};

static int give(const struct options *o, unsigned i, const char *impi)
{
	struct config *config = options_config(o, REGISTRATION);
	int status;

	if (config == NULL)
		return EXIT_FAILURE;
	status = order_give(REGISTRATION, config, "scscf", orders[i].name, impi);
	config_free(config);
	if (status < 0)
		return EXIT_FAILURE;
	if (status == 404)
		return options_fail(REGISTRATION, "%s is not registered", impi);
	if (status != 202)
		return options_fail(REGISTRATION, "the S-CSCF does not take the order (%d)",
				    status);
	printf("%s %s\n", impi, orders[i].done);
	return EXIT_SUCCESS;
}

int command_registration(int argc, char **argv)
{
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	for (unsigned i = 0; argc > 1 && i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(argv[1], orders[i].name) != 0)
			continue;
		if (o.json)
			return options_misuse(REGISTRATION, "no --json for %s", argv[1]);
		if (argc != 3)
			return options_misuse(REGISTRATION, "%s needs one IMPI", argv[1]);
		return give(&o, i, argv[2]);
	}
	return options_misuse(REGISTRATION, "expected reauthenticate, deactivate or reject");
}
