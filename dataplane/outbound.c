#include "dataplane/outbound.h"

#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/backend.h"
#include "dataplane/encap.h"
#include "dataplane/esp.h"
#include "dataplane/icmp.h"
#include "dataplane/inline_path.h"
#include "dataplane/out.h"
#include "dataplane/path.h"
#include "dataplane/rx.h"
#include "dataplane/tuple.h"
#include "dataplane/worker.h"

static void clear_out(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	w->count.n[COUNT_clear_tx]++;
	out_to_network(w, p->zone, m);
}

/*
 * Step 1: true when the packet has a tuple that an SA may serve; what has no ports is put to the
 * others.
 */
static bool sort_out(struct worker *w, const struct zone_port *port, struct rte_mbuf *m,
		     struct tuple_lookup *lookup, struct worker_burst *others)
{
	struct pkt *p = pkt_of(m);
	if (!rx_parse(w, port, m, p))
		return false;
	if (!rx_has_ports(p)) {
		others->m[others->n++] = m;
		return false;
	}
	if (p->at.end - p->at.l4 < 4) {
		out_drop(w, m, COUNT_packet_truncated);
		return false;
	}
	/* The headers move up, into the line before them. */
	rte_prefetch0(rte_pktmbuf_mtod_offset(m, const char *, -ESP_HEADER_BYTES));
	rx_prefetch_payload(m);
	lookup->tuple = tuple_of(rte_pktmbuf_mtod(m, uint8_t *), &p->at, p->zone, API_OUT);
	lookup->hash = tuple_hash(w->sas->tuples, &lookup->tuple);
	return true;
}

/* Takes the SA's next sequence number; RFC 4303 3.3.3. */
static inline enum counter take_sequence(struct worker *w, struct pkt *p)
{
	uint64_t last = p->sa->run.replay.top, sequence = last + 1;
	if (unlikely(last >= SA_LAST_SEQUENCE) && (!p->sa->id.esn || last == UINT64_MAX))
		return COUNT_out_exhausted;
	if (unlikely(sequence == SA_SEQUENCE_EVENT) && !p->sa->id.esn)
		rte_ring_enqueue(w->events, p->sa);
	p->sa->run.replay.top = sequence;
	p->sequence = (uint32_t)sequence;
	return ESP_OK;
}

/* No protected port of ours speaks in the clear, and nobody of ours to a peer's protected port. */
static bool may_leave_clear(const struct worker *w, const struct zone *zone,
			    const struct tuple *tuple)
{
	return !zone_is_protected(zone, rte_be_to_cpu_16(tuple->local_port_be)) &&
	       !tuple_is_peer_protected(w->sas, tuple);
}

static __rte_always_inline enum counter prepare(struct worker *w, struct rte_mbuf *m, struct pkt *p,
						uint16_t limit_bytes, bool by_port)
{
	if (unlikely(by_port))
		return inline_leave(w, m, p, limit_bytes);
	return likely(p->sa->id.mode == API_TRANSPORT) ? esp_out_prepare(m, p, limit_bytes)
						       : encap_out_prepare(m, p, limit_bytes);
}

/*
 * It may be too long for its path: RFC 4301 8.2.1. Then it is cut after ESP, which the port does
 * not do, or the kernel hears how long it may be.
 */
static __rte_noinline enum counter prepare_long(struct worker *w, struct rte_mbuf *m, struct pkt *p,
						bool by_port)
{
	uint16_t mtu_bytes = path_mtu(w, p);
	enum counter verdict = prepare(w, m, p, mtu_bytes, by_port);
	if (verdict != COUNT_out_too_big)
		return verdict;
	if (path_may_cut(m, p)) {
		if (by_port)
			inline_end(w, p->sa);
		return prepare(w, m, p, UINT16_MAX, false);
	}
	icmp_tell_too_big(w, m, p, path_clear_bytes(p, mtu_bytes));
	return verdict;
}

