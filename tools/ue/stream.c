#include "tools/ue/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "tools/ue/fleet.h"

#define MAX_WAITING_BYTES (8 * SIP_BYTES) /* not taken by the P-CSCF yet */
#define BACKLOG           4096

struct stream {
	struct stream *next; /* of the UE */
	struct ue *ue;
	const struct agreement *over; /* NULL: in the clear, or opened by the P-CSCF */
	uint16_t port_pc;             /* of one opened by the P-CSCF; else 0 */
	int fd;
	struct event *readable, *writable;
	bool open, busy, dead;
	char *in; /* a message that is not whole yet */
	size_t n_in;
	char *out;
	size_t n_out;
};

/* ---- sockets ---- */

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

/* UE addresses are local by route alone: see datagram.c. Without a device: for tests. */
static int open_socket(const struct address *local, uint16_t port, const char *device)
{
	struct sockaddr_storage name;
	socklen_t n = address_to_socket(local, port, &name);
	int fd = socket(local->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	error = set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (!error && local->family == AF_INET6)
		error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!error)
		error = local->family == AF_INET ? set(fd, IPPROTO_IP, IP_FREEBIND, 1)
						 : set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	if (!error && !port)
		error = set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
	if (!error && device &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device) + 1))
		error = -errno;
	if (!error && bind(fd, (struct sockaddr *)&name, n))
		error = -errno;
	if (!error)
		return fd;
	close(fd);
	return error;
}

/* ---- life ---- */

static void free_stream(struct stream *s)
{
	free(s->in);
	free(s->out);
	free(s);
}

static void close_stream(struct stream *s)
{
	const struct linger reset = { .l_onoff = 1 };
	struct stream **at = &s->ue->streams;

	if (s->dead)
		return;
	s->dead = true;
	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	event_free(s->readable);
	event_free(s->writable);
	/* No TIME_WAIT: the next agreement may have the same ports. */
	setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(s->fd);
	if (!s->busy)
		free_stream(s);
}

/* What waits for an answer on it gets none. */
static void lose(struct stream *s)
{
	struct ue *u = s->ue;
	bool waits = !s->port_pc && request_waits_over(u, s->over);

	close_stream(s);
	if (waits)
		ue_finish(u, "connection");
}

void stream_close_over(struct ue *u, const struct agreement *over)
{
	struct stream *next;

	for (struct stream *s = u->streams; s; s = next) {
		next = s->next;
		if (s->port_pc ? over && s->port_pc == over->port_pc : s->over == over)
			close_stream(s);
	}
}

void stream_close_all(struct ue *u)
{
	while (u->streams)
		close_stream(u->streams);
}

/* ---- in ---- */

/* Gives whole messages to the UE; the bytes used, or -EBADMSG. */
static ssize_t take(struct stream *s, char *bytes, size_t n_bytes)
{
	bool is_protected = s->over || s->port_pc;
	size_t used = 0;

	while (used < n_bytes && !s->dead) {
		ssize_t n;

		if (bytes[used] == '\r' || bytes[used] == '\n') { /* RFC 3261 7.5 */
			used++;
			continue;
		}
		n = sip_length(bytes + used, n_bytes - used);
		if (n < 0)
			return n;
		if (!n)
			break;
		ue_receive(s->ue, bytes + used, (size_t)n, is_protected, s);
		used += (size_t)n;
	}
	return (ssize_t)used;
}

static int read_more(struct stream *s)
{
	char bytes[SIP_BYTES];
	size_t n_bytes = s->n_in;
	ssize_t n, used;

	if (n_bytes)
		memcpy(bytes, s->in, n_bytes);
	n = recv(s->fd, bytes + n_bytes, sizeof(bytes) - n_bytes, 0);
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n <= 0)
		return -ECONNRESET; /* also when what does not end has filled all the room */
	n_bytes += (size_t)n;
	used = take(s, bytes, n_bytes);
	if (used < 0)
		s->ue->fleet->n_not_understood++;
	if (used < 0 || s->dead)
		return -EBADMSG;
	free(s->in);
	s->n_in = n_bytes - (size_t)used;
	s->in = s->n_in ? malloc(s->n_in) : NULL;
	if (s->in)
		memcpy(s->in, bytes + used, s->n_in);
	return s->in || !s->n_in ? 0 : -ENOMEM;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct stream *s = context;
	int error;

	s->busy = true;
	error = read_more(s);
	if (error && !s->dead)
		lose(s);
	s->busy = false;
	if (s->dead)
		free_stream(s);
}

/* ---- out ---- */

/* What the kernel takes; the rest waits for on_writable(). */
static int flush(struct stream *s)
{
	ssize_t n = send(s->fd, s->out, s->n_out, MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN)
		return -errno;
	if (n > 0) {
		s->n_out -= (size_t)n;
		memmove(s->out, s->out + n, s->n_out);
	}
	return s->n_out && event_add(s->writable, NULL) ? -ENOMEM : 0;
}

