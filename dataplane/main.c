/*
 * imsgate-dataplane: configuration → DPDK → zones → SA table → workers → socket → privileges
 * dropped → turns of the control thread until a signal.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "configs/config.h"
#include "dataplane/balance.h"
#include "dataplane/control.h"
#include "dataplane/crypto_device.h"
#include "dataplane/eal.h"
#include "dataplane/inline_sa.h"
#include "dataplane/offload.h"
#include "dataplane/offload_report.h"
#include "dataplane/privilege.h"
#include "dataplane/prompt.h"
#include "dataplane/queue.h"
#include "dataplane/reload.h"
#include "dataplane/steer.h"
#include "dataplane/telemetry.h"
#include "dataplane/unfinished.h"
#include "dataplane/worker.h"
#include "dataplane/zone.h"

/* SAs that may pass 2^31 packets between two turns of the control thread: a handful at most. */
#define EVENT_RING_ENTRIES 1024
/* Expiry is in seconds and reclaim not urgent; messages wake the control thread at once. */
#define CONTROL_TURN_MS 10
/* While UEs move between workers: 48 steps for all. */
#define CONTROL_MOVING_MS 1

#define EXIT_USAGE 2 /* the command line was not understood */

static volatile sig_atomic_t stopping, reloading;

struct dataplane {
	struct config *config;
	struct zones zones;
	struct offload offload;
	struct inline_table inlined;
	struct crypto_devices devices;
	struct sa_table sas;
	struct worker *worker[WORKER_MAX];
	uint32_t n_workers;
	struct steer *steer; /* NULL: one worker alone */
	struct control control;
	struct reload reload;
	bool is_interactive; /* with a prompt; forwarding begins with `start` */
};

static void on_signal(int signal)
{
	stopping = 1;
}

static void on_hangup(int signal)
{
	reloading = 1;
}

static int fail(const char *error)
{
	fprintf(stderr, "imsgate-dataplane: error: %s\n", error);
	return EXIT_FAILURE;
}

static int usage(FILE *out, int status)
{
	fprintf(out,
		"Usage: imsgate-dataplane --config FILE [--check | --interactive]\n"
		"Moves packets between network and kernel ports, with ESP, until SIGINT or "
		"SIGTERM; reads FILE again on SIGHUP, unless interactive.\n"
		"\n"
		"  -c, --config FILE  YAML configuration, section `dataplane` (see "
		"configs/edge.yaml)\n"
		"      --check        read the configuration, say whether it is good, and end\n"
		"  -i, --interactive  commands on a terminal, or line by line from a script on "
		"stdin;\n"
		"                     forwarding begins with `start`; `help` lists them\n"
		"  -h, --help         this text\n");
	return status;
}

/* What the schema allows and this version does not do. 0 or -errno with one line of text. */
static int check_config(const struct config *config, const char *path, char *error,
			size_t error_bytes)
{
	if (!config->dataplane) {
		snprintf(error, error_bytes, "%s: no section `dataplane`", path);
		return -ENOENT;
	}
	return 0;
}

static int open_table(struct dataplane *d, char *error, size_t error_bytes)
{
	const struct config_dataplane *config = d->config->dataplane;
	const struct sa_table_config table = {
		.capacity = config->sa.capacity,
		.generation_bits = config->sa.generation_bits,
		.slice = config->sa.spi_slice,
		.slice_bits = config->sa.spi_slice_bits,
		.window_pkts = config->sa.replay_window_pkts,
		.n_wide_windows = config->sa.n_wide_windows,
		.n_tunnels = config->sa.n_tunnels,
		.n_workers = config->n_worker_cores,
	};
	int rc = sa_table_init(&d->sas, &table);
	if (rc < 0)
		snprintf(error, error_bytes, "SA table of %u SAs: %s", table.capacity,
			 strerror(-rc));
	return rc;
}

/* Hand-over between workers, when there are several, and RSS that spares it. */
static int open_steer(struct dataplane *d, char *error, size_t error_bytes)
{
	const struct config_dataplane *config = d->config->dataplane;
	int node[WORKER_MAX];
	if (config->n_worker_cores == 1)
		return 0;
	for (uint32_t i = 0; i < config->n_worker_cores; i++)
		node[i] = (int)rte_lcore_to_socket_id(eal_worker_lcore(i));
	d->steer =
		steer_new(&d->zones, node, config->n_worker_cores, queue_bucket_count(&d->zones));
	if (!d->steer) {
		snprintf(error, error_bytes, "rings between %u workers: memory_mb %u is too little",
			 config->n_worker_cores, config->memory_mb);
		return -ENOMEM;
	}
	int rc = balance_begin(d->steer, config_active_workers(config));
	queue_follow(&d->zones, &d->steer->maps[0]);
	return rc;
}

