/*
 * SIP over TCP and TLS: connections, accepted and our own. Messages are framed by sip_frame.c,
 * handed over in their order, and memory is held only for half a message and for what a peer does
 * not take.
 */
#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/transport_impl.h"
#include "crypto/wipe.h"

#define OUT_BYTES (4 * SIP_MESSAGE_BYTES) /* of one connection that does not read */
#define CORE_OUT_BYTES                                                                             \
	(4 << 20)           /* all for another CSCF is on one: as much as UDP sockets buffer       \
			     */
#define RECORDS       32    /* of TLS, per wake-up */
#define UNANSWERED_MS 30000 /* then the peer of what was sent is dead: RFC 5482 */
#define FIRST_BYTES   2048  /* of a buffer; most messages fit */

/* --- life --- */

int stream_init(struct transport *t)
{
	for (unsigned i = 0; i < STREAM_N_STATES; i++)
		TAILQ_INIT(&t->list[i].head);
	timer_init(&t->tick, stream_tick, t);
	t->by_id = table_new(t->limits.n_connections);
	t->by_tuple = table_new(t->limits.n_connections);
	t->by_host = table_new(t->limits.n_strangers);
	return t->by_id && t->by_tuple && t->by_host ? 0 : -ENOMEM;
}

void stream_fini(struct transport *t)
{
	t->user.closed = NULL;
	for (unsigned i = 0; i < STREAM_N_STATES; i++)
		while (!TAILQ_EMPTY(&t->list[i].head))
			stream_close(TAILQ_FIRST(&t->list[i].head));
	timer_cancel(t->loop, &t->tick);
	table_free(t->by_id);
	table_free(t->by_tuple);
	table_free(t->by_host);
}

/* They held keys, perhaps: SM4, SM5. */
static void free_bytes(char *bytes, size_t n_bytes)
{
	if (bytes)
		wipe(bytes, n_bytes);
	free(bytes);
}

static void connection_free(struct connection *c)
{
	c->transport->queue_bytes -= c->n_out - c->n_sent;
	free_bytes(c->in, c->n_in);
	free_bytes(c->out, c->n_out);
	free(c);
}

void stream_close(struct connection *c)
{
	struct transport *t = c->transport;
	if (c->dead)
		return;
	c->dead = true;
	stream_remove(c);
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	stream_tls_free(c);
	if (c->path.endpoint->side == ENDPOINT_GM_PROTECTED) {
		/* No TIME_WAIT: the same tuple may be wanted again, or be another UE's soon. */
		struct linger reset = { .l_onoff = 1 };
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	}
	close(c->fd);
	t->counters.tcp_not_opened += !c->opened && !c->accepted;
	if (t->user.closed)
		t->user.closed(t->user.user, c->path.connection, c->opened);
	if (!c->busy)
		connection_free(c);
}

void transport_close(struct endpoint *e, const struct address *peer)
{
	struct connection *c;
	while ((c = stream_by_tuple(e, peer)))
		stream_close(c);
	transport_forget_refusal(e, peer);
}

/* --- out --- */

/* Room for so many bytes more behind those that are there. */
static int grow(char **bytes, size_t n_used, size_t *n_bytes, size_t n_wanted)
{
	size_t n = *n_bytes ? *n_bytes : FIRST_BYTES;
	while (n < n_wanted)
		n *= 2;
	if (n == *n_bytes)
		return 0;
	char *larger = malloc(n);
	if (!larger)
		return -ENOMEM;
	if (n_used)
		memcpy(larger, *bytes, n_used);
	free_bytes(*bytes, n_used);
	*bytes = larger;
	*n_bytes = n;
	return 0;
}

/* The state that says how long it may be silent from now on. */
static void refresh(struct connection *c)
{
	bool stranger = stream_is_stranger(c->path.endpoint);
	if (c->state >= STREAM_IDLE_STRANGER || c->state <= STREAM_SHAKING)
		stream_enter(c, stranger ? STREAM_IDLE_STRANGER : STREAM_IDLE);
}

