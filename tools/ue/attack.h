/*
 * Packets that an edge has to drop, each wrong in exactly one way and otherwise made with the live
 * SAs of a registered UE, which go on working: see attack.c for why each leaves the edge's replay
 * window right. One attack at a time, no run of the fleet beside it. One thread.
 */
#ifndef TOOLS_UE_ATTACK_H
#define TOOLS_UE_ATTACK_H

#include "tools/ue/fleet.h"

#define ATTACK_MAX_PKTS 100000

/* Of kind i; NULL behind the last. */
struct attack_kind;
const char *attack_name(unsigned i);
const char *attack_help(unsigned i);

struct attack {
	struct fleet *fleet;
	const struct attack_kind *kind;
	struct ue *ue; /* whose SAs are used */
	struct sa *sa; /* its outbound one */
	unsigned n_wanted, n_sent;
	const char *problem; /* NULL: none */
	void (*done)(void *context);
	void *context;
	int capture; /* of reflect; −1 otherwise */
	void (*captured)(struct attack *a, bool found);
	struct packet packet;
	struct esp_job job;
};

/*
 * Sends n_pkts packets. `done` is called once, perhaps before this returns; n_sent and problem then
 * say how it went.
 */
void attack_start(struct attack *a, struct fleet *f, const char *name, unsigned n_pkts,
		  void (*done)(void *context), void *context);

#endif
