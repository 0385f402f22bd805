#include "controlplane/transport.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "crypto/wipe.h"

#define BATCH         16 /* datagrams a recvmmsg() takes */
#define MAX_BATCHES   8  /* per wake-up, so that one busy socket does not starve the rest */
#define MAX_ENDPOINTS 1024
#define SOCKET_BUFFER (4 << 20) /* a burst of some thousand messages; the kernel may give less */

struct transport {
	struct loop *loop;
	struct transport_user user;
	struct endpoint *endpoints[MAX_ENDPOINTS];
	unsigned n_endpoints;
	struct transport_counters counters;
	/* One byte more than is legal, to tell a datagram that was cut. */
	char buffers[BATCH][SIP_MESSAGE_BYTES + 1];
};

struct transport *transport_new(struct loop *loop, struct transport_user user)
{
	struct transport *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->loop = loop;
	t->user = user;
	return t;
}

const struct transport_counters *transport_counters(const struct transport *t)
{
	return &t->counters;
}

static void endpoint_free(struct endpoint *e)
{
	if (e->event)
		event_free(e->event);
	if (e->fd >= 0)
		close(e->fd);
	free(e);
}

void transport_free(struct transport *t)
{
	if (!t)
		return;
	for (unsigned i = 0; i < t->n_endpoints; i++)
		endpoint_free(t->endpoints[i]);
	free(t);
}

static int receive_batch(struct endpoint *e)
{
	struct transport *t = e->transport;
	struct mmsghdr headers[BATCH] = { 0 };
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
		struct address from;
		if (address_from_sockaddr(&sources[i], &from))
			continue;
		t->counters.rx++;
		t->user.receive(t->user.user, e, &from, t->buffers[i], headers[i].msg_len);
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

static int open_socket(const struct address *local, const char *device, int *out)
{
	struct sockaddr_storage name;
	socklen_t name_bytes = address_to_sockaddr(local, &name);
	int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int one = 1;
	int size = SOCKET_BUFFER;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	/* An IPv6 address may still be in duplicate detection when we start. */
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (local->family == 6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		goto close_socket;
	if (device[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, strlen(device)) < 0)
		goto close_socket;
	if (bind(fd, (struct sockaddr *)&name, name_bytes) < 0)
		goto close_socket;
	*out = fd;
	return 0;

close_socket:;
	int error = -errno;
	close(fd);
	return error;
}

int transport_listen(struct transport *t, enum endpoint_side side, uint16_t zone,
		     const struct address *local, const char *device, struct endpoint **out)
{
	if (t->n_endpoints == MAX_ENDPOINTS)
		return -ENOSPC;
	struct endpoint *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct endpoint){ .transport = t,
				.fd = -1,
				.protocol = ENDPOINT_UDP,
				.side = side,
				.zone = zone,
				.local = *local,
				.sent_by = *local };
	int error = open_socket(local, device, &e->fd);
	if (error)
		goto free_endpoint;
	error = -ENOMEM;
	e->event = event_new(loop_base(t->loop), e->fd, EV_READ | EV_PERSIST, on_readable, e);
	if (!e->event || event_add(e->event, NULL))
		goto free_endpoint;
	t->endpoints[t->n_endpoints++] = e;
	*out = e;
	return 0;

free_endpoint:
	endpoint_free(e);
	return error;
}

struct endpoint *transport_find(const struct transport *t, uint16_t zone,
				const struct address *local)
{
	for (unsigned i = 0; i < t->n_endpoints; i++)
		if (t->endpoints[i]->zone == zone && address_equal(&t->endpoints[i]->local, local))
			return t->endpoints[i];
	return NULL;
}

int transport_send(struct endpoint *e, const struct address *to, const char *bytes, size_t n_bytes)
{
	if (to->family != e->local.family)
		return -EAFNOSUPPORT;
	struct sockaddr_storage name;
	socklen_t name_bytes = address_to_sockaddr(to, &name);
	if (sendto(e->fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&name,
		   name_bytes) < 0) {
		int error = -errno;
		e->transport->counters.tx_failed++;
		log_warn("cannot send SIP: %s", strerror(-error));
		return error;
	}
	e->transport->counters.tx++;
	return 0;
}
