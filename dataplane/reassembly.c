#include "dataplane/reassembly.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_malloc.h>

#include "dataplane/out.h"
#include "dataplane/pkt.h"
#include "dataplane/unfinished.h"

enum {
	TIMEOUT_MAX_S = 60,        /* RFC 8200 4.5 */
	FRAGMENT_HEADER_BYTES = 8, /* IPv6 */
	MORE_FRAGMENTS_V4 = 0x2000,
	OFFSET_MASK_V4 = 0x1fff,
	MORE_FRAGMENTS_V6 = 0x0001,
	OFFSET_MASK_V6 = 0xfff8,
	/* RFC 3168 5 */
	ECN_NOT_ECT = 0,
	ECN_CE = 3,
	/* Of expiry: a turn stays short, whatever has piled up. */
	EXPIRE_AT_ONCE = 32,
};

#define PIECE_OK COUNT_N /* no reason to drop */

struct reassembly {
	struct unfinished *datagrams;
	uint32_t max_held, n_held;
	_Atomic uint32_t timeout_s; /* written by: control; read by: the worker. Relaxed. */
	bool from_kernel;
};

/* ---- a fragment ---- */

/* Where the headers of an IPv6 fragment are, from the IP header on; the parser has walked them. */
struct fragment_header {
	uint16_t at;
	uint16_t named_at; /* the byte that says that it comes */
};

static struct fragment_header find_fragment_header(const uint8_t *ip)
{
	struct fragment_header h = { .at = sizeof(struct rte_ipv6_hdr), .named_at = 6 };
	while (ip[h.named_at] != IPPROTO_FRAGMENT) {
		h.named_at = h.at;
		h.at = (uint16_t)(h.at + 8 + ip[h.at + 1] * 8);
	}
	return h;
}

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Lengths as RFC 791 3.2 and RFC 8200 4.5 want them. */
static enum counter check_lengths(const struct piece *piece, uint32_t header_bytes)
{
	uint32_t end = (uint32_t)piece->offset + piece->n_bytes;
	if (piece->n_bytes == 0 || (piece->more && piece->n_bytes % 8 != 0) ||
	    end + header_bytes > UINT16_MAX)
		return COUNT_fragment_malformed;
	return end + header_bytes > REASSEMBLY_MAX_BYTES ? COUNT_fragment_too_big : PIECE_OK;
}

static enum counter describe_ipv4(const uint8_t *ip, const struct parse *at,
				  struct unfinished_key *key, struct piece *piece)
{
	uint16_t fragment = read_be16(ip + 6);
	piece->offset = (uint16_t)((fragment & OFFSET_MASK_V4) * 8u);
	piece->more = fragment & MORE_FRAGMENTS_V4;
	piece->start = at->l4;
	memcpy(key->source, ip + 12, 4);
	memcpy(key->destination, ip + 16, 4);
	key->id = (uint32_t)ip[4] << 8 | ip[5];
	key->protocol = ip[9];
	/* The datagram gets a sum of its own: damage to this header must not be covered up. */
	if (rte_raw_cksum(ip, at->l4 - at->l3) != UINT16_MAX)
		return COUNT_fragment_malformed;
	piece->n_bytes = at->end - at->l4;
	return check_lengths(piece, at->l4 - at->l3);
}

static enum counter describe_ipv6(const uint8_t *ip, const struct parse *at,
				  struct unfinished_key *key, struct piece *piece)
{
	struct fragment_header h = find_fragment_header(ip);
	uint16_t fragment = read_be16(ip + h.at + 2);
	piece->offset = fragment & OFFSET_MASK_V6;
	piece->more = fragment & MORE_FRAGMENTS_V6;
	piece->start = (uint16_t)(at->l3 + h.at + FRAGMENT_HEADER_BYTES);
	memcpy(key->source, ip + 8, 16);
	memcpy(key->destination, ip + 24, 16);
	memcpy(&key->id, ip + h.at + 4, 4);
	piece->n_bytes = at->end - piece->start;
	return check_lengths(piece, h.at);
}

