#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include <jansson.h>

#include "configs/config.h"
#include "dataplane/names.h"
#include "dataplane/number.h"
#include "dataplane/sa_options.h"
#include "tools/commands.h"
#include "tools/dataplane.h"
#include "tools/options.h"

#define OWNER "imsgate"

static const char help[] =
	"Usage: imsgate sa add OPTION…\n"
	"       imsgate sa delete REGISTRATION [--grace SECONDS]\n"
	"\n"
	"Installs an SA set by hand, for laboratories and tests. The set belongs to the owner\n"
	"\"imsgate\". All its SAs share addresses, algorithms, keys and lifetime.\n"
	"\n"
	"  --zone NAME                     a zone of the configuration\n"
	"  --local ADDRESS                 on the kernel port's side\n"
	"  --peer ADDRESS                  on the network's side\n"
	"  --integrity NAME                hmac-sha-1-96 (key of 20 bytes), hmac-md5-96 (16),\n"
	"                                  hmac-sha-256-128 (32), aes-gmac (16 or 32)\n"
	"  --cipher NAME                   null (default), aes-cbc (16 or 32), des-ede3-cbc (24), "
	"or\n"
	"                                  aes-gcm (16 or 32), which needs no --integrity\n"
	"  --key HEX, --cipher-key HEX     the keys as the algorithms take them, already "
	"expanded.\n"
	"                                  Arguments can be seen by others in `ps` until they are\n"
	"                                  read: prefer --key-file\n"
	"  --key-file FILE                 integrity key on the first line, cipher key on the\n"
	"                                  second, or the only one that\n"
	"                                  the suite has; - is stdin\n"
	"  --salt HEX                      of aes-gcm and aes-gmac, 4 bytes\n"
	"  --in LOCALPORT:PEERPORT[:SPI]   an inbound SA; without SPI one is allocated\n"
	"  --out LOCALPORT:PEERPORT:SPI    an outbound SA; at most 4 SAs in all\n"
	"  --tunnel NUMBER                 of `imsgate tunnel add`. Without --zone, --local and "
	"--peer:\n"
	"                                  one SA of a SEG tunnel, ports 0:0. With them: of a UE "
	"behind\n"
	"                                  a NAT, by its own addresses and ports\n"
	"  --esn                           extended sequence numbers, in a SEG tunnel\n"
	"  --sequence N                    number of the last packet; default 0, none yet\n"
	"  --window PACKETS                replay window; default the configuration's\n"
	"  --lifetime SECONDS              default 0, no end\n"
	"  --registration N                handle of the set; default a random one\n"
	"  --hold                          keep the connection until Ctrl-C; needed where the\n"
	"                                  configuration says orphans: delete\n"
	"\n"
	"SPIs are decimal or 0x…. `sa delete` removes the set with this handle, at once or after\n"
	"--grace seconds.\n"
	"\n" OPTIONS_HELP;

static void print_set(const struct api_set *set, const struct api_set_result *result, bool json)
{
	char handle[NAMES_REGISTRATION_BYTES];
	json_t *sas = json_array();

	if (!json)
		printf("registration %" PRIu64 "\n", set->registration);
	for (unsigned i = 0; i < API_SET_SAS && set->sa[i].direction; i++) {
		const struct api_sa *sa = &set->sa[i];

		if (json)
			json_array_append_new(sas, json_pack("{s:s, s:I, s:i, s:i}", "direction",
							     names_direction(sa->direction), "spi",
							     (json_int_t)result->spi[i],
							     "local_port", sa->local_port,
							     "peer_port", sa->peer_port));
		else
			printf("%-3s 0x%08x (%u) local port %u, peer port %u\n",
			       names_direction(sa->direction), result->spi[i], result->spi[i],
			       sa->local_port, sa->peer_port);
	}
	if (json) {
		json_t *all = json_pack("{s:s, s:O}", "registration",
					names_registration(set->registration, handle), "sas", sas);

		json_dumpf(all, stdout, JSON_COMPACT);
		putchar('\n');
		json_decref(all);
	}
	json_decref(sas);
	fflush(stdout);
}

/* Until SIGINT or SIGTERM: the connection is what keeps an orphan alive. */
static void hold(void)
{
	sigset_t set;
	int signal_number;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigwait(&set, &signal_number);
}

static int install(struct sa_options *o, const struct config *c, bool json)
{
	struct api_set_result result;
	int status = EXIT_SUCCESS;
	struct dataplane d;

	if (o->set.registration == 0 && getrandom(&o->set.registration, 6, 0) !=
						6) /* 48 bits: readable, and enough to differ */
		return options_fail("sa", "no random numbers");
	if (dataplane_open(&d, c->dataplane->socket, OWNER) ||
	    dataplane_install(&d, &o->set, &result)) {
		status = options_fail("sa", "%s", d.error);
	} else {
		print_set(&o->set, &result, json);
		if (o->hold)
			hold();
	}
	dataplane_close(&d);
	return status;
}

static int sa_add(int argc, char **argv, const struct config *c, bool json)
{
	struct sa_options o;
	int status;

	if (sa_options_parse(&o, argc, argv, c))
		status = options_misuse("sa", "%s", o.error);
	else if (c->dataplane->sa.orphans == CONFIG_ORPHANS_DELETE && !o.hold)
		status = options_misuse("sa",
					"the configuration deletes the SAs of clients that are "
					"gone: add --hold");
	else
		status = install(&o, c, json);
	sa_options_wipe(&o);
	return status;
}

static int sa_delete(int argc, char **argv, const struct config *c, bool json)
{
	uint64_t registration, grace_s = 0;
	int status = EXIT_SUCCESS;
	struct dataplane d;

	if ((argc != 2 && argc != 4) || !number_read(argv[1], 1, UINT64_MAX, &registration) ||
	    (argc == 4 &&
	     (strcmp(argv[2], "--grace") || !number_read(argv[3], 0, UINT32_MAX, &grace_s))))
		return options_misuse("sa", "expected delete REGISTRATION [--grace SECONDS]");
	if (dataplane_open(&d, c->dataplane->socket, OWNER) ||
	    dataplane_delete(&d, registration, grace_s))
		status = options_fail("sa", "%s", d.error);
	else if (json)
		printf("{\"registration\":\"%" PRIu64 "\"}\n", registration);
	dataplane_close(&d);
	return status;
}

int command_sa(int argc, char **argv)
{
	int (*action)(int, char **, const struct config *, bool) = NULL;
	struct config *config;
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	if (argc > 1 && !strcmp(argv[1], "add"))
		action = sa_add;
	else if (argc > 1 && !strcmp(argv[1], "delete"))
		action = sa_delete;
	if (!action)
		return options_misuse("sa", "expected add or delete");
	config = options_config(&o, "sa");
	if (!config)
		return EXIT_FAILURE;
	if (!config->dataplane)
		status = options_fail("sa", "%s has no dataplane section", o.config);
	else
		status = action(argc - 1, argv + 1, config, o.json);
	config_free(config);
	return status;
}
