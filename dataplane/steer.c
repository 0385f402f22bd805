#include "dataplane/steer.h"

#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <rte_ring.h>

#include "dataplane/encap.h"
#include "dataplane/out.h"
#include "dataplane/queue.h"
#include "dataplane/rx.h"

enum {
	STEER_PARKED_PKTS = 1024,
};

/* A ring of finished packets to this worker, which has a queue on their port. */
struct steer_lent {
	struct rte_ring *ring;
	uint16_t port;
};

struct steer_worker {
	/* set by control before the worker runs */
	struct steer *steer;
	uint16_t number;
	struct rte_ring *to[WORKER_MAX], *from[WORKER_MAX]; /* NULL: itself */
	struct rte_ring *borrowed[RTE_MAX_ETHPORTS];        /* NULL: has a queue itself */
	struct steer_lent *lent;
	uint32_t n_lent;

	/* the worker's own */
	const struct owner_map *map; /* of this turn */
	uint32_t reported;           /* what `seen` says */
	uint64_t is_staged;          /* a bit for each worker with staged packets */
	struct worker_burst staged[WORKER_MAX];
	struct worker_burst taken;     /* from one source, of any port; not yet asked for */
	uint32_t source, source_left;  /* the ring that is next in this turn, and its share */
	uint32_t n_parked, n_unparked; /* and how many of them were taken again */
	struct rte_mbuf *parked[STEER_PARKED_PKTS];

	/* written by: the worker; read by: telemetry */
	_Atomic uint64_t n_given, n_taken;
	_Atomic uint32_t n_buckets;
	/* written by: the worker; read by: control. The generation of the map it works with. */
	_Alignas(RTE_CACHE_LINE_SIZE) _Atomic uint32_t seen;
};

