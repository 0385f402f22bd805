/*
 * A packet's way, top to bottom.
 *
 * From the network:  receive → parse → SA by SPI → replay check → submit
 *                    → collect → verdict, replay commit, strip, selectors → kernel port
 * From the kernel:   receive → parse → SA by tuple → sequence number, encapsulate → submit
 *                    → collect → network port
 *
 * Each step runs over the whole burst before the next begins, so that the cache misses of one
 * step overlap: that, not arithmetic, is what many SAs cost.
 */
#include "dataplane/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <time.h>

#include <rte_byteorder.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_prefetch.h>

#include "dataplane/clock.h"
#include "dataplane/esp.h"
#include "dataplane/out.h"
#include "dataplane/pkt.h"
#include "dataplane/tuple.h"

/* Housekeeping every so many turns; a power of two. */
#define HOUSEKEEPING_TURNS 64

/* ---- from the crypto ---- */

static enum counter replay_verdict_counter(enum replay_verdict verdict)
{
	return verdict == REPLAY_SEEN ? COUNT_esp_replayed : COUNT_esp_late;
}

/* RFC 4303 3.4.4: nothing of the packet is believed before its ICV was good. */
static void inbound_done(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (unlikely(p->job.status != CRYPTO_DONE)) {
		out_drop(w, m,
			 p->job.status == CRYPTO_BAD_ICV ? COUNT_esp_bad_icv : COUNT_crypto_failed);
		return;
	}
	/* Again, and now for good: an equal number may have passed within this burst. */
	enum replay_verdict replay = sa_replay_commit(p->sa, p->sequence);
	if (unlikely(replay != REPLAY_FRESH)) {
		out_drop(w, m, replay_verdict_counter(replay));
		return;
	}
	enum counter verdict = esp_in_finish(m, p);
	if (unlikely(verdict != ESP_OK)) {
		out_drop(w, m, verdict);
		return;
	}
	uint16_t ip_bytes = p->at.end - p->at.l4;
	p->sa->run.n_pkts++;
	p->sa->run.n_bytes += ip_bytes;
	w->count.n[COUNT_esp_rx]++;
	w->count.n[COUNT_esp_rx_bytes] += ip_bytes;
	out_to_kernel(w, p->zone, m);
}

static void outbound_done(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (unlikely(p->job.status != CRYPTO_DONE)) {
		out_drop(w, m, COUNT_crypto_failed);
		return;
	}
	w->count.n[COUNT_esp_tx]++;
	out_to_network(w, p->zone, m);
}

static void collect(struct worker *w)
{
	struct crypto_job *job[WORKER_BURST];
	for (unsigned n; (n = crypto_collect(w->crypto, job, WORKER_BURST));) {
		for (unsigned i = 0; i < n; i++) {
			struct rte_mbuf *m = mbuf_of_job(job[i]);
			struct pkt *p = pkt_of(m);
			if (job[i]->direction == CRYPTO_VERIFY)
				inbound_done(w, m, p);
			else
				outbound_done(w, m, p);
		}
	}
}

static void submit(struct worker *w, struct crypto_job *job[], unsigned n)
{
	unsigned taken = crypto_submit(w->crypto, job, n);
	if (likely(taken == n))
		return;
	collect(w); /* the backend's queues were full: now they are not */
	taken += crypto_submit(w->crypto, job + taken, n - taken);
	for (; taken < n; taken++)
		out_drop(w, mbuf_of_job(job[taken]), COUNT_crypto_failed);
}

/* ---- from the network ---- */

static bool has_ports(const struct pkt *p)
{
	return p->at.protocol == IPPROTO_UDP || p->at.protocol == IPPROTO_TCP;
}

/*
 * A clear packet reaches the kernel only when no SA claims its tuple (TS 33.203 7.1, C-061). Of
 * fragments the first one is judged; without it the others never become a datagram.
 */
