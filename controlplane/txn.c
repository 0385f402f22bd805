#include "controlplane/txn.h"

#include <stdlib.h>

#include "controlplane/sip_memory.h"
#include "controlplane/txn_impl.h"

struct txns *txns_new(struct loop *loop, uint32_t max_txns)
{
	struct txns *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->loop = loop;
	t->max = max_txns;
	t->servers = table_new(max_txns / 2);
	t->clients = table_new(max_txns / 2);
	t->by_connection = table_new(max_txns / 2);
	t->accounts = table_new(max_txns / 2);
	if (!t->servers || !t->clients || !t->by_connection || !t->accounts) {
		table_free(t->servers);
		table_free(t->clients);
		table_free(t->by_connection);
		table_free(t->accounts);
		free(t);
		return NULL;
	}
	return t;
}

static void free_server(void *user, struct table_node *n)
{
	server_txn_free(table_entry(n, struct server_txn, node));
}

static void free_client(void *user, struct table_node *n)
{
	client_txn_free(table_entry(n, struct client_txn, node));
}

void txns_free(struct txns *t)
{
	if (!t)
		return;
	table_visit(t->clients, free_client, NULL);
	table_visit(t->servers, free_server, NULL);
	table_free(t->clients);
	table_free(t->servers);
	table_free(t->by_connection);
	table_free(t->accounts);
	free(t);
}

const struct txn_counters *txns_counters(const struct txns *t)
{
	return &t->counters;
}

uint32_t txns_count(const struct txns *t)
{
	return t->n;
}

const struct txn_times *txn_times(const struct endpoint *e)
{
	/* TS 24.229 table 7.7.1 */
	static const struct txn_times core = { .t1_ms = 500, .t2_ms = 4000, .t4_ms = 5000 };
	static const struct txn_times gm = { .t1_ms = 2000, .t2_ms = 16000, .t4_ms = 17000 };
	return e->side == ENDPOINT_CORE ? &core : &gm;
}

int sending_set(struct sending *o, const struct sip *s)
{
	char *bytes;
	size_t n_bytes;
	int error = sip_print_taken(s, &bytes, &n_bytes);
	if (error)
		return error;
	sending_clear(o);
	o->bytes = bytes;
	o->n_bytes = n_bytes;
	return 0;
}

int sending_send(struct sending *o)
{
	return o->bytes ? transport_send(&o->path, o->bytes, o->n_bytes) : 0;
}

void sending_clear(struct sending *o)
{
	sip_give(o->bytes); /* wiped: SM4 carries keys */
	o->bytes = NULL;
	o->n_bytes = 0;
}
