#include "dataplane/flood.h"

#include <string.h>
#include <sys/random.h>

#include <rte_byteorder.h>
#include <rte_cycles.h>
#include <rte_malloc.h>

#include "configs/config.h"
#include "dataplane/esp.h"
#include "dataplane/hash.h"
#include "dataplane/rx.h"

#define BUCKET_SOURCES 8
#define BUCKET_KNOWN   6
/* No burst is longer: 10 000 packets at one a second (config_schema_dataplane.c). */
#define FLOOD_MAX_SOURCE_ROOM (UINT32_C(1) << 30)
#define KNOWN                 UINT32_C(1) /* the lowest bit of a name */

/* `name`: hash of the source, and KNOWN; 0 = free. `full`: when its bucket is, in 2^-16 s. */
struct place {
	uint32_t name;
	uint32_t full;
};

struct bucket {
	_Alignas(RTE_CACHE_LINE_SIZE) struct place place[BUCKET_SOURCES];
};
_Static_assert(sizeof(struct bucket) == RTE_CACHE_LINE_SIZE, "a bucket is one cache line");

struct flood {
	uint32_t n_buckets; /* a power of two */
	uint64_t secret[2]; /* sources are forged at will */
	uint64_t scale;     /* from TSC cycles to 2^-32 s, in 2^-32 */
	struct bucket *bucket;
	uint64_t zone_full[ZONE_MAX];
};

struct flood_limits flood_limits_of(const struct config_flood *config, uint32_t n_workers)
{
	struct flood_limits limits = { .port = (uint16_t)config->port };
	if (config->zone_pps) {
		limits.zone_step = FLOOD_SECOND * n_workers / config->zone_pps;
		uint32_t burst_pkts = RTE_MAX(config->zone_burst_pkts / n_workers, 1u);
		limits.zone_room = limits.zone_step * (burst_pkts - 1);
	}
	if (config->source_pps) {
		limits.source_step = (uint32_t)(FLOOD_SECOND >> 16) / config->source_pps;
		limits.source_room = limits.source_step * (config->source_burst_pkts - 1);
	}
	if (!config->zone_pps && !config->source_pps)
		limits.port = 0;
	return limits;
}

void flood_set(struct flood_setting *setting, const struct flood_limits *limits)
{
	atomic_store_explicit(&setting->zone_step, limits->zone_step, memory_order_relaxed);
	atomic_store_explicit(&setting->zone_room, limits->zone_room, memory_order_relaxed);
	atomic_store_explicit(&setting->source_step, limits->source_step, memory_order_relaxed);
	atomic_store_explicit(&setting->source_room, limits->source_room, memory_order_relaxed);
	atomic_store_explicit(&setting->port, limits->port, memory_order_relaxed);
}

static struct flood_limits limits_now(const struct flood_setting *setting)
{
	return (struct flood_limits){
		.zone_step = atomic_load_explicit(&setting->zone_step, memory_order_relaxed),
		.zone_room = atomic_load_explicit(&setting->zone_room, memory_order_relaxed),
		.source_step = atomic_load_explicit(&setting->source_step, memory_order_relaxed),
		.source_room = atomic_load_explicit(&setting->source_room, memory_order_relaxed),
	};
}

struct flood *flood_new(uint32_t n_sources, int numa_node)
{
	struct flood *f = rte_zmalloc_socket("flood", sizeof(*f), 0, numa_node);
	if (!f)
		return NULL;
	f->n_buckets = n_sources / BUCKET_SOURCES;
	f->scale = (uint64_t)(((unsigned __int128)1 << 64) / rte_get_tsc_hz());
	f->bucket = rte_zmalloc_socket("flood", f->n_buckets * sizeof(*f->bucket),
				       RTE_CACHE_LINE_SIZE, numa_node);
	if (!f->bucket || getrandom(f->secret, sizeof(f->secret), 0) != sizeof(f->secret)) {
		flood_free(f);
		return NULL;
	}
	return f;
}

void flood_free(struct flood *f)
{
	if (!f)
		return;
	rte_free(f->bucket);
	rte_free(f);
}

/* Where a source may be: two buckets that differ, under a name that is not 0. */
struct spot {
	struct bucket *bucket[2];
	uint32_t name;
};

static struct spot spot_of(const struct flood *f, const struct flood_source *source)
{
	uint64_t hash = hash_source(f->secret, source->family, source->zone, source->address);
	uint32_t mask = f->n_buckets - 1, first = (uint32_t)hash & mask;
	uint32_t name = (uint32_t)(hash >> 32) & ~KNOWN;
	uint32_t second = (first ^ (name >> 1 | 1)) & mask;
	return (struct spot){ .bucket = { &f->bucket[first], &f->bucket[second] },
			      .name = name ? name : 2 };
}

static struct place *find(const struct spot *spot)
{
	for (unsigned i = 0; i < 2 * BUCKET_SOURCES; i++) {
		struct place *p = &spot->bucket[i / BUCKET_SOURCES]->place[i % BUCKET_SOURCES];
		if ((p->name & ~KNOWN) == spot->name)
			return p;
	}
	return NULL;
}

static unsigned n_known(const struct bucket *b)
{
	unsigned n = 0;
	for (unsigned i = 0; i < BUCKET_SOURCES; i++)
		n += b->place[i].name & KNOWN;
	return n;
}

