/*
 * Datagrams out of fragments, IPv4 and IPv6, before anything is decided about them: nothing passes
 * the data plane as a fragment of somebody else's making. So ESP sees whole packets (RFC 4303
 * 3.4.1), a clear datagram is judged with all its bytes in place (C-061), and what the kernel sends
 * in fragments goes under ESP as one (3.3.4).
 *
 * A worker has two of these, one for each direction, so that the network cannot crowd out the
 * kernel; all fragments of a datagram meet in one worker, as the owner of a UE is a function of its
 * address. Fixed size: so many unfinished datagrams (unfinished.h), so many packet buffers.
 *
 * Fragments that overlap are refused with their whole datagram, those still to come included (RFC
 * 5722, RFC 8200 4.5; the same for IPv4); a copy of a fragment is not an overlap, and is dropped
 * alone. The worker's own thread; new and free: control.
 */
#ifndef DATAPLANE_REASSEMBLY_H
#define DATAPLANE_REASSEMBLY_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/pkt.h"

struct worker;

/*
 * Buffers that finished datagrams lie in while they are in the data plane: no more than a burst's
 * worth is finished at a time, and one burst may wait for the next.
 */
#define REASSEMBLY_BUFFERS_PER_WORKER 96
/*
 * The largest buffer that DPDK's 16-bit lengths allow. Less headroom, Ethernet header, tag, and
 * what ESP adds behind, it takes datagrams of up to REASSEMBLY_MAX_BYTES, the IP header included.
 */
#define REASSEMBLY_BUFFER_BYTES 65535
#define REASSEMBLY_MAX_BYTES    65280

/* What lies in the private area of such a buffer. */
struct reassembly_pkt {
	struct pkt pkt;
	uint16_t largest_bytes; /* of the fragments, each with its IP header */
};
#define REASSEMBLY_PKT_BYTES (PKT_BYTES + RTE_CACHE_LINE_MIN_SIZE)
_Static_assert(sizeof(struct reassembly_pkt) <= REASSEMBLY_PKT_BYTES, "one more line");

struct reassembly_config {
	uint32_t n_datagrams; /* unfinished ones in each direction; a power of two ≥ 16 */
	uint32_t n_held;      /* packet buffers in each direction */
	uint32_t timeout_s;   /* RFC 8200 4.5, RFC 1122 3.3.2: 60 at most */
};

struct reassembly;

/* Of the datagrams that come from one side. NULL without memory. */
struct reassembly *reassembly_new(const struct reassembly_config *config, bool from_kernel,
				  int numa_node);
/*
 * Of datagrams that begin from now on. Buffers are given up oldest datagram first, so those of one
 * with a shorter timeout may have to wait for an older one's. Control.
 */
void reassembly_set_timeout(struct reassembly *r, uint32_t timeout_s);
/* With what it holds. */
void reassembly_free(struct reassembly *r);

/*
 * Takes a fragment as parse_frame() found it. When it was the last one missing, the datagram is
 * ready for reassembly_collect(), in one segment, its Ethernet header the first fragment's.
 */
void reassembly_take(struct worker *w, struct reassembly *r, struct rte_mbuf *m, struct pkt *p);
/* The datagrams that are ready, to m[WORKER_BURST]; how many. Once after each burst. */
uint32_t reassembly_collect(struct worker *w, struct rte_mbuf *m[]);
/* Gives up what has waited too long. Every now and then. */
void reassembly_expire(struct worker *w, struct reassembly *r);

/* Fragments that wait. Its worker, or anybody when that is at rest. */
uint32_t reassembly_n_held(const struct reassembly *r);

#endif