static enum counter describe(struct rte_mbuf *m, const struct pkt *p, struct unfinished_key *key,
			     struct piece *piece)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l3);
	*key = (struct unfinished_key){ .family = p->at.family, .zone = p->zone };
	*piece = (struct piece){ .m = m };
	return p->at.family == API_IPV4 ? describe_ipv4(ip, &p->at, key, piece)
					: describe_ipv6(ip, &p->at, key, piece);
}

static uint8_t ecn_of(const uint8_t *ip, uint8_t family)
{
	return family == API_IPV4 ? ip[1] & 3 : ip[1] >> 4 & 3;
}

/* ---- life and death of a datagram ---- */

struct reassembly *reassembly_new(const struct reassembly_config *config, bool from_kernel,
				  int numa_node)
{
	struct reassembly *r = rte_zmalloc_socket("reassembly", sizeof(*r), 0, numa_node);
	if (!r)
		return NULL;
	r->max_held = config->n_held;
	reassembly_set_timeout(r, config->timeout_s);
	r->from_kernel = from_kernel;
	r->datagrams = unfinished_new(config->n_datagrams, numa_node);
	if (!r->datagrams) {
		rte_free(r);
		return NULL;
	}
	return r;
}

void reassembly_set_timeout(struct reassembly *r, uint32_t timeout_s)
{
	/* The clock has whole seconds, so one more is never less than was asked for. */
	atomic_store_explicit(&r->timeout_s, RTE_MIN(timeout_s + 1, (uint32_t)TIMEOUT_MAX_S),
			      memory_order_relaxed);
}

void reassembly_free(struct reassembly *r)
{
	if (!r)
		return;
	for (struct datagram *d; (d = unfinished_oldest(r->datagrams));) {
		for (unsigned i = 0; i < d->n_parts; i++)
			rte_pktmbuf_free(d->part[i].m);
		unfinished_remove(r->datagrams, d);
	}
	unfinished_free(r->datagrams);
	rte_free(r);
}

uint32_t reassembly_n_held(const struct reassembly *r)
{
	return r->n_held;
}

static void drop_parts(struct worker *w, struct reassembly *r, struct datagram *d,
		       enum counter reason)
{
	for (unsigned i = 0; i < d->n_parts; i++)
		out_drop(w, d->part[i].m, reason);
	r->n_held -= d->n_parts;
	d->n_parts = 0;
}

/* `reason` counts what it still holds. */
static void end(struct worker *w, struct reassembly *r, struct datagram *d, enum counter reason)
{
	drop_parts(w, r, d, reason);
	unfinished_remove(r->datagrams, d);
}

/* The datagram of this key: one that is being put together, or a new one. */
static struct datagram *datagram_of(struct worker *w, struct reassembly *r,
				    const struct unfinished_key *key)
{
	uint64_t peer =
		unfinished_peer(r->datagrams, key, r->from_kernel ? key->destination : key->source);
	while (r->n_held >= r->max_held)
		end(w, r, unfinished_oldest(r->datagrams), COUNT_fragment_crowded_out);
	struct datagram *d = unfinished_find(r->datagrams, key, peer);
	if (d && w->now_s < d->expires_s)
		return d;
	if (d)
		end(w, r, d, COUNT_fragment_timeout);
	struct datagram *in_the_way = unfinished_in_the_way(r->datagrams, peer);
	if (in_the_way)
		end(w, r, in_the_way, COUNT_fragment_crowded_out);
	d = unfinished_add(r->datagrams, key, peer);
	d->expires_s = w->now_s + atomic_load_explicit(&r->timeout_s, memory_order_relaxed);
	return d;
}

/* ---- a fragment meets its datagram ---- */

static bool is_copy(const struct piece *a, const struct piece *b)
{
	return a->offset == b->offset && a->n_bytes == b->n_bytes && a->more == b->more &&
	       memcmp(rte_pktmbuf_mtod_offset(a->m, const char *, a->start),
		      rte_pktmbuf_mtod_offset(b->m, const char *, b->start), a->n_bytes) == 0;
}

