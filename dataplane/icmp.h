/*
 * ICMP and ICMPv6 errors, both ways: what the network says about ESP packets of ours (RFC 4301 8.2)
 * is for us, and the kernel, which never saw them, does not hear it; what the kernel has to know of
 * a packet that is too long for its path, we say ourselves. All else about ICMP is the kernel's.
 * The worker's own thread.
 */
#ifndef DATAPLANE_ICMP_H
#define DATAPLANE_ICMP_H

#include "dataplane/counters.h"
#include "dataplane/pkt.h"
#include "dataplane/worker.h"

/*
 * A clear packet of ICMP or ICMPv6 from the network, whole. COUNT_clear_rx: it is no error about
 * ESP, and goes its way; else the counter of what has become of it, and it is to be dropped.
 */
enum counter icmp_in(struct worker *w, struct rte_mbuf *m, const struct pkt *p);

/*
 * Tells the kernel, as from the path, that its packet may be so long. Only reads m, a clear packet
 * from the kernel. Nothing is said about ICMP errors or to many (RFC 1122 3.2.2, RFC 4443 2.4).
 */
void icmp_tell_too_big(struct worker *w, struct rte_mbuf *m, const struct pkt *p,
		       uint16_t mtu_bytes);

/* What the checksum field has to be, while it is zero; of a received message: 0 when it is good. */
uint16_t icmp_checksum(const uint8_t *ip, uint8_t family, const uint8_t *icmp, uint16_t n_bytes);
bool icmp_is_error(uint8_t family, uint8_t type);

#endif
