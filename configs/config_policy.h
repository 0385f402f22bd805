/*
 * What an operator chooses about authentication: values of keys in the section scscf. For config.h,
 * which everybody includes.
 */
#ifndef CONFIGS_CONFIG_POLICY_H
#define CONFIGS_CONFIG_POLICY_H

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

#endif
