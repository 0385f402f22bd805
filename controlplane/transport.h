/*
 * Sockets under SIP. An endpoint is an address of ours in a zone, with its UDP socket and, where it
 * is wanted, TCP, or with TLS alone; a message arrives with the path that it came by (with the
 * endpoint and the peer's address: the 5-tuple), and is sent on a path. On Gm the kernel port
 * delivers to a protected endpoint only what came out of the SA with that 5-tuple, and puts what
 * leaves it into the SA with that tuple, so the tuple is all that is ever asked about a sender,
 * over UDP and TCP alike.
 *
 * Datagrams are sent at the end of the loop's turn (loop.h), those of a socket by one call, or as
 * soon as there are enough for one. What goes from one CSCF to another of the same loop, over UDP
 * on the core side, is handed over at the end of the turn, too, and meets no kernel; it is lost as
 * UDP loses what a reader has no room for.
 *
 * transport.c has endpoints, transport_udp.c UDP, transport_own.c what stays on the loop, stream.c
 * and stream_accept.c connections, stream_tls.c their TLS, stream_list.c how many of them there may
 * be and for how long, transport_size.c what is too long for UDP. Bytes handed to receive() live
 * until it returns, and are wiped then. One thread.
 */
#ifndef CONTROLPLANE_TRANSPORT_H
#define CONTROLPLANE_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/address.h"

struct datagram;
struct event;
struct loop;
struct tls;
struct transport;

/* On which side of the P-CSCF: timers, trust and the way of answers depend on it. */
enum endpoint_side {
	ENDPOINT_CORE,         /* Mw: between CSCFs */
	ENDPOINT_GM_CLEAR,     /* toward UEs, the unprotected port */
	ENDPOINT_GM_PROTECTED, /* toward UEs, port_ps or one of port_pc */
};

/* What an endpoint does with TCP. */
enum endpoint_tcp {
	ENDPOINT_NO_TCP,
	ENDPOINT_ACCEPTS,       /* and never opens a connection */
	ENDPOINT_CONNECTS,      /* from its own port, and never listens */
	ENDPOINT_TCP_BOTH_WAYS, /* connects from any port */
	ENDPOINT_TLS,           /* likewise, and all over TLS: no UDP, nothing in the clear */
};

struct endpoint {
	struct transport *transport;
	struct event *event;
	struct event *writable;              /* of the UDP socket; NULL: it was never full */
	STAILQ_HEAD(, datagram) unsent;      /* over UDP, the oldest first */
	STAILQ_ENTRY(endpoint) place_unsent; /* among those who have some, not waiting for room */
	bool has_unsent;                     /* in that list */
	uint32_t n_unsent;                   /* datagrams */
	bool is_full;                        /* `writable` is waited for */
	LIST_ENTRY(endpoint) place_own;      /* on the core side: transport_own.c */
	struct event *acceptable;            /* of the TCP socket that listens; NULL: none */
	int fd;
	int tcp_fd; /* -1: none */
	enum endpoint_side side;
	enum endpoint_tcp tcp;
	uint16_t zone; /* index in the configuration; 0xffff on the core side */
	char device[16];
	struct address local;
	struct address
		sent_by; /* what our Via says: where answers to us go; local unless changed */
};

#define ZONE_CORE 0xffff

/*
 * How something is sent, or was received. Over TCP, which TLS counts as here, it goes on the
 * connection while that lives, else on the one from `endpoint` to `peer`, which is opened when
 * there is none and the endpoint may.
 */
struct path {
	struct endpoint *endpoint;
	struct address peer;
	bool tcp;
	uint64_t connection; /* its number, never used twice; 0: none yet */
};

struct transport_user {
	void (*receive)(void *user, const struct path *from, const char *bytes, size_t n_bytes);
	/*
	 * The head of a message whose end cannot be known, or that is too long: to be answered with
	 * `status` on `from`. The connection then closes. May be NULL.
	 */
	void (*refuse)(void *user, const struct path *from, const char *head, size_t n_bytes,
		       int status);
	/*
	 * A connection is gone (RFC 3261 18.4); `opened` is false when there never was one. May
	 * send, and is called from inside transport_send() for others than its own. May be NULL.
	 */
	void (*closed)(void *user, uint64_t connection, bool opened);
	void *user;
};

