#include "dataplane/sa.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_malloc.h>

#include "crypto/wipe.h"
#include "dataplane/backend.h"
#include "dataplane/inline_sa.h"
#include "dataplane/path.h"
#include "dataplane/sa_control.h"
#include "dataplane/slot.h"
#include "dataplane/table_memory.h"
#include "dataplane/tuple.h"

/* Freed in one call at most: some milliseconds, then the clients have their turn. */
#define RECLAIM_SAS 65536
/* SAs whose lines are on their way while one is wiped. */
#define RECLAIM_AHEAD 8

static int rcu_init(struct sa_table *t, uint32_t n_workers)
{
	t->rcu = rte_zmalloc("sa_rcu", rte_rcu_qsbr_get_memsize(n_workers), SA_LINE_BYTES);
	if (!t->rcu || rte_rcu_qsbr_init(t->rcu, n_workers) != 0)
		return -ENOMEM;
	return 0;
}

static int alloc_all(struct sa_table *t, const struct sa_table_config *config)
{
	t->sa = table_memory_alloc("sa", (size_t)t->capacity * sizeof(*t->sa));
	t->tuples = tuple_index_new(t->capacity);
	t->paths = paths_new();
	t->locals = rte_zmalloc("locals", sizeof(*t->locals), SA_LINE_BYTES);
	t->generation = table_memory_map(t->capacity * sizeof(*t->generation));
	t->slot = table_memory_map(t->capacity * sizeof(*t->slot));
	t->ring = table_memory_map(t->capacity * sizeof(*t->ring));
	t->retired = table_memory_map(t->capacity * sizeof(*t->retired));
	if (!t->sa || !t->tuples || !t->paths || !t->locals || !t->generation || !t->slot ||
	    !t->ring || !t->retired)
		return -ENOMEM;
	if (t->n_wide) {
		t->wide = rte_zmalloc("sa_wide", t->n_wide * sizeof(*t->wide), SA_LINE_BYTES);
		t->wide_free = calloc(t->n_wide, sizeof(*t->wide_free));
		if (!t->wide || !t->wide_free)
			return -ENOMEM;
	}
	int rc = rcu_init(t, config->n_workers);
	return rc < 0 ? rc : tunnels_init(&t->tunnels, config->n_tunnels, t->rcu);
}

int sa_table_init(struct sa_table *t, const struct sa_table_config *config)
{
	memset(t, 0, sizeof(*t));
	uint32_t index_bits = 32 - config->generation_bits - config->slice_bits;
	if (!config->capacity || config->capacity & (config->capacity - 1) ||
	    (uint64_t)config->capacity > UINT64_C(1) << index_bits)
		return -EINVAL;
	t->capacity = config->capacity;
	t->index_mask = (uint32_t)((UINT64_C(1) << index_bits) - 1);
	t->slice = config->slice << index_bits;
	t->generation_shift = 32 - config->generation_bits;
	t->generation_max = (1u << config->generation_bits) - 1;
	t->default_window_pkts = config->window_pkts;
	t->n_wide = config->n_wide_windows;

	int rc = alloc_all(t, config);
	if (rc < 0) {
		sa_table_free(t);
		return rc;
	}
	for (uint32_t i = 0; i < t->n_wide; i++)
		t->wide_free[t->n_wide_free++] = i;
	slot_shuffle(t);
	return 0;
}

void sa_table_free(struct sa_table *t)
{
	if (t->sa)
		wipe(t->sa, (size_t)t->capacity * sizeof(*t->sa));
	table_memory_free(t->sa, (size_t)t->capacity * sizeof(*t->sa));
	tunnels_free(&t->tunnels);
	tuple_index_free(t->tuples);
	paths_free(t->paths);
	rte_free(t->locals);
	rte_free(t->wide);
	rte_free(t->rcu);
	table_memory_unmap(t->generation, t->capacity * sizeof(*t->generation));
	table_memory_unmap(t->slot, t->capacity * sizeof(*t->slot));
	table_memory_unmap(t->ring, t->capacity * sizeof(*t->ring));
	table_memory_unmap(t->retired, t->capacity * sizeof(*t->retired));
	free(t->wide_free);
	memset(t, 0, sizeof(*t));
}

