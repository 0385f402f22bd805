#include "dataplane/path.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_ip.h>

#include "dataplane/esp.h"
#include "dataplane/tuple.h"
#include "dataplane/worker.h"

enum {
	N_BUCKETS =
		16384, /* 1 MB: under the errors of two workers an entry stays for two seconds */
	BUCKET_PLACES = 4,
	UDP_BYTES = 8,
	IPV4_DF = 0x40, /* of the byte with the flags */
};

/* written by: any worker; read by: any worker. `said`: 0 = free. See path.h for `mixed`. */
struct place {
	_Atomic uint64_t mixed;
	_Atomic uint64_t said;
};

struct bucket {
	_Alignas(64) struct place place[BUCKET_PLACES];
};
_Static_assert(sizeof(struct bucket) == 64, "a bucket is one cache line");

struct paths {
	/*
	 * The smallest MTU heard in an even and an odd period, under the period's number. written
	 * by: any worker; read by: workers, now and then
	 */
	_Alignas(64) _Atomic uint32_t floor[2];
	struct bucket bucket[N_BUCKETS];
};

static uint32_t floor_of(uint32_t period, uint16_t mtu_bytes)
{
	return period << 16 | mtu_bytes;
}

struct paths *paths_new(void)
{
	struct paths *paths = aligned_alloc(64, sizeof(*paths));
	if (!paths)
		return NULL;
	memset(paths, 0, sizeof(*paths));
	for (uint32_t i = 0; i < 2; i++)
		atomic_init(&paths->floor[i], floor_of(i, PATH_FLOOR_NONE));
	return paths;
}

void paths_free(struct paths *paths)
{
	free(paths);
}

/* ---- the floor ---- */

static void lower_floor(struct paths *paths, uint32_t now_s, uint16_t mtu_bytes)
{
	uint32_t period = now_s / PATH_BELIEVED_S, lower = floor_of(period, mtu_bytes);
	_Atomic uint32_t *floor = &paths->floor[period & 1];
	uint32_t old = atomic_load_explicit(floor, memory_order_relaxed);
	/* Of another period, or higher: either way one word says it. */
	while (old >> 16 != lower >> 16 || old > lower) {
		if (atomic_compare_exchange_weak_explicit(floor, &old, lower, memory_order_relaxed,
							  memory_order_relaxed))
			break;
	}
}

uint16_t path_floor(const struct paths *paths, uint32_t now_s)
{
	uint16_t period = (uint16_t)(now_s / PATH_BELIEVED_S), lowest = PATH_FLOOR_NONE;
	for (unsigned i = 0; i < 2; i++) {
		uint32_t floor = atomic_load_explicit(&paths->floor[i], memory_order_relaxed);
		uint16_t age = (uint16_t)(period - (floor >> 16));
		if (age <= 1)
			lowest = RTE_MIN(lowest, (uint16_t)floor);
	}
	return lowest;
}

/* ---- what was heard ---- */

static uint64_t say(const struct path_error *error, uint32_t now_s)
{
	return (uint64_t)error->mtu_bytes << 48 | (uint64_t)(uint16_t)now_s << 32 | error->sequence;
}

/* Workers read the clock at different times, so an entry may seem to be of the next second. */
static int16_t age_of(uint64_t said, uint32_t now_s)
{
	return (int16_t)(uint16_t)(now_s - (uint16_t)(said >> 32));
}

static bool is_of(const struct place *place, uint64_t name, uint64_t *said)
{
	*said = atomic_load_explicit(&place->said, memory_order_relaxed);
	return *said && (atomic_load_explicit(&place->mixed, memory_order_relaxed) ^ *said) == name;
}

static struct bucket *bucket_of(struct paths *paths, uint64_t name)
{
	return &paths->bucket[name % N_BUCKETS];
}

/* The one of this name, or a free one, or the oldest. */
static struct place *place_for(struct bucket *b, uint64_t name, uint32_t now_s)
{
	struct place *best = &b->place[0];
	int best_age = -1;
	for (unsigned i = 0; i < BUCKET_PLACES; i++) {
		uint64_t said;
		if (is_of(&b->place[i], name, &said))
			return &b->place[i];
		int age = said ? age_of(said, now_s) : INT16_MAX;
		if (age > best_age) {
			best = &b->place[i];
			best_age = age;
		}
	}
	return best;
}

struct tuple path_tuple(uint8_t zone, uint8_t family, const uint8_t *local, const uint8_t *peer,
			uint32_t spi_be)
{
	/* No direction: no tuple of an SA is this one. */
	struct tuple tuple = { .zone = zone, .family = family };
	size_t n_bytes = family == API_IPV4 ? 4 : 16;
	memcpy(tuple.local, local, n_bytes);
	memcpy(tuple.peer, peer, n_bytes);
	memcpy(&tuple.local_port_be, &spi_be, sizeof(spi_be));
	return tuple;
}
_Static_assert(offsetof(struct tuple, peer_port_be) == offsetof(struct tuple, local_port_be) + 2,
	       "an SPI takes the place of two ports");

