#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_memory.h"
#include "controlplane/txn_impl.h"

#define MAGIC_COOKIE "z9hG4bK" /* RFC 3261 8.1.1.7 */

/* A part of a key, and the blank or colon behind it. Returns the new length, or -EMSGSIZE. */
static int append(char key[static TXN_KEY_BYTES], int n, const char *part, char end)
{
	size_t n_part = strlen(part);
	if (n < 0 || n_part + 2 > (size_t)(TXN_KEY_BYTES - n))
		return -EMSGSIZE;
	memcpy(key + n, part, n_part);
	key[n + (int)n_part] = end;
	return n + (int)n_part + 1;
}

/*
 * RFC 3261 17.2.3: topmost branch, sent-by and method; here also the sender's address, so that no
 * UE can meet another's transaction. An older branch is completed by Call-ID, CSeq and From tag.
 */
static int make_key(const struct sip *request, const char *method, const struct address *source,
		    char key[static TXN_KEY_BYTES])
{
	const struct sip_via *via = sip_via(request, 0);
	const char *branch = sip_via_param(via, "branch");
	char host[ADDRESS_TEXT_BYTES], old[TXN_KEY_BYTES / 2];
	old[0] = '\0';
	if (!branch || strncmp(branch, MAGIC_COOKIE, strlen(MAGIC_COOKIE))) {
		const char *tag = sip_from_tag(request);
		char call_id[TXN_KEY_BYTES / 4];
		if (sip_call_id(request, call_id, sizeof(call_id)) < 0)
			return -EMSGSIZE;
		int n = snprintf(old, sizeof(old), "%s %u %s", call_id, sip_cseq(request),
				 tag ? tag : "");
		if (n < 0 || (size_t)n >= sizeof(old))
			return -EMSGSIZE;
	}
	int n = append(key, 0, branch ? branch : "", ' ');
	n = append(key, n, method, ' ');
	n = append(key, n, via->host, ':');
	n = append(key, n, via->port ? via->port : "", ' ');
	n = append(key, n, address_print_host(source, host), ' ');
	n = append(key, n, old, '\0');
	return n < 0 ? n : n - 1;
}

static struct server_txn *find(struct txns *t, const struct sip *request, const char *method,
			       const struct address *source)
{
	char key[TXN_KEY_BYTES];
	int n = make_key(request, method, source, key);
	if (n < 0)
		return NULL;
	struct table_node *node =
		table_first(t->servers, table_hash(t->servers, 0, key, (size_t)n));
	for (; node; node = table_next(node)) {
		struct server_txn *x = table_entry(node, struct server_txn, node);
		if (!strcmp(x->key, key))
			return x;
	}
	return NULL;
}

/* --- what one user holds --- */

static struct account *find_account(struct txns *t, uint64_t number)
{
	uint64_t hash = table_hash(t->accounts, 0, &number, sizeof(number));
	for (struct table_node *n = table_first(t->accounts, hash); n; n = table_next(n)) {
		struct account *a = table_entry(n, struct account, node);
		if (a->number == number)
			return a;
	}
	struct account *a = sip_take(sizeof(*a));
	if (!a)
		return NULL;
	*a = (struct account){ .number = number };
	table_add(t->accounts, &a->node, hash);
	return a;
}

/* It holds only so many bytes from now on. */
static void discharge(struct server_txn *x, size_t n_bytes)
{
	struct account *a = x->account;
	if (!a)
		return;
	a->n_bytes -= x->charged_bytes - n_bytes;
	x->charged_bytes = n_bytes;
	if (a->n_bytes)
		return;
	x->account = NULL;
	table_remove(x->out.txns->accounts, &a->node);
	sip_give(a);
}

bool server_txn_charge(struct server_txn *x, uint64_t account, size_t n_bytes)
{
	struct account *a = find_account(x->out.txns, account);
	if (!a || a->n_bytes + TXN_BYTES + n_bytes > TXN_ACCOUNT_BYTES)
		return false;
	x->account = a;
	x->charged_bytes = TXN_BYTES + n_bytes;
	a->n_bytes += x->charged_bytes;
	return true;
}

void server_txn_free(struct server_txn *x)
{
	struct txns *t = x->out.txns;
	if (x->on_end)
		x->on_end(x->owner);
	timer_cancel(t->loop, &x->out.repeat);
	timer_cancel(t->loop, &x->end);
	table_remove(t->servers, &x->node);
	sending_clear(&x->out);
	sip_free(x->request);
	discharge(x, 0);
	t->n_strangers -= x->stranger;
	sip_give(x);
	t->n--;
}

static void on_timer_end(void *user)
{
	server_txn_free(user);
}

/* Timer G: a final answer to an INVITE goes again until the ACK comes, RFC 3261 17.2.1. */
static void on_timer_repeat(void *user)
{
	struct server_txn *x = user;
	struct txns *t = x->out.txns;
	const struct txn_times *times = txn_times(x->out.path.endpoint);
	t->counters.retransmitted++;
	sending_send(&x->out);
	x->out.repeat_ms *= 2;
	if (x->out.repeat_ms > times->t2_ms)
		x->out.repeat_ms = times->t2_ms;
	timer_set(t->loop, &x->out.repeat, x->out.repeat_ms);
}

/* Half is kept for those who are registered, however many knock on the unprotected port. */
static bool has_room(const struct txns *t, bool stranger)
{
	return t->n < t->max && !(stranger && t->n_strangers >= t->max / 2);
}

