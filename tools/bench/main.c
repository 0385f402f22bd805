#include "tools/bench/bench.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>
#include <rte_cycles.h>

#include "tools/bench/install.h"

/* The published grid: every combination of these. */
static const bool directions[] = { true, false };
static const enum crypto_suite suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_HMAC_MD5_NULL };
static const uint32_t sizes[] = { 128, 512, 1400 };
static const uint32_t sa_counts[] = { 1, 1000, 1000000 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define EXIT_USAGE      2
#define MAX_RESULTS                                                                                \
	(COUNT_OF(directions) * COUNT_OF(suites) * COUNT_OF(sizes) * COUNT_OF(sa_counts))

struct options {
	bool json;
	bool install;
	uint32_t n_rounds;
	uint32_t max_sas;
	uint32_t size_bytes;   /* 0 = all */
	const char *alg;       /* NULL = all */
	const char *direction; /* likewise */
};

static const char *suite_name(enum crypto_suite suite)
{
	return suite == CRYPTO_HMAC_SHA1_NULL ? "hmac-sha-1-96" : "hmac-md5-96";
}

static const char *direction_name(bool inbound)
{
	return inbound ? "inbound" : "outbound";
}

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: imsgate-bench [options]\n"
		"Measures the data plane on one core: cycles per packet from RX to TX, beside the\n"
		"cycles of the same cryptography alone (IPsec-MB, one hot key) in the same run.\n"
		"\n"
		"      --sas N      at most N SAs of each direction (default 1000000)\n"
		"      --size N     only packets of N bytes IP length (128, 512 or 1400)\n"
		"      --alg NAME   only hmac-sha-1-96 or hmac-md5-96\n"
		"      --direction NAME  only inbound or outbound\n"
		"      --rounds N   measured rounds of %u packets a case (default 200)\n"
		"      --install    SA sets through the socket instead: cycles per set\n"
		"      --json       one JSON document instead of the table\n"
		"  -h, --help       this text\n"
		"\n"
		"Hugepages are used when enough are free; reserve 4 GB of them with\n"
		"    sysctl vm.nr_hugepages=2048\n",
		BENCH_ROUND_PKTS);
	return status;
}

static bool is_wanted(const struct options *o, const struct bench_case *c)
{
	return c->n_sas <= o->max_sas && (!o->size_bytes || o->size_bytes == c->size_bytes) &&
	       (!o->direction || strcmp(o->direction, direction_name(c->inbound)) == 0) &&
	       (!o->alg || strcmp(o->alg, suite_name(c->suite)) == 0);
}

static void print_header(const struct bench *b)
{
	printf("One worker core, replay window 128, bursts of %u, %s, TSC %.2f GHz.\n"
	       "Size: IP length of the ESP packet. bare: IPsec-MB alone on the same bytes.\n\n"
	       "%-9s %-14s %5s %9s %9s %9s %7s %9s %15s\n",
	       WORKER_BURST, b->hugepages ? "hugepages" : "no hugepages",
	       (double)rte_get_tsc_hz() / 1e9, "direction", "algorithm", "size", "SAs", "cycles/p",
	       "bare", "ratio", "Mpkt/s", "10–90 %");
}

static void print_row(const struct bench_result *r)
{
	printf("%-9s %-14s %5u %9u %9.0f %9.0f %6.2fx %9.2f %7.0f–%.0f\n",
	       direction_name(r->c.inbound), suite_name(r->c.suite), r->c.size_bytes, r->c.n_sas,
	       r->cycles, r->bare_cycles, r->cycles / r->bare_cycles,
	       (double)rte_get_tsc_hz() / r->cycles / 1e6, r->fewest, r->most);
	fflush(stdout);
}

