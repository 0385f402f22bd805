/*
 * SA sets through the socket while traffic runs at 90 % of what the worker can carry, from a source
 * that does not slow down: sets per second, and what became of the packets of the other SAs.
 *
 * The control thread and its client run on another core, and only while packets are due, so that
 * every set that is counted came beside traffic. They install and delete as fast as they can.
 *
 * Every other train of packets goes beside a bare loop instead, which keeps the other core as busy
 * and touches nothing of ours: what such trains lose, the machine does not carry.
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "tools/bench/bare.h"
#include "tools/bench/feed.h"
#include "tools/bench/install.h"
#include "tools/bench/latency.h"
#include "tools/bench/report.h"

enum {
	TRAFFIC_SHARE = 4,  /* of the table: a quarter has traffic */
	STANDING_SHARE = 2, /* half is of sets that come and go */
	LOAD_PERCENT = 90,
	BARE_BYTES = 128,
	N_TRAINS = 300, /* beside sets, and as many beside the bare loop */
	N_TRAINS_QUICK = 60,
};

/* What became of the trains of one kind. */
struct churn_share {
	uint64_t n_lost;
	uint64_t longest_turn; /* cycles */
	uint32_t n_lossy;      /* trains that lost any */
};

struct churn {
	struct latency load;
	struct install_site *site;
	struct bare *bare;
	struct churn_share beside, apart;
	/* written by: main thread; read by: the other one */
	_Atomic bool stop, is_apart;
	/* written by: the other thread; read by: main thread after its end */
	uint64_t n_sets, busy_cycles;
	int rc;
};

static void *work(void *arg)
{
	struct churn *c = arg;
	while (!c->rc && !atomic_load_explicit(&c->stop, memory_order_relaxed)) {
		if (!atomic_load_explicit(&c->load.traffic, memory_order_relaxed)) {
			rte_pause();
			continue;
		}
		if (atomic_load_explicit(&c->is_apart, memory_order_relaxed)) {
			bare_round(c->bare);
			continue;
		}
		uint64_t begin = rte_rdtsc();
		int n = install_site_turn(c->site);
		c->busy_cycles += rte_rdtsc() - begin;
		if (n < 0)
			c->rc = n;
		else
			c->n_sets += (uint32_t)n;
	}
	return NULL;
}

static int start(struct churn *c, unsigned core, pthread_t *thread)
{
	pthread_attr_t attributes;
	cpu_set_t one;
	CPU_ZERO(&one);
	CPU_SET(core, &one);
	pthread_attr_init(&attributes);
	pthread_attr_setaffinity_np(&attributes, sizeof(one), &one);
	int rc = -pthread_create(thread, &attributes, work, c);
	pthread_attr_destroy(&attributes);
	return rc;
}

static void tell_share(struct report *report, const char *what, const struct churn_share *share)
{
	report_say(report, "%-44s %12lu  in %u trains, longest turn %.0f µs\n", what, share->n_lost,
		   share->n_lossy, (double)share->longest_turn * 1e6 / (double)rte_get_tsc_hz());
}

static void tell(struct churn *c, double gap, uint64_t n_pkts)
{
	struct latency *l = &c->load;
	struct report *report = l->run->report;
	double sas_per_s =
		(double)rte_get_tsc_hz() * API_SET_SAS * (double)c->n_sets / (double)c->busy_cycles;
	report_say(report, "%-44s %12.0f\n%-44s %12.2f\n%-44s %12lu\n%-44s %12.1f\n",
		   "SAs installed per second, as many deleted", sas_per_s,
		   "packets of other SAs, millions per second",
		   (double)rte_get_tsc_hz() / gap / 1e6, "these packets", n_pkts,
		   "99.9 % of them in the box for at most, µs", latency_us(l, 0.999));
	tell_share(report, "of them lost", &c->beside);
	tell_share(report, "as many beside a bare loop, lost", &c->apart);
	report_row(report, "churn",
		   json_pack("{s:f, s:I, s:f, s:i, s:I, s:I, s:I, s:f}", "sas_per_s", sas_per_s,
			     "n_sets", (json_int_t)c->n_sets, "pkts_per_s",
			     (double)rte_get_tsc_hz() / gap, "load_percent", LOAD_PERCENT, "n_pkts",
			     (json_int_t)n_pkts, "n_lost", (json_int_t)c->beside.n_lost,
			     "n_lost_apart", (json_int_t)c->apart.n_lost, "p999_us",
			     latency_us(l, 0.999)));
	report_target(report, "SAs installed while traffic runs at 90 %", sas_per_s, true, 500000,
		      "SAs/s");
	report_target(report, "packets of other SAs lost meanwhile", (double)c->beside.n_lost,
		      false, 0, "packets");
}

