#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "controlplane/dpclient_impl.h"

#define RETRY_MS 1000 /* for what no reply and no room in the socket brings on: memory */

/* A notice that waits. It is the only one of its set, or of its tunnel. */
struct owed {
	TAILQ_ENTRY(owed) entry;
	struct table_node by_handle;
	struct notice notice;
	uint64_t end_ms; /* when its seconds are over */
};

static const struct waiter nobody;

static bool is_of_tunnel(const struct notice *n)
{
	return n->type == API_TUNNEL_UPDATE || n->type == API_TUNNEL_DELETE;
}

static int send_now(struct dpclient *c, const struct notice *n)
{
	const struct api_set_update update = { .registration = n->handle,
					       .lifetime_s = n->seconds };
	const struct api_set_id set = { .registration = n->handle, .grace_s = n->seconds };
	const struct api_tunnel_update tunnel = { .handle = n->handle,
						  .peer = n->peer,
						  .peer_port = n->peer_port };
	const struct api_tunnel_id id = { .handle = n->handle };
	switch (n->type) {
	case API_SET_UPDATE:
		return dpclient_request(c, n->type, &update, sizeof(update), nobody);
	case API_SET_DELETE:
		return dpclient_request(c, n->type, &set, sizeof(set), nobody);
	case API_TUNNEL_UPDATE:
		return dpclient_request(c, n->type, &tunnel, sizeof(tunnel), nobody);
	default:
		return dpclient_request(c, n->type, &id, sizeof(id), nobody);
	}
}

static uint64_t hash(const struct dpclient *c, const struct notice *n)
{
	return table_hash(c->owed_by_handle, is_of_tunnel(n), &n->handle, sizeof(n->handle));
}

static struct owed *find(const struct dpclient *c, const struct notice *n)
{
	struct table_node *node = table_first(c->owed_by_handle, hash(c, n));
	for (; node; node = table_next(node)) {
		struct owed *o = table_entry(node, struct owed, by_handle);
		if (o->notice.handle == n->handle && is_of_tunnel(&o->notice) == is_of_tunnel(n))
			return o;
	}
	return NULL;
}

static void forget(struct dpclient *c, struct owed *o)
{
	TAILQ_REMOVE(&c->owed, o, entry);
	table_remove(c->owed_by_handle, &o->by_handle);
	free(o);
}

/* At the end of the queue: a tunnel goes after its set, whatever was owed of it before. */
static void owe(struct dpclient *c, const struct notice *n)
{
	struct owed *o = find(c, n);
	if (o)
		forget(c, o);
	o = malloc(sizeof(*o));
	if (!o) {
		/* The list after the next connect tells what is wrong. */
		shutdown(c->fd, SHUT_RDWR);
		return;
	}
	*o = (struct owed){ .notice = *n,
			    .end_ms = loop_now_ms(c->loop) + (uint64_t)n->seconds * 1000 };
	TAILQ_INSERT_TAIL(&c->owed, o, entry);
	table_add(c->owed_by_handle, &o->by_handle, hash(c, n));
	c->counters.postponed++;
	timer_set(c->loop, &c->retry, RETRY_MS);
}

void dpclient_tell(struct dpclient *c, const struct notice *n)
{
	if (c->fd < 0)
		return;
	if (!dpclient_settle(c) || send_now(c, n))
		owe(c, n);
}

/* Its seconds began when it was said. An extension never becomes 0, which would be for ever. */
static struct notice as_of_now(const struct dpclient *c, const struct owed *o)
{
	struct notice n = o->notice;
	uint64_t now_ms = loop_now_ms(c->loop);
	if (!n.seconds)
		return n;
	n.seconds = o->end_ms > now_ms ? (uint32_t)((o->end_ms - now_ms + 999) / 1000) : 0;
	if (!n.seconds && n.type == API_SET_UPDATE)
		n.seconds = 1;
	return n;
}

bool dpclient_settle(struct dpclient *c)
{
	struct owed *o;
	while (c->fd >= 0 && (o = TAILQ_FIRST(&c->owed))) {
		const struct notice n = as_of_now(c, o);
		if (send_now(c, &n))
			return false;
		forget(c, o);
	}
	return true;
}

static void on_retry(void *user)
{
	struct dpclient *c = user;
	if (!dpclient_settle(c))
		timer_set(c->loop, &c->retry, RETRY_MS);
}

int dpclient_owed_init(struct dpclient *c)
{
	TAILQ_INIT(&c->owed);
	timer_init(&c->retry, on_retry, c);
	c->owed_by_handle = table_new(DPCLIENT_MAX_PENDING);
	return c->owed_by_handle ? 0 : -ENOMEM;
}

void dpclient_forget_owed(struct dpclient *c)
{
	struct owed *o;
	timer_cancel(c->loop, &c->retry);
	while ((o = TAILQ_FIRST(&c->owed)))
		forget(c, o);
}
