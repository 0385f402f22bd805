#include "dataplane/telemetry.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mempool.h>
#include <rte_telemetry.h>

#include "dataplane/eal.h"

/* Telemetry callbacks take no argument of ours. written by: main, once, before registering. */
static struct {
	struct worker *const *workers;
	uint32_t n_workers;
	const struct steer *steer;
	const struct sa_table *sas;
	const struct zones *zones;
} source;

static int on_stats(const char *command, const char *parameters, struct rte_tel_data *data)
{
	rte_tel_data_start_dict(data);
	for (uint32_t i = 0; i < COUNT_N; i++) {
		uint64_t sum = 0;
		for (uint32_t w = 0; w < source.n_workers; w++)
			sum += source.workers[w]->count.n[i];
		rte_tel_data_add_dict_u64(data, counter_name[i], sum);
	}
	return 0;
}

/* A dict for entry `number` of a dict: DPDK 22.11 has no arrays of dicts. */
static struct rte_tel_data *add_entry(struct rte_tel_data *data, uint32_t number)
{
	char key[16];
	snprintf(key, sizeof(key), "%u", number);
	struct rte_tel_data *one = rte_tel_data_alloc();
	if (!one)
		return NULL;
	rte_tel_data_start_dict(one);
	if (rte_tel_data_add_dict_container(data, key, one, 0) == 0)
		return one;
	rte_tel_data_free(one);
	return NULL;
}

/* "port:queue port:queue …", as far as a telemetry text goes. */
static void list_queues(char *text, size_t text_bytes, uint32_t worker)
{
	size_t at = 0;
	*text = 0;
	for (uint32_t i = 0; i < source.zones->n_ports; i++) {
		const struct zone_port *p = &source.zones->port[i];
		char name[RTE_ETH_NAME_MAX_LEN] = "";
		if (p->queue_of[worker] == ZONE_NO_QUEUE)
			continue;
		rte_eth_dev_get_name_by_port(p->port, name);
		int n = snprintf(text + at, text_bytes - at, "%s%s:%u", at ? " " : "", name,
				 p->queue_of[worker]);
		if (n < 0 || at + (size_t)n >= text_bytes)
			return;
		at += (size_t)n;
	}
}

static int on_workers(const char *command, const char *parameters, struct rte_tel_data *data)
{
	rte_tel_data_start_dict(data);
	for (uint32_t i = 0; i < source.n_workers; i++) {
		const struct worker *w = source.workers[i];
		struct rte_tel_data *one = add_entry(data, i);
		if (!one)
			return -1;
		rte_tel_data_add_dict_u64(one, "worker", i);
		unsigned lcore = eal_worker_lcore(i);
		rte_tel_data_add_dict_u64(one, "core", (uint64_t)rte_lcore_to_cpu_id((int)lcore));
		rte_tel_data_add_dict_u64(one, "node", rte_lcore_to_socket_id(lcore));
		rte_tel_data_add_dict_u64(
			one, "turns", atomic_load_explicit(&w->all_turns, memory_order_relaxed));
		rte_tel_data_add_dict_u64(
			one, "busy_turns",
			atomic_load_explicit(&w->busy_turns, memory_order_relaxed));
		rte_tel_data_add_dict_u64(
			one, "rx", w->count.n[COUNT_network_rx] + w->count.n[COUNT_kernel_rx]);
		struct steer_load load = { 0 };
		if (source.steer)
			load = steer_load(source.steer, i);
		rte_tel_data_add_dict_u64(one, "handed_over", load.n_given);
		rte_tel_data_add_dict_u64(one, "taken_over", load.n_taken);
		rte_tel_data_add_dict_u64(one, "buckets", load.n_buckets);
		char queues[RTE_TEL_MAX_STRING_LEN];
		list_queues(queues, sizeof(queues), i);
		rte_tel_data_add_dict_string(one, "polls", queues);
	}
	return 0;
}

static int on_sa(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const struct sa_table *t = source.sas;
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "capacity", t->capacity);
	rte_tel_data_add_dict_u64(data, "free", t->n_free);
	rte_tel_data_add_dict_u64(data, "retired", t->n_retired);
	rte_tel_data_add_dict_u64(data, "quarantine_forgotten", t->n_places_forgotten);
	rte_tel_data_add_dict_u64(data, "used", t->capacity - t->n_free - t->n_retired);
	return 0;
}

