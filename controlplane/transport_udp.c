/*
 * SIP over UDP: many datagrams a system call, both ways.
 */
#include <errno.h>
#include <event2/event.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/sip_memory.h"
#include "controlplane/transport_impl.h"
#include "crypto/wipe.h"

#define MAX_BATCHES 8  /* received per wake-up, so that one busy socket does not starve the rest */
#define SEND_BATCH  32 /* datagrams a sendmmsg() is given */

/* --- in --- */

static int receive_batch(struct endpoint *e)
{
	struct transport *t = e->transport;
	struct mmsghdr headers[BATCH];
	struct iovec pieces[BATCH];
	struct sockaddr_storage sources[BATCH];
	for (unsigned i = 0; i < BATCH; i++) {
		pieces[i] = (struct iovec){ t->buffers[i], sizeof(t->buffers[i]) };
		headers[i].msg_hdr = (struct msghdr){ .msg_name = &sources[i],
						      .msg_namelen = sizeof(sources[i]),
						      .msg_iov = &pieces[i],
						      .msg_iovlen = 1 };
	}
	int n = recvmmsg(e->fd, headers, BATCH, MSG_DONTWAIT, NULL);
	for (int i = 0; i < n; i++) {
		struct path from = { .endpoint = e };
		if (address_from_sockaddr(&sources[i], &from.peer))
			continue;
		t->counters.rx++;
		t->user.receive(t->user.user, &from, t->buffers[i], headers[i].msg_len);
		wipe(t->buffers[i], headers[i].msg_len); /* SM5 carries keys */
	}
	return n;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	for (unsigned i = 0; i < MAX_BATCHES; i++)
		if (receive_batch(user) < BATCH)
			return;
}

/* --- out --- */

static void list(struct endpoint *e)
{
	if (e->has_unsent || e->is_full)
		return;
	e->has_unsent = true;
	STAILQ_INSERT_TAIL(&e->transport->unsent, e, place_unsent);
}

/* The first one is on its way, or lost. */
static void take_off(struct endpoint *e, int error)
{
	struct transport *t = e->transport;
	struct datagram *d = STAILQ_FIRST(&e->unsent);
	STAILQ_REMOVE_HEAD(&e->unsent, place);
	t->unsent_bytes -= d->n_bytes;
	e->n_unsent--;
	t->counters.tx += !error;
	t->counters.tx_failed += error != 0;
	if (error)
		log_warn("cannot send SIP over UDP: %s", strerror(-error));
	sip_give(d); /* wiped: SM4 carries keys */
}

