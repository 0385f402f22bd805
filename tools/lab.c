#include "tools/lab.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tools/commands.h"
#include "tools/lab_net.h"

static const char help[] =
	"Usage: imsgate lab [OPTION…]\n"
	"\n"
	"Runs the edge, an IMS core and UEs in namespaces of their own: the UEs register, talk "
	"over\n"
	"ESP, and attack. No NIC, no hugepages, no root needed; nothing is left behind. The exit\n"
	"status is 0 only if everything held.\n"
	"\n"
	"  --ues N          how many UEs (100)\n"
	"  --seconds N      how long they talk (5)\n"
	"  --workers N      workers of the data plane, at most a CPU for each (1)\n"
	"  --alg NAME[+EALG] hmac-sha-1-96 or hmac-md5-96 with null, aes-cbc or des-ede3-cbc;\n"
	"                    aes-gmac; null+aes-gcm (hmac-sha-1-96+null)\n"
	"  --ipv6           over IPv6\n"
	"  --tcp            SIP of the UEs over TCP; needs two pairs\n"
	"  --single-pair    one pair of SAs a UE, not two\n"
	"  --nat            the UEs are behind a NAT of the kernel's (nf_tables), which forgets "
	"them "
	"on\n"
	"                   the way; ESP in UDP, IPv4; instead of the attacks\n"
	"  --diameter       Cx over Diameter between the CSCFs and the HSS\n"
	"  --tls            SIP between the CSCFs over TLS, and Diameter too\n"
	"  --pcap FILE      capture of the UEs' interface\n"
	"  --keylog FILE    the UEs' ESP keys as rows of Wireshark's table esp_sa\n"
	"  --json           the report as JSON\n"
	"  --keep           leave everything running until Ctrl-C\n"
	"  --config FILE    what to run (configs/lab.yaml)\n"
	"  --set KEY=VALUE  run with another value of KEY, which stands once in that file\n"
	"  --ue OPTION=VALUE  a further option of imsgate-ue, like --ue algorithm=AKAv1-MD5\n";

enum {
	OPTION_UES = 256,
	OPTION_SECONDS,
	OPTION_WORKERS,
	OPTION_ALG,
	OPTION_IPV6,
	OPTION_TCP,
	OPTION_SINGLE_PAIR,
	OPTION_NAT,
	OPTION_DIAMETER,
	OPTION_TLS,
	OPTION_PCAP,
	OPTION_KEYLOG,
	OPTION_JSON,
	OPTION_KEEP,
	OPTION_CONFIG,
	OPTION_SET,
	OPTION_UE,
	OPTION_HELP,
};

static const struct option options[] = {
	{ "ues", required_argument, NULL, OPTION_UES },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "workers", required_argument, NULL, OPTION_WORKERS },
	{ "alg", required_argument, NULL, OPTION_ALG },
	{ "ipv6", no_argument, NULL, OPTION_IPV6 },
	{ "tcp", no_argument, NULL, OPTION_TCP },
	{ "single-pair", no_argument, NULL, OPTION_SINGLE_PAIR },
	{ "nat", no_argument, NULL, OPTION_NAT },
	{ "diameter", no_argument, NULL, OPTION_DIAMETER },
	{ "tls", no_argument, NULL, OPTION_TLS },
	{ "pcap", required_argument, NULL, OPTION_PCAP },
	{ "keylog", required_argument, NULL, OPTION_KEYLOG },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "keep", no_argument, NULL, OPTION_KEEP },
	{ "config", required_argument, NULL, OPTION_CONFIG },
	{ "set", required_argument, NULL, OPTION_SET },
	{ "ue", required_argument, NULL, OPTION_UE },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ NULL, 0, NULL, 0 },
};

static int parse_number(const char *text, unsigned max, unsigned *n)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (errno || *end || end == text || *text == '-' || value < 1 || value > max) {
		fprintf(stderr, "imsgate lab: \"%s\": expected a number from 1 to %u\n", text, max);
		return -EINVAL;
	}
	*n = (unsigned)value;
	return 0;
}

