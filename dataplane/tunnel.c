#include "dataplane/tunnel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/table_memory.h"

struct tunnel_table {
	struct policy_table *policies;
	uint64_t token;
	struct tunnel_table *next;
};

int tunnels_init(struct tunnels *t, uint32_t capacity, struct rte_rcu_qsbr *rcu)
{
	memset(t, 0, sizeof(*t));
	t->capacity = capacity;
	t->rcu = rcu;
	t->old_end = &t->old;
	t->bucket_mask = 1;
	while (t->bucket_mask < capacity)
		t->bucket_mask = t->bucket_mask * 2 + 1;
	t->bucket = calloc((size_t)t->bucket_mask + 1, sizeof(*t->bucket));
	/* Pages that no tunnel touched cost nothing, so there may be room for many. */
	t->tunnel = table_memory_alloc("tunnels", ((size_t)capacity + 1) * sizeof(*t->tunnel));
	return t->tunnel && t->bucket ? 0 : -ENOMEM;
}

static void table_free(struct tunnel_table *table)
{
	if (table)
		policy_table_free(table->policies);
	free(table);
}

void tunnels_free(struct tunnels *t)
{
	while (t->old) {
		struct tunnel_table *next = t->old->next;
		table_free(t->old);
		t->old = next;
	}
	table_free(t->table);
	free(t->bucket);
	table_memory_free(t->tunnel, ((size_t)t->capacity + 1) * sizeof(*t->tunnel));
	memset(t, 0, sizeof(*t));
}

static void change_n(struct tunnels *t, int by)
{
	/* partner: encap_owner_differs() */
	atomic_store_explicit(&t->n, tunnel_n(t) + (uint32_t)by, memory_order_relaxed);
}

uint32_t tunnel_number(const struct tunnels *t, const struct tunnel *tunnel)
{
	return (uint32_t)(tunnel - t->tunnel);
}

/* The link that points to it, so that it can be cut out; *link is 0 when there is none. */
static uint32_t *find(struct tunnels *t, uint64_t handle, uint32_t owner)
{
	/* Fibonacci hashing: handles are what their owners count up. */
	uint64_t hash = (handle ^ (uint64_t)owner << 40) * UINT64_C(0x9e3779b97f4a7c15);
	uint32_t *link = &t->bucket[hash >> 32 & t->bucket_mask];
	while (*link && (t->tunnel[*link].handle != handle || t->tunnel[*link].owner != owner))
		link = &t->tunnel[*link].next;
	return link;
}

struct tunnel *tunnel_of(const struct tunnels *t, uint32_t number, uint32_t owner)
{
	if (!number || number > t->n_touched || t->tunnel[number].owner != owner)
		return NULL;
	return &t->tunnel[number];
}

/* ---- policies ---- */

/* Policies of all tunnels in use as a table of its own. */
static struct tunnel_table *table_new(const struct tunnels *t, int *error)
{
	struct tunnel_table *table = calloc(1, sizeof(*table));
	struct policy_entry *entry = calloc(tunnel_n(t) + 1, sizeof(*entry));
	uint32_t n = 0;
	*error = -ENOMEM;
	if (table && entry) {
		for (uint32_t i = 1; i <= t->n_touched; i++) {
			if (t->tunnel[i].owner && t->tunnel[i].has_policy)
				entry[n++] = (struct policy_entry){ t->tunnel[i].policy, i };
		}
		table->policies = policy_table_new(entry, n);
		*error = table->policies ? 0 : -errno;
	}
	free(entry);
	if (*error == 0)
		return table;
	free(table);
	return NULL;
}

/* From here on workers look up in this one. */
static void table_use(struct tunnels *t, struct tunnel_table *table)
{
	/* partner: encap_policy() */
	atomic_store_explicit(&t->policies, table->policies, memory_order_release);
	if (t->table) {
		t->table->token = rte_rcu_qsbr_start(t->rcu);
		*t->old_end = t->table;
		t->old_end = &t->table->next;
	}
	t->table = table;
}

/* ---- install, update, delete ---- */

