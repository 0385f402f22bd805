#include "dataplane/spi_rule.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "dataplane/local.h"
#include "dataplane/table_memory.h"

enum {
	RETRY_MS = 1000,
	/* A rule costs a NIC's firmware up to a millisecond. */
	RULES_PER_TURN = 32,
};

/* ---- life ---- */

static void open_port(struct spi_rules *r, const struct offload_port *of,
		      const struct zone_port *zone_port, uint32_t limit)
{
	struct spi_rule_port *p = &r->port[r->n_ports++];
	*p = (struct spi_rule_port){ .of = of, .zone_port = zone_port };
	bool steers =
		of->state[OFFLOAD_STEER_SPI].is_used || of->state[OFFLOAD_STEER_UDP_SPI].is_used;
	p->limit = r->steer && steers ? limit : 0;
	r->n_max += p->limit;
}

int spi_rules_open(struct spi_rules *r, const struct offload *offload, const struct zones *zones,
		   const struct sa_table *sas, const struct steer *steer, uint32_t rules_per_port)
{
	memset(r, 0, sizeof(*r));
	r->ops = offload->ops;
	r->sas = sas;
	r->steer = steer;
	for (uint32_t i = 0; i < offload->n_ports; i++) {
		open_port(r, &offload->port[i], &zones->port[i], rules_per_port);
		for (uint32_t z = 0; z < zones->n; z++) {
			if (zones->zone[z].network_port == zones->port[i].port)
				r->port_of_zone[z] = (uint16_t)i;
		}
	}
	if (!r->n_max)
		return 0;
	r->rule = calloc(r->n_max, sizeof(*r->rule));
	r->free = calloc(r->n_max, sizeof(*r->free));
	r->of_slot = table_memory_alloc("spi_rule", (size_t)sas->capacity * sizeof(*r->of_slot));
	if (r->rule && r->free && r->of_slot)
		return 0;
	spi_rules_close(r);
	return -ENOMEM;
}

static bool destroy(struct spi_rules *r, const struct spi_rule *rule)
{
	struct rte_flow_error error = { 0 };
	return r->ops->flow_destroy(r->port[rule->port].of->port, rule->flow, &error) >= 0;
}

void spi_rules_close(struct spi_rules *r)
{
	for (uint32_t i = 0; i < r->n_used; i++) {
		if (r->rule[i].flow)
			destroy(r, &r->rule[i]);
	}
	if (r->of_slot)
		table_memory_free(r->of_slot, (size_t)r->sas->capacity * sizeof(*r->of_slot));
	free(r->free);
	free(r->rule);
	memset(r, 0, sizeof(*r));
}

/* ---- whose ---- */

/* partner: encap_owner(), for what comes from the network */
static uint32_t owner_of(const struct spi_rules *r, const struct owner_map *map,
			 const struct sa *sa)
{
	const struct tunnel *tunnel = sa->id.mode == API_TUNNEL ? sa->rest.tunnel : NULL;
	const uint8_t *local = tunnel ? tunnel->local : r->sas->locals->entry[sa->id.local].address;
	size_t n_bytes = (tunnel ? tunnel->family : sa->id.family) == API_IPV4 ? 4 : 16;
	uint8_t pair[32];
	memcpy(pair, tunnel ? tunnel->home : sa->rest.peer, n_bytes);
	memcpy(pair + n_bytes, local, n_bytes);
	uint32_t hash = owner_hash_addresses(&r->steer->hash, pair, (uint32_t)(2 * n_bytes));
	return map->worker[hash & map->bucket_mask] & (uint8_t)~OWNER_MOVING;
}

static const struct owner_map *map_of(const struct spi_rules *r)
{
	return atomic_load_explicit(&r->steer->map, memory_order_relaxed); /* of this thread */
}

uint16_t spi_rule_queue(const struct spi_rules *r, uint16_t port, const struct sa *sa)
{
	if (!r->steer)
		return ZONE_NO_QUEUE;
	return r->port[port].zone_port->queue_of[owner_of(r, map_of(r), sa)];
}

bool spi_rule_is_wanted(const struct spi_rules *r, uint16_t port)
{
	return r->steer && r->port[port].of->state[OFFLOAD_STEER_SPI].is_used;
}

