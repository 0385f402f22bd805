#include "dataplane/inbound.h"

#include <string.h>

#include <rte_byteorder.h>

#include "dataplane/backend.h"
#include "dataplane/encap.h"
#include "dataplane/esp.h"
#include "dataplane/flood.h"
#include "dataplane/icmp.h"
#include "dataplane/inline_path.h"
#include "dataplane/rx.h"
#include "dataplane/tuple.h"
#include "dataplane/worker.h"

/* ---- clear packets ---- */

/*
 * The judgement as far as the port tells it: ESP_OK, or the reason to drop the packet. `ask`: an SA
 * may claim the tuple; `reason` is the one to drop it then.
 */
static enum counter claim_by_port(const struct worker *w, const uint8_t *frame, const struct pkt *p,
				  bool *ask, enum counter *reason)
{
	*ask = false;
	if (!rx_has_ports(p) || !p->at.first)
		return ESP_OK;
	if (p->at.end - p->at.l4 < 4)
		return COUNT_packet_truncated;
	*reason = p->at.protocol == IPPROTO_UDP ? COUNT_clear_udp_to_protected
						: COUNT_clear_tcp_to_protected;
	uint16_t port;
	memcpy(&port, frame + p->at.l4 + 2, sizeof(port));
	if (zone_is_protected(&w->zones->zone[p->zone], rte_be_to_cpu_16(port)))
		return *reason;
	*ask = true;
	return ESP_OK;
}

enum counter inbound_claim(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	enum counter reason;
	bool ask;
	enum counter verdict = claim_by_port(w, frame, p, &ask, &reason);
	if (!ask)
		return verdict;
	struct tuple tuple = tuple_of(frame, &p->at, p->zone, API_IN);
	bool claimed = tuple_find(w->sas, tuple_hash(w->sas->tuples, &tuple), &tuple);
	return claimed ? reason : ESP_OK;
}

static bool is_icmp(const struct pkt *p)
{
	return p->at.protocol == IPPROTO_ICMP || p->at.protocol == IPPROTO_ICMPV6;
}

/* What no set claims. */
static void clear_on(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	enum counter verdict = ESP_OK;
	if (unlikely(encap_claims_in(w, m, p)))
		verdict = COUNT_clear_to_tunnel;
	if (likely(verdict == ESP_OK))
		verdict = flood_in(w, m, p);
	if (unlikely(verdict != ESP_OK)) {
		out_drop(w, m, verdict);
		return;
	}
	w->count.n[COUNT_clear_rx]++;
	out_to_kernel(w, p->zone, m);
}

/* Clear packets of a burst whose tuples an SA may claim. */
struct clear_burst {
	uint32_t n;
	struct rte_mbuf *m[WORKER_BURST];
	enum counter reason[WORKER_BURST]; /* if one does */
	struct tuple_lookup lookup[WORKER_BURST];
};

/* Lets it go, drops it, or puts it to those that claims_in() judges. */
static void clear_in(struct worker *w, struct rte_mbuf *m, struct pkt *p, struct clear_burst *clear)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	struct tuple_lookup *lookup = &clear->lookup[clear->n];
	/* What is said about our ESP is no policy's: it is not for the kernel. */
	enum counter about_esp = unlikely(is_icmp(p)) ? icmp_in(w, m, p) : COUNT_clear_rx;
	if (unlikely(about_esp != COUNT_clear_rx)) {
		out_drop(w, m, about_esp);
		return;
	}
	bool ask;
	enum counter verdict = claim_by_port(w, frame, p, &ask, &clear->reason[clear->n]);
	if (unlikely(verdict != ESP_OK)) {
		out_drop(w, m, verdict);
	} else if (!ask) {
		clear_on(w, m, p);
	} else {
		lookup->tuple = tuple_of(frame, &p->at, p->zone, API_IN);
		lookup->hash = tuple_hash(w->sas->tuples, &lookup->tuple);
		clear->m[clear->n++] = m;
	}
}

/* Step by step over all of them: a flood of these waits for memory once, not for each. */
static void claims_in(struct worker *w, struct clear_burst *clear)
{
	tuple_candidates(w->sas, clear->lookup, clear->n, false);
	for (uint32_t i = 0; i < clear->n; i++) {
		struct rte_mbuf *m = clear->m[i];
		if (tuple_find_candidate(w->sas, &clear->lookup[i]))
			out_drop(w, m, clear->reason[i]);
		else
			clear_on(w, m, pkt_of(m));
	}
}

/* What is not ESP right on IP. True: it is ESP in UDP. */
static bool other_in(struct worker *w, struct rte_mbuf *m, struct pkt *p, struct clear_burst *clear)
{
	enum counter verdict = encap_udp_in(&w->zones->zone[p->zone], m, p);
	if (verdict == ESP_OK)
		return true;
	if (verdict == COUNT_clear_rx)
		clear_in(w, m, p, clear);
	else
		out_drop(w, m, verdict);
	return false;
}

/* ---- ESP, before the crypto ---- */

