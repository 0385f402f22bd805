/*
 * How many connections there are and how long each may stay in a state: whoever holds one half
 * open, says half a message or nothing at all holds it for a bounded time, and a flood of such
 * crowds out itself. Newer ones always find a place, so a UE that says what it wants at once is
 * served in the middle of a flood.
 */
#include <event2/event.h>
#include <string.h>

#include "controlplane/transport_impl.h"

#define TICK_MS 1000

#define CLOSING_MS 2000 /* for the last answer to be taken */

/* What each state may last. */
static uint32_t limit_ms(const struct transport *t, enum stream_state state)
{
	switch (state) {
	case STREAM_CONNECTING:
		return t->limits.connect_ms;
	case STREAM_SHAKING:
		return t->limits.handshake_ms;
	case STREAM_CLOSING:
		return CLOSING_MS;
	case STREAM_HALF_STRANGER:
	case STREAM_HALF:
		return t->limits.message_ms;
	case STREAM_IDLE_STRANGER:
		return t->limits.stranger_idle_ms;
	default:
		return t->limits.idle_ms;
	}
}

bool stream_is_stranger(const struct endpoint *e)
{
	return e->side == ENDPOINT_GM_CLEAR;
}

/* --- tables --- */

static uint64_t hash_tuple(const struct transport *t, const struct endpoint *e,
			   const struct address *peer)
{
	uint64_t hash = table_hash(t->by_tuple, 0, &e, sizeof(e));
	hash = table_hash(t->by_tuple, hash, peer->bytes, sizeof(peer->bytes));
	return table_hash(t->by_tuple, hash, &peer->port, sizeof(peer->port));
}

static uint64_t hash_host(const struct transport *t, const struct address *peer)
{
	const struct address source = address_source(peer);
	return table_hash(t->by_host, source.family, source.bytes, sizeof(source.bytes));
}

struct connection *stream_by_id(const struct transport *t, uint64_t id)
{
	struct table_node *n = table_first(t->by_id, table_hash(t->by_id, 0, &id, sizeof(id)));
	for (; n; n = table_next(n)) {
		struct connection *c = table_entry(n, struct connection, by_id);
		if (c->path.connection == id)
			return c;
	}
	return NULL;
}

struct connection *stream_by_tuple(const struct endpoint *e, const struct address *peer)
{
	const struct transport *t = e->transport;
	struct table_node *n = table_first(t->by_tuple, hash_tuple(t, e, peer));
	for (; n; n = table_next(n)) {
		struct connection *c = table_entry(n, struct connection, by_tuple);
		if (c->path.endpoint == e && address_equal(&c->path.peer, peer))
			return c;
	}
	return NULL;
}

/* How many there are of a stranger, and the one that has been quiet longest. */
static uint32_t count_host(const struct transport *t, const struct address *peer,
			   struct connection **oldest)
{
	uint32_t count = 0;
	const struct address source = address_source(peer);
	struct table_node *n = table_first(t->by_host, hash_host(t, peer));
	*oldest = NULL;
	for (; n; n = table_next(n)) {
		struct connection *c = table_entry(n, struct connection, by_host);
		const struct address of = address_source(&c->path.peer);
		if (!address_same_host(&of, &source))
			continue;
		count++;
		if (!c->busy && (!*oldest || c->since_ms < (*oldest)->since_ms))
			*oldest = c;
	}
	return count;
}

/* --- lists --- */

static void leave(struct connection *c)
{
	struct stream_list *l = &c->transport->list[c->state];
	TAILQ_REMOVE(&l->head, c, place);
	l->n--;
}

static void append(struct connection *c, enum stream_state state)
{
	struct stream_list *l = &c->transport->list[state];
	c->state = state;
	c->since_ms = loop_now_ms(c->transport->loop);
	TAILQ_INSERT_TAIL(&l->head, c, place);
	l->n++;
}

static bool crowd_out(struct connection *c)
{
	if (!c)
		return false;
	c->transport->counters.tcp_crowded_out++;
	stream_close(c);
	return true;
}

