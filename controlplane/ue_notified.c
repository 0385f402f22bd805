/* What the P-CSCF hears of a registration from the S-CSCF: TS 24.229 5.2.3. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/ue_impl.h"

/* Where the UE has the one of this aor, or where its list ends. */
static struct ue_registration **find_aor(struct ue *ue, const char *aor)
{
	struct ue_registration **at = &ue->registrations;
	while (*at && strcmp((*at)->aor, aor))
		at = &(*at)->next;
	return at;
}

void ue_ended(struct ue *ue, const char *aor)
{
	struct ue_registration **at = find_aor(ue, aor), *r = *at;
	if (!r)
		return;
	*at = r->next;
	free(r);
	statefile_touch(ue->ues->file, &ue->kept);
	if (!ue->registrations)
		ue_sets_end(ue);
}

void ue_shortened(struct ue *ue, const char *aor, uint32_t expires_s)
{
	struct ue_registration *r = *find_aor(ue, aor);
	uint64_t now_ms = loop_now_ms(ue->ues->loop), longest_ms = now_ms;
	if (!r)
		return;
	r->expires_ms = now_ms + (uint64_t)expires_s * 1000;
	statefile_touch(ue->ues->file, &ue->kept);
	/* The SAs serve all that the UE has registered. */
	for (r = ue->registrations; r; r = r->next)
		if (r->expires_ms > longest_ms)
			longest_ms = r->expires_ms;
	uint32_t left_s = (uint32_t)((longest_ms - now_ms + 999) / 1000);
	struct sa_set *s = ue_established(ue);
	if (s)
		ue_set_shortened(s, left_s + UE_EXPIRY_MARGIN_S);
}

void ue_set_identities(struct ue *ue, const char *aor, const char *const *identities, unsigned n)
{
	struct ue_registration **at = find_aor(ue, aor), *old = *at;
	if (!old || n == 0 || n > UE_IDENTITIES)
		return;
	struct ue_registration changed = *old;
	changed.identities = identities;
	changed.n_identities = (uint8_t)n;
	*at = ue_registration_copy(&changed);
	if (*at)
		free(old);
	else
		*at = old; /* without memory the old ones stay */
	statefile_touch(ue->ues->file, &ue->kept);
}