/* "hmac-sha-1-96+aes-cbc"; the names are checked by the configuration's schema. */
static void parse_alg(struct lab_options *o, char *text)
{
	char *plus = strchr(text, '+');

	if (plus) {
		*plus = 0;
		o->ealg = plus + 1;
	}
	o->alg = text;
}

static int parse_option(struct lab_options *o, int option)
{
	switch (option) {
	case OPTION_UES:
		return parse_number(optarg, LAB_MAX_UES, &o->n_ues);
	case OPTION_SECONDS:
		return parse_number(optarg, 86400, &o->seconds);
	case OPTION_WORKERS:
		return parse_number(optarg, LAB_MAX_WORKERS, &o->n_workers);
	case OPTION_ALG:
		parse_alg(o, optarg);
		return 0;
	case OPTION_IPV6:
		o->ipv6 = true;
		return 0;
	case OPTION_TCP:
		o->tcp = true;
		return 0;
	case OPTION_SINGLE_PAIR:
		o->single_pair = true;
		return 0;
	case OPTION_NAT:
		o->nat = true;
		return 0;
	case OPTION_DIAMETER:
		o->diameter = true;
		return 0;
	case OPTION_TLS:
		o->tls = true;
		return 0;
	case OPTION_PCAP:
		o->pcap = optarg;
		return 0;
	case OPTION_KEYLOG:
		o->keylog = optarg;
		return 0;
	case OPTION_JSON:
		o->json = true;
		return 0;
	case OPTION_KEEP:
		o->keep = true;
		return 0;
	case OPTION_CONFIG:
		o->config = optarg;
		return 0;
	case OPTION_SET:
		o->set[o->n_sets++] = optarg;
		return 0;
	case OPTION_UE:
		if (o->n_ue_options == LAB_MAX_UE_OPTIONS) {
			fprintf(stderr, "imsgate lab: at most %d of --ue\n", LAB_MAX_UE_OPTIONS);
			return -EINVAL;
		}
		o->ue[o->n_ue_options++] = optarg;
		return 0;
	case OPTION_HELP:
		fputs(help, stdout);
		exit(EXIT_SUCCESS);
	default:
		return -EINVAL;
	}
}

static int parse_options(struct lab_options *o, int argc, char **argv)
{
	int option, error;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		error = parse_option(o, option);
		if (error)
			return error;
	}
	if (optind < argc) {
		fprintf(stderr, "imsgate lab: \"%s\" is no option\n", argv[optind]);
		return -EINVAL;
	}
	if (o->tcp && o->single_pair) {
		fputs("imsgate lab: --tcp needs two pairs of SAs, not --single-pair\n", stderr);
		return -EINVAL;
	}
	if (o->nat && o->ipv6) {
		fputs("imsgate lab: --nat is for IPv4\n", stderr);
		return -EINVAL;
	}
	return 0;
}

int command_lab(int argc, char **argv)
{
	struct lab_options o = {
		.n_ues = 100,
		.seconds = 5,
		.n_workers = 1,
		.config = "configs/lab.yaml",
		.alg = "hmac-sha-1-96",
		.ealg = "null",
	};
	struct lab l = { .options = &o };
	int status;

	o.set = calloc((size_t)argc, sizeof(*o.set));
	o.ue = calloc(LAB_MAX_UE_OPTIONS, sizeof(*o.ue));
	if (!o.set || !o.ue) {
		free(o.set);
		free(o.ue);
		return EXIT_FAILURE;
	}
	if (parse_options(&o, argc, argv)) {
		fputs("Try imsgate lab --help.\n", stderr);
		status = EXIT_USAGE;
	} else {
		status = lab_prepare(&l) ? EXIT_FAILURE : sandbox_run(lab_run, &l);
	}
	free(l.config_text);
	free(o.set);
	free(o.ue);
	return status;
}
