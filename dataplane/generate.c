#include "dataplane/generate.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_mbuf.h>

#include "dataplane/worker.h"

static uint32_t due(struct generate *g)
{
	uint64_t n = g->is_endless ? WORKER_BURST : RTE_MIN(g->n_left, (uint64_t)WORKER_BURST);
	if (!g->interval_q8)
		return (uint32_t)n;
	uint64_t now_tsc = rte_rdtsc();
	g->credit_q8 = RTE_MIN(g->credit_q8 + ((now_tsc - g->last_tsc) << 8), g->credit_max_q8);
	g->last_tsc = now_tsc;
	return (uint32_t)RTE_MIN(n, g->credit_q8 / g->interval_q8);
}

static void fill(const struct generate *g, const struct generate_headers *h, struct rte_mbuf *m)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	memcpy(frame, h->bytes, h->n_bytes);
	memset(frame + h->n_bytes, 0, g->frame_bytes - h->n_bytes);
	m->data_len = (uint16_t)g->frame_bytes;
	m->pkt_len = g->frame_bytes;
}

static void end(struct generate *g)
{
	/* partner: generator_is_idle() */
	atomic_store_explicit(&g->state, GENERATE_IDLE, memory_order_release);
}

uint32_t generate_burst(struct worker *w, const struct zone_port **port, struct rte_mbuf *m[])
{
	struct generate *g = &w->generate;
	if (atomic_load_explicit(&g->state, memory_order_relaxed) == GENERATE_STOPS) {
		end(g);
		return 0;
	}
	if (atomic_load_explicit(&w->is_paused, memory_order_relaxed))
		return 0;
	uint32_t n = due(g), n_made = 0;
	if (!n)
		return 0;
	if (rte_pktmbuf_alloc_bulk(g->pool, m, n) != 0) { /* later: nothing is lost by that */
		w->count.n[COUNT_generate_no_buffer]++;
		return 0;
	}
	uint8_t port_idx = g->headers[g->next].port_idx;
	while (n_made < n && g->headers[g->next].port_idx == port_idx) {
		fill(g, &g->headers[g->next], m[n_made++]);
		g->next = g->next + 1 < g->n_headers ? g->next + 1 : 0;
	}
	rte_pktmbuf_free_bulk(m + n_made, n - n_made);
	*port = &w->zones->port[port_idx];
	w->count.n[COUNT_generate_tx] += n_made;
	g->credit_q8 -= n_made * g->interval_q8;
	g->n_left -= g->is_endless ? 0 : n_made;
	if (!g->is_endless && !g->n_left)
		end(g);
	return n_made;
}