static struct tuple sa_tuple(const struct sa_table *t, const struct sa *sa)
{
	struct tuple tuple = {
		.local_port_be = sa->id.local_port_be,
		.peer_port_be = sa->id.peer_port_be,
		.zone = sa->id.zone,
		.direction = sa->id.direction,
		.family = sa->id.family,
	};
	memcpy(tuple.local, t->locals->entry[sa->id.local].address, sizeof(tuple.local));
	memcpy(tuple.peer, sa->rest.peer, sizeof(tuple.peer));
	return tuple;
}

/* The same of an SA that is yet to be. */
static struct tuple spec_tuple(const struct api_set *set, const struct api_sa *sa)
{
	struct tuple tuple = {
		.local_port_be = __builtin_bswap16(sa->local_port),
		.peer_port_be = __builtin_bswap16(sa->peer_port),
		.zone = (uint8_t)set->zone,
		.direction = sa->direction,
		.family = set->family,
	};
	memcpy(tuple.local, set->local.bytes, sizeof(tuple.local));
	memcpy(tuple.peer, set->peer.bytes, sizeof(tuple.peer));
	return tuple;
}

static uint64_t place_hash(const struct sa_table *t, struct tuple tuple)
{
	tuple.direction = 0; /* that of no tuple in the index */
	return tuple_hash(t->tuples, &tuple);
}

uint64_t sa_place_hash(const struct sa_table *t, uint32_t slot)
{
	return place_hash(t, sa_tuple(t, &t->sa[slot]));
}

uint64_t sa_place_hash_of(const struct sa_table *t, const struct api_set *set,
			  const struct api_sa *sa)
{
	return place_hash(t, spec_tuple(set, sa));
}

static void prefetch_tuple(const struct sa_table *t, const struct tuple *tuple)
{
	tuple_prefetch_write(t->tuples, tuple_hash(t->tuples, tuple));
	if (tuple->direction == API_OUT)
		tuple_prefetch_write(t->tuples, tuple_peer_hash(t->tuples, tuple));
}

void sa_prefetch_stage(const struct sa_table *t, const struct api_set *set, const struct api_sa *sa,
		       uint32_t nth)
{
	struct tuple tuple = spec_tuple(set, sa);
	slot_prefetch_take(t, nth);
	prefetch_tuple(t, &tuple);
}

void sa_prefetch_retire(const struct sa_table *t, uint32_t slot)
{
	rte_prefetch0(&t->sa[slot].id);
	rte_prefetch0(&t->sa[slot].rest);
	rte_prefetch0(&t->slot[slot]);
}

void sa_prefetch_index(const struct sa_table *t, uint32_t slot)
{
	struct tuple tuple = sa_tuple(t, &t->sa[slot]);
	prefetch_tuple(t, &tuple);
}

static int window_fill(struct sa_table *t, struct sa *sa, const struct sa_spec *spec)
{
	/* Where nobody says what was received below a number, all of it was. */
	static const uint64_t none[API_WINDOW_WORDS];
	static const uint64_t all[API_WINDOW_WORDS] = { [0 ... API_WINDOW_WORDS - 1] = UINT64_MAX };
	uint64_t top = spec->sa->sequence;
	const uint64_t *window = spec->window ? spec->window : top ? all : none;
	uint32_t window_pkts =
		spec->sa->window_pkts ? spec->sa->window_pkts : t->default_window_pkts;
	if (window_pkts > REPLAY_WIDE_BITS)
		return -EINVAL;
	sa->id.window_pkts = (uint16_t)window_pkts;
	sa->run.replay.top = top;
	if (window_pkts <= REPLAY_BITS) {
		sa->run.replay.word[0] = window[0] | (top != 0);
		sa->run.replay.word[1] = window[1];
		return 0;
	}
	if (!t->n_wide_free)
		return -ENOSPC;
	struct replay_wide *wide = &t->wide[t->wide_free[--t->n_wide_free]];
	memset(wide, 0, sizeof(*wide));
	for (uint32_t i = 0; i < window_pkts && i <= top; i++) {
		uint64_t number = top - i;
		if (i == 0 || window[i / 64] >> i % 64 & 1)
			wide->word[number / 64 % REPLAY_WIDE_WORDS] |= UINT64_C(1) << number % 64;
	}
	sa->rest.wide = wide;
	return 0;
}

