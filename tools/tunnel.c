#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <jansson.h>

#include "configs/config.h"
#include "dataplane/names.h"
#include "dataplane/number.h"
#include "tools/commands.h"
#include "tools/dataplane.h"
#include "tools/options.h"
#include "tools/tunnel_options.h"

#define OWNER "imsgate"

static const char help[] =
	"Usage: imsgate tunnel add OPTION…\n"
	"       imsgate tunnel list\n"
	"       imsgate tunnel delete HANDLE\n"
	"\n"
	"Installs a tunnel by hand, for laboratories and tests; its SAs come by `imsgate sa add\n"
	"--tunnel`. From then on what its networks send to each other passes by these SAs or not\n"
	"at all.\n"
	"\n"
	"  --zone NAME                     a zone of the configuration\n"
	"  --local ADDRESS                 our end of the tunnel\n"
	"  --peer ADDRESS                  the other end\n"
	"  --local-net ADDRESS[/BITS]      the network behind us\n"
	"  --remote-net ADDRESS[/BITS]     the network behind the peer; without both networks the\n"
	"                                  tunnel is for a UE behind a NAT (TS 33.203 Annex M)\n"
	"  --protocol N, --local-port N, --remote-port N\n"
	"                                  nothing but these; default any\n"
	"  --encap LOCALPORT:PEERPORT      in UDP (RFC 3948); LOCALPORT is the zone's port_encap\n"
	"  --follow                        send to wherever the peer's newest packet came from\n"
	"  --handle N                      default a random one\n"
	"\n"
	"`tunnel delete` needs the tunnel's SAs to be deleted before.\n"
	"\n" OPTIONS_HELP;

static const char *status_text(int status)
{
	switch (status) {
	case -EEXIST:
		return "its handle or its networks are in use";
	case -ENOSPC:
		return "there are sa.n_tunnels already, or too many kinds of prefixes";
	case -EINVAL:
		return "it is not valid: bits behind a prefix, or ports without UDP or TCP";
	case -ENOENT:
		return "there is no such tunnel";
	case -EBUSY:
		return "it has SAs";
	default:
		return strerror(-status);
	}
}

/* One entry in, one result out. Returns 0 or an exit status, told. */
static int request(struct dataplane *d, enum api_type type, const void *entry, size_t n_bytes,
		   struct api_tunnel_result *result)
{
	struct dataplane_reply reply;

	if (dataplane_request(d, type, entry, n_bytes, 1, &reply))
		return options_fail("tunnel", "%s", d->error);
	if (reply.n != 1 || reply.bytes != sizeof(*result))
		return options_fail("tunnel", "the data plane's answer has a wrong length");
	memcpy(result, reply.entries, sizeof(*result));
	if (result->status)
		return options_fail("tunnel", "the data plane refused the tunnel: %s",
				    status_text(result->status));
	return 0;
}

static void print_result(const struct api_tunnel_result *result, bool json)
{
	char handle[NAMES_REGISTRATION_BYTES];

	names_registration(result->handle, handle);
	if (json)
		printf("{\"handle\":\"%s\",\"tunnel\":%u}\n", handle, result->tunnel);
	else
		printf("handle %s, tunnel %u\n", handle, result->tunnel);
}

static int tunnel_add(struct dataplane *d, int argc, char **argv, const struct config *c, bool json)
{
	struct api_tunnel_result result;
	struct tunnel_options o;

	if (tunnel_options_parse(&o, argc, argv, c))
		return options_misuse("tunnel", "%s", o.error);
	/* 48 bits: readable, and enough to differ */
	if (o.tunnel.handle == 0 && getrandom(&o.tunnel.handle, 6, 0) != 6)
		return options_fail("tunnel", "no random numbers");
	int status = request(d, API_TUNNEL_INSTALL, &o.tunnel, sizeof(o.tunnel), &result);

	if (status == 0)
		print_result(&result, json);
	return status;
}

static int tunnel_delete(struct dataplane *d, int argc, char **argv, const struct config *c,
			 bool json)
{
	struct api_tunnel_result result;
	struct api_tunnel_id id;

	if (argc != 2 || !number_read(argv[1], 1, UINT64_MAX, &id.handle))
		return options_misuse("tunnel", "expected delete HANDLE");
	int status = request(d, API_TUNNEL_DELETE, &id, sizeof(id), &result);

	if (status == 0 && json)
		printf("{\"handle\":\"%" PRIu64 "\"}\n", id.handle);
	return status;
}

