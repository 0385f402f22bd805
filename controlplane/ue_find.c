#include <string.h>

#include "controlplane/sip_uri.h"
#include "controlplane/transport.h"
#include "controlplane/ue_impl.h"

uint64_t ue_hash_tuple(const struct table *t, uint16_t zone, const struct address *host,
		       uint16_t ue_port, uint16_t own_port)
{
	struct {
		uint8_t host[sizeof(host->bytes)];
		uint16_t ue_port, own_port;
	} tuple = { .ue_port = ue_port, .own_port = own_port };
	memcpy(tuple.host, host->bytes, sizeof(tuple.host));
	return table_hash(t, zone, &tuple, sizeof(tuple));
}

static bool is_at(const struct ue *ue, uint16_t zone, const struct address *host)
{
	return ue->zone == zone && address_same_host(&ue->host, host);
}

bool ue_has_address(const struct ue *ue, const struct address *host)
{
	if (address_same_host(host, &ue->host))
		return true;
	if (!ue->nat.family)
		return false;
	bool has = address_same_host(host, &ue->nat);
	for (unsigned i = 0; i < ue->n_sets; i++)
		has = has || address_same_host(host, &ue->sets[i]->outside);
	return has;
}

bool ue_is_at(const struct ue *ue, const struct sa_set *set, const osip_uri_t *contact)
{
	struct address a;
	if (sip_uri_place(contact, &a) || (a.family && !ue_has_address(ue, &a)))
		return false;
	for (unsigned i = 0; i < ue->n_sets; i++)
		if ((!set || ue->sets[i] == set) && ue->sets[i]->ports.us == a.port)
			return true;
	return false;
}

struct sa_set *ue_set_by_uc(const struct ues *u, uint16_t zone, const struct address *host,
			    uint16_t uc)
{
	struct table_node *n = table_first(u->by_uc, ue_hash_tuple(u->by_uc, zone, host, uc, 0));
	for (; n; n = table_next(n)) {
		struct sa_set *s = table_entry(n, struct sa_set, by_uc);
		if (s->ports.uc == uc && is_at(s->ue, zone, host))
			return s;
	}
	return NULL;
}

struct sa_set *ue_set_by_tuple(const struct ues *u, const struct endpoint *local,
			       const struct address *peer)
{
	struct sa_set *s = ue_set_by_uc(u, local->zone, peer, peer->port);
	return s && s->ports.ps == local ? s : NULL;
}

bool ue_port_uc_in_use(const struct ues *u, uint16_t zone, const struct address *host, uint16_t uc,
		       const char *impi, const struct set_origin *origin)
{
	const struct sa_set *s = ue_set_by_uc(u, zone, host, uc);
	return s && (strcmp(s->ue->impi, impi) || !ue_set_may_go(s, origin));
}

uint64_t ues_call(const struct ues *u, const char *call_id)
{
	return table_hash(u->by_id, 0, call_id, strlen(call_id));
}

struct sa_set *ue_set_by_us(const struct ues *u, uint16_t zone, const struct address *host,
			    uint16_t us, const struct endpoint *pc)
{
	uint64_t hash = ue_hash_tuple(u->by_us, zone, host, us, pc->local.port);
	for (struct table_node *n = table_first(u->by_us, hash); n; n = table_next(n)) {
		struct sa_set *s = table_entry(n, struct sa_set, by_us);
		if (s->ports.us == us && s->ports.pc == pc && is_at(s->ue, zone, host))
			return s;
	}
	return NULL;
}

struct sa_set *ue_set_by_registration(const struct ues *u, uint64_t registration)
{
	const struct ue *ue = ue_find(u, registration >> 16);
	for (unsigned i = 0; ue && i < ue->n_sets; i++)
		if (ue->sets[i]->registration == registration)
			return ue->sets[i];
	return NULL;
}

struct sa_set *ue_set_by_nonce(const struct ue *ue, const char *nonce)
{
	for (unsigned i = 0; i < ue->n_sets; i++) {
		struct sa_set *s = ue->sets[i];
		if (s->state == SET_TEMPORARY && !strcmp(s->challenge->nonce, nonce))
			return s;
	}
	return NULL;
}
