#include "controlplane/pcscf_watch.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/dialog.h"
#include "controlplane/pcscf_impl.h"
#include "controlplane/proxy.h"
#include "controlplane/reginfo.h"
#include "controlplane/ue.h"

#define REFRESH_MS 600000 /* before the end of a subscription: 24.229 5.2.3 */

struct watches {
	struct loop *loop;
	struct proxy *proxy;
	struct ues *ues;
	struct endpoint *core;
	struct address icscf;
	uint32_t max;
	struct table *by_call_id, *by_owner;
	struct reginfo info; /* the document being read */
	struct watch_counters counters;
};

/* A SUBSCRIBE on its way; the client transaction owns it. */
struct asking {
	struct watch *watch; /* NULL: it is gone */
};

struct watch {
	struct watches *watches;
	struct table_node by_call_id, by_owner;
	uint64_t ue;
	char *aor;
	struct dialog dialog;
	struct asking *pending; /* NULL: none */
	struct timer timer;     /* the next refresh, or look whether the registration is there */
	uint64_t expires_ms;    /* of the subscription */
	int64_t version;        /* of the last document; −1: none */
};

static uint64_t hash_text(const struct table *t, uint64_t seed, const char *text)
{
	return table_hash(t, seed, text, strlen(text));
}

static struct watch *find_owner(const struct watches *w, uint64_t ue, const char *aor)
{
	struct table_node *n = table_first(w->by_owner, hash_text(w->by_owner, ue, aor));
	for (; n; n = table_next(n)) {
		struct watch *s = table_entry(n, struct watch, by_owner);
		if (s->ue == ue && !strcmp(s->aor, aor))
			return s;
	}
	return NULL;
}

static struct watch *find_dialog(const struct watches *w, const struct sip *request)
{
	char call_id[512];
	if (sip_call_id(request, call_id, sizeof(call_id)) < 0)
		return NULL;
	struct table_node *n = table_first(w->by_call_id, hash_text(w->by_call_id, 0, call_id));
	for (; n; n = table_next(n)) {
		struct watch *s = table_entry(n, struct watch, by_call_id);
		if (dialog_has(&s->dialog, request))
			return s;
	}
	return NULL;
}

static void watch_free(struct watch *s)
{
	struct watches *w = s->watches;
	if (s->pending)
		s->pending->watch = NULL;
	timer_cancel(w->loop, &s->timer);
	table_remove(w->by_call_id, &s->by_call_id);
	table_remove(w->by_owner, &s->by_owner);
	dialog_clear(&s->dialog);
	free(s->aor);
	free(s);
}

/* NULL: it has ended. */
static struct ue *find_ue(const struct watch *s)
{
	char id[UE_ID_BYTES];
	snprintf(id, sizeof(id), "%012llx", (unsigned long long)s->ue);
	struct ue *ue = ue_find_id(s->watches->ues, id);
	return ue && ue_registration(ue, s->aor) ? ue : NULL;
}

/* --- SUBSCRIBE --- */

static int fill_subscribe(const struct watch *s, struct sip *r)
{
	char host[ADDRESS_TEXT_BYTES], contact[128], seconds[16];
	snprintf(contact, sizeof(contact), "<sip:%s>",
		 address_print(&s->watches->core->local, host));
	snprintf(seconds, sizeof(seconds), "%u", WATCH_EXPIRES_S);
	int error = osip_message_set_contact(r->osip, contact) ? -ENOMEM : 0;
	if (!error)
		error = sip_header_add(r, "Event", "reg");
	if (!error)
		error = sip_header_add(r, "Expires", seconds);
	if (!error)
		error = sip_header_add(r, "Accept", REGINFO_TYPE);
	/* As which we are in the Path: 24.229 5.2.3. */
	if (!error)
		error = sip_header_add(r, "P-Asserted-Identity", s->dialog.local);
	return error ? error : pcscf_add_charging(r);
}

static void on_response(void *user, struct sip *response);
static void on_end(void *user);

/* The first one finds its way by the I-CSCF, later ones by the dialog. Returns 0 or -errno. */
static int subscribe(struct watch *s)
{
	struct watches *w = s->watches;
	struct path path = { .endpoint = w->core, .peer = w->icscf };
	struct client_user user = { on_response, on_end, NULL };
	struct asking *a = calloc(1, sizeof(*a));
	struct sip *r = dialog_request(&s->dialog, "SUBSCRIBE");
	int error = a && r ? fill_subscribe(s, r) : -ENOMEM;
	if (!error && s->dialog.remote_tag)
		error = sip_next_hop(r, &path.peer, &path.tcp);
	if (error) {
		sip_free(r);
		free(a);
		return error;
	}
	user.user = a;
	error = proxy_request(w->proxy, r, &path, user);
	if (error) {
		free(a);
		return error;
	}
	a->watch = s;
	s->pending = a;
	w->counters.subscribe_tx++;
	return 0;
}