static void on_writable(evutil_socket_t fd, short what, void *context)
{
	struct stream *s = context;
	int error = 0;
	socklen_t n = sizeof(error);

	if (!s->open && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n))
		error = errno;
	s->open = true;
	if (error || event_add(s->readable, NULL) || flush(s))
		lose(s);
}

int stream_answer(struct stream *s, const void *bytes, size_t n_bytes)
{
	char *more;

	if (s->n_out + n_bytes > MAX_WAITING_BYTES)
		return -ENOBUFS;
	more = realloc(s->out, s->n_out + n_bytes);
	if (!more)
		return -ENOMEM;
	s->out = more;
	memcpy(s->out + s->n_out, bytes, n_bytes);
	s->n_out += n_bytes;
	return s->open ? flush(s) : 0;
}

/* ---- a new one ---- */

static struct stream *add(struct ue *u, int fd, bool open)
{
	struct event_base *base = u->fleet->base;
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	*s = (struct stream){ .ue = u, .fd = fd, .open = open };
	s->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, s);
	s->writable = event_new(base, fd, EV_WRITE, on_writable, s);
	if (!s->readable || !s->writable || event_add(open ? s->readable : s->writable, NULL)) {
		if (s->readable)
			event_free(s->readable);
		if (s->writable)
			event_free(s->writable);
		free(s);
		return NULL;
	}
	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	s->next = u->streams;
	u->streams = s;
	return s;
}

static int connect_to(struct ue *u, const struct agreement *over, struct stream **out)
{
	const struct fleet_options *o = &u->fleet->options;
	struct sockaddr_storage name;
	socklen_t n = address_to_socket(&o->pcscf, over ? over->port_ps : o->pcscf_port, &name);
	int fd = open_socket(&u->address, over ? over->port_uc : 0, over ? o->tun : o->wire);

	if (fd < 0)
		return fd;
	if (connect(fd, (struct sockaddr *)&name, n) && errno != EINPROGRESS) {
		int error = -errno;

		close(fd);
		return error;
	}
	*out = add(u, fd, false);
	if (*out) {
		(*out)->over = over;
		return 0;
	}
	close(fd);
	return -ENOMEM;
}

int stream_send(struct ue *u, const struct agreement *over, const void *bytes, size_t n_bytes)
{
	struct stream *s = u->streams;
	int error = 0;

	while (s && (s->port_pc || s->over != over))
		s = s->next;
	if (!s)
		error = connect_to(u, over, &s);
	return error ? error : stream_answer(s, bytes, n_bytes);
}

/* ---- port_us ---- */

/* Which UE it is for; NULL: none, or it is not from the P-CSCF. */
static struct ue *find_ue(struct fleet *f, int fd, uint16_t *port_pc)
{
	struct sockaddr_storage local, remote;
	socklen_t n_local = sizeof(local), n_remote = sizeof(remote);
	struct address ue, peer;
	uint16_t port;
	int64_t i;

	if (getsockname(fd, (struct sockaddr *)&local, &n_local) ||
	    getpeername(fd, (struct sockaddr *)&remote, &n_remote))
		return NULL;
	address_from_socket(&local, &ue, &port);
	address_from_socket(&remote, &peer, port_pc);
	i = bump_ue_of(&f->bump, &ue);
	return i >= 0 && i < f->n_ues && address_equal(&peer, &f->options.pcscf) ? &f->ues[i]
										 : NULL;
}

static void on_acceptable(evutil_socket_t listener, short what, void *context)
{
	struct fleet *f = context;
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		uint16_t port_pc;
		struct ue *u = find_ue(f, fd, &port_pc);
		struct stream *s = u ? add(u, fd, true) : NULL;

		if (s)
			s->port_pc = port_pc;
		else
			close(fd);
	}
}

int stream_listen(struct fleet *f)
{
	struct address any = { .family = f->options.pcscf.family };

	f->us_listener = open_socket(&any, UE_PORT_US, f->options.tun);
	if (f->us_listener < 0)
		return f->us_listener;
	if (listen(f->us_listener, BACKLOG))
		return -errno;
	f->listener_event =
		event_new(f->base, f->us_listener, EV_READ | EV_PERSIST, on_acceptable, f);
	return f->listener_event && !event_add(f->listener_event, NULL) ? 0 : -ENOMEM;
}

void stream_unlisten(struct fleet *f)
{
	if (f->listener_event)
		event_free(f->listener_event);
	if (f->us_listener >= 0)
		close(f->us_listener);
	f->listener_event = NULL;
	f->us_listener = -1;
}
