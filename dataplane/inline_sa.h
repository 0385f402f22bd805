/*
 * SAs whose cryptography a port does inline. An SA's own keys stay where they are, so the cpu can
 * do each of its packets too: a session is an addition, made and taken away while packets flow, and
 * whatever the port does not do falls to the cpu without being asked.
 *
 * Sequence numbers, replay window, selectors and lifetime stay ours. What the port adds is a mark
 * on a packet from the network ("ICV good, deciphered" or "ICV bad"), and what it takes on is a
 * packet to the network without an ICV. A mark is believed only while the packet's SA has a session
 * that receives; any other is a late completion: dropped and counted, never believed.
 *
 * A session's life, by direction:
 *
 *     inbound    made → marks are believed → rule → … → rule away → drained → marks are not
 *                believed any more → a grace period → destroyed
 *     outbound   made → workers use it → … → workers do not → drained → destroyed
 *
 * With inline protocol, outbound only, the port writes the sequence numbers. Ours count along, so
 * that ours are never behind: the port begins at a number well ahead of the cpu's, the cpu jumps to
 * it with the first packet that it leaves to the port, and goes on behind it when the session ends.
 * If the cpu has got there first, the session is not used. No number is sent twice (C-075).
 *
 * Drained: so many grace periods of the workers that what was in the port's queues, or in a ring
 * between workers, when it began has been through (INLINE_DRAIN_GRACES). An SA that is deleted goes
 * its own way at once; its session follows by itself, and until it has ended the slot's next SA,
 * which may have the same SPI and other keys, has none: what the port says of the one must not be
 * taken for the other.
 *
 * Which SAs: tunnels as soon as they come; others by the packets they have (inline_scan.c). An
 * inbound SA that has no session may have a rule that brings it to its owner's queue (spi_rule.h);
 * with a session its one rule does both. Control thread, except for what workers call:
 * inline_path.h.
 */
#ifndef DATAPLANE_INLINE_SA_H
#define DATAPLANE_INLINE_SA_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/busy.h"
#include "dataplane/inline_cap.h"
#include "dataplane/offload.h"
#include "dataplane/sa.h"
#include "dataplane/spi_rule.h"

enum inline_phase {
	INLINE_FREE,
	INLINE_LIVE,
	INLINE_RULE_STAYS, /* the port refuses to take its rule away; asked again */
	INLINE_DRAINING,
	INLINE_LAST_GRACE,
};

struct inline_session {
	/* written by: control, before the SA says that it is inline; read by: workers */
	struct rte_security_ctx *context;
	void *session;
	bool needs_metadata;
	bool is_protocol;
	uint64_t first_sequence; /* that the port will write, of inline protocol */

	/* written by: the SA's owner core; read by: it */
	bool is_begun; /* the port writes sequence numbers */

	/* control only */
	uint8_t phase; /* enum inline_phase */
	uint8_t direction;
	uint8_t class;        /* number of it, see inline_classes() */
	uint16_t port;        /* of inline_table.port */
	uint32_t slot;        /* of its SA, and kept from a next one's session until the end */
	bool is_orphan;       /* the SA is gone; its slot may be another's */
	uint64_t until_grace; /* the phase is over when so many have passed … */
	uint64_t until_tsc;   /* … and at this time */
	struct busy busy;
	struct rte_flow *rule;
	uint16_t queue; /* that the rule names; ZONE_NO_QUEUE: the port's RSS decides */
};

/* Of each port: suites times transport and tunnel, both directions one class. */
#define INLINE_CLASSES (2 * CRYPTO_N_SUITES)

/* written by: control; read by: telemetry */
struct inline_port {
	const struct offload_port *of;
	struct rte_mempool *pool; /* NULL: the port can do nothing */
	uint32_t n_sessions;
	uint32_t limit;   /* of the configuration */
	uint32_t full_at; /* sessions there were when the port refused one; 0 = it has not */
	struct inline_capability capability[INLINE_CLASSES][2]; /* in, out */
	uint32_t n_of_class[INLINE_CLASSES];
	uint64_t n_refused; /* by the port */
	char refusal[OFFLOAD_WHY_BYTES];
};

