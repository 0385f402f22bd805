/*
 * The security agreement, RFC 3329 as profiled by TS 33.203 Annex H: what a UE offers in
 * Security-Client, and what it makes of Security-Server. Pure functions, any thread.
 */
#ifndef TOOLS_UE_SECAGREE_H
#define TOOLS_UE_SECAGREE_H

#include "crypto/alg.h"
#include "crypto/job.h"
#include "tools/ue/sip.h"

#define SECAGREE_N_MECHANISMS 16

/* In a set of suites (bit = enum crypto_suite): each of them in UDP too. */
#define SECAGREE_IN_UDP (1u << 31)

/* One mechanism; SPIs and ports are those of the side that wrote it. */
struct secagree {
	uint32_t spi_c, spi_s;
	uint16_t port_c, port_s;
	uint16_t q_thousandth; /* RFC 3329 2.2; 1000 when absent */
	int suite;             /* enum crypto_suite; -1: not one we speak */
	bool in_udp;           /* mod=UDP-enc-tun, TS 33.203 Annex M */
};

struct secagree_list {
	struct secagree mechanism[SECAGREE_N_MECHANISMS];
	unsigned n;
};

/* The two algorithms of a suite (enum crypto_suite). */
enum alg_integrity secagree_integrity(int suite);
enum alg_cipher secagree_cipher(int suite);
/* The suite of two SIP names; -ENOENT. */
int secagree_suite(struct view alg, struct view ealg);

/*
 * Reads all headers of this name. Mechanisms other than ipsec-3gpp, unknown parameters and
 * algorithms are passed over (they keep their place with suite −1). Missing prot, mod and ealg are
 * esp, trans and null (Annex H). Returns 0, -ENOENT without the header, or -EBADMSG.
 */
int secagree_read(const struct sip_message *m, const char *header, struct secagree_list *out);

/*
 * The mechanism of highest q among those whose suite and mode are in `offered`. Returns NULL
 * and *error: -EBADMSG when two have equal q (C-050), -ENOENT when none is common (C-059).
 */
const struct secagree *secagree_choose(const struct secagree_list *list, unsigned offered,
				       int *error);

/* The value of Security-Client: a mechanism for each suite, and one in UDP, in `offered`. */
void secagree_put_client(struct sip_text *t, const struct secagree *own, unsigned offered);

/* The values of Security-Server as they came, in order, for Security-Verify. Returns 0 or
 * -EMSGSIZE. */
int secagree_copy_server(const struct sip_message *m, char *out, size_t out_bytes);

#endif