/* What waits, in its order. Returns how many the kernel took, or -errno of the first of them. */
static int send_batch(struct endpoint *e)
{
	struct mmsghdr headers[SEND_BATCH];
	struct iovec pieces[SEND_BATCH];
	struct sockaddr_storage peers[SEND_BATCH];
	struct datagram *d;
	unsigned n = 0;
	STAILQ_FOREACH(d, &e->unsent, place)
	{
		if (n == SEND_BATCH)
			break;
		pieces[n] = (struct iovec){ d->bytes, d->n_bytes };
		headers[n].msg_hdr =
			(struct msghdr){ .msg_name = &peers[n],
					 .msg_namelen = address_to_sockaddr(&d->peer, &peers[n]),
					 .msg_iov = &pieces[n],
					 .msg_iovlen = 1 };
		n++;
	}
	int n_sent = sendmmsg(e->fd, headers, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n_sent < 0 ? -errno : n_sent;
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	struct endpoint *e = user;
	e->is_full = false;
	list(e);
	turn_end_set(e->transport->loop, &e->transport->send);
}

/* Returns 0, or -errno: it cannot be waited for. */
static int wait_for_room(struct endpoint *e)
{
	if (!e->writable)
		e->writable =
			event_new(loop_base(e->transport->loop), e->fd, EV_WRITE, on_writable, e);
	if (!e->writable || event_add(e->writable, NULL))
		return -ENOMEM;
	e->is_full = true;
	return 0;
}

/* Whatever becomes of one datagram, the others are sent. */
static void flush(struct endpoint *e)
{
	while (!e->is_full && !STAILQ_EMPTY(&e->unsent)) {
		int n = send_batch(e);
		if (n == -EAGAIN && !wait_for_room(e))
			return;
		if (n < 0 && n != -EINTR)
			take_off(e, n);
		for (; n > 0; n--)
			take_off(e, 0);
	}
}

static void flush_all(void *user)
{
	struct transport *t = user;
	struct endpoint *e;
	while ((e = STAILQ_FIRST(&t->unsent))) {
		STAILQ_REMOVE_HEAD(&t->unsent, place_unsent);
		e->has_unsent = false;
		flush(e);
	}
}

/* Without memory to let it wait. */
static int send_now(const struct path *path, const char *bytes, size_t n_bytes)
{
	struct endpoint *e = path->endpoint;
	struct sockaddr_storage name;
	socklen_t name_bytes = address_to_sockaddr(&path->peer, &name);
	flush(e); /* nothing is overtaken */
	ssize_t n = -1;
	if (!e->is_full)
		n = sendto(e->fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (struct sockaddr *)&name, name_bytes);
	e->transport->counters.tx += n >= 0;
	e->transport->counters.tx_failed += n < 0;
	return n >= 0 ? 0 : -ENOMEM;
}

int udp_send(const struct path *path, const char *bytes, size_t n_bytes)
{
	struct endpoint *e = path->endpoint;
	struct transport *t = e->transport;
	if (t->unsent_bytes + n_bytes > UNSENT_BYTES) {
		t->counters.tx_failed++;
		return -ENOBUFS;
	}
	struct datagram *d = sip_take(sizeof(*d) + n_bytes);
	if (!d)
		return send_now(path, bytes, n_bytes);
	*d = (struct datagram){ .peer = path->peer, .n_bytes = n_bytes };
	memcpy(d->bytes, bytes, n_bytes);
	STAILQ_INSERT_TAIL(&e->unsent, d, place);
	t->unsent_bytes += n_bytes;
	e->n_unsent++;
	list(e);
	if (e->n_unsent >= SEND_BATCH && !e->is_full)
		flush(e); /* the turn may be a long one */
	turn_end_set(t->loop, &t->send);
	return 0;
}

/* --- life --- */

void udp_init(struct transport *t)
{
	STAILQ_INIT(&t->unsent);
	turn_end_init(&t->send, flush_all, t);
}

int udp_open(struct endpoint *e)
{
	struct sockaddr_storage name;
	socklen_t name_bytes = address_to_sockaddr(&e->local, &name);
	int size = SOCKET_BUFFER;
	e->fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (e->fd < 0)
		return -errno;
	setsockopt(e->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(e->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	int error = transport_prepare_socket(e, e->fd);
	if (error)
		return error;
	if (bind(e->fd, (struct sockaddr *)&name, name_bytes) < 0)
		return -errno;
	e->event = event_new(loop_base(e->transport->loop), e->fd, EV_READ | EV_PERSIST,
			     on_readable, e);
	return e->event && !event_add(e->event, NULL) ? 0 : -ENOMEM;
}

void udp_close(struct endpoint *e)
{
	struct transport *t = e->transport;
	if (e->has_unsent)
		STAILQ_REMOVE(&t->unsent, e, endpoint, place_unsent);
	e->is_full = false; /* it is tried once more */
	flush(e);
	while (!STAILQ_EMPTY(&e->unsent))
		take_off(e, -EAGAIN);
	if (STAILQ_EMPTY(&t->unsent))
		turn_end_cancel(t->loop, &t->send);
	if (e->event)
		event_free(e->event);
	if (e->writable)
		event_free(e->writable);
}