static int policy_of(struct tunnel *tunnel, const struct api_tunnel *from)
{
	static const struct api_selector none;
	const struct api_selector *s = &from->selector;
	if (memcmp(s, &none, sizeof(none)) == 0)
		return 0;
	if (s->family != API_IPV4 && s->family != API_IPV6)
		return -EINVAL;
	struct policy_spec spec = { .local = s->local.bytes,
				    .remote = s->remote.bytes,
				    .local_bits = s->local_bits,
				    .remote_bits = s->remote_bits,
				    .local_port = s->local_port,
				    .remote_port = s->remote_port,
				    .zone = (uint8_t)from->zone,
				    .family = s->family,
				    .protocol = s->protocol };
	tunnel->has_policy = true;
	return policy_make(&tunnel->policy, &spec);
}

static bool is_address(const struct api_address *address, uint8_t family)
{
	static const uint8_t zero[16];
	size_t n_bytes = family == API_IPV4 ? 4 : 16;
	return memcmp(address->bytes, zero, n_bytes) != 0 &&
	       memcmp(address->bytes + n_bytes, zero, 16 - n_bytes) == 0;
}

static bool is_valid(const struct api_tunnel *from)
{
	return from->handle && (from->family == API_IPV4 || from->family == API_IPV6) &&
	       !(from->flags & ~API_TUNNEL_FOLLOW) && !from->local_port == !from->peer_port &&
	       is_address(&from->local, from->family) && is_address(&from->peer, from->family);
}

static int fill(struct tunnel *tunnel, const struct api_tunnel *from, uint32_t owner)
{
	memset(tunnel, 0, sizeof(*tunnel));
	memcpy(tunnel->local, from->local.bytes, 16);
	tunnel->local_port_be = __builtin_bswap16(from->local_port);
	tunnel->zone = (uint8_t)from->zone;
	tunnel->family = from->family;
	tunnel->follows = from->flags & API_TUNNEL_FOLLOW;
	memcpy(tunnel->home, from->peer.bytes, 16);
	memcpy(tunnel->peer[0].address, from->peer.bytes, 16);
	tunnel->peer[0].port_be = __builtin_bswap16(from->peer_port);
	tunnel->handle = from->handle;
	tunnel->owner = owner;
	return policy_of(tunnel, from);
}

static uint32_t take_number(struct tunnels *t)
{
	uint32_t number = t->free;
	if (number)
		t->free = t->tunnel[number].next;
	else if (t->n_touched < t->capacity)
		number = ++t->n_touched;
	return number;
}

static void give_number(struct tunnels *t, uint32_t number)
{
	memset(&t->tunnel[number], 0, sizeof(t->tunnel[number]));
	t->tunnel[number].next = t->free;
	t->free = number;
}

int64_t tunnel_install(struct tunnels *t, const struct api_tunnel *from, uint32_t owner)
{
	if (!is_valid(from))
		return -EINVAL;
	uint32_t *link = find(t, from->handle, owner);
	if (*link)
		return -EEXIST;
	uint32_t number = take_number(t);
	if (!number)
		return -ENOSPC;
	struct tunnel *tunnel = &t->tunnel[number];
	int rc = fill(tunnel, from, owner);
	struct tunnel_table *table = NULL;
	change_n(t, 1);
	if (rc == 0 && tunnel->has_policy)
		table = table_new(t, &rc);
	if (rc < 0) {
		change_n(t, -1);
		give_number(t, number);
		return rc;
	}
	if (table)
		table_use(t, table);
	*link = number;
	return number;
}

/* Two places take turns: the one that was left is written again when no worker reads it. */
static int point(struct tunnels *t, struct tunnel *tunnel, const struct tunnel_peer *peer)
{
	if (tunnel->token && rte_rcu_qsbr_check(t->rcu, tunnel->token, false) != 1)
		return -EAGAIN;
	uint8_t other = !atomic_load_explicit(&tunnel->now, memory_order_relaxed);
	tunnel->peer[other] = *peer;
	/* partner: tunnel_peer() */
	atomic_store_explicit(&tunnel->now, other, memory_order_release);
	tunnel->token = rte_rcu_qsbr_start(t->rcu);
	return 0;
}