/* When to look again: the refresh (24.229 5.2.3), but no later than the registration may end. */
static void set_timer(struct watch *s, const struct ue *ue)
{
	struct loop *loop = s->watches->loop;
	uint64_t now_ms = loop_now_ms(loop);
	uint64_t left_ms = s->expires_ms > now_ms ? s->expires_ms - now_ms : 0;
	uint64_t delay_ms = left_ms > 2 * REFRESH_MS ? left_ms - REFRESH_MS : left_ms / 2;
	uint64_t ends_ms = ue_registration(ue, s->aor)->expires_ms + UE_EXPIRY_MARGIN_S * 1000;
	if (ends_ms - now_ms < delay_ms)
		delay_ms = ends_ms - now_ms;
	timer_set(loop, &s->timer, delay_ms);
}

static void on_timer(void *user)
{
	struct watch *s = user;
	const struct ue *ue = find_ue(s);
	uint64_t now_ms = loop_now_ms(s->watches->loop);
	uint64_t left_ms = s->expires_ms > now_ms ? s->expires_ms - now_ms : 0;
	if (!ue || !left_ms) {
		watch_free(s);
		return;
	}
	if (left_ms <= REFRESH_MS && !s->pending && subscribe(s))
		s->watches->counters.subscribe_failed++;
	set_timer(s, ue);
}

static void on_response(void *user, struct sip *response)
{
	struct asking *a = user;
	struct watch *s = a->watch;
	int status = response ? sip_status(response) : 408;
	if (!s || status < 200) {
		sip_free(response);
		return;
	}
	struct watches *w = s->watches;
	const struct ue *ue = find_ue(s);
	s->pending = NULL;
	a->watch = NULL;
	if (status >= 300 || dialog_confirm(&s->dialog, response) || !ue) {
		w->counters.subscribe_failed += status >= 300;
		watch_free(s); /* the next REGISTER of the UE tries anew */
	} else {
		uint32_t expires_s = sip_header_number(response, "Expires", WATCH_EXPIRES_S);
		s->expires_ms = loop_now_ms(w->loop) + (uint64_t)expires_s * 1000;
		set_timer(s, ue);
	}
	sip_free(response);
}

static void on_end(void *user)
{
	struct asking *a = user;
	if (a->watch)
		a->watch->pending = NULL;
	free(a);
}

static struct watch *watch_new(struct watches *w, const struct ue *ue, const char *aor)
{
	const struct ue_registration *r = ue_registration(ue, aor);
	char host[ADDRESS_TEXT_BYTES], id[UE_ID_BYTES], us[128], user[SIP_VALUE_BYTES + 2];
	struct watch *s = r && table_count(w->by_owner) < w->max ? calloc(1, sizeof(*s)) : NULL;
	if (!s)
		return NULL;
	snprintf(us, sizeof(us), "<sip:%s@%s>", ue_id_text(ue, id),
		 address_print(&w->core->local, host));
	snprintf(user, sizeof(user), "<%s>", r->identities[0]);
	s->watches = w;
	s->ue = ue->id;
	s->version = -1;
	s->expires_ms = loop_now_ms(w->loop) + WATCH_EXPIRES_S * UINT64_C(1000);
	s->aor = strdup(aor);
	timer_init(&s->timer, on_timer, s);
	if (!s->aor || dialog_begin(&s->dialog, us, user, r->identities[0])) {
		dialog_clear(&s->dialog);
		free(s->aor);
		free(s);
		return NULL;
	}
	table_add(w->by_call_id, &s->by_call_id, hash_text(w->by_call_id, 0, s->dialog.call_id));
	table_add(w->by_owner, &s->by_owner, hash_text(w->by_owner, ue->id, aor));
	return s;
}

void watches_begin(struct watches *w, const struct ue *ue, const char *aor)
{
	if (find_owner(w, ue->id, aor))
		return;
	struct watch *s = watch_new(w, ue, aor);
	if (s && !subscribe(s))
		return;
	w->counters.subscribe_failed++;
	if (s)
		watch_free(s);
}

/* --- NOTIFY --- */

/* Whether a contact is where this UE is: at its address, and at a port_us of its SAs. */
static bool is_at(const struct ue *ue, const char *uri)
{
	struct address a;
	osip_uri_t *parsed;
	if (osip_uri_init(&parsed))
		return false;
	int error = osip_uri_parse(parsed, uri) ? -EINVAL : sip_uri_address(parsed, &a);
	osip_uri_free(parsed);
	if (error || !address_same_host(&a, &ue->host))
		return false;
	for (unsigned i = 0; i < ue->n_sets; i++)
		if (ue->sets[i]->ports.us == a.port)
			return true;
	return false;
}

static bool has_identity(const struct ue_registration *r, const char *aor)
{
	for (unsigned i = 0; i < r->n_identities; i++)
		if (!strcmp(r->identities[i], aor))
			return true;
	return !strcmp(r->aor, aor);
}

