#include "tools/ue/ue.h"

#include <stdio.h>
#include <string.h>

#include "crypto/wipe.h"
#include "tools/ue/fleet.h"

#define MAX_OFFERS 4 /* client ports tried in one registration */

/* New SPIs and the next client port for a set that may come of the next challenge. */
static bool renew_offer(struct ue *u)
{
	struct sa_table *sas = u->fleet->bump.sas;
	struct secagree *offer = &u->attempt.offer;

	sa_spi_give(sas, offer->spi_c);
	sa_spi_give(sas, offer->spi_s);
	offer->spi_c = sa_spi_take(sas);
	offer->spi_s = sa_spi_take(sas);
	if (ue_does(u, UE_SAME_PORT))
		u->next_uc = 0;
	offer->port_c = (uint16_t)(UE_PORT_UC_FIRST + u->next_uc);
	offer->port_s = UE_PORT_US;
	u->next_uc = (uint16_t)((u->next_uc + 1) % UE_N_PORT_UC);
	return offer->spi_c && offer->spi_s;
}

/* Security-Server word by word; only blanks go when the message has to be short. */
static void put_verify(struct sip_text *t, const char *verify)
{
	char text[UE_VERIFY_BYTES];
	size_t used = 0;
	bool quoted = false;

	for (; *verify; verify++) {
		quoted ^= *verify == '"';
		if (!t->compact || quoted || (*verify != ' ' && *verify != '\t'))
			text[used++] = *verify;
	}
	text[used] = '\0';
	sip_put_header(t, "Security-Verify", "%s", text);
}

/* The same with another value of its last parameter: a port, an SPI or a preference. */
static void put_changed_parameter(struct sip_text *t, const char *verify)
{
	char text[UE_VERIFY_BYTES];
	size_t at = strlen(verify);

	memcpy(text, verify, at + 1);
	while (at && (text[at] < '0' || text[at] > '9'))
		at--;
	text[at] = text[at] == '1' ? '2' : '1';
	put_verify(t, text);
}

/* The same with the last one first; of one alone, nothing. */
static void put_reordered(struct sip_text *t, const char *verify)
{
	const char *comma = strrchr(verify, ',');
	char text[UE_VERIFY_BYTES] = "none";

	if (comma)
		snprintf(text, sizeof(text), "%s,%.*s", comma + 1, (int)(comma - verify), verify);
	put_verify(t, text);
}

static void put_agreement(const struct ue *u, struct sip_text *t)
{
	const struct agreement *over = u->request.over;
	struct secagree own = u->attempt.offer;

	if (over && ue_does(u, UE_CHANGED_CLIENT))
		own.spi_s ^= 1;
	if (ue_does(u, UE_MERELY_SUPPORTED)) {
		sip_put_header(t, "Supported", "sec-agree");
	} else {
		sip_put_header(t, "Require", "sec-agree");
		sip_put_header(t, "Proxy-Require", "sec-agree");
	}
	sip_put(t, "Security-Client: ");
	secagree_put_client(t, &own, u->fleet->options.offered);
	sip_put(t, "\r\n");
	if (over && ue_does(u, UE_CHANGED_VERIFY))
		put_verify(t, strchr(over->verify, ',') ? strchr(over->verify, ',') + 1 : "none");
	else if (over && ue_does(u, UE_CHANGED_PARAMETER))
		put_changed_parameter(t, over->verify);
	else if (over && ue_does(u, UE_REORDERED_VERIFY))
		put_reordered(t, over->verify);
	else if (over)
		put_verify(t, over->verify);
}

/* SM1, SM7 and all between: TS 24.229 5.1.1.2, 5.1.1.4, 5.1.1.5. */
static void put_register(const struct ue *u, struct sip_text *t)
{
	const struct agreement *over = u->request.over;
	const struct attempt *a = &u->attempt;
	char host[ADDRESS_TEXT_BYTES];
	const char *impu = over && ue_does(u, UE_FOREIGN_IMPU) ? ue_next(u)->subscriber->impu
							       : u->subscriber->impu;

	request_put_head(u, t, u->home, impu, u->call_id);
	if (ue_does(u, UE_TWO_VIAS))
		sip_put_header(t, "Via", "SIP/2.0/UDP %s;branch=z9hG4bKbefore", ue_foreign(u));
	sip_put_header(t, "Contact", "<sip:%s:%u%s%s>",
		       ue_does(u, UE_FOREIGN_CONTACT) ? ue_foreign(u) : ue_host(u, over, host),
		       UE_PORT_US, u->fleet->options.tcp ? ";transport=tcp" : "",
		       u->fleet->options.emergency ? ";sos" : "");
	auth_put(t, &a->answer);
	sip_put_header(t, "Expires", "%u", a->expires_s);
	sip_put_header(t, "Supported", "path");
	if (!ue_does(u, UE_NO_AGREEMENT))
		put_agreement(u, t);
	sip_put_header(t, "P-Access-Network-Info", "IEEE-802.3");
	sip_put_header(t, "Content-Length", "0");
	sip_put(t, "\r\n");
}

