/*
 * The way of a SIP message, proxy.c: what every SIP role shares.
 *
 *   transport → parse → who sent it (the role, by SA tuple) → answer? its client transaction
 *             → request? absorbed by its server transaction, or new: the role's on_request()
 *   on_request() → answers it (server_txn_answer, server_txn_respond), or
 *                  forwards it statefully (proxy_forward), now or later
 *
 * One struct proxy per role: its endpoints, its transactions, its counters. A role registers with
 * struct proxy_user and keeps everything else for itself. One thread.
 *
 * Ownership: on_request() gets the request in its server transaction, which owns it; a role that
 * forwards it clones it with sip_clone(), changes the clone, and hands that over.
 */
#ifndef CONTROLPLANE_PROXY_H
#define CONTROLPLANE_PROXY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/sip.h"
#include "controlplane/transport.h"
#include "controlplane/txn.h"

struct proxy;

/* Where a message came from, and who that is. */
struct source {
	struct path path; /* endpoint, with zone and local address; address and port of the peer */
	size_t n_bytes;   /* of the message */
	void *sender;     /* the role's own, from identify(): at the P-CSCF the SA set; else NULL */
	/* Likewise: whose transactions count together (server_txn_charge()); 0: nobody's. */
	uint64_t account;
};

struct proxy_user {
	/*
	 * Whether a message is to be read now: false when there is too much to do already. The
	 * role may keep a copy for proxy_receive(). If it does not, a datagram will come again;
	 * what came over TCP does not, and is to be answered with proxy_refuse(). May be NULL.
	 */
	bool (*admit)(void *role, const struct path *from, const char *bytes, size_t n_bytes);
	/*
	 * Who sent this? Sets source->sender and, for a request, where answers go: *reply holds
	 * RFC 3261 18.2.2, over TCP the connection that it came on, and may be changed. False: the
	 * message is dropped and counted. May be NULL.
	 */
	bool (*identify)(void *role, const struct sip *message, struct source *source,
			 struct path *reply);
	/*
	 * A new request other than ACK and CANCEL (those follow their INVITE by themselves). The
	 * role answers or forwards it sooner or later; until then the transaction waits. `source`
	 * lives until the call returns; `x` and its request until the final answer.
	 */
	void (*on_request)(void *role, const struct source *source, struct server_txn *x);
	/*
	 * An ACK for a 2xx: no transaction, no answer. The role forwards a changed copy with
	 * proxy_send() or drops it. NULL: dropped.
	 */
	void (*on_ack)(void *role, const struct source *source, const struct sip *ack);
	void *role;
};

struct proxy_counters {
	uint64_t sip_too_big;      /* beyond a limit of sip.h */
	uint64_t sip_malformed;    /* not SIP, or without what every message has */
	uint64_t sip_no_memory;    /* not read for want of it */
	uint64_t sip_unidentified; /* dropped by identify() */
	uint64_t sip_keepalive;    /* CRLF in a datagram, RFC 5626 3.5.1: ignored */
	uint64_t request_rx;
	uint64_t request_forwarded;
	uint64_t request_loop;    /* answered 482 or 483 */
	uint64_t request_refused; /* no transaction left for it, or proxy_refuse(): answered 503 */
	uint64_t request_forked;  /* to more than one place */
	uint64_t response_rx;
	uint64_t response_forwarded;
};

/* Limits follow from what the role expects: transactions are about 2 KB each. */
struct proxy *proxy_new(struct loop *loop, uint32_t max_txns, struct proxy_user user);
void proxy_free(struct proxy *p);

struct transport *proxy_transport(struct proxy *p); /* to listen on; receive() is the proxy's */
const struct proxy_counters *proxy_counters(const struct proxy *p);

/* Adds the counters of all layers to a role's stats object. Returns 0 or -ENOMEM. */
int proxy_stats(const struct proxy *p, json_t *stats);

/* Reads a message that admit() kept from being read. */
void proxy_receive(struct proxy *p, const struct path *from, const char *bytes, size_t n_bytes);
/* Answers it 503, and remembers nothing. */
void proxy_refuse(struct proxy *p, const struct path *from, const char *bytes, size_t n_bytes);

/* What happens to the answers of a forwarded request. */
struct forward {
	/*
	 * Sees each answer before it goes on (topmost Via already taken off) and may change it,
	 * e.g. take keys out. True: it is relayed. False: the role took it (it owns `response` now)
	 * and will respond on `x` itself, at once or later. `response` NULL: nobody answered; the
	 * proxy then answers 408 unless false is returned. NULL function: relay everything.
	 */
	bool (*on_response)(void *user, struct server_txn *x, struct sip *response);
	/* Called exactly once, when no more calls follow: frees `user`. May be NULL. */
	void (*on_end)(void *user);
	void *user;
};

/*
 * Forwards `request` (a changed clone of the transaction's) and takes it in every case: checks
 * Max-Forwards and loops (RFC 3261 16.3), decrements, pushes a Via of path->endpoint with a new
 * branch, begins the client transaction; answers come back to `x`. One that was cancelled meanwhile
 * is answered 487. On failure `x` was answered (483, 482, 503, 500, 487), on_end called, and -errno
 * returned.
 */
int proxy_forward(struct proxy *p, struct server_txn *x, struct sip *request,
		  const struct path *path, struct forward forward);

/* One of the places that a request goes to at the same time. */
struct branch {
	struct sip *request; /* a changed clone, taken in every case */
	struct path path;
};

/*
 * The same to several places, 1 … PROXY_BRANCHES: RFC 3261 16.7. Provisional answers and every 2xx
 * of an INVITE go on as they come, the first 2xx or 6xx cancels the other branches, and without a
 * 2xx the best of the final answers goes on when all have one: on_response sees no other. What
 * cannot be sent counts as a branch that answered so.
 */
int proxy_fork(struct proxy *p, struct server_txn *x, struct branch branches[], unsigned n,
	       struct forward forward);
#define PROXY_BRANCHES 8

/*
 * Sends a request of the role's own and takes it: Via as proxy_forward(); answers, with that Via
 * still on top, go to `user`. Returns 0 or -errno: then nothing of `user` is called.
 */
int proxy_request(struct proxy *p, struct sip *request, const struct path *path,
		  struct client_user user);

/* An ACK for a 2xx: Max-Forwards, Via and size as proxy_forward(), no transaction. Takes it. */
int proxy_send(struct proxy *p, struct sip *request, const struct path *path);

#endif
