/*
 * A request goes on, to one place or to several: the response context of RFC 3261 16.7.
 *
 * A struct forwarding lives from proxy_fork() until the last client transaction ends. It owns the
 * best final answer so far; the server transaction may end before it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/proxy_impl.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"

#define MAX_UNSUPPORTED 32 /* options that an answer names */

#define ELSEWHERE "SIP;cause=200;text=\"Call completed elsewhere\"" /* RFC 3326 3.1 */

struct leg {
	struct forwarding *forwarding;
	struct client_txn *client; /* NULL: it has had its final answer, or none was begun */
};

struct forwarding {
	struct proxy *proxy;
	struct server_txn *x; /* NULL: it is gone */
	struct forward forward;
	bool cancelled; /* by who asked */
	bool answered;  /* a final answer went to x, or the role took one */
	struct sip *best;
	int best_status;    /* without `best`: of a leg where no message came; 0: none yet */
	unsigned n_waiting; /* legs without a final answer */
	unsigned n_alive;   /* legs whose transaction may still call */
	unsigned n_legs;
	struct leg legs[PROXY_BRANCHES];
};

static bool ask(struct forwarding *f, struct sip *response)
{
	return !f->forward.on_response || f->forward.on_response(f->forward.user, f->x, response);
}

static void relay(struct forwarding *f, struct sip *response)
{
	f->answered |= sip_status(response) >= 200;
	if (!ask(f, response))
		return;
	f->proxy->counters.response_forwarded++;
	server_txn_respond(f->x, response);
}

/* --- the best final answer: RFC 3261 16.7 step 6 --- */

/*
 * The lower the better: 6xx, then the lowest class; within 4xx what tells the caller how to ask
 * again, then what somebody said, then that nobody did.
 */
static unsigned rank(int status)
{
	static const int tells[] = { 401, 407, 415, 420, 484 };
	if (status >= 600)
		return 0;
	for (unsigned i = 0; i < sizeof(tells) / sizeof(tells[0]); i++)
		if (status == tells[i])
			return 40;
	return (unsigned)status / 100 * 10 + (status == 408 ? 2 : status / 100 == 4);
}

static bool is_challenge(int status)
{
	return status == 401 || status == 407;
}

/* Step 7: who is challenged by several has to hear of all. */
static void add_challenges(struct sip *to, const struct sip *from)
{
	static const char *const names[] = { "WWW-Authenticate", "Proxy-Authenticate" };
	const char *value;
	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 0; (value = sip_header(from, names[i], n)); n++)
			sip_header_add(to, names[i], value);
}

/* Takes the answer; NULL: none came, `status` says what that counts as. */
static void keep_best(struct forwarding *f, int status, struct sip *response)
{
	if (f->best_status && rank(status) >= rank(f->best_status)) {
		if (response && f->best && is_challenge(status) && is_challenge(f->best_status))
			add_challenges(f->best, response);
		sip_free(response);
		return;
	}
	sip_free(f->best);
	f->best = response;
	f->best_status = status;
}

/* What the best answer is told as. */
static int told_status(const struct forwarding *f)
{
	const struct sip *request = server_txn_request(f->x);
	if (f->cancelled)
		return 487; /* who gave up is told so, whatever else was said */
	/*
	 * A 503 says that its sender takes nothing more for a while; passed on it would say that of
	 * us (step 6). Only a registrar's is meant for who asked.
	 */
	if (f->best && f->best_status == 503 && request && !sip_is(request, "REGISTER"))
		return 500;
	return f->best_status;
}

/* All have answered. */
static void answer_best(struct forwarding *f)
{
	struct sip *best = f->best;
	int status = told_status(f);
	bool nobody = !best && f->best_status == 408;
	f->best = NULL;
	f->answered = true;
	if (best && status == f->best_status) {
		relay(f, best);
		return;
	}
	sip_free(best);
	if (!nobody || ask(f, NULL))
		server_txn_answer(f->x, status);
}

/* --- answers come --- */

