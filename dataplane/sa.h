/*
 * The SA table: one array of 256-byte SAs, indexed by the SPI itself.
 *
 * The control thread is the only one that allocates, publishes, retires and frees. Workers look up
 * by SPI (inbound) or by tuple (tuple.h) and write only the `run` line of SAs they own. An SA is
 * published by storing its key last with release; it is retired by clearing that, and its lines
 * are wiped, its generation bumped and its slot freed only after every worker has passed a
 * quiescent state (RCU QSBR), so a worker's pointer stays good until the end of its turn.
 *
 * SPI = generation | slice | index, the index in the low bits. Generations start at random and are
 * never 0; free indices are handed out in a shuffled order and the longest-free first, so SPIs
 * tell nothing about the load and a late packet of a dead SA meets another generation.
 */
#ifndef DATAPLANE_SA_H
#define DATAPLANE_SA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>
#include <rte_rcu_qsbr.h>

#include "crypto/job.h"
#include "dataplane/api.h"
#include "dataplane/local.h"
#include "dataplane/replay.h"
#include "dataplane/tunnel.h"

#define SA_LINE_BYTES 64

/* RFC 4303 3.3.3: a 32-bit sequence number never cycles. */
#define SA_LAST_SEQUENCE UINT32_MAX
/* Half of the numbers are gone: time to tell the owner (API_EVENT_SEQUENCE). */
#define SA_SEQUENCE_EVENT (UINT64_C(1) << 31)

/* What every packet is compared with. written by: control, before publishing; read by: workers */
struct sa_id {
	/* The SPI on the wire while the SA lives, 0 = not published. partner: see sa_publish() */
	_Atomic uint32_t key;
	_Atomic uint32_t expires_s; /* on the clock of clock_s(); 0 = never; control may move it */
	uint32_t peer_ipv4_be;      /* of an IPv4 SA */
	uint16_t local;             /* index into struct locals */
	uint16_t local_port_be;
	uint16_t peer_port_be;
	uint16_t window_pkts;
	uint8_t zone;
	uint8_t suite;           /* enum crypto_suite */
	uint8_t family : 3;      /* enum api_family */
	uint8_t direction : 2;   /* enum api_direction */
	uint8_t mode : 2;        /* enum api_mode */
	uint8_t esn : 1;         /* extended sequence numbers; API_TUNNEL only */
	_Atomic uint8_t backend; /* enum crypto_backend */
};

/* Of an outbound SA. */
struct sa_sent {
	uint64_t last;           /* number sent; lies where replay.top does, and is called so */
	uint32_t path_until_s;   /* see path.h; on the clock of clock_s() */
	uint16_t path_mtu_bytes; /* 0 = the zone's */
};

/* written by: the SA's owner core; read by: control (list, export), may be a packet behind */
struct sa_run {
	union {
		struct replay replay; /* inbound; outbound: top = last number sent */
		struct sa_sent sent;
	};
	uint64_t n_pkts;
	uint64_t n_bytes;
};

/* What few packets need, and control. written by: control, before publishing; read by: workers */
struct sa_rest {
	uint8_t peer[16];         /* network order; IPv4 in the first four bytes, the rest zero */
	struct replay_wide *wide; /* of a window beyond REPLAY_BITS; NULL: it is in `run` */
	struct tunnel *tunnel;    /* of any mode but API_TRANSPORT; else NULL */
	uint64_t registration;
	uint32_t owner;    /* client that installed it */
	uint32_t spi;      /* on the wire, either direction */
	uint8_t integrity; /* enum api_integrity, as installed */
	uint8_t cipher;    /* enum api_cipher, as installed */
};

/*
 * What an IPv4 packet with NULL encryption touches is two lines. `id` and `run` share the first:
 * both belong to the owner core, packet after packet, and control writes there only to end an SA
 * or to move its end.
 */
struct sa {
	_Alignas(SA_LINE_BYTES) struct sa_id id;
	struct sa_run run;
	_Alignas(SA_LINE_BYTES) struct crypto_key
		key; /* lines of its own: authentication, then cipher */
	_Alignas(SA_LINE_BYTES) struct sa_rest rest;
};
_Static_assert(offsetof(struct sa_sent, last) == offsetof(struct replay, top), "one number");
_Static_assert(sizeof(struct sa_sent) <= sizeof(struct replay), "in the window's place");
_Static_assert(sizeof(struct sa) == 4 * SA_LINE_BYTES, "one SA is four cache lines");
_Static_assert(offsetof(struct sa, key) == SA_LINE_BYTES, "id and run are one line");

struct backend;
struct inline_table;
struct paths;
struct tuple_index;

/* Owners are numbers from 1 below this; 0 is nobody. */
#define SA_OWNERS 65

/* SAs that were retired together: the oldest n of the ring, and what workers must have passed. */
struct sa_grace {
	uint64_t token;
	uint32_t n;
};
/* Under way at once; any more are joined to the last one, which then takes a little longer. */
#define SA_GRACES 16