/* Step 1: sorts ESP from clear, and finds the SA's slot. True: an ESP packet to go on with. */
static bool sort_in(struct worker *w, const struct zone_port *port, struct rte_mbuf *m,
		    struct clear_burst *clear)
{
	struct pkt *p = pkt_of(m);
	if (!rx_parse(w, port, m, p))
		return false;
	if (p->at.protocol != IPPROTO_ESP && !other_in(w, m, p, clear))
		return false;
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
static bool is_addressed(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p,
			 const uint8_t *ip)
{
	const struct sa *sa = p->sa;
	const struct sa_id *id = &sa->id;
	if (unlikely(id->mode != API_TRANSPORT))
		return encap_is_addressed(w, m, p, ip);
	return id->zone == p->zone && id->family == p->at.family && p->at.protocol == IPPROTO_ESP &&
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

static enum counter replay_verdict_counter(enum replay_verdict verdict)
{
	return verdict == REPLAY_SEEN ? COUNT_esp_replayed : COUNT_esp_late;
}

/* Step 2: everything that can be said before the ICV. */
static enum counter check_in(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint8_t *ip = frame + p->at.l3;
	uint32_t word[2];
	memcpy(word, frame + p->at.l4, sizeof(word));
	p->sequence = rte_be_to_cpu_32(word[1]);
	p->sequence_high = 0;
	if (unlikely(!p->sa || !sa_is_inbound_spi(p->sa, rte_be_to_cpu_32(word[0]))))
		return or_reflected(w, ip, p, COUNT_esp_unknown_spi);
	if (unlikely(!is_addressed(w, m, p, ip)))
		return or_reflected(w, ip, p, COUNT_esp_wrong_address);
	if (unlikely(sa_is_expired(p->sa, w->now_s)))
		return COUNT_esp_expired;
	if (unlikely(p->sa->id.esn && !encap_extend_sequence(p)))
		return COUNT_esp_late;
	uint64_t sequence = pkt_sequence(p);
	if (unlikely(sequence == 0))
		return COUNT_esp_zero_sequence;
	enum replay_verdict replay = sa_replay_check(p->sa, sequence);
	if (unlikely(replay != REPLAY_FRESH))
		return replay_verdict_counter(replay);
	rx_prefetch_payload(m);
	enum counter verdict = esp_in_prepare(m, p);
	p->job.esn = p->sa->id.esn;
	p->job.sequence_high = p->sequence_high;
	return verdict;
}

void inbound_waiting(struct worker *w)
{
	struct crypto_job *job[WORKER_BURST], *done[WORKER_BURST];
	uint32_t n_jobs = 0, n_done = 0;

	for (uint32_t i = 0; i < w->waiting.n; i++) {
		struct rte_mbuf *m = w->waiting.m[i];
		struct pkt *p = pkt_of(m);
		enum counter verdict = check_in(w, m, p);
		bool is_marked = inline_is_marked(m);
		if (unlikely(is_marked && verdict == ESP_OK))
			verdict = inline_judge(m, p);
		if (unlikely(verdict != ESP_OK))
			out_drop(w, m, inline_drop_reason(m, verdict));
		else if (unlikely(is_marked))
			done[n_done++] = &p->job;
		else
			job[n_jobs++] = &p->job;
	}
	w->waiting.n = 0;
	if (unlikely(n_done))
		inbound_done(w, done, n_done);
	worker_crypto(w, job, n_jobs);
}

bool inbound_burst(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[], uint32_t n)
{
	struct worker_burst sorted = { .n = 0 };
	struct clear_burst clear;

	clear.n = 0;
	rx_prefetch(m, n);
	for (uint32_t i = 0; i < n; i++) {
		if (sort_in(w, port, m[i], &clear))
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
	if (unlikely(clear.n))
		claims_in(w, &clear);
	inbound_waiting(w);
	memcpy(w->waiting.m, sorted.m, sorted.n * sizeof(sorted.m[0]));
	w->waiting.n = sorted.n;
	return n == WORKER_BURST;
}

/* ---- ESP, after the crypto ---- */

/* RFC 4303 3.4.4: nothing of the packet is believed before its ICV was good. */
static enum counter verdict_of(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (unlikely(p->job.status != CRYPTO_DONE))
		return backend_drop_reason(p->job.status);
	/* Again, and now for good: an equal number may have passed within this burst. */
	enum replay_verdict replay = sa_replay_commit(p->sa, pkt_sequence(p));
	if (unlikely(replay != REPLAY_FRESH))
		return replay_verdict_counter(replay);
	return likely(p->sa->id.mode == API_TRANSPORT) ? esp_in_finish(m, p)
						       : encap_in_finish(w, m, p);
}

void inbound_done(struct worker *w, struct crypto_job *job[], uint32_t n)
{
	uint64_t n_pkts = 0, n_bytes = 0;

	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = mbuf_of_job(job[i]);
		struct pkt *p = pkt_of(m);
		enum counter verdict = verdict_of(w, m, p);
		if (unlikely(verdict != ESP_OK)) {
			out_drop(w, m, verdict);
			continue;
		}
		uint16_t ip_bytes = esp_carried_bytes(p);
		if (unlikely(p->sa->run.n_pkts++ % FLOOD_LEARN_PKTS == 0))
			flood_learn(w, m, p);
		p->sa->run.n_bytes += ip_bytes;
		n_pkts++;
		n_bytes += ip_bytes;
		out_to_kernel(w, p->zone, m);
	}
	w->count.n[COUNT_esp_rx] += n_pkts;
	w->count.n[COUNT_esp_rx_bytes] += n_bytes;
}
