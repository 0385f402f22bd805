/*
 * ESP to the worker that owns its SA, by the port: rules of rte_flow that name an address of ours,
 * an SPI and a receive queue. On ports whose RSS does not follow the owners (owner.h), and for ESP
 * in UDP, whose addresses a NAT has changed, they spare the ring between two workers; no more than
 * that. Owners are asked for each packet as ever, so a rule that is missing, stale or wrong costs a
 * ring, and no port is trusted.
 *
 * Which SAs: SEG tunnels as soon as they come, others by the packets they have (inline_scan.c). An
 * inbound SA that the port deciphers has its queue in that rule (inline_sa.h), and none here.
 *
 * A rule goes when its SA is retired, before the slot can be another's. When its SA's bucket has
 * moved to another worker it is made anew, some in each turn. Part of inline_sa.c's table, which
 * tells it of SAs; control thread.
 */
#ifndef DATAPLANE_SPI_RULE_H
#define DATAPLANE_SPI_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/busy.h"
#include "dataplane/offload.h"
#include "dataplane/sa.h"
#include "dataplane/steer.h"

struct spi_rule {
	struct rte_flow *flow; /* NULL: not in use */
	uint32_t slot;         /* SPI_RULE_NO_SLOT: only the port still holds it */
	uint16_t port;         /* of spi_rules.port */
	uint16_t queue;
	bool in_udp;
	uint64_t again_tsc; /* a removal that was refused is asked for again */
	struct busy busy;
};

#define SPI_RULE_NO_SLOT UINT32_MAX

/* written by: control; read by: telemetry */
struct spi_rule_port {
	const struct offload_port *of;
	const struct zone_port *zone_port;
	uint32_t limit;   /* 0: none are made */
	uint32_t n[2];    /* of ESP, of ESP in UDP */
	uint32_t full_at; /* rules there were when the port refused one; 0 = it has not */
	uint64_t n_refused;
	char refusal[OFFLOAD_WHY_BYTES];
};

struct spi_rules {
	const struct offload_ops *ops;
	const struct sa_table *sas;
	const struct steer *steer; /* NULL: one worker, nothing to steer */
	struct spi_rule_port port[2 * ZONE_MAX];
	uint32_t n_ports;
	uint16_t port_of_zone[ZONE_MAX];

	struct spi_rule *rule; /* n_max of them, the first n_used have been used */
	uint32_t n_max;        /* 0: no port steers */
	uint32_t n_used;
	uint32_t *free;
	uint32_t n_free;
	uint32_t *of_slot; /* number of a slot's rule, from 1; 0 = none */
	uint32_t n_staying;
	uint64_t now_tsc;    /* of the turn */
	uint32_t generation; /* of the map that all rules follow … */
	uint32_t cursor;     /* … but for those from here on */
	uint32_t n_moved;
};

/* 0 or -ENOMEM. rules_per_port is the limit of each port, 0 = none. As inline_open(). */
int spi_rules_open(struct spi_rules *r, const struct offload *offload, const struct zones *zones,
		   const struct sa_table *sas, const struct steer *steer, uint32_t rules_per_port);
/* Takes away what is left. */
void spi_rules_close(struct spi_rules *r);

/* Of the SA's owner, on a port of the table; ZONE_NO_QUEUE: one worker, or none of his own. */
uint16_t spi_rule_queue(const struct spi_rules *r, uint16_t port, const struct sa *sa);
/* Does the port steer ESP that is not in UDP, because its RSS does not? */
bool spi_rule_is_wanted(const struct spi_rules *r, uint16_t port);
/*
 * Have buckets moved, and stopped to, since the map of this generation? Then says which generation
 * it is now.
 */
bool spi_rules_have_moved(const struct spi_rules *r, uint32_t *generation);

/*
 * A rule for a live SA. 0, or -EALREADY, -ENOTSUP (nothing to steer, or not by this port), -ENOSPC
 * (the limit), -EIO (the port said no).
 */
int spi_rule_add(struct spi_rules *r, uint32_t slot);
/* The same for one of this rate; when the port is full, the least busy one may make place. */
void spi_rule_add_busy(struct spi_rules *r, uint32_t slot, uint64_t rate_pps);
/*
 * Takes it away, if there is one: the SA is retired, or the port is to do more than steer it.
 * False: the port keeps it, and is asked again.
 */
bool spi_rule_remove(struct spi_rules *r, uint32_t slot);
/* Takes away those of idle SAs; `ms` have passed since the last time. */
void spi_rules_rate(struct spi_rules *r, uint64_t ms, uint32_t promote_pps);
/* Rules follow buckets that moved; what a port refused to take away is asked for again. Bounded. */
void spi_rules_turn(struct spi_rules *r, uint64_t now_tsc);

#endif