static void clear_in(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (has_ports(p) && p->at.first) {
		if (p->at.end - p->at.l4 < 4) {
			out_drop(w, m, COUNT_packet_truncated);
			return;
		}
		const uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
		enum counter reason = p->at.protocol == IPPROTO_UDP ? COUNT_clear_udp_to_protected
								    : COUNT_clear_tcp_to_protected;
		uint16_t port;
		memcpy(&port, frame + p->at.l4 + 2, sizeof(port));
		if (zone_is_protected(&w->zones->zone[p->zone], rte_be_to_cpu_16(port))) {
			out_drop(w, m, reason);
			return;
		}
		struct tuple tuple = tuple_of(frame, &p->at, p->zone, API_IN);
		if (tuple_find(w->sas, tuple_hash(w->sas->tuples, &tuple), &tuple)) {
			out_drop(w, m, reason);
			return;
		}
	}
	w->count.n[COUNT_clear_rx]++;
	out_to_kernel(w, p->zone, m);
}

/* The lines that every step reads or writes: headers, and the packet's own two. */
static void prefetch_pkts(struct rte_mbuf *m[], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const char *frame = rte_pktmbuf_mtod(m[i], const char *), *p = (void *)pkt_of(m[i]);
		rte_prefetch0(frame);
		rte_prefetch0(frame + SA_LINE_BYTES);
		rte_prefetch0(frame + 2 * SA_LINE_BYTES);
		rte_prefetch0(p);
		rte_prefetch0(p + SA_LINE_BYTES);
	}
}

/* The zone of a frame's VLAN and where its headers are; false: the packet is gone. */
static bool parse_in(struct worker *w, const struct zone_port *port, struct rte_mbuf *m,
		     struct pkt *p)
{
	if (unlikely(m->nb_segs != 1)) {
		out_drop(w, m, COUNT_packet_malformed);
		return false;
	}
	enum parse_verdict verdict =
		parse_frame(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &p->at);
	if (unlikely(verdict == PARSE_TRUNCATED || verdict == PARSE_MALFORMED)) {
		out_drop(w, m,
			 verdict == PARSE_TRUNCATED ? COUNT_packet_truncated
						    : COUNT_packet_malformed);
		return false;
	}
	p->zone = port->is_kernel ? port->zone : port->zone_of_vlan[p->at.vlan];
	if (unlikely(p->zone == ZONE_NONE || (port->is_kernel && p->at.vlan))) {
		out_drop(w, m, COUNT_packet_unknown_zone);
		return false;
	}
	if (verdict == PARSE_OTHER)
		p->at.protocol = 0;
	return true;
}

/* Step 1: sorts ESP from clear, and finds the SA's slot. True: an ESP packet to go on with. */
static bool sort_in(struct worker *w, const struct zone_port *port, struct rte_mbuf *m)
{
	struct pkt *p = pkt_of(m);
	if (!parse_in(w, port, m, p))
		return false;
	if (p->at.protocol != IPPROTO_ESP) {
		clear_in(w, m, p);
		return false;
	}
	if (unlikely(p->at.fragment)) {
		out_drop(w, m, COUNT_esp_fragment);
		return false;
	}
	if (unlikely(p->at.end - p->at.l4 < ESP_HEADER_BYTES)) {
		out_drop(w, m, COUNT_esp_truncated);
		return false;
	}
	const uint8_t *esp = rte_pktmbuf_mtod_offset(m, uint8_t *, p->at.l4);
	uint32_t spi_be;
	memcpy(&spi_be, esp, sizeof(spi_be));
	p->sa = sa_slot_of_spi(w->sas, rte_be_to_cpu_32(spi_be));
	return true;
}

/* The outer header says what the SA says. */
static bool is_addressed(const struct worker *w, const struct sa *sa, const uint8_t *ip,
			 const struct pkt *p)
{
	const struct sa_id *id = &sa->id;
	return id->zone == p->zone && id->family == p->at.family &&
	       sa_peer_equal(sa, parse_source(ip, id->family)) &&
	       local_address_equal(w->sas->locals->entry[id->local].address,
				   parse_destination(ip, id->family), id->family);
}

