/* `imsgate subscriber deregister` and `push`: orders to the HSS that runs. */
#include "tools/subscriber.h"

#include <stdio.h>
#include <stdlib.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/order.h"

static int order(const struct config *config, const char *name, const char *impi)
{
	int status = order_give(SUBSCRIBER, config, "hss", name, impi);

	if (status < 0)
		return EXIT_FAILURE;
	if (status == 404)
		return options_fail(SUBSCRIBER, "%s is not registered", impi);
	if (status != 202)
		return options_fail(SUBSCRIBER,
				    "the HSS knows no way to the S-CSCF of %s: it has not asked "
				    "since the HSS started",
				    impi);
	printf("sent to the S-CSCF of %s\n", impi);
	return EXIT_SUCCESS;
}

int subscriber_order(int argc, char **argv, const struct options *o)
{
	struct config *config;
	int status;

	if (argc != 2)
		return options_misuse(SUBSCRIBER, "%s needs one IMPI", argv[0]);
	config = options_config(o, SUBSCRIBER);
	if (config == NULL)
		return EXIT_FAILURE;
	status = order(config, argv[0], argv[1]);
	config_free(config);
	return status;
}
