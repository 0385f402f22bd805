#include "tools/ue/arguments.h"

#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/alg.h"
#include "tools/ue/attack.h"
#include "tools/ue/call.h"

#define MAX_UES       1000000
#define MAX_RATE      1000000
#define MAX_EXPIRES_S 600000

static const char help[] =
	"usage: imsgate-ue --subscribers FILE --pcscf ADDRESS:PORT --wire DEVICE [OPTION ...]\n"
	"\n"
	"Simulates IMS subscribers: each registers with AKA through the P-CSCF, agrees on IPsec\n"
	"(TS 33.203), and speaks SIP over its own ESP. Without -i it registers all, lets them "
	"talk\n"
	"for 5 seconds, de-registers them and prints a report; the exit status is 0 only if\n"
	"everything worked. Needs CAP_NET_ADMIN and CAP_NET_RAW; makes a TUN device and routes in\n"
	"its own network namespace, which go with it.\n"
	"\n"
	"  --subscribers FILE     CSV: impi,impu,k,opc,amf,sqn (imsgate subscriber generate)\n"
	"  --n N                  UEs, from the first row on; default 100\n"
	"  --pcscf ADDRESS:PORT   P-CSCF, unprotected port; \"[fd00::1]:5060\" is IPv6\n"
	"  --wire DEVICE          network device toward the P-CSCF, with an address of its own;\n"
	"                         with IPv6 a link-local one too, or neighbours are not found\n"
	"  --tun DEVICE           TUN device to make; default ims0\n"
	"  --first-address A      address of the first UE, the others follow; default 10.1.0.1,\n"
	"                         fd01::1 with IPv6. The P-CSCF needs a route to them.\n"
	"  --alg LIST             hmac-sha-1-96, hmac-md5-96; default hmac-sha-1-96\n"
	"  --ealg LIST            null, aes-cbc, des-ede3-cbc, aes-gcm; default null. All pairs "
	"of\n"
	"                         the two that protect are offered.\n"
	"  --transport HOW        udp, or tcp (needs two pairs); default udp\n"
	"  --no-tcp               connections to UEs are refused\n"
	"  --emergency            they register for an emergency: sos in their Contact\n"
	"  --sa-profile PROFILE   two-pairs (TS 33.203) or single-pair; default two-pairs\n"
	"  --nat                  they are behind a NAT: ESP in UDP is offered too (TS 33.203 "
	"Annex M),\n"
	"                         and kept alive; IPv4\n"
	"  --concurrency N        UEs in the middle of something; default 32\n"
	"  --rate N               requests a second in traffic; default 200\n"
	"  --expires N            seconds that registrations are asked for; default 600000\n"
	"  --misbehave HOW        as the command of that name; default none\n"
	"  --algorithm WHICH      AKAv1-MD5, AKAv2-MD5, or any: the strongest that is offered; "
	"default any\n"
	"  --akav2-keys KEYS      aka: the SAs have IK and CK whatever the algorithm, or derived:\n"
	"                         with AKAv2 what RFC 4169 makes of them; default aka\n"
	"  --keylog FILE          writes the SAs' KEYS there, rows of tshark's table esp_sa\n"
	"  -i                     takes commands from stdin, one line each, and answers each with\n"
	"                         one line of JSON\n"
	"  --help                 this text\n"
	"\n"
	"Commands of -i:\n"
	"  register [N]           those that are not registered, or the first N of them\n"
	"  reregister             those that are, over their SAs\n"
	"  deregister             the same with Expires: 0\n"
	"  subscribe              to the event package reg: what a phone does after registering.\n"
	"                         From then on it registers again when the network wants it\n"
	"  storm SECONDS          reregister, all begun within SECONDS whoever is still busy\n"
	"  traffic SECONDS [BYTES]  OPTIONS to the home domain, MESSAGE from UE to UE with\n"
	"                         BYTES of text: 32, or up to 4096\n"
	"  call PLAN              every second UE calls the next one:\n";

void arguments_help(void)
{
	fputs(help, stdout);
	for (unsigned i = 0; call_plan_name(i); i++)
		printf("    %-13s        %s\n", call_plan_name(i), call_plan_help(i));
	fputs("  attack NAME COUNT      packets that the edge has to drop, wrong in exactly one "
	      "way:\n",
	      stdout);
	for (unsigned i = 0; attack_name(i); i++)
		printf("    %-13s        %s\n", attack_name(i), attack_help(i));
	fputs("  misbehave HOW [N]      from here on each of them, or of the first N:\n", stdout);
	for (unsigned i = 0; misbehaviour_name(i); i++)
		printf("    %-17s    %s\n", misbehaviour_name(i), misbehaviour_help(i));
	fputs("  report                 what there is and what happened\n"
	      "  list                   each UE: IMPI, registered, and whether it is sure of that\n"
	      "  quit                   as the end of stdin\n",
	      stdout);
}

