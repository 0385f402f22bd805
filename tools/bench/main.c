#include "tools/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jansson.h>
#include <rte_cycles.h>

#include "tools/bench/feed.h"
#include "tools/bench/plots.h"
#include "tools/bench/quiet.h"
#include "tools/bench/register.h"
#include "tools/bench/report.h"

#define N_MEASUREMENTS (sizeof(run_of) / sizeof(run_of[0]))

/* The table of measurements: the same order in both. */
static const struct bench_measurement_name names[] = {
	{ "packets", "cycles per packet: algorithms, directions, sizes, SAs" },
	{ "drops", "cycles of packets that are dropped" },
	{ "lines", "cycles that the memory takes for random SAs, and what of it is page walks" },
	{ "memory", "bytes per SA" },
	{ "install", "SA sets per second through the socket" },
	{ "latency", "time in the box at 50 % and 90 % of capacity" },
	{ "churn", "SA sets per second while traffic runs, and what it loses" },
	{ "scale", "two workers against one" },
	{ "flood", "what forged clear SIP costs those who are known" },
};
static int (*const run_of[])(struct bench_run *run) = {
	packets_run, drops_run, lines_run, memory_run, install_run,
	latency_run, churn_run, scale_run, flood_run,
};
_Static_assert(sizeof(names) / sizeof(names[0]) == N_MEASUREMENTS, "every name has a function");

/* The CPU's name, or "unknown". */
static void read_cpu(char name[static 96])
{
	strcpy(name, "unknown");
	FILE *file = fopen("/proc/cpuinfo", "r");
	if (!file)
		return;
	for (char text[256]; fgets(text, sizeof(text), file);) {
		if (sscanf(text, "model name : %95[^\n]", name) == 1)
			break;
	}
	fclose(file);
}

static void tell_setting(struct report *report, const struct bench *b)
{
	char cpu[96];
	read_cpu(cpu);
	const char *pages =
		b->hugepages ? "hugepages" : "ordinary pages, huge where the kernel can";
	double ghz = (double)rte_get_tsc_hz() / 1e9;
	report_say(report,
		   "%s, core %u, TSC %.2f GHz (cycles are of the TSC).\n"
		   "One worker, replay window 128, bursts of %u, a table for %u SAs in %s.\n",
		   cpu, b->core, ghz, WORKER_BURST, b->sas.capacity, pages);
	report_fact(report, "cpu", json_string(cpu));
	report_fact(report, "tsc_hz", json_real(ghz * 1e9));
	report_fact(report, "hugepages", json_boolean(b->hugepages));
	report_fact(report, "burst", json_integer(WORKER_BURST));
	report_fact(report, "replay_window_pkts", json_integer(128));
	report_fact(report, "capacity_sas", json_integer(b->sas.capacity));
	report_fact(report, "round_pkts", json_integer(b->round_pkts));
}

static int measure(struct bench_run *run)
{
	struct quiet quiet;
	int rc = 0;
	quiet_begin(&quiet, run->bench->core);
	tell_setting(run->report, run->bench);
	for (size_t i = 0; i < N_MEASUREMENTS && rc == 0; i++) {
		if (run->options->measurements >> i & 1)
			rc = run_of[i](run);
	}
	quiet_end(&quiet, run->report);
	return rc;
}

static uint32_t capacity_for(uint32_t n_sas)
{
	uint32_t capacity = 4096;
	while (capacity < n_sas)
		capacity *= 2;
	return capacity;
}

static int conclude(const struct bench_run *run)
{
	int rc = 0;
	if (run->options->plot_directory)
		rc = plots_write(run->report, run->options->plot_directory);
	if (run->options->json)
		return report_print_json(run->report, stdout) < 0 ? -1 : rc;
	report_print_targets(run->report, stdout);
	return rc;
}

int main(int argc, char **argv)
{
	static struct bench b;
	struct bench_options options;
	struct bench_feed feed;
	struct report report;
	if (argc > 1 && strcmp(argv[1], "register") == 0)
		return register_main(argc - 1, argv + 1);
	int status = bench_options_parse(&options, argc, argv, names, N_MEASUREMENTS);
	if (status)
		return status - 1;
	int core = quiet_core(options.core);
	if (core < 0) {
		fprintf(stderr, "imsgate-bench: error: core %d is not ours: %s\n", options.core,
			strerror(-core));
		return EXIT_FAILURE;
	}
	b.core = (unsigned)core;
	b.second_core = quiet_second_core(b.core);
	b.round_pkts = options.round_pkts;
	if (report_open(&report, options.json) < 0 ||
	    bench_open(&b, capacity_for(options.max_sas)) < 0 ||
	    feed_open(&feed, &b, options.max_sas) < 0)
		return EXIT_FAILURE;
	struct bench_run run = {
		.options = &options, .bench = &b, .feed = &feed, .report = &report
	};
	int rc = measure(&run);
	if (rc == 0)
		rc = conclude(&run);
	report_close(&report);
	feed_close(&feed);
	bench_close(&b);
	return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