struct transport_counters {
	uint64_t rx, tx;          /* messages */
	uint64_t tx_failed;       /* not taken by the kernel, or no connection */
	uint64_t tcp_accepted;    /* connections */
	uint64_t tcp_opened;      /* by us */
	uint64_t tcp_not_opened;  /* refused by the peer or not answered */
	uint64_t tcp_crowded_out; /* closed to make room for newer ones */
	uint64_t tcp_too_slow;    /* closed: half a message for too long */
	uint64_t tcp_refused;     /* closed: no end of the message can be known, or too long */
	uint64_t tls_opened;      /* handshakes that succeeded, either way */
	uint64_t tls_refused;     /* that failed: a certificate, a version, no TLS at all */
};

/* Connections there may be: of all, and of strangers, who are those on the unprotected port. */
struct transport_limits {
	uint32_t n_connections; /* without strangers */
	uint32_t n_strangers;
	uint32_t n_of_stranger; /* of one address (IPv6: of one /64) */
	uint32_t n_halves;      /* messages not whole yet, of strangers and of the others each */
	uint64_t queue_bytes;   /* not sent yet, of all */
	uint32_t n_handshakes;  /* of TLS, with peers that connect to us */
	/* How long what may take. */
	uint32_t connect_ms; /* TLS included */
	uint32_t handshake_ms;
	uint32_t message_ms; /* from its first byte on */
	uint32_t stranger_idle_ms;
	uint32_t idle_ms;     /* a UE's goes with its SA set; this is for dead peers */
	uint32_t above_bytes; /* longer requests go over TCP; 0: as the path MTU has it */
};

struct transport *transport_new(struct loop *loop, struct transport_user user);
void transport_free(struct transport *t); /* and its endpoints; nobody is told */

/* The defaults of transport_new(), and others; no more connections than there are descriptors. */
const struct transport_limits *transport_limits(const struct transport *t);
void transport_set_limits(struct transport *t, const struct transport_limits *limits);

/* What endpoints with ENDPOINT_TLS use, to be given before them; the transport's from now on. */
void transport_set_tls(struct transport *t, struct tls *tls);

/*
 * Opens `local` for UDP and, as `tcp` says, TCP or TLS, bound to the kernel interface `device`
 * unless it is "". Returns 0 and *out (owned by the transport), or -errno.
 */
int transport_listen(struct transport *t, enum endpoint_side side, uint16_t zone,
		     const struct address *local, const char *device, enum endpoint_tcp tcp,
		     struct endpoint **out);

const struct transport_counters *transport_counters(const struct transport *t);
uint32_t transport_connections(const struct transport *t);

/* The endpoint with this zone and local address; NULL. */
struct endpoint *transport_find(const struct transport *t, uint16_t zone,
				const struct address *local);

bool transport_is_tls(const struct endpoint *e);

/* What URIs of ours say of the transport to this endpoint: "" or ";transport=tls". */
const char *transport_uri_parameter(const struct endpoint *e);

/* Whether the connection that something was received on is still there. */
bool transport_is_connected(const struct path *from);

/* Whether a connection may be opened along this path. */
bool transport_may_connect(const struct path *path);

/*
 * The longest request that goes over UDP along this path, RFC 3261 18.1.1: the path MTU that the
 * kernel knows, less 200; 1300 where it knows none; or what the limits say.
 */
size_t transport_udp_bytes(const struct path *path);

/*
 * Whether the peer has refused TCP along this path, or did not answer: then it gets long requests
 * over UDP at once. Remembered until transport_close(), on the core side for ten minutes.
 */
bool transport_has_refused(const struct path *path);

/*
 * Sends one message. Over TCP path->connection becomes the one it left on, which may not be open
 * yet; whether it ever is, closed() tells. Returns 0 or -errno. -ENOBUFS: over TCP a peer that does
 * not read, over UDP sockets that have been full for a while. What the kernel refuses of datagrams
 * at the end of the turn is only counted and logged, as nothing is known of most that are lost.
 */
int transport_send(struct path *path, const char *bytes, size_t n_bytes);

/*
 * Closes the connections of this tuple at once, with a reset, so that nothing of them is left when
 * the tuple gets another owner. It is forgotten, too, that the peer refused TCP.
 */
void transport_close(struct endpoint *e, const struct address *peer);

#endif
