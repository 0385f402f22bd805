/*
 * What a second worker brings. Two workers, each on a core of its own with its own queues, source
 * and sink, and the UEs that it owns; steering is on and finds every packet where it belongs, as
 * behind a NIC whose RSS agrees. Beside each of their rounds, in turns, each of the two works
 * through a round alone, as the only worker of its data plane, while the other core waits.
 *
 * Packets are made and taken away between the measured parts, which begin on both cores at the same
 * moment. The gain is what each does in a cycle over what the same worker on the same core does
 * alone, added up: two cores of one machine need not be equally fast, least of all virtual ones.
 *
 * Two rounds more of the first: alone but steered, for what the search for owners takes; and while
 * the second core runs the bare limit (bare.h), which stays in that core's first-level cache and
 * shares nothing with a worker. What the first loses beside that, counted twice, is the gain that
 * the machine allows ("apart").
 */
#include "tools/bench/bench.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_pause.h>

#include "tools/bench/bare.h"
#include "tools/bench/pair.h"
#include "tools/bench/quiet.h"
#include "tools/bench/report.h"
#include "tools/bench/stat.h"

enum {
	SIZE_BYTES = 128,
	WARM_UP_ROUNDS = 8,
};

#define TARGET_GAIN 1.9

static const uint32_t sa_counts[] = { 2000, 4000000 };

enum scale_round {
	SCALE_BOTH,   /* both workers */
	SCALE_SECOND, /* the second while the first waits */
	SCALE_APART,  /* the first beside a bare loop on the second core */
};

struct scale {
	struct pair pair;
	struct bare *bare;      /* of the second core */
	enum scale_round round; /* written by: the first desk before `asked` */
	pthread_t thread;       /* the second desk's */
	unsigned other_core;
	int rc;               /* the second desk's, of the last round */
	double second_cycles; /* the same, per packet */
	/* Round numbers. written by: the first desk; below, the second */
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint32_t asked, start, ended;
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint32_t ready, done;
	_Atomic bool stop;
};

/* ---- rounds ---- */

/* Cycles per packet of a round. */
static double measure_turns(struct pair_desk *d)
{
	uint64_t begin = rte_rdtsc();
	while (worker_turn(d->worker))
		;
	return (double)(rte_rdtsc() - begin) / d->bench.round_pkts;
}

static int drain(struct pair_desk *d)
{
	return feed_drain(&d->feed) == d->bench.round_pkts ? 0 : -EPROTO;
}

/* `of` is written by another thread with release. */
static void wait_for(const _Atomic uint32_t *of, uint32_t round)
{
	while (atomic_load_explicit(of, memory_order_acquire) != round)
		rte_pause();
}

static void tell(_Atomic uint32_t *what, uint32_t round)
{
	atomic_store_explicit(what, round, memory_order_release); /* partner: wait_for() */
}

static bool bind_to(unsigned core)
{
	cpu_set_t set;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return pthread_setaffinity_np(pthread_self(), sizeof(set), &set) == 0;
}

/* Until the worker beside it has ended its round. */
static void work_apart(struct scale *s, uint32_t round)
{
	while (atomic_load_explicit(&s->ended, memory_order_acquire) != round)
		bare_round(s->bare);
}

static void second_round(struct scale *s, uint32_t round)
{
	struct pair_desk *d = &s->pair.desk[1];
	bool apart = s->round == SCALE_APART;
	s->rc = apart ? 0 : feed_round(&d->feed, SIZE_BYTES);
	quiet_hold();
	tell(&s->ready, round);
	wait_for(&s->start, round);
	if (apart)
		work_apart(s, round);
	else
		s->second_cycles = measure_turns(d);
	quiet_release();
	if (s->rc == 0 && !apart)
		s->rc = drain(d);
	tell(&s->done, round);
}

static void *run_second(void *arg)
{
	struct scale *s = arg;
	bind_to(s->other_core);
	rte_thread_register(); /* for a cache of its own in the pool */
	for (uint32_t round = 1;; round++) {
		while (atomic_load_explicit(&s->asked, memory_order_acquire) != round &&
		       !atomic_load_explicit(&s->stop, memory_order_acquire))
			rte_pause();
		if (atomic_load_explicit(&s->stop, memory_order_acquire))
			break;
		second_round(s, round);
	}
	rte_thread_unregister();
	return NULL;
}

