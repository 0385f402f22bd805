/*
 * Tunnels: where the outer header of an SA's packets comes from, and which packets belong into it.
 * A SEG tunnel of Za or Zb (RFC 4301 5) has selectors, which are a policy of its zone; one of Gm
 * behind a NAT (TS 33.203 Annex M) has none: there the SAs' own tuples are the selectors.
 *
 * A tunnel comes before its SAs and outlives them, so that a policy holds while there is no SA:
 * what it names is dropped then, never sent in the clear. SAs come and go (rekeying); the newest
 * outbound one carries, and when it goes the one before it does again, if it still lives.
 *
 * Control is the only one that installs, points elsewhere and deletes. Workers reach a tunnel by
 * its SA or by a policy, and keep it until the end of their turn (RCU QSBR): a deleted tunnel and
 * a replaced policy table are freed after that.
 */
#ifndef DATAPLANE_TUNNEL_H
#define DATAPLANE_TUNNEL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_rcu_qsbr.h>

#include "dataplane/api.h"
#include "dataplane/policy.h"

/* Outbound SAs of one tunnel at a time: one that carries, and those that a rekeying overlaps. */
#define TUNNEL_MAX_CARRIERS 4

struct tunnel_peer {
	uint8_t address[16]; /* network order; IPv4 in the first four bytes, the rest zero */
	uint16_t port_be;    /* of UDP encapsulation */
};

/* A report of where an authenticated packet came from, from a worker to control. */
enum tunnel_report {
	TUNNEL_REPORT_NONE,
	TUNNEL_REPORT_BEING_WRITTEN, /* by the worker that got hold of it */
	TUNNEL_REPORT_WRITTEN,
};

struct tunnel {
	/* written by: control, before an SA or a policy names it; read by: workers */
	_Alignas(64) uint8_t local[16];
	uint16_t local_port_be; /* of UDP encapsulation, RFC 3948; 0 = ESP right on IP */
	uint8_t zone;
	uint8_t family;   /* of the outer header, enum api_family */
	uint8_t home[16]; /* its peer when it was installed: see encap_owner() */
	bool follows;     /* peer moves to wherever its newest packet comes from */
	bool has_policy;

	/* The present one is peer[now]. written by: control; read by: workers */
	_Atomic uint8_t now;
	struct tunnel_peer peer[2];
	_Atomic uint32_t carrier; /* slot of the outbound SA in use, plus 1; 0 = none */

	/* written by: a worker, see enum tunnel_report; read by: control */
	_Atomic uint8_t report;
	struct tunnel_peer seen;

	/* written by: control, before an SA or a policy names it; read by: workers */
	_Alignas(64) struct policy policy;

	/* control only */
	uint64_t handle;
	uint64_t token; /* RCU: of the last change of peer, or of the deletion */
	uint32_t owner; /* 0 = not in use */
	uint32_t n_sas;
	uint32_t carriers[TUNNEL_MAX_CARRIERS]; /* slots, the newest last */
	uint32_t n_carriers;
	uint32_t next; /* number of the next free or retired one, or of the same bucket */
};

struct tunnel_table; /* a policy table that waits for its end */

struct tunnels {
	/* written once at start; read by: workers. Numbers of tunnels begin with 1. */
	struct tunnel *tunnel;
	uint32_t capacity;
	/* NULL while no tunnel has a policy. written by: control; read by: workers */
	_Atomic(struct policy_table *) policies;
	_Atomic uint32_t n; /* in use. written by: control; read by: workers */

	/* control only */
	struct rte_rcu_qsbr *rcu;
	uint32_t n_touched; /* numbers above were never used */
	uint32_t free;      /* first of the list, 0 = empty */
	uint32_t retired_first, retired_last;
	uint32_t *bucket; /* first number of each hash of handle and owner */
	uint32_t bucket_mask;
	struct tunnel_table *table; /* the one in use */
	struct tunnel_table *old;   /* oldest first */
	struct tunnel_table **old_end;
};

/* 0 or -ENOMEM. Control thread, before any worker runs. */
int tunnels_init(struct tunnels *t, uint32_t capacity, struct rte_rcu_qsbr *rcu);
void tunnels_free(struct tunnels *t);

/*
 * Returns the number, for api_set.tunnel; or -EINVAL, -EEXIST (handle or policy in use), -ENOSPC,
 * -ENOMEM. From here on its policy holds.
 */
int64_t tunnel_install(struct tunnels *t, const struct api_tunnel *from, uint32_t owner);
/*
 * Only of tunnels in UDP; others are installed anew. 0, -ENOENT, -EINVAL, or -EAGAIN: it was
 * pointed elsewhere so recently that a worker may read.
 */
int tunnel_update(struct tunnels *t, const struct api_tunnel_update *update, uint32_t owner);
/* 0, -ENOENT, or -EBUSY while it has SAs. Its policy ends. */
int tunnel_delete(struct tunnels *t, uint64_t handle, uint32_t owner);
/* The fate of orphans; their SAs went before. Returns how many went. */
uint32_t tunnel_delete_all(struct tunnels *t, uint32_t owner);
uint32_t tunnel_count(const struct tunnels *t, uint32_t owner);
/* Frees what no worker can still hold. Never waits. */
void tunnel_reclaim(struct tunnels *t);
/* What a client sees of a number; false: not in use. */
bool tunnel_info(const struct tunnels *t, uint32_t number, struct api_tunnel_info *info);

/* The tunnel of a number, if this owner may use it; or NULL. */
struct tunnel *tunnel_of(const struct tunnels *t, uint32_t number, uint32_t owner);
uint32_t tunnel_number(const struct tunnels *t, const struct tunnel *tunnel);

/* An SA joins, before it is published; one that is to carry needs room for it. 0 or -ENOSPC. */
int tunnel_join(struct tunnel *tunnel, bool is_to_carry);
/* The SA of this slot is retired, or was never published. */
void tunnel_leave(struct tunnel *tunnel, uint32_t slot);
/* The outbound SA of this slot is published: it carries from now on. */
void tunnel_carry(struct tunnel *tunnel, uint32_t slot);

/* How many there are. */
static inline uint32_t tunnel_n(const struct tunnels *t)
{
	return atomic_load_explicit(&t->n, memory_order_relaxed);
}

/* Workers. The endpoint that packets go to. */
static inline const struct tunnel_peer *tunnel_peer(const struct tunnel *tunnel)
{
	/* partner: tunnel_point() */
	return &tunnel->peer[atomic_load_explicit(&tunnel->now, memory_order_acquire)];
}

/*
 * Workers: an authenticated packet came from elsewhere. True: the report is written, and control is
 * to be told; false: one waits already, or it is not elsewhere.
 */
bool tunnel_report(struct tunnel *tunnel, const struct tunnel_peer *from);
/* A worker could not tell control: the next packet tries again. */
void tunnel_report_drop(struct tunnel *tunnel);
/*
 * Control: takes the report, if there is one, and follows the peer where that is wanted. Fills the
 * event and returns true.
 */
bool tunnel_report_take(struct tunnels *t, struct tunnel *tunnel, struct api_tunnel_rebound *event);

#endif
