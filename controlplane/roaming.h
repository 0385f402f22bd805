/*
 * From which visited networks the users of an HSS may register: TS 29.228 6.1.1.1. Names of
 * networks are domain names (TS 24.229 5.2.2.1), compared without case.
 */
#ifndef CONTROLPLANE_ROAMING_H
#define CONTROLPLANE_ROAMING_H

#include <stdbool.h>
#include <stdint.h>

struct roaming {
	const char **networks; /* sorted; NULL: all networks will do */
	uint32_t n_networks;
};

/* `networks` stay the caller's, and as they are; none: from everywhere. Returns 0 or -ENOMEM. */
int roaming_init(struct roaming *r, char *const *networks, uint32_t n_networks);
void roaming_clear(struct roaming *r);

/* `network`: as the I-CSCF was told; "", which is nothing, is in no list. */
bool roaming_allows(const struct roaming *r, const char *network);

#endif
