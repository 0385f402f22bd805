#include "controlplane/backlog.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/sip_memory.h"
#include "controlplane/table.h"
#include "controlplane/transport.h"

struct waiting {
	STAILQ_ENTRY(waiting) place;
	struct table_node node; /* by peer and content */
	struct path from;
	uint64_t since_ms;
	size_t n_bytes;
	char bytes[];
};

struct backlog {
	STAILQ_HEAD(, waiting) queue;
	struct table *by_content;
	uint32_t max;
};

struct backlog *backlog_new(uint32_t max)
{
	struct backlog *b = calloc(1, sizeof(*b));
	if (!b)
		return NULL;
	b->max = max;
	b->by_content = table_new(max);
	if (!b->by_content) {
		free(b);
		return NULL;
	}
	STAILQ_INIT(&b->queue);
	return b;
}

static void drop(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
}

void backlog_free(struct backlog *b)
{
	if (!b)
		return;
	while (backlog_take(b, drop, NULL))
		;
	table_free(b->by_content);
	free(b);
}

uint32_t backlog_count(const struct backlog *b)
{
	return (uint32_t)table_count(b->by_content);
}

static bool is_same(const struct waiting *w, const struct path *from, const char *bytes,
		    size_t n_bytes)
{
	return w->from.endpoint == from->endpoint && w->from.tcp == from->tcp &&
	       w->from.connection == from->connection &&
	       address_equal(&w->from.peer, &from->peer) && w->n_bytes == n_bytes &&
	       !memcmp(w->bytes, bytes, n_bytes);
}

bool backlog_put(struct backlog *b, const struct path *from, const char *bytes, size_t n_bytes,
		 uint64_t now_ms)
{
	if (n_bytes > BACKLOG_BYTES)
		return false;
	uint64_t hash = table_hash(b->by_content, 0, &from->peer, sizeof(from->peer));
	hash = table_hash(b->by_content, hash, bytes, n_bytes);
	for (struct table_node *n = table_first(b->by_content, hash); n; n = table_next(n))
		if (is_same(table_entry(n, struct waiting, node), from, bytes, n_bytes))
			return true;
	if (backlog_count(b) >= b->max)
		return false;
	struct waiting *w = sip_take(sizeof(*w) + n_bytes);
	if (!w)
		return false;
	memset(w, 0, sizeof(*w));
	w->from = *from;
	w->since_ms = now_ms;
	w->n_bytes = n_bytes;
	memcpy(w->bytes, bytes, n_bytes);
	table_add(b->by_content, &w->node, hash);
	STAILQ_INSERT_TAIL(&b->queue, w, place);
	return true;
}

uint32_t backlog_drop(struct backlog *b, uint64_t now_ms, uint64_t max_ms)
{
	uint32_t n = 0;
	const struct waiting *w;
	while ((w = STAILQ_FIRST(&b->queue)) && now_ms - w->since_ms >= max_ms) {
		backlog_take(b, drop, NULL);
		n++;
	}
	return n;
}

bool backlog_take(struct backlog *b,
		  void (*use)(void *user, const struct path *from, const char *bytes,
			      size_t n_bytes),
		  void *user)
{
	struct waiting *w = STAILQ_FIRST(&b->queue);
	if (!w)
		return false;
	STAILQ_REMOVE_HEAD(&b->queue, place);
	table_remove(b->by_content, &w->node);
	use(user, &w->from, w->bytes, w->n_bytes);
	sip_give(w);
	return true;
}