struct sa_table {
	/* written once at start; read by: workers */
	struct sa *sa;
	uint32_t capacity;
	uint32_t index_mask; /* index bits of an SPI */
	struct tuple_index *tuples;
	struct locals *locals;
	struct paths *paths; /* itself written by workers */
	struct tunnels tunnels;

	/* control only */
	uint32_t slice; /* this node's, already shifted into place */
	uint32_t generation_shift;
	uint32_t generation_max;
	uint16_t *generation; /* of each slot: of its SA, or of its next one */
	uint8_t *slot;        /* state of each slot, see sa.c */
	uint32_t *ring;       /* slots to hand out, longest free first; each at most once */
	uint32_t ring_head, n_ring;
	uint32_t n_free;
	uint32_t n_reserved[SA_OWNERS]; /* SPIs promised to each owner */
	uint64_t n_places_forgotten;    /* see quarantine.h; for telemetry */
	uint32_t default_window_pkts;
	struct replay_wide *wide;
	uint32_t *wide_free;
	uint32_t n_wide, n_wide_free;
	struct rte_rcu_qsbr *rcu;
	struct inline_table *inlined;               /* NULL: no port can; see inline_sa.h */
	struct backend *backend[CRYPTO_N_BACKENDS]; /* what is there besides the cpu */
	uint32_t *retired; /* slots; ring of `capacity` entries, oldest first */
	uint32_t retired_head, n_retired;
	uint32_t n_retired_new; /* of these, under no grace yet */
	struct sa_grace grace[SA_GRACES];
	uint32_t grace_head, n_graces;
};

struct sa_table_config {
	uint32_t capacity; /* a power of two */
	uint32_t generation_bits, slice, slice_bits;
	uint32_t window_pkts;
	uint32_t n_wide_windows;
	uint32_t n_tunnels;
	uint32_t n_workers;
};

/* 0, or -ENOMEM, -EINVAL. Control thread, before any worker runs. */
int sa_table_init(struct sa_table *t, const struct sa_table_config *config);
/* Wipes every key. After all workers have ended. */
void sa_table_free(struct sa_table *t);

/* The wire SPI of a slot that is staged or published, host order. */
static inline uint32_t sa_spi(const struct sa_table *t, uint32_t slot)
{
	return t->sa[slot].rest.spi;
}

/* The slot where an SPI's SA would be; NULL when the index is out of range. Not yet compared. */
static inline struct sa *sa_slot_of_spi(const struct sa_table *t, uint32_t spi)
{
	uint32_t index = spi & t->index_mask;
	return index < t->capacity ? &t->sa[index] : NULL;
}

static inline bool sa_is_inbound_spi(const struct sa *sa, uint32_t spi)
{
	/*
	 * partner: sa_publish(). 0 is never an SPI on the wire (RFC 4303 2.1), and must not be
	 * compared with the key of a free slot, whose other fields control may be writing.
	 */
	return spi && atomic_load_explicit(&sa->id.key, memory_order_acquire) == spi &&
	       sa->id.direction == API_IN;
}

static inline bool sa_is_expired(const struct sa *sa, uint32_t now_s)
{
	uint32_t expires_s = atomic_load_explicit(&sa->id.expires_s, memory_order_relaxed);
	return expires_s && now_s >= expires_s;
}

/* The window of an inbound SA, wherever it lives. Owner core only. */
static inline enum replay_verdict sa_replay_check(const struct sa *sa, uint64_t sequence)
{
	if (unlikely(sa->id.window_pkts > REPLAY_BITS))
		return replay_wide_check(sa->rest.wide, sa->run.replay.top, sa->id.window_pkts,
					 sequence);
	return replay_check(&sa->run.replay, sa->id.window_pkts, sequence);
}

static inline enum replay_verdict sa_replay_commit(struct sa *sa, uint64_t sequence)
{
	if (unlikely(sa->id.window_pkts > REPLAY_BITS))
		return replay_wide_commit(sa->rest.wide, &sa->run.replay.top, sa->id.window_pkts,
					  sequence);
	return replay_commit(&sa->run.replay, sa->id.window_pkts, sequence);
}

/* What tells whether a packet is the SA's … */
static inline void sa_prefetch_id(const struct sa *sa, uint8_t family)
{
	rte_prefetch0(&sa->id);
	if (family == API_IPV6)
		rte_prefetch0(&sa->rest);
}

/* … and what every packet of it needs. */
static inline void sa_prefetch(const struct sa *sa, uint8_t family)
{
	sa_prefetch_id(sa, family);
	rte_prefetch0(&sa->key.auth);
}

static inline bool sa_peer_equal(const struct sa *sa, const uint8_t *address)
{
	if (sa->id.family == API_IPV4)
		return memcmp(&sa->id.peer_ipv4_be, address, 4) == 0;
	return local_address_equal(sa->rest.peer, address, API_IPV6);
}

#endif
