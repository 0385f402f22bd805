/*
 * Security agreement: the Security-Client, -Server and -Verify headers of RFC 3329 with the
 * ipsec-3gpp mechanism of TS 33.203 Annex H.
 *
 * A list is read line by line (secagree_add) from whatever a UE sends. It keeps two views: `text`,
 * the whole list in one canonical spelling (blanks gone, case folded outside quotes), for comparing
 * what was agreed byte by byte; and `offers`, the usable ipsec-3gpp entries. Unknown mechanisms and
 * parameters count in the first and are ignored in the second.
 */
#ifndef CONTROLPLANE_SECAGREE_H
#define CONTROLPLANE_SECAGREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/alg.h"

struct sip;

#define SECAGREE_TEXT_BYTES 4096
#define SECAGREE_N_OFFERS   16
#define SECAGREE_NAME_BYTES 24 /* of an algorithm, with the NUL; longer ones are unknown */

/* The parameters mod and prot together. */
enum secagree_mode {
	SECAGREE_TRANSPORT,  /* prot=esp, mod=trans */
	SECAGREE_UDP_TUNNEL, /* prot=esp, mod=UDP-enc-tun: TS 33.203 Annex M */
	SECAGREE_NO_MODE,    /* what is never set up */
};

/* One ipsec-3gpp entry, defaults filled in: prot=esp, mod=trans, ealg=null, q=1. */
struct secagree_offer {
	char alg[SECAGREE_NAME_BYTES];
	char ealg[SECAGREE_NAME_BYTES];
	enum secagree_mode mode;
	uint16_t q_thousandths;
	uint16_t port_c, port_s;
	uint32_t spi_c, spi_s;
};

struct secagree_list {
	char text[SECAGREE_TEXT_BYTES];
	size_t text_bytes;
	unsigned n_mechanisms;
	struct secagree_offer offers[SECAGREE_N_OFFERS];
	unsigned n_offers;
};

void secagree_init(struct secagree_list *l);

/*
 * Adds the entries of one header line. Returns 0, -EINVAL (grammar), -EMSGSIZE (as they were sent,
 * all lines are longer than the text may be, or have too many entries).
 */
int secagree_add(struct secagree_list *l, const char *line);

/* All lines of `header` in a message. n_mechanisms = 0: there is none. As secagree_add(). */
int secagree_read(const struct sip *s, const char *header, struct secagree_list *out);

/*
 * What a P-CSCF wants, most wanted first. Of the pairs of the two lists those count that protect
 * (alg_pair_is_allowed()). It is as small as it can be, since each SA set keeps the one that it was
 * agreed under: with the set's numbers that is its Security-Server.
 */
struct secagree_policy {
	uint8_t mode; /* enum secagree_mode, of all of it: where the UE is decides, never its offer
		       */
	uint8_t n_integrity, n_encryption;
	uint8_t integrity[ALG_N_INTEGRITY]; /* enum alg_integrity */
	uint8_t encryption[ALG_N_CIPHER];   /* enum alg_cipher */
};

/* Of SIP names; those that alg.h does not have, or that come again, are left out. */
struct secagree_policy secagree_policy(char *const *integrity, unsigned n_integrity,
				       char *const *encryption, unsigned n_encryption,
				       enum secagree_mode mode);

/*
 * The offer to set up: the first pair of the policy that is offered with sane numbers (SPIs above
 * 255 and different, ports different and not 0). NULL: nothing in common (C-059).
 */
const struct secagree_offer *secagree_choose(const struct secagree_list *client,
					     const struct secagree_policy *policy);

/* The P-CSCF's own numbers for Security-Server. */
struct secagree_server {
	uint32_t spi_c, spi_s;
	uint16_t port_c, port_s;
};

/*
 * Security-Server: every pair of the policy with falling q and the same numbers, whatever the
 * client offered (C-051). `numbers` NULL: the list for 421 and 494, before there are any. Returns
 * the length or -EMSGSIZE.
 */
int secagree_print_server(const struct secagree_policy *policy,
			  const struct secagree_server *numbers, char *out, size_t out_bytes);

/* q-value of RFC 3261 25.1 in thousandths: "0.5" → 500; -EINVAL. */
int secagree_q(const char *text);

#endif
