#include "dataplane/offload.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <rte_bus.h>
#include <rte_byteorder.h>
#include <rte_dev.h>
#include <rte_security.h>

#include "dataplane/api.h"
#include "dataplane/queue.h"

const char *const offload_kind_name[OFFLOAD_N_KINDS] = {
	[OFFLOAD_RX_IP_CHECKSUM] = "rx ip checksum", [OFFLOAD_RX_L4_CHECKSUM] = "rx l4 checksum",
	[OFFLOAD_TX_CHECKSUM] = "tx checksum",       [OFFLOAD_RSS] = "rss",
	[OFFLOAD_STEER_SPI] = "steering by spi",     [OFFLOAD_STEER_UDP_SPI] = "steering by spi",
	[OFFLOAD_SECURITY] = "inline esp",
};

#define RX_L4_CHECKSUM (RTE_ETH_RX_OFFLOAD_UDP_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM)
#define TX_CHECKSUM                                                                                \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM |                            \
	 RTE_ETH_TX_OFFLOAD_TCP_CKSUM)
#define RSS_BY_ADDRESS (RTE_ETH_RSS_IPV4 | RTE_ETH_RSS_IPV6)

/* ---- DPDK ---- */

/* Devices of the bus "vdev" (tap, af_packet, memif …) are code: its checksums cost our cores. */
bool offload_is_software(uint16_t port)
{
	struct rte_eth_dev_info info;
	if (rte_eth_dev_info_get(port, &info) < 0 || !info.device)
		return true;
	const struct rte_bus *bus = rte_dev_bus(info.device);
	return !bus || strcmp(rte_bus_name(bus), "vdev") == 0;
}

static struct rte_security_ctx *dpdk_security(uint16_t port)
{
	return rte_eth_dev_get_sec_ctx(port);
}

const struct offload_ops offload_dpdk = {
	.info = rte_eth_dev_info_get,
	.configuration = rte_eth_dev_conf_get,
	.is_software = offload_is_software,
	.security = dpdk_security,
	.flow_validate = rte_flow_validate,
	.flow_create = rte_flow_create,
	.flow_destroy = rte_flow_destroy,
};

/* ---- before the start ---- */

void offload_request(const struct rte_eth_dev_info *info, bool is_software, bool is_kernel,
		     struct rte_eth_conf *conf)
{
	/* What the kernel has just made is not checked; a checksum in software costs our cores. */
	if (is_kernel || is_software)
		return;
	conf->rxmode.offloads |= info->rx_offload_capa &
				 (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_SECURITY);
	conf->txmode.offloads |= info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_SECURITY;
}

/* ---- after it ---- */

static void say(struct offload_state *s, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct offload_state *s, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(s->why, sizeof(s->why), format, args);
	va_end(args);
}

/* What the port, its configuration and its kind say of one offload. */
struct asked {
	struct rte_eth_dev_info info;
	struct rte_eth_conf conf;
	bool is_software;
	bool is_kernel;
	bool rss_follows; /* the owners */
	bool has_encap;   /* a zone of it has ESP in UDP */
};

static void ask_rx_ip(const struct asked *a, struct offload_state *s)
{
	s->is_offered = a->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	s->is_used = a->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_IPV4_CKSUM;
	if (s->is_used)
		return;
	if (!s->is_offered)
		say(s, "%s has none; the kernel checks it", a->info.driver_name);
	else if (a->is_kernel)
		say(s, "what our own kernel sends is not checked");
	else
		say(s, "%s does it in software; the kernel checks it", a->info.driver_name);
}

static void ask_rx_l4(const struct asked *a, struct offload_state *s)
{
	s->is_offered = a->info.rx_offload_capa & RX_L4_CHECKSUM;
	say(s, a->is_kernel ? "what our own kernel sends is not checked"
			    : "under ESP no port sees it; the kernel checks it");
}