/* Into p->sa, whose SPI is p->spi. Inline, as all that runs for each packet of a burst. */
static __rte_always_inline enum counter seal(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	const struct zone *zone = &w->zones->zone[p->zone];
	if (unlikely(sa_is_expired(p->sa, w->now_s)))
		return COUNT_out_expired;
	if (unlikely(!encap_is_mine(w, m, p, p->sa->id.mode == API_TUNNEL)))
		return COUNT_out_no_tunnel;
	uint16_t ip_bytes = esp_carried_bytes(p), limit_bytes = out_limit(w, m, zone);
	bool by_port =
		unlikely(inline_is(p->sa, CRYPTO_INLINE_PROTOCOL)) && inline_begin(w, m, p->sa);
	enum counter verdict = take_sequence(w, p);
	if (likely(verdict == ESP_OK))
		verdict = prepare(w, m, p, limit_bytes, by_port);
	if (unlikely(verdict == COUNT_out_too_big))
		verdict = prepare_long(w, m, p, by_port);
	if (likely(verdict == ESP_OK)) {
		p->sa->run.n_pkts++;
		p->sa->run.n_bytes += ip_bytes;
		w->count.n[COUNT_esp_tx_bytes] += ip_bytes;
	}
	return verdict;
}

/* What no set claims: into the tunnel of its policy, or clear. Verdicts as of protect(). */
static __rte_noinline enum counter protect_other(struct worker *w, struct rte_mbuf *m,
						 struct pkt *p)
{
	enum counter verdict = encap_find_out(w, m, p);
	return verdict == ESP_OK && p->spi ? seal(w, m, p) : verdict;
}

/* Step 3: the SA of the tuple, or the reason to drop; p->spi is 0 for a clear packet. */
static __rte_always_inline enum counter protect(struct worker *w, struct rte_mbuf *m, struct pkt *p,
						const struct tuple_lookup *lookup)
{
	p->sa = tuple_find_candidate(w->sas, lookup);
	p->spi = p->sa ? atomic_load_explicit(&p->sa->id.key, memory_order_relaxed) : 0;
	if (likely(p->spi))
		return seal(w, m, p);
	return may_leave_clear(w, &w->zones->zone[p->zone], &lookup->tuple) ? protect_other(w, m, p)
									    : COUNT_out_no_sa;
}

/* Drops it, lets it go, leaves its crypto to the port, or puts it to the jobs. */
static __rte_always_inline void follow(struct worker *w, struct rte_mbuf *m, enum counter verdict,
				       struct crypto_job *job[], uint32_t *n_jobs)
{
	struct pkt *p = pkt_of(m);
	if (unlikely(verdict != ESP_OK))
		out_drop(w, m, verdict);
	else if (!p->spi)
		clear_out(w, m, p);
	else if (unlikely(inline_concerns(p)) && inline_take(w, m, p))
		outbound_done(w, (struct crypto_job *[]){ &p->job }, 1);
	else
		job[(*n_jobs)++] = &p->job;
}

void outbound_burst(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[],
		    uint32_t n)
{
	struct rte_mbuf *with_ports[WORKER_BURST];
	struct tuple_lookup lookup[WORKER_BURST];
	struct crypto_job *job[WORKER_BURST];
	struct worker_burst others = { .n = 0 };
	uint32_t n_lookups = 0, n_jobs = 0;

	rx_prefetch(m, n);
	for (uint32_t i = 0; i < n; i++) {
		if (sort_out(w, port, m[i], &lookup[n_lookups], &others))
			with_ports[n_lookups++] = m[i];
	}
	tuple_candidates(w->sas, lookup, n_lookups, true);
	for (uint32_t i = 0; i < n_lookups; i++) {
		struct pkt *p = pkt_of(with_ports[i]);
		follow(w, with_ports[i], protect(w, with_ports[i], p, &lookup[i]), job, &n_jobs);
	}
	for (uint32_t i = 0; i < others.n; i++)
		follow(w, others.m[i], protect_other(w, others.m[i], pkt_of(others.m[i])), job,
		       &n_jobs);
	worker_crypto(w, job, n_jobs);
}

/* Cuts what is longer than its path carries. */
static void leave_long(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	if (m->data_len - p->at.l3 > path_mtu(w, p))
		fragment_to_network(w, p->zone, m);
	else
		out_to_network(w, p->zone, m);
}

void outbound_done(struct worker *w, struct crypto_job *job[], uint32_t n)
{
	uint32_t n_sealed = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = mbuf_of_job(job[i]);
		if (unlikely(job[i]->status != CRYPTO_DONE)) {
			out_drop(w, m, backend_drop_reason(job[i]->status));
			continue;
		}
		struct pkt *p = pkt_of(m);
		if (unlikely(p->sa->id.mode != API_TRANSPORT))
			encap_out_finish(m, p);
		n_sealed++;
		if (unlikely(m->data_len - p->at.l3 > path_limit(w, &w->zones->zone[p->zone])))
			leave_long(w, m, p);
		else
			out_to_network(w, p->zone, m);
	}
	w->count.n[COUNT_esp_tx] += n_sealed;
}
