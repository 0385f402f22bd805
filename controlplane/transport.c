#include "controlplane/transport.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/tls.h"
#include "controlplane/transport_impl.h"
#include "crypto/wipe.h"

#define MAX_BATCHES   8         /* per wake-up, so that one busy socket does not starve the rest */
#define SOCKET_BUFFER (4 << 20) /* a burst of some thousand messages; the kernel may give less */

#define SPARE_DESCRIPTORS 512 /* for all else of the process; transports of other roles compete */

/* Those of configs/config_schema_controlplane.c, section tcp, where the reasons are. */
static const struct transport_limits default_limits = {
	.n_connections = 524288,
	.n_strangers = 4096,
	.n_of_stranger = 64,
	.n_halves = 512,
	.queue_bytes = 64 << 20,
	.n_handshakes = 256,
	.connect_ms = 5000,
	.handshake_ms = 5000,
	.message_ms = 10000,
	.stranger_idle_ms = 64000,
	.idle_ms = 3600000,
};

/* As many descriptors as the process may have decide what is left of them. */
static struct transport_limits possible(struct transport_limits limits)
{
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files))
		return limits;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	rlim_t spare = files.rlim_max > 2 * SPARE_DESCRIPTORS ? files.rlim_max - SPARE_DESCRIPTORS
							      : SPARE_DESCRIPTORS;
	if (spare < (rlim_t)limits.n_connections + limits.n_strangers) {
		limits.n_strangers =
			(uint32_t)(spare / 4 < limits.n_strangers ? spare / 4 : limits.n_strangers);
		limits.n_connections = (uint32_t)spare - limits.n_strangers;
	}
	return limits;
}

struct transport *transport_new(struct loop *loop, struct transport_user user)
{
	struct transport *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->loop = loop;
	t->user = user;
	t->limits = possible(default_limits);
	if (!stream_init(t) && !transport_size_init(t))
		return t;
	transport_free(t);
	return NULL;
}

const struct transport_limits *transport_limits(const struct transport *t)
{
	return &t->limits;
}

void transport_set_limits(struct transport *t, const struct transport_limits *limits)
{
	t->limits = possible(*limits);
}

uint32_t transport_connections(const struct transport *t)
{
	return (uint32_t)table_count(t->by_id);
}

const struct transport_counters *transport_counters(const struct transport *t)
{
	return &t->counters;
}

static void endpoint_free(struct endpoint *e)
{
	if (e->event)
		event_free(e->event);
	if (e->acceptable)
		event_free(e->acceptable);
	if (e->fd >= 0)
		close(e->fd);
	if (e->tcp_fd >= 0)
		close(e->tcp_fd);
	free(e);
}

void transport_free(struct transport *t)
{
	if (!t)
		return;
	stream_fini(t);
	for (unsigned i = 0; i < t->n_endpoints; i++)
		endpoint_free(t->endpoints[i]);
	tls_free(t->tls);
	transport_size_fini(t);
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

int transport_prepare_socket(const struct endpoint *e, int fd)
{
	int one = 1;
	/* An IPv6 address may still be in duplicate detection when we start. */
	setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof(one));
	if (e->local.family == 6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one)) < 0)
		return -errno;
	if (e->device[0] &&
	    setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, e->device, strlen(e->device)) < 0)
		return -errno;
	int type = 0;
	socklen_t n = sizeof(type);
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0)
		return -errno;
	/* Many connections from one port; and a restart does not wait for those of before. */
	if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

static int open_udp(struct endpoint *e)
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

void transport_set_tls(struct transport *t, struct tls *tls)
{
	tls_free(t->tls);
	t->tls = tls;
}

bool transport_is_tls(const struct endpoint *e)
{
	return e->tcp == ENDPOINT_TLS;
}

const char *transport_uri_parameter(const struct endpoint *e)
{
	return transport_is_tls(e) ? ";transport=tls" : "";
}

int transport_listen(struct transport *t, enum endpoint_side side, uint16_t zone,
		     const struct address *local, const char *device, enum endpoint_tcp tcp,
		     struct endpoint **out)
{
	if (t->n_endpoints == MAX_ENDPOINTS || strlen(device) >= sizeof((*out)->device))
		return -ENOSPC;
	struct endpoint *e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	*e = (struct endpoint){ .transport = t,
				.fd = -1,
				.tcp_fd = -1,
				.side = side,
				.tcp = tcp,
				.zone = zone,
				.local = *local,
				.sent_by = *local };
	strcpy(e->device, device);
	int error = tcp == ENDPOINT_TLS ? 0 : open_udp(e);
	if (!error && tcp != ENDPOINT_NO_TCP && tcp != ENDPOINT_CONNECTS)
		error = stream_listen(e);
	if (error) {
		endpoint_free(e);
		return error;
	}
	t->endpoints[t->n_endpoints++] = e;
	*out = e;
	return 0;
}

struct endpoint *transport_find(const struct transport *t, uint16_t zone,
				const struct address *local)
{
	for (unsigned i = 0; i < t->n_endpoints; i++)
		if (t->endpoints[i]->zone == zone && address_equal(&t->endpoints[i]->local, local))
			return t->endpoints[i];
	return NULL;
}

static int send_datagram(const struct path *path, const char *bytes, size_t n_bytes)
{
	struct sockaddr_storage name;
	socklen_t name_bytes = address_to_sockaddr(&path->peer, &name);
	ssize_t n = sendto(path->endpoint->fd, bytes, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (struct sockaddr *)&name, name_bytes);
	return n < 0 ? -errno : 0;
}

int transport_send(struct path *path, const char *bytes, size_t n_bytes)
{
	struct transport *t = path->endpoint->transport;
	if (path->peer.family != path->endpoint->local.family)
		return -EAFNOSUPPORT;
	path->tcp = path->tcp || transport_is_tls(path->endpoint);
	int error =
		path->tcp ? stream_send(path, bytes, n_bytes) : send_datagram(path, bytes, n_bytes);
	t->counters.tx += !error;
	t->counters.tx_failed += error != 0;
	if (error)
		log_warn("cannot send SIP over %s: %s",
			 transport_is_tls(path->endpoint) ? "TLS"
			 : path->tcp                      ? "TCP"
							  : "UDP",
			 strerror(-error));
	return error;
}
