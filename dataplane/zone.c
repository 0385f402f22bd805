#include "dataplane/zone.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "dataplane/netlink.h"
#include "dataplane/pkt.h"
#include "dataplane/queue.h"
#include "dataplane/reassembly.h"

enum {
	/* Ethernet, one VLAN tag */
	FRAME_HEADER_BYTES = 18,
	MEMPOOL_CACHE = 256,
};

static int fail(char *error, size_t error_bytes, int rc, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static int fail(char *error, size_t error_bytes, int rc, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(error, error_bytes, format, args);
	va_end(args);
	if (n > 0 && (size_t)n < error_bytes)
		snprintf(error + n, error_bytes - (size_t)n, ": %s", strerror(-rc));
	return rc;
}

/* DPDK names a vdev by what stands before the comma, a PCI device by its address. */
static int port_of_device(const char *device, uint16_t *port)
{
	char name[RTE_ETH_NAME_MAX_LEN];
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(device, ","), device);
	return rte_eth_dev_get_port_by_name(name, port);
}

/* The largest MTU of the zones on a device; NULL = of all zones. */
static uint16_t largest_mtu(const struct config_dataplane *config, const char *device)
{
	uint32_t mtu_bytes = 0;
	for (uint32_t i = 0; i < config->n_zones; i++) {
		const struct config_zone *z = &config->zones[i];
		if (!device || strcmp(z->network_port, device) == 0 ||
		    strcmp(z->kernel_port, device) == 0)
			mtu_bytes = RTE_MAX(mtu_bytes, z->mtu_bytes);
	}
	return (uint16_t)mtu_bytes;
}

/* The packet buffers of a NUMA node, made when they are first asked for. */
static struct rte_mempool *pool_of_node(struct zones *z, const struct config_dataplane *config,
					int node)
{
	if (node < 0 || node >= RTE_MAX_NUMA_NODES) /* a device without a place */
		node = (int)rte_socket_id();
	struct rte_mempool **pool = &z->pool_of_node[node];
	if (*pool)
		return *pool;
	uint32_t room = RTE_PKTMBUF_HEADROOM + largest_mtu(config, NULL) + FRAME_HEADER_BYTES;
	char name[RTE_MEMPOOL_NAMESIZE];
	snprintf(name, sizeof(name), "pkts%d", node);
	*pool = rte_pktmbuf_pool_create(
		name, config->n_mbufs, MEMPOOL_CACHE, PKT_BYTES,
		(uint16_t)RTE_MAX(room, (uint32_t)RTE_MBUF_DEFAULT_BUF_SIZE), node);
	return *pool;
}

/* Neighbours see one station: the kernel port takes the network port's address. */
static int share_address(const struct zone *zone)
{
	struct rte_ether_addr address;
	int rc = rte_eth_macaddr_get(zone->network_port, &address);
	if (rc < 0)
		return rc;
	rc = rte_eth_dev_default_mac_addr_set(zone->kernel_port, &address);
	return rc == -ENOTSUP ? 0 : rc;
}

static struct zone_port *find_port(struct zones *z, uint16_t port)
{
	for (uint32_t i = 0; i < z->n_ports; i++) {
		if (z->port[i].port == port)
			return &z->port[i];
	}
	return NULL;
}

/* Several zones may name the same network port; it is opened once. */
static int open_port(struct zones *z, const struct config_dataplane *config, const char *device,
		     bool is_kernel, struct zone_port **out)
{
	uint16_t port;
	int rc = port_of_device(device, &port);
	if (rc < 0)
		return rc;
	*out = find_port(z, port);
	if (*out)
		return 0;
	struct rte_mempool *pool = pool_of_node(z, config, rte_eth_dev_socket_id(port));
	if (!pool)
		return -ENOMEM;
	struct zone_port *p = &z->port[z->n_ports];
	*p = (struct zone_port){ .port = port, .device = device, .is_kernel = is_kernel };
	rc = queue_open(p, config->n_worker_cores, largest_mtu(config, device), pool);
	if (rc < 0)
		return rc;
	queue_spread(p, z->n_ports++, config->n_worker_cores);
	*out = p;
	if (is_kernel)
		return 0;
	p->zone_of_vlan = malloc(4096);
	if (!p->zone_of_vlan)
		return -ENOMEM;
	memset(p->zone_of_vlan, ZONE_NONE, 4096);
	/* The kernel answers for more addresses than one: multicast groups, for a start. */
	rte_eth_promiscuous_enable(port);
	rte_eth_allmulticast_enable(port);
	return 0;
}