bool path_hear(struct worker *w, const struct path_error *error)
{
	if (w->path_heard_s != w->now_s) {
		w->path_heard_s = w->now_s;
		w->n_path_heard = 0;
	}
	if (w->n_path_heard == PATH_HEARD_PER_S)
		return false;
	w->n_path_heard++;
	struct paths *paths = w->sas->paths;
	uint64_t name = tuple_hash(w->sas->tuples, error->tuple), said = say(error, w->now_s);
	struct place *place = place_for(bucket_of(paths, name), name, w->now_s);
	atomic_store_explicit(&place->mixed, name ^ said, memory_order_relaxed);
	atomic_store_explicit(&place->said, said, memory_order_relaxed);
	lower_floor(paths, w->now_s, error->mtu_bytes);
	w->path_floor = RTE_MIN(w->path_floor, error->mtu_bytes);
	return true;
}

/* ---- what an SA believes ---- */

static struct tuple tuple_of_sa(const struct worker *w, const struct pkt *p)
{
	const struct sa *sa = p->sa;
	const struct tunnel *tunnel = sa->rest.tunnel;
	uint32_t spi_be = rte_cpu_to_be_32(p->spi);
	if (sa->id.mode != API_TRANSPORT)
		return path_tuple(p->zone, tunnel->family, tunnel->local,
				  tunnel_peer(tunnel)->address, spi_be);
	return path_tuple(p->zone, sa->id.family, w->sas->locals->entry[sa->id.local].address,
			  sa->rest.peer, spi_be);
}

static void judge(struct worker *w, struct sa *sa, uint64_t said)
{
	struct sa_sent *sent = &sa->run.sent;
	uint16_t mtu_bytes = (uint16_t)(said >> 48);
	/*
	 * Numbers of 64 bits are quoted by their lower half. The last one is of the packet that
	 * asks, which has not left.
	 */
	uint32_t behind = (uint32_t)sent->last - (uint32_t)said;
	if (behind == 0 || behind >= PATH_RECENT_PKTS || behind >= sent->last) {
		w->count.n[COUNT_path_mtu_disbelieved]++;
		return;
	}
	/* RFC 8201 4: an error never raises it. One that says the same renews it. */
	if (sent->path_mtu_bytes && mtu_bytes > sent->path_mtu_bytes)
		return;
	if (mtu_bytes != sent->path_mtu_bytes)
		w->count.n[COUNT_path_mtu_lowered]++;
	sent->path_mtu_bytes = mtu_bytes;
	sent->path_until_s = w->now_s - (uint32_t)age_of(said, w->now_s) + PATH_BELIEVED_S;
}

static void hear_waiting(struct worker *w, const struct pkt *p)
{
	struct tuple tuple = tuple_of_sa(w, p);
	uint64_t name = tuple_hash(w->sas->tuples, &tuple), said;
	struct bucket *b = bucket_of(w->sas->paths, name);
	for (unsigned i = 0; i < BUCKET_PLACES; i++) {
		if (!is_of(&b->place[i], name, &said))
			continue;
		if (age_of(said, w->now_s) <= PATH_HEARD_KEPT_S)
			judge(w, p->sa, said);
		atomic_store_explicit(&b->place[i].said, 0, memory_order_relaxed);
	}
}

uint16_t path_mtu(struct worker *w, const struct pkt *p)
{
	struct sa_sent *sent = &p->sa->run.sent;
	uint16_t zone_mtu_bytes = w->zones->zone[p->zone].mtu_bytes;
	if (sent->path_mtu_bytes && w->now_s >= sent->path_until_s)
		sent->path_mtu_bytes = 0;
	if (w->path_floor != PATH_FLOOR_NONE)
		hear_waiting(w, p);
	return sent->path_mtu_bytes ? RTE_MIN(sent->path_mtu_bytes, zone_mtu_bytes)
				    : zone_mtu_bytes;
}

bool path_may_cut(struct rte_mbuf *m, const struct pkt *p)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l3);
	if (p->at.family == API_IPV4)
		return !(ip[6] & IPV4_DF);
	return p->at.end - p->at.l3 <= PATH_LEAST_IPV6_BYTES;
}

uint16_t path_clear_bytes(const struct pkt *p, uint16_t mtu_bytes)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	bool is_transport = p->sa->id.mode == API_TRANSPORT;
	/* In front of ESP, and whether the kernel's packet has it already. */
	uint32_t before = p->at.l4 - p->at.l3;
	if (!is_transport) {
		const struct tunnel *tunnel = p->sa->rest.tunnel;
		before = tunnel->family == API_IPV6 ? sizeof(struct rte_ipv6_hdr)
						    : sizeof(struct rte_ipv4_hdr);
		before += tunnel->local_port_be ? UDP_BYTES : 0;
	}
	uint32_t around = before + ESP_HEADER_BYTES + shape->iv_bytes + shape->icv_bytes;
	uint32_t room = mtu_bytes > around ? mtu_bytes - around : 0;
	room &= ~(uint32_t)(shape->block_bytes - 1);
	room = room > ESP_TRAILER_BYTES ? room - ESP_TRAILER_BYTES : 0;
	uint32_t clear_bytes = room + (is_transport ? before : 0);
	return (uint16_t)(p->at.family == API_IPV6
				  ? RTE_MAX(clear_bytes, (uint32_t)PATH_LEAST_IPV6_BYTES)
				  : clear_bytes);
}
