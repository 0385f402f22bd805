/*
 * From one endpoint of the core side to another of the same loop, as I-CSCF and S-CSCF of one
 * process are: what the kernel would bring back over the loopback stays here.
 */
#include <string.h>

#include "controlplane/sip_memory.h"
#include "controlplane/transport_impl.h"

/* Of all transports of the process; not more than a few. */
static LIST_HEAD(, endpoint) all = LIST_HEAD_INITIALIZER(all);

/* With a socket for UDP, as nobody else sends to it by UDP either. */
void own_add(struct endpoint *e)
{
	if (e->side == ENDPOINT_CORE && e->fd >= 0 && e->local.port)
		LIST_INSERT_HEAD(&all, e, place_own);
}

void own_remove(struct endpoint *e)
{
	struct endpoint *other;
	LIST_FOREACH (other, &all, place_own)
		if (other == e)
			break;
	if (other)
		LIST_REMOVE(e, place_own);
}

static struct endpoint *find(const struct path *path)
{
	const struct endpoint *from = path->endpoint;
	struct endpoint *e;
	if (from->side != ENDPOINT_CORE)
		return NULL;
	LIST_FOREACH (e, &all, place_own)
		if (e->transport->loop == from->transport->loop && e->zone == from->zone &&
		    !strcmp(e->device, from->device) && address_equal(&e->local, &path->peer))
			return e;
	return NULL;
}

bool own_send(const struct path *path, const char *bytes, size_t n_bytes)
{
	struct transport *t = path->endpoint->transport;
	struct endpoint *to = loop_is_in_turn(t->loop) ? find(path) : NULL;
	if (!to || n_bytes > SIP_MESSAGE_BYTES)
		return false;
	struct transport *other = to->transport;
	if (other->own_bytes + n_bytes > SOCKET_BUFFER) {
		t->counters.tx++; /* and lost */
		return true;
	}
	struct datagram *d = sip_take(sizeof(*d) + n_bytes);
	if (!d)
		return false;
	t->counters.tx++;
	*d = (struct datagram){ .to = to, .peer = path->endpoint->local, .n_bytes = n_bytes };
	memcpy(d->bytes, bytes, n_bytes);
	STAILQ_INSERT_TAIL(&other->own, d, place);
	other->own_bytes += n_bytes;
	turn_end_set(other->loop, &other->receive_own);
	return true;
}

/* Those that are there; what comes of them is the next call's. */
static void receive(void *user)
{
	struct transport *t = user;
	STAILQ_HEAD(, datagram) there = STAILQ_HEAD_INITIALIZER(there);
	struct datagram *d;
	STAILQ_CONCAT(&there, &t->own);
	while ((d = STAILQ_FIRST(&there))) {
		struct path from = { .endpoint = d->to, .peer = d->peer };
		STAILQ_REMOVE_HEAD(&there, place);
		t->own_bytes -= d->n_bytes;
		t->counters.rx++;
		t->user.receive(t->user.user, &from, d->bytes, d->n_bytes);
		sip_give(d); /* wiped: SM5 carries keys */
	}
}

void own_init(struct transport *t)
{
	STAILQ_INIT(&t->own);
	turn_end_init(&t->receive_own, receive, t);
}

void own_fini(struct transport *t)
{
	struct datagram *d;
	while ((d = STAILQ_FIRST(&t->own))) {
		STAILQ_REMOVE_HEAD(&t->own, place);
		sip_give(d);
	}
	turn_end_cancel(t->loop, &t->receive_own);
}