struct inline_table {
	struct offload *offload;
	struct sa_table *sas;
	struct inline_port port[2 * ZONE_MAX];
	uint32_t n_ports;
	uint16_t port_of_zone[ZONE_MAX];

	/* Number of a slot's session, from 1; 0 = none. written by: control; read by: workers */
	uint32_t *of_slot;
	struct inline_session *session; /* [0] is not used */
	uint32_t n_max;
	uint32_t *free;
	uint32_t n_free;
	struct spi_rules rules; /* of SAs that the port is only to bring to their owners */
	uint32_t generation;    /* of the owner map that the sessions' rules follow */

	/* Raw HMAC keys by slot, which an SA has as mid-states only. NULL: no port wants them. */
	uint8_t (*auth_key)[API_KEY_BYTES];

	/* Grace periods that have passed since the start, and the one that runs. */
	uint64_t n_graces;
	uint64_t grace_token;
	bool grace_runs;
	uint32_t n_ending; /* sessions that wait for something */
	uint64_t now_tsc;  /* of the turn */

	/* inline_scan.c */
	uint32_t promote_pps;
	uint32_t scan_slot;
	uint32_t n_sampled;
	uint64_t sampled_tsc;
	uint64_t *sample;
	uint64_t rated_tsc; /* when the sessions' own rates were taken */
	uint64_t n_promoted, n_demoted;
};

struct inline_config {
	uint32_t sessions_per_port; /* 0: nothing is inline */
	uint32_t promote_pps;
	uint32_t rules_per_port; /* that only steer; 0: none */
};

/*
 * 0 or -ENOMEM. With no port that can, or none wanted, it costs nothing: sas->inlined stays NULL.
 * Before any SA is installed. The zones are those that `offload` was opened with. steer: NULL with
 * one worker.
 */
int inline_open(struct inline_table *t, struct offload *offload, const struct zones *zones,
		struct sa_table *sas, const struct steer *steer,
		const struct inline_config *config);
/* Destroys what is left. After all workers have ended, before the SA table and the ports close. */
void inline_close(struct inline_table *t);

/*
 * A session for a live SA that the cpu serves. 0, or -EALREADY, -ENOTSUP (its class), -ENOSPC
 * (the limit), -EBUSY (the port keeps a rule that only steers it), or what the port said.
 */
int inline_promote(struct inline_table *t, uint32_t slot);
/* Back to the cpu, while packets flow. 0, or -ENOENT when it is not inline. */
int inline_demote(struct inline_table *t, uint32_t slot);
/* Takes sessions that end a step further, scans and promotes. Bounded; never waits. */
void inline_turn(struct inline_table *t, uint64_t now_tsc);

/* ---- called by the SA table ---- */

/* An SA is filled: what a later session will need is kept. */
void inline_stage(struct inline_table *t, uint32_t slot, const struct api_set *set);
void inline_published(struct inline_table *t, uint32_t slot);
/* No packet finds the SA any more. */
void inline_retire(struct inline_table *t, uint32_t slot);
/* No worker holds it any more, its slot is wiped. */
void inline_wipe(struct inline_table *t, uint32_t slot);

/* ---- inline_scan.c ---- */

/* 0 or -ENOMEM. */
int inline_scan_open(struct inline_table *t);
void inline_scan_close(struct inline_table *t);
/* A share of the table is looked at, busy SAs are promoted, idle ones demoted. */
void inline_scan(struct inline_table *t);

/* ---- for who reports ---- */

/* The class of a number as text: "hmac-sha-1-96, null, transport". */
void inline_class_text(unsigned class, char *text, size_t n_bytes);

#endif