struct server_txn *server_txn_new(struct txns *t, struct sip *request, const struct address *source,
				  const struct path *reply)
{
	char key[TXN_KEY_BYTES];
	bool stranger = reply->endpoint->side == ENDPOINT_GM_CLEAR;
	int n = make_key(request, sip_method(request), source, key);
	if (n < 0 || !has_room(t, stranger)) {
		t->counters.refused++;
		return NULL;
	}
	struct server_txn *x = sip_take(sizeof(*x) + (size_t)n + 1);
	if (!x)
		return NULL;
	memset(x, 0, sizeof(*x));
	memcpy(x->key, key, (size_t)n + 1);
	x->out.txns = t;
	x->out.path = *reply;
	x->request = request;
	x->invite = sip_is(request, "INVITE");
	x->stranger = stranger;
	sip_random_tag(x->to_tag);
	timer_init(&x->out.repeat, on_timer_repeat, x);
	timer_init(&x->end, on_timer_end, x);
	table_add(t->servers, &x->node, table_hash(t->servers, 0, key, (size_t)n));
	t->n++;
	t->n_strangers += stranger;
	t->counters.server++;
	if (x->invite)
		server_txn_answer(x, 100); /* at once: RFC 3261 17.2.1 allows 200 ms */
	return x;
}

/* RFC 3261 17.2.1: the ACK of a final answer that was not 2xx. */
static bool absorb_ack(struct server_txn *x)
{
	struct txns *t = x->out.txns;
	if (x->state != SERVER_COMPLETED && x->state != SERVER_CONFIRMED)
		return false;
	if (x->state == SERVER_COMPLETED) {
		x->state = SERVER_CONFIRMED;
		timer_cancel(t->loop, &x->out.repeat);
		timer_set(t->loop, &x->end,
			  x->out.path.tcp ? 0 : txn_times(x->out.path.endpoint)->t4_ms);
	}
	return true;
}

struct server_txn *txns_absorb(struct txns *t, const struct sip *request,
			       const struct address *source)
{
	if (sip_is(request, "ACK")) {
		struct server_txn *invite = find(t, request, "INVITE", source);
		return invite && absorb_ack(invite) ? invite : NULL;
	}
	struct server_txn *x = find(t, request, sip_method(request), source);
	if (!x)
		return NULL;
	t->counters.absorbed++;
	if (x->state == SERVER_PROCEEDING || x->state == SERVER_COMPLETED)
		sending_send(&x->out);
	return x;
}

struct server_txn *server_txn_cancelled(struct txns *t, const struct sip *cancel,
					const struct address *source)
{
	return find(t, cancel, "INVITE", source);
}

/* The final answer is on its way: how long to stay, RFC 3261 17.2 and RFC 6026 7.1. */
static void complete(struct server_txn *x, int status)
{
	struct txns *t = x->out.txns;
	const struct txn_times *times = txn_times(x->out.path.endpoint);
	if (x->invite && status < 300) {
		x->state = SERVER_ACCEPTED;
	} else {
		x->state = SERVER_COMPLETED;
		sip_free(x->request);
		x->request = NULL;
		discharge(x, TXN_BYTES);
	}
	bool tcp = x->out.path.tcp;
	if (x->invite && status >= 300 && !tcp) {
		x->out.repeat_ms = times->t1_ms;
		timer_set(t->loop, &x->out.repeat, x->out.repeat_ms);
	}
	/* J is 0 over TCP: nobody asks again. The caller still holds x, so not at once. */
	timer_set(t->loop, &x->end, tcp && !x->invite ? 0 : (uint64_t)TXN_B * times->t1_ms);
}

/* No memory for a final answer: who asks again begins anew. The caller still holds x. */
static void give_up(struct server_txn *x)
{
	struct loop *loop = x->out.txns->loop;
	timer_cancel(loop, &x->out.repeat);
	timer_set(loop, &x->end, 0);
}

int server_txn_respond(struct server_txn *x, struct sip *response)
{
	int status = sip_status(response);
	bool again = x->state == SERVER_ACCEPTED && status >= 200 && status < 300;
	int error = -EALREADY;
	if (x->state > SERVER_PROCEEDING && !again)
		goto free_response;
	error = sending_set(&x->out, response);
	if (!error)
		sending_send(&x->out);
	if (status < 200)
		x->state = SERVER_PROCEEDING;
	else if (!again)
		complete(x, status);
	if (error && status >= 200 && !again)
		give_up(x);
free_response:
	sip_free(response);
	return error;
}

int server_txn_answer(struct server_txn *x, int status)
{
	if (!x->request)
		return -EALREADY;
	struct sip *response = sip_response(x->request, status, NULL, x->to_tag);
	if (response)
		return server_txn_respond(x, response);
	if (status >= 200)
		give_up(x);
	return -ENOMEM;
}

const struct sip *server_txn_request(const struct server_txn *x)
{
	return x->request;
}

void server_txn_cancel(struct server_txn *x)
{
	x->cancelled = true;
}

bool server_txn_is_cancelled(const struct server_txn *x)
{
	return x->cancelled;
}

void server_txn_set_reply(struct server_txn *x, const struct path *reply)
{
	x->out.path = *reply;
}

void server_txn_own(struct server_txn *x, void (*on_end)(void *owner), void *owner)
{
	x->on_end = on_end;
	x->owner = owner;
}

void *server_txn_owner(const struct server_txn *x)
{
	return x->owner;
}
