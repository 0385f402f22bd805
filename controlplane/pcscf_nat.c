/*
 * UEs behind a NAT: TS 33.203 Annex M, TS 24.229 Annex F.
 *
 * A first REGISTER whose Via or Contact names another address than it came from has passed a NAT.
 * What it names is where the UE is inside, and what the sockets here see of it: its ESP comes as
 * tunnel mode in UDP, and the data plane keeps the outside to itself. Each SA set has a tunnel of
 * its own, named by the set's handle, that says where the NAT is; the data plane follows what
 * authenticated packets say of that, and tells.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/pcscf_impl.h"
#include "controlplane/transport.h"

/* --- where a UE is --- */

/* RFC 1918, RFC 6598, RFC 4193: what NATs have inside, unless the configuration says more. */
static char *const private_networks[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
					  "100.64.0.0/10", "fc00::/7" };

int pcscf_read_networks(struct pcscf *p)
{
	char *const *text = p->config->nat_networks;
	unsigned n = p->config->n_nat_networks;
	if (!n) {
		text = private_networks;
		n = sizeof(private_networks) / sizeof(private_networks[0]);
	}
	for (p->n_networks = 0; p->n_networks < n && p->n_networks < PCSCF_NETWORKS;
	     p->n_networks++) {
		int error = address_parse_network(text[p->n_networks], &p->networks[p->n_networks]);
		if (error)
			return error;
	}
	return 0;
}

/*
 * An address that Via or Contact names. False: it says what cannot be. The first that is behind a
 * NAT goes into `inside`.
 */
static bool take_host(const struct attempt *a, const struct sa_set *set,
		      const struct address *named, struct address *inside)
{
	if (address_same_host(named, &a->peer))
		return true;
	if (set) /* TS 24.229 F.2.1.2.2: in its SAs a UE may say what the NAT makes or made of it */
		return ue_has_address(set->ue, named);
	if (inside->family)
		return address_same_host(named, inside);
	if (a->pcscf->config->nat != CONFIG_NAT_UDP_ENC_TUN || named->family != a->peer.family ||
	    !address_is_in_any(named, a->pcscf->networks, a->pcscf->n_networks))
		return false;
	*inside = *named;
	return true;
}

bool attempt_locate(struct attempt *a, const struct sip *r, const struct sa_set *set)
{
	struct address inside = { 0 }, named;
	/* The name of a host says nothing. */
	bool possible =
		address_parse(sip_via(r, 0)->host, 0, &named) || take_host(a, set, &named, &inside);
	for (unsigned i = 0; i < sip_count(r, SIP_CONTACT) && possible; i++)
		possible = sip_contact_host(r, i, &named) || take_host(a, set, &named, &inside);
	if (set) {
		a->outside = set->outside;
	} else if (possible && inside.family) {
		/* The port that ESP will have there, its first packet tells; many NATs keep it. */
		a->outside = a->peer;
		a->outside.port = a->pcscf->port_encap;
		inside.port = a->peer.port;
		a->peer = inside;
		a->pcscf->counters.nat_detected++;
	}
	return possible;
}

const struct secagree_policy *attempt_policy(const struct attempt *a)
{
	return a->outside.family ? &a->pcscf->nat_policy : &a->pcscf->policy;
}

/* --- its tunnels --- */

int pcscf_install_tunnel(struct pcscf *p, const struct sa_set *s,
			 void (*done)(void *user, int status, uint32_t number), void *user)
{
	const struct address *local = &s->ports.ps->local;
	struct api_tunnel tunnel = { .handle = s->registration,
				     .zone = p->zone,
				     .family = s->outside.family,
				     .flags = API_TUNNEL_FOLLOW,
				     .local_port = p->port_encap,
				     .peer_port = s->outside.port };
	memcpy(tunnel.local.bytes, local->bytes, sizeof(tunnel.local.bytes));
	memcpy(tunnel.peer.bytes, s->outside.bytes, sizeof(tunnel.peer.bytes));
	return dpclient_install_tunnel(p->dp, &tunnel, done, user);
}

/* A UE has one port for ESP, and so one place outside: what one set hears is true of all. */
static void move_all(struct pcscf *p, struct ue *ue, const struct sa_set *heard, bool followed)
{
	for (unsigned i = 0; i < ue->n_sets; i++) {
		struct sa_set *s = ue->sets[i];
		bool is_there = s == heard ? followed : address_equal(&s->outside, &heard->outside);
		if (is_there || !s->outside.family)
			continue;
		s->outside = heard->outside;
		dpclient_point_tunnel(p->dp, s->registration, heard->outside.bytes,
				      heard->outside.port);
	}
}

void pcscf_on_rebound(void *user, const struct api_tunnel_rebound *rebound)
{
	struct pcscf *p = user;
	struct sa_set *s = ue_set_by_registration(p->ues, rebound->handle);
	if (!s || !s->outside.family)
		return;
	if (s->is_guess)
		p->counters.nat_learned++;
	else
		p->counters.nat_rebound++;
	s->is_guess = false;
	memcpy(s->outside.bytes, rebound->peer.bytes, sizeof(s->outside.bytes));
	s->outside.port = rebound->peer_port;
	move_all(p, s->ue, s, rebound->followed);
}

/* --- after a restart: of the tunnels in the data plane those serve that have a set --- */

int pcscf_on_tunnel(void *user, const struct api_tunnel_info *info)
{
	struct pcscf *p = user;
	if (p->n_tunnels == p->max_tunnels) {
		size_t max = p->max_tunnels ? 2 * p->max_tunnels : 256;
		struct held_tunnel *larger = realloc(p->tunnels, max * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		p->tunnels = larger;
		p->max_tunnels = max;
	}
	struct held_tunnel *held = &p->tunnels[p->n_tunnels++];
	*held = (struct held_tunnel){ .handle = info->tunnel.handle,
				      .outside = { .family = info->tunnel.family,
						   .port = info->tunnel.peer_port } };
	memcpy(held->outside.bytes, info->tunnel.peer.bytes, sizeof(held->outside.bytes));
	return 0;
}

void pcscf_adopt_tunnels(struct pcscf *p)
{
	for (size_t i = 0; i < p->n_tunnels; i++) {
		const struct held_tunnel *held = &p->tunnels[i];
		struct sa_set *s = ue_set_by_registration(p->ues, held->handle);
		if (s)
			ue_set_outside(s, &held->outside);
		else
			dpclient_delete_tunnel(p->dp, held->handle);
	}
}