static int misuse(const char *option, const char *value, const char *expected)
{
	fprintf(stderr, "imsgate-ue: %s %s: expected %s\n", option, value, expected);
	return -EINVAL;
}

static int read_number(const char *option, const char *value, uint32_t max, uint32_t *out)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end || !n || n > max)
		return misuse(option, value, "a number above 0");
	*out = (uint32_t)n;
	return 0;
}

/* Index of the value among the names, which a NULL ends; −1. */
static int find_name(const char *const names[], const char *value)
{
	for (int i = 0; names[i]; i++)
		if (!strcmp(names[i], value))
			return i;
	return -1;
}

/* All pairs of the two lists that protect, as bits of enum crypto_suite; each name counts. */
static int read_algorithms(const char *alg_list, const char *ealg_list, unsigned *offered)
{
	struct view algs = { alg_list, strlen(alg_list) };
	bool known = true;

	*offered = 0;
	while (algs.at) {
		struct view alg = view_take(&algs, ',');
		struct view ealgs = { ealg_list, strlen(ealg_list) };

		known = known && alg_find_integrity(alg.at, alg.bytes) >= 0;
		while (ealgs.at) {
			struct view ealg = view_take(&ealgs, ',');
			int suite = secagree_suite(alg, ealg);

			known = known && alg_find_cipher(ealg.at, ealg.bytes) >= 0;
			if (suite >= 0)
				*offered |= 1u << suite;
		}
	}
	if (known && *offered)
		return 0;
	fprintf(stderr,
		"imsgate-ue: --alg %s --ealg %s: expected pairs out of hmac-sha-1-96, hmac-md5-96; "
		"null, aes-cbc, des-ede3-cbc; or aes-gmac; null; or null; aes-gcm\n",
		alg_list, ealg_list);
	return -EINVAL;
}

static const struct option long_options[] = {
	{ "subscribers", required_argument, NULL, 's' },
	{ "n", required_argument, NULL, 'n' },
	{ "pcscf", required_argument, NULL, 'p' },
	{ "wire", required_argument, NULL, 'w' },
	{ "tun", required_argument, NULL, 't' },
	{ "first-address", required_argument, NULL, 'f' },
	{ "alg", required_argument, NULL, 'a' },
	{ "ealg", required_argument, NULL, 'e' },
	{ "sa-profile", required_argument, NULL, 'S' },
	{ "transport", required_argument, NULL, 'T' },
	{ "nat", no_argument, NULL, 'N' },
	{ "no-tcp", no_argument, NULL, 'U' },
	{ "emergency", no_argument, NULL, 'E' },
	{ "concurrency", required_argument, NULL, 'c' },
	{ "rate", required_argument, NULL, 'r' },
	{ "expires", required_argument, NULL, 'x' },
	{ "misbehave", required_argument, NULL, 'm' },
	{ "algorithm", required_argument, NULL, 'A' },
	{ "akav2-keys", required_argument, NULL, 'K' },
	{ "keylog", required_argument, NULL, 'k' },
	{ "help", no_argument, NULL, 'h' },
	{ 0 },
};

static int read_profile(struct fleet_options *f, const char *value)
{
	static const char *const names[] = { "two-pairs", "single-pair", NULL };
	int i = find_name(names, value);

	f->single_pair = i == 1;
	return i < 0 ? misuse("--sa-profile", value, "two-pairs or single-pair") : 0;
}

static int read_transport(struct fleet_options *f, const char *value)
{
	static const char *const names[] = { "udp", "tcp", NULL };
	int i = find_name(names, value);

	f->tcp = i == 1;
	return i < 0 ? misuse("--transport", value, "udp or tcp") : 0;
}

static int read_misbehaviour(struct fleet_options *f, const char *value)
{
	int i = misbehaviour_find(value);

	f->misbehaviour = i < 0 ? UE_HONEST : (enum ue_misbehaviour)i;
	return i < 0 ? misuse("--misbehave", value, "one of those that --help names") : 0;
}

static int read_digest_algorithm(struct fleet_options *f, const char *value)
{
	int algorithm = digest_find_algorithm(value);

	f->algorithms = algorithm >= 0 ? 1u << algorithm : AUTH_ALGORITHMS;
	return algorithm < 0 && strcmp(value, "any")
		       ? misuse("--algorithm", value, "AKAv1-MD5, AKAv2-MD5 or any")
		       : 0;
}