/* Puts it in its place among the parts, or says why not: COUNT_fragment_copy concerns it alone. */
static enum counter place(struct datagram *d, const struct piece *piece)
{
	uint32_t end = (uint32_t)piece->offset + piece->n_bytes;
	unsigned at = d->n_parts;
	while (at > 0 && d->part[at - 1].offset >= piece->offset)
		at--;
	if (at < d->n_parts && is_copy(&d->part[at], piece))
		return COUNT_fragment_copy;
	if (at > 0 && d->part[at - 1].offset + d->part[at - 1].n_bytes > piece->offset)
		return COUNT_fragment_overlap;
	if (at < d->n_parts && end > d->part[at].offset)
		return COUNT_fragment_overlap;
	/* One end, and nothing behind it. */
	if (!piece->more && (d->total_bytes || at < d->n_parts))
		return COUNT_fragment_overlap;
	if (piece->more && d->total_bytes && end >= d->total_bytes)
		return COUNT_fragment_overlap;
	if (d->n_parts == UNFINISHED_MAX_PARTS)
		return COUNT_fragment_too_many;
	memmove(&d->part[at + 1], &d->part[at], (d->n_parts - at) * sizeof(d->part[0]));
	d->part[at] = *piece;
	d->n_parts++;
	d->n_bytes += piece->n_bytes;
	if (!piece->more)
		d->total_bytes = end;
	return PIECE_OK;
}

/* ---- the whole ---- */

/* RFC 3168 5.3: congestion on the way of one fragment is the datagram's. */
static void merge_ecn(uint8_t *ip, const struct datagram *d)
{
	if (!(d->ecn & 1 << ECN_CE))
		return;
	ip[1] |= d->key.family == API_IPV4 ? ECN_CE : ECN_CE << 4;
}

static void finish_ipv4(uint8_t *ip, const struct datagram *d, uint16_t ip_bytes)
{
	struct rte_ipv4_hdr *h = (void *)ip;
	h->total_length = rte_cpu_to_be_16(ip_bytes);
	h->fragment_offset = 0; /* and may be fragmented again: no DF */
	merge_ecn(ip, d);
	h->hdr_checksum = 0;
	h->hdr_checksum = rte_ipv4_cksum(h);
}

static void finish_ipv6(uint8_t *ip, const struct datagram *d, struct fragment_header h,
			uint8_t next_header, uint16_t ip_bytes)
{
	ip[h.named_at] = next_header;
	((struct rte_ipv6_hdr *)ip)->payload_len =
		rte_cpu_to_be_16((uint16_t)(ip_bytes - sizeof(struct rte_ipv6_hdr)));
	merge_ecn(ip, d);
}

/* What stands in front of the payload, Ethernet included; the first fragment is there. */
static uint16_t headers_of(const struct datagram *d)
{
	uint16_t own_bytes = d->key.family == API_IPV4 ? 0 : FRAGMENT_HEADER_BYTES;
	return d->part[0].start - own_bytes;
}

/* Headers of the first fragment, without the one that says so, and all parts behind. */
static void write_whole(struct rte_mbuf *whole, const struct datagram *d)
{
	const struct piece *first = &d->part[0];
	const uint8_t *frame = rte_pktmbuf_mtod(first->m, const uint8_t *);
	uint16_t l3 = pkt_of(first->m)->at.l3, headers = headers_of(d);
	struct fragment_header h = { 0 };
	uint8_t next_header = 0;
	if (d->key.family == API_IPV6) {
		h = find_fragment_header(frame + l3);
		next_header = frame[l3 + h.at];
	}
	uint16_t n_bytes = (uint16_t)(headers + d->total_bytes);
	uint8_t *to = (void *)rte_pktmbuf_append(whole, n_bytes);
	assert(to); /* check_lengths() */
	memcpy(to, frame, headers);
	for (unsigned i = 0; i < d->n_parts; i++) {
		const struct piece *part = &d->part[i];
		memcpy(to + headers + part->offset,
		       rte_pktmbuf_mtod_offset(part->m, const void *, part->start), part->n_bytes);
	}
	if (d->key.family == API_IPV4)
		finish_ipv4(to + l3, d, n_bytes - l3);
	else
		finish_ipv6(to + l3, d, h, next_header, n_bytes - l3);
	whole->port = first->m->port;
	whole->hash = first->m->hash; /* whose it is: encap_is_mine() */
	struct reassembly_pkt *p = rte_mbuf_to_priv(whole);
	p->pkt.sa = NULL;
	p->largest_bytes = d->largest_bytes;
}