void register_offer(struct ue *u)
{
	if (!renew_offer(u))
		ue_finish(u, "no-spi");
	else
		request_send(u, "REGISTER", u->task == UE_REGISTER ? NULL : u->current,
			     put_register);
}

void register_confirm(struct ue *u)
{
	const struct agreement *over = u->attempt.made;

	if (ue_does(u, UE_EARLY_REQUEST)) {
		request_send(u, "OPTIONS", u->attempt.made, talk_put_options);
		return;
	}
	u->attempt.answer.claims_protection = ue_does(u, UE_FORGED_INDICATOR);
	if (ue_does(u, UE_CLEAR_RESPONSE) || ue_does(u, UE_FORGED_INDICATOR))
		over = NULL;
	request_send(u, "REGISTER", over, put_register);
}

void register_start(struct ue *u)
{
	struct attempt *a = &u->attempt;

	memset(a, 0, sizeof(*a));
	a->expires_s = u->task == UE_DEREGISTER ? 0 : u->fleet->options.expires_s;
	a->answer.username = u->subscriber->impi;
	a->answer.realm = u->subscriber->realm;
	a->answer.uri = u->home;
	register_offer(u);
}

void register_drop(struct ue *u)
{
	struct attempt *a = &u->attempt;
	struct sa_table *sas = u->fleet->bump.sas;

	if (a->made) {
		agreement_delete(a->made); /* with its SPIs */
	} else {
		sa_spi_give(sas, a->offer.spi_c);
		sa_spi_give(sas, a->offer.spi_s);
	}
	wipe(a, sizeof(*a));
}

/* ---- the end ---- */

/* What later requests need. False: more than we can hold. */
static bool keep_routes(struct ue *u, const struct sip_message *ok)
{
	struct view value, own = sip_uri(sip_header(ok, "P-Associated-URI", 0));
	size_t used = 0;

	for (unsigned i = 0; (value = sip_header(ok, "Service-Route", i)).at; i++) {
		int n = snprintf(u->service_route + used, sizeof(u->service_route) - used, "%s%.*s",
				 i ? ", " : "", (int)value.bytes, value.at);

		used += (size_t)n;
		if (used >= sizeof(u->service_route))
			return false;
	}
	u->service_route[used] = '\0';
	if (own.bytes >= sizeof(u->impu))
		return false;
	if (own.bytes)
		snprintf(u->impu, sizeof(u->impu), "%.*s", (int)own.bytes, own.at);
	return true;
}

/* The new set takes over at once (C-086 b); what becomes of the old ones: C-085, C-086 a. */
static void take_over(struct ue *u)
{
	struct agreement *old = u->current;

	u->current = u->attempt.made;
	u->attempt.made = NULL;
	u->attempt.offer = (struct secagree){ 0 };
	if (old && u->task != UE_REGISTER) {
		agreement_retire(old);
		return;
	}
	if (old)
		agreement_delete(old);
	while (u->retired) {
		old = u->retired;
		u->retired = old->next;
		agreement_delete(old);
	}
}

/* The last REGISTER was an answer that needs no SAs: C-145. */
static bool has_answered_without(const struct ue *u)
{
	const struct auth_answer *answer = &u->attempt.answer;

	return ue_does_without(u) && *answer->response && !answer->auts;
}

static void succeeded(struct ue *u, const struct sip_message *ok)
{
	if (u->task == UE_REGISTER && !u->attempt.made && !has_answered_without(u)) {
		ue_finish(u, "unchallenged"); /* C-001: nobody has proved anything */
		return;
	}
	if (u->attempt.made)
		take_over(u);
	if (u->task == UE_DEREGISTER) {
		if (u->current)
			agreement_retire(u->current); /* C-089 */
		u->current = NULL;
	} else if (!keep_routes(u, ok)) {
		ue_finish(u, "routes-too-long");
		return;
	}
	ue_finish(u, NULL);
}

/*
 * The P-CSCF refuses a port_uc that it still knows from an earlier life of this UE, or of another
 * with its address (C-053 b): the next one will do.
 */
static bool may_offer_again(struct ue *u, unsigned status)
{
	return status == 400 && u->task == UE_REGISTER && !u->attempt.made &&
	       ++u->attempt.n_refused < MAX_OFFERS;
}

void register_answered(struct ue *u, const struct sip_message *answer)
{
	if (answer->status < 300)
		succeeded(u, answer);
	else if (answer->status == 401 && !u->attempt.made && !has_answered_without(u))
		challenge_received(u, answer);
	else if (may_offer_again(u, answer->status))
		register_offer(u);
	else
		ue_finish_status(u, answer->status);
}
