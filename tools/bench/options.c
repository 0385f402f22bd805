#include "tools/bench/options.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/number.h"

enum {
	EXIT_USAGE = 2,
	FULL_ROUNDS = 200,
	QUICK_ROUNDS = 60,
};

static int misuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int misuse(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	fputs("imsgate-bench: ", stderr);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("; --help lists the options\n", stderr);
	return EXIT_USAGE + 1;
}

static int help(const struct bench_measurement_name names[], uint32_t n_names)
{
	printf("Usage: imsgate-bench [OPTION…] [MEASUREMENT…]\n"
	       "Measures the data plane on one core, beside the cycles of the same cryptography\n"
	       "alone (IPsec-MB, hot packets, one key) in the same run, and holds the result\n"
	       "against the project's targets. docs/performance.md is the method.\n\n"
	       "Measurements, all when none is named:\n");
	for (uint32_t i = 0; i < n_names; i++)
		printf("  %-10s %s\n", names[i].name, names[i].help);
	printf("\n"
	       "Beside these, with options of its own (imsgate-bench register --help):\n"
	       "  register   what a registration costs in each process, and a storm of them\n\n"
	       "      --quick      fewer cases: about a minute; else some minutes\n"
	       "      --sas N      at most N SAs (default 4000000)\n"
	       "      --size N     only packets of N bytes IP length: 128, 512 or 1400\n"
	       "      --direction NAME  only inbound or outbound\n"
	       "      --rounds N   measured rounds a case (default %u)\n"
	       "      --round N    packets of a round, a power of two (default %u): they lie in "
	       "the\n"
	       "                   cache of the second level; those of 4096 do not\n"
	       "      --core N     the core to measure on (default: the last one allowed)\n"
	       "      --plot DIR   also write the plots, SVG files, into DIR\n"
	       "      --json       one JSON document instead of tables\n"
	       "  -h, --help       this text\n"
	       "      --alg NAME   only one of:\n",
	       FULL_ROUNDS, BENCH_ROUND_PKTS);
	for (uint32_t i = 0; i < bench_n_suites; i++)
		printf("                     %s\n", bench_suites[i].name);
	printf("\nHugepages: 4 million SAs want 1.3 GB of them. Too few: root reserves what is\n"
	       "missing for the time of the run; others are told how.\n");
	return EXIT_SUCCESS + 1;
}

/* A number from min to max into *out; 0, or the program's end. */
static int number(const char *option, uint32_t min, uint32_t max, uint32_t *out)
{
	uint64_t value;
	if (!number_read(optarg, min, max, &value))
		return misuse("--%s %s: a number from %u to %u is wanted", option, optarg, min,
			      max);
	*out = (uint32_t)value;
	return 0;
}

static int take(struct bench_options *o, const char *name)
{
	uint32_t core = 0;
	int rc = 0;
	if (strcmp(name, "json") == 0) {
		o->json = true;
	} else if (strcmp(name, "quick") == 0) {
		o->quick = true;
	} else if (strcmp(name, "plot") == 0) {
		o->plot_directory = optarg;
	} else if (strcmp(name, "sas") == 0) {
		rc = number(name, 1, BENCH_MAX_SAS, &o->max_sas);
	} else if (strcmp(name, "size") == 0) {
		rc = number(name, 128, 1400, &o->size_bytes);
		if (rc == 0 && o->size_bytes != 128 && o->size_bytes != 512 &&
		    o->size_bytes != 1400)
			rc = misuse("--size %s: 128, 512 or 1400 is wanted", optarg);
	} else if (strcmp(name, "rounds") == 0) {
		rc = number(name, 1, 1000000, &o->n_rounds);
	} else if (strcmp(name, "round") == 0) {
		rc = number(name, BENCH_MIN_ROUND_PKTS, BENCH_MAX_ROUND_PKTS, &o->round_pkts);
		if (rc == 0 && o->round_pkts & (o->round_pkts - 1))
			rc = misuse("--round %s: a power of two is wanted", optarg);
	} else if (strcmp(name, "core") == 0) {
		rc = number(name, 0, 1023, &core);
		o->core = (int)core;
	} else if (strcmp(name, "alg") == 0) {
		o->suite = bench_suite_find(optarg);
		rc = o->suite ? 0 : misuse("--alg %s: no such algorithm", optarg);
	} else {
		o->direction = optarg;
		if (strcmp(optarg, "inbound") != 0 && strcmp(optarg, "outbound") != 0)
			rc = misuse("--direction %s: inbound or outbound is wanted", optarg);
	}
	return rc;
}

static int take_measurement(struct bench_options *o, const char *word,
			    const struct bench_measurement_name names[], uint32_t n_names)
{
	for (uint32_t i = 0; i < n_names; i++) {
		if (strcmp(names[i].name, word) == 0) {
			o->measurements |= UINT64_C(1) << i;
			return 0;
		}
	}
	return misuse("there is no measurement \"%s\"", word);
}

int bench_options_parse(struct bench_options *o, int argc, char **argv,
			const struct bench_measurement_name names[], uint32_t n_names)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 0 },
		{ "quick", no_argument, NULL, 0 },
		{ "plot", required_argument, NULL, 0 },
		{ "sas", required_argument, NULL, 0 },
		{ "size", required_argument, NULL, 0 },
		{ "rounds", required_argument, NULL, 0 },
		{ "round", required_argument, NULL, 0 },
		{ "core", required_argument, NULL, 0 },
		{ "alg", required_argument, NULL, 0 },
		{ "direction", required_argument, NULL, 0 },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	*o = (struct bench_options){ .max_sas = 4000000,
				     .round_pkts = BENCH_ROUND_PKTS,
				     .core = -1 };
	int rc = 0, index = 0;
	optind = 0;
	opterr = 0;
	for (int option;
	     rc == 0 && (option = getopt_long(argc, argv, ":h", options, &index)) != -1;) {
		if (option == 'h')
			rc = help(names, n_names);
		else if (option == 0)
			rc = take(o, options[index].name);
		else
			rc = misuse("%s: %s", argv[optind - 1],
				    option == ':' ? "a value is wanted" : "no such option");
	}
	for (int i = optind; rc == 0 && i < argc; i++)
		rc = take_measurement(o, argv[i], names, n_names);
	if (!o->measurements)
		o->measurements = UINT64_MAX;
	if (!o->n_rounds)
		o->n_rounds = o->quick ? QUICK_ROUNDS : FULL_ROUNDS;
	return rc;
}
