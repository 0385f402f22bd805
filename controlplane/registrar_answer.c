#include "controlplane/registrar_impl.h"

#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>

#include "configs/config.h"
#include "controlplane/challenge.h"
#include "controlplane/kept_answer.h"
#include "controlplane/registrar.h"
#include "controlplane/registration.h"
#include "controlplane/sip.h"
#include "controlplane/txn.h"
#include "crypto/wipe.h"

static struct sip *new_answer(struct server_txn *x, int status)
{
	char tag[SIP_TAG_BYTES];

	sip_random_tag(tag);
	return sip_response(server_txn_request(x), status, NULL, tag);
}

/* Sends it, or frees it when writing it has failed. */
static int finish(struct server_txn *x, struct sip *answer, int rc)
{
	if (rc < 0) {
		sip_free(answer);
		return rc;
	}
	return server_txn_respond(x, answer);
}

int registrar_answer_challenge(const struct registrar *r, struct server_txn *x,
			       const struct challenge *challenge)
{
	const char *realm = r->config->controlplane->realm;
	struct sip *answer = new_answer(x, 401);
	char header[CHALLENGE_HEADER_BYTES];
	int rc = 0;

	if (answer == NULL)
		return -ENOMEM;
	/* The strongest first: RFC 4169 5.1. */
	for (unsigned i = DIGEST_N_ALGORITHMS; rc >= 0 && i-- > 0;) {
		enum digest_algorithm algorithm = (enum digest_algorithm)i;

		if (!challenge_offers(&challenge->offer, algorithm))
			continue;
		rc = challenge_print(challenge, algorithm, realm, header, sizeof(header));
		if (rc >= 0)
			rc = sip_header_add(answer, "WWW-Authenticate", header);
	}
	wipe(header, sizeof(header));
	return finish(x, answer, rc);
}

/* The default identity first, as the HSS orders them; barred ones are not told. */
static int add_identities(struct sip *answer, const struct registration *g)
{
	char uri[CX_IDENTITY_BYTES + 2];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < g->n_impus; i++) {
		if (g->impus[i].is_barred)
			continue;
		snprintf(uri, sizeof(uri), "<%s>", g->impus[i].impu);
		rc = sip_header_add(answer, "P-Associated-URI", uri);
	}
	return rc;
}

static int add_binding(struct sip *answer, const struct registration *g)
{
	char value[SIP_VALUE_BYTES];
	int rc;

	snprintf(value, sizeof(value), "<%s>;expires=%u", g->binding.contact,
		 registration_expires_s(g));
	rc = sip_contact_add(answer, value);
	for (unsigned i = 0; rc == 0 && i < g->binding.n_paths; i++) {
		snprintf(value, sizeof(value), "<%s>", g->binding.paths[i]);
		rc = sip_header_add(answer, "Path", value);
	}
	return rc;
}

int registrar_answer_ok(const struct registrar *r, struct server_txn *x,
			const struct registration *g)
{
	struct sip *answer = new_answer(x, 200);
	int rc = 0;

	if (answer == NULL)
		return -ENOMEM;
	if (g != NULL) {
		rc = add_binding(answer, g);
		if (rc == 0)
			rc = sip_header_add(answer, "Service-Route", r->service_route);
		if (rc == 0)
			rc = add_identities(answer, g);
	}
	if (rc < 0) {
		sip_free(answer);
		return rc;
	}
	kept_answer(r->file, x, answer);
	return 0;
}

int registrar_answer_later(struct server_txn *x)
{
	struct sip *answer = new_answer(x, 503);

	if (answer == NULL)
		return -ENOMEM;
	return finish(x, answer, sip_header_add(answer, "Retry-After", "5"));
}

int registrar_answer_too_brief(const struct registrar *r, struct server_txn *x)
{
	struct sip *answer = new_answer(x, 423);
	char seconds[16];

	if (answer == NULL)
		return -ENOMEM;
	snprintf(seconds, sizeof(seconds), "%u", r->config->scscf->min_expires_s);
	return finish(x, answer, sip_header_add(answer, "Min-Expires", seconds));
}
