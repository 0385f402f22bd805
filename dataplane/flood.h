/*
 * How much clear SIP the network may say to the kernel: whoever registers for the first time is
 * heard without an SA, and so is whoever floods. A token bucket for each source (an IPv4 address,
 * the /64 of an IPv6 one) and one for each zone.
 *
 * A source is known once ESP of an SA of its has come with a good ICV. The known have their own
 * bucket alone; the others share what the zone allows besides. So a flood from a million forged
 * sources uses up the zone's bucket and costs the known nothing, and a flood from one source, known
 * or forged, uses up its own.
 *
 * Of fixed size: buckets of eight sources, one line each, two to choose from, hashed with a secret.
 * Only who was let through takes a place, so that the rest of a flood moves nobody; a known source
 * gives way to known ones alone, and leaves two places of a bucket to strangers.
 *
 * A bucket is one number: when it will be full again (the virtual scheduling of I.371, GCRA). The
 * worker's own thread; new and free: control.
 */
#ifndef DATAPLANE_FLOOD_H
#define DATAPLANE_FLOOD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/counters.h"

struct config_flood;

/* Seconds are counted in 2^-32 s; of a source, as it is written down, in 2^-16 s. */
#define FLOOD_SECOND (UINT64_C(1) << 32)

/* A zone's, as one worker keeps them. All zero: no limit. */
struct flood_limits {
	uint64_t zone_step; /* between two packets at the rate */
	uint64_t zone_room; /* how far ahead of the rate a burst may be */
	uint32_t source_step, source_room;
	uint16_t port; /* of ours, where clear SIP is heard; 0 = no limit in this zone */
};

struct flood_limits flood_limits_of(const struct config_flood *config, uint32_t n_workers);

/*
 * The limits as control and workers share them. Loads and stores are relaxed: each number is a
 * limit by itself, and a packet that meets some from before a change and some from after it is
 * judged by the one or the other of them.
 */
struct flood_setting {
	/* written by: control; read by: workers */
	_Atomic uint64_t zone_step, zone_room;
	_Atomic uint32_t source_step, source_room;
	_Atomic uint16_t port;
};

/* For packets from now on; what sources and zones have used up stays. Control. */
void flood_set(struct flood_setting *setting, const struct flood_limits *limits);

struct flood_source {
	uint8_t address[8]; /* IPv4: the rest zero */
	uint8_t family;
	uint8_t zone;
};

struct flood;

/* Room for so many sources, a power of two ≥ 64. NULL without memory. */
struct flood *flood_new(uint32_t n_sources, int numa_node);
void flood_free(struct flood *f);

/* ESP_OK, or the counter of the reason to drop a packet of this source at this time. */
enum counter flood_admit(struct flood *f, const struct flood_limits *limits,
			 const struct flood_source *source, uint64_t now);
/* From here on it is known. */
void flood_know(struct flood *f, const struct flood_source *source, uint64_t now);

struct pkt;
struct rte_mbuf;
struct worker;

/* Where they meet packets: a clear one from the network … */
enum counter flood_in(struct worker *w, const struct rte_mbuf *m, const struct pkt *p);
/* … and one that came out of ESP: once in a while, as most sources are known already. */
void flood_learn(struct worker *w, const struct rte_mbuf *m, const struct pkt *p);

#define FLOOD_LEARN_PKTS 64 /* of an SA; the first, and then each so manieth */

#endif