/* The oldest of the list that is not busy with its bytes right now. */
static bool close_first(struct transport *t, enum stream_state state)
{
	struct connection *c = TAILQ_FIRST(&t->list[state].head);
	while (c && c->busy)
		c = TAILQ_NEXT(c, place);
	return crowd_out(c);
}

void stream_enter(struct connection *c, enum stream_state state)
{
	struct transport *t = c->transport;
	leave(c);
	append(c, state);
	bool is_half = state == STREAM_HALF || state == STREAM_HALF_STRANGER;
	if (is_half && t->list[state].n > t->limits.n_halves)
		close_first(t, state);
}

void stream_known(struct connection *c)
{
	table_remove(c->transport->by_host, &c->by_host);
	c->stranger = false;
}

void stream_add(struct connection *c, enum stream_state state)
{
	struct transport *t = c->transport;
	const struct path *p = &c->path;
	table_add(t->by_id, &c->by_id,
		  table_hash(t->by_id, 0, &p->connection, sizeof(p->connection)));
	table_add(t->by_tuple, &c->by_tuple, hash_tuple(t, p->endpoint, &p->peer));
	if (c->stranger)
		table_add(t->by_host, &c->by_host, hash_host(t, &p->peer));
	if (state == STREAM_SHAKING && t->list[state].n >= t->limits.n_handshakes)
		close_first(t, state);
	append(c, state);
	if (!timer_is_set(&t->tick))
		timer_set(t->loop, &t->tick, TICK_MS);
}

void stream_remove(struct connection *c)
{
	struct transport *t = c->transport;
	leave(c);
	table_remove(t->by_id, &c->by_id);
	table_remove(t->by_tuple, &c->by_tuple);
	table_remove(t->by_host, &c->by_host);
}

/* --- room --- */

bool stream_make_room(struct endpoint *e, const struct address *peer, bool accepted)
{
	struct transport *t = e->transport;
	struct connection *oldest;
	size_t n_strangers = table_count(t->by_host);
	bool shakes = accepted && transport_is_tls(e);
	if (!stream_is_stranger(e) && !shakes) {
		if (table_count(t->by_id) - n_strangers >= t->limits.n_connections)
			return close_first(t, STREAM_IDLE) || close_first(t, STREAM_HALF) ||
			       close_first(t, STREAM_CONNECTING);
		return true;
	}
	if (count_host(t, peer, &oldest) >= t->limits.n_of_stranger)
		return crowd_out(oldest);
	if (n_strangers >= t->limits.n_strangers)
		return (shakes && close_first(t, STREAM_SHAKING)) ||
		       close_first(t, STREAM_IDLE_STRANGER) || close_first(t, STREAM_HALF_STRANGER);
	return true;
}

bool stream_crowd_out(struct transport *t)
{
	return close_first(t, STREAM_IDLE_STRANGER) || close_first(t, STREAM_HALF_STRANGER) ||
	       close_first(t, STREAM_SHAKING) || close_first(t, STREAM_IDLE);
}

/* --- time --- */

static void close_late(struct transport *t, enum stream_state state, uint64_t now_ms)
{
	uint32_t limit = limit_ms(t, state);
	struct connection *c;
	while ((c = TAILQ_FIRST(&t->list[state].head)) && now_ms - c->since_ms >= limit) {
		if (state == STREAM_HALF || state == STREAM_HALF_STRANGER)
			t->counters.tcp_too_slow++;
		if (state == STREAM_CONNECTING)
			transport_note_refusal(c->path.endpoint, &c->path.peer);
		stream_close(c);
	}
}

static void resume(struct transport *t)
{
	for (unsigned i = 0; i < t->n_endpoints; i++)
		if (t->endpoints[i]->acceptable)
			event_add(t->endpoints[i]->acceptable, NULL);
	t->is_paused = false;
}

void stream_tick(void *transport)
{
	struct transport *t = transport;
	uint64_t now_ms = loop_now_ms(t->loop);
	for (unsigned i = 0; i < STREAM_N_STATES; i++)
		close_late(t, (enum stream_state)i, now_ms);
	if (t->is_paused)
		resume(t);
	if (table_count(t->by_id))
		timer_set(t->loop, &t->tick, TICK_MS);
}
