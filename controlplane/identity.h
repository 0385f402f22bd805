/*
 * Who speaks: P-Preferred-Identity and P-Asserted-Identity at the P-CSCF, RFC 3325
 * 6, 24.229 5.2.6.3.
 *
 * An identity is asserted from the SA that carried the message and the registration behind it,
 * never from what the message says of itself.
 */
#ifndef CONTROLPLANE_IDENTITY_H
#define CONTROLPLANE_IDENTITY_H

#include "controlplane/sip.h"

struct ue_registration;
struct ue;

#define IDENTITY_VALUES 2

/*
 * The values of P-Asserted-Identity or P-Preferred-Identity as addresses of record. RFC 3325 9.1:
 * one, or two of which one is a sip or sips and the other a tel URI. Returns how many, 0 without
 * the header, or -EINVAL: what breaks that rule says nothing of anybody (C-116 b).
 */
int identity_read(const struct sip *message, const char *header,
		  char aor[static IDENTITY_VALUES][SIP_VALUE_BYTES]);

/*
 * Replaces P-Asserted-Identity and P-Preferred-Identity by one identity of the UE: the preferred
 * one if it is registered, else the default one (C-116). The registration it belongs to is *out.
 * Returns 0; -EPERM: the UE has no registration; -ENOMEM.
 */
int identity_assert(struct sip *message, const struct ue *ue, const struct ue_registration **out);

/*
 * The same for an answer of the UE (NULL: it is gone): the preferred identity if it is registered,
 * else the one that the request was for, `called` (P-Called-Party-ID). Without that, inside a
 * dialog, nobody is asserted. Returns 0 or -ENOMEM.
 */
int identity_answer(struct sip *answer, const struct ue *ue, const char *called);

#endif