/* Fragments that wait for others leave seven of eight packet buffers to the ports, both ways. */
static struct reassembly_config fragments_of(const struct config_dataplane *config)
{
	return (struct reassembly_config){
		.n_datagrams = config->fragments.n_datagrams,
		.n_held = RTE_MAX(config->n_mbufs / 16 / config->n_worker_cores,
				  (uint32_t)UNFINISHED_MAX_PARTS),
		.timeout_s = config->fragments.timeout_s,
	};
}

/* A place for each UE that the table has room for, with one SA each way, and for strangers. */
static uint32_t flood_sources_of(const struct config_dataplane *config)
{
	return RTE_MAX(rte_align32pow2(config->sa.capacity / 2 / config->n_worker_cores),
		       UINT32_C(4096));
}

static int open_workers(struct dataplane *d, uint64_t start_tsc, char *error, size_t error_bytes)
{
	const struct config_dataplane *config = d->config->dataplane;
	for (uint32_t i = 0; i < config->n_worker_cores; i++) {
		int node = (int)rte_lcore_to_socket_id(eal_worker_lcore(i));
		struct worker *w =
			rte_zmalloc_socket("worker", sizeof(*w), RTE_CACHE_LINE_SIZE, node);
		int rc = -ENOMEM;
		if (w) {
			w->zones = &d->zones;
			w->sas = &d->sas;
			w->events = d->control.events;
			w->fragments = fragments_of(config);
			w->n_flood_sources = flood_sources_of(config);
			w->start_tsc = start_tsc;
			w->idle_sleep_us = config->idle_sleep_us;
			w->is_paused = d->is_interactive;
			w->steer = d->steer ? d->steer->worker[i] : NULL;
			rc = worker_init(w, (uint16_t)i, node);
		}
		if (rc == 0)
			crypto_device_attach(&d->devices, w);
		if (rc < 0) {
			rte_free(w);
			snprintf(error, error_bytes, "worker on core %u: %s",
				 config->worker_cores[i], strerror(-rc));
			return rc;
		}
		d->worker[d->n_workers++] = w;
	}
	return 0;
}

static int open_offload(struct dataplane *d, char *error, size_t error_bytes)
{
	const struct config_offload *config = &d->config->dataplane->offload;
	const struct inline_config inlined = { .sessions_per_port = config->sessions_per_port,
					       .promote_pps = config->promote_pps,
					       .rules_per_port = config->rules_per_port };
	offload_open(&d->offload, &d->zones, &offload_dpdk);
	int rc = inline_open(&d->inlined, &d->offload, &d->zones, &d->sas, d->steer, &inlined);
	if (rc < 0)
		snprintf(error, error_bytes, "%u inline sessions and %u rules a port: %s",
			 inlined.sessions_per_port, inlined.rules_per_port, strerror(-rc));
	return rc;
}

static int open_all(struct dataplane *d, char *error, size_t error_bytes)
{
	const struct config_dataplane *config = d->config->dataplane;
	uint64_t start_tsc = rte_rdtsc();
	int rc = zones_open(&d->zones, config, error, error_bytes);
	if (rc == 0)
		rc = open_table(d, error, error_bytes);
	if (rc < 0)
		return rc;
	rc = open_steer(d, error, error_bytes);
	if (rc == 0)
		rc = open_offload(d, error, error_bytes);
	if (rc == 0)
		rc = crypto_device_open(&d->devices, &config->crypto, &d->sas,
					config->n_worker_cores, error, error_bytes);
	if (rc < 0)
		return rc;
	d->control.sas = &d->sas;
	d->control.start_tsc = start_tsc;
	d->control.events =
		rte_ring_create("events", EVENT_RING_ENTRIES, SOCKET_ID_ANY, RING_F_SC_DEQ);
	if (!d->control.events) {
		snprintf(error, error_bytes, "event ring: no memory");
		return -ENOMEM;
	}
	rc = open_workers(d, start_tsc, error, error_bytes);
	if (rc == 0)
		rc = control_open(&d->control, config, error, error_bytes);
	return rc;
}

static void open_reload(struct dataplane *d, const char *path)
{
	d->reload = (struct reload){
		.path = path,
		.started = d->config,
		.config = d->config,
		.control = &d->control,
		.zones = &d->zones,
		.worker = d->worker,
		.steer = d->steer,
		.inlined = &d->inlined,
		.devices = &d->devices,
	};
	d->control.reload = &d->reload;
}

static void serve(struct dataplane *d)
{
	while (!stopping && !(d->control.prompt && prompt_is_over(d->control.prompt))) {
		control_turn(&d->control, d->reload.moves ? CONTROL_MOVING_MS : CONTROL_TURN_MS);
		if (reloading) {
			reloading = 0;
			reload_on_signal(&d->reload);
		}
		reload_turn(&d->reload);
	}
}