/* Seed 5.1.4(4): our own packet played back to us. Counted apart, as it tells more. */
static enum counter or_reflected(const struct worker *w, const uint8_t *ip, const struct pkt *p,
				 enum counter reason)
{
	bool ours = local_is_ours(w->sas->locals, p->zone, p->at.family,
				  parse_source(ip, p->at.family));
	return ours ? COUNT_esp_reflected : reason;
}

/* Step 2: everything that can be said before the ICV. */
static enum counter check_in(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint8_t *ip = frame + p->at.l3;
	uint32_t word[2];
	memcpy(word, frame + p->at.l4, sizeof(word));
	p->sequence = rte_be_to_cpu_32(word[1]);
	if (unlikely(!p->sa || !sa_is_inbound_spi(p->sa, rte_be_to_cpu_32(word[0]))))
		return or_reflected(w, ip, p, COUNT_esp_unknown_spi);
	if (unlikely(!is_addressed(w, p->sa, ip, p)))
		return or_reflected(w, ip, p, COUNT_esp_wrong_address);
	if (unlikely(sa_is_expired(p->sa, w->now_s)))
		return COUNT_esp_expired;
	if (unlikely(p->sequence == 0))
		return COUNT_esp_zero_sequence;
	enum replay_verdict replay = sa_replay_check(p->sa, p->sequence);
	if (unlikely(replay != REPLAY_FRESH))
		return replay_verdict_counter(replay);
	return esp_in_prepare(m, p);
}

/* Step 2 for the packets that step 1 left waiting. */
static void check_waiting(struct worker *w)
{
	struct crypto_job *job[WORKER_BURST];
	uint32_t n_jobs = 0;

	for (uint32_t i = 0; i < w->waiting.n; i++) {
		struct rte_mbuf *m = w->waiting.m[i];
		struct pkt *p = pkt_of(m);
		enum counter verdict = check_in(w, m, p);
		if (likely(verdict == ESP_OK))
			job[n_jobs++] = &p->job;
		else
			out_drop(w, m, verdict);
	}
	w->waiting.n = 0;
	submit(w, job, n_jobs);
	collect(w);
}

/*
 * While bursts are full, a burst waits for the next one between the steps: its SAs come in from
 * memory while the burst before is in the crypto. Returns whether that may go on.
 */
static bool from_network(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[],
			 uint32_t n)
{
	struct worker_burst sorted = { .n = 0 };

	w->count.n[COUNT_network_rx] += n;
	prefetch_pkts(m, n);
	for (uint32_t i = 0; i < n; i++) {
		if (sort_in(w, port, m[i]))
			sorted.m[sorted.n++] = m[i];
	}
	/*
	 * A loop of its own: a prefetch that misses the TLB holds its place in the core until the
	 * page walk is done, and between long stretches of code only three or four fit in at a
	 * time.
	 */
	for (uint32_t i = 0; i < sorted.n; i++) {
		const struct pkt *p = pkt_of(sorted.m[i]);
		if (p->sa)
			sa_prefetch(p->sa, p->at.family);
	}
	check_waiting(w);
	memcpy(w->waiting.m, sorted.m, sorted.n * sizeof(sorted.m[0]));
	w->waiting.n = sorted.n;
	return n == WORKER_BURST;
}

/* ---- from the kernel ---- */

static void clear_out(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	w->count.n[COUNT_clear_tx]++;
	out_to_network(w, p->zone, m);
}

/*
 * Step 1: true when the packet has a tuple that an SA may serve. A fragment has none, and may be
 * part of a datagram that must not leave in the clear: it does not leave (RFC 4303 3.3.4).
 */
