/*
 * The UE's own ESP, RFC 4303 with the algorithms of TS 33.203 Annex H: in transport mode, behind a
 * NAT in tunnel mode in UDP (Annex M, RFC 3948).
 *
 * A packet is prepared, its job runs in a burst (crypto/job.h), then an inbound one is finished:
 * nothing of it is believed before. In between a tester may spoil it: see attack.c. The SA stays
 * in place from prepare to finish. One thread.
 */
#ifndef TOOLS_UE_ESP_H
#define TOOLS_UE_ESP_H

#include "crypto/job.h"
#include "tools/ue/packet.h"
#include "tools/ue/sa.h"

#define ESP_HEADER_BYTES  8    /* SPI, sequence number */
#define ESP_TRAILER_BYTES 2    /* pad length, next header */
#define ESP_UDP_PORT      4500 /* RFC 3948 2.1 */

/* Why a packet was not taken; also the index of the bump's counters. */
enum esp_verdict {
	ESP_OK,
	ESP_MALFORMED, /* shorter than header, IV, trailer and ICV, or no whole blocks */
	ESP_UNKNOWN_SPI,
	ESP_REPLAYED, /* or left of the window, or number 0 */
	ESP_BAD_ICV,
	ESP_BAD_PADDING,
	ESP_BAD_SELECTOR, /* addresses, protocol or ports are not the SA's */
	ESP_EXHAUSTED,    /* outbound: all sequence numbers used, RFC 4303 3.3.3 */
	ESP_TOO_BIG,      /* outbound: no room in the buffer */
	ESP_FAILED,       /* the crypto refused the job */
	ESP_N_VERDICTS,
};

struct esp_job {
	struct crypto_job job;
	struct packet *packet;
	struct sa *sa;
	uint32_t sequence;
};

/*
 * Turns the clear UDP or TCP packet into ESP with the SA's next number; ciphering and ICV are the
 * job's. On anything but ESP_OK packet and SA are as before.
 */
enum esp_verdict esp_seal(struct esp_job *e, struct packet *p, struct sa *sa);

/* First half of the way in: SA by SPI, replay check. */
enum esp_verdict esp_open(struct esp_job *e, struct packet *p, struct sa_table *sas);

/*
 * Second half, after the job: the clear packet, whose window is moved and whose padding, addresses
 * (`ue` and `pcscf`) and ports are the SA's.
 */
enum esp_verdict esp_finish(struct esp_job *e, const struct address *ue,
			    const struct address *pcscf);

/* Runs n ≤ CRYPTO_BURST prepared jobs to their end; the results are in their status. */
void esp_run(struct crypto *c, struct esp_job *jobs[], unsigned n);

#endif