static void stop_workers(struct dataplane *d)
{
	for (uint32_t i = 0; i < d->n_workers; i++)
		atomic_store_explicit(&d->worker[i]->stop, true, memory_order_relaxed);
	rte_eal_mp_wait_lcore();
	for (uint32_t i = 0; i < d->n_workers; i++) {
		worker_fini(d->worker[i]);
		rte_free(d->worker[i]);
	}
	steer_free(d->steer);
}

static struct report report_of(const struct dataplane *d)
{
	return (struct report){ .workers = d->worker,
				.n_workers = d->n_workers,
				.steer = d->steer,
				.sas = &d->sas,
				.zones = &d->zones };
}

static int open_prompt(struct dataplane *d, const struct report *report, char *error,
		       size_t error_bytes)
{
	const struct prompt_parts parts = { .config = &d->reload.config,
					    .control = &d->control,
					    .report = *report,
					    .offload = &d->offload,
					    .inlined = &d->inlined };
	d->control.prompt = prompt_new(&parts, STDIN_FILENO, stdout, stderr);
	if (d->control.prompt)
		return 0;
	snprintf(error, error_bytes, "no memory for the prompt");
	return -ENOMEM;
}

static int run(struct dataplane *d, const char *path)
{
	const struct config_dataplane *config = d->config->dataplane;
	char error[512] = "";
	privilege_hold_signals();
	if (eal_start(config, error, sizeof(error)) < 0)
		return fail(error);
	int rc = open_all(d, error, sizeof(error));
	if (rc < 0)
		return fail(error); /* the process ends: the kernel closes what is open */
	open_reload(d, path);
	const struct report report = report_of(d);
	telemetry_register(&report);
	crypto_device_telemetry_register(&d->devices, d->worker, d->n_workers);
	offload_telemetry_register(&d->offload, &d->inlined);
	for (uint32_t i = 0; i < d->n_workers; i++)
		rte_eal_remote_launch(worker_run, d->worker[i], eal_worker_lcore(i));
	rc = privilege_drop(config->user, error, sizeof(error));
	if (rc == 0)
		fprintf(stderr, "imsgate-dataplane: info: ready: %u zones, %u SAs, socket %s\n",
			d->zones.n, d->sas.capacity, config->socket);
	if (rc == 0 && d->is_interactive)
		rc = open_prompt(d, &report, error, sizeof(error));
	if (rc == 0)
		serve(d);
	stop_workers(d);
	bool has_failed = d->control.prompt && prompt_has_failed(d->control.prompt);
	if (d->control.prompt)
		prompt_free(d->control.prompt);
	control_close(&d->control);
	reload_close(&d->reload);
	inline_close(&d->inlined);
	crypto_device_close(&d->devices);
	zones_close(&d->zones);
	sa_table_free(&d->sas);
	rte_eal_cleanup();
	if (rc < 0)
		return fail(error);
	fprintf(stderr, "imsgate-dataplane: info: stopped\n");
	return has_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, 'k' },
		{ "interactive", no_argument, NULL, 'i' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	static struct dataplane d;
	const char *path = NULL;
	bool check = false;
	for (int option; (option = getopt_long(argc, argv, "c:ih", options, NULL)) != -1;) {
		if (option == 'h')
			return usage(stdout, EXIT_SUCCESS);
		else if (option == 'c')
			path = optarg;
		else if (option == 'k')
			check = true;
		else if (option == 'i')
			d.is_interactive = true;
		else
			return usage(stderr, EXIT_USAGE);
	}
	if (optind < argc) {
		fprintf(stderr, "imsgate-dataplane: what is \"%s\"?\n", argv[optind]);
		return usage(stderr, EXIT_USAGE);
	}
	if (!path)
		return usage(stderr, EXIT_USAGE);

	char error[512];
	if (config_load(path, &d.config, error, sizeof(error)) < 0)
		return fail(error);
	if (check_config(d.config, path, error, sizeof(error)) < 0) {
		config_free(d.config);
		return fail(error);
	}
	int status = EXIT_SUCCESS;
	if (check) {
		printf("%s: good\n", path);
	} else {
		struct sigaction action = { .sa_handler = on_signal };
		struct sigaction again = { .sa_handler = on_hangup };
		sigaction(SIGINT, &action, NULL);
		sigaction(SIGTERM, &action, NULL);
		/* With a prompt: the terminal is gone, and must not be left as it is. */
		sigaction(SIGHUP, d.is_interactive ? &action : &again, NULL);
		if (d.is_interactive)
			signal(SIGPIPE, SIG_IGN); /* prompt_turn() sees that nobody listens */
		status = run(&d, path);
	}
	config_free(d.config);
	return status;
}