static int read_akav2_keys(struct fleet_options *f, const char *value)
{
	static const char *const names[] = { "aka", "derived", NULL };
	int i = find_name(names, value);

	f->derive_keys = i == 1;
	return i < 0 ? misuse("--akav2-keys", value, "aka or derived") : 0;
}

static int read_option(struct arguments *a, int option, const char *value)
{
	struct fleet_options *f = &a->fleet;

	switch (option) {
	case 's':
		f->subscribers = value;
		return 0;
	case 'n':
		return read_number("--n", value, MAX_UES, &f->n_ues);
	case 'p':
		a->pcscf = value;
		return 0;
	case 'w':
		f->wire = value;
		return 0;
	case 't':
		f->tun = value;
		return 0;
	case 'f':
		a->first_address = value;
		return 0;
	case 'a':
		a->alg = value;
		return 0;
	case 'e':
		a->ealg = value;
		return 0;
	case 'S':
		return read_profile(f, value);
	case 'U':
		f->no_tcp = true;
		return 0;
	case 'E':
		f->emergency = true;
		return 0;
	case 'N':
		f->nat = true;
		return 0;
	case 'c':
		return read_number("--concurrency", value, MAX_UES, &f->concurrency);
	case 'r':
		return read_number("--rate", value, MAX_RATE, &f->rate);
	case 'x':
		return read_number("--expires", value, MAX_EXPIRES_S, &f->expires_s);
	case 'T':
		return read_transport(f, value);
	case 'm':
		return read_misbehaviour(f, value);
	case 'A':
		return read_digest_algorithm(f, value);
	case 'K':
		return read_akav2_keys(f, value);
	case 'k':
		f->keylog = value;
		return 0;
	case 'i':
		a->interactive = true;
		return 0;
	case 'h':
		a->help = true;
		return 0;
	default:
		return -EINVAL; /* getopt has said what */
	}
}

/* What can be said of the options as a whole. */
static int check(struct arguments *a)
{
	struct fleet_options *f = &a->fleet;
	struct address last;

	if (!f->subscribers || !a->pcscf || !f->wire) {
		fputs("imsgate-ue: --subscribers, --pcscf and --wire are needed\n", stderr);
		return -EINVAL;
	}
	if (address_parse_port(a->pcscf, &f->pcscf, &f->pcscf_port))
		return misuse("--pcscf", a->pcscf, "ADDRESS:PORT or [ADDRESS]:PORT");
	if (!a->first_address)
		a->first_address = f->pcscf.family == AF_INET ? "10.1.0.1" : "fd01::1";
	if (address_parse(a->first_address, &f->first_ue) || f->first_ue.family != f->pcscf.family)
		return misuse("--first-address", a->first_address,
			      "an address of the P-CSCF's family");
	last = address_plus(&f->first_ue, f->n_ues - 1);
	if (address_minus(&last, &f->first_ue) < 0)
		return misuse("--first-address", a->first_address, "room for all UEs after it");
	if (strlen(f->tun) >= IFNAMSIZ || strlen(f->wire) >= IFNAMSIZ)
		return misuse("--tun, --wire", f->tun, "names of at most 15 characters");
	if (f->tcp && f->single_pair) /* TS 33.203 7.1: a connection needs both directions */
		return misuse("--transport", "tcp", "udp with --sa-profile single-pair");
	if (f->nat && f->pcscf.family != AF_INET)
		return misuse("--pcscf", a->pcscf, "an IPv4 address with --nat");
	if (read_algorithms(a->alg, a->ealg, &f->offered))
		return -EINVAL;
	f->offered |= f->nat ? SECAGREE_IN_UDP : 0;
	return 0;
}

int arguments_read(int argc, char **argv, struct arguments *a)
{
	int option;

	*a = (struct arguments){
		.fleet = { .n_ues = 100,
			   .tun = "ims0",
			   .concurrency = 32,
			   .rate = 200,
			   .expires_s = 600000 /* TS 24.229 5.1.1.2.2 */,
			   .algorithms = AUTH_ALGORITHMS },
		.alg = "hmac-sha-1-96",
		.ealg = "null",
	};
	while ((option = getopt_long(argc, argv, "i", long_options, NULL)) != -1) {
		int error = read_option(a, option, optarg);

		if (error)
			return error;
	}
	if (a->help)
		return 0;
	if (optind < argc)
		return misuse("argument", argv[optind], "none");
	return check(a);
}
