/*
 * What the data plane knows of a packet while it holds it: lives in the mbuf's private area, beside
 * the crypto job, so that a packet and all about it travel as one pointer. One cache line. Owner:
 * whoever holds the mbuf.
 */
#ifndef DATAPLANE_PKT_H
#define DATAPLANE_PKT_H

#include <rte_mbuf.h>

#include "crypto/job.h"
#include "dataplane/parse.h"

struct sa;

struct pkt {
	struct crypto_job job; /* first: see mbuf_of_job() */
	struct sa *sa;
	union {
		uint32_t spi; /* outbound; the SA may be retired while the packet is on its way */
		uint32_t sequence_high; /* inbound; 0 without extended numbers */
	};
	uint32_t sequence;
	struct parse at; /* where the headers are */
	uint8_t zone;
};

#define PKT_BYTES 64
_Static_assert(sizeof(struct pkt) <= PKT_BYTES, "the private area is one cache line");

static inline struct pkt *pkt_of(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/* The whole number of an inbound packet, as its replay window has it. */
static inline uint64_t pkt_sequence(const struct pkt *p)
{
	return (uint64_t)p->sequence_high << 32 | p->sequence;
}

static inline struct rte_mbuf *mbuf_of_job(struct crypto_job *job)
{
	return (struct rte_mbuf *)job - 1;
}

#endif
