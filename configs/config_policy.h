/*
 * The choices of a CSCF's operator: values of keys in config.h, which includes this.
 */
#ifndef CONFIGS_CONFIG_POLICY_H
#define CONFIGS_CONFIG_POLICY_H

#include <stdint.h>

/* --- of both --- */

/* What an emergency registration needs: TS 24.229 5.2.10, by the operator's policy. */
enum config_emergency {
	CONFIG_EMERGENCY_PROTECTED,   /* SAs, as any registration */
	CONFIG_EMERGENCY_UNPROTECTED, /* where there are none, the right answer to a challenge */
};

/* --- of the P-CSCF --- */

/* How many SAs a UE has at the P-CSCF: seed 6.3 (single), TS 33.203 7.1 (two pairs). */
enum config_sa_profile {
	CONFIG_SA_TWO_PAIRS,
	CONFIG_SA_SINGLE_PAIR,
};

/* Whether the P-CSCF hears from the S-CSCF what becomes of registrations. TS 24.229 5.2.3. */
enum config_reg_event { CONFIG_REG_EVENT_SUBSCRIBE, CONFIG_REG_EVENT_NONE };

/* What the P-CSCF says of a REGISTER that was not protected: seed 6.1.5 allows both. */
enum config_indicator {
	CONFIG_INDICATOR_NO,      /* integrity-protected="no" */
	CONFIG_INDICATOR_NOTHING, /* no parameter at all */
};

/* What becomes of a UE behind a NAT. */
enum config_nat {
	CONFIG_NAT_REFUSE,      /* its Via is not its address: TS 33.203 7.2 */
	CONFIG_NAT_UDP_ENC_TUN, /* it is offered ESP in UDP: TS 33.203 Annex M */
};

/* --- of the S-CSCF --- */

/* Of a UE that does not authenticate itself when it is asked to: ends, or is asked again. */
enum config_reauth { CONFIG_REAUTH_DEREGISTER, CONFIG_REAUTH_REPEAT };

/* Which qop a challenge offers: RFC 2617 3.2.1. What answers it must be one of them. */
enum config_qop {
	CONFIG_QOP_AUTH,
	CONFIG_QOP_AUTH_INT, /* covers the body of the REGISTER too */
	CONFIG_QOP_BOTH,
	CONFIG_QOP_NONE, /* no parameter at all */
};

/* Which keys go to the P-CSCF when the UE answers by AKAv2. */
enum config_akav2_keys {
	CONFIG_AKAV2_KEYS_AKA,     /* IK and CK, seed 6.3 */
	CONFIG_AKAV2_KEYS_DERIVED, /* IK′ and CK′, RFC 4169 2.2 */
};

/* Whether an IMPU that is not registered yet is authenticated when its IMPI has an SA: seed 6.1. */
enum config_further_impus {
	CONFIG_FURTHER_IMPUS_CHALLENGE,
	CONFIG_FURTHER_IMPUS_ACCEPT,
};

/* An S-CSCF that the I-CSCF may assign, and what it can do: TS 29.229 6.3.4. */
struct config_candidate {
	char *uri; /* sip:ADDRESS:PORT */
	uint32_t *capabilities;
	uint32_t n_capabilities;
};

#endif
