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
	udp_init(t);
	own_init(t);
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
	own_remove(e);
	udp_close(e);
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
	own_fini(t);
	tls_free(t->tls);
	transport_size_fini(t);
	free(t);
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

void transport_set_tls(struct transport *t, struct tls *tls)
{
	tls_free(t->tls);
	t->tls = tls;
}

bool transport_is_tls(const struct endpoint *e)
{
	return e->tcp == ENDPOINT_TLS;
}

bool transport_is_connected(const struct path *from)
{
	return stream_by_id(from->endpoint->transport, from->connection) != NULL;
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
	STAILQ_INIT(&e->unsent);
	int error = tcp == ENDPOINT_TLS ? 0 : udp_open(e);
	if (!error && tcp != ENDPOINT_NO_TCP && tcp != ENDPOINT_CONNECTS)
		error = stream_listen(e);
	if (error) {
		endpoint_free(e);
		return error;
	}
	t->endpoints[t->n_endpoints++] = e;
	own_add(e);
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

int transport_send(struct path *path, const char *bytes, size_t n_bytes)
{
	struct transport *t = path->endpoint->transport;
	if (path->peer.family != path->endpoint->local.family)
		return -EAFNOSUPPORT;
	path->tcp = path->tcp || transport_is_tls(path->endpoint);
	if (!path->tcp)
		return own_send(path, bytes, n_bytes) ? 0 : udp_send(path, bytes, n_bytes);
	int error = stream_send(path, bytes, n_bytes);
	t->counters.tx += !error;
	t->counters.tx_failed += error != 0;
	if (error)
		log_warn("cannot send SIP over %s: %s",
			 transport_is_tls(path->endpoint) ? "TLS" : "TCP", strerror(-error));
	return error;
}