static bool sort_out(struct worker *w, const struct zone_port *port, struct rte_mbuf *m,
		     struct tuple *tuple, uint64_t *hash)
{
	struct pkt *p = pkt_of(m);
	if (!parse_in(w, port, m, p))
		return false;
	if (!has_ports(p)) {
		clear_out(w, m, p);
		return false;
	}
	if (p->at.fragment) {
		out_drop(w, m, COUNT_out_fragment);
		return false;
	}
	if (p->at.end - p->at.l4 < 4) {
		out_drop(w, m, COUNT_packet_truncated);
		return false;
	}
	*tuple = tuple_of(rte_pktmbuf_mtod(m, uint8_t *), &p->at, p->zone, API_OUT);
	*hash = tuple_hash(w->sas->tuples, tuple);
	return true;
}

/* Takes the SA's next sequence number; RFC 4303 3.3.3. */
static enum counter take_sequence(struct worker *w, struct pkt *p)
{
	uint64_t sequence = p->sa->run.replay.top + 1;
	if (unlikely(sequence > SA_LAST_SEQUENCE))
		return COUNT_out_exhausted;
	if (unlikely(sequence == SA_SEQUENCE_EVENT))
		rte_ring_sp_enqueue(w->events, p->sa);
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

/* Step 3: the SA of the tuple, or the reason to drop; p->spi is 0 for a clear packet. */
static enum counter protect(struct worker *w, struct rte_mbuf *m, struct pkt *p,
			    const struct tuple *tuple, uint64_t hash)
{
	const struct zone *zone = &w->zones->zone[p->zone];
	p->sa = tuple_find(w->sas, hash, tuple);
	p->spi = p->sa ? atomic_load_explicit(&p->sa->id.key, memory_order_relaxed) : 0;
	if (!p->spi)
		return may_leave_clear(w, zone, tuple) ? ESP_OK : COUNT_out_no_sa;
	if (unlikely(sa_is_expired(p->sa, w->now_s)))
		return COUNT_out_expired;
	uint16_t ip_bytes = p->at.end - p->at.l4;
	enum counter verdict = take_sequence(w, p);
	if (likely(verdict == ESP_OK))
		verdict = esp_out_prepare(m, p, zone->mtu_bytes);
	if (likely(verdict == ESP_OK)) {
		p->sa->run.n_pkts++;
		p->sa->run.n_bytes += ip_bytes;
		w->count.n[COUNT_esp_tx_bytes] += ip_bytes;
	}
	return verdict;
}

static void from_kernel(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[],
			uint32_t n)
{
	struct rte_mbuf *with_ports[WORKER_BURST];
	struct tuple tuple[WORKER_BURST];
	uint64_t hash[WORKER_BURST];
	struct crypto_job *job[WORKER_BURST];
	uint32_t n_tuples = 0, n_jobs = 0;

	w->count.n[COUNT_kernel_rx] += n;
	prefetch_pkts(m, n);
	for (uint32_t i = 0; i < n; i++) {
		if (sort_out(w, port, m[i], &tuple[n_tuples], &hash[n_tuples]))
			with_ports[n_tuples++] = m[i];
	}
	for (uint32_t i = 0; i < n_tuples; i++) /* short loops: see from_network() */
		tuple_prefetch(w->sas->tuples, hash[i]);
	for (uint32_t i = 0; i < n_tuples; i++) {
		const struct sa *sa = tuple_candidate(w->sas, hash[i]);
		if (sa)
			sa_prefetch(sa, tuple[i].family);
	}
	for (uint32_t i = 0; i < n_tuples; i++) {
		struct pkt *p = pkt_of(with_ports[i]);
		enum counter verdict = protect(w, with_ports[i], p, &tuple[i], hash[i]);
		if (unlikely(verdict != ESP_OK))
			out_drop(w, with_ports[i], verdict);
		else if (p->spi)
			job[n_jobs++] = &p->job;
		else
			clear_out(w, with_ports[i], p);
	}
	submit(w, job, n_jobs);
}

/* ---- the turn ---- */

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
			from_kernel(w, port, m, n);
		else
			more |= from_network(w, port, m, n);
	}
	if (n_all || w->waiting.n) {
		if (!more)
			check_waiting(w);
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
	check_waiting(w);
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
