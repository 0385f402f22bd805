#include "controlplane/pcscf_watch.h"

#include <errno.h>
#include <openssl/hmac.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "controlplane/charging.h"
#include "controlplane/pcscf_impl.h"
#include "controlplane/pcscf_watch_impl.h"
#include "controlplane/proxy.h"
#include "controlplane/sip_route.h"
#include "controlplane/ue.h"

#define REFRESH_MS 600000 /* before the end of a subscription: 24.229 5.2.3 */

/* A SUBSCRIBE on its way; the client transaction owns it. */
struct asking {
	struct watch *watch; /* NULL: it is gone */
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

struct watch *watch_find(const struct watches *w, const struct sip *request)
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

void watch_free(struct watch *s)
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

struct ue *watch_ue(const struct watch *s)
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
	snprintf(contact, sizeof(contact), "<sip:%s%s>",
		 address_print(&s->watches->core->local, host),
		 transport_uri_parameter(s->watches->core));
	snprintf(seconds, sizeof(seconds), "%u", WATCH_EXPIRES_S);
	int error = sip_contact_add(r, contact);
	if (!error)
		error = sip_header_add(r, "Event", "reg");
	if (!error)
		error = sip_header_add(r, "Expires", seconds);
	if (!error)
		error = sip_header_add(r, "Accept", REGINFO_TYPE);
	/* As which we are in the Path: 24.229 5.2.3. */
	if (!error)
		error = sip_header_add(r, "P-Asserted-Identity", s->dialog.local);
	return error ? error : charging_begin(r);
}

static void renew(struct watch *s, const struct ue *ue);
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
void watch_set_timer(struct watch *s, const struct ue *ue)
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
	const struct ue *ue = watch_ue(s);
	uint64_t now_ms = loop_now_ms(s->watches->loop);
	uint64_t left_ms = s->expires_ms > now_ms ? s->expires_ms - now_ms : 0;
	if (!ue || !left_ms) {
		watch_free(s);
		return;
	}
	if (left_ms <= REFRESH_MS && !s->pending && subscribe(s))
		s->watches->counters.subscribe_failed++;
	watch_set_timer(s, ue);
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
	const struct ue *ue = watch_ue(s);
	bool is_forgotten = status == 481 && s->dialog.remote_tag;
	s->pending = NULL;
	a->watch = NULL;
	if (status >= 300 || dialog_confirm(&s->dialog, response) || !ue) {
		w->counters.subscribe_failed += status >= 300;
		renew(s, is_forgotten ? ue : NULL);
	} else {
		uint32_t expires_s = sip_header_number(response, "Expires", WATCH_EXPIRES_S);
		s->expires_ms = loop_now_ms(w->loop) + (uint64_t)expires_s * 1000;
		watch_set_timer(s, ue);
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

/* In a new dialog, after an S-CSCF that has forgotten the old one; else with the next REGISTER. */
static void renew(struct watch *s, const struct ue *ue)
{
	struct watches *w = s->watches;
	char *aor = s->aor;
	s->aor = NULL;
	watch_free(s);
	if (ue)
		watches_begin(w, ue, aor, false);
	free(aor);
}

/* The UE's id, and something of its own. */
#define CALL_ID_BYTES (UE_ID_BYTES + SIP_TAG_BYTES)

static void make_call_id(const struct ue *ue, char out[static CALL_ID_BYTES])
{
	char id[UE_ID_BYTES], random[SIP_TAG_BYTES];
	sip_random_tag(random);
	snprintf(out, CALL_ID_BYTES, "%s-%s", ue_id_text(ue, id), random);
}

/* The tag of ours that goes with a Call-ID and a registration. False: it cannot be made. */
static bool make_tag(const struct watches *w, const char *call_id, const char *aor,
		     char tag[static SIP_TAG_BYTES])
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	char text[CALL_ID_BYTES + SIP_VALUE_BYTES];
	int n = snprintf(text, sizeof(text), "%s %s", call_id, aor);
	if (n < 0 || (size_t)n >= sizeof(text) ||
	    !HMAC(EVP_sha256(), w->key, WATCH_KEY_BYTES, (unsigned char *)text, (size_t)n, mac,
		  NULL))
		return false;
	for (unsigned i = 0; i < 8; i++)
		snprintf(tag + 2 * (size_t)i, 3, "%02x", mac[i]);
	return true;
}

static struct watch *watch_new(struct watches *w, const struct ue *ue, const char *aor,
			       const char *call_id)
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
	if (!s->aor || dialog_begin(&s->dialog, us, user, r->identities[0], call_id) ||
	    !make_tag(w, call_id, aor, s->dialog.local_tag)) {
		dialog_clear(&s->dialog);
		free(s->aor);
		free(s);
		return NULL;
	}
	table_add(w->by_call_id, &s->by_call_id, hash_text(w->by_call_id, 0, s->dialog.call_id));
	table_add(w->by_owner, &s->by_owner, hash_text(w->by_owner, ue->id, aor));
	return s;
}

/* Of the UE whose id its Call-ID begins with, that with the tag. */
struct watch *watch_restore(struct watches *w, const struct sip *request, uint32_t expires_s)
{
	char call_id[CALL_ID_BYTES], id[UE_ID_BYTES], tag[SIP_TAG_BYTES];
	const char *to = sip_to_tag(request);
	int n = sip_call_id(request, call_id, sizeof(call_id));
	if (n < UE_ID_BYTES || call_id[UE_ID_BYTES - 1] != '-' || !to)
		return NULL;
	memcpy(id, call_id, UE_ID_BYTES - 1);
	id[UE_ID_BYTES - 1] = '\0';
	const struct ue *ue = ue_find_id(w->ues, id);
	struct watch *s = NULL;
	for (const struct ue_registration *r = ue ? ue->registrations : NULL; r && !s;
	     r = r->next) {
		const char *aor = r->aor;
		if (make_tag(w, call_id, aor, tag) && !strcmp(tag, to) &&
		    !find_owner(w, ue->id, aor))
			s = watch_new(w, ue, aor, call_id);
	}
	if (!s)
		return NULL;
	s->expires_ms = loop_now_ms(w->loop) + (uint64_t)expires_s * 1000;
	/* Above all that it had before: RFC 3261 8.1.1.5 has a clock for that. */
	s->dialog.local_cseq = (uint32_t)time(NULL) & INT32_MAX;
	w->counters.restored++;
	return s;
}

void watches_begin(struct watches *w, const struct ue *ue, const char *aor, bool is_challenged)
{
	struct watch *s = find_owner(w, ue->id, aor);
	if (s && (!is_challenged || s->pending))
		return;
	if (!s) {
		char call_id[CALL_ID_BYTES];
		make_call_id(ue, call_id);
		s = watch_new(w, ue, aor, call_id);
	}
	if (s && !subscribe(s))
		return;
	w->counters.subscribe_failed++;
	if (s)
		watch_free(s);
}

/* --- life --- */

struct watches *watches_new(struct loop *loop, struct proxy *proxy, struct ues *ues,
			    const struct endpoint *core, const struct address *icscf,
			    const uint8_t *key, uint32_t max)
{
	struct watches *w = calloc(1, sizeof(*w));
	if (!w)
		return NULL;
	w->loop = loop;
	w->proxy = proxy;
	w->ues = ues;
	w->core = (struct endpoint *)core;
	w->icscf = *icscf;
	w->key = key;
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
