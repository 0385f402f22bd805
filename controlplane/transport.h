/*
 * Sockets under SIP. An endpoint is one socket of ours with its zone and local address; a message
 * arrives with the endpoint and the peer's address (with them, the 5-tuple), and is sent on an
 * endpoint to an address. On Gm the kernel port delivers to a protected endpoint only what came out
 * of the SA with that 5-tuple, and puts what leaves it into the SA with that tuple, so the tuple is
 * all that is ever asked about a sender.
 *
 * UDP now; an endpoint says its protocol, so that TCP connections can become endpoints too.
 * Bytes handed to receive() live until it returns.
 */
#ifndef CONTROLPLANE_TRANSPORT_H
#define CONTROLPLANE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/address.h"

struct event;
struct loop;
struct transport;

enum endpoint_protocol {
	ENDPOINT_UDP,
};

/* On which side of the P-CSCF: timers, trust and the way of answers depend on it. */
enum endpoint_side {
	ENDPOINT_CORE,         /* Mw: between CSCFs */
	ENDPOINT_GM_CLEAR,     /* toward UEs, the unprotected port */
	ENDPOINT_GM_PROTECTED, /* toward UEs, port_ps or one of port_pc */
};

struct endpoint {
	struct transport *transport;
	struct event *event;
	int fd;
	enum endpoint_protocol protocol;
	enum endpoint_side side;
	uint16_t zone; /* index in the configuration; 0xffff on the core side */
	struct address local;
	struct address
		sent_by; /* what our Via says: where answers to us go; local unless changed */
};

#define ZONE_CORE 0xffff

struct transport_user {
	void (*receive)(void *user, struct endpoint *e, const struct address *from,
			const char *bytes, size_t n_bytes);
	void *user;
};

struct transport_counters {
	uint64_t rx, tx; /* datagrams */
	uint64_t tx_failed;
};

struct transport *transport_new(struct loop *loop, struct transport_user user);
void transport_free(struct transport *t); /* and its endpoints */

/*
 * Opens a UDP socket on `local`, bound to the kernel interface `device` unless it is "". Returns 0
 * and *out (owned by the transport), or -errno.
 */
int transport_listen(struct transport *t, enum endpoint_side side, uint16_t zone,
		     const struct address *local, const char *device, struct endpoint **out);

const struct transport_counters *transport_counters(const struct transport *t);

/* The endpoint with this zone and local address; NULL. */
struct endpoint *transport_find(const struct transport *t, uint16_t zone,
				const struct address *local);

/* Sends one datagram. Returns 0 or -errno; a full socket buffer (-EAGAIN) is a lost datagram. */
int transport_send(struct endpoint *e, const struct address *to, const char *bytes, size_t n_bytes);

#endif
