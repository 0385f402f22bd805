#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/charging.h"
#include "controlplane/credentials.h"
#include "controlplane/kept_answer.h"
#include "controlplane/log.h"
#include "controlplane/pcscf_impl.h"
#include "controlplane/pcscf_watch.h"
#include "controlplane/sip_route.h"
#include "controlplane/text.h"
#include "controlplane/throttle.h"

static void attempt_free(void *user)
{
	struct attempt *a = user;
	pcscf_attempt_ended(a->pcscf);
	free(a->impi);
	free(a->aor);
	free(a->client);
	free(a);
}

struct sa_set *attempt_set(const struct attempt *a)
{
	return a->set ? ue_set_by_registration(a->pcscf->ues, a->set) : NULL;
}

/* 421 and 494 say what would do: RFC 3329 2.3.1. */
static void answer_refusal(const struct secagree_policy *policy, struct server_txn *x,
			   const struct sa_set *set, int status)
{
	char server[SECAGREE_TEXT_BYTES];
	if (status == 503) {
		pcscf_answer_later(x);
		return;
	}
	if (status != 421 && status != 494) {
		server_txn_answer(x, status);
		return;
	}
	int n = set ? ue_set_print_server(set, server, sizeof(server)) : 0;
	if (n == 0)
		n = secagree_print_server(policy, NULL, server, sizeof(server));
	char tag[SIP_TAG_BYTES];
	sip_random_tag(tag);
	struct sip *answer =
		sip_response(server_txn_request(x), status,
			     status == 494 ? "Security Agreement Required" : NULL, tag);
	if (answer && n > 0 && !sip_header_add(answer, "Security-Server", server) &&
	    !sip_header_add(answer, "Require", "sec-agree")) {
		server_txn_respond(x, answer);
		return;
	}
	sip_free(answer);
	server_txn_answer(x, 503);
}

static void refuse(const struct secagree_policy *policy, struct server_txn *x,
		   const struct sa_set *set, int status)
{
	answer_refusal(policy, x, set, status);
	if (!set)
		server_txn_free(x); /* strangers get no memory: RFC 3261 8.2.7 */
}

/* --- the way to the I-CSCF --- */

static enum screen_protection protection(const struct sa_set *set)
{
	if (!set)
		return SCREEN_UNPROTECTED;
	if (set->state == SET_TEMPORARY)
		return SCREEN_TEMPORARY;
	return set->state == SET_ESTABLISHED ? SCREEN_LATEST : SCREEN_OTHER;
}

static bool is_protected(const struct attempt *a, const struct sa_set *set)
{
	if (!screen_is_protected(a->has_response, protection(set)))
		return false;
	return set->state != SET_TEMPORARY || a->answers_set;
}

/* Path: the way back to this UE, RFC 3327; its user part is the UE's id once it has one. */
static int add_path(const struct attempt *a, struct sip *s, const struct ue *ue)
{
	char host[ADDRESS_TEXT_BYTES], id[UE_ID_BYTES] = "", path[128];
	if (ue)
		ue_id_text(ue, id);
	struct text t = text_in(path, sizeof(path));
	text_put(&t, "<sip:");
	text_put(&t, id);
	text_put(&t, ue ? "@" : "");
	text_put(&t, address_print(&a->pcscf->core->local, host));
	text_put(&t, transport_uri_parameter(a->pcscf->core));
	text_put(&t, ";lr>");
	text_end(&t);
	int error = sip_header_add_first(s, "Path", path);
	return error ? error : sip_header_add(s, "Require", "path");
}

static int add_network(const struct pcscf *p, struct sip *s)
{
	char network[512];
	struct text t = text_in(network, sizeof(network));
	text_put(&t, "\"");
	text_put(&t, p->config->visited_network);
	text_put(&t, "\"");
	text_end(&t);
	int error = sip_header_set(s, "P-Visited-Network-ID", network);
	return error ? error : charging_begin(s);
}

/*
 * Who has agreed on SAs answers over them (C-036 b). A registrar may take the answer of an
 * emergency in the clear (C-145), and knows of no agreement: so one of another way is a first
 * REGISTER here.
 */
static bool begins_anew(const struct attempt *a)
{
	return a->is_emergency && a->has_response && !a->is_protected &&
	       (!a->is_open || a->has_agreed);
}

