/*
 * Whose integrity indicator counts in a REGISTER: seed 6.1.5 and X.4, TS 24.229 4.4 (C-046). A role
 * believes the CSCFs that its own configuration file has, and whom its key `trusted` lists; without
 * that key also who is on the loopback of this machine. What others say is as good as nothing.
 *
 * A peer is the address that a message came from. With TLS its certificate has proved it (tls.h);
 * without, it is as true as the network is that lets packets in.
 */
#ifndef CONTROLPLANE_TRUST_H
#define CONTROLPLANE_TRUST_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/address.h"

struct config;

#define TRUST_LISTED 64 /* the schema has no more */
#define TRUST_CSCFS  3  /* P-, I- and S-CSCF of the file */

struct trust {
	struct network peers[TRUST_LISTED + TRUST_CSCFS];
	unsigned n_peers;
	bool has_loopback;
};

/* `listed`: addresses, and networks as ADDRESS/BITS. Returns 0 or -EINVAL. */
int trust_init(struct trust *t, const struct config *config, char *const *listed,
	       uint32_t n_listed);

bool trust_has(const struct trust *t, const struct address *peer);

/* For the operator: what `role` has not believed, for he may have forgotten to list the peer. */
void trust_warn(const char *role, const struct address *peer);

#endif