/*
 * What the document says of this registration: a whole one that names no active contact of ours
 * ends it, one of changes only if it says so. Another contact of the user is not our business.
 */
static void obey(struct watch *s, struct ue *ue)
{
	struct watches *w = s->watches;
	const struct ue_registration *r = ue_registration(ue, s->aor);
	const char *active[UE_IDENTITIES];
	unsigned n_active = 0;
	const struct reginfo_contact *shortened = NULL;
	bool is_ended = !w->info.is_partial;
	for (unsigned i = 0; i < w->info.n_contacts; i++) {
		const struct reginfo_contact *c = &w->info.contacts[i];
		if (!has_identity(r, c->aor) && (w->info.is_partial || !c->is_active))
			continue;
		if (c->uri[0] && !is_at(ue, c->uri))
			continue;
		if (!c->is_active) {
			is_ended |= !strcmp(c->aor, s->aor);
			continue;
		}
		is_ended = false;
		if (c->event == REGINFO_SHORTENED && c->has_expires)
			shortened = c;
		if (n_active < UE_IDENTITIES)
			active[n_active++] = c->aor;
	}
	if (is_ended) {
		w->counters.ended++;
		ue_ended(ue, s->aor);
		return;
	}
	if (!w->info.is_partial)
		ue_set_identities(ue, s->aor, active, n_active);
	if (shortened) {
		w->counters.shortened++;
		ue_shortened(ue, s->aor, shortened->expires_s);
	}
}

static bool is_reg(const struct sip *r)
{
	const char *event = sip_header(r, "Event", 0);
	return event && !strncasecmp(event, "reg", 3) && strchr(" \t;", event[3]);
}

static bool is_over(const struct sip *r)
{
	static const char terminated[] = "terminated";
	const char *state = sip_header(r, "Subscription-State", 0);
	size_t n = sizeof(terminated) - 1;
	return state && !strncasecmp(state, terminated, n) && strchr(" \t;", state[n]);
}

/* Returns the status to answer. */
static int read_notify(struct watch *s, const struct sip *r)
{
	struct watches *w = s->watches;
	if (!is_reg(r))
		return 489;
	if (!dialog_advance(&s->dialog, r))
		return 500;
	if (dialog_confirm(&s->dialog, r))
		return 400;
	w->info.n_contacts = 0;
	if (!r->body_bytes)
		return 200; /* nothing known yet, which RFC 6665 4.2.1.2 allows */
	const char *type = sip_header(r, "Content-Type", 0);
	size_t n = strlen(REGINFO_TYPE);
	if (!type || strncasecmp(type, REGINFO_TYPE, n) || !strchr(" \t;", type[n]))
		return 415;
	return reginfo_read(r->body, r->body_bytes, &w->info) ? 400 : 200;
}

void watches_notified(struct watches *w, struct server_txn *x)
{
	const struct sip *r = server_txn_request(x);
	struct watch *s = find_dialog(w, r);
	struct ue *ue = s ? find_ue(s) : NULL;
	w->counters.notify_rx++;
	int status = s ? read_notify(s, r) : 481;
	bool has_state = status == 200 && r->body_bytes, over = s && is_over(r);
	w->counters.notify_refused += status != 200;
	if (s && !ue && !over)
		status = 481; /* it is about nobody any more: RFC 6665 4.1.3 */
	server_txn_answer(x, status);
	if (!s)
		return;
	if (ue && has_state && w->info.version > s->version) {
		s->version = w->info.version;
		obey(s, ue);
	}
	if (over || !find_ue(s))
		watch_free(s);
	else
		set_timer(s, ue);
}

/* --- life --- */

struct watches *watches_new(struct loop *loop, struct proxy *proxy, struct ues *ues,
			    const struct endpoint *core, const struct address *icscf, uint32_t max)
{
	struct watches *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->loop = loop;
	w->proxy = proxy;
	w->ues = ues;
	w->core = (struct endpoint *)core;
	w->icscf = *icscf;
	w->max = max;
	w->by_call_id = table_new(max / 4);
	w->by_owner = table_new(max / 4);
	if (!w->by_call_id || !w->by_owner) {
		watches_free(w);
		return NULL;
	}
	return w;
}

static void free_one(void *user, struct table_node *n)
{
	watch_free(table_entry(n, struct watch, by_call_id));
}

void watches_free(struct watches *w)
{
	if (!w)
		return;
	if (w->by_call_id && w->by_owner)
		table_visit(w->by_call_id, free_one, NULL);
	table_free(w->by_call_id);
	table_free(w->by_owner);
	free(w);
}

uint32_t watches_count(const struct watches *w)
{
	return (uint32_t)table_count(w->by_owner);
}

const struct watch_counters *watches_counters(const struct watches *w)
{
	return &w->counters;
}
