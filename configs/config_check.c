#include "configs/config_check.h"

#include <errno.h>
#include <string.h>

#include "configs/config.h"
#include "configs/config_document.h"
#include "configs/config_syntax.h"

/* Window that an SA holds itself; a wider one takes a place in the side pool. */
#define SA_WINDOW_PKTS 128

/* A place where a role listens. */
struct endpoint {
	const char *path; /* of the port's key in the file */
	const char *address;
	uint32_t port;
};

static int check_spi(struct config_document *d, const struct config_sa *sa)
{
	unsigned index_bits = __builtin_ctz(sa->capacity);
	unsigned bits = index_bits + sa->generation_bits + sa->spi_slice_bits;

	if (sa->capacity & (sa->capacity - 1))
		return document_refuse(d, document_find(d, "dataplane.sa.capacity"),
				       "found %u for capacity, expected a power of two",
				       sa->capacity);
	if (bits > 32)
		return document_refuse(
			d, document_find(d, "dataplane.sa"),
			"found an SPI of %u bits (generation_bits %u + spi_slice_bits "
			"%u + %u for capacity), expected at most 32",
			bits, sa->generation_bits, sa->spi_slice_bits, index_bits);
	if (sa->spi_slice >> sa->spi_slice_bits)
		return document_refuse(
			d, document_find(d, "dataplane.sa.spi_slice"),
			"found %u for spi_slice, expected less than 2^spi_slice_bits "
			"= %u",
			sa->spi_slice, 1u << sa->spi_slice_bits);
	if (sa->replay_window_pkts > SA_WINDOW_PKTS && sa->n_wide_windows == 0)
		return document_refuse(d, document_find(d, "dataplane.sa.replay_window_pkts"),
				       "found %u for replay_window_pkts without n_wide_windows, "
				       "expected at most %u",
				       sa->replay_window_pkts, SA_WINDOW_PKTS);
	return 0;
}

static int check_fragments(struct config_document *d, const struct config_fragments *fragments)
{
	if (fragments->n_datagrams & (fragments->n_datagrams - 1))
		return document_refuse(d, document_find(d, "dataplane.fragments.n_datagrams"),
				       "found %u for n_datagrams, expected a power of two",
				       fragments->n_datagrams);
	return 0;
}

static int check_cores(struct config_document *d, const struct config_dataplane *dp)
{
	for (uint32_t i = 0; i < dp->n_worker_cores; i++) {
		const yaml_node_t *place = document_find(d, "dataplane.worker_cores[%u]", i);

		/* A worker that never sleeps leaves nothing of its core. */
		if (dp->worker_cores[i] == dp->control_core && !dp->idle_sleep_us)
			return document_refuse(d, place,
					       "found the control_core %u among worker_cores, "
					       "expected another core, or idle_sleep_us",
					       dp->control_core);
		for (uint32_t j = 0; j < i; j++)
			if (dp->worker_cores[i] == dp->worker_cores[j])
				return document_refuse(d, place,
						       "found core %u again in worker_cores, "
						       "expected each core once",
						       dp->worker_cores[i]);
	}
	if (dp->active_workers > dp->n_worker_cores)
		return document_refuse(d, document_find(d, "dataplane.active_workers"),
				       "found %u for active_workers, expected at most as many as "
				       "worker_cores, %u",
				       dp->active_workers, dp->n_worker_cores);
	return 0;
}

static bool is_protected(const struct config_zone *zone, uint32_t port)
{
	return port == zone->port_ps ||
	       (port >= zone->port_pc_first && port - zone->port_pc_first < zone->n_port_pc);
}

/* What comes to it is ESP or IKE, never SIP out of an SA. */
static int check_port_encap(struct config_document *d, const struct config_zone *z, uint32_t i)
{
	if (!z->port_encap || !is_protected(z, z->port_encap))
		return 0;
	return document_refuse(d, document_find(d, "dataplane.zones[%u].port_encap", i),
			       "found the protected port %u for port_encap, expected another",
			       z->port_encap);
}

