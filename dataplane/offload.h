/*
 * What the ports can take off the workers: checksums, spreading and steering of packets, ESP
 * itself; what of that is used, and the reason where it is not. Asked of the drivers once, at
 * start; a table for `imsgate show offload` and for whoever decides (inline.h).
 *
 * Control thread. The ports are configured and started when offload_open() asks.
 */
#ifndef DATAPLANE_OFFLOAD_H
#define DATAPLANE_OFFLOAD_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ethdev.h>
#include <rte_flow.h>

#include "dataplane/zone.h"

struct rte_security_ctx;

/* What a port does for every packet, or for none. */
enum offload_kind {
	OFFLOAD_RX_IP_CHECKSUM, /* IPv4 header checksum of received packets */
	OFFLOAD_RX_L4_CHECKSUM, /* UDP and TCP */
	OFFLOAD_TX_CHECKSUM,    /* of sent packets, any layer */
	OFFLOAD_RSS,            /* packets to queues by their addresses */
	OFFLOAD_STEER_SPI,      /* ESP to a queue by its SPI: rte_flow */
	OFFLOAD_STEER_UDP_SPI,  /* the same for ESP in UDP */
	OFFLOAD_SECURITY,       /* ESP by the port: rte_security */
	OFFLOAD_N_KINDS,
};
extern const char *const offload_kind_name[OFFLOAD_N_KINDS];

#define OFFLOAD_WHY_BYTES 96

struct offload_state {
	bool is_offered; /* by the port */
	bool is_used;
	char why[OFFLOAD_WHY_BYTES]; /* not used, or used in part */
};

/*
 * How a port is asked and told: DPDK, or in tests a port of theirs. The security context's own
 * calls (rte_security.h) lead to its driver by themselves.
 */
struct offload_ops {
	int (*info)(uint16_t port, struct rte_eth_dev_info *info);
	int (*configuration)(uint16_t port, struct rte_eth_conf *conf);
	bool (*is_software)(uint16_t port); /* no hardware behind it */
	struct rte_security_ctx *(*security)(uint16_t port);
	int (*flow_validate)(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item pattern[],
			     const struct rte_flow_action actions[], struct rte_flow_error *error);
	struct rte_flow *(*flow_create)(uint16_t port, const struct rte_flow_attr *attr,
					const struct rte_flow_item pattern[],
					const struct rte_flow_action actions[],
					struct rte_flow_error *error);
	int (*flow_destroy)(uint16_t port, struct rte_flow *flow, struct rte_flow_error *error);
};
extern const struct offload_ops offload_dpdk;

struct offload_port {
	uint16_t port;
	bool is_kernel;
	const struct zone_port *zone_port;
	struct rte_security_ctx *security; /* NULL: has none, or it is not used */
	bool steers[2][2];                 /* rules that it takes: in UDP or not, IPv6 or not */
	struct offload_state state[OFFLOAD_N_KINDS];
};

struct offload {
	const struct offload_ops *ops;
	struct offload_port port[2 * ZONE_MAX];
	uint32_t n_ports;
};

/*
 * Before a port is configured: adds to `conf` what it offers and we use. A port that is refused
 * with that is no port we know; none offers what it then refuses.
 */
void offload_request(const struct rte_eth_dev_info *info, bool is_software, bool is_kernel,
		     struct rte_eth_conf *conf);
/* Is there no hardware behind the port, so that an offload would only be done elsewhere? */
bool offload_is_software(uint16_t port);

/* Asks every port of the zones, which have to stay. Never fails: what cannot be asked is not
 * offered. */
void offload_open(struct offload *o, const struct zones *zones, const struct offload_ops *ops);

/* A pattern that matches ESP by SPI and destination address, and in UDP by port; END after it. */
struct offload_esp_pattern {
	struct rte_flow_item item[5];
	struct rte_flow_item_ipv4 ipv4, ipv4_mask;
	struct rte_flow_item_ipv6 ipv6, ipv6_mask;
	struct rte_flow_item_udp udp, udp_mask;
	struct rte_flow_item_esp esp, esp_mask;
};
/*
 * family: 4 or 6. destination: 4 or 16 bytes. port_be: of UDP, 0 = ESP right on IP. The pattern
 * points into itself: not to be copied.
 */
void offload_esp_pattern(struct offload_esp_pattern *p, uint8_t family, const uint8_t *destination,
			 uint16_t port_be, uint32_t spi);

#endif