static json_t *row_json(const struct bench_result *r)
{
	return json_pack("{s:s, s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:I}", "direction",
			 direction_name(r->c.inbound), "algorithm", suite_name(r->c.suite),
			 "size_bytes", r->c.size_bytes, "n_sas", r->c.n_sas, "cycles_per_pkt",
			 r->cycles, "bare_cycles_per_pkt", r->bare_cycles, "ratio",
			 r->cycles / r->bare_cycles, "pkts_per_s",
			 (double)rte_get_tsc_hz() / r->cycles, "cycles_p10", r->fewest,
			 "cycles_p90", r->most, "n_pkts", (json_int_t)r->n_pkts);
}

static int print_json(const struct bench *b, const struct bench_result *results, size_t n)
{
	json_t *rows = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(rows, row_json(&results[i]));
	json_t *document = json_pack("{s:f, s:b, s:i, s:i, s:o}", "tsc_hz",
				     (double)rte_get_tsc_hz(), "hugepages", b->hugepages, "burst",
				     WORKER_BURST, "replay_window_pkts", 128, "results", rows);
	int rc = document ? json_dumpf(document, stdout, JSON_INDENT(2)) : -1;
	putchar('\n');
	json_decref(document);
	return rc;
}

/* All sizes and directions of one population of SAs: installing them is what takes time. */
static int run_population(struct bench_feed *f, const struct options *o, enum crypto_suite suite,
			  uint32_t n_sas, struct bench_result *results, size_t *n_results)
{
	bool installed = false;
	for (size_t d = 0; d < COUNT_OF(directions); d++) {
		for (size_t s = 0; s < COUNT_OF(sizes); s++) {
			const struct bench_case c = { .inbound = directions[d],
						      .suite = suite,
						      .size_bytes = sizes[s],
						      .n_sas = n_sas };
			if (!is_wanted(o, &c))
				continue;
			if (isatty(STDERR_FILENO))
				fprintf(stderr, "\r%u SAs, %s, %u bytes …\033[K", n_sas,
					suite_name(suite), c.size_bytes);
			int rc = installed ? 0 : bench_feed_install(f, suite, n_sas);
			if (rc < 0)
				fprintf(stderr, "imsgate-bench: error: %u SAs: %s\n", n_sas,
					strerror(-rc));
			installed = true;
			if (rc == 0)
				rc = bench_measure(f, &c, o->n_rounds, &results[*n_results]);
			if (isatty(STDERR_FILENO))
				fprintf(stderr, "\r\033[K");
			if (rc < 0)
				return rc;
			if (!o->json)
				print_row(&results[*n_results]);
			++*n_results;
		}
	}
	return 0;
}

static int run(const struct options *o)
{
	static struct bench b;
	struct bench_feed f;
	struct bench_result results[MAX_RESULTS];
	size_t n_results = 0;
	uint32_t capacity = 4096; /* a power of two with two SAs for each peer */
	while (capacity < 2 * (uint64_t)o->max_sas)
		capacity *= 2;
	int rc = bench_open(&b, capacity);
	if (rc == 0)
		rc = bench_feed_open(&f, &b, o->max_sas);
	if (rc < 0)
		return EXIT_FAILURE;
	if (!o->json)
		print_header(&b);
	for (size_t n = 0; n < COUNT_OF(sa_counts) && rc == 0; n++) {
		for (size_t s = 0; s < COUNT_OF(suites) && rc == 0; s++) {
			if (sa_counts[n] <= o->max_sas)
				rc = run_population(&f, o, suites[s], sa_counts[n], results,
						    &n_results);
		}
	}
	if (rc == 0 && o->json)
		rc = print_json(&b, results, n_results);
	bench_feed_close(&f);
	bench_close(&b);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static void print_install(const struct bench_install_result *r)
{
	double hz = (double)rte_get_tsc_hz();
	printf("SA sets of four SAs through the socket, %u SAs capacity, 90 %% of it in use:\n"
	       "cycles of control and client together, TSC %.2f GHz.\n\n"
	       "%-34s %9s %9s\n%-34s %9.0f %9.0f\n%-34s %9.0f %9.0f\n%-34s %9.0f %9.0f\n"
	       "%-34s %9.0f %9.0f\n%-34s %9.0f\n",
	       r->capacity, hz / 1e9, "", "cycles", "sets/s", "install, an empty table filled",
	       r->fill_cycles, hz / r->fill_cycles, "install, sets that come and go",
	       r->install_cycles, hz / r->install_cycles, "delete, reclaim and wiping included",
	       r->delete_cycles, hz / r->delete_cycles, "install, one set a message",
	       r->install_alone, hz / r->install_alone, "of these, the client making a set",
	       r->client_cycles);
}

static int run_install(const struct options *o)
{
	static struct bench b;
	struct bench_install_result result;
	int rc = bench_open(&b, o->max_sas);
	if (rc == 0)
		rc = bench_install(&b, o->n_rounds, &result);
	if (rc == 0)
		print_install(&result);
	bench_close(&b);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* A number from 1 to max; anything else ends the program. */
static uint32_t number(const char *option, const char *text, uint32_t max)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || !value || value > max) {
		fprintf(stderr, "imsgate-bench: --%s %s: a number from 1 to %u is wanted\n", option,
			text, max);
		exit(EXIT_USAGE);
	}
	return (uint32_t)value;
}