static void cancel_waiting(struct forwarding *f, const char *reason)
{
	for (unsigned i = 0; i < f->n_legs; i++)
		if (f->legs[i].client)
			client_txn_cancel(f->legs[i].client, reason);
}

void proxy_cancel(struct forwarding *f, const char *reason)
{
	if (f->answered)
		return;
	f->cancelled = true;
	cancel_waiting(f, reason);
}

/* 3xx … 6xx, or nobody answered. */
static void take_failure(struct forwarding *f, int status, struct sip *response)
{
	keep_best(f, status, response);
	if (status >= 600)
		cancel_waiting(f, NULL); /* step 5 */
	if (!f->n_waiting && !f->answered)
		answer_best(f);
}

/* A final answer, NULL for none. */
static void take_final(struct leg *leg, int status, struct sip *response)
{
	struct forwarding *f = leg->forwarding;
	f->n_waiting -= leg->client != NULL; /* an INVITE may have several 2xx */
	leg->client = NULL;
	if (response && status < 300) {
		relay(f, response);
		cancel_waiting(f, ELSEWHERE); /* step 10 */
	} else {
		take_failure(f, status, response);
	}
}

static void on_client_response(void *user, struct sip *response)
{
	struct leg *leg = user;
	struct forwarding *f = leg->forwarding;
	int status = response ? sip_status(response) : 408;
	if (response)
		sip_via_pop(response);
	if (!f->x || status == 100) { /* 16.7 step 1: 100 goes no further */
		sip_free(response);
	} else if (response && !sip_via(response, 0)) {
		sip_free(response);
		if (status >= 200)
			take_final(leg, 502, NULL);
	} else if (status >= 200) {
		take_final(leg, status, response);
	} else if (f->answered) {
		sip_free(response);
	} else {
		relay(f, response);
	}
}

/* --- the end --- */

static void on_server_end(void *owner)
{
	struct forwarding *f = owner;
	f->x = NULL;
}

static void end(struct forwarding *f)
{
	if (f->x)
		server_txn_own(f->x, NULL, NULL);
	if (f->forward.on_end)
		f->forward.on_end(f->forward.user);
	sip_free(f->best);
	free(f);
}

static void on_client_end(void *user)
{
	struct leg *leg = user;
	struct forwarding *f = leg->forwarding;
	leg->client = NULL;
	if (--f->n_alive == 0)
		end(f);
}

/* --- the beginning --- */

/* RFC 3261 26.2.2: where TLS is asked for, nothing else will do. */
static bool is_clear_way(const struct sip *request, const struct path *path)
{
	struct address hop;
	bool tcp;
	return path->endpoint->side == ENDPOINT_CORE && !transport_is_tls(path->endpoint) &&
	       sip_next_is_tls(request) && !sip_next_hop(request, &hop, &tcp);
}

/*
 * What the request demands of proxies, and we cannot; who demands more than that hears of the
 * first. NULL: no memory.
 */
static struct sip *unsupported(const struct sip *request)
{
	char tag[SIP_TAG_BYTES], option[SIP_VALUE_BYTES] = "";
	struct sip_list options = sip_list(request, "Proxy-Require");
	sip_random_tag(tag);
	struct sip *answer = sip_response(request, 420, NULL, tag);
	int error = answer ? 0 : -ENOMEM;
	for (unsigned i = 0; i < MAX_UNSUPPORTED && !error; i++) {
		if (hops_unknown_option(&options, option, sizeof(option)))
			break;
		error = sip_header_add(answer, "Unsupported", option);
	}
	if (!error)
		return answer;
	sip_free(answer);
	return NULL;
}