/* The tap's own MTU tells the kernel how much ESP leaves; what comes out of ESP may be larger. */
static int hand_over_kernel_port(const struct zone *zone, const struct config_zone *config)
{
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(zone->kernel_port, &info);
	if (rc < 0 || !info.if_index)
		return rc; /* no kernel interface behind it: a memif, a ring */
	rc = netlink_set_mtu(info.if_index, zone->mtu_bytes - ZONE_ESP_OVERHEAD_BYTES);
	if (rc == 0 && config->kernel_netns[0])
		rc = netlink_move(info.if_index, config->kernel_netns);
	return rc;
}

static int open_zone(struct zones *z, const struct config_dataplane *config, uint32_t i,
		     char *error, size_t error_bytes)
{
	const struct config_zone *c = &config->zones[i];
	struct zone *zone = &z->zone[i];
	*zone = (struct zone){
		.name = c->name,
		.vlan = (uint16_t)c->vlan,
		.mtu_bytes = (uint16_t)c->mtu_bytes,
		.port_ps = (uint16_t)c->port_ps,
		.port_pc_first = (uint16_t)c->port_pc_first,
		.n_port_pc = (uint16_t)c->n_port_pc,
		.port_encap = (uint16_t)c->port_encap,
	};
	struct flood_limits limits = flood_limits_of(&c->flood, config_active_workers(config));
	flood_set(&zone->flood, &limits);
	struct zone_port *network, *kernel;
	int rc = open_port(z, config, c->network_port, false, &network);
	if (rc < 0)
		return fail(error, error_bytes, rc, "zone %s: network_port %s", c->name,
			    c->network_port);
	rc = open_port(z, config, c->kernel_port, true, &kernel);
	if (rc < 0)
		return fail(error, error_bytes, rc, "zone %s: kernel_port %s", c->name,
			    c->kernel_port);
	zone->network_port = network->port;
	zone->kernel_port = kernel->port;
	network->zone_of_vlan[zone->vlan] = (uint8_t)i;
	kernel->zone = (uint8_t)i;
	rc = share_address(zone);
	if (rc < 0)
		return fail(error, error_bytes, rc, "zone %s: %s does not take the address of %s",
			    c->name, c->kernel_port, c->network_port);
	rc = hand_over_kernel_port(zone, c);
	if (rc < 0)
		return fail(error, error_bytes, rc, "zone %s: kernel_netns \"%s\"", c->name,
			    c->kernel_netns);
	return 0;
}

int zones_open(struct zones *z, const struct config_dataplane *config, char *error,
	       size_t error_bytes)
{
	memset(z, 0, sizeof(*z));
	if (config->n_zones > ZONE_MAX)
		return fail(error, error_bytes, -E2BIG, "%u zones, at most %u", config->n_zones,
			    ZONE_MAX);
	z->pool = pool_of_node(z, config, (int)rte_socket_id());
	if (!z->pool)
		return fail(error, error_bytes, -rte_errno,
			    "%u packet buffers for packets of %u bytes do not fit into memory_mb "
			    "%u",
			    config->n_mbufs, largest_mtu(config, NULL), config->memory_mb);
	uint32_t n_datagrams = config->n_worker_cores * REASSEMBLY_BUFFERS_PER_WORKER;
	z->datagrams = rte_pktmbuf_pool_create("datagrams", n_datagrams, 0, REASSEMBLY_PKT_BYTES,
					       REASSEMBLY_BUFFER_BYTES, (int)rte_socket_id());
	if (!z->datagrams)
		return fail(error, error_bytes, -rte_errno,
			    "%u buffers of 64 KiB for datagrams do not fit into memory_mb %u",
			    n_datagrams, config->memory_mb);
	for (uint32_t i = 0; i < config->n_zones; i++) {
		int rc = open_zone(z, config, i, error, error_bytes);
		if (rc < 0)
			return rc;
		z->n++;
	}
	return 0;
}

void zones_close(struct zones *z)
{
	for (uint32_t i = 0; i < z->n_ports; i++) {
		rte_eth_dev_stop(z->port[i].port);
		rte_eth_dev_close(z->port[i].port);
		free(z->port[i].zone_of_vlan);
	}
	for (unsigned i = 0; i < RTE_MAX_NUMA_NODES; i++)
		rte_mempool_free(z->pool_of_node[i]);
	rte_mempool_free(z->datagrams);
	memset(z, 0, sizeof(*z));
}
