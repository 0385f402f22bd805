/*
 * A packet's way, top to bottom.
 *
 * inbound.c:   receive → parse → SA by SPI → replay check → submit
 *              → collect → verdict, replay commit, strip, selectors → kernel port
 * outbound.c:  receive → parse → SA by tuple → sequence number, encapsulate → submit
 *              → collect → network port
 *
 * Each step runs over the whole burst before the next begins, so that the cache misses of one
 * step overlap: that, not arithmetic, is what many SAs cost.
 */
#include "dataplane/worker.h"

#include <errno.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "dataplane/clock.h"
#include "dataplane/flood.h"
#include "dataplane/inbound.h"
#include "dataplane/out.h"
#include "dataplane/outbound.h"
#include "dataplane/path.h"
#include "dataplane/pkt.h"
#include "dataplane/rx.h"
#include "dataplane/steer.h"

/* Housekeeping every so many turns; a power of two. */
#define HOUSEKEEPING_TURNS 64

/* What a device may take for its last jobs when the worker stops: a thousand times what it does. */
#define SETTLE_MS 100

/* Of a worker that owns no UE, if idle ones do not sleep otherwise: its core is another's. */
#define UNUSED_SLEEP_US 100

/* Hands finished jobs on, in runs of one direction. */
static void done(struct worker *w, struct crypto_job *job[], uint32_t n)
{
	for (uint32_t begin = 0, end; begin < n; begin = end) {
		uint8_t direction = job[begin]->direction;
		for (end = begin + 1; end < n && job[end]->direction == direction; end++)
			;
		if (direction == CRYPTO_VERIFY)
			inbound_done(w, job + begin, end - begin);
		else
			outbound_done(w, job + begin, end - begin);
	}
}

void worker_crypto(struct worker *w, struct crypto_job *job[], uint32_t n)
{
	n = crypto_divert(w->crypto, job, n);
	if (!n)
		return;
	crypto_run(w->crypto, job, n);
	done(w, job, n);
}

/* What devices have done meanwhile. Returns how many packets. */
static uint32_t late(struct worker *w)
{
	struct crypto_job *job[WORKER_BURST];
	uint32_t n_all = 0;
	for (uint32_t n; (n = crypto_collect(w->crypto, job, WORKER_BURST)); n_all += n)
		done(w, job, n);
	w->count.n[COUNT_crypto_device] += n_all;
	return n_all;
}

/* Packets that are this worker's own. Returns whether a burst of them may wait for the next. */
static bool input(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[], uint32_t n)
{
	bool more = false;
	/*
	 * And once more for the datagrams whose last fragment was among them. Whose ESP in UDP is
	 * says its SPI, which fragments do not have.
	 */
	while (n) {
		if (port->is_kernel)
			outbound_burst(w, port, m, n);
		else
			more |= inbound_burst(w, port, m, n);
		n = reassembly_collect(w, m);
		if (unlikely(n) && w->steer)
			n = steer_in(w, port, m, n);
	}
	return more;
}

/* What other workers received for this one, and what they cannot send. */
static uint32_t from_workers(struct worker *w, bool *more)
{
	struct rte_mbuf *m[WORKER_BURST];
	const struct zone_port *port;
	uint32_t n_all = steer_turn_begin(w);
	crypto_hold(w->crypto, steer_is_draining(w)); /* a queue in steady use is never empty */
	for (uint32_t n; (n = steer_take(w, &port, m)); n_all += n) {
		for (uint32_t i = 0; i < n; i++)
			rx_count(w, port, m[i]);
		*more |= input(w, port, m, n);
	}
	return n_all;
}

static void keep_house(struct worker *w)
{
	w->now_s = clock_s(w->start_tsc);
	w->path_floor = path_floor(w->sas->paths, w->now_s);
	reassembly_expire(w, w->from_network);
	reassembly_expire(w, w->from_kernel);
}

/* Packets of a port, as they come. Returns whether a burst of them may wait for the next. */
static bool received(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[],
		     uint32_t n)
{
	if (n && w->steer)
		n = steer_in(w, port, m, n);
	if (!n)
		return false;
	w->count.n[port->is_kernel ? COUNT_kernel_rx : COUNT_network_rx] += n;
	return input(w, port, m, n);
}

