#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_uri.h"
#include "controlplane/ue_impl.h"

static size_t texts_bytes(const char *const texts[], unsigned n)
{
	size_t n_bytes = 0;
	for (unsigned i = 0; i < n; i++)
		n_bytes += sizeof(*texts) + strlen(texts[i]) + 1;
	return n_bytes;
}

static const char *append(char **end, const char *text)
{
	char *copy = *end;
	*end += strlen(text) + 1;
	return strcpy(copy, text);
}

/* The one of these texts that is the same, or NULL. */
static const char *find_text(const char *const texts[], unsigned n, const char *text)
{
	for (unsigned i = 0; i < n; i++)
		if (!strcmp(texts[i], text))
			return texts[i];
	return NULL;
}

/* The pointers to the texts, then the texts. The aor mostly is one of the identities. */
struct ue_registration *ue_registration_copy(const struct ue_registration *r)
{
	unsigned n = r->n_identities, n_routes = r->n_service_routes;
	bool is_apart = !find_text(r->identities, n, r->aor);
	struct ue_registration *copy = malloc(sizeof(*copy) + texts_bytes(r->identities, n) +
					      texts_bytes(r->service_routes, n_routes) +
					      (is_apart ? strlen(r->aor) + 1 : 0));
	if (!copy)
		return NULL;
	const char **pointers = (const char **)(copy + 1);
	char *end = (char *)(pointers + n + n_routes);
	*copy = *r;
	copy->identities = pointers;
	copy->service_routes = pointers + n;
	for (unsigned i = 0; i < n; i++)
		pointers[i] = append(&end, r->identities[i]);
	for (unsigned i = 0; i < n_routes; i++)
		pointers[n + i] = append(&end, r->service_routes[i]);
	copy->aor = is_apart ? append(&end, r->aor) : find_text(copy->identities, n, r->aor);
	return copy;
}

static bool has_identity(const struct ue_registration *r, const char *identity)
{
	return find_text(r->identities, r->n_identities, identity) != NULL;
}

const struct ue_registration *ue_registration(const struct ue *ue, const char *identity)
{
	uint64_t now_ms = loop_now_ms(ue->ues->loop);
	for (const struct ue_registration *r = ue->registrations; r; r = r->next)
		if (r->expires_ms > now_ms && (!identity || has_identity(r, identity)))
			return r;
	return NULL;
}

/* Those of this identity, and those whose time is over. */
static void remove_registrations(struct ue *ue, const char *aor)
{
	uint64_t now_ms = loop_now_ms(ue->ues->loop);
	struct ue_registration *r, **at = &ue->registrations;
	while ((r = *at)) {
		if (r->expires_ms > now_ms && strcmp(r->aor, aor) && !has_identity(r, aor)) {
			at = &r->next;
			continue;
		}
		*at = r->next;
		free(r);
	}
}

/* What a 200 says, while it is read. */
struct said {
	char *identities[UE_IDENTITIES];
	char *service_routes[UE_SERVICE_ROUTES];
	unsigned n_identities, n_service_routes;
};

static void said_clear(struct said *s)
{
	for (unsigned i = 0; i < s->n_identities; i++)
		free(s->identities[i]);
	for (unsigned i = 0; i < s->n_service_routes; i++)
		free(s->service_routes[i]);
}

static bool has_said(const struct said *s, const char *identity)
{
	return find_text((const char *const *)s->identities, s->n_identities, identity) != NULL;
}

/* The implicit set, RFC 7315 4.1: the first is the default identity. */
static int take_identities(struct said *s, const struct sip *ok, const char *registered)
{
	char element[SIP_VALUE_BYTES], aor[SIP_VALUE_BYTES];
	struct sip_list associated = sip_list(ok, "P-Associated-URI");
	int n;
	while (s->n_identities < UE_IDENTITIES) {
		n = sip_list_next(&associated, element, sizeof(element));
		if (n == -ENOENT)
			break;
		if (n < 0 || sip_aor_text(element, aor, sizeof(aor)) < 0 || has_said(s, aor))
			continue;
		s->identities[s->n_identities] = strdup(aor);
		if (!s->identities[s->n_identities])
			return -ENOMEM;
		s->n_identities++;
	}
	if (s->n_identities)
		return 0;
	/* Nothing said: what was registered is all there is. */
	s->identities[0] = strdup(registered);
	s->n_identities = s->identities[0] != NULL;
	return s->n_identities ? 0 : -ENOMEM;
}

/* RFC 3608: "<URI>", possibly with parameters after it. */
static int take_service_routes(struct said *s, const struct sip *ok)
{
	char element[SIP_VALUE_BYTES];
	struct sip_list routes = sip_list(ok, "Service-Route");
	int n;
	while (s->n_service_routes < UE_SERVICE_ROUTES) {
		n = sip_list_next(&routes, element, sizeof(element));
		if (n == -ENOENT)
			break;
		const char *start = n > 0 ? strchr(element, '<') : NULL;
		const char *end = start ? strchr(start, '>') : NULL;
		if (!end)
			continue;
		char *uri = strndup(start + 1, (size_t)(end - start - 1));
		if (!uri)
			return -ENOMEM;
		s->service_routes[s->n_service_routes++] = uri;
	}
	return 0;
}

/* Takes it. */
static int append_registration(struct ue *ue, struct ue_registration *r)
{
	unsigned n = 0;
	struct ue_registration **end = &ue->registrations;
	for (; *end; end = &(*end)->next)
		n++;
	if (n == UE_REGISTRATIONS) {
		free(r);
		return -ENOSPC;
	}
	r->next = NULL;
	*end = r;
	return 0;
}

int ue_registration_add(struct ue *ue, const struct ue_registration *r)
{
	struct ue_registration *copy = ue_registration_copy(r);
	return copy ? append_registration(ue, copy) : -ENOMEM;
}

/* NULL: out of memory. */
static struct ue_registration *read_success(const struct ue *ue, const struct sip *ok,
					    const char *aor, uint32_t expires_s)
{
	struct ue_registration *copy = NULL;
	struct said said = { .n_identities = 0 };
	if (!take_identities(&said, ok, aor) && !take_service_routes(&said, ok))
		copy = ue_registration_copy(&(struct ue_registration){
			.expires_ms = loop_now_ms(ue->ues->loop) + (uint64_t)expires_s * 1000,
			.aor = aor,
			.n_identities = (uint8_t)said.n_identities,
			.n_service_routes = (uint8_t)said.n_service_routes,
			.identities = (const char *const *)said.identities,
			.service_routes = (const char *const *)said.service_routes,
		});
	said_clear(&said);
	return copy;
}

int ue_registered(struct ue *ue, const struct sip *ok, const char *aor, uint32_t expires_s)
{
	struct ue_registration *r = expires_s ? read_success(ue, ok, aor, expires_s) : NULL;
	if (expires_s && !r)
		return -ENOMEM;
	remove_registrations(ue, aor);
	statefile_touch(ue->ues->file, &ue->kept);
	if (r)
		return append_registration(ue, r);
	if (!ue->registrations)
		ue_sets_end(ue);
	return 0;
}
