#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_memory.h"
#include "controlplane/txn_impl.h"

/* Timer C: RFC 3261 16.6 step 11, more than three minutes. */
#define TIMER_C_MS 181000

static int make_key(const char *branch, const char *method, char key[static TXN_KEY_BYTES])
{
	size_t n = strlen(branch), n_method = strlen(method);
	if (n + n_method + 2 > TXN_KEY_BYTES)
		return -EMSGSIZE;
	memcpy(key, branch, n);
	key[n] = ' ';
	memcpy(key + n + 1, method, n_method + 1);
	return (int)(n + 1 + n_method);
}

/* No more calls to the owner. */
static void end_user(struct client_txn *x)
{
	struct client_user user = x->user;
	x->user = (struct client_user){ 0 };
	if (user.on_end)
		user.on_end(user.user);
}

static void tell_user(struct client_txn *x, struct sip *response)
{
	if (x->user.on_response)
		x->user.on_response(x->user.user, response);
	else
		sip_free(response);
}

void client_txn_free(struct client_txn *x)
{
	struct txns *t = x->out.txns;
	end_user(x);
	timer_cancel(t->loop, &x->out.repeat);
	timer_cancel(t->loop, &x->end);
	table_remove(t->clients, &x->node);
	table_remove(t->by_connection, &x->by_connection);
	sending_clear(&x->out);
	sip_free(x->request);
	free(x->reason);
	sip_give(x);
	t->n--;
}

/* --- sending --- */

static void lose(struct client_txn *x, bool opened);

/* What is lost on the way, timers and txns_closed() deal with. */
static void transmit(struct client_txn *x)
{
	struct txns *t = x->out.txns;
	int error = sending_send(&x->out);
	uint64_t id = x->out.path.connection;
	if (!x->out.path.tcp)
		return;
	table_remove(t->by_connection, &x->by_connection);
	if (error)
		lose(x, false);
	else
		table_add(t->by_connection, &x->by_connection,
			  table_hash(t->by_connection, 0, &id, sizeof(id)));
}

/* Timers A and E; none over TCP. */
static void start_repeating(struct client_txn *x)
{
	uint32_t t1_ms = txn_times(x->out.path.endpoint)->t1_ms;
	x->out.repeat_ms = t1_ms;
	if (!x->out.path.tcp)
		timer_set(x->out.txns->loop, &x->out.repeat, t1_ms);
}

/* Via names the transport, so the request is written anew. Returns 0 or -errno. */
static int set_tcp(struct client_txn *x, struct sip *request, bool tcp)
{
	int error = sip_via_set_tcp(request, tcp);
	if (!error)
		error = sending_set(&x->out, request);
	if (error)
		return error;
	x->out.path.tcp = tcp;
	x->out.path.connection = 0;
	return 0;
}

/* RFC 3261 18.1.1: a long request is better in fragments than not there at all. */
static bool fall_back(struct client_txn *x)
{
	if (!x->by_size || set_tcp(x, x->request, false))
		return false;
	x->by_size = false;
	x->out.txns->counters.fell_back++;
	start_repeating(x);
	transmit(x);
	return true;
}

/*
 * The connection is no more. What has had a provisional answer may get the final one on a
 * connection that the peer opens (18.2.2), so it waits; the owner may be inside client_txn_new(),
 * so it is told by the timer.
 */
static void lose(struct client_txn *x, bool opened)
{
	if (x->state != CLIENT_CALLING || (!opened && fall_back(x)))
		return;
	x->failed = true;
	timer_set(x->out.txns->loop, &x->end, 0);
}

void txns_closed(struct txns *t, uint64_t connection, bool opened)
{
	uint64_t hash = table_hash(t->by_connection, 0, &connection, sizeof(connection));
	struct table_node *next;
	for (struct table_node *n = table_first(t->by_connection, hash); n; n = next) {
		struct client_txn *x = table_entry(n, struct client_txn, by_connection);
		next = table_next(n);
		if (x->out.path.connection != connection)
			continue;
		table_remove(t->by_connection, n);
		lose(x, opened);
	}
}

