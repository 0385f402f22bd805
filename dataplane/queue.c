#include "dataplane/queue.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>

#include "dataplane/offload.h"

enum {
	TX_DESCRIPTORS = 1024,
	/* A redirection table with fewer entries shares the load too unevenly to be worth it. */
	RETA_MIN = OWNER_WORKERS_MAX,
	RETA_MAX = 4096,
};

/*
 * What a device must be asked for to hash by IP addresses alone: for devices that take it as "any
 * packet of this IP version" that is all traffic; others leave TCP and UDP unhashed, but hash ESP
 * and fragments, which are most of what UEs send.
 */
#define RSS_BY_ADDRESS                                                                             \
	(RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_FRAG_IPV4 | RTE_ETH_RSS_NONFRAG_IPV4_OTHER |               \
	 RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_FRAG_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER)

static bool can_follow(const struct rte_eth_dev_info *info)
{
	return info->flow_type_rss_offloads & RSS_BY_ADDRESS && info->reta_size >= RETA_MIN &&
	       info->reta_size <= RETA_MAX && (info->reta_size & (info->reta_size - 1)) == 0 &&
	       info->hash_key_size <= OWNER_RSS_KEY_MAX;
}

static struct rte_eth_rss_conf rss_by_address(const struct rte_eth_dev_info *info)
{
	static uint8_t key[OWNER_RSS_KEY_MAX]; /* DPDK keeps the pointer */
	owner_rss_key(key, sizeof(key));
	return (struct rte_eth_rss_conf){
		.rss_key = key,
		.rss_key_len = info->hash_key_size ? info->hash_key_size : 40,
		.rss_hf = info->flow_type_rss_offloads & RSS_BY_ADDRESS,
	};
}

static int configure(struct zone_port *p, const struct rte_eth_dev_info *info)
{
	struct rte_eth_conf conf = { 0 };
	/* It wants all buffers of a queue from one pool: not so where nodes have pools each. */
	if (info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE && rte_socket_count() == 1)
		conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	offload_request(info, offload_is_software(p->port), p->is_kernel, &conf);
	if (p->n_reta) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf = rss_by_address(info);
	}
	return rte_eth_dev_configure(p->port, p->n_queues, p->n_queues, &conf);
}

/* What the port says is kept, and logged when it says something else than before. */
static void note(struct zone_port *p, int rc)
{
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	int before = atomic_exchange_explicit(&p->rss_rc, rc, memory_order_relaxed);
	if (rc == before)
		return;
	rte_eth_dev_get_name_by_port(p->port, name);
	if (rc)
		fprintf(stderr,
			"imsgate-dataplane: error: port %s: RSS does not follow the owners of UEs: "
			"%s; packets are handed over by ring\n",
			name, strerror(-rc));
	else
		fprintf(stderr, "imsgate-dataplane: info: port %s: RSS follows again\n", name);
}

/* Some drivers take no key with the configuration. One that says nothing of its key has ours. */
static int take_key(const struct zone_port *p, const struct rte_eth_dev_info *info)
{
	uint8_t key[OWNER_RSS_KEY_MAX] = { 0 };
	struct rte_eth_rss_conf ours = rss_by_address(info), now = ours;
	now.rss_key = key;
	int rc = rte_eth_dev_rss_hash_conf_get(p->port, &now);
	if (rc == -ENOTSUP || (rc == 0 && memcmp(key, ours.rss_key, ours.rss_key_len) == 0))
		return 0;
	return rte_eth_dev_rss_hash_update(p->port, &ours);
}

int queue_open(struct zone_port *p, uint32_t n_workers, uint16_t mtu_bytes,
	       struct rte_mempool *pool)
{
	struct rte_eth_dev_info info;
	int node = rte_eth_dev_socket_id(p->port);
	int rc = rte_eth_dev_info_get(p->port, &info);
	if (rc < 0)
		return rc;
	uint16_t n_offered = RTE_MIN(info.max_rx_queues, info.max_tx_queues);
	p->n_queues = (uint16_t)RTE_MIN(n_workers, n_offered);
	p->n_reta =
		n_workers > 1 && p->n_queues == n_workers && can_follow(&info) ? info.reta_size : 0;
	rc = configure(p, &info);
	if (rc < 0)
		return rc;
	uint16_t n_rx = QUEUE_RX_DESCRIPTORS, n_tx = TX_DESCRIPTORS;
	rc = rte_eth_dev_adjust_nb_rx_tx_desc(p->port, &n_rx, &n_tx);
	for (uint16_t q = 0; q < p->n_queues && rc == 0; q++) {
		rc = rte_eth_rx_queue_setup(p->port, q, n_rx, (unsigned)node, NULL, pool);
		if (rc == 0)
			rc = rte_eth_tx_queue_setup(p->port, q, n_tx, (unsigned)node, NULL);
	}
	if (rc < 0)
		return rc;
	/* Before start: several drivers size their buffers by it. Those that cannot keep 1500. */
	rc = rte_eth_dev_set_mtu(p->port, mtu_bytes);
	if (rc < 0 && rc != -ENOTSUP)
		return rc;
	rc = rte_eth_dev_start(p->port);
	if (rc < 0 || !p->n_reta)
		return rc;
	note(p, take_key(p, &info));
	if (!queue_follows(p))
		p->n_reta = 0; /* with another key no table is right */
	return 0;
}

/* Worker i has pair i where there are enough; else pair q is that of worker port_idx + q. */
void queue_spread(struct zone_port *p, uint32_t port_idx, uint32_t n_workers)
{
	for (uint32_t i = 0; i < n_workers; i++)
		p->queue_of[i] = ZONE_NO_QUEUE;
	uint32_t first = p->n_queues == n_workers ? 0 : port_idx;
	for (uint16_t q = 0; q < p->n_queues; q++)
		p->queue_of[(first + q) % n_workers] = q;
}

uint32_t queue_lender(const struct zone_port *p, uint32_t worker, uint32_t n_workers)
{
	uint16_t queue = (uint16_t)(worker % p->n_queues);
	uint32_t lender = 0;
	while (lender < n_workers - 1 && p->queue_of[lender] != queue)
		lender++;
	return lender;
}

uint32_t queue_bucket_count(const struct zones *z)
{
	uint32_t n = OWNER_BUCKETS_MAX;
	for (uint32_t i = 0; i < z->n_ports; i++) {
		if (z->port[i].n_reta)
			n = RTE_MIN(n, (uint32_t)z->port[i].n_reta);
	}
	return n;
}

static int follow(const struct zone_port *p, const struct owner_map *map)
{
	struct rte_eth_rss_reta_entry64 reta[RETA_MAX / RTE_ETH_RETA_GROUP_SIZE] = { 0 };
	for (uint32_t i = 0; i < p->n_reta; i++) {
		struct rte_eth_rss_reta_entry64 *group = &reta[i / RTE_ETH_RETA_GROUP_SIZE];
		group->mask = UINT64_MAX;
		group->reta[i % RTE_ETH_RETA_GROUP_SIZE] =
			p->queue_of[map->worker[i & map->bucket_mask]];
	}
	return rte_eth_dev_rss_reta_update(p->port, reta, p->n_reta);
}

void queue_follow(struct zones *z, const struct owner_map *map)
{
	for (uint32_t i = 0; i < z->n_ports; i++) {
		if (z->port[i].n_reta)
			note(&z->port[i], follow(&z->port[i], map));
	}
}
