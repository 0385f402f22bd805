#include "controlplane/identity.h"

#include <errno.h>
#include <stdio.h>

#include "controlplane/ue.h"

/* The first registered identity among the preferred ones; its place in `aor`, or -1. */
static int preferred(const struct sip *message, const struct ue *ue,
		     char aor[static IDENTITY_VALUES][SIP_VALUE_BYTES],
		     const struct ue_registration **out)
{
	int n = identity_read(message, "P-Preferred-Identity", aor);
	for (int i = 0; i < n; i++) {
		*out = ue_registration(ue, aor[i]);
		if (*out)
			return i;
	}
	return -1;
}

int identity_assert(struct sip *message, const struct ue *ue, const struct ue_registration **out)
{
	char aor[IDENTITY_VALUES][SIP_VALUE_BYTES], value[sizeof(aor) + 2];
	int i = preferred(message, ue, aor, out);
	if (i < 0 && !(*out = ue_registration(ue, NULL)))
		return -EPERM;
	sip_header_remove(message, "P-Preferred-Identity");
	snprintf(value, sizeof(value), "<%s>", i < 0 ? (*out)->identities[0] : aor[i]);
	return sip_header_set(message, "P-Asserted-Identity", value);
}

int identity_answer(struct sip *answer, const struct ue *ue, const char *called)
{
	char aor[IDENTITY_VALUES][SIP_VALUE_BYTES], value[sizeof(aor) + 2];
	const struct ue_registration *registration;
	int i = called && ue ? preferred(answer, ue, aor, &registration) : -1;
	sip_header_remove(answer, "P-Preferred-Identity");
	sip_header_remove(answer, "P-Asserted-Identity");
	if (!called)
		return 0;
	if (i >= 0)
		snprintf(value, sizeof(value), "<%s>", aor[i]);
	return sip_header_set(answer, "P-Asserted-Identity", i < 0 ? called : value);
}