/* Both or neither of port_ps and the pool; the pool inside the port numbers and without port_ps. */
static int check_zone_ports(struct config_document *d, const struct config_zone *z, uint32_t i)
{
	const yaml_node_t *place = document_find(d, "dataplane.zones[%u].port_pc_first", i);

	if (!z->port_ps && !z->port_pc_first && !z->n_port_pc)
		return 0;
	if (!z->port_ps || !z->port_pc_first || !z->n_port_pc)
		return document_refuse(
			d, document_find(d, "dataplane.zones[%u]", i),
			"found port_ps %u, port_pc_first %u and n_port_pc %u in zone "
			"%s, expected all of them or none",
			z->port_ps, z->port_pc_first, z->n_port_pc, z->name);
	if (z->port_pc_first + z->n_port_pc - 1 > 65535)
		return document_refuse(
			d, place,
			"found a port_pc pool from %u to %u, expected its end at most "
			"at 65535",
			z->port_pc_first, z->port_pc_first + z->n_port_pc - 1);
	if (z->port_ps - z->port_pc_first < z->n_port_pc)
		return document_refuse(
			d, document_find(d, "dataplane.zones[%u].port_ps", i),
			"found port_ps %u inside the port_pc pool %u to %u, expected "
			"it outside",
			z->port_ps, z->port_pc_first, z->port_pc_first + z->n_port_pc - 1);
	return 0;
}

/* The same device, whatever its arguments after the comma. */
static bool same_device(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	return n == strcspn(b, ",") && !strncmp(a, b, n);
}

static int check_zone_pair(struct config_document *d, const struct config_zone *zones, uint32_t i,
			   uint32_t j)
{
	const struct config_zone *a = &zones[j], *b = &zones[i];

	if (!strcmp(a->name, b->name))
		return document_refuse(d, document_find(d, "dataplane.zones[%u].name", i),
				       "found zone %s again, expected each name once", b->name);
	if (same_device(a->network_port, b->network_port) &&
	    strcmp(a->network_port, b->network_port))
		return document_refuse(d, document_find(d, "dataplane.zones[%u].network_port", i),
				       "found the network_port of zone %s with other arguments, "
				       "expected the same text",
				       a->name);
	if (same_device(a->network_port, b->network_port) && a->vlan == b->vlan)
		return document_refuse(
			d, document_find(d, "dataplane.zones[%u].network_port", i),
			"found the network_port and vlan %u of zone %s again, expected "
			"another port or vlan",
			b->vlan, a->name);
	if (same_device(a->kernel_port, b->kernel_port))
		return document_refuse(
			d, document_find(d, "dataplane.zones[%u].kernel_port", i),
			"found the kernel_port of zone %s again, expected one of its "
			"own for each zone",
			a->name);
	return 0;
}

static int check_zones(struct config_document *d, const struct config_dataplane *dp)
{
	for (uint32_t i = 0; i < dp->n_zones; i++) {
		int rc = check_zone_ports(d, &dp->zones[i], i);

		if (rc == 0)
			rc = check_port_encap(d, &dp->zones[i], i);

		for (uint32_t j = 0; rc == 0 && j < i; j++)
			rc = check_zone_pair(d, dp->zones, i, j);
		for (uint32_t j = 0; rc == 0 && j < dp->n_zones; j++)
			if (same_device(dp->zones[i].kernel_port, dp->zones[j].network_port))
				rc = document_refuse(
					d, document_find(d, "dataplane.zones[%u].kernel_port", i),
					"found the network_port of zone %s as kernel_port, "
					"expected another device",
					dp->zones[j].name);
		if (rc)
			return rc;
	}
	return 0;
}

/* The first `n` bytes of two device strings: their names, without arguments. */
static bool same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, ",");

	return n == strcspn(b, ",") && !strncmp(a, b, n);
}

static int check_crypto(struct config_document *d, const struct config_crypto *crypto)
{
	if (crypto->lookaside != CONFIG_LOOKASIDE_NONE && crypto->n_devices == 0)
		return document_refuse(d, document_find(d, "dataplane.crypto.lookaside"),
				       "found lookaside without devices, expected devices");
	if (crypto->queue_entries & (crypto->queue_entries - 1))
		return document_refuse(d, document_find(d, "dataplane.crypto.queue_entries"),
				       "found %u for queue_entries, expected a power of two",
				       crypto->queue_entries);
	for (uint32_t i = 0; i < crypto->n_devices; i++)
		for (uint32_t j = 0; j < i; j++)
			if (same_name(crypto->devices[i], crypto->devices[j]))
				return document_refuse(
					d, document_find(d, "dataplane.crypto.devices[%u]", i),
					"found %s again in devices, expected each device once",
					crypto->devices[i]);
	return 0;
}