/* As much as the kernel takes. Returns 0, or -errno: the connection is no good. */
static int flush(struct connection *c)
{
	while (c->n_sent < c->n_out) {
		ssize_t n = stream_write(c, c->out + c->n_sent, c->n_out - c->n_sent);
		if (n < 0)
			return n == -EAGAIN ? event_add(c->writable, NULL) : (int)n;
		c->n_sent += (size_t)n;
		c->transport->queue_bytes -= (size_t)n;
	}
	free_bytes(c->out, c->n_out);
	c->out = NULL;
	c->n_out = c->n_sent = c->out_bytes = 0;
	if (c->state == STREAM_CLOSING)
		stream_end_output(c);
	return 0;
}

/* What was sent makes room, when it is more than what waits: so nothing is moved twice. */
static void compact(struct connection *c)
{
	size_t n_waiting = c->n_out - c->n_sent;
	if (c->n_sent <= n_waiting)
		return;
	memcpy(c->out, c->out + c->n_sent, n_waiting);
	wipe(c->out + n_waiting, c->n_out - n_waiting);
	c->n_out = n_waiting;
	c->n_sent = 0;
}

/* An error of the socket waits for on_writable(): nobody loses a connection while he is sending. */
static int queue(struct connection *c, const char *bytes, size_t n_bytes)
{
	struct transport *t = c->transport;
	size_t n_waiting = c->n_out - c->n_sent;
	size_t limit = c->path.endpoint->side == ENDPOINT_CORE ? CORE_OUT_BYTES : OUT_BYTES;
	if (n_waiting + n_bytes > limit || t->queue_bytes + n_bytes > t->limits.queue_bytes)
		return -ENOBUFS;
	compact(c);
	if (grow(&c->out, c->n_out, &c->out_bytes, c->n_out + n_bytes))
		return -ENOMEM;
	memcpy(c->out + c->n_out, bytes, n_bytes);
	c->n_out += n_bytes;
	t->queue_bytes += n_bytes;
	if (c->opened && !n_waiting && flush(c))
		event_add(c->writable, NULL);
	return 0;
}

void stream_opened(struct connection *c)
{
	struct transport *t = c->transport;
	c->opened = true;
	t->counters.tcp_opened += !c->accepted;
	refresh(c);
	if (event_add(c->readable, NULL) || flush(c))
		stream_close(c);
}

static void on_connected(struct connection *c)
{
	int error = 0;
	socklen_t n = sizeof(error);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 || error) {
		if (error == ECONNREFUSED || error == ETIMEDOUT)
			transport_note_refusal(c->path.endpoint, &c->path.peer);
		stream_close(c);
	} else if (transport_is_tls(c->path.endpoint)) {
		stream_shake(c);
	} else {
		stream_opened(c);
	}
}

static void on_readable(evutil_socket_t fd, short what, void *user);

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	struct connection *c = user;
	if (!c->opened && c->tls)
		stream_shake(c);
	else if (!c->opened)
		on_connected(c);
	else if (flush(c))
		stream_close(c);
	else if (c->reads_when_writable)
		on_readable(fd, what, c);
}

/* --- in --- */

static void refuse(struct connection *c, const char *head, size_t n_bytes, int status)
{
	struct transport *t = c->transport;
	t->counters.tcp_refused++;
	if (t->user.refuse && n_bytes)
		t->user.refuse(t->user.user, &c->path, head, n_bytes, status);
	if (c->dead)
		return;
	stream_enter(c, STREAM_CLOSING);
	if (c->n_sent == c->n_out)
		stream_end_output(c);
}