bool spi_rules_have_moved(const struct spi_rules *r, uint32_t *generation)
{
	if (!r->steer)
		return false;
	const struct owner_map *map = map_of(r);
	if (map->phase != OWNER_STEADY || map->generation == *generation)
		return false;
	*generation = map->generation;
	return true;
}

/* ---- a rule ---- */

/* What the packets of an inbound SA look like on the wire. */
static void fill_pattern(struct offload_esp_pattern *pattern, const struct spi_rules *r,
			 const struct sa *sa)
{
	const struct tunnel *tunnel = sa->rest.tunnel;
	offload_esp_pattern(pattern, tunnel ? tunnel->family : sa->id.family,
			    tunnel ? tunnel->local : r->sas->locals->entry[sa->id.local].address,
			    tunnel ? tunnel->local_port_be : 0, sa->rest.spi);
}

static int refused(struct spi_rule_port *p, const char *message)
{
	snprintf(p->refusal, sizeof(p->refusal), "%s", message ? message : "no reason given");
	p->n_refused++;
	p->full_at = p->n[0] + p->n[1];
	return -EIO;
}

static int create(struct spi_rules *r, struct spi_rule *rule)
{
	static const struct rte_flow_attr attr = { .ingress = 1 };
	struct spi_rule_port *p = &r->port[rule->port];
	const struct rte_flow_action_queue queue = { .index = rule->queue };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct offload_esp_pattern pattern;
	struct rte_flow_error error = { 0 };
	fill_pattern(&pattern, r, &r->sas->sa[rule->slot]);
	rule->flow = r->ops->flow_create(p->of->port, &attr, pattern.item, actions, &error);
	return rule->flow ? 0 : refused(p, error.message);
}

static bool is_steered(const struct spi_rule_port *p, const struct sa *sa)
{
	const struct tunnel *tunnel = sa->rest.tunnel;
	bool in_udp = tunnel && tunnel->local_port_be;
	bool is_ipv6 = (tunnel ? tunnel->family : sa->id.family) == API_IPV6;
	return sa->id.direction == API_IN &&
	       p->of->state[in_udp ? OFFLOAD_STEER_UDP_SPI : OFFLOAD_STEER_SPI].is_used &&
	       p->of->steers[in_udp][is_ipv6];
}

int spi_rule_add(struct spi_rules *r, uint32_t slot)
{
	const struct sa *sa = &r->sas->sa[slot];
	uint16_t port = r->port_of_zone[sa->id.zone];
	struct spi_rule_port *p = &r->port[port];
	if (!r->n_max || !p->limit || !is_steered(p, sa))
		return -ENOTSUP;
	if (r->of_slot[slot])
		return -EALREADY;
	uint16_t queue = spi_rule_queue(r, port, sa);
	if (queue == ZONE_NO_QUEUE)
		return -ENOTSUP;
	uint32_t n = p->n[0] + p->n[1];
	if (n == p->limit || (p->full_at && n >= p->full_at))
		return -ENOSPC;
	uint32_t number = r->n_free ? r->free[--r->n_free] : ++r->n_used;
	struct spi_rule *rule = &r->rule[number - 1];
	*rule = (struct spi_rule){ .slot = slot,
				   .port = port,
				   .queue = queue,
				   .in_udp = sa->rest.tunnel && sa->rest.tunnel->local_port_be,
				   .busy = { .n_pkts = sa->run.n_pkts } };
	int rc = create(r, rule);
	if (rc < 0) {
		r->free[r->n_free++] = number;
		return rc;
	}
	p->n[rule->in_udp]++;
	r->of_slot[slot] = number;
	return 0;
}

/* The port holds it no more. */
static void release(struct spi_rules *r, struct spi_rule *rule)
{
	struct spi_rule_port *p = &r->port[rule->port];
	p->n[rule->in_udp]--;
	if (p->full_at > p->n[0] + p->n[1])
		p->full_at = 0;
	if (rule->slot != SPI_RULE_NO_SLOT)
		r->of_slot[rule->slot] = 0;
	r->free[r->n_free++] = (uint32_t)(rule - r->rule) + 1;
	memset(rule, 0, sizeof(*rule));
}