/* Of all NUMA nodes together. Under traffic a number that was true a moment ago. */
static int on_buffers(const char *command, const char *parameters, struct rte_tel_data *data)
{
	const struct zones *z = source.zones;
	uint64_t n = 0, n_free = 0;
	for (uint32_t i = 0; i < RTE_MAX_NUMA_NODES; i++) {
		if (!z->pool_of_node[i])
			continue;
		n += z->pool_of_node[i]->size;
		n_free += rte_mempool_avail_count(z->pool_of_node[i]);
	}
	rte_tel_data_start_dict(data);
	rte_tel_data_add_dict_u64(data, "packets", n);
	rte_tel_data_add_dict_u64(data, "packets_free", n_free);
	rte_tel_data_add_dict_u64(data, "datagrams", z->datagrams->size);
	rte_tel_data_add_dict_u64(data, "datagrams_free", rte_mempool_avail_count(z->datagrams));
	return 0;
}

static const struct zone_port *find_port(uint16_t port)
{
	const struct zone_port *p = source.zones->port;
	while (p->port != port)
		p++;
	return p;
}

static void add_port(struct rte_tel_data *data, const char *side, uint16_t port)
{
	struct rte_eth_stats stats = { 0 };
	char name[RTE_ETH_NAME_MAX_LEN] = "", key[32];
	rte_eth_dev_get_name_by_port(port, name);
	rte_eth_stats_get(port, &stats);
	snprintf(key, sizeof(key), "%s_port", side);
	rte_tel_data_add_dict_string(data, key, name);
	snprintf(key, sizeof(key), "%s_queues", side);
	rte_tel_data_add_dict_u64(data, key, find_port(port)->n_queues);
	snprintf(key, sizeof(key), "%s_spreads_by", side);
	rte_tel_data_add_dict_string(data, key, find_port(port)->n_reta ? "owner" : "device");
	const struct {
		const char *name;
		uint64_t value;
	} number[] = {
		{ "rx", stats.ipackets },       { "tx", stats.opackets },
		{ "rx_missed", stats.imissed }, { "rx_errors", stats.ierrors },
		{ "tx_errors", stats.oerrors }, { "rx_no_buffer", stats.rx_nombuf },
	};
	for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++) {
		snprintf(key, sizeof(key), "%s_%s", side, number[i].name);
		rte_tel_data_add_dict_u64(data, key, number[i].value);
	}
}

static int list_zones(struct rte_tel_data *data)
{
	rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
	for (uint32_t i = 0; i < source.zones->n; i++)
		rte_tel_data_add_array_int(data, (int)i);
	return 0;
}

static int on_ports(const char *command, const char *parameters, struct rte_tel_data *data)
{
	if (!parameters || !parameters[0])
		return list_zones(data);
	unsigned long i = strtoul(parameters, NULL, 10);
	rte_tel_data_start_dict(data);
	if (i >= source.zones->n)
		return 0;
	const struct zone *z = &source.zones->zone[i];
	struct rte_tel_data *one = add_entry(data, (uint32_t)i);
	if (!one)
		return -1;
	rte_tel_data_add_dict_string(one, "zone", z->name);
	rte_tel_data_add_dict_u64(one, "vlan", z->vlan);
	rte_tel_data_add_dict_u64(one, "mtu_bytes", z->mtu_bytes);
	add_port(one, "network", z->network_port);
	add_port(one, "kernel", z->kernel_port);
	return 0;
}

void telemetry_register(struct worker *const *workers, uint32_t n_workers,
			const struct steer *steer, const struct sa_table *sas,
			const struct zones *zones)
{
	source.workers = workers;
	source.n_workers = n_workers;
	source.steer = steer;
	source.sas = sas;
	source.zones = zones;
	rte_telemetry_register_cmd("/imsgate/stats", on_stats, "Every counter by name");
	rte_telemetry_register_cmd("/imsgate/workers", on_workers, "Load of each worker");
	rte_telemetry_register_cmd("/imsgate/sa", on_sa, "Use of the SA table");
	rte_telemetry_register_cmd("/imsgate/buffers", on_buffers, "Use of the packet buffers");
	rte_telemetry_register_cmd("/imsgate/ports", on_ports,
				   "Zones and their ports: no parameter lists the zones; ZONE "
				   "tells of one");
}
