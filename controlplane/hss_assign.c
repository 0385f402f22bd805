/* SAR: what becomes of the registration flag and the S-CSCF name. TS 29.228 6.1.2.1. */
#include "controlplane/hss_procedures.h"

#include <errno.h>
#include <string.h>

/* The implicit set goes to the S-CSCF, and from there to the P-CSCF (C-021). */
static int give_profile(const struct hss_subject *s, struct cx_saa *a)
{
	a->n_impus = s->n_set;
	for (unsigned i = 0; i < s->n_set; i++) {
		a->impus[i].barred = s->set[i].barred;
		if (cx_identity(a->impus[i].impu, s->set[i].impu) < 0)
			return -EIO;
	}
	return CX_SUCCESS;
}

/* The user is named to who has asked by an IMPU alone. */
static int give_user(const struct hss_subject *s, const struct cx_sar *r, struct cx_saa *a)
{
	if (r->impi[0] == '\0' && cx_identity(a->impi, s->subscriber.impi) < 0)
		return -EIO;
	return give_profile(s, a);
}

static bool is_registered_whole(const struct hss_subject *s)
{
	for (unsigned i = 0; i < s->n_set; i++) {
		if (s->set[i].state != STORE_REGISTERED)
			return false;
	}
	return true;
}

/* Written only when something changes: a re-registration costs no disk. */
static int set_registered(struct hss_subject *s, const struct cx_sar *r, struct cx_saa *a)
{
	int rc = is_registered_whole(s) ? 0
					: store_set_states(s->store, s->subscriber.id,
							   s->identity.implicit, STORE_REGISTERED);

	if (rc == 0 && strcmp(s->subscriber.scscf, r->server_name) != 0)
		rc = store_set_scscf(s->store, s->subscriber.id, r->server_name);
	return rc < 0 ? rc : give_profile(s, a);
}

/* The name stays while another set of the subscriber needs it. */
static int set_unregistered(struct hss_subject *s)
{
	int rc = store_set_states(s->store, s->subscriber.id, s->identity.implicit,
				  STORE_UNREGISTERED);

	if (rc == 0 && !s->is_needed)
		rc = store_set_scscf(s->store, s->subscriber.id, "");
	return rc < 0 ? rc : CX_SUCCESS;
}

/*
 * A failed or unanswered challenge ends a pending registration and touches no other (C-023, C-028,
 * C-030). The name stays while another identity of the user needs it.
 */
static int clear_pending(struct hss_subject *s)
{
	bool needed = s->is_needed;
	int rc;

	if (s->identity.state != STORE_PENDING)
		return CX_SUCCESS;
	rc = store_set_state(s->store, s->identity.impu, STORE_UNREGISTERED);
	for (unsigned i = 0; i < s->n_set; i++) {
		if (s->set[i].state != STORE_UNREGISTERED &&
		    strcmp(s->set[i].impu, s->identity.impu) != 0)
			needed = true;
	}
	if (rc == 0 && !needed)
		rc = store_set_scscf(s->store, s->subscriber.id, "");
	return rc < 0 ? rc : CX_SUCCESS;
}

/* By policy, as his location: TS 29.228 6.1.4.1 has a result for it, 6.1.2.1 has none. */
static int set_unregistered_user(struct hss_subject *s, const struct cx_sar *r, struct cx_saa *a)
{
	int rc = 0;

	if (s->identity.state == STORE_REGISTERED)
		return CX_ERROR_IN_ASSIGNMENT_TYPE;
	if (!s->unregistered_services)
		return CX_IDENTITY_NOT_REGISTERED;
	if (s->subscriber.scscf[0] == '\0')
		rc = store_set_scscf(s->store, s->subscriber.id, r->server_name);
	return rc < 0 ? rc : give_user(s, r, a);
}

/*
 * An S-CSCF that has lost a registration asks whose it was. There is nothing of ours that it could
 * have stored with us to restore it from, so the profile is all, and nothing changes. Who is
 * registered elsewhere is told apart from a failure of ours: he is refused, not asked to wait.
 */
static int restore(struct hss_subject *s, const struct cx_sar *r, struct cx_saa *a)
{
	if (s->identity.state != STORE_REGISTERED)
		return CX_ERROR_IN_ASSIGNMENT_TYPE;
	if (strcmp(s->subscriber.scscf, r->server_name) != 0)
		return CX_IDENTITY_ALREADY_REGISTERED;
	return give_user(s, r, a);
}

int hss_assign(struct hss_subject *s, const struct cx_sar *r, struct cx_saa *a)
{
	bool is_assigned = strcmp(s->subscriber.scscf, r->server_name) == 0;
	bool is_free = s->subscriber.scscf[0] == '\0';
	int rc;

	if (r->server_name[0] == '\0')
		return CX_UNABLE_TO_COMPLY;
	switch (r->type) {
	case CX_REGISTRATION:
		return is_assigned || is_free ? set_registered(s, r, a)
					      : CX_IDENTITY_ALREADY_REGISTERED;
	case CX_RE_REGISTRATION:
		if (s->identity.state != STORE_REGISTERED)
			return CX_ERROR_IN_ASSIGNMENT_TYPE;
		return is_assigned ? set_registered(s, r, a) : CX_IDENTITY_ALREADY_REGISTERED;
	case CX_UNREGISTERED_USER:
		return is_assigned || is_free ? set_unregistered_user(s, r, a)
					      : CX_IDENTITY_ALREADY_REGISTERED;
	case CX_TIMEOUT_DEREGISTRATION:
	case CX_USER_DEREGISTRATION:
	case CX_ADMINISTRATIVE_DEREGISTRATION:
	case CX_DEREGISTRATION_TOO_MUCH_DATA:
		if (is_free)
			return CX_SUCCESS;
		return is_assigned ? set_unregistered(s) : CX_UNABLE_TO_COMPLY;
	case CX_TIMEOUT_DEREGISTRATION_STORE_SERVER_NAME:
	case CX_USER_DEREGISTRATION_STORE_SERVER_NAME:
		/* An S-CSCF of ours keeps nothing of who has gone, hence no use for the name. */
		if (!is_free && !is_assigned)
			return CX_UNABLE_TO_COMPLY;
		rc = is_free ? CX_SUCCESS : set_unregistered(s);
		return rc < 0 ? rc : CX_SERVER_NAME_NOT_STORED;
	case CX_AUTHENTICATION_FAILURE:
	case CX_AUTHENTICATION_TIMEOUT:
		return is_assigned || is_free ? clear_pending(s) : CX_UNABLE_TO_COMPLY;
	case CX_NO_ASSIGNMENT:
		return is_assigned ? give_profile(s, a) : CX_UNABLE_TO_COMPLY;
	case CX_RESTORATION:
		return restore(s, r, a);
	}
	return CX_UNABLE_TO_COMPLY;
}
