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

#include <rte_ethdev.h>

#include "dataplane/clock.h"
#include "dataplane/inbound.h"
#include "dataplane/out.h"
#include "dataplane/outbound.h"
#include "dataplane/pkt.h"

/* Housekeeping every so many turns; a power of two. */
#define HOUSEKEEPING_TURNS 64

/* Hands finished jobs on, in runs of one direction. */
static void collect(struct worker *w)
{
	struct crypto_job *job[WORKER_BURST];
	for (unsigned n; (n = crypto_collect(w->crypto, job, WORKER_BURST));) {
		for (unsigned begin = 0, end; begin < n; begin = end) {
			uint8_t direction = job[begin]->direction;
			for (end = begin + 1; end < n && job[end]->direction == direction; end++)
				;
			if (direction == CRYPTO_VERIFY)
				inbound_done(w, job + begin, end - begin);
			else
				outbound_done(w, job + begin, end - begin);
		}
	}
}

void worker_crypto(struct worker *w, struct crypto_job *job[], uint32_t n)
{
	unsigned taken = crypto_submit(w->crypto, job, n);
	collect(w);
	if (likely(taken == n))
		return;
	/* The backend's queues were full: now they are not. */
	taken += crypto_submit(w->crypto, job + taken, n - taken);
	for (; taken < n; taken++)
		out_drop(w, mbuf_of_job(job[taken]), COUNT_crypto_failed);
	collect(w);
}

uint32_t worker_turn(struct worker *w)
{
	struct rte_mbuf *m[WORKER_BURST];
	uint32_t n_all = 0;
	bool more = false;

	if (w->n_turns++ % HOUSEKEEPING_TURNS == 0)
		w->now_s = clock_s(w->start_tsc);
	for (uint32_t i = 0; i < w->zones->n_ports; i++) {
		const struct zone_port *port = &w->zones->port[i];
		uint32_t n = rte_eth_rx_burst(port->port, w->number, m, WORKER_BURST);
		if (!n)
			continue;
		n_all += n;
		if (port->is_kernel)
			outbound_burst(w, port, m, n);
		else
			more |= inbound_burst(w, port, m, n);
	}
	if (n_all || w->waiting.n) {
		if (!more)
			inbound_waiting(w);
		collect(w);
		out_flush_all(w);
	}
	/*
	 * partner: sa_reclaim(). Nothing is in the crypto, and what waits has not looked into its
	 * SA yet: it will find the one of then.
	 */
	rte_rcu_qsbr_quiescent(w->sas->rcu, w->number);
	return n_all;
}

int worker_run(void *arg)
{
	struct worker *w = arg;
	const struct timespec nap = { .tv_nsec = (long)w->idle_sleep_us * 1000 };

	rte_rcu_qsbr_thread_online(w->sas->rcu, w->number);
	while (!atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		bool busy = worker_turn(w) != 0;
		atomic_store_explicit(&w->all_turns, w->all_turns + 1, memory_order_relaxed);
		if (busy)
			atomic_store_explicit(&w->busy_turns, w->busy_turns + 1,
					      memory_order_relaxed);
		else if (w->idle_sleep_us)
			nanosleep(&nap, NULL);
	}
	inbound_waiting(w);
	out_flush_all(w);
	rte_rcu_qsbr_thread_offline(w->sas->rcu, w->number);
	return 0;
}

int worker_init(struct worker *w, uint16_t number, int numa_node)
{
	w->number = number;
	w->now_s = clock_s(w->start_tsc);
	w->crypto = crypto_new(numa_node);
	if (!w->crypto)
		return -ENOMEM;
	if (rte_rcu_qsbr_thread_register(w->sas->rcu, number) != 0)
		return -EINVAL;
	return 0;
}

void worker_fini(struct worker *w)
{
	rte_rcu_qsbr_thread_unregister(w->sas->rcu, w->number);
	crypto_free(w->crypto);
	w->crypto = NULL;
}