static void finish(struct worker *w, struct reassembly *r, struct datagram *d)
{
	/* Only now is the first fragment's header known, and with it the whole length. */
	uint32_t frame_bytes = headers_of(d) + d->total_bytes;
	if (frame_bytes - pkt_of(d->part[0].m)->at.l3 > REASSEMBLY_MAX_BYTES) {
		end(w, r, d, COUNT_fragment_too_big);
		return;
	}
	if ((d->ecn & 1 << ECN_CE) && (d->ecn & 1 << ECN_NOT_ECT)) {
		end(w, r, d, COUNT_fragment_malformed); /* RFC 3168 5.3 */
		return;
	}
	struct rte_mbuf *whole = rte_pktmbuf_alloc(w->zones->datagrams);
	if (!whole) {
		end(w, r, d, COUNT_fragment_no_buffer);
		return;
	}
	write_whole(whole, d);
	w->count.n[COUNT_fragment_whole]++;
	w->whole.m[w->whole.n++] = whole;
	end(w, r, d, COUNT_fragment_rx);
}

/*
 * RFC 6946: a whole IPv6 packet with a fragment header has nothing to do with any datagram of that
 * number. False: behind the header is another one.
 */
static bool strip_atomic(struct rte_mbuf *m, uint16_t l3)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *), *ip = frame + l3;
	struct fragment_header h = find_fragment_header(ip);
	struct rte_ipv6_hdr *ipv6 = (void *)ip;
	struct parse at;
	ip[h.named_at] = ip[h.at];
	ipv6->payload_len = rte_cpu_to_be_16(
		(uint16_t)(rte_be_to_cpu_16(ipv6->payload_len) - FRAGMENT_HEADER_BYTES));
	memmove(frame + FRAGMENT_HEADER_BYTES, frame, l3 + h.at);
	rte_pktmbuf_adj(m, FRAGMENT_HEADER_BYTES);
	return parse_frame(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &at) == PARSE_IP &&
	       !at.fragment;
}

static void take_atomic(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	if (!strip_atomic(m, p->at.l3)) {
		out_drop(w, m, COUNT_fragment_malformed);
		return;
	}
	w->whole.m[w->whole.n++] = m;
}

static void add(struct worker *w, struct reassembly *r, struct datagram *d,
		const struct piece *piece)
{
	struct parse *at = &pkt_of(piece->m)->at;
	enum counter verdict = d->refused ? COUNT_fragment_overlap : place(d, piece);
	if (verdict != PIECE_OK) {
		out_drop(w, piece->m, verdict);
		if (verdict == COUNT_fragment_copy)
			return;
		drop_parts(w, r, d, verdict);
		d->refused = true; /* and stays, so that what comes late is refused too */
		return;
	}
	r->n_held++;
	d->largest_bytes = RTE_MAX(d->largest_bytes, at->end - at->l3);
	d->ecn |= (uint8_t)(1 << ecn_of(rte_pktmbuf_mtod_offset(piece->m, uint8_t *, at->l3),
					at->family));
	if (d->n_bytes == d->total_bytes)
		finish(w, r, d);
}

void reassembly_take(struct worker *w, struct reassembly *r, struct rte_mbuf *m, struct pkt *p)
{
	struct unfinished_key key;
	struct piece piece;
	enum counter verdict = describe(m, p, &key, &piece);
	if (m->pool == w->zones->datagrams)
		verdict = COUNT_fragment_malformed; /* a fragment out of fragments */
	if (verdict != PIECE_OK)
		out_drop(w, m, verdict);
	else if (piece.offset == 0 && !piece.more)
		take_atomic(w, m, p);
	else
		add(w, r, datagram_of(w, r, &key), &piece);
}

uint32_t reassembly_collect(struct worker *w, struct rte_mbuf *m[])
{
	uint32_t n = w->whole.n;
	memcpy(m, w->whole.m, n * sizeof(m[0]));
	w->whole.n = 0;
	return n;
}

void reassembly_expire(struct worker *w, struct reassembly *r)
{
	for (unsigned n = 0; n < EXPIRE_AT_ONCE; n++) {
		struct datagram *d = unfinished_oldest(r->datagrams);
		if (!d || w->now_s < d->expires_s)
			break;
		end(w, r, d, COUNT_fragment_timeout);
	}
}
