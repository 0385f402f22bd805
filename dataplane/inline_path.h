/*
 * What a worker does for packets of SAs that a port serves (inline_sa.h), beside its way for all
 * others: a test of the mbuf's marks inbound, of the SA's backend outbound. Worker.
 */
#ifndef DATAPLANE_INLINE_PATH_H
#define DATAPLANE_INLINE_PATH_H

#include <rte_mbuf.h>

#include "dataplane/counters.h"
#include "dataplane/pkt.h"
#include "dataplane/sa.h"

struct worker;

#define INLINE_MARKS (RTE_MBUF_F_RX_SEC_OFFLOAD | RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED)

/* Has a port something to say about the ESP of a packet from the network? */
static inline bool inline_is_marked(const struct rte_mbuf *m)
{
	return m->ol_flags & INLINE_MARKS;
}

/*
 * A marked packet of an SA that was found, everything before the ICV being good. ESP_OK: the port
 * has verified and deciphered it, p->job is done. Else the reason to drop it.
 */
enum counter inline_judge(const struct rte_mbuf *m, struct pkt *p);

/*
 * Why a packet is dropped that has failed a check before its ICV: a port's word for an SA that is
 * no more is a late completion.
 */
static inline enum counter inline_drop_reason(const struct rte_mbuf *m, enum counter reason)
{
	return reason == COUNT_esp_unknown_spi && inline_is_marked(m) ? COUNT_inline_late : reason;
}

static inline bool inline_is(const struct sa *sa, enum crypto_backend backend)
{
	/* partner: set_backend() in inline_sa.c: whoever sees it sees the session */
	return atomic_load_explicit(&sa->id.backend, memory_order_acquire) == backend;
}

/*
 * Of an SA under inline protocol, before its next sequence number is taken: will the port write the
 * numbers? The SA's own may jump ahead. False: the cpu has to do the packet; and all that come
 * after it, if the port had begun.
 */
bool inline_begin(struct worker *w, struct rte_mbuf *m, struct sa *sa);
/*
 * Then, with the number taken: the packet as it is, for the port to do all of ESP when it is sent.
 * ESP_OK, with the job done; or the reason to drop it.
 */
enum counter inline_leave(const struct worker *w, struct rte_mbuf *m, struct pkt *p,
			  uint16_t mtu_bytes);

/* Instead: the cpu does this packet, under the number taken, and all that come after it. */
void inline_end(const struct worker *w, const struct sa *sa);

/* Is there something about a packet that is ready, for a port to do? */
static inline bool inline_concerns(const struct pkt *p)
{
	return p->job.backend >= CRYPTO_INLINE;
}

/*
 * Such a packet: one that inline_leave() has seen is done; one whose ESP is ready but for IV,
 * cipher and ICV has the port do the rest when it is sent. False: the cpu has to.
 */
bool inline_take(const struct worker *w, struct rte_mbuf *m, struct pkt *p);

#endif