int tunnel_update(struct tunnels *t, const struct api_tunnel_update *update, uint32_t owner)
{
	struct tunnel *tunnel = &t->tunnel[*find(t, update->handle, owner)];
	if (!tunnel->owner)
		return -ENOENT;
	if (update->reserved[0] || update->reserved[1] || update->reserved[2] ||
	    !is_address(&update->peer, tunnel->family) || !update->peer_port ||
	    !tunnel->local_port_be)
		return -EINVAL;
	struct tunnel_peer peer = { .port_be = __builtin_bswap16(update->peer_port) };
	memcpy(peer.address, update->peer.bytes, 16);
	return point(t, tunnel, &peer);
}

static int end(struct tunnels *t, struct tunnel *tunnel)
{
	uint32_t *link = find(t, tunnel->handle, tunnel->owner), number = *link;
	uint32_t owner = tunnel->owner;
	struct tunnel_table *table = NULL;
	int rc = 0;
	tunnel->owner = 0;
	if (tunnel->has_policy)
		table = table_new(t, &rc);
	if (rc < 0) {
		tunnel->owner = owner;
		return rc;
	}
	if (table)
		table_use(t, table);
	change_n(t, -1);
	*link = tunnel->next;
	tunnel->next = 0;
	tunnel->token = rte_rcu_qsbr_start(t->rcu);
	if (t->retired_last)
		t->tunnel[t->retired_last].next = number;
	else
		t->retired_first = number;
	t->retired_last = number;
	return 0;
}

int tunnel_delete(struct tunnels *t, uint64_t handle, uint32_t owner)
{
	struct tunnel *tunnel = &t->tunnel[*find(t, handle, owner)];
	if (!tunnel->owner)
		return -ENOENT;
	return tunnel->n_sas ? -EBUSY : end(t, tunnel);
}

uint32_t tunnel_delete_all(struct tunnels *t, uint32_t owner)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i <= t->n_touched; i++) {
		if (t->tunnel[i].owner == owner && !t->tunnel[i].n_sas)
			n += end(t, &t->tunnel[i]) == 0;
	}
	return n;
}

uint32_t tunnel_count(const struct tunnels *t, uint32_t owner)
{
	uint32_t n = 0;
	for (uint32_t i = 1; i <= t->n_touched; i++)
		n += t->tunnel[i].owner == owner;
	return n;
}

void tunnel_reclaim(struct tunnels *t)
{
	while (t->old && rte_rcu_qsbr_check(t->rcu, t->old->token, false) == 1) {
		struct tunnel_table *next = t->old->next;
		table_free(t->old);
		t->old = next;
		if (!next)
			t->old_end = &t->old;
	}
	while (t->retired_first) {
		uint32_t number = t->retired_first;
		if (rte_rcu_qsbr_check(t->rcu, t->tunnel[number].token, false) != 1)
			break;
		t->retired_first = t->tunnel[number].next;
		if (!t->retired_first)
			t->retired_last = 0;
		give_number(t, number);
	}
}

static void info_selector(const struct tunnel *tunnel, struct api_selector *s)
{
	const union policy_key *key = &tunnel->policy.key, *mask = &tunnel->policy.mask;
	if (!tunnel->has_policy)
		return;
	s->family = key->family;
	s->protocol = key->protocol;
	for (unsigned i = 0; i < 16; i++) {
		s->local_bits += (uint8_t)__builtin_popcount(mask->local[i]);
		s->remote_bits += (uint8_t)__builtin_popcount(mask->remote[i]);
	}
	s->local_port = __builtin_bswap16(key->local_port_be);
	s->remote_port = __builtin_bswap16(key->remote_port_be);
	memcpy(s->local.bytes, key->local, 16);
	memcpy(s->remote.bytes, key->remote, 16);
}

