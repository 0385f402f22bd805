#include "tools/ue/call.h"

#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tools/ue/fleet.h"

#define GUARD_S 200 /* longer than any transaction of a call */

static const struct {
	const char *name, *help;
} plans[CALL_N_PLANS] = {
	[CALL_ANSWERED] = { "answered", "180, 200, the caller hangs up" },
	[CALL_RELIABLE] = { "reliable", "183 and PRACK, UPDATE, 180, 200, re-INVITE, the callee "
					"hangs up" },
	[CALL_CANCELLED] = { "cancelled", "180, CANCEL, 487" },
	[CALL_REFUSED] = { "refused", "180, 486" },
	[CALL_NOBODY] = { "nobody", "to an identity that nobody has: 404" },
	[CALL_SILENT] = { "silent", "the callee is as gone: 408, after two minutes" },
};

const char *call_plan_name(unsigned plan)
{
	return plan < CALL_N_PLANS ? plans[plan].name : NULL;
}

const char *call_plan_help(unsigned plan)
{
	return plan < CALL_N_PLANS ? plans[plan].help : NULL;
}

/* ---- life ---- */

static void on_guard(evutil_socket_t fd, short what, void *context)
{
	call_fail(context, "stuck");
}

static struct call *open_half(struct ue *u, struct ue *peer, enum call_plan plan,
			      const char *call_id)
{
	struct call *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->plan = plan;
	c->ue = u;
	c->peer = peer;
	snprintf(c->call_id, sizeof(c->call_id), "%s", call_id);
	u->call = c;
	return c;
}

static void close_half(struct ue *u)
{
	struct call *c = u->call;

	if (!c)
		return;
	u->call = NULL;
	if (c->timer)
		event_free(c->timer);
	request_clear(&c->invite);
	free(c->asked);
	free(c->said);
	free(c);
}

void call_end(struct ue *u)
{
	struct ue *peer = u->call ? u->call->peer : NULL;

	close_half(u);
	if (!peer)
		return;
	close_half(peer);
	if (peer->task == UE_CALLED) {
		request_end(peer);
		peer->task = UE_IDLE;
	}
}

void call_fail(struct ue *u, const char *reason)
{
	const struct call *c = u->call;

	ue_finish(c->is_caller ? u : c->peer, reason);
}

void call_start(struct ue *caller, struct ue *callee, enum call_plan plan)
{
	const struct timeval guard = { .tv_sec = GUARD_S };
	char call_id[UE_TOKEN_BYTES];
	struct call *c;

	ue_token(call_id);
	c = open_half(caller, callee, plan, call_id);
	if (!c || !open_half(callee, caller, plan, call_id)) {
		ue_finish(caller, "memory");
		return;
	}
	callee->task = UE_CALLED;
	c->is_caller = true;
	c->timer = evtimer_new(caller->fleet->base, on_guard, caller);
	if (!c->timer || evtimer_add(c->timer, &guard)) {
		ue_finish(caller, "memory");
		return;
	}
	if (plan == CALL_NOBODY) /* the domain is the home domain's */
		snprintf(c->called, sizeof(c->called), "sip:nobody@%s", caller->subscriber->realm);
	else
		snprintf(c->called, sizeof(c->called), "%s", callee->impu);
	snprintf(c->local, sizeof(c->local), "<%s>;tag=%s", caller->impu, caller->tag);
	call_invite(c);
}

/* ---- what a message tells ---- */

const char *call_leak(const struct sip_message *m)
{
	static const char *const names[] = { "P-Charging-Vector", "P-Access-Network-Info",
					     "P-Visited-Network-ID",
					     "P-Charging-Function-Addresses" };

	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (sip_header(m, names[i], 0).at)
			return names[i];
	return NULL;
}

static bool keep(char *out, size_t out_bytes, struct view v)
{
	int n = snprintf(out, out_bytes, "%.*s", (int)v.bytes, v.at ? v.at : "");

	return v.bytes && (size_t)n < out_bytes;
}

/* RFC 3261 12.1: the Record-Route in order for who was asked, turned round for who asked. */
static bool keep_route(struct call *c, const struct sip_message *m)
{
	struct view entries[CALL_N_ROUTES], line;
	unsigned n = 0;
	size_t used = 0;

	for (unsigned i = 0; (line = sip_header(m, "Record-Route", i)).at; i++)
		while (line.bytes) {
			if (n == CALL_N_ROUTES)
				return false;
			entries[n++] = view_take(&line, ',');
		}
	c->route[0] = '\0';
	for (unsigned i = 0; i < n; i++) {
		const struct view *e = &entries[c->is_caller ? n - 1 - i : i];
		int added = snprintf(c->route + used, sizeof(c->route) - used, "%s%.*s",
				     i ? ", " : "", (int)e->bytes, e->at);

		used += (size_t)added;
		if (used >= sizeof(c->route))
			return false;
	}
	return n > 0; /* the P-CSCFs are always there */
}

bool call_learn(struct call *c, const struct sip_message *m)
{
	struct view contact = sip_uri(sip_header(m, "Contact", 0));

	if (!keep(c->target, sizeof(c->target), contact) || !keep_route(c, m))
		return false;
	return keep(c->remote, sizeof(c->remote), sip_header(m, c->is_caller ? "To" : "From", 0));
}