/* Is there a case left to measure? */
static bool is_any_wanted(const struct options *o)
{
	for (size_t d = 0; d < COUNT_OF(directions); d++) {
		for (size_t s = 0; s < COUNT_OF(suites); s++) {
			for (size_t z = 0; z < COUNT_OF(sizes); z++) {
				const struct bench_case c = { .inbound = directions[d],
							      .suite = suites[s],
							      .size_bytes = sizes[z],
							      .n_sas = sa_counts[0] };
				if (is_wanted(o, &c))
					return true;
			}
		}
	}
	return false;
}

int main(int argc, char **argv)
{
	enum {
		OPTION_JSON = 256,
		OPTION_INSTALL,
		OPTION_SAS,
		OPTION_SIZE,
		OPTION_ALG,
		OPTION_DIRECTION,
		OPTION_ROUNDS
	};
	static const struct option options[] = {
		{ "json", no_argument, NULL, OPTION_JSON },
		{ "install", no_argument, NULL, OPTION_INSTALL },
		{ "sas", required_argument, NULL, OPTION_SAS },
		{ "size", required_argument, NULL, OPTION_SIZE },
		{ "alg", required_argument, NULL, OPTION_ALG },
		{ "direction", required_argument, NULL, OPTION_DIRECTION },
		{ "rounds", required_argument, NULL, OPTION_ROUNDS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct options o = { .n_rounds = 200, .max_sas = 1000000 };
	for (int option; (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
		if (option == 'h')
			return usage(stdout, EXIT_SUCCESS);
		else if (option == OPTION_JSON)
			o.json = true;
		else if (option == OPTION_INSTALL)
			o.install = true;
		else if (option == OPTION_SAS)
			o.max_sas = number("sas", optarg, 1000000);
		else if (option == OPTION_SIZE)
			o.size_bytes = number("size", optarg, 1400);
		else if (option == OPTION_ALG)
			o.alg = optarg;
		else if (option == OPTION_DIRECTION)
			o.direction = optarg;
		else if (option == OPTION_ROUNDS)
			o.n_rounds = number("rounds", optarg, 1000000);
		else
			return usage(stderr, EXIT_USAGE);
	}
	if (optind < argc) {
		fprintf(stderr, "imsgate-bench: what is \"%s\"? --help lists the options\n",
			argv[optind]);
		return EXIT_USAGE;
	}
	if (o.install) {
		o.max_sas = 1u << 22;
		return run_install(&o);
	}
	if (!is_any_wanted(&o)) {
		fprintf(stderr,
			"imsgate-bench: nothing to measure: --size is 128, 512 or 1400, --alg "
			"hmac-sha-1-96 or hmac-md5-96, --direction inbound or outbound\n");
		return EXIT_USAGE;
	}
	return run(&o);
}