static int check_quotas(struct config_document *d, const struct config_dataplane *dp)
{
	for (uint32_t i = 0; i < dp->n_quotas; i++)
		for (uint32_t j = 0; j < i; j++)
			if (!strcmp(dp->quotas[i].client, dp->quotas[j].client))
				return document_refuse(
					d, document_find(d, "dataplane.quotas[%u].client", i),
					"found a quota of %s again, expected each client once",
					dp->quotas[i].client);
	return 0;
}

static int check_unique(struct config_document *d, const char *key, char *const *texts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t j = 0; j < i; j++)
			if (!strcmp(texts[i], texts[j]))
				return document_refuse(d, document_find(d, "pcscf.%s[%u]", key, i),
						       "found %s again in %s, expected it once",
						       texts[i], key);
	return 0;
}

/* Seed 6.3: integrity always, and by one algorithm alone. */
static bool is_pair(const char *integrity, const char *encryption)
{
	if (!strcmp(integrity, "null"))
		return !strcmp(encryption, "aes-gcm");
	if (!strcmp(integrity, "aes-gmac"))
		return !strcmp(encryption, "null");
	return strcmp(encryption, "aes-gcm") != 0;
}

/* Each algorithm must have one in the other list to go with. */
static int check_pairs(struct config_document *d, const struct config_pcscf *p)
{
	uint32_t i, e;

	for (i = 0; i < p->n_integrity; i++) {
		for (e = 0; e < p->n_encryption; e++)
			if (is_pair(p->integrity[i], p->encryption[e]))
				break;
		if (e == p->n_encryption)
			return document_refuse(d, document_find(d, "pcscf.integrity[%u]", i),
					       "found %s for integrity, expected one in "
					       "encryption that goes with it",
					       p->integrity[i]);
	}
	for (e = 0; e < p->n_encryption; e++) {
		for (i = 0; i < p->n_integrity; i++)
			if (is_pair(p->integrity[i], p->encryption[e]))
				break;
		if (i == p->n_integrity)
			return document_refuse(d, document_find(d, "pcscf.encryption[%u]", e),
					       "found %s for encryption, expected one in "
					       "integrity that goes with it",
					       p->encryption[e]);
	}
	return 0;
}

static int check_algorithms(struct config_document *d, const struct config_pcscf *p)
{
	int rc = check_unique(d, "integrity", p->integrity, p->n_integrity);

	if (!rc)
		rc = check_unique(d, "encryption", p->encryption, p->n_encryption);
	return rc ? rc : check_pairs(d, p);
}

/* The zone of the P-CSCF must be there, have protected ports, and leave the clear port alone. */
static int check_pcscf(struct config_document *d, const struct config *c)
{
	int idx = config_zone_index(c, c->pcscf->zone);
	const struct config_zone *z;

	if (!c->dataplane)
		return document_refuse(
			d, document_find(d, "pcscf"),
			"found pcscf without dataplane, expected the dataplane section "
			"that has its zone");
	if (idx < 0)
		return document_refuse(d, document_find(d, "pcscf.zone"),
				       "found zone %s, expected the name of one of dataplane.zones",
				       c->pcscf->zone);
	z = &c->dataplane->zones[idx];
	if (!z->port_ps)
		return document_refuse(
			d, document_find(d, "pcscf.zone"),
			"found zone %s without port_ps, expected a zone with protected "
			"ports",
			z->name);
	// TS 33.203 7.4: a new set of a UE needs another port_pc than the old one.
	if (z->n_port_pc < 2)
		return document_refuse(
			d, document_find(d, "dataplane.zones[%d].n_port_pc", idx),
			"found 1 for n_port_pc, expected at least 2: a new SA set needs "
			"another port_pc");
	if (c->pcscf->nat == CONFIG_NAT_UDP_ENC_TUN && !z->port_encap)
		return document_refuse(d, document_find(d, "pcscf.nat"),
				       "found UDP-enc-tun for nat and zone %s without port_encap, "
				       "expected a zone that has ESP in UDP",
				       z->name);
	return check_algorithms(d, c->pcscf);
}

static bool same_address(const char *a, const char *b)
{
	struct syntax_address x, y;

	return syntax_address_parse(a, &x) && syntax_address_parse(b, &y) &&
	       !memcmp(&x, &y, sizeof(x));
}