/* An SA of a SEG tunnel is where its tunnel is; any other where its set says. */
struct place {
	const uint8_t *local, *peer;
	uint8_t zone, family;
};

static struct place place_of(const struct sa_spec *spec)
{
	const struct api_set *set = spec->set;
	const struct tunnel *tunnel = spec->tunnel;
	if (set->mode == API_TUNNEL)
		return (struct place){ tunnel->local, tunnel_peer(tunnel)->address, tunnel->zone,
				       tunnel->family };
	return (struct place){ set->local.bytes, set->peer.bytes, (uint8_t)set->zone, set->family };
}

static int fill(struct sa_table *t, uint32_t slot, const struct sa_spec *spec)
{
	const struct api_set *set = spec->set;
	const struct api_sa *from = spec->sa;
	struct sa *sa = &t->sa[slot];
	struct place at = place_of(spec);
	int local = local_take(t->locals, at.zone, at.family, at.local, t->rcu);
	if (local < 0)
		return local;
	t->slot[slot] |= SLOT_LOCAL;

	sa->rest.spi = from->spi ? from->spi : slot_spi(t, slot);
	atomic_store_explicit(&sa->id.expires_s, spec->expires_s, memory_order_relaxed);
	sa->id.local = (uint16_t)local;
	sa->id.local_port_be = __builtin_bswap16(from->local_port);
	sa->id.peer_port_be = __builtin_bswap16(from->peer_port);
	sa->id.zone = at.zone;
	sa->id.family = at.family & 7;
	sa->id.direction = from->direction & 3;
	sa->id.mode = set->mode & 3;
	sa->id.esn = (from->flags & API_SA_ESN) != 0;
	sa->id.suite = spec->suite;
	sa->rest.integrity = set->integrity;
	sa->rest.cipher = set->cipher;
	memcpy(sa->rest.peer, at.peer, sizeof(sa->rest.peer));
	memcpy(&sa->id.peer_ipv4_be, at.peer, sizeof(sa->id.peer_ipv4_be));
	sa->rest.tunnel = spec->tunnel;
	sa->rest.registration = set->registration;
	sa->rest.owner = spec->owner;
	sa->key.auth = spec->key->auth;
	static const struct crypto_cipher_key none;
	if (memcmp(&spec->key->cipher, &none, sizeof(none)) != 0) {
		t->slot[slot] |= SLOT_CIPHER;
		sa->key.cipher = spec->key->cipher;
	}
	backend_open(t, sa, set);
	if (t->inlined)
		inline_stage(t->inlined, slot, set);
	if (sa->id.backend != CRYPTO_CPU)
		t->slot[slot] |= SLOT_CIPHER; /* the session is there */
	if (from->direction == API_OUT) {
		sa->run.replay.top = from->sequence;
		return 0;
	}
	return window_fill(t, sa, spec);
}

/* An outbound SA has two entries: its own, and one that says that its peer is protected. */
static int enter_tuples(struct sa_table *t, uint32_t slot)
{
	struct tuple tuple = sa_tuple(t, &t->sa[slot]);
	uint64_t hash = tuple_hash(t->tuples, &tuple);
	if (tuple_find(t, hash, &tuple))
		return -EEXIST;
	int rc = tuple_insert(t->tuples, hash, slot);
	if (rc == 0 && tuple.direction == API_OUT) {
		rc = tuple_insert(t->tuples, tuple_peer_hash(t->tuples, &tuple), slot);
		if (rc < 0)
			tuple_remove(t->tuples, hash, slot);
	}
	return rc;
}

