/*
 * What is too long for UDP, and toward whom it goes over UDP nevertheless: RFC 3261 18.1.1, TS
 * 24.229 4.2A.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "controlplane/transport_impl.h"

#define UNKNOWN_BYTES 1300 /* where the path MTU is not known */
#define MARGIN_BYTES  200  /* a response may be that much longer */
#define MTU_S         60   /* the kernel may hear of another: RFC 1191 6.3 has ten minutes */
#define N_MTUS        4096
#define FORGET_S      600 /* on the core side a peer may learn TCP; a UE has its SA set for that */

/* --- path MTU --- */

/* Of the last peers asked about, each in the one place that its hash gives it. */
struct known_mtu {
	uint64_t hash;
	uint64_t until_ms;
	uint32_t mtu_bytes; /* 0: not known */
};

/* What a datagram along the path may have, by the kernel's routes and what routers told it; 0. */
static uint32_t ask_kernel(const struct endpoint *e, const struct address *peer)
{
	struct address local = e->local;
	struct sockaddr_storage name;
	int mtu = 0;
	socklen_t n_name, n = sizeof(mtu);
	bool six = local.family == 6;
	local.port = 0;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return 0;
	n_name = address_to_sockaddr(&local, &name);
	bool is_bound =
		!transport_prepare_socket(e, fd) && !bind(fd, (struct sockaddr *)&name, n_name);
	n_name = address_to_sockaddr(peer, &name);
	if (!is_bound || connect(fd, (struct sockaddr *)&name, n_name) ||
	    getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IPV6_MTU : IP_MTU, &mtu, &n))
		mtu = 0;
	close(fd);
	return mtu > 0 ? (uint32_t)mtu : 0;
}

static uint32_t path_mtu(const struct path *path)
{
	struct transport *t = path->endpoint->transport;
	uint64_t now_ms = loop_now_ms(t->loop);
	uint64_t hash = table_hash(t->refusals, (uintptr_t)path->endpoint, path->peer.bytes,
				   sizeof(path->peer.bytes));
	struct known_mtu *known = &t->mtus[hash % N_MTUS];
	if (known->hash != hash || known->until_ms <= now_ms)
		*known = (struct known_mtu){ hash, now_ms + MTU_S * 1000,
					     ask_kernel(path->endpoint, &path->peer) };
	return known->mtu_bytes;
}

size_t transport_udp_bytes(const struct path *path)
{
	const struct transport_limits *limits = &path->endpoint->transport->limits;
	if (limits->above_bytes)
		return limits->above_bytes;
	uint32_t mtu = path_mtu(path);
	return mtu > MARGIN_BYTES ? mtu - MARGIN_BYTES : UNKNOWN_BYTES;
}

/* --- who has refused TCP --- */

struct refusal {
	struct table_node node;
	TAILQ_ENTRY(refusal) place;
	const struct endpoint *endpoint;
	struct address peer;
	uint64_t at_ms;
};

static uint64_t hash_of(const struct transport *t, const struct endpoint *e,
			const struct address *peer)
{
	uint64_t hash = table_hash(t->refusals, (uintptr_t)e, peer->bytes, sizeof(peer->bytes));
	return table_hash(t->refusals, hash, &peer->port, sizeof(peer->port));
}

static struct refusal *find(const struct endpoint *e, const struct address *peer)
{
	const struct transport *t = e->transport;
	struct table_node *n = table_first(t->refusals, hash_of(t, e, peer));
	for (; n; n = table_next(n)) {
		struct refusal *r = table_entry(n, struct refusal, node);
		if (r->endpoint == e && address_equal(&r->peer, peer))
			return r;
	}
	return NULL;
}

static void drop(struct transport *t, struct refusal *r)
{
	TAILQ_REMOVE(&t->refused, r, place);
	table_remove(t->refusals, &r->node);
	free(r);
}

void transport_note_refusal(struct endpoint *e, const struct address *peer)
{
	struct transport *t = e->transport;
	if (find(e, peer))
		return;
	if (table_count(t->refusals) >= t->limits.n_connections)
		drop(t, TAILQ_FIRST(&t->refused)); /* the oldest: it is asked once more */
	struct refusal *r = calloc(1, sizeof(*r));
	if (!r)
		return;
	*r = (struct refusal){ .endpoint = e, .peer = *peer, .at_ms = loop_now_ms(t->loop) };
	TAILQ_INSERT_TAIL(&t->refused, r, place);
	table_add(t->refusals, &r->node, hash_of(t, e, peer));
}

void transport_forget_refusal(struct endpoint *e, const struct address *peer)
{
	struct refusal *r = find(e, peer);
	if (r)
		drop(e->transport, r);
}

bool transport_has_refused(const struct path *path)
{
	struct transport *t = path->endpoint->transport;
	struct refusal *r = find(path->endpoint, &path->peer);
	if (!r)
		return false;
	if (path->endpoint->side != ENDPOINT_CORE ||
	    loop_now_ms(t->loop) - r->at_ms < FORGET_S * 1000)
		return true;
	drop(t, r);
	return false;
}

/* --- life --- */

int transport_size_init(struct transport *t)
{
	TAILQ_INIT(&t->refused);
	t->refusals = table_new(1024);
	t->mtus = calloc(N_MTUS, sizeof(*t->mtus));
	return t->refusals && t->mtus ? 0 : -ENOMEM;
}

void transport_size_fini(struct transport *t)
{
	while (t->refusals && !TAILQ_EMPTY(&t->refused))
		drop(t, TAILQ_FIRST(&t->refused));
	table_free(t->refusals);
	free(t->mtus);
}