/* One role's place against the protected ports: a packet to these comes out of an SA or not at all.
 */
static int check_protected(struct config_document *d, const struct config *c,
			   const struct endpoint *e)
{
	const struct config_zone *z = &c->dataplane->zones[config_zone_index(c, c->pcscf->zone)];

	for (uint32_t i = 0; i < c->pcscf->n_addresses; i++)
		if (same_address(c->pcscf->addresses[i], e->address) && is_protected(z, e->port))
			return document_refuse(
				d, document_find(d, "%s", e->path),
				"found protected port %u of zone %s on %s, expected a "
				"port that is neither port_ps nor in the port_pc pool",
				e->port, z->name, e->address);
	return 0;
}

static int check_endpoints(struct config_document *d, const struct config *c)
{
	struct endpoint places[64 + 3]; /* pcscf.addresses are at most 64, by the schema */
	unsigned n = 0;

	for (uint32_t i = 0; c->pcscf && i < c->pcscf->n_addresses; i++)
		places[n++] =
			(struct endpoint){ "pcscf.port", c->pcscf->addresses[i], c->pcscf->port };
	if (c->pcscf)
		places[n++] = (struct endpoint){ "pcscf.core_port", c->pcscf->core_address,
						 c->pcscf->core_port };
	if (c->icscf)
		places[n++] = (struct endpoint){ "icscf.port", c->icscf->address, c->icscf->port };
	if (c->scscf)
		places[n++] = (struct endpoint){ "scscf.port", c->scscf->address, c->scscf->port };
	for (unsigned i = 0; i < n; i++) {
		for (unsigned j = 0; j < i; j++)
			if (places[i].port == places[j].port &&
			    same_address(places[i].address, places[j].address))
				return document_refuse(d, document_find(d, "%s", places[i].path),
						       "found %s port %u of %s again, expected "
						       "another address or port",
						       places[i].address, places[i].port,
						       places[j].path);
		if (c->pcscf && check_protected(d, c, &places[i]))
			return -EINVAL;
	}
	return 0;
}

static int check_scscf(struct config_document *d, const struct config_scscf *s)
{
	if (s->min_expires_s > s->max_expires_s)
		return document_refuse(
			d, document_find(d, "scscf.min_expires_s"),
			"found %u for min_expires_s, expected at most max_expires_s, %u",
			s->min_expires_s, s->max_expires_s);
	/* The SAs are made before the UE has chosen, so that one set of keys must do for both. */
	if (s->akav2_keys == CONFIG_AKAV2_KEYS_DERIVED && strcmp(s->algorithm, "AKAv2-MD5"))
		return document_refuse(d, document_find(d, "scscf.akav2_keys"),
				       "found derived for akav2_keys with algorithm %s, expected "
				       "AKAv2-MD5 alone",
				       s->algorithm);
	return 0;
}

static int check_roles(struct config_document *d, const struct config *c)
{
	static const char *const roles[] = { "pcscf", "icscf", "scscf", "hss" };
	const void *const present[] = { c->pcscf, c->icscf, c->scscf, c->hss };
	int rc = 0;

	for (unsigned i = 0; i < 4; i++)
		if (present[i] && !c->controlplane)
			return document_refuse(d, document_find(d, "%s", roles[i]),
					       "found %s without controlplane, expected the "
					       "controlplane section",
					       roles[i]);
	rc = check_cx(d, c);
	if (rc == 0)
		rc = check_links(d, c);
	if (rc == 0 && c->pcscf)
		rc = check_pcscf(d, c);
	if (rc == 0 && c->scscf)
		rc = check_scscf(d, c->scscf);
	return rc ? rc : check_endpoints(d, c);
}

int check_all(struct config_document *d, const struct config *c)
{
	int rc = 0;

	if (c->dataplane) {
		rc = check_spi(d, &c->dataplane->sa);
		if (rc == 0)
			rc = check_fragments(d, &c->dataplane->fragments);
		if (rc == 0)
			rc = check_cores(d, c->dataplane);
		if (rc == 0)
			rc = check_crypto(d, &c->dataplane->crypto);
		if (rc == 0)
			rc = check_zones(d, c->dataplane);
		if (rc == 0)
			rc = check_quotas(d, c->dataplane);
	}
	return rc ? rc : check_roles(d, c);
}