static void leave_tuples(struct sa_table *t, uint32_t slot)
{
	struct tuple tuple = sa_tuple(t, &t->sa[slot]);
	tuple_remove(t->tuples, tuple_hash(t->tuples, &tuple), slot);
	if (tuple.direction == API_OUT)
		tuple_remove(t->tuples, tuple_peer_hash(t->tuples, &tuple), slot);
}

/* Where packets find it: a SEG tunnel's SA by policy, any other by tuple. */
static int enter_index(struct sa_table *t, uint32_t slot)
{
	struct sa *sa = &t->sa[slot];
	bool by_policy = sa->id.mode == API_TUNNEL;
	int rc = by_policy ? 0 : enter_tuples(t, slot);
	if (rc < 0 || !sa->rest.tunnel)
		return rc;
	rc = tunnel_join(sa->rest.tunnel, by_policy && sa->id.direction == API_OUT);
	if (rc < 0 && !by_policy)
		leave_tuples(t, slot);
	return rc;
}

static void leave_index(struct sa_table *t, uint32_t slot)
{
	struct sa *sa = &t->sa[slot];
	if (sa->id.mode != API_TUNNEL)
		leave_tuples(t, slot);
	if (sa->rest.tunnel)
		tunnel_leave(sa->rest.tunnel, slot);
}

int64_t sa_stage(struct sa_table *t, const struct sa_spec *spec, const uint32_t *avoid,
		 unsigned n_avoid)
{
	bool given = spec->sa->direction == API_IN && spec->sa->spi;
	int64_t taken = given ? slot_take_given(t, spec->sa->spi, spec->owner, avoid, n_avoid)
			      : slot_take_any(t, avoid, n_avoid);
	if (taken < 0)
		return taken;
	uint32_t slot = (uint32_t)taken;
	bool promised = slot_state(t, slot) == SLOT_RESERVED;
	slot_set(t, slot, SLOT_STAGED);
	if (promised)
		t->slot[slot] |= SLOT_PROMISED;
	else
		t->n_free--;

	int rc = fill(t, slot, spec);
	if (rc < 0) {
		slot_give_back(t, slot);
		return rc;
	}
	rc = enter_index(t, slot);
	if (rc < 0) {
		slot_give_back(t, slot);
		return rc;
	}
	return slot;
}

void sa_publish(struct sa_table *t, uint32_t slot)
{
	struct sa *sa = &t->sa[slot];
	if (t->slot[slot] & SLOT_PROMISED)
		t->n_reserved[sa->rest.owner]--; /* the promise is kept */
	slot_set(t, slot, SLOT_LIVE);
	/* partner: sa_is_inbound_spi(), tuple_find(): whoever sees the key sees the whole SA */
	atomic_store_explicit(&sa->id.key, sa->rest.spi, memory_order_release);
	if (sa->id.mode == API_TUNNEL && sa->id.direction == API_OUT)
		tunnel_carry(sa->rest.tunnel, slot);
	if (t->inlined)
		inline_published(t->inlined, slot);
}

void sa_unstage(struct sa_table *t, uint32_t slot)
{
	leave_index(t, slot);
	slot_give_back(t, slot);
}

/* To be looked at when a grace period has passed from now on. */
static void enlist(struct sa_table *t, uint32_t slot)
{
	t->retired[(t->retired_head + t->n_retired++) & (t->capacity - 1)] = slot;
	t->n_retired_new++;
}