/* --- timers --- */

/* Timers A and E. */
static void on_timer_repeat(void *user)
{
	struct client_txn *x = user;
	struct txns *t = x->out.txns;
	const struct txn_times *times = txn_times(x->out.path.endpoint);
	t->counters.retransmitted++;
	transmit(x);
	x->out.repeat_ms *= 2; /* an INVITE's until timer B: 17.1.1.2 */
	if (!x->invite && (x->out.repeat_ms > times->t2_ms || x->state == CLIENT_PROCEEDING))
		x->out.repeat_ms = times->t2_ms;
	timer_set(t->loop, &x->out.repeat, x->out.repeat_ms);
}

/*
 * Timer C: it rings and rings. The owner need not wait for the end of the CANCEL, but the final
 * answer has to be acknowledged when it comes (RFC 3261 16.8).
 */
static void give_up(struct client_txn *x)
{
	x->given_up = true;
	client_txn_cancel(x, NULL);
	tell_user(x, NULL);
	end_user(x);
}

/* Timers B, C, F, and the end of a CANCEL: nobody answered. Timers D, K, M: done. */
static void on_timer_end(void *user)
{
	struct client_txn *x = user;
	if (x->state < CLIENT_ACCEPTED && !x->given_up) {
		x->out.txns->counters.timed_out += !x->failed;
		x->out.txns->counters.disconnected += x->failed;
		if (x->invite && x->state == CLIENT_PROCEEDING && !x->cancelled) {
			give_up(x);
			return;
		}
		tell_user(x, NULL);
	}
	client_txn_free(x);
}

/* Prints it, and moves it to TCP if it is too long for UDP. Returns 0 or -errno. */
static int prepare(struct client_txn *x, struct sip *request)
{
	struct path *path = &x->out.path;
	int error = sending_set(&x->out, request);
	if (error || path->tcp || !transport_may_connect(path) ||
	    x->out.n_bytes <= transport_udp_bytes(path))
		return error;
	if (transport_has_refused(path)) {
		x->out.txns->counters.known_to_refuse++;
		return 0;
	}
	x->by_size = true;
	x->out.txns->counters.by_size++;
	return set_tcp(x, request, true);
}

int client_txn_new(struct txns *t, struct sip *request, const char *branch, const struct path *path,
		   struct client_user user, struct client_txn **out)
{
	char key[TXN_KEY_BYTES];
	int n = make_key(branch, sip_method(request), key);
	if (n < 0)
		return n;
	if (t->n == t->max) {
		t->counters.refused++;
		return -ENOSPC;
	}
	struct client_txn *x = sip_take(sizeof(*x) + (size_t)n + 1);
	if (!x)
		return -ENOMEM;
	memset(x, 0, sizeof(*x));
	x->out.txns = t;
	x->out.path = *path;
	x->out.path.tcp = path->tcp || transport_is_tls(path->endpoint);
	int error = prepare(x, request);
	if (error) {
		sending_clear(&x->out);
		sip_give(x);
		return error;
	}
	memcpy(x->key, key, (size_t)n + 1);
	x->user = user;
	x->invite = sip_is(request, "INVITE");
	if (x->invite || x->by_size)
		x->request = request;
	else
		sip_free(request);
	timer_init(&x->out.repeat, on_timer_repeat, x);
	timer_init(&x->end, on_timer_end, x);
	table_add(t->clients, &x->node, table_hash(t->clients, 0, key, (size_t)n));
	t->n++;
	t->counters.client++;
	timer_set(t->loop, &x->end, (uint64_t)TXN_B * txn_times(path->endpoint)->t1_ms);
	start_repeating(x);
	transmit(x);
	if (out)
		*out = x;
	return 0;
}