/*
 * How long a source has been silent. The clock goes round in 18 hours: of the longest silences,
 * some are taken for shorter ones.
 */
static uint32_t silence(const struct place *p, uint32_t now)
{
	return p->full - now <= FLOOD_MAX_SOURCE_ROOM ? 0 : now - p->full;
}

/*
 * The place to take: a free one, else of those that may be taken the one that was silent longest.
 * A bucket with its share of known ones gives a known one's place to the next, else a stranger's.
 */
static struct place *choose(struct bucket *b, bool is_known, uint32_t now)
{
	bool from_known = is_known && n_known(b) >= BUCKET_KNOWN;
	struct place *best = NULL;
	for (unsigned i = 0; i < BUCKET_SOURCES; i++) {
		struct place *p = &b->place[i];
		if (!p->name && !from_known)
			return p;
		if (p->name && (bool)(p->name & KNOWN) == from_known &&
		    (!best || silence(p, now) > silence(best, now)))
			best = p;
	}
	return best; /* there is one: BUCKET_KNOWN of them are known at most */
}

static struct place *settle(const struct spot *spot, bool is_known, uint32_t now)
{
	bool second = n_known(spot->bucket[1]) < n_known(spot->bucket[0]);
	struct place *p = choose(spot->bucket[second], is_known, now);
	p->name = spot->name | (is_known ? KNOWN : 0);
	p->full = now;
	return p;
}

/*
 * When it is full, or now when it is full already. What lies beyond any burst was written before
 * the clock went round, or jumped: it counts for nothing.
 */
static uint32_t source_full(const struct place *p, const struct flood_limits *limits, uint32_t now)
{
	uint32_t ahead = p->full - now;
	return ahead > limits->source_room + limits->source_step ? now : p->full;
}

static uint64_t zone_full(const struct flood *f, const struct flood_limits *limits, uint8_t zone,
			  uint64_t now)
{
	uint64_t ahead = f->zone_full[zone] - now;
	return ahead > limits->zone_room + limits->zone_step ? now : f->zone_full[zone];
}

enum counter flood_admit(struct flood *f, const struct flood_limits *limits,
			 const struct flood_source *source, uint64_t now)
{
	struct spot spot = spot_of(f, source);
	struct place *p = find(&spot);
	uint32_t source_now = (uint32_t)(now >> 16), full = source_now;
	bool is_known = p && (p->name & KNOWN);
	if (p && limits->source_step) {
		full = source_full(p, limits, source_now);
		if (full - source_now > limits->source_room)
			return COUNT_clear_rate_source;
	}
	if (!is_known && limits->zone_step) {
		uint64_t shared = zone_full(f, limits, source->zone, now);
		if (shared - now > limits->zone_room)
			return COUNT_clear_rate_zone;
		f->zone_full[source->zone] = shared + limits->zone_step;
	}
	if (!p)
		p = settle(&spot, false, source_now);
	p->full = full + limits->source_step;
	return ESP_OK;
}

void flood_know(struct flood *f, const struct flood_source *source, uint64_t now)
{
	struct spot spot = spot_of(f, source);
	struct place *p = find(&spot);
	uint32_t source_now = (uint32_t)(now >> 16);
	if (p && (p->name & KNOWN)) {
		/* Was heard; but its bucket does not become any fuller. */
		if ((int32_t)(p->full - source_now) < 0)
			p->full = source_now;
		return;
	}
	uint32_t full = p ? p->full : source_now;
	if (p)
		p->name = 0;
	settle(&spot, true, source_now)->full = full;
}

/* ---- packets ---- */

static uint64_t time_of(const struct flood *f, const struct worker *w)
{
	return (uint64_t)((unsigned __int128)(rte_rdtsc() - w->start_tsc) * f->scale >> 32);
}

static struct flood_source source_of(const struct rte_mbuf *m, const struct pkt *p)
{
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l3);
	struct flood_source source = { .family = p->at.family, .zone = p->zone };
	memcpy(source.address, parse_source(ip, p->at.family), p->at.family == API_IPV4 ? 4 : 8);
	return source;
}

enum counter flood_in(struct worker *w, const struct rte_mbuf *m, const struct pkt *p)
{
	const struct flood_setting *setting = &w->zones->zone[p->zone].flood;
	uint16_t port_be, port = atomic_load_explicit(&setting->port, memory_order_relaxed);
	if (likely(!port) || !rx_has_ports(p) || p->at.end - p->at.l4 < 4)
		return ESP_OK;
	memcpy(&port_be, rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l4 + 2),
	       sizeof(port_be));
	if (port_be != rte_cpu_to_be_16(port))
		return ESP_OK;
	struct flood_limits limits = limits_now(setting);
	struct flood_source source = source_of(m, p);
	return flood_admit(w->flood, &limits, &source, time_of(w->flood, w));
}

void flood_learn(struct worker *w, const struct rte_mbuf *m, const struct pkt *p)
{
	const struct flood_setting *setting = &w->zones->zone[p->zone].flood;
	if (!atomic_load_explicit(&setting->port, memory_order_relaxed) ||
	    p->sa->id.mode != API_TRANSPORT)
		return;
	struct flood_source source = source_of(m, p);
	flood_know(w->flood, &source, time_of(w->flood, w));
}
