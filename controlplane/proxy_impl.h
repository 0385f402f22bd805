/*
 * Insides of the proxy, shared by proxy.c, which receives, and proxy_forward.c, which sends on.
 */
#ifndef CONTROLPLANE_PROXY_IMPL_H
#define CONTROLPLANE_PROXY_IMPL_H

#include "controlplane/hops.h"
#include "controlplane/proxy.h"
#include "controlplane/transport.h"
#include "controlplane/txn.h"

struct proxy {
	struct transport *transport;
	struct txns *txns;
	struct hops *hops;
	struct proxy_user user;
	struct proxy_counters counters;
};

/* The owner of a server transaction that was forwarded (server_txn_owner()). */
struct forwarding;

/* CANCEL to all that have not answered; `reason` as client_txn_cancel(). */
void proxy_cancel(struct forwarding *f, const char *reason);

#endif
