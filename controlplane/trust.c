#include "controlplane/trust.h"

#include <errno.h>

#include "configs/config.h"
#include "controlplane/log.h"

static int add(struct trust *t, const char *text)
{
	struct network *peer = &t->peers[t->n_peers];
	if (t->n_peers == sizeof(t->peers) / sizeof(t->peers[0]))
		return -EINVAL;
	int error = 0;
	if (!address_parse(text, 0, &peer->first))
		peer->bits = peer->first.family == 6 ? 128 : 32;
	else
		error = address_parse_network(text, peer);
	t->n_peers += !error;
	return error;
}

int trust_init(struct trust *t, const struct config *config, char *const *listed, uint32_t n_listed)
{
	const char *cscfs[TRUST_CSCFS] = { config->pcscf ? config->pcscf->core_address : NULL,
					   config->icscf ? config->icscf->address : NULL,
					   config->scscf ? config->scscf->address : NULL };
	int error = 0;
	*t = (struct trust){ .has_loopback = n_listed == 0 };
	for (unsigned i = 0; i < TRUST_CSCFS && !error; i++)
		if (cscfs[i])
			error = add(t, cscfs[i]);
	for (uint32_t i = 0; i < n_listed && !error; i++)
		error = add(t, listed[i]);
	return error;
}

bool trust_has(const struct trust *t, const struct address *peer)
{
	return (t->has_loopback && address_is_loopback(peer)) ||
	       address_is_in_any(peer, t->peers, t->n_peers);
}

void trust_warn(const char *role, const struct address *peer)
{
	char text[ADDRESS_TEXT_BYTES];
	log_warn("%s: %s says that a REGISTER came protected, and is not in %s.trusted: it counts "
		 "as unprotected",
		 role, address_print_host(peer, text), role);
}