bool tunnel_info(const struct tunnels *t, uint32_t number, struct api_tunnel_info *info)
{
	if (!number || number > t->n_touched || !t->tunnel[number].owner)
		return false;
	const struct tunnel *tunnel = &t->tunnel[number];
	const struct tunnel_peer *peer = tunnel_peer(tunnel);
	*info = (struct api_tunnel_info){
		.tunnel = { .handle = tunnel->handle,
			    .zone = tunnel->zone,
			    .family = tunnel->family,
			    .flags = tunnel->follows ? API_TUNNEL_FOLLOW : 0,
			    .local_port = __builtin_bswap16(tunnel->local_port_be),
			    .peer_port = __builtin_bswap16(peer->port_be) },
		.owner = tunnel->owner,
		.number = number,
		.n_sas = tunnel->n_sas,
		.carrier =
			tunnel->n_carriers ? tunnel->carriers[tunnel->n_carriers - 1] : UINT32_MAX,
	};
	memcpy(info->tunnel.local.bytes, tunnel->local, 16);
	memcpy(info->tunnel.peer.bytes, peer->address, 16);
	info_selector(tunnel, &info->tunnel.selector);
	return true;
}

/* ---- its SAs ---- */

int tunnel_join(struct tunnel *tunnel, bool is_to_carry)
{
	if (is_to_carry && tunnel->n_carriers == TUNNEL_MAX_CARRIERS)
		return -ENOSPC;
	tunnel->n_sas++;
	return 0;
}

static void store_carrier(struct tunnel *tunnel)
{
	uint32_t n = tunnel->n_carriers;
	/* partner: encap_policy(); the SA was published before, and is compared again there. */
	atomic_store_explicit(&tunnel->carrier, n ? tunnel->carriers[n - 1] + 1 : 0,
			      memory_order_release);
}

void tunnel_carry(struct tunnel *tunnel, uint32_t slot)
{
	tunnel->carriers[tunnel->n_carriers++] = slot;
	store_carrier(tunnel);
}

void tunnel_leave(struct tunnel *tunnel, uint32_t slot)
{
	uint32_t kept = 0;
	for (uint32_t i = 0; i < tunnel->n_carriers; i++) {
		if (tunnel->carriers[i] != slot)
			tunnel->carriers[kept++] = tunnel->carriers[i];
	}
	tunnel->n_sas--;
	if (kept == tunnel->n_carriers)
		return;
	tunnel->n_carriers = kept;
	store_carrier(tunnel);
}

/* ---- where the peer is ---- */

bool tunnel_report(struct tunnel *tunnel, const struct tunnel_peer *from)
{
	const struct tunnel_peer *known = tunnel_peer(tunnel);
	uint8_t none = TUNNEL_REPORT_NONE;
	if (known->port_be == from->port_be && memcmp(known->address, from->address, 16) == 0)
		return false;
	/* Looked at first: while a report waits, packets must not take its line from each other. */
	if (atomic_load_explicit(&tunnel->report, memory_order_relaxed) != TUNNEL_REPORT_NONE)
		return false;
	/* partner: tunnel_report_take() and other workers here; one gets hold of it */
	if (!atomic_compare_exchange_strong_explicit(&tunnel->report, &none,
						     TUNNEL_REPORT_BEING_WRITTEN,
						     memory_order_acquire, memory_order_relaxed))
		return false;
	tunnel->seen = *from;
	/* partner: tunnel_report_take() */
	atomic_store_explicit(&tunnel->report, TUNNEL_REPORT_WRITTEN, memory_order_release);
	return true;
}

void tunnel_report_drop(struct tunnel *tunnel)
{
	/* partner: tunnel_report() */
	atomic_store_explicit(&tunnel->report, TUNNEL_REPORT_NONE, memory_order_release);
}

bool tunnel_report_take(struct tunnels *t, struct tunnel *tunnel, struct api_tunnel_rebound *event)
{
	/* partner: tunnel_report() */
	if (atomic_load_explicit(&tunnel->report, memory_order_acquire) != TUNNEL_REPORT_WRITTEN)
		return false;
	struct tunnel_peer seen = tunnel->seen;
	bool followed = tunnel->follows && point(t, tunnel, &seen) == 0;
	tunnel_report_drop(tunnel);
	*event = (struct api_tunnel_rebound){
		.handle = tunnel->handle,
		.peer_port = __builtin_bswap16(seen.port_be),
		.followed = followed,
	};
	memcpy(event->peer.bytes, seen.address, 16);
	return true;
}
