/* The generator's control side: from an order to the headers and shares of the workers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_lcore.h>
#include <rte_udp.h>

#include "dataplane/eal.h"
#include "dataplane/generate.h"
#include "dataplane/sa_control.h"
#include "dataplane/steer.h"
#include "dataplane/worker.h"

_Static_assert(2 * ZONE_MAX <= 256, "generate_headers.port_idx");

/* The time that a worker may be late and still catch up with its rate. */
#define CATCH_UP_MS 10

/* Has it a tuple of its own? A SEG tunnel's has none. */
static bool is_served(const struct sa_table *t, uint32_t slot)
{
	const struct sa *sa = &t->sa[slot];
	return sa_is_live(t, slot) && sa->id.direction == API_OUT && sa->id.mode != API_TUNNEL;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* Zeros as payload add nothing to the checksum. */
static void put_udp(uint8_t *at, const struct sa *sa, uint32_t n_bytes, uint32_t pseudo_sum)
{
	struct rte_udp_hdr udp = {
		.src_port = sa->id.local_port_be,
		.dst_port = sa->id.peer_port_be,
		.dgram_len = rte_cpu_to_be_16((uint16_t)n_bytes),
	};
	uint16_t sum = fold(pseudo_sum + rte_raw_cksum(&udp, sizeof(udp)));
	udp.dgram_cksum = sum ? sum : 0xffff; /* RFC 768: 0 means none */
	memcpy(at, &udp, sizeof(udp));
}

static uint8_t put_ipv4(uint8_t *at, const struct sa *sa, const uint8_t *local, uint32_t ip_bytes)
{
	struct rte_ipv4_hdr ip = {
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)ip_bytes),
		.fragment_offset = rte_cpu_to_be_16(RTE_IPV4_HDR_DF_FLAG),
		.time_to_live = 64,
		.next_proto_id = IPPROTO_UDP,
		.dst_addr = sa->id.peer_ipv4_be,
	};
	memcpy(&ip.src_addr, local, sizeof(ip.src_addr));
	ip.hdr_checksum = rte_ipv4_cksum(&ip);
	memcpy(at, &ip, sizeof(ip));
	put_udp(at + sizeof(ip), sa, ip_bytes - sizeof(ip), rte_ipv4_phdr_cksum(&ip, 0));
	return sizeof(ip) + sizeof(struct rte_udp_hdr);
}

static uint8_t put_ipv6(uint8_t *at, const struct sa *sa, const uint8_t *local, uint32_t ip_bytes)
{
	struct rte_ipv6_hdr ip = {
		.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)(ip_bytes - sizeof(ip))),
		.proto = IPPROTO_UDP,
		.hop_limits = 64,
	};
	memcpy(ip.src_addr, local, sizeof(ip.src_addr));
	memcpy(ip.dst_addr, sa->rest.peer, sizeof(ip.dst_addr));
	memcpy(at, &ip, sizeof(ip));
	put_udp(at + sizeof(ip), sa, ip_bytes - sizeof(ip), rte_ipv6_phdr_cksum(&ip, 0));
	return sizeof(ip) + sizeof(struct rte_udp_hdr);
}

static uint8_t kernel_port_idx(const struct zones *z, uint8_t zone)
{
	uint32_t i = 0;
	while (z->port[i].port != z->zone[zone].kernel_port)
		i++;
	return (uint8_t)i;
}

static void put_headers(const struct generator *g, const struct generate_order *order,
			uint32_t slot, struct generate_headers *h)
{
	const struct sa *sa = &g->sas->sa[slot];
	const uint8_t *local = g->sas->locals->entry[sa->id.local].address;
	bool is_ipv4 = sa->id.family == API_IPV4;
	struct rte_ether_hdr ethernet = {
		.ether_type = rte_cpu_to_be_16(is_ipv4 ? RTE_ETHER_TYPE_IPV4 : RTE_ETHER_TYPE_IPV6),
	};
	memcpy(ethernet.dst_addr.addr_bytes, order->to, sizeof(order->to));
	rte_eth_macaddr_get(g->zones->zone[sa->id.zone].network_port, &ethernet.src_addr);
	memcpy(h->bytes, &ethernet, sizeof(ethernet));
	h->port_idx = kernel_port_idx(g->zones, sa->id.zone);
	h->n_bytes = sizeof(ethernet);
	h->n_bytes += is_ipv4 ? put_ipv4(h->bytes + h->n_bytes, sa, local, order->ip_bytes)
			      : put_ipv6(h->bytes + h->n_bytes, sa, local, order->ip_bytes);
}

static int check(const struct generator *g, const struct generate_order *order, uint32_t slot,
		 char *error, size_t error_bytes)
{
	const struct sa *sa = &g->sas->sa[slot];
	uint32_t min_bytes = sa->id.family == API_IPV4 ? 28 : 48; /* IP and UDP */
	uint32_t max_bytes = g->zones->zone[sa->id.zone].mtu_bytes - ZONE_ESP_OVERHEAD_BYTES;
	if (order->ip_bytes >= min_bytes && order->ip_bytes <= max_bytes)
		return 0;
	snprintf(error, error_bytes, "size %u: the SA in slot %u takes %u to %u", order->ip_bytes,
		 slot, min_bytes, max_bytes);
	return -EINVAL;
}

static uint32_t owner_of(const struct generator *g, const struct generate_headers *h)
{
	if (!g->steer)
		return 0;
	/* Whoever does not own it any more hands it over. */
	const struct owner_map *map = atomic_load_explicit(&g->steer->map, memory_order_relaxed);
	int32_t hash = owner_hash_frame(&g->steer->hash, h->bytes, h->n_bytes);
	return map->worker[(uint32_t)hash & map->bucket_mask] & ~OWNER_MOVING;
}

