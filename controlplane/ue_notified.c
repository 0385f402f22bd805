/* What the P-CSCF hears of a registration from the S-CSCF: TS 24.229 5.2.3. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ue_impl.h"

static struct ue_registration *find_aor(struct ue *ue, const char *aor)
{
	for (unsigned i = 0; i < ue->n_registrations; i++)
		if (!strcmp(ue->registrations[i].aor, aor))
			return &ue->registrations[i];
	return NULL;
}

void ue_ended(struct ue *ue, const char *aor)
{
	struct ue_registration *r = find_aor(ue, aor);
	if (!r)
		return;
	ue_registration_clear(r);
	*r = ue->registrations[--ue->n_registrations];
	ue->registrations[ue->n_registrations] = (struct ue_registration){ 0 };
	statefile_touch(ue->ues->file, &ue->kept);
	if (ue->n_registrations == 0)
		ue_sets_end(ue);
}

void ue_shortened(struct ue *ue, const char *aor, uint32_t expires_s)
{
	struct ue_registration *r = find_aor(ue, aor);
	uint64_t now_ms = loop_now_ms(ue->ues->loop), longest_ms = now_ms;
	if (!r)
		return;
	r->expires_ms = now_ms + (uint64_t)expires_s * 1000;
	statefile_touch(ue->ues->file, &ue->kept);
	/* The SAs serve all that the UE has registered. */
	for (unsigned i = 0; i < ue->n_registrations; i++)
		if (ue->registrations[i].expires_ms > longest_ms)
			longest_ms = ue->registrations[i].expires_ms;
	uint32_t left_s = (uint32_t)((longest_ms - now_ms + 999) / 1000);
	struct sa_set *s = ue_established(ue);
	if (s)
		ue_set_shortened(s, left_s + UE_EXPIRY_MARGIN_S);
}

void ue_set_identities(struct ue *ue, const char *aor, const char *const *identities, unsigned n)
{
	struct ue_registration *r = find_aor(ue, aor);
	char *copies[UE_IDENTITIES];
	unsigned n_copies = 0;
	if (!r || n == 0 || n > UE_IDENTITIES)
		return;
	while (n_copies < n && (copies[n_copies] = strdup(identities[n_copies])))
		n_copies++;
	if (n_copies < n) { /* without memory the old ones stay */
		while (n_copies > 0)
			free(copies[--n_copies]);
		return;
	}
	for (unsigned i = 0; i < r->n_identities; i++)
		free(r->identities[i]);
	memcpy(r->identities, copies, n * sizeof(copies[0]));
	r->n_identities = n;
	statefile_touch(ue->ues->file, &ue->kept);
}