/* What leaves toward Mw. Returns 0 or the status to answer. */
static int screen(const struct attempt *a, struct sip *s, const struct sa_set *set,
		  struct credentials *authorization)
{
	struct pcscf *p = a->pcscf;
	enum screen_indicator indicator =
		p->config->indicator == CONFIG_INDICATOR_NO ? SCREEN_NO : SCREEN_NOTHING;
	if (a->is_protected)
		indicator = SCREEN_YES;
	if (screen_set_indicator_of(s, authorization, indicator))
		return 400;
	if (begins_anew(a) && screen_drop_response(s, authorization))
		return 503;
	screen_from_ue(s);
	sip_header_remove(s, "P-Preferred-Identity");
	sip_routes_clear(s); /* the next hop of a REGISTER is ours to choose */
	if (screen_end_agreement(s))
		return 503;
	if (add_path(a, s, set ? set->ue : NULL) || add_network(p, s))
		return 503;
	return 0;
}

/* --- the answer --- */

static bool is_own_contact(const struct attempt *a, const osip_contact_t *contact)
{
	const struct sa_set *set = attempt_set(a);
	return set && ue_is_at(set->ue, set, contact->url);
}

/* What the registrar granted: RFC 3261 10.2.4. 0 = this contact is not registered (any more). */
static uint32_t granted_expires(const struct attempt *a, const struct sip *ok)
{
	char expires[16];
	unsigned n = sip_count(ok, SIP_CONTACT), only = n;
	for (unsigned i = 0; i < n; i++)
		if (n == 1 || is_own_contact(a, sip_contact(ok, i)))
			only = i;
	if (only == n)
		return 0;
	int n_bytes = sip_contact_param(ok, only, "expires", expires, sizeof(expires));
	if (n_bytes < 1 || n_bytes > 9 || expires[strspn(expires, "0123456789")])
		return sip_header_number(ok, "Expires", 0);
	return (uint32_t)strtoul(expires, NULL, 10);
}

/* SM12: the registration stands, and with it the SA set. False: it must not go to the UE. */
static bool take_success(const struct attempt *a, const struct sip *ok)
{
	struct pcscf *p = a->pcscf;
	struct sa_set *set = attempt_set(a);
	if (a->is_open)
		return true; /* nothing is known of it here: its requests need SAs as ever */
	if (!set || !a->is_protected)
		return false; /* no registrar may accept what no SA protected: seed 5.1.2 */
	uint32_t expires_s = granted_expires(a, ok);
	struct ue *ue = set->ue;
	bool is_challenged = set->state == SET_TEMPORARY;
	if (ue_set_impi(ue, a->impi) || (expires_s && ue_registered(ue, ok, a->aor, expires_s)))
		return false; /* the sets stay as they are */
	if (expires_s == 0)
		p->counters.deregistered++;
	else if (set->state == SET_TEMPORARY)
		p->counters.registered++;
	else
		p->counters.refreshed++;
	if (set->state == SET_TEMPORARY)
		ue_set_established(set, expires_s);
	else if (expires_s)
		ue_set_refreshed(set, expires_s);
	if (!expires_s)
		return !ue_registered(ue, ok, a->aor, 0);
	if (p->watches)
		watches_begin(p->watches, ue, a->aor, is_challenged);
	return true;
}

/* After 423 the same answer is tried again; 5xx, and 408 of a silent core: nobody judged it. */
static bool is_verdict(int status)
{
	return status != 408 && status != 423 && (status < 500 || status >= 600);
}

/*
 * SM12 of a failure. The answer goes over the established set if there is one, else over the
 * temporary set before that ends: C-087 (b). Over TCP it goes where the request came from.
 */
static void take_failure(const struct attempt *a, struct server_txn *x, int status)
{
	struct sa_set *set = attempt_set(a);
	if (!set || set->state != SET_TEMPORARY || !is_verdict(status))
		return;
	a->pcscf->counters.authentication_failed++;
	struct sa_set *established = ue_established(set->ue);
	if (established && !a->tcp) {
		struct path path = ue_path(established);
		server_txn_set_reply(x, &path);
	}
	ue_set_failed(set);
}

