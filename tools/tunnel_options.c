#include "tools/tunnel_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "dataplane/number.h"

__attribute__((format(printf, 2, 3))) static int refuse(struct tunnel_options *o,
							const char *message, ...)
{
	va_list args;

	va_start(args, message);
	vsnprintf(o->error, sizeof(o->error), message, args);
	va_end(args);
	return -EINVAL;
}

static int take_zone(struct tunnel_options *o, char *value)
{
	int zone = config_zone_index(o->config, value);

	if (zone < 0)
		return refuse(o, "the configuration has no zone %s", value);
	o->zone = value;
	o->tunnel.zone = zone;
	return 0;
}

/* One address of a pair; both are of one family. */
static int take_address(struct tunnel_options *o, const char *value, uint8_t *family,
			struct api_address *out)
{
	uint8_t found = strchr(value, ':') ? API_IPV6 : API_IPV4;

	if (inet_pton(found == API_IPV6 ? AF_INET6 : AF_INET, value, out->bytes) != 1)
		return refuse(o, "%s is no IPv4 or IPv6 address", value);
	if (*family && *family != found)
		return refuse(o, "%s is not of the family of the other end", value);
	*family = found;
	return 0;
}

static int take_local(struct tunnel_options *o, char *value)
{
	return take_address(o, value, &o->tunnel.family, &o->tunnel.local);
}

static int take_peer(struct tunnel_options *o, char *value)
{
	return take_address(o, value, &o->tunnel.family, &o->tunnel.peer);
}

/* ADDRESS/BITS; without /BITS one host. */
static int take_prefix(struct tunnel_options *o, char *value, struct api_address *out,
		       uint8_t *bits)
{
	char *address = strsep(&value, "/");
	uint64_t n = 0;
	int rc = take_address(o, address, &o->tunnel.selector.family, out);

	if (rc)
		return rc;
	uint64_t most = o->tunnel.selector.family == API_IPV6 ? 128 : 32;
	if (value && !number_read(value, 0, most, &n))
		return refuse(o, "%s is no prefix length of %s", value, address);
	*bits = value ? n : most;
	return 0;
}

static int take_local_net(struct tunnel_options *o, char *value)
{
	return take_prefix(o, value, &o->tunnel.selector.local, &o->tunnel.selector.local_bits);
}

static int take_remote_net(struct tunnel_options *o, char *value)
{
	return take_prefix(o, value, &o->tunnel.selector.remote, &o->tunnel.selector.remote_bits);
}

static int take_encap(struct tunnel_options *o, char *value)
{
	char *local = strsep(&value, ":");
	uint64_t local_port, peer_port;

	if (!value || !number_read(local, 1, 65535, &local_port) ||
	    !number_read(value, 1, 65535, &peer_port))
		return refuse(o, "--encap expects LOCALPORT:PEERPORT");
	o->tunnel.local_port = local_port;
	o->tunnel.peer_port = peer_port;
	return 0;
}

static int take_protocol(struct tunnel_options *o, char *value)
{
	uint64_t number;

	if (!number_read(value, 0, 255, &number))
		return refuse(o, "--protocol expects a number from 0 to 255");
	o->tunnel.selector.protocol = number;
	return 0;
}

static int take_port(struct tunnel_options *o, const char *value, uint16_t *port)
{
	uint64_t number;

	if (!number_read(value, 0, 65535, &number))
		return refuse(o, "%s is no port", value);
	*port = number;
	return 0;
}

static int take_local_port(struct tunnel_options *o, char *value)
{
	return take_port(o, value, &o->tunnel.selector.local_port);
}

static int take_remote_port(struct tunnel_options *o, char *value)
{
	return take_port(o, value, &o->tunnel.selector.remote_port);
}

static int take_handle(struct tunnel_options *o, char *value)
{
	return number_read(value, 1, UINT64_MAX, &o->tunnel.handle)
		       ? 0
		       : refuse(o, "--handle expects a number above 0");
}

static const struct option {
	const char *name;
	int (*take)(struct tunnel_options *o, char *value);
} options[] = {
	{ "--zone", take_zone },
	{ "--local", take_local },
	{ "--peer", take_peer },
	{ "--encap", take_encap },
	{ "--local-net", take_local_net },
	{ "--remote-net", take_remote_net },
	{ "--protocol", take_protocol },
	{ "--local-port", take_local_port },
	{ "--remote-port", take_remote_port },
	{ "--handle", take_handle },
};

static int take(struct tunnel_options *o, const char *name, char *value)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(options[i].name, name))
			continue;
		return value ? options[i].take(o, value) : refuse(o, "%s needs a value", name);
	}
	return refuse(o, "unknown option %s", name);
}

static int check(struct tunnel_options *o)
{
	static const struct api_address none;
	static const struct api_selector no_selector;

	if (!o->zone)
		return refuse(o, "--zone is missing");
	if (!memcmp(&o->tunnel.local, &none, sizeof(none)))
		return refuse(o, "--local is missing");
	if (!memcmp(&o->tunnel.peer, &none, sizeof(none)))
		return refuse(o, "--peer is missing");
	if (!o->tunnel.local_port &&
	    !memcmp(&o->tunnel.selector, &no_selector, sizeof(no_selector)))
		return refuse(o, "--local-net and --remote-net are missing");
	return 0;
}

int tunnel_options_parse(struct tunnel_options *o, int argc, char **argv,
			 const struct config *config)
{
	int rc = 0;

	*o = (struct tunnel_options){ .config = config };
	for (int i = 1; rc == 0 && i < argc; i++) {
		if (!strcmp(argv[i], "--follow")) {
			o->tunnel.flags = API_TUNNEL_FOLLOW;
			continue;
		}
		rc = take(o, argv[i], argv[i + 1]);
		i++;
	}
	return rc ? rc : check(o);
}