static const char *prefix(uint8_t family, const struct api_address *address, uint8_t bits,
			  char out[64])
{
	char text[INET6_ADDRSTRLEN] = "-";

	if (family)
		inet_ntop(family == API_IPV6 ? AF_INET6 : AF_INET, address->bytes, text,
			  sizeof(text));
	snprintf(out, 64, family ? "%s/%u" : "%s", text, bits);
	return out;
}

static void print_info(const struct api_tunnel_info *info, const struct config *c, json_t *rows)
{
	const struct api_tunnel *t = &info->tunnel;
	const struct api_selector *s = &t->selector;
	char local[NAMES_ENDPOINT_BYTES], peer[NAMES_ENDPOINT_BYTES], behind[64], beyond[64];
	char handle[NAMES_REGISTRATION_BYTES];
	const char *zone =
		t->zone < c->dataplane->n_zones ? c->dataplane->zones[t->zone].name : "?";

	names_registration(t->handle, handle);
	names_endpoint(t->family, &t->local, t->local_port, local);
	names_endpoint(t->family, &t->peer, t->peer_port, peer);
	prefix(s->family, &s->local, s->local_bits, behind);
	prefix(s->family, &s->remote, s->remote_bits, beyond);
	if (rows)
		json_array_append_new(
			rows,
			json_pack("{s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:i, s:b}", "handle",
				  handle, "tunnel", (int)info->number, "owner", (int)info->owner,
				  "zone", zone, "local", local, "peer", peer, "local_net", behind,
				  "remote_net", beyond, "n_sas", (int)info->n_sas, "has_carrier",
				  info->carrier != UINT32_MAX));
	else
		printf("%u  handle %s  %s  %s → %s  %s ↔ %s  %u SAs%s\n", info->number, handle,
		       zone, local, peer, behind, beyond, info->n_sas,
		       info->carrier == UINT32_MAX ? ", none outbound" : "");
}

static int tunnel_list(struct dataplane *d, int argc, char **argv, const struct config *c,
		       bool json)
{
	struct api_cursor cursor = { 0 };
	json_t *rows = json ? json_array() : NULL;
	struct dataplane_reply reply;
	int status = 0;

	do {
		struct api_tunnel_info info;
		uint32_t before = cursor.next;

		if (dataplane_request(d, API_TUNNEL_LIST, &cursor, sizeof(cursor), 1, &reply))
			status = options_fail("tunnel", "%s", d->error);
		else if (reply.n == 0 ||
			 reply.bytes != sizeof(cursor) + (reply.n - 1) * sizeof(info))
			status = options_fail("tunnel", "the list has a wrong length");
		if (status)
			break;
		memcpy(&cursor.next, reply.entries, sizeof(cursor.next));
		if (cursor.next && cursor.next <= before) {
			status = options_fail("tunnel", "the list does not advance");
			break;
		}
		for (unsigned i = 1; i < reply.n; i++) {
			memcpy(&info, reply.entries + sizeof(cursor) + (i - 1) * sizeof(info),
			       sizeof(info));
			print_info(&info, c, rows);
		}
	} while (cursor.next);
	if (rows && status == 0) {
		json_dumpf(rows, stdout, JSON_COMPACT);
		putchar('\n');
	}
	json_decref(rows);
	return status;
}

static const struct action {
	const char *name;
	int (*run)(struct dataplane *d, int argc, char **argv, const struct config *c, bool json);
} actions[] = {
	{ "add", tunnel_add },
	{ "list", tunnel_list },
	{ "delete", tunnel_delete },
};

static int run(const struct action *action, int argc, char **argv, const struct config *c,
	       const struct options *o)
{
	struct dataplane d;
	int status;

	if (!c->dataplane)
		return options_fail("tunnel", "%s has no dataplane section", o->config);
	if (dataplane_open(&d, c->dataplane->socket, OWNER))
		status = options_fail("tunnel", "%s", d.error);
	else
		status = action->run(&d, argc, argv, c, o->json);
	dataplane_close(&d);
	return status;
}

int command_tunnel(int argc, char **argv)
{
	const struct action *action = NULL;
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	for (size_t i = 0; argc > 1 && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(argv[1], actions[i].name))
			action = &actions[i];
	if (!action)
		return options_misuse("tunnel", "expected add, list or delete");
	struct config *config = options_config(&o, "tunnel");

	if (!config)
		return EXIT_FAILURE;
	status = run(action, argc - 1, argv + 1, config, &o);
	config_free(config);
	return status;
}