/* `steered`: with the search for each packet's owner, which one worker alone does without. */
static int round_alone(struct pair_desk *d, bool steered, double *cycles)
{
	struct steer_worker *steer = d->worker->steer;
	int rc = feed_round(&d->feed, SIZE_BYTES);
	if (rc < 0)
		return rc;
	if (!steered)
		d->worker->steer = NULL;
	quiet_hold();
	*cycles = measure_turns(d);
	quiet_release();
	d->worker->steer = steer;
	return drain(d);
}

/* `number` counts the calls from 1. Cycles per packet of those who worked. */
static int round_of_two(struct scale *s, enum scale_round round, uint32_t number,
			double cycles[PAIR_DESKS])
{
	struct pair_desk *first = &s->pair.desk[0];
	bool waits = round == SCALE_SECOND;
	int rc = waits ? 0 : feed_round(&first->feed, SIZE_BYTES);
	s->round = round;
	tell(&s->asked, number);
	wait_for(&s->ready, number);
	quiet_hold();
	tell(&s->start, number);
	if (!waits)
		cycles[0] = measure_turns(first);
	quiet_release();
	tell(&s->ended, number);
	wait_for(&s->done, number);
	if (rc == 0 && !waits)
		rc = drain(first);
	if (round != SCALE_APART)
		cycles[1] = s->second_cycles;
	return rc < 0 ? rc : s->rc;
}

/* Of each measured round; see measure_case(). */
struct rounds {
	double *gain, *apart, *alone, *second_alone, *steered, *together;
};

enum { ROUND_FIGURES = sizeof(struct rounds) / sizeof(double *) };

static int measure(struct scale *s, struct rounds *r, uint32_t n)
{
	for (uint32_t i = 0; i < WARM_UP_ROUNDS + n; i++) {
		double alone[PAIR_DESKS], steered, both[PAIR_DESKS], apart[PAIR_DESKS];
		int rc = round_alone(&s->pair.desk[0], true, &steered);
		if (rc == 0)
			rc = round_alone(&s->pair.desk[0], false, &alone[0]);
		if (rc == 0)
			rc = round_of_two(s, SCALE_BOTH, 3 * i + 1, both);
		if (rc == 0)
			rc = round_of_two(s, SCALE_SECOND, 3 * i + 2, alone);
		if (rc == 0)
			rc = round_of_two(s, SCALE_APART, 3 * i + 3, apart);
		if (rc < 0)
			return rc;
		if (i < WARM_UP_ROUNDS)
			continue;
		uint32_t at = i - WARM_UP_ROUNDS;
		r->gain[at] = alone[0] / both[0] + alone[1] / both[1];
		r->apart[at] = 2 * alone[0] / apart[0];
		r->alone[at] = alone[0];
		r->second_alone[at] = alone[1];
		r->steered[at] = steered;
		r->together[at] = 2 / (1 / both[0] + 1 / both[1]);
	}
	return 0;
}

static int start_second(struct scale *s)
{
	atomic_store_explicit(&s->asked, 0, memory_order_relaxed);
	atomic_store_explicit(&s->stop, false, memory_order_relaxed);
	return -pthread_create(&s->thread, NULL, run_second, s);
}

static void stop_second(struct scale *s)
{
	atomic_store_explicit(&s->stop, true, memory_order_release);
	pthread_join(s->thread, NULL);
}

/* ---- cases ---- */

static void complain(const struct scale *s, int rc)
{
	fprintf(stderr, "imsgate-bench: error: scale: %s\n", strerror(-rc));
	for (unsigned q = 0; q < PAIR_DESKS; q++) {
		for (uint32_t i = COUNTER_FIRST_DROP; i < COUNT_N; i++) {
			uint64_t n = s->pair.desk[q].worker->count.n[i];
			if (n)
				fprintf(stderr, "  worker %u, %s: %lu\n", q, counter_name[i], n);
		}
	}
}

