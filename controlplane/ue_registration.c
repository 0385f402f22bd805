#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip.h"
#include "controlplane/ue_impl.h"

void ue_registration_clear(struct ue_registration *r)
{
	for (unsigned i = 0; i < r->n_identities; i++)
		free(r->identities[i]);
	for (unsigned i = 0; i < r->n_service_routes; i++)
		free(r->service_routes[i]);
	free(r->aor);
	*r = (struct ue_registration){ 0 };
}

static bool has_identity(const struct ue_registration *r, const char *identity)
{
	for (unsigned i = 0; i < r->n_identities; i++)
		if (!strcmp(r->identities[i], identity))
			return true;
	return false;
}

const struct ue_registration *ue_registration(const struct ue *ue, const char *identity)
{
	uint64_t now_ms = loop_now_ms(ue->ues->loop);
	for (unsigned i = 0; i < ue->n_registrations; i++) {
		const struct ue_registration *r = &ue->registrations[i];
		if (r->expires_ms > now_ms && (!identity || has_identity(r, identity)))
			return r;
	}
	return NULL;
}

/* Those of this identity, and those whose time is over. */
static void remove_registrations(struct ue *ue, const char *aor)
{
	uint64_t now_ms = loop_now_ms(ue->ues->loop);
	unsigned kept = 0;
	for (unsigned i = 0; i < ue->n_registrations; i++) {
		struct ue_registration *r = &ue->registrations[i];
		if (r->expires_ms <= now_ms || !strcmp(r->aor, aor) || has_identity(r, aor))
			ue_registration_clear(r);
		else
			ue->registrations[kept++] = *r;
	}
	ue->n_registrations = kept;
}

/* The implicit set, RFC 7315 4.1: the first is the default identity. */
static int take_identities(struct ue_registration *r, const struct sip *ok)
{
	char element[SIP_VALUE_BYTES], aor[SIP_VALUE_BYTES];
	int n;
	for (unsigned i = 0; r->n_identities < UE_IDENTITIES; i++) {
		n = sip_list_get(ok, "P-Associated-URI", i, element, sizeof(element));
		if (n == -ENOENT)
			break;
		if (n < 0 || sip_aor_text(element, aor, sizeof(aor)) < 0 || has_identity(r, aor))
			continue;
		r->identities[r->n_identities] = strdup(aor);
		if (!r->identities[r->n_identities])
			return -ENOMEM;
		r->n_identities++;
	}
	if (r->n_identities)
		return 0;
	/* Nothing said: what was registered is all there is. */
	r->identities[0] = strdup(r->aor);
	r->n_identities = r->identities[0] != NULL;
	return r->n_identities ? 0 : -ENOMEM;
}

/* RFC 3608: "<URI>", possibly with parameters after it. */
static int take_service_routes(struct ue_registration *r, const struct sip *ok)
{
	char element[SIP_VALUE_BYTES];
	int n;
	for (unsigned i = 0; r->n_service_routes < UE_SERVICE_ROUTES; i++) {
		n = sip_list_get(ok, "Service-Route", i, element, sizeof(element));
		if (n == -ENOENT)
			break;
		const char *start = n > 0 ? strchr(element, '<') : NULL;
		const char *end = start ? strchr(start, '>') : NULL;
		if (!end)
			continue;
		char *uri = strndup(start + 1, (size_t)(end - start - 1));
		if (!uri)
			return -ENOMEM;
		r->service_routes[r->n_service_routes++] = uri;
	}
	return 0;
}

int ue_registration_add(struct ue *ue, struct ue_registration *r)
{
	bool is_full = ue->n_registrations == UE_REGISTRATIONS;
	struct ue_registration *longer =
		is_full ? NULL
			: reallocarray(ue->registrations, ue->n_registrations + 1,
				       sizeof(*ue->registrations));
	if (!longer) {
		ue_registration_clear(r);
		return is_full ? -ENOSPC : -ENOMEM;
	}
	ue->registrations = longer;
	ue->registrations[ue->n_registrations++] = *r;
	return 0;
}

int ue_registered(struct ue *ue, const struct sip *ok, const char *aor, uint32_t expires_s)
{
	remove_registrations(ue, aor);
	statefile_touch(ue->ues->file, &ue->kept);
	if (expires_s == 0) {
		if (ue->n_registrations == 0)
			ue_sets_end(ue);
		return 0;
	}
	struct ue_registration r = { .aor = strdup(aor) };
	r.expires_ms = loop_now_ms(ue->ues->loop) + (uint64_t)expires_s * 1000;
	int error = r.aor ? take_identities(&r, ok) : -ENOMEM;
	if (!error)
		error = take_service_routes(&r, ok);
	if (error) {
		ue_registration_clear(&r);
		return error;
	}
	return ue_registration_add(ue, &r);
}