uint32_t worker_turn(struct worker *w)
{
	struct rte_mbuf *m[WORKER_BURST];
	bool more = false;

	if (w->n_turns++ % HOUSEKEEPING_TURNS == 0)
		keep_house(w);
	uint32_t n_late = crypto_in_flight(w->crypto) ? late(w) : 0;
	uint32_t n_all = w->steer ? from_workers(w, &more) : 0;
	bool is_paused = atomic_load_explicit(&w->is_paused, memory_order_relaxed);
	for (uint32_t i = 0; i < w->zones->n_ports && !is_paused; i++) {
		const struct zone_port *port = &w->zones->port[i];
		uint16_t queue = port->queue_of[w->number];
		if (queue == ZONE_NO_QUEUE)
			continue;
		uint32_t n = rte_eth_rx_burst(port->port, queue, m, WORKER_BURST);
		n_all += n;
		more |= received(w, port, m, n);
	}
	if (unlikely(generate_is_on(&w->generate))) {
		const struct zone_port *port = NULL;
		uint32_t n = generate_burst(w, &port, m);
		n_all += n;
		more |= received(w, port, m, n);
	}
	if (n_all || w->waiting.n || n_late || w->dropped.n) {
		if (!more || steer_is_draining(w))
			inbound_waiting(w);
		out_flush_all(w);
	}
	/*
	 * partner: sa_reclaim(). Nothing is in the cpu's crypto, what a device has is counted in
	 * its SA's session, and what waits has not looked into its SA yet: it will find the one of
	 * then.
	 */
	rte_rcu_qsbr_quiescent(w->sas->rcu, w->number);
	if (w->steer)
		steer_turn_end(w, w->waiting.n || crypto_in_flight(w->crypto));
	return n_all;
}

/* Everything that waits or is in a device goes its way, if the device gives it back. */
static void settle(struct worker *w)
{
	uint64_t end_tsc = rte_rdtsc() + rte_get_tsc_hz() / 1000 * SETTLE_MS;
	inbound_waiting(w);
	while (crypto_in_flight(w->crypto) && rte_rdtsc() < end_tsc)
		late(w);
	out_flush_all(w);
}

/* Nothing came in: a nap, if the configuration has one, or if no UE is this worker's. */
static void idle(const struct worker *w)
{
	uint32_t nap_us = atomic_load_explicit(&w->idle_sleep_us, memory_order_relaxed);
	if (!nap_us && steer_is_unused(w))
		nap_us = UNUSED_SLEEP_US;
	if (!nap_us)
		return;
	const struct timespec nap = { .tv_nsec = (long)nap_us * 1000 };
	nanosleep(&nap, NULL);
}

int worker_run(void *arg)
{
	struct worker *w = arg;
	rte_rcu_qsbr_thread_online(w->sas->rcu, w->number);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		bool busy = worker_turn(w) != 0 || crypto_in_flight(w->crypto);
		atomic_store_explicit(&w->all_turns, w->all_turns + 1, memory_order_relaxed);
		if (busy)
			atomic_store_explicit(&w->busy_turns, w->busy_turns + 1,
					      memory_order_relaxed);
		else
			idle(w);
	}
	settle(w);
	rte_rcu_qsbr_thread_offline(w->sas->rcu, w->number);
	return 0;
}

int worker_init(struct worker *w, uint16_t number, int numa_node)
{
	w->number = number;
	for (uint32_t i = 0; i < w->zones->n_ports; i++)
		w->tx_queue[w->zones->port[i].port] = w->zones->port[i].queue_of[number];
	w->now_s = clock_s(w->start_tsc);
	w->path_floor = PATH_FLOOR_NONE;
	w->crypto = crypto_new(numa_node);
	w->from_network = reassembly_new(&w->fragments, false, numa_node);
	w->from_kernel = reassembly_new(&w->fragments, true, numa_node);
	w->flood = flood_new(w->n_flood_sources, numa_node);
	if (!w->crypto || !w->from_network || !w->from_kernel || !w->flood)
		return -ENOMEM;
	if (rte_rcu_qsbr_thread_register(w->sas->rcu, number) != 0)
		return -EINVAL;
	return 0;
}

void worker_fini(struct worker *w)
{
	rte_rcu_qsbr_thread_unregister(w->sas->rcu, w->number);
	reassembly_free(w->from_network);
	reassembly_free(w->from_kernel);
	flood_free(w->flood);
	crypto_free(w->crypto);
	w->crypto = NULL;
}