void sa_retire(struct sa_table *t, uint32_t slot)
{
	leave_index(t, slot);
	atomic_store_explicit(&t->sa[slot].id.key, 0, memory_order_relaxed);
	if (t->inlined)
		inline_retire(t->inlined, slot);
	backend_retire(&t->sa[slot]);
	slot_set(t, slot, SLOT_RETIRED);
	enlist(t, slot);
}

void sa_grace(struct sa_table *t)
{
	if (!t->n_retired_new)
		return;
	if (t->n_graces < SA_GRACES)
		t->grace[(t->grace_head + t->n_graces++) % SA_GRACES].n = 0;
	struct sa_grace *last = &t->grace[(t->grace_head + t->n_graces - 1) % SA_GRACES];
	last->token = rte_rcu_qsbr_start(t->rcu);
	last->n += t->n_retired_new;
	t->n_retired_new = 0;
}

static uint32_t retired_slot(const struct sa_table *t, uint32_t nth)
{
	return t->retired[(t->retired_head + nth) & (t->capacity - 1)];
}

/*
 * An SA that a device may have packets of takes two rounds at least: see backend.h. What was
 * collected in a turn is held until its end, so the grace period that counts begins after.
 */
static bool may_be_freed(struct sa_table *t, uint32_t slot)
{
	if (t->sa[slot].id.backend == CRYPTO_CPU || t->slot[slot] & SLOT_DRAINED)
		return true;
	if (backend_is_idle(&t->sa[slot]))
		t->slot[slot] |= SLOT_DRAINED;
	return false;
}

/* Returns how many of n were freed; the others wait anew. */
static uint32_t free_oldest(struct sa_table *t, uint32_t n)
{
	uint32_t n_freed = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (RECLAIM_AHEAD < t->n_retired)
			slot_prefetch_free(t, retired_slot(t, RECLAIM_AHEAD));
		uint32_t slot = retired_slot(t, 0);
		t->retired_head = (t->retired_head + 1) & (t->capacity - 1);
		t->n_retired--;
		if (may_be_freed(t, slot)) {
			slot_free(t, slot);
			n_freed++;
		} else {
			enlist(t, slot);
		}
	}
	return n_freed;
}

uint32_t sa_reclaim(struct sa_table *t)
{
	uint32_t room = RECLAIM_SAS, n_freed = 0;
	sa_grace(t);
	while (t->n_graces && room) {
		struct sa_grace *oldest = &t->grace[t->grace_head];
		if (rte_rcu_qsbr_check(t->rcu, oldest->token, false) != 1)
			break;
		uint32_t n = RTE_MIN(oldest->n, room);
		n_freed += free_oldest(t, n);
		room -= n;
		oldest->n -= n;
		if (oldest->n == 0) {
			t->grace_head = (t->grace_head + 1) % SA_GRACES;
			t->n_graces--;
		}
	}
	return n_freed;
}

bool sa_is_half_used(const struct sa *sa)
{
	return sa->id.direction == API_OUT && !sa->id.esn &&
	       sa->run.replay.top >= SA_SEQUENCE_EVENT;
}

bool sa_is_live(const struct sa_table *t, uint32_t slot)
{
	return slot_state(t, slot) == SLOT_LIVE;
}

void sa_export(const struct sa_table *t, uint32_t slot, struct api_sa_state *state)
{
	const struct sa *sa = &t->sa[slot];
	uint64_t top = sa->run.replay.top;
	state->sequence = top;
	state->window_pkts = sa->id.window_pkts;
	if (sa->id.direction == API_OUT)
		return;
	if (!sa->rest.wide) {
		state->window[0] = sa->run.replay.word[0];
		state->window[1] = sa->run.replay.word[1];
		return;
	}
	for (uint32_t i = 0; i < sa->id.window_pkts && i <= top; i++) {
		uint64_t number = top - i;
		uint64_t word = sa->rest.wide->word[number / 64 % REPLAY_WIDE_WORDS];
		if (word >> number % 64 & 1)
			state->window[i / 64] |= UINT64_C(1) << i % 64;
	}
}
