/*
 * ESP in transport mode on one packet, in place (RFC 4303; TS 33.203 7.1): lengths, trailer and
 * headers. The cryptography between prepare and finish is a job; sequence numbers and the replay
 * window are the worker's. Owner core only.
 *
 * Each function returns ESP_OK or the counter of the reason to drop the packet.
 */
#ifndef DATAPLANE_ESP_H
#define DATAPLANE_ESP_H

#include "dataplane/counters.h"
#include "dataplane/pkt.h"
#include "dataplane/sa.h"

#define ESP_HEADER_BYTES  8
#define ESP_TRAILER_BYTES 2 /* pad length, next header */

#define ESP_OK COUNT_N

/*
 * Inbound, before the crypto: at.l4 is the ESP header, of which ESP_HEADER_BYTES are there. Fills
 * the job.
 */
enum counter esp_in_prepare(struct rte_mbuf *m, struct pkt *p);
/* Inbound, after a good ICV: checks trailer and inner ports, strips ESP. `p->at` follows. */
enum counter esp_in_finish(struct rte_mbuf *m, struct pkt *p);
/*
 * Outbound: at.l4 is the UDP or TCP header. Makes room, writes header (p->spi, p->sequence) and
 * trailer, fills the job; the packet is ready to leave when the job is done.
 */
enum counter esp_out_prepare(struct rte_mbuf *m, struct pkt *p, uint16_t mtu_bytes);

#endif