/* By zone, as a burst is of one port; the sort keeps worker by worker apart. */
struct sorted {
	uint32_t worker;
	struct generate_headers headers;
};

static int compare(const void *left, const void *right)
{
	const struct sorted *a = left, *b = right;
	if (a->worker != b->worker)
		return a->worker < b->worker ? -1 : 1;
	return (int)a->headers.port_idx - (int)b->headers.port_idx;
}

/* Returns how many; -errno with one line of text. */
static int collect(const struct generator *g, const struct generate_order *order,
		   struct sorted *sorted, char *error, size_t error_bytes)
{
	bool every = order->slot == GENERATE_EVERY_SA;
	uint32_t slot = every ? 0 : order->slot;
	uint32_t end = every ? g->sas->capacity : RTE_MIN(slot + 1, g->sas->capacity);
	int n = 0;
	for (; slot < end && n < GENERATE_SAS_MAX; slot++) {
		if (!is_served(g->sas, slot))
			continue;
		int rc = check(g, order, slot, error, error_bytes);
		if (rc < 0)
			return rc;
		put_headers(g, order, slot, &sorted[n].headers);
		sorted[n].worker = owner_of(g, &sorted[n].headers);
		n++;
	}
	if (n)
		return n;
	if (every)
		snprintf(error, error_bytes, "there is no outbound SA");
	else
		snprintf(error, error_bytes, "no outbound SA in slot %u", order->slot);
	return -ENOENT;
}

static struct rte_mempool *pool_of(const struct zones *z, uint32_t worker)
{
	unsigned node = rte_lcore_to_socket_id(eal_worker_lcore(worker));
	struct rte_mempool *pool = node < RTE_MAX_NUMA_NODES ? z->pool_of_node[node] : NULL;
	return pool ? pool : z->pool;
}

/* first … first + n: its headers. Shares add up to the order, whatever the rounding. */
static void share(const struct generator *g, const struct generate_order *order, uint32_t worker,
		  uint32_t first, uint32_t n)
{
	struct generate *to = &g->worker[worker]->generate;
	uint64_t all = g->n_headers, hz = rte_get_tsc_hz();
	*to = (struct generate){
		.headers = g->headers + first,
		.n_headers = n,
		.frame_bytes = RTE_ETHER_HDR_LEN + order->ip_bytes,
		.is_endless = !order->n_pkts,
		.n_left = (uint64_t)((unsigned __int128)order->n_pkts * (first + n) / all -
				     (unsigned __int128)order->n_pkts * first / all),
		.interval_q8 = order->rate_pps ? (uint64_t)(((unsigned __int128)hz << 8) * all /
							    order->rate_pps / n)
					       : 0,
		.last_tsc = rte_rdtsc(),
		.pool = pool_of(g->zones, worker),
	};
	to->credit_max_q8 = RTE_MAX(to->interval_q8 * WORKER_BURST, (hz / 1000 * CATCH_UP_MS) << 8);
	if (to->is_endless || to->n_left) /* partner: generate_is_on() */
		atomic_store_explicit(&to->state, GENERATE_RUNS, memory_order_release);
}

static int order_all(struct generator *g, const struct generate_order *order, struct sorted *sorted,
		     char *error, size_t error_bytes)
{
	int n = collect(g, order, sorted, error, error_bytes);
	if (n < 0)
		return n;
	g->headers = aligned_alloc(sizeof(*g->headers), (size_t)n * sizeof(*g->headers));
	if (!g->headers) {
		snprintf(error, error_bytes, "no memory");
		return -ENOMEM;
	}
	g->n_headers = (uint32_t)n;
	qsort(sorted, (size_t)n, sizeof(*sorted), compare);
	for (int i = 0; i < n; i++)
		g->headers[i] = sorted[i].headers;
	for (uint32_t first = 0, end; first < g->n_headers; first = end) {
		uint32_t worker = sorted[first].worker;
		for (end = first; end < g->n_headers && sorted[end].worker == worker;)
			end++;
		share(g, order, worker, first, end - first);
	}
	return 0;
}

int generator_start(struct generator *g, const struct generate_order *order, uint32_t *n_sas,
		    char *error, size_t error_bytes)
{
	if (!generator_is_idle(g)) {
		snprintf(error, error_bytes, "packets are being generated: `generate stop`");
		return -EBUSY;
	}
	generator_free(g);
	size_t n_max = order->slot == GENERATE_EVERY_SA ? GENERATE_SAS_MAX : 1;
	struct sorted *sorted = malloc(n_max * sizeof(*sorted));
	int rc = -ENOMEM;
	if (sorted)
		rc = order_all(g, order, sorted, error, error_bytes);
	else
		snprintf(error, error_bytes, "no memory");
	free(sorted);
	*n_sas = g->n_headers;
	return rc;
}

void generator_stop(struct generator *g)
{
	for (uint32_t i = 0; i < g->n_workers; i++) {
		uint8_t runs = GENERATE_RUNS; /* one that has ended meanwhile stays so */
		atomic_compare_exchange_strong_explicit(&g->worker[i]->generate.state, &runs,
							GENERATE_STOPS, memory_order_release,
							memory_order_relaxed);
	}
}

bool generator_is_idle(const struct generator *g)
{
	for (uint32_t i = 0; i < g->n_workers; i++) {
		if (generate_is_on(&g->worker[i]->generate))
			return false;
	}
	return true;
}

void generator_free(struct generator *g)
{
	free(g->headers);
	g->headers = NULL;
	g->n_headers = 0;
}
