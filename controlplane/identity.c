#include "controlplane/identity.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/sip.h"
#include "controlplane/ue.h"

/* The first registered identity among the preferred ones; copied to `aor`. */
static const struct ue_registration *preferred(const struct sip *message, const struct ue *ue,
					       char *aor, size_t aor_bytes)
{
	char element[SIP_VALUE_BYTES];
	int n;
	for (unsigned i = 0; (n = sip_list_get(message, "P-Preferred-Identity", i, element,
					       sizeof(element))) != -ENOENT;
	     i++) {
		if (n < 0 || sip_aor_text(element, aor, aor_bytes) < 0)
			continue;
		const struct ue_registration *r = ue_registration(ue, aor);
		if (r)
			return r;
	}
	return NULL;
}

int identity_assert(struct sip *message, const struct ue *ue, const struct ue_registration **out)
{
	char aor[SIP_VALUE_BYTES], value[SIP_VALUE_BYTES + 2];
	const char *asserted = aor;
	const struct ue_registration *r = preferred(message, ue, aor, sizeof(aor));
	if (!r) {
		r = ue_registration(ue, NULL);
		if (!r)
			return -EPERM;
		asserted = r->identities[0];
	}
	sip_header_remove(message, "P-Preferred-Identity");
	snprintf(value, sizeof(value), "<%s>", asserted);
	*out = r;
	return sip_header_set(message, "P-Asserted-Identity", value);
}

int identity_answer(struct sip *answer, const struct ue *ue, const char *called)
{
	char aor[SIP_VALUE_BYTES], value[SIP_VALUE_BYTES + 2];
	bool prefers = called && ue && preferred(answer, ue, aor, sizeof(aor));
	sip_header_remove(answer, "P-Preferred-Identity");
	sip_header_remove(answer, "P-Asserted-Identity");
	if (!called)
		return 0;
	snprintf(value, sizeof(value), "<%s>", aor);
	return sip_header_set(answer, "P-Asserted-Identity", prefers ? value : called);
}