static void tell_case(struct scale *s, bool inbound, uint32_t n_sas, struct rounds *r, uint32_t n)
{
	struct stat_summary gain = stat_summarize(r->gain, n), alone = stat_summarize(r->alone, n);
	struct stat_summary apart = stat_summarize(r->apart, n);
	struct stat_summary second = stat_summarize(r->second_alone, n);
	struct stat_summary steered = stat_summarize(r->steered, n);
	struct stat_summary together = stat_summarize(r->together, n);
	const char *direction = inbound ? "inbound" : "outbound";
	char what[80];
	report_say(s->pair.run->report, "%-9s %9u %7.0f %7.0f %8.0f %9.0f %6.2f %7.2f–%.2f %6.2f\n",
		   direction, n_sas, alone.median, second.median, steered.median, together.median,
		   gain.median, gain.p10, gain.p90, apart.median);
	report_row(s->pair.run->report, "scale",
		   json_pack("{s:s, s:i, s:i, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f}", "direction",
			     direction, "n_sas", n_sas, "size_bytes", SIZE_BYTES, "cycles_alone",
			     alone.median, "cycles_second_alone", second.median,
			     "cycles_alone_steered", steered.median, "cycles_together",
			     together.median, "gain", gain.median, "gain_p10", gain.p10, "gain_p90",
			     gain.p90, "apart", apart.median));
	snprintf(what, sizeof(what), "two workers, %s, %u SAs", direction, n_sas);
	report_target(s->pair.run->report, what, gain.median, true, TARGET_GAIN, "×");
}

static int measure_case(struct scale *s, bool inbound, uint32_t n_sas)
{
	uint32_t n = s->pair.run->options->n_rounds;
	double *all = calloc(ROUND_FIGURES * (size_t)n, sizeof(*all));
	struct rounds r = { .gain = all };
	int rc = -ENOMEM;
	if (all) {
		r = (struct rounds){ all,         all + n,     all + 2 * n,
				     all + 3 * n, all + 4 * n, all + 5 * n };
		rc = start_second(s);
	}
	if (rc == 0) {
		rc = measure(s, &r, n);
		stop_second(s);
	}
	report_progress(NULL);
	if (rc < 0)
		complain(s, rc);
	else
		tell_case(s, inbound, n_sas, &r, n);
	free(all);
	return rc;
}

static int measure_all(struct scale *s)
{
	int rc = 0;
	for (unsigned inbound = 0; inbound < 2 && rc == 0; inbound++) {
		feed_begin(s->pair.run->feed, &bench_suites[0], !inbound);
		for (size_t k = 0; k < sizeof(sa_counts) / sizeof(sa_counts[0]) && rc == 0; k++) {
			if (sa_counts[k] > s->pair.run->options->max_sas)
				continue;
			report_progress("scale: %u SAs", sa_counts[k]);
			rc = feed_grow(s->pair.run->feed, sa_counts[k]);
			if (rc < 0)
				break;
			pair_share(&s->pair, sa_counts[k]);
			rc = measure_case(s, !inbound, sa_counts[k]);
		}
		pair_leave(&s->pair);
		feed_end(s->pair.run->feed);
		pair_enter(&s->pair);
	}
	return rc;
}

/* The last core besides the bench's own on which it may run; -1: none. DPDK has bound us to one. */
static int find_other_core(unsigned core)
{
	int other = CPU_SETSIZE - 1;
	while (other >= 0 && (other == (int)core || !bind_to((unsigned)other)))
		other--;
	bind_to(core);
	return other;
}

int scale_run(struct bench_run *run)
{
	struct scale *s = rte_zmalloc("scale", sizeof(*s), RTE_CACHE_LINE_SIZE);
	if (!s)
		return -ENOMEM;
	int other = find_other_core(run->bench->core);
	if (other < 0) {
		report_say(run->report, "\nTwo workers: not measured, there is one core only.\n");
		rte_free(s);
		return 0;
	}
	s->other_core = (unsigned)other;
	report_say(
		run->report,
		"\nTwo workers on cores %u and %u, each with its own source and sink, beside each "
		"alone,\n%u bytes; cycles per packet and core.\n\n%-9s %9s %7s %7s %8s %9s %6s "
		"%12s %6s\n",
		run->bench->core, s->other_core, SIZE_BYTES, "direction", "SAs", "first", "second",
		"steered", "together", "gain", "10–90 %", "apart");
	int rc = pair_open(&s->pair, run);
	s->bare = bare_new(&bench_suites[0], true, SIZE_BYTES);
	if (rc == 0 && !s->bare)
		rc = -ENOMEM;
	if (rc < 0)
		fprintf(stderr, "imsgate-bench: error: scale: two workers do not start: %s\n",
			strerror(-rc));
	else
		rc = measure_all(s);
	pair_close(&s->pair);
	bare_free(s->bare);
	rte_free(s);
	return rc;
}