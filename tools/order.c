#include "tools/order.h"

#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/store.h"
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

int order_give(const char *command, const struct config *config, const char *role, const char *name,
	       const char *impi)
{
	char escaped[3 * STORE_IDENTITY_BYTES + 1];
	char path[sizeof(escaped) + 64], error[512];
	int status;

	if (config->controlplane == NULL) {
		options_fail(command, "the configuration has no section controlplane");
		return -1;
	}
	if (strlen(impi) >= STORE_IDENTITY_BYTES) {
		options_fail(command, "%s is too long for an IMPI", impi);
		return -1;
	}
	escape(impi, escaped, sizeof(escaped));
	snprintf(path, sizeof(path), "/order/%s?impi=%s", name, escaped);
	status = status_post(config->controlplane->run_dir, role, path, error, sizeof(error));
	if (status < 0)
		options_fail(command, "%s", error);
	return status < 0 ? -1 : status;
}
