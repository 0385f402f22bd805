/* UAR and LIR: where a user's registrations and calls go. They change nothing. */
#include "controlplane/hss_procedures.h"

#include <errno.h>
#include <string.h>

#include "controlplane/roaming.h"

/* 1, 0, or -errno when the store failed. */
static int is_barred_whole(struct hss_subject *s)
{
	int rc = hss_read_set(s);

	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < s->n_set; i++) {
		if (!s->set[i].barred)
			return 0;
	}
	return 1;
}

_Static_assert(STORE_MAX_CAPABILITIES <= CX_MAX_CAPABILITIES, "an answer holds all of them");

static void give_capabilities(const struct store_capabilities *c, struct cx_capabilities *out)
{
	out->n_mandatory = c->n_mandatory;
	out->n_optional = c->n_optional;
	memcpy(out->mandatory, c->mandatory, sizeof(c->mandatory));
	memcpy(out->optional, c->optional, sizeof(c->optional));
}

/* TS 29.228 6.1.1.1 */
int hss_authorize(struct hss_subject *s, const struct cx_uar *r, struct cx_uaa *a)
{
	const char *scscf = s->subscriber.scscf;
	int rc;

	if (r->type > CX_AUTHORIZE_CAPABILITIES)
		return CX_UNABLE_TO_COMPLY;
	if (s->identity.barred && (rc = is_barred_whole(s)) != 0)
		return rc < 0 ? rc : CX_AUTHORIZATION_REJECTED;
	/* who leaves may be anywhere */
	if (r->type != CX_AUTHORIZE_DEREGISTRATION &&
	    !roaming_allows(s->roaming, r->visited_network))
		return CX_ROAMING_NOT_ALLOWED;
	if (r->type == CX_AUTHORIZE_DEREGISTRATION && s->identity.state != STORE_REGISTERED)
		return CX_IDENTITY_NOT_REGISTERED;
	if (r->type == CX_AUTHORIZE_CAPABILITIES || scscf[0] == '\0')
		give_capabilities(&s->subscriber.capabilities, &a->capabilities);
	if (r->type == CX_AUTHORIZE_CAPABILITIES)
		return CX_SUCCESS;
	if (cx_identity(a->server_name, scscf) < 0)
		return -EIO;
	if (r->type == CX_AUTHORIZE_DEREGISTRATION)
		return CX_SUCCESS;
	/* A name is stored from the MAR on: SM7 finds the S-CSCF that sent SM4 (C-018). */
	return scscf[0] != '\0' ? CX_SUBSEQUENT_REGISTRATION : CX_FIRST_REGISTRATION;
}

/*
 * TS 29.228 6.1.4.1. While the initial registration is pending the call goes to the S-CSCF that
 * runs it, which knows how to treat it (seed 6.1.1). Who is not registered is served, by policy, by
 * the S-CSCF that has been called for him before, or by one that the I-CSCF chooses.
 */
int hss_locate(struct hss_subject *s, const struct cx_lir *r, struct cx_lia *a)
{
	bool is_free = s->subscriber.scscf[0] == '\0';

	if (!s->unregistered_services && (is_free || s->identity.state == STORE_UNREGISTERED))
		return CX_IDENTITY_NOT_REGISTERED;
	if (is_free) {
		give_capabilities(&s->subscriber.capabilities, &a->capabilities);
		return CX_UNREGISTERED_SERVICE;
	}
	return cx_identity(a->server_name, s->subscriber.scscf) < 0 ? -EIO : CX_SUCCESS;
}
