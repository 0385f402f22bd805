/*
 * The security associations of all simulated UEs: TS 33.203 7.1, from the UE's side.
 *
 * A UE chooses its SPIs when it writes Security-Client, long before there are keys: sa_spi_take()
 * reserves one, sa_set_install() makes SAs of them. The table owns the sets; a set lives until
 * sa_set_delete(), which wipes its keys and frees its SPIs. A UE has a few sets at a time: the
 * current one, one in the making, old ones in their grace (TS 33.203 7.4). One thread.
 */
#ifndef TOOLS_UE_SA_H
#define TOOLS_UE_SA_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/job.h"
#include "tools/ue/window.h"

#define SA_MAX_SAS 4

struct sa {
	struct crypto_key key; /* one per SA: equal keys must not share an IV seed */
	struct window window;  /* inbound */
	uint32_t sequence;     /* outbound: last number sent */
	uint32_t spi;
	uint32_t ue; /* index of the UE */
	uint16_t ue_port, pcscf_port;
	uint8_t suite; /* enum crypto_suite */
	bool inbound;
	bool in_udp; /* tunnel mode in UDP, TS 33.203 Annex M */
	bool spoke;  /* outbound: since the last keepalive was due */
};

struct sa_set {
	struct sa_set *next; /* of the same UE, older */
	uint32_t ue;
	uint32_t spi_uc, spi_us; /* ours, given back with the set */
	unsigned n_sas;
	struct sa sa[SA_MAX_SAS];
};

/* What the security agreement has settled, names as in TS 33.203 7.1. */
struct sa_plan {
	uint32_t ue;
	uint32_t spi_uc, spi_us, spi_pc, spi_ps;
	uint16_t port_uc, port_us, port_pc, port_ps;
	enum crypto_suite suite;
	const uint8_t *auth_key, *cipher_key, *salt; /* expanded, of the suite's sizes */
	bool single_pair;                            /* seed 6.3: uc → ps and pc → us alone */
	bool in_udp;
};

struct sa_table;

struct sa_table *sa_table_new(uint32_t n_ues);
void sa_table_free(struct sa_table *t);

/* A random SPI ≥ 256 (RFC 4303 2.1) that no UE has. 0: none left. */
uint32_t sa_spi_take(struct sa_table *t);
/* Of one that was not installed; 0 is nothing. */
void sa_spi_give(struct sa_table *t, uint32_t spi);

/* Makes the set and takes over spi_uc and spi_us. NULL: no memory, or keys that the suite refuses.
 */
struct sa_set *sa_set_install(struct sa_table *t, struct crypto *c, const struct sa_plan *plan);
void sa_set_delete(struct sa_table *t, struct sa_set *set);

/* By the SPI of a received packet; the caller compares addresses. NULL: unknown. */
struct sa *sa_find_inbound(struct sa_table *t, uint32_t spi);
/* The newest set of the UE that has this tuple. NULL: none. */
struct sa *sa_find_outbound(struct sa_table *t, uint32_t ue, uint16_t ue_port, uint16_t pcscf_port);
/* The outbound SA of the set that requests and answers take over UDP: uc → ps. */
struct sa *sa_set_outbound(struct sa_set *set);

/*
 * Whether the UE has SAs in UDP, of which none has sent since this was asked last: the NAT may
 * forget it soon (RFC 3948 4).
 */
bool sa_is_silent_in_udp(struct sa_table *t, uint32_t ue);

/* Whether an SPI is one of the P-CSCF's that some UE sends to. Walks everything. */
bool sa_is_outbound_spi(const struct sa_table *t, uint32_t spi);

#endif
