/*
 * Insides of the transport, shared by transport*.c and stream*.c alone.
 */
#ifndef CONTROLPLANE_TRANSPORT_IMPL_H
#define CONTROLPLANE_TRANSPORT_IMPL_H

#include <sys/queue.h>

#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "controlplane/sip_frame.h"
#include "controlplane/table.h"
#include "controlplane/transport.h"

#define BATCH         16 /* datagrams a recvmmsg() takes */
#define MAX_ENDPOINTS 1024

/* Bytes of datagrams that wait, of a transport; as much as its sockets are asked to take. */
#define UNSENT_BYTES  SOCKET_BUFFER
#define SOCKET_BUFFER (4 << 20) /* a burst of some thousand messages; the kernel may give less */

struct connection;
struct ssl_st;

/* On its way out, or to another endpoint of the loop; from sip_take(). */
struct datagram {
	STAILQ_ENTRY(datagram) place;
	struct endpoint *to; /* of the loop: where it is received; else NULL */
	struct address peer; /* whom it goes to, or whose it is */
	size_t n_bytes;
	char bytes[];
};

/* What a connection is doing; each is in one list of these, the one that began first in front. */
enum stream_state {
	STREAM_CONNECTING,    /* we: until it stands, TLS included */
	STREAM_SHAKING,       /* accepted: until TLS stands */
	STREAM_CLOSING,       /* the last answer is on its way out */
	STREAM_HALF_STRANGER, /* in the middle of a message */
	STREAM_HALF,
	STREAM_IDLE_STRANGER, /* since the last whole message, either way */
	STREAM_IDLE,
	STREAM_N_STATES,
};

struct known_mtu;
struct refusal;

struct stream_list {
	TAILQ_HEAD(, connection) head;
	uint32_t n;
};

struct transport {
	struct loop *loop;
	struct transport_user user;
	struct tls *tls; /* of endpoints with ENDPOINT_TLS; NULL: none */
	struct endpoint *endpoints[MAX_ENDPOINTS];
	unsigned n_endpoints;
	struct transport_counters counters;
	struct transport_limits limits;
	/* TCP */
	struct table *by_id, *by_tuple, *by_host;
	struct stream_list list[STREAM_N_STATES];
	struct timer tick; /* set while there are connections, or who accepts is paused */
	uint64_t last_id;
	size_t queue_bytes;            /* of all connections */
	struct table *refusals;        /* of TCP */
	TAILQ_HEAD(, refusal) refused; /* likewise, the oldest first */
	struct known_mtu *mtus;
	bool is_paused; /* no descriptors left: nothing is accepted until the next tick */
	/* UDP */
	STAILQ_HEAD(, endpoint) unsent; /* who has datagrams to send */
	STAILQ_HEAD(, datagram) own;    /* from endpoints of the loop to some of ours */
	struct turn_end send, receive_own;
	size_t unsent_bytes, own_bytes;
	/* One byte more than is legal, to tell a datagram that was cut. */
	char buffers[BATCH][SIP_MESSAGE_BYTES + 1];
};

struct connection {
	TAILQ_ENTRY(connection) place;
	struct table_node by_id;
	struct table_node by_tuple; /* endpoint, peer */
	struct table_node by_host;  /* strangers alone, and who has not shown who he is by TLS */
	struct transport *transport;
	struct path path; /* of what comes in */
	struct event *readable, *writable;
	int fd;
	enum stream_state state;
	uint64_t since_ms;        /* in that state */
	bool accepted;            /* opened by the peer */
	bool opened;              /* it stands, TLS included */
	bool stranger;            /* in by_host */
	bool reads_when_writable; /* TLS has to say something before it goes on reading */
	struct ssl_st *tls;       /* NULL: none, or not yet */
	bool busy;                /* its bytes are being handled: freed by whoever does that */
	bool dead;
	struct sip_frame frame;
	char *in; /* what is not whole yet */
	size_t n_in, in_bytes;
	char *out; /* what the kernel has not taken yet: [n_sent, n_out) */
	size_t n_out, n_sent, out_bytes;
};

/* --- transport_udp.c --- */

void udp_init(struct transport *t);

/* Opens the socket of e->local. Returns 0 or -errno. */
int udp_open(struct endpoint *e);
/* Sends what the socket takes at once, and forgets the rest; the socket stays. */
void udp_close(struct endpoint *e);

int udp_send(const struct path *path, const char *bytes, size_t n_bytes);

/* --- transport_own.c --- */

void own_init(struct transport *t);
void own_fini(struct transport *t);

/* An endpoint of the core side is there, is gone. */
void own_add(struct endpoint *e);
void own_remove(struct endpoint *e);

/* Hands the datagram to an endpoint of the loop. False: it has to go by the socket. */
bool own_send(const struct path *path, const char *bytes, size_t n_bytes);

/* --- stream.c --- */

int stream_init(struct transport *t);
void stream_fini(struct transport *t);

int stream_send(struct path *path, const char *bytes, size_t n_bytes);

/* --- stream_tls.c --- */

/* Goes on with the handshake; the connection is opened, or closed, or waits for its socket. */
void stream_shake(struct connection *c);

/* As recv() and send(), with -errno. -EAGAIN: later, when the socket is ready for it. */
ssize_t stream_read(struct connection *c, char *bytes, size_t n_bytes);
ssize_t stream_write(struct connection *c, const char *bytes, size_t n_bytes);

/* Nothing more will be sent. */
void stream_end_output(struct connection *c);

void stream_tls_free(struct connection *c);

/*
 * A connection over fd, which is taken in every case; unless `accepted`, connect() is under way.
 * NULL: out of memory.
 */
struct connection *stream_new(struct endpoint *e, const struct address *peer, int fd,
			      bool accepted);

/* It stands: what waits is sent. */
void stream_opened(struct connection *c);

/* Tells the user unless the transport itself is ending. */
void stream_close(struct connection *c);

/* --- stream_accept.c --- */

/* The socket that listens, and its event. Returns 0 or -errno. */
int stream_listen(struct endpoint *e);

/* Family, device and sharing of a socket of an endpoint, before bind(). Returns 0 or -errno. */
int transport_prepare_socket(const struct endpoint *e, int fd);

/* --- transport_size.c --- */

int transport_size_init(struct transport *t);
void transport_size_fini(struct transport *t);

/* The peer has refused TCP from this endpoint, or did not answer. */
void transport_note_refusal(struct endpoint *e, const struct address *peer);
void transport_forget_refusal(struct endpoint *e, const struct address *peer);

/* --- stream_list.c --- */

bool stream_is_stranger(const struct endpoint *e);

/*
 * Room for one more connection with `peer`, by closing older ones; `accepted`: it opens it. False:
 * there is none.
 */
bool stream_make_room(struct endpoint *e, const struct address *peer, bool accepted);

/* Closes the one that is needed least. False: there is none. */
bool stream_crowd_out(struct transport *t);

/* TLS has shown who it is: no stranger any more. */
void stream_known(struct connection *c);

/* Into tables and list; out of them. */
void stream_add(struct connection *c, enum stream_state state);
void stream_remove(struct connection *c);

/* Into the list of a state, as its newest, which may crowd out its oldest (not `c`). */
void stream_enter(struct connection *c, enum stream_state state);

struct connection *stream_by_id(const struct transport *t, uint64_t id);
struct connection *stream_by_tuple(const struct endpoint *e, const struct address *peer);

/* Once a second: who has been too long in a state goes. */
void stream_tick(void *transport);

#endif
