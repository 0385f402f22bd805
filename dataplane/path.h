/*
 * The path MTU of outbound SAs (RFC 4301 8.2.1). A router that cannot forward an ESP packet of ours
 * says so in an ICMP error that anybody can forge and that has nothing of the clear packet in it.
 * So it changes nothing by itself: it is heard, and kept for a minute. The next packet on the SA
 * that is long enough to be concerned has it judged: SPI, addresses and zone have to be the SA's,
 * the sequence number one that the SA sent lately. Then the SA believes it for ten minutes (RFC
 * 8201 4), and what is longer is cut after ESP, or the kernel is told (icmp.h) about that very
 * packet, which has all that the kernel looks at.
 *
 * Whoever receives an error is seldom the owner of the SA, so what was heard is in one table for
 * all workers, without a lock: an entry's first word is its name XOR its second, so one that two
 * workers write at a time is nobody's. Names are hashed with a secret; where an entry stands says
 * nothing to who forges errors. What SAs believe is in their `run` lines, the owner's.
 *
 * What it costs other packets is a compare with path_floor, the smallest MTU that was heard of
 * within ten to twenty minutes.
 */
#ifndef DATAPLANE_PATH_H
#define DATAPLANE_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "dataplane/worker.h"

struct paths;
struct pkt;
struct tuple;

#define PATH_FLOOR_NONE UINT16_MAX

/* What every link of the family carries, and nobody may say less of: RFC 791 3.1, RFC 8200 5. */
#define PATH_LEAST_IPV4_BYTES 576
#define PATH_LEAST_IPV6_BYTES 1280

#define PATH_HEARD_KEPT_S 60
#define PATH_BELIEVED_S   600
/* A path's delay at a million packets a second is 64 ms; what takes longer comes again. */
#define PATH_RECENT_PKTS 65536
/* Errors that one worker hears in a second: they crowd out what waits for its SA, see path.c. */
#define PATH_HEARD_PER_S 16384

/* NULL without memory. Control thread. */
struct paths *paths_new(void);
void paths_free(struct paths *paths);

/* What an error quotes, of a packet of ours. */
struct path_error {
	const struct tuple *tuple; /* path_tuple() of the quoted outer header */
	uint32_t sequence;
	uint16_t mtu_bytes;
};

/* An outer header of ours: its addresses, and the SPI in the place of the ports. */
struct tuple path_tuple(uint8_t zone, uint8_t family, const uint8_t *local, const uint8_t *peer,
			uint32_t spi_be);
/* False: enough of them for this second. */
bool path_hear(struct worker *w, const struct path_error *error);

/* For the worker's housekeeping: what path_floor should be. */
uint16_t path_floor(const struct paths *paths, uint32_t now_s);
/* How long an IP packet may be that nobody looks at any closer. */
static inline uint16_t path_limit(const struct worker *w, const struct zone *zone)
{
	return RTE_MIN(w->path_floor, zone->mtu_bytes);
}

/* The MTU of the way of p->sa, after hearing what there is to hear. Owner core. */
uint16_t path_mtu(struct worker *w, const struct pkt *p);
/*
 * Is what becomes of this clear packet by ESP to be cut, when it is too long? An IPv4 one may say
 * no, an IPv6 one does when the kernel could do with less.
 */
bool path_may_cut(struct rte_mbuf *m, const struct pkt *p);
/* How long a packet with headers like this one's may be, to leave on p->sa in so many bytes. */
uint16_t path_clear_bytes(const struct pkt *p, uint16_t mtu_bytes);

#endif