static void stay(struct spi_rules *r, struct spi_rule *rule)
{
	rule->again_tsc = r->now_tsc + RETRY_MS * (rte_get_tsc_hz() / 1000);
	if (rule->slot == SPI_RULE_NO_SLOT)
		return;
	r->of_slot[rule->slot] = 0;
	rule->slot = SPI_RULE_NO_SLOT;
	r->n_staying++;
}

static bool end(struct spi_rules *r, struct spi_rule *rule)
{
	bool is_gone = destroy(r, rule);
	if (is_gone)
		release(r, rule);
	else
		stay(r, rule);
	return is_gone;
}

bool spi_rule_remove(struct spi_rules *r, uint32_t slot)
{
	uint32_t number = r->n_max ? r->of_slot[slot] : 0;
	return !number || end(r, &r->rule[number - 1]);
}

/* ---- who is worth one ---- */

static bool is_there(const struct spi_rule *rule)
{
	return rule->flow && rule->slot != SPI_RULE_NO_SLOT;
}

void spi_rules_rate(struct spi_rules *r, uint64_t ms, uint32_t promote_pps)
{
	for (uint32_t i = 0; i < r->n_used; i++) {
		struct spi_rule *rule = &r->rule[i];
		if (!is_there(rule))
			continue;
		const struct sa *sa = &r->sas->sa[rule->slot];
		busy_rate(&rule->busy, sa->run.n_pkts, ms, promote_pps);
		if (busy_is_over(&rule->busy) && sa->id.mode != API_TUNNEL)
			end(r, rule);
	}
}

/* The least busy on a port, SEG tunnels excepted; NULL: there is none. */
static struct spi_rule *least_busy(struct spi_rules *r, uint16_t port)
{
	struct spi_rule *least = NULL;
	for (uint32_t i = 0; i < r->n_used; i++) {
		struct spi_rule *rule = &r->rule[i];
		if (!is_there(rule) || rule->port != port ||
		    r->sas->sa[rule->slot].id.mode == API_TUNNEL)
			continue;
		if (!least || rule->busy.rate_pps < least->busy.rate_pps)
			least = rule;
	}
	return least;
}

void spi_rule_add_busy(struct spi_rules *r, uint32_t slot, uint64_t rate_pps)
{
	int rc = spi_rule_add(r, slot);
	if (rc == -ENOSPC) {
		struct spi_rule *least = least_busy(r, r->port_of_zone[r->sas->sa[slot].id.zone]);
		if (!least || !busy_gives_way(&least->busy, rate_pps) || !end(r, least))
			return;
		rc = spi_rule_add(r, slot);
	}
	if (rc == 0)
		r->rule[r->of_slot[slot] - 1].busy.rate_pps = (uint32_t)rate_pps;
}

/* ---- after buckets that moved ---- */

/* Two rules for one SPI are no rule for many a NIC: the old one goes first. */
static void move(struct spi_rules *r, struct spi_rule *rule, uint16_t queue)
{
	if (!destroy(r, rule))
		return; /* stale until the next move, which costs a ring and no more */
	rule->queue = queue;
	r->n_moved++;
	if (queue == ZONE_NO_QUEUE || create(r, rule) < 0)
		release(r, rule);
}

void spi_rules_turn(struct spi_rules *r, uint64_t now_tsc)
{
	if (!r->n_max)
		return;
	r->now_tsc = now_tsc;
	if (spi_rules_have_moved(r, &r->generation))
		r->cursor = 0;
	for (uint32_t n = 0; n < RULES_PER_TURN && r->cursor < r->n_used; r->cursor++) {
		struct spi_rule *rule = &r->rule[r->cursor];
		if (!is_there(rule))
			continue;
		uint16_t queue = spi_rule_queue(r, rule->port, &r->sas->sa[rule->slot]);
		if (queue == rule->queue)
			continue;
		move(r, rule, queue);
		n++;
	}
	for (uint32_t i = 0, n = 0; r->n_staying && n < RULES_PER_TURN && i < r->n_used; i++) {
		struct spi_rule *rule = &r->rule[i];
		if (!rule->flow || is_there(rule) || now_tsc < rule->again_tsc)
			continue;
		n++;
		if (end(r, rule))
			r->n_staying--;
	}
}