static void add_to(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no need for an atomic addition. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* Nobody but the receiver has counted the packet yet. */
static void drop_received(struct worker *w, const struct zone_port *port, struct rte_mbuf *m)
{
	rx_count(w, port, m);
	out_drop(w, m, COUNT_steer_full);
}

/* ---- giving ---- */

static void park(struct worker *w, struct rte_mbuf *m)
{
	struct steer_worker *s = w->steer;
	if (unlikely(s->n_parked == STEER_PARKED_PKTS))
		drop_received(w, s->steer->port[m->port], m);
	else
		s->parked[s->n_parked++] = m;
}

/* The port and the bucket travel in the mbuf, in fields that say about the same in a driver. */
static void give(struct worker *w, const struct zone_port *port, struct rte_mbuf *m,
		 uint32_t bucket, uint8_t owner)
{
	struct steer_worker *s = w->steer;
	m->port = port->port;
	m->hash.rss = bucket;
	uint8_t to = owner & (uint8_t)~OWNER_MOVING;
	if (to == s->number) {
		park(w, m);
		return;
	}
	struct worker_burst *staged = &s->staged[to];
	staged->m[staged->n++] = m;
	s->is_staged |= UINT64_C(1) << to;
}

static void give_staged(struct worker *w, const struct zone_port *port)
{
	struct steer_worker *s = w->steer;
	for (; s->is_staged; s->is_staged &= s->is_staged - 1) {
		unsigned to = (unsigned)__builtin_ctzll(s->is_staged);
		struct worker_burst *staged = &s->staged[to];
		unsigned n =
			rte_ring_sp_enqueue_burst(s->to[to], (void **)staged->m, staged->n, NULL);
		add_to(&s->n_given, n);
		for (; n < staged->n; n++)
			drop_received(w, port, staged->m[n]);
		staged->n = 0;
	}
}

uint32_t steer_in(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[], uint32_t n)
{
	const struct steer_worker *s = w->steer;
	const struct owner_map *map = s->map;
	uint32_t n_own = 0;
	for (uint32_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(m[i], const char *));
	for (uint32_t i = 0; i < n; i++) {
		int32_t hash = owner_hash_frame(
			&s->steer->hash, rte_pktmbuf_mtod(m[i], const uint8_t *), m[i]->data_len);
		hash = encap_owner(w, &s->steer->hash, port, m[i], hash);
		uint32_t bucket = (uint32_t)hash & map->bucket_mask;
		if (hash == OWNER_NONE || map->worker[bucket] == s->number)
			m[n_own++] = m[i];
		else
			give(w, port, m[i], bucket, map->worker[bucket]);
	}
	give_staged(w, port);
	return n_own;
}

/* ---- taking ---- */

/*
 * What is parked comes first, and only once its buckets are here: in the first turn of a steady
 * map. What is parked in a later one is of buckets that the next map moves here.
 */
static void take_parked(struct steer_worker *s)
{
	struct worker_burst *taken = &s->taken;
	if (s->map->phase != OWNER_STEADY || s->reported == s->map->generation)
		return;
	while (s->n_unparked < s->n_parked && taken->n < WORKER_BURST)
		taken->m[taken->n++] = s->parked[s->n_unparked++];
	if (s->n_unparked == s->n_parked)
		s->n_parked = s->n_unparked = 0;
}

/*
 * Not yet this worker's: the bucket is on its way here by the map of this turn, or by the next one,
 * which whoever gave the packet has seen already.
 */
static bool is_early(const struct steer_worker *s, const struct rte_mbuf *m)
{
	uint8_t owner = s->map->worker[m->hash.rss & s->map->bucket_mask];
	if (s->map->phase == OWNER_STEADY)
		return owner != s->number;
	return owner == (s->number | OWNER_MOVING);
}

static void park_early(struct worker *w)
{
	struct steer_worker *s = w->steer;
	struct worker_burst *taken = &s->taken;
	uint32_t n = 0;
	for (uint32_t i = 0; i < taken->n; i++) {
		struct rte_mbuf *m = taken->m[i];
		if (unlikely(is_early(s, m)))
			park(w, m);
		else
			taken->m[n++] = m;
	}
	taken->n = n;
}

/* While draining, all that a ring can hold; else as much as one of the worker's own queues. */
static uint32_t share_of_ring(const struct owner_map *map)
{
	return map->phase == OWNER_DRAINING ? STEER_RING_PKTS : WORKER_BURST;
}

/* False when every ring has had its turn. */
static bool take_from_rings(struct worker *w)
{
	struct steer_worker *s = w->steer;
	while (!s->taken.n && s->source < s->steer->n_workers) {
		struct rte_ring *ring = s->from[s->source];
		uint32_t want = RTE_MIN(s->source_left, (uint32_t)WORKER_BURST);
		uint32_t n =
			ring ? rte_ring_sc_dequeue_burst(ring, (void **)s->taken.m, want, NULL) : 0;
		s->taken.n = n;
		s->source_left -= n;
		if (n < want || !s->source_left) { /* empty, or it had its share */
			s->source++;
			s->source_left = share_of_ring(s->map);
		}
		add_to(&s->n_taken, n);
		for (uint32_t i = 0; i < n; i++)
			rte_prefetch0(s->taken.m[i]);
		park_early(w);
	}
	return s->taken.n;
}

uint32_t steer_take(struct worker *w, const struct zone_port **port, struct rte_mbuf *m[])
{
	struct steer_worker *s = w->steer;
	struct worker_burst *taken = &s->taken;
	if (!taken->n)
		take_parked(s);
	if (!taken->n && !take_from_rings(w))
		return 0;
	/* Those of one port, in their order; the others stay, in theirs. */
	uint16_t first = taken->m[0]->port;
	uint32_t n = 0, n_others = 0;
	for (uint32_t i = 0; i < taken->n; i++) {
		if (taken->m[i]->port == first)
			m[n++] = taken->m[i];
		else
			taken->m[n_others++] = taken->m[i];
	}
	taken->n = n_others;
	*port = s->steer->port[first];
	return n;
}

/* ---- the turn ---- */

/*
 * Sends what others have finished for this worker's queues: a burst of each, and all of it when
 * the map is new, so that what the old owner of a bucket has sent leaves before what the new one
 * sends, if that is this worker.
 */
static uint32_t send_lent(struct worker *w)
{
	struct steer_worker *s = w->steer;
	uint32_t n_all = 0;
	uint32_t share = s->reported == s->map->generation ? WORKER_BURST : STEER_RING_PKTS;
	for (uint32_t i = 0; i < s->n_lent; i++) {
		const struct zone_port *port = s->steer->port[s->lent[i].port];
		struct rte_mbuf *m[WORKER_BURST];
		uint32_t n = WORKER_BURST;
		for (uint32_t left = share; left && n == WORKER_BURST; left -= n) {
			n = rte_ring_sc_dequeue_burst(s->lent[i].ring, (void **)m, WORKER_BURST,
						      NULL);
			for (uint32_t j = 0; j < n; j++)
				out_transmit(w, port->port, m[j],
					     port->is_kernel ? COUNT_kernel_tx : COUNT_network_tx);
			n_all += n;
		}
	}
	return n_all;
}

uint32_t steer_turn_begin(struct worker *w)
{
	struct steer_worker *s = w->steer;
	s->map = atomic_load_explicit(&s->steer->map, memory_order_acquire);
	s->source = 0;
	s->source_left = share_of_ring(s->map);
	return send_lent(w);
}

bool steer_is_draining(const struct worker *w)
{
	return w->steer && w->steer->map->phase == OWNER_DRAINING;
}

bool steer_is_unused(const struct worker *w)
{
	return w->steer && atomic_load_explicit(&w->steer->n_buckets, memory_order_relaxed) == 0;
}

static void count_buckets(struct steer_worker *s)
{
	uint32_t n = 0;
	for (uint32_t b = 0; b <= s->map->bucket_mask; b++)
		n += s->map->worker[b] == s->number;
	atomic_store_explicit(&s->n_buckets, n, memory_order_relaxed);
}

void steer_turn_end(struct worker *w, bool holds)
{
	struct steer_worker *s = w->steer;
	if (likely(s->reported == s->map->generation))
		return;
	if (s->map->phase == OWNER_DRAINING && holds)
		return;
	s->reported = s->map->generation;
	count_buckets(s);
	/* partner: steer_all_seen(); what this worker wrote to `run` goes before */
	atomic_store_explicit(&s->seen, s->reported, memory_order_release);
}

uint32_t steer_transmit(struct worker *w, uint16_t port, struct rte_mbuf *m[], uint32_t n)
{
	return rte_ring_sp_enqueue_burst(w->steer->borrowed[port], (void **)m, n, NULL);
}

/* ---- control ---- */

bool steer_all_seen(const struct steer *steer)
{
	const struct owner_map *map = atomic_load_explicit(&steer->map, memory_order_relaxed);
	for (uint32_t i = 0; i < steer->n_workers; i++) {
		/* partner: steer_turn_end() */
		if (atomic_load_explicit(&steer->worker[i]->seen, memory_order_acquire) !=
		    map->generation)
			return false;
	}
	return true;
}

struct steer_load steer_load(const struct steer *steer, uint32_t worker)
{
	const struct steer_worker *s = steer->worker[worker];
	return (struct steer_load){
		.n_given = atomic_load_explicit(&s->n_given, memory_order_relaxed),
		.n_taken = atomic_load_explicit(&s->n_taken, memory_order_relaxed),
		.n_buckets = atomic_load_explicit(&s->n_buckets, memory_order_relaxed),
	};
}

/* Not rte_ring_create(): 64 workers have 4032 rings, and DPDK 2560 named memory zones. */
static struct rte_ring *ring_new(int node)
{
	struct rte_ring *ring = rte_zmalloc_socket("steer", rte_ring_get_memsize(STEER_RING_PKTS),
						   RTE_CACHE_LINE_SIZE, node);
	if (ring && rte_ring_init(ring, "steer", STEER_RING_PKTS, RING_F_SP_ENQ | RING_F_SC_DEQ)) {
		rte_free(ring);
		return NULL;
	}
	return ring;
}

static void ring_free(struct rte_ring *ring)
{
	if (!ring)
		return;
	for (void *m; rte_ring_sc_dequeue(ring, &m) == 0;)
		rte_pktmbuf_free(m);
	rte_free(ring);
}

/* Rings to those who send on a port for workers without a queue there. */
static bool lend(struct steer *steer, const struct zone_port *port, const int *node)
{
	for (uint32_t i = 0; i < steer->n_workers; i++) {
		if (port->queue_of[i] != ZONE_NO_QUEUE)
			continue;
		uint32_t lender = queue_lender(port, i, steer->n_workers);
		struct steer_worker *s = steer->worker[lender];
		struct steer_lent *lent =
			rte_realloc(s->lent, (s->n_lent + 1) * sizeof(*lent), RTE_CACHE_LINE_SIZE);
		if (!lent)
			return false;
		s->lent = lent;
		struct rte_ring *ring = ring_new(node[lender]);
		if (!ring)
			return false;
		s->lent[s->n_lent++] = (struct steer_lent){ .ring = ring, .port = port->port };
		steer->worker[i]->borrowed[port->port] = ring;
	}
	return true;
}

static bool open_workers(struct steer *steer, const int *node)
{
	for (uint32_t i = 0; i < steer->n_workers; i++) {
		struct steer_worker *s =
			rte_zmalloc_socket("steer", sizeof(*s), RTE_CACHE_LINE_SIZE, node[i]);
		if (!s)
			return false;
		steer->worker[i] = s;
		s->steer = steer;
		s->number = (uint16_t)i;
	}
	for (uint32_t to = 0; to < steer->n_workers; to++) {
		for (uint32_t from = 0; from < steer->n_workers; from++) {
			if (from == to)
				continue;
			struct rte_ring *ring = ring_new(node[to]);
			if (!ring)
				return false;
			steer->worker[to]->from[from] = ring;
			steer->worker[from]->to[to] = ring;
		}
	}
	return true;
}

struct steer *steer_new(const struct zones *zones, const int *node, uint32_t n_workers,
			uint32_t n_buckets)
{
	struct steer *steer = rte_zmalloc("steer", sizeof(*steer), RTE_CACHE_LINE_SIZE);
	if (!steer)
		return NULL;
	owner_hash_init(&steer->hash);
	steer->n_workers = n_workers;
	steer->n_active = n_workers;
	bool ok = open_workers(steer, node);
	for (uint32_t i = 0; i < zones->n_ports && ok; i++) {
		steer->port[zones->port[i].port] = &zones->port[i];
		ok = lend(steer, &zones->port[i], node);
	}
	if (!ok) {
		steer_free(steer);
		return NULL;
	}
	struct owner_map *map = &steer->maps[0];
	map->generation = 1; /* what no worker has reported */
	map->bucket_mask = (uint16_t)(n_buckets - 1);
	owner_balance(map->worker, n_buckets, n_workers);
	memcpy(steer->wanted, map->worker, sizeof(steer->wanted));
	atomic_init(&steer->map, map);
	return steer;
}

static void worker_free(struct steer_worker *s, uint32_t n_workers)
{
	for (uint32_t i = 0; i < s->taken.n; i++)
		rte_pktmbuf_free(s->taken.m[i]);
	for (uint32_t i = s->n_unparked; i < s->n_parked; i++)
		rte_pktmbuf_free(s->parked[i]);
	for (uint32_t i = 0; i < n_workers; i++)
		ring_free(s->from[i]);
	for (uint32_t i = 0; i < s->n_lent; i++)
		ring_free(s->lent[i].ring);
	rte_free(s->lent);
	rte_free(s);
}

void steer_free(struct steer *steer)
{
	if (!steer)
		return;
	for (uint32_t i = 0; i < steer->n_workers; i++) {
		if (steer->worker[i])
			worker_free(steer->worker[i], steer->n_workers);
	}
	rte_free(steer);
}