static void ask_tx(const struct asked *a, struct offload_state *s)
{
	s->is_offered = a->info.tx_offload_capa & TX_CHECKSUM;
	say(s, "not needed: ESP changes the header's sum by what it changes in the header");
}

static void ask_rss(const struct asked *a, struct offload_state *s)
{
	s->is_offered = a->info.flow_type_rss_offloads & RSS_BY_ADDRESS;
	s->is_used = a->conf.rxmode.mq_mode & RTE_ETH_MQ_RX_RSS_FLAG && a->info.nb_rx_queues > 1;
	if (s->is_used)
		return;
	if (!s->is_offered)
		say(s, "%s does not spread by address", a->info.driver_name);
	else if (a->info.nb_rx_queues < 2)
		say(s, "one queue: nothing to spread over");
	else
		say(s, "it cannot follow the owners of UEs; packets are handed over by ring");
}

void offload_esp_pattern(struct offload_esp_pattern *p, uint8_t family, const uint8_t *destination,
			 uint16_t port_be, uint32_t spi)
{
	struct rte_flow_item *item = p->item;
	memset(p, 0, sizeof(*p));
	p->esp.hdr.spi = rte_cpu_to_be_32(spi);
	p->esp_mask.hdr.spi = UINT32_MAX;
	p->udp.hdr.dst_port = port_be;
	p->udp_mask.hdr.dst_port = UINT16_MAX;
	*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_ETH };
	if (family == API_IPV4) {
		memcpy(&p->ipv4.hdr.dst_addr, destination, sizeof(p->ipv4.hdr.dst_addr));
		p->ipv4_mask.hdr.dst_addr = UINT32_MAX;
		*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV4,
						  .spec = &p->ipv4,
						  .mask = &p->ipv4_mask };
	} else {
		memcpy(p->ipv6.hdr.dst_addr, destination, sizeof(p->ipv6.hdr.dst_addr));
		memset(p->ipv6_mask.hdr.dst_addr, 0xff, sizeof(p->ipv6_mask.hdr.dst_addr));
		*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_IPV6,
						  .spec = &p->ipv6,
						  .mask = &p->ipv6_mask };
	}
	if (port_be)
		*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_UDP,
						  .spec = &p->udp,
						  .mask = &p->udp_mask };
	*item++ = (struct rte_flow_item){ .type = RTE_FLOW_ITEM_TYPE_ESP,
					  .spec = &p->esp,
					  .mask = &p->esp_mask };
	item->type = RTE_FLOW_ITEM_TYPE_END;
}

/* A rule that any such port takes, tried and not made. As rte_flow_validate(). */
static int try_rule(const struct offload *o, uint16_t port, uint8_t family, bool in_udp,
		    struct rte_flow_error *error)
{
	static const uint8_t ipv4[4] = { 192, 0, 2, 1 };                      /* RFC 5737 */
	static const uint8_t ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 }; /* RFC 3849 */
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_action_queue queue = { .index = 0 };
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct offload_esp_pattern pattern;
	offload_esp_pattern(&pattern, family, family == API_IPV4 ? ipv4 : ipv6,
			    in_udp ? RTE_BE16(4500) : 0, 0x1000);
	return o->ops->flow_validate(port, &attr, pattern.item, actions, error);
}

/* Why a port that takes such rules has none; "" if it has. */
static const char *steering_is_off(const struct asked *a, bool in_udp)
{
	if (a->is_kernel)
		return "there is no ESP on a kernel port";
	if (a->is_software)
		return "in software it costs what it saves";
	if (a->info.nb_rx_queues < 2)
		return "one queue: nothing to steer to";
	if (in_udp && !a->has_encap)
		return "no zone has ESP in UDP";
	return !in_udp && a->rss_follows ? "rss agrees with the owners" : "";
}

