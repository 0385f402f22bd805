#include "dataplane/report.h"

#include <stdio.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mempool.h>

#include "dataplane/eal.h"
#include "dataplane/queue.h"

/* Text in the reports; what DPDK's telemetry holds (RTE_TEL_MAX_STRING_LEN). */
#define TEXT_BYTES 128

static void number(const struct report_sink *sink, const char *name, uint64_t value)
{
	sink->number(sink->arg, name, value);
}

static void text(const struct report_sink *sink, const char *name, const char *value)
{
	sink->text(sink->arg, name, value);
}

uint64_t report_count(const struct report *r, enum counter counter)
{
	uint64_t sum = 0;
	for (uint32_t w = 0; w < r->n_workers; w++)
		sum += r->workers[w]->count.n[counter];
	return sum;
}

void report_stats(const struct report *r, const struct report_sink *sink)
{
	for (enum counter i = 0; i < COUNT_N; i++)
		number(sink, counter_name[i], report_count(r, i));
}

/* "port:queue port:queue", as far as a text goes, and then that there are more. */
static void list_queues(const struct report *r, char *out, size_t out_bytes, uint32_t worker)
{
	static const char more[] = " ...";
	const size_t room_bytes = out_bytes - (sizeof(more) - 1);
	size_t at = 0;
	*out = 0;
	for (uint32_t i = 0; i < r->zones->n_ports; i++) {
		const struct zone_port *p = &r->zones->port[i];
		char name[RTE_ETH_NAME_MAX_LEN] = "";
		if (p->queue_of[worker] == ZONE_NO_QUEUE)
			continue;
		rte_eth_dev_get_name_by_port(p->port, name);
		int n = snprintf(out + at, room_bytes - at, "%s%s:%u", at ? " " : "", name,
				 p->queue_of[worker]);
		if (n < 0 || at + (size_t)n >= room_bytes) {
			strcpy(out + at, more);
			return;
		}
		at += (size_t)n;
	}
}

bool report_worker(const struct report *r, const struct report_sink *sink, uint32_t i)
{
	const struct worker *w = r->workers[i];
	if (!sink->row(sink->arg, i))
		return false;
	unsigned lcore = eal_worker_lcore(i);
	struct steer_load load = { 0 };
	if (r->steer)
		load = steer_load(r->steer, i);
	number(sink, "worker", i);
	number(sink, "core", (uint64_t)rte_lcore_to_cpu_id((int)lcore));
	number(sink, "node", rte_lcore_to_socket_id(lcore));
	number(sink, "turns", atomic_load_explicit(&w->all_turns, memory_order_relaxed));
	number(sink, "busy_turns", atomic_load_explicit(&w->busy_turns, memory_order_relaxed));
	number(sink, "rx", w->count.n[COUNT_network_rx] + w->count.n[COUNT_kernel_rx]);
	number(sink, "handed_over", load.n_given);
	number(sink, "taken_over", load.n_taken);
	number(sink, "buckets", load.n_buckets);
	char queues[TEXT_BYTES];
	list_queues(r, queues, sizeof(queues), i);
	text(sink, "polls", queues);
	return true;
}

bool report_workers(const struct report *r, const struct report_sink *sink)
{
	for (uint32_t i = 0; i < r->n_workers; i++) {
		if (!report_worker(r, sink, i))
			return false;
	}
	return true;
}

void report_sa(const struct report *r, const struct report_sink *sink)
{
	const struct sa_table *t = r->sas;
	number(sink, "capacity", t->capacity);
	number(sink, "free", t->n_free);
	number(sink, "retired", t->n_retired);
	number(sink, "quarantine_forgotten", t->n_places_forgotten);
	number(sink, "used", t->capacity - t->n_free - t->n_retired);
}

void report_buffers(const struct report *r, const struct report_sink *sink)
{
	const struct zones *z = r->zones;
	uint64_t n = 0, n_free = 0;
	for (uint32_t i = 0; i < RTE_MAX_NUMA_NODES; i++) {
		if (!z->pool_of_node[i])
			continue;
		n += z->pool_of_node[i]->size;
		n_free += rte_mempool_avail_count(z->pool_of_node[i]);
	}
	number(sink, "packets", n);
	number(sink, "packets_free", n_free);
	number(sink, "datagrams", z->datagrams->size);
	number(sink, "datagrams_free", rte_mempool_avail_count(z->datagrams));
}

static const struct zone_port *find_port(const struct report *r, uint16_t port)
{
	const struct zone_port *p = r->zones->port;
	while (p->port != port)
		p++;
	return p;
}

static void add_port(const struct report *r, const struct report_sink *sink, const char *side,
		     uint16_t port)
{
	struct rte_eth_stats stats = { 0 };
	char name[RTE_ETH_NAME_MAX_LEN] = "", key[32];
	rte_eth_dev_get_name_by_port(port, name);
	rte_eth_stats_get(port, &stats);
	snprintf(key, sizeof(key), "%s_port", side);
	text(sink, key, name);
	snprintf(key, sizeof(key), "%s_queues", side);
	number(sink, key, find_port(r, port)->n_queues);
	snprintf(key, sizeof(key), "%s_spreads_by", side);
	text(sink, key, queue_follows(find_port(r, port)) ? "owner" : "device");
	const struct {
		const char *name;
		uint64_t value;
	} of[] = {
		{ "rx", stats.ipackets },       { "tx", stats.opackets },
		{ "rx_missed", stats.imissed }, { "rx_errors", stats.ierrors },
		{ "tx_errors", stats.oerrors }, { "rx_no_buffer", stats.rx_nombuf },
	};
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		snprintf(key, sizeof(key), "%s_%s", side, of[i].name);
		number(sink, key, of[i].value);
	}
}

bool report_port(const struct report *r, const struct report_sink *sink, uint32_t zone)
{
	const struct zone *z = &r->zones->zone[zone];
	if (!sink->row(sink->arg, zone))
		return false;
	text(sink, "zone", z->name);
	number(sink, "vlan", z->vlan);
	number(sink, "mtu_bytes", z->mtu_bytes);
	add_port(r, sink, "network", z->network_port);
	add_port(r, sink, "kernel", z->kernel_port);
	return true;
}

bool report_ports(const struct report *r, const struct report_sink *sink)
{
	for (uint32_t i = 0; i < r->zones->n; i++) {
		if (!report_port(r, sink, i))
			return false;
	}
	return true;
}
