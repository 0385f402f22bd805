#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/credentials.h"
#include "controlplane/pcscf_impl.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_uri.h"

/* Each check returns 0 or the status to answer. */

static int check_address(struct attempt *a, const struct sip *r, const struct sa_set *set)
{
	struct pcscf *p = a->pcscf;
	if (sip_via(r, 1)) {
		p->counters.register_several_vias++;
		return 502; /* RFC 3329 2.3.1: agreement is with the first hop */
	}
	if (attempt_locate(a, r, set))
		return 0;
	p->counters.register_bad_address++;
	return 400;
}

/* Once for all that wants to know: it is read character by character. */
static void take_credentials(struct attempt *a, const struct credentials *c,
			     const struct sa_set *set)
{
	const char *nonce = credentials_get(c, "nonce");
	a->has_nonce = nonce && *nonce;
	a->has_response = screen_has_response(c);
	a->answers_set = set && set->challenge && nonce && !strcmp(nonce, set->challenge->nonce);
}

/* A failure report answers a challenge without a response: it wants no SA, seed 6.1.2.2. */
static bool is_failure_report(const struct attempt *a)
{
	return a->has_nonce && !a->has_response;
}

/* Wherever it came from: who knows the nonce has read the challenge. */
static uint64_t challenged_set(const struct attempt *a, const struct sa_set *set, const char *nonce)
{
	const struct pcscf *p = a->pcscf;
	const struct address *nat = a->outside.family ? &a->outside : NULL;
	const struct ue *ue = set ? set->ue : ue_find_impi(p->ues, p->zone, &a->peer, nat, a->impi);
	const struct sa_set *challenged = ue ? ue_set_by_nonce(ue, nonce) : NULL;
	return challenged ? challenged->registration : 0;
}

/* IMPI and the identity to register; 24.229 5.1.1.2.2. */
static int read_identities(struct attempt *a, const struct sip *r, const struct sa_set *set,
			   struct credentials *c)
{
	char aor[SIP_VALUE_BYTES];
	const char *value = sip_header(r, "Authorization", 0);
	if (!value || sip_header(r, "Authorization", 1) || credentials_parse(value, c))
		return 400;
	take_credentials(a, c, set);
	const char *impi = credentials_get(c, "username");
	if (!impi || !*impi || sip_to_aor(r, aor, sizeof(aor)) < 0)
		return 400;
	a->impi = strdup(impi);
	a->aor = strdup(aor);
	if (!a->impi || !a->aor)
		return 503;
	uint64_t challenged =
		a->has_nonce ? challenged_set(a, set, credentials_get(c, "nonce")) : 0;
	a->has_agreed = challenged != 0;
	if (is_failure_report(a))
		a->reported = challenged;
	return 0;
}

/*
 * A set protects the registrations of its own IMPI alone: else one subscriber's SA would vouch for
 * another's REGISTER.
 */
static int check_owner(struct pcscf *p, const struct attempt *a, const struct sa_set *set)
{
	if (!set || !set->ue->impi[0] || !strcmp(set->ue->impi, a->impi))
		return 0;
	p->counters.register_foreign_impi++;
	return 403;
}

/* C-057 (a): what an unprotected REGISTER without a usable offer is told. */
static int refuse_agreement(struct pcscf *p, const struct sip *r)
{
	bool demanded = sip_option_has(r, "Require", "sec-agree") ||
			sip_option_has(r, "Proxy-Require", "sec-agree");
	if (demanded || sip_option_has(r, "Supported", "sec-agree")) {
		p->counters.register_bad_agreement++;
		return 494;
	}
	p->counters.register_no_agreement++;
	return 421;
}

/* C-145: the policy of SAs is not to be in the way of an emergency, if the operator wants so. */
static bool may_be_open(const struct attempt *a)
{
	return a->is_emergency &&
	       a->pcscf->config->emergency_registration == CONFIG_EMERGENCY_UNPROTECTED;
}

static int read_offer(struct attempt *a, const struct sip *r, const struct sa_set *set)
{
	struct pcscf *p = a->pcscf;
	struct secagree_list client;
	const osip_contact_t *contact = sip_contact(r, 0);
	int status = 0;
	a->is_emergency = contact && sip_uri_is_emergency(contact->url);
	if (secagree_read(r, "Security-Client", &client)) {
		p->counters.register_malformed++;
		status = 400;
	}
	const struct secagree_offer *offer =
		status ? NULL : secagree_choose(&client, attempt_policy(a));
	bool demanded = sip_option_has(r, "Require", "sec-agree") ||
			sip_option_has(r, "Proxy-Require", "sec-agree");
	if (offer && (set || demanded)) {
		a->offer = *offer;
		a->has_offer = true;
		a->client = strdup(client.text);
		if (!a->client)
			status = 503;
	} else if (!status && !set && may_be_open(a)) {
		a->is_open = true;
		p->counters.emergency_unprotected++;
	} else if (!status && !set && !is_failure_report(a)) {
		status = refuse_agreement(p, r);
	}
	return status;
}

/* Whether Security-Verify lists this. Most UEs send back what they got, and that needs no reading.
 */
static bool verifies(const struct sip *r, const char *server)
{
	struct secagree_list own, verify;
	const char *line = sip_header(r, "Security-Verify", 0);
	if (line && !strcmp(line, server) && !sip_header(r, "Security-Verify", 1))
		return true;
	secagree_init(&own);
	return !secagree_add(&own, server) && !secagree_read(r, "Security-Verify", &verify) &&
	       !strcmp(verify.text, own.text);
}

/* What was agreed must come back unchanged: C-056. */
static int check_verify(struct pcscf *p, const struct sip *r, const struct sa_set *set,
			const char *client)
{
	char server[SECAGREE_TEXT_BYTES];
	int n = set ? ue_set_print_server(set, server, sizeof(server)) : 0;
	if (n == 0)
		return 0; /* nobody knows what was agreed on an adopted set */
	if (n < 0)
		return 503;
	bool same = verifies(r, server);
	if (set->state == SET_TEMPORARY)
		same = same && client && !strcmp(client, set->challenge->client);
	if (same)
		return 0;
	p->counters.register_bad_agreement++;
	return 494;
}

/* A set-up whose inbound tuple belongs to another set is refused: C-053 (b). */
static int check_ports(const struct attempt *a, const struct sa_set *set)
{
	struct pcscf *p = a->pcscf;
	if (!a->has_offer || (set && set->state == SET_TEMPORARY))
		return 0;
	if (set && set->ports.uc == a->offer.port_c)
		return 0; /* the offer is the old one again: it will not be challenged with it */
	if (!ue_port_uc_in_use(p->ues, p->zone, &a->peer, a->offer.port_c, a->impi, &a->origin))
		return 0;
	p->counters.register_port_in_use++;
	return 400;
}

int attempt_check(struct attempt *a, const struct sip *r, const struct sa_set *set,
		  struct credentials *authorization)
{
	struct pcscf *p = a->pcscf;
	int status = check_address(a, r, set);
	if (!status && (status = read_identities(a, r, set, authorization)) == 400)
		p->counters.register_malformed++;
	if (!status)
		status = check_owner(p, a, set);
	if (!status)
		status = read_offer(a, r, set);
	if (!status)
		status = check_verify(p, r, set, a->client);
	return status ? status : check_ports(a, set);
}