/* Sends one branch, and takes its request. A failure counts as an answer. */
static void begin_leg(struct forwarding *f, struct branch *b)
{
	struct proxy *p = f->proxy;
	struct leg *leg = &f->legs[f->n_legs];
	struct client_user user = { on_client_response, on_client_end, leg };
	char branch[HOPS_BRANCH_BYTES];
	int status = is_clear_way(b->request, &b->path)
			     ? 503
			     : hops_add(p->hops, b->request, &b->path, branch);
	*leg = (struct leg){ .forwarding = f };
	if (status)
		p->counters.request_loop += status == 482 || status == 483;
	else if (client_txn_new(p->txns, b->request, branch, &b->path, user, &leg->client))
		status = 503;
	if (status) {
		keep_best(f, status, status == 420 ? unsupported(b->request) : NULL);
		sip_free(b->request);
		return;
	}
	f->n_legs++;
	f->n_waiting++;
	f->n_alive++;
}

static void free_requests(const struct branch branches[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sip_free(branches[i].request);
}

/* With `answer`, if that is not NULL. */
static int refuse(struct server_txn *x, int status, struct sip *answer, struct forward forward)
{
	if (answer)
		server_txn_respond(x, answer);
	else
		server_txn_answer(x, status);
	if (forward.on_end)
		forward.on_end(forward.user);
	return status == 482 || status == 483 ? -ELOOP : status == 487 ? -ECANCELED : -ENOMEM;
}

int proxy_fork(struct proxy *p, struct server_txn *x, struct branch branches[], unsigned n,
	       struct forward forward)
{
	struct forwarding *f = calloc(1, sizeof(*f));
	if (!f || server_txn_is_cancelled(x)) {
		free_requests(branches, n);
		free(f);
		return refuse(x, server_txn_is_cancelled(x) ? 487 : 503, NULL, forward);
	}
	*f = (struct forwarding){ .proxy = p, .x = x, .forward = forward };
	for (unsigned i = 0; i < n; i++)
		begin_leg(f, &branches[i]);
	if (!f->n_legs) {
		int status = f->best_status;
		struct sip *answer = f->best;
		free(f);
		return refuse(x, status, answer, forward);
	}
	struct forwarding *before = server_txn_owner(x);
	if (before)
		before->x = NULL; /* it was forwarded elsewhere, in vain */
	server_txn_own(x, on_server_end, f);
	p->counters.request_forwarded++;
	p->counters.request_forked += f->n_legs > 1;
	return 0;
}

int proxy_forward(struct proxy *p, struct server_txn *x, struct sip *request,
		  const struct path *path, struct forward forward)
{
	struct branch only = { .request = request, .path = *path };
	return proxy_fork(p, x, &only, 1, forward);
}

int proxy_request(struct proxy *p, struct sip *request, const struct path *path,
		  struct client_user user)
{
	char branch[HOPS_BRANCH_BYTES];
	bool is_lost = is_clear_way(request, path) || hops_add(p->hops, request, path, branch);
	int error = is_lost ? -ELOOP : client_txn_new(p->txns, request, branch, path, user, NULL);
	if (error)
		sip_free(request);
	return error;
}

/*
 * Its text, over TCP if it is too long for UDP: RFC 3261 18.1.1. Who refuses that loses this ACK,
 * and gets the one that its next 2xx brings on over UDP.
 */
static int print_for(struct path *path, struct sip *request, char **bytes, size_t *n_bytes)
{
	int error = sip_print(request, bytes, n_bytes);
	if (error || path->tcp || !transport_may_connect(path) ||
	    *n_bytes <= transport_udp_bytes(path) || transport_has_refused(path))
		return error;
	free(*bytes);
	path->tcp = true;
	error = sip_via_set_tcp(request, true);
	return error ? error : sip_print(request, bytes, n_bytes);
}

int proxy_send(struct proxy *p, struct sip *request, const struct path *path)
{
	char branch[HOPS_BRANCH_BYTES], *bytes;
	size_t n_bytes;
	struct path way = *path;
	bool is_lost = is_clear_way(request, path) || hops_add(p->hops, request, path, branch);
	int error = is_lost ? -ELOOP : print_for(&way, request, &bytes, &n_bytes);
	if (!error) {
		error = transport_send(&way, bytes, n_bytes);
		free(bytes);
	}
	sip_free(request);
	return error;
}