/* One thing that the stream began with. */
static void take(struct connection *c, enum sip_frame_kind kind, const char *bytes, size_t n_bytes)
{
	struct transport *t = c->transport;
	switch (kind) {
	case SIP_FRAME_MESSAGE:
		t->counters.rx++;
		t->user.receive(t->user.user, &c->path, bytes, n_bytes);
		break;
	case SIP_FRAME_PING:
		queue(c, "\r\n", 2); /* a pong that does not fit is lost */
		break;
	case SIP_FRAME_BAD_LENGTH:
		refuse(c, bytes, n_bytes, 400);
		break;
	case SIP_FRAME_TOO_BIG:
		refuse(c, bytes, n_bytes, 413);
		break;
	case SIP_FRAME_BLANK:
	case SIP_FRAME_MORE:
		break;
	}
}

/* Takes what is whole; returns how many bytes that was. */
static size_t deliver(struct connection *c, const char *bytes, size_t n_bytes)
{
	size_t used = 0, n_item;
	while (used < n_bytes && !c->dead && c->state != STREAM_CLOSING) {
		enum sip_frame_kind kind =
			sip_frame_next(&c->frame, bytes + used, n_bytes - used, &n_item);
		if (kind == SIP_FRAME_MORE)
			return used;
		c->frame = (struct sip_frame){ 0 };
		take(c, kind, bytes + used, n_item);
		used += n_item;
	}
	return n_bytes; /* of one that closes nothing more is wanted */
}

/* Where it stands after n_used of n_bytes were taken. */
static void settle(struct connection *c, size_t n_used, size_t n_bytes)
{
	bool stranger = stream_is_stranger(c->path.endpoint);
	bool was_half = c->state == STREAM_HALF || c->state == STREAM_HALF_STRANGER;
	if (c->dead || c->state == STREAM_CLOSING)
		return;
	if (n_used < n_bytes && sip_frame_has_begun(&c->frame)) {
		if (n_used || !was_half)
			stream_enter(c, stranger ? STREAM_HALF_STRANGER : STREAM_HALF);
	} else if (n_used) {
		stream_enter(c, stranger ? STREAM_IDLE_STRANGER : STREAM_IDLE);
	}
}

/* Keeps what is not whole yet: `bytes` is the common buffer or the connection's own. */
static int keep(struct connection *c, const char *bytes, size_t n_used, size_t n_bytes)
{
	size_t rest = n_bytes - n_used;
	if (bytes == c->in) {
		memmove(c->in, c->in + n_used, rest);
		wipe(c->in + rest, n_used);
		c->n_in = rest;
	} else if (rest) {
		if (grow(&c->in, 0, &c->in_bytes, rest))
			return -ENOMEM;
		memcpy(c->in, bytes + n_used, rest);
		c->n_in = rest;
	}
	if (c->n_in == 0) {
		free_bytes(c->in, 0);
		c->in = NULL;
		c->in_bytes = 0;
	}
	return 0;
}

/* Reads once, and takes what is whole. False: nothing more is there, or the connection ends. */
static bool read_more(struct connection *c)
{
	char *bytes = c->in ? c->in : c->transport->buffers[0];
	size_t room = sizeof(c->transport->buffers[0]);
	if (c->in && c->n_in == c->in_bytes) {
		if (grow(&c->in, c->n_in, &c->in_bytes, c->n_in + 1))
			goto close;
		bytes = c->in;
	}
	if (c->in)
		room = c->in_bytes - c->n_in;
	ssize_t n = stream_read(c, bytes + c->n_in, room);
	if (n == -EAGAIN)
		return false;
	if (n <= 0)
		goto close;
	size_t n_bytes = c->n_in + (size_t)n;
	c->n_in = bytes == c->in ? n_bytes : 0;
	size_t n_used = deliver(c, bytes, n_bytes);
	settle(c, n_used, n_bytes);
	int error = keep(c, bytes, n_used, n_bytes);
	if (bytes == c->transport->buffers[0])
		wipe(bytes, n_bytes); /* SM5 carries keys */
	if (!error)
		return !c->dead;
close:
	stream_close(c);
	return false;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct connection *c = user;
	if (!c->opened) {
		stream_shake(c);
		return;
	}
	c->busy = true;
	/* Over TLS a message is a record, and a read no more than one. */
	for (unsigned i = 0; read_more(c) && c->tls && i < RECORDS; i++)
		;
	c->busy = false;
	if (c->dead)
		connection_free(c);
}