/* Trains of both kinds, in turns. Those beside the bare loop are left out of the latency. */
static int run_trains(struct churn *c, double gap, uint32_t n_trains)
{
	struct latency *l = &c->load;
	int rc = 0;
	latency_begin(l);
	for (uint32_t i = 0; i < 2 * n_trains && rc == 0; i++) {
		struct churn_share *share = i % 2 ? &c->apart : &c->beside;
		uint32_t n_cycles = l->n_cycles;
		l->n_lost = l->longest_turn = 0;
		atomic_store_explicit(&c->is_apart, i % 2, memory_order_relaxed);
		rc = latency_train(l, gap);
		share->n_lost += l->n_lost;
		share->n_lossy += l->n_lost != 0;
		if (l->longest_turn > share->longest_turn)
			share->longest_turn = l->longest_turn;
		if (i % 2)
			l->n_cycles = n_cycles;
	}
	return rc < 0 ? rc : latency_end(l);
}

static int measure(struct churn *c, unsigned core)
{
	struct latency *l = &c->load;
	uint32_t n_trains = l->run->options->quick ? N_TRAINS_QUICK : N_TRAINS;
	uint32_t capacity = l->run->bench->sas.capacity;
	pthread_t thread;
	double gap;
	int rc = feed_grow(l->run->feed, capacity / TRAFFIC_SHARE);
	if (rc == 0)
		rc = install_site_fill(c->site, capacity / STANDING_SHARE / API_SET_SAS);
	if (rc == 0)
		rc = latency_capacity(l, n_trains / 4, &gap);
	if (rc == 0)
		rc = start(c, core, &thread);
	if (rc < 0)
		return rc;
	gap = gap * 100 / LOAD_PERCENT;
	rc = run_trains(c, gap, n_trains);
	atomic_store_explicit(&c->stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	if (rc == 0)
		rc = c->rc;
	if (rc == 0)
		tell(c, gap, (uint64_t)n_trains * LATENCY_TRAIN_PKTS);
	return rc;
}

int churn_run(struct bench_run *run)
{
	static struct churn c;
	if (run->bench->second_core < 0) {
		report_say(run->report,
			   "\nSA sets beside traffic: not measured, there is one core\n");
		return 0;
	}
	memset(&c, 0, sizeof(c));
	report_progress("SA sets through the socket, beside traffic");
	report_say(run->report,
		   "\nSA sets of four through the socket on a core of their own, while inbound %s "
		   "traffic\nof %u–%u bytes over %u SAs runs at %u %% of capacity.\n\n",
		   bench_suites[0].name, LATENCY_MIN_BYTES, LATENCY_MAX_BYTES,
		   run->bench->sas.capacity / TRAFFIC_SHARE, LOAD_PERCENT);
	int rc = latency_open(&c.load, run);
	feed_begin(run->feed, &bench_suites[0], true);
	c.site = install_site_new(run->bench, true);
	c.bare = bare_new(&bench_suites[0], true, BARE_BYTES);
	if (rc == 0)
		rc = c.site && c.bare ? measure(&c, (unsigned)run->bench->second_core) : -EIO;
	report_progress(NULL);
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: sets beside traffic: %s\n", strerror(-rc));
	feed_end(run->feed);
	bare_free(c.bare);
	install_site_free(c.site);
	latency_close(&c.load);
	return rc;
}