static void ask_steering(const struct offload *o, struct offload_port *p, const struct asked *a,
			 bool in_udp)
{
	struct offload_state *s = &p->state[in_udp ? OFFLOAD_STEER_UDP_SPI : OFFLOAD_STEER_SPI];
	struct rte_flow_error error = { 0 }, error6 = { 0 };
	int rc = try_rule(o, p->port, API_IPV4, in_udp, &error);
	int rc6 = try_rule(o, p->port, API_IPV6, in_udp, &error6);
	const char *off = steering_is_off(a, in_udp);
	p->steers[in_udp][0] = rc == 0;
	p->steers[in_udp][1] = rc6 == 0;
	s->is_offered = rc == 0 || rc6 == 0;
	s->is_used = s->is_offered && !off[0];
	if (!s->is_offered && (rc == -ENOSYS || rc == -ENOTSUP))
		say(s, "%s has no rules for ESP%s", a->info.driver_name, in_udp ? " in UDP" : "");
	else if (!s->is_offered)
		say(s, "%s refuses the rule: %s", a->info.driver_name,
		    error.message ? error.message : strerror(-rc));
	else if (off[0] || (rc == 0 && rc6 == 0))
		say(s, "%s", off);
	else
		say(s, rc == 0 ? "IPv4 only" : "IPv6 only");
}

static void ask_security(struct offload_port *p, const struct asked *a,
			 struct rte_security_ctx *context, struct offload_state *s)
{
	s->is_offered = context && a->info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SECURITY &&
			a->info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_SECURITY;
	s->is_used = s->is_offered && a->conf.rxmode.offloads & RTE_ETH_RX_OFFLOAD_SECURITY &&
		     a->conf.txmode.offloads & RTE_ETH_TX_OFFLOAD_SECURITY;
	if (s->is_used)
		p->security = context;
	else if (a->is_kernel)
		say(s, "there is no ESP on a kernel port");
	else if (!s->is_offered)
		say(s, "%s has no rte_security", a->info.driver_name);
	else
		say(s, "not asked for at start");
}

static bool has_encap(const struct zones *zones, uint16_t port)
{
	for (uint32_t z = 0; z < zones->n; z++) {
		if (zones->zone[z].network_port == port && zones->zone[z].port_encap)
			return true;
	}
	return false;
}

static void ask_port(struct offload *o, struct offload_port *p, const struct zones *zones,
		     const struct zone_port *zone_port)
{
	struct asked a = { .is_kernel = p->is_kernel,
			   .rss_follows = queue_follows(zone_port),
			   .has_encap = has_encap(zones, p->port) };
	if (o->ops->info(p->port, &a.info) < 0 || o->ops->configuration(p->port, &a.conf) < 0) {
		for (unsigned kind = 0; kind < OFFLOAD_N_KINDS; kind++)
			say(&p->state[kind], "the port does not answer");
		return;
	}
	a.is_software = o->ops->is_software(p->port);
	ask_rx_ip(&a, &p->state[OFFLOAD_RX_IP_CHECKSUM]);
	ask_rx_l4(&a, &p->state[OFFLOAD_RX_L4_CHECKSUM]);
	ask_tx(&a, &p->state[OFFLOAD_TX_CHECKSUM]);
	ask_rss(&a, &p->state[OFFLOAD_RSS]);
	ask_steering(o, p, &a, false);
	ask_steering(o, p, &a, true);
	ask_security(p, &a, o->ops->security(p->port), &p->state[OFFLOAD_SECURITY]);
}

void offload_open(struct offload *o, const struct zones *zones, const struct offload_ops *ops)
{
	memset(o, 0, sizeof(*o));
	o->ops = ops;
	for (uint32_t i = 0; i < zones->n_ports; i++) {
		struct offload_port *p = &o->port[o->n_ports++];
		p->port = zones->port[i].port;
		p->is_kernel = zones->port[i].is_kernel;
		p->zone_port = &zones->port[i];
		ask_port(o, p, zones, &zones->port[i]);
	}
}