/* --- a new one --- */

static void set_options(int fd)
{
	int one = 1;
	unsigned unanswered_ms = UNANSWERED_MS;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unanswered_ms, sizeof(unanswered_ms));
}

struct connection *stream_new(struct endpoint *e, const struct address *peer, int fd, bool accepted)
{
	struct transport *t = e->transport;
	struct event_base *base = loop_base(t->loop);
	struct connection *c = calloc(1, sizeof(*c));
	if (!c)
		goto close_fd;
	bool shakes = accepted && transport_is_tls(e);
	bool opened = accepted && !shakes;
	*c = (struct connection){ .transport = t,
				  .fd = fd,
				  .accepted = accepted,
				  .opened = opened,
				  .stranger = shakes || stream_is_stranger(e) };
	c->path = (struct path){ e, *peer, true, ++t->last_id };
	c->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	if (!c->readable || !c->writable || event_add(accepted ? c->readable : c->writable, NULL))
		goto free_connection;
	set_options(fd);
	enum stream_state idle = stream_is_stranger(e) ? STREAM_IDLE_STRANGER : STREAM_IDLE;
	stream_add(c, opened ? idle : accepted ? STREAM_SHAKING : STREAM_CONNECTING);
	return c;

free_connection:
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	free(c);
close_fd:
	close(fd);
	return NULL;
}

static int open_socket(struct endpoint *e, const struct address *peer)
{
	struct sockaddr_storage name;
	struct address local = e->local;
	int one = 1;
	if (e->tcp != ENDPOINT_CONNECTS)
		local.port = 0; /* its own is the listener's */
	socklen_t n_name = address_to_sockaddr(&local, &name);
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!local.port)
		setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	int error = transport_prepare_socket(e, fd);
	if (!error && bind(fd, (struct sockaddr *)&name, n_name) < 0)
		error = -errno;
	n_name = address_to_sockaddr(peer, &name);
	if (!error && connect(fd, (struct sockaddr *)&name, n_name) < 0 && errno != EINPROGRESS)
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

bool transport_may_connect(const struct path *path)
{
	enum endpoint_tcp tcp = path->endpoint->tcp;
	return tcp == ENDPOINT_CONNECTS || tcp == ENDPOINT_TCP_BOTH_WAYS || tcp == ENDPOINT_TLS;
}

static int open_connection(const struct path *path, struct connection **out)
{
	struct endpoint *e = path->endpoint;
	if (!transport_may_connect(path))
		return -ENOTCONN;
	if (!stream_make_room(e, &path->peer, false))
		return -ENOSPC;
	int fd = open_socket(e, &path->peer);
	if (fd == -EMFILE && stream_crowd_out(e->transport))
		fd = open_socket(e, &path->peer);
	if (fd < 0)
		return fd;
	*out = stream_new(e, &path->peer, fd, false);
	return *out ? 0 : -ENOMEM;
}

/*
 * The one to send on; NULL: there is none. One that closes takes nothing more, and from a port of
 * its own an endpoint has no second one to the same peer.
 */
static struct connection *find_open(const struct path *path)
{
	struct endpoint *e = path->endpoint;
	struct connection *c =
		path->connection ? stream_by_id(e->transport, path->connection) : NULL;
	if (!c || c->state == STREAM_CLOSING)
		c = stream_by_tuple(e, &path->peer);
	if (!c || c->state != STREAM_CLOSING)
		return c;
	if (e->tcp == ENDPOINT_CONNECTS)
		stream_close(c);
	return NULL;
}

int stream_send(struct path *path, const char *bytes, size_t n_bytes)
{
	struct connection *c = find_open(path);
	int error = c ? 0 : open_connection(path, &c);
	if (!error)
		error = queue(c, bytes, n_bytes);
	if (error)
		return error;
	path->connection = c->path.connection;
	if (c->opened)
		refresh(c);
	return 0;
}