/* From here on the bytes to repeat are the ACK. */
static void send_ack(struct client_txn *x, const struct sip *response)
{
	struct sip *ack = sip_follow(x->request, "ACK", response);
	if (ack && !sending_set(&x->out, ack))
		transmit(x);
	sip_free(ack);
}

static void send_cancel(struct client_txn *x)
{
	struct txns *t = x->out.txns;
	struct sip *cancel = sip_follow(x->request, "CANCEL", x->request);
	const char *branch = sip_via_param(sip_via(x->request, 0), "branch");
	if (cancel && x->reason)
		sip_header_add(cancel, "Reason", x->reason); /* RFC 3326: it is only told */
	if (cancel &&
	    client_txn_new(t, cancel, branch, &x->out.path, (struct client_user){ 0 }, NULL))
		sip_free(cancel);
	/* Who does not answer even now never will: 9.1. */
	timer_set(t->loop, &x->end, (uint64_t)TXN_B * txn_times(x->out.path.endpoint)->t1_ms);
}

void client_txn_cancel(struct client_txn *x, const char *reason)
{
	if (!x->invite || x->state >= CLIENT_ACCEPTED || x->cancelled)
		return;
	x->cancelled = true;
	x->reason = reason ? strdup(reason) : NULL;
	if (x->state == CLIENT_PROCEEDING) /* else with the first provisional answer: 9.1 */
		send_cancel(x);
}

static void take_provisional(struct client_txn *x, struct sip *response)
{
	struct txns *t = x->out.txns;
	bool first = x->state == CLIENT_CALLING;
	if (x->state > CLIENT_PROCEEDING) {
		sip_free(response);
		return;
	}
	x->state = CLIENT_PROCEEDING;
	if (x->invite) {
		timer_cancel(t->loop, &x->out.repeat);
		if (!x->cancelled && (first || sip_status(response) > 100)) /* 16.7 step 2 */
			timer_set(t->loop, &x->end, TIMER_C_MS);
	}
	if (first && x->cancelled)
		send_cancel(x);
	tell_user(x, response);
}

static void take_final(struct client_txn *x, struct sip *response)
{
	struct txns *t = x->out.txns;
	const struct txn_times *times = txn_times(x->out.path.endpoint);
	bool success = sip_status(response) < 300;
	if (x->state == CLIENT_COMPLETED || (x->state == CLIENT_ACCEPTED && !success)) {
		if (x->invite && !success)
			transmit(x); /* the ACK was lost */
		sip_free(response);
		return;
	}
	bool first = x->state < CLIENT_ACCEPTED;
	timer_cancel(t->loop, &x->out.repeat);
	if (x->invite && success) {
		x->state = CLIENT_ACCEPTED;
		if (first)
			timer_set(t->loop, &x->end, (uint64_t)TXN_B * times->t1_ms);
		tell_user(x, response);
		return;
	}
	x->state = CLIENT_COMPLETED;
	if (x->invite)
		send_ack(x, response);
	uint64_t stay_ms = x->invite ? (uint64_t)TXN_B * times->t1_ms : times->t4_ms;
	timer_set(t->loop, &x->end, x->out.path.tcp ? 0 : stay_ms); /* D, K */
	tell_user(x, response);
	end_user(x);
}

bool txns_response(struct txns *t, struct sip *response, const struct address *source)
{
	char key[TXN_KEY_BYTES];
	const char *branch = sip_via_param(sip_via(response, 0), "branch");
	int n = branch ? make_key(branch, sip_method(response), key) : -EINVAL;
	struct table_node *node = NULL;
	if (n > 0)
		node = table_first(t->clients, table_hash(t->clients, 0, key, (size_t)n));
	for (; node; node = table_next(node)) {
		struct client_txn *x = table_entry(node, struct client_txn, node);
		if (strcmp(x->key, key) || !address_same_host(&x->out.path.peer, source))
			continue;
		if (sip_status(response) < 200)
			take_provisional(x, response);
		else
			take_final(x, response);
		return true;
	}
	t->counters.unmatched++;
	return false;
}
