/* `imsgate subscriber deregister` and `push`: orders to the HSS that runs. */
#include "tools/subscriber.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/status.h"

/* RFC 3986 2.1: everything that is not unreserved. */
static void escape(const char *text, char *out, size_t out_bytes)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~";
	size_t n = 0;

	for (; *text && n + 4 < out_bytes; text++)
		n += (size_t)snprintf(out + n, out_bytes - n,
				      strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
	out[n] = '\0';
}

static int order(const struct config *config, const char *name, const char *impi)
{
	char escaped[3 * STORE_IDENTITY_BYTES + 1];
	char path[sizeof(escaped) + 64], error[512];
	int status;

	if (config->controlplane == NULL)
		return options_fail(SUBSCRIBER, "the configuration has no section controlplane");
	if (strlen(impi) >= STORE_IDENTITY_BYTES)
		return options_fail(SUBSCRIBER, "%s is too long for an IMPI", impi);
	escape(impi, escaped, sizeof(escaped));
	snprintf(path, sizeof(path), "/order/%s?impi=%s", name, escaped);
	status = status_post(config->controlplane->run_dir, "hss", path, error, sizeof(error));
	if (status < 0)
		return options_fail(SUBSCRIBER, "%s", error);
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