/* What the UE reported has been heard, and is answered without the set: C-087 (a). */
static void end_reported(const struct attempt *a)
{
	struct sa_set *s = a->reported ? ue_set_by_registration(a->pcscf->ues, a->reported) : NULL;
	if (!s || s->state != SET_TEMPORARY || a->reported == a->set)
		return;
	a->pcscf->counters.authentication_failed++;
	ue_set_unanswered(s);
}

static bool on_response(void *user, struct server_txn *x, struct sip *response)
{
	struct attempt *a = user;
	int status = response ? sip_status(response) : 408;
	if (status >= 300 && is_verdict(status))
		end_reported(a);
	if (status == 401) {
		if (a->is_protected)
			take_failure(a, x, status); /* SM7 is to be judged: C-087 (a) */
		pcscf_challenge(a, x, response);
		return false;
	}
	if (status >= 300)
		take_failure(a, x, status);
	if (!response)
		return true;
	bool ok = screen_take_keys(response, NULL) == 0;
	if (status >= 200 && status < 300)
		ok = ok && take_success(a, response);
	screen_to_ue(response);
	if (ok && status >= 400 && !a->set) {
		server_txn_respond(x, response);
		server_txn_free(x); /* strangers get no memory: RFC 3261 8.2.7 */
		return false;
	}
	if (!ok) {
		log_warn("an answer to REGISTER that no UE may have: 500 instead");
		sip_free(response);
		server_txn_answer(x, 500);
	} else if (status >= 200 && status < 300) {
		kept_answer(a->pcscf->file, x, response);
		return false;
	}
	return ok;
}

static struct set_origin origin_of(const struct pcscf *p, const struct sip *r,
				   const struct sa_set *set)
{
	char call_id[SIP_VALUE_BYTES];
	if (sip_call_id(r, call_id, sizeof(call_id)) < 0)
		call_id[0] = '\0';
	return (struct set_origin){ .call = ues_call(p->ues, call_id),
				    .is_protected = set != NULL };
}

/* C-146 (a): what one source may ask for before it is known by an SA. */
static bool may_ask(struct pcscf *p, const struct source *source)
{
	char host[ADDRESS_TEXT_BYTES];
	const struct address stranger = address_source(&source->path.peer);
	if (source->sender)
		return true;
	return throttle_take(p->per_source, address_print_host(&stranger, host), "",
			     loop_now_ms(p->loop));
}

/* Returns 0, or the status to answer: then the attempt is the caller's still. */
static int send_on(struct attempt *a, struct server_txn *x, const struct sa_set *set)
{
	struct pcscf *p = a->pcscf;
	const struct sip *r = server_txn_request(x);
	struct credentials authorization;
	struct sip *copy = NULL;
	int status = attempt_check(a, r, set, &authorization);
	if (!status) {
		a->is_protected = is_protected(a, set);
		copy = sip_clone(r);
		status = copy ? screen(a, copy, set, &authorization) : 503;
	}
	if (status) {
		sip_free(copy);
		return status;
	}
	struct path path = { .endpoint = p->core, .peer = p->icscf };
	struct forward forward = { on_response, attempt_free, a };
	if (!proxy_forward(p->proxy, x, copy, &path, forward))
		p->counters.register_forwarded++;
	return 0;
}

void pcscf_register(struct pcscf *p, const struct source *source, struct server_txn *x)
{
	const struct sip *r = server_txn_request(x);
	const struct sa_set *set = source->sender;
	p->counters.register_rx++;
	if (!may_ask(p, source)) {
		p->counters.register_throttled++;
		refuse(&p->policy, x, set, 503);
		return;
	}
	struct attempt *a = calloc(1, sizeof(*a));
	if (!a) {
		refuse(&p->policy, x, set, 503);
		return;
	}
	*a = (struct attempt){ .pcscf = p,
			       .gm = pcscf_gm(p, source->path.endpoint),
			       .peer = source->path.peer,
			       .tcp = source->path.tcp,
			       .set = set ? set->registration : 0,
			       .origin = origin_of(p, r, set) };
	p->n_attempts++;
	int status = send_on(a, x, set);
	if (!status)
		return;
	const struct secagree_policy *policy = attempt_policy(a);
	attempt_free(a);
	refuse(policy, x, set, status);
}
