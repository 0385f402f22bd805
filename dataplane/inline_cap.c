#include "dataplane/inline_cap.h"

#include <string.h>

#include <rte_cryptodev.h>

/* What rte_security calls the parts of a suite. Sizes are those of crypto_suite_shape[]. */
static const struct {
	const char *name;
	enum rte_crypto_auth_algorithm auth;
	enum rte_crypto_cipher_algorithm cipher;
	bool is_aead; /* GCM: neither of the two */
} suites[CRYPTO_N_SUITES] = {
	[CRYPTO_HMAC_SHA1_NULL] = { "hmac-sha-1-96, null", RTE_CRYPTO_AUTH_SHA1_HMAC,
				    RTE_CRYPTO_CIPHER_NULL },
	[CRYPTO_HMAC_MD5_NULL] = { "hmac-md5-96, null", RTE_CRYPTO_AUTH_MD5_HMAC,
				   RTE_CRYPTO_CIPHER_NULL },
	[CRYPTO_HMAC_SHA256_NULL] = { "hmac-sha-256-128, null", RTE_CRYPTO_AUTH_SHA256_HMAC,
				      RTE_CRYPTO_CIPHER_NULL },
	[CRYPTO_HMAC_SHA1_AES_CBC] = { "hmac-sha-1-96, aes-cbc-128", RTE_CRYPTO_AUTH_SHA1_HMAC,
				       RTE_CRYPTO_CIPHER_AES_CBC },
	[CRYPTO_HMAC_MD5_AES_CBC] = { "hmac-md5-96, aes-cbc-128", RTE_CRYPTO_AUTH_MD5_HMAC,
				      RTE_CRYPTO_CIPHER_AES_CBC },
	[CRYPTO_HMAC_SHA256_AES_CBC] = { "hmac-sha-256-128, aes-cbc-128",
					 RTE_CRYPTO_AUTH_SHA256_HMAC, RTE_CRYPTO_CIPHER_AES_CBC },
	[CRYPTO_HMAC_SHA1_AES256_CBC] = { "hmac-sha-1-96, aes-cbc-256", RTE_CRYPTO_AUTH_SHA1_HMAC,
					  RTE_CRYPTO_CIPHER_AES_CBC },
	[CRYPTO_HMAC_MD5_AES256_CBC] = { "hmac-md5-96, aes-cbc-256", RTE_CRYPTO_AUTH_MD5_HMAC,
					 RTE_CRYPTO_CIPHER_AES_CBC },
	[CRYPTO_HMAC_SHA256_AES256_CBC] = { "hmac-sha-256-128, aes-cbc-256",
					    RTE_CRYPTO_AUTH_SHA256_HMAC,
					    RTE_CRYPTO_CIPHER_AES_CBC },
	[CRYPTO_HMAC_SHA1_3DES_CBC] = { "hmac-sha-1-96, des-ede3-cbc", RTE_CRYPTO_AUTH_SHA1_HMAC,
					RTE_CRYPTO_CIPHER_3DES_CBC },
	[CRYPTO_HMAC_MD5_3DES_CBC] = { "hmac-md5-96, des-ede3-cbc", RTE_CRYPTO_AUTH_MD5_HMAC,
				       RTE_CRYPTO_CIPHER_3DES_CBC },
	[CRYPTO_HMAC_SHA256_3DES_CBC] = { "hmac-sha-256-128, des-ede3-cbc",
					  RTE_CRYPTO_AUTH_SHA256_HMAC, RTE_CRYPTO_CIPHER_3DES_CBC },
	[CRYPTO_AES_GMAC] = { "aes-gmac-128", RTE_CRYPTO_AUTH_AES_GMAC },
	[CRYPTO_AES256_GMAC] = { "aes-gmac-256", RTE_CRYPTO_AUTH_AES_GMAC },
	[CRYPTO_AES_GCM] = { "aes-gcm-128", .is_aead = true },
	[CRYPTO_AES256_GCM] = { "aes-gcm-256", .is_aead = true },
};

enum {
	GCM_NONCE_BYTES = 12, /* RFC 4106 4: salt and IV */
	GCM_AAD_BYTES = 8,    /* RFC 4106 5: SPI and sequence number */
};

const char *inline_suite_name(enum crypto_suite suite)
{
	return suites[suite].name;
}

bool inline_needs_auth_key(enum crypto_suite suite)
{
	enum rte_crypto_auth_algorithm auth = suites[suite].auth;
	return auth != 0 && auth != RTE_CRYPTO_AUTH_AES_GMAC;
}

/* ---- what the driver says ---- */

static bool in_range(const struct rte_crypto_param_range *range, uint16_t n_bytes)
{
	if (n_bytes < range->min || n_bytes > range->max)
		return false;
	return !range->increment || (n_bytes - range->min) % range->increment == 0;
}

static const struct rte_cryptodev_symmetric_capability *find(
	const struct rte_cryptodev_capabilities *c, enum rte_crypto_sym_xform_type type,
	int algorithm)
{
	for (; c && c->op != RTE_CRYPTO_OP_TYPE_UNDEFINED; c++) {
		if (c->op != RTE_CRYPTO_OP_TYPE_SYMMETRIC || c->sym.xform_type != type)
			continue;
		if (type == RTE_CRYPTO_SYM_XFORM_AEAD   ? (int)c->sym.aead.algo == algorithm
		    : type == RTE_CRYPTO_SYM_XFORM_AUTH ? (int)c->sym.auth.algo == algorithm
							: (int)c->sym.cipher.algo == algorithm)
			return &c->sym;
	}
	return NULL;
}

/* "" or what the device lacks. */
static const char *lacks_aead(const struct rte_cryptodev_capabilities *c,
			      const struct crypto_suite_shape *shape)
{
	const struct rte_cryptodev_symmetric_capability *found =
		find(c, RTE_CRYPTO_SYM_XFORM_AEAD, RTE_CRYPTO_AEAD_AES_GCM);
	if (!found)
		return "the port has no AES-GCM";
	if (!in_range(&found->aead.key_size, shape->cipher_key_bytes))
		return "the port has AES-GCM, not with keys of this size";
	return in_range(&found->aead.digest_size, shape->icv_bytes)
		       ? ""
		       : "the port has AES-GCM, not with an ICV of this size";
}

static const char *lacks_auth(const struct rte_cryptodev_capabilities *c, enum crypto_suite suite)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
	const struct rte_cryptodev_symmetric_capability *found =
		find(c, RTE_CRYPTO_SYM_XFORM_AUTH, (int)suites[suite].auth);
	if (!found)
		return "the port has no such integrity algorithm";
	if (!in_range(&found->auth.key_size, shape->auth_key_bytes))
		return "the port has the integrity algorithm, not with keys of this size";
	return in_range(&found->auth.digest_size, shape->icv_bytes)
		       ? ""
		       : "the port has the integrity algorithm, not with an ICV of this size";
}

static const char *lacks_cipher(const struct rte_cryptodev_capabilities *c, enum crypto_suite suite)
{
	const struct rte_cryptodev_symmetric_capability *found =
		find(c, RTE_CRYPTO_SYM_XFORM_CIPHER, (int)suites[suite].cipher);
	if (!found)
		return suites[suite].cipher == RTE_CRYPTO_CIPHER_NULL
			       ? "the port cannot leave packets unencrypted"
			       : "the port has no such cipher";
	uint8_t key_bytes = crypto_suite_shape[suite].cipher_key_bytes;
	return !key_bytes || in_range(&found->cipher.key_size, key_bytes)
		       ? ""
		       : "the port has the cipher, not with keys of this size";
}

static const char *lacks(const struct rte_cryptodev_capabilities *c, enum crypto_suite suite)
{
	if (suites[suite].is_aead)
		return lacks_aead(c, &crypto_suite_shape[suite]);
	const char *why = lacks_auth(c, suite);
	if (why[0] || !suites[suite].cipher)
		return why;
	return lacks_cipher(c, suite);
}

static const struct rte_security_capability *find_action(
	struct rte_security_ctx *context, enum rte_security_session_action_type action,
	const struct inline_class *class)
{
	struct rte_security_capability_idx idx = {
		.action = action,
		.protocol = RTE_SECURITY_PROTOCOL_IPSEC,
		.ipsec = {
			.proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP,
			.mode = class->mode == API_TRANSPORT ? RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT
							     : RTE_SECURITY_IPSEC_SA_MODE_TUNNEL,
			.direction = class->direction == API_IN
					     ? RTE_SECURITY_IPSEC_SA_DIR_INGRESS
					     : RTE_SECURITY_IPSEC_SA_DIR_EGRESS,
		},
	};
	return rte_security_capability_get(context, &idx);
}

/* "" or why not. */
static const char *lacks_crypto(const struct rte_security_capability *found,
				const struct inline_class *class)
{
	if (!found)
		return "the port does no inline crypto of this mode";
	/* RFC 3602 3: nobody may predict the IV, and to make such a one takes AES itself. */
	if (class->direction == API_OUT && crypto_suite_has_cbc(&crypto_suite_shape[class->suite]))
		return "outbound, the IV of CBC would cost the cpu what the port saves";
	if (found->ol_flags &
	    (RTE_SECURITY_TX_HW_TRAILER_OFFLOAD | RTE_SECURITY_RX_HW_TRAILER_OFFLOAD))
		return "the port wants to write or remove the trailer itself";
	return lacks(found->crypto_capabilities, class->suite);
}

static const char *lacks_protocol(const struct rte_security_capability *found,
				  const struct inline_class *class)
{
	if (class->direction == API_IN)
		return "the port would keep the replay window to itself: the cpu could not go on";
	const struct rte_security_ipsec_sa_options *options = &found->ipsec.options;
	if (class->mode != API_TRANSPORT && !options->ecn) /* RFC 6040 4.1 */
		return "the port would not copy ECN to the outer header";
	if (class->mode != API_TRANSPORT && !(options->copy_dscp && options->copy_df))
		return "the port would not copy DSCP and DF to the outer header";
	if (class->mode != API_TRANSPORT) /* RFC 6864 4.2 */
		return "nothing says how the port numbers outer packets that may be fragmented";
	/* The SAs of a set share key and salt (TS 33.203 Annex I): RFC 4106 3.1. */
	if (crypto_suite_shape[class->suite].salt_bytes)
		return "the port's IVs for SAs that share a key could be equal";
	return lacks(found->crypto_capabilities, class->suite);
}

struct inline_capability inline_capability(struct rte_security_ctx *context,
					   struct inline_class class)
{
	const struct rte_security_capability *crypto =
		find_action(context, RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO, &class);
	const struct rte_security_capability *protocol =
		find_action(context, RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL, &class);
	struct inline_capability c = { .why = lacks_crypto(crypto, &class) };
	if (c.why[0] && protocol) {
		const char *why = lacks_protocol(protocol, &class);
		c.is_protocol = !why[0];
		if (!why[0] || !crypto)
			c.why = why;
	}
	c.is_there = !c.why[0];
	if (c.is_there)
		c.needs_metadata = (c.is_protocol ? protocol : crypto)->ol_flags &
				   RTE_SECURITY_TX_OLOAD_NEED_MDATA;
	return c;
}

/* ---- what the driver is told ---- */

static void fill_aead(struct rte_crypto_sym_xform *x, const struct inline_class *class,
		      const struct crypto_key *key)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[class->suite];
	x->type = RTE_CRYPTO_SYM_XFORM_AEAD;
	x->aead = (struct rte_crypto_aead_xform){
		.op = class->direction == API_IN ? RTE_CRYPTO_AEAD_OP_DECRYPT
						 : RTE_CRYPTO_AEAD_OP_ENCRYPT,
		.algo = RTE_CRYPTO_AEAD_AES_GCM,
		.key = { .data = key->auth.aead.key, .length = shape->cipher_key_bytes },
		.iv = { .length = GCM_NONCE_BYTES },
		.digest_length = shape->icv_bytes,
		.aad_length = GCM_AAD_BYTES,
	};
}

static void fill_auth(struct rte_crypto_sym_xform *x, const struct inline_class *class,
		      const uint8_t *key)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[class->suite];
	x->type = RTE_CRYPTO_SYM_XFORM_AUTH;
	x->auth = (struct rte_crypto_auth_xform){
		.op = class->direction == API_IN ? RTE_CRYPTO_AUTH_OP_VERIFY
						 : RTE_CRYPTO_AUTH_OP_GENERATE,
		.algo = suites[class->suite].auth,
		.key = { .data = key, .length = shape->auth_key_bytes },
		.digest_length = shape->icv_bytes,
	};
}

static void fill_cipher(struct rte_crypto_sym_xform *x, const struct inline_class *class,
			const struct crypto_key *key)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[class->suite];
	x->type = RTE_CRYPTO_SYM_XFORM_CIPHER;
	x->cipher = (struct rte_crypto_cipher_xform){
		.op = class->direction == API_IN ? RTE_CRYPTO_CIPHER_OP_DECRYPT
						 : RTE_CRYPTO_CIPHER_OP_ENCRYPT,
		.algo = suites[class->suite].cipher,
		.key = { .data = key->cipher.key, .length = shape->cipher_key_bytes },
		.iv = { .length = shape->iv_bytes },
	};
}

/* Drivers want them in the order of work: RFC 4303 3.3.2 and 3.4.4. */
void inline_transform(struct inline_transform *t, struct inline_class class,
		      const struct crypto_key *key, const uint8_t *auth_key)
{
	memset(t, 0, sizeof(*t));
	if (suites[class.suite].is_aead) {
		fill_aead(&t->xform[0], &class, key);
		return;
	}
	bool is_gmac = suites[class.suite].auth == RTE_CRYPTO_AUTH_AES_GMAC;
	unsigned auth = class.direction == API_IN || is_gmac ? 0 : 1;
	fill_auth(&t->xform[auth], &class, is_gmac ? key->auth.aead.key : auth_key);
	if (is_gmac) {
		t->xform[0].auth.iv.length = GCM_NONCE_BYTES;
		return;
	}
	fill_cipher(&t->xform[1 - auth], &class, key);
	t->xform[0].next = &t->xform[1];
}

uint32_t inline_salt(enum crypto_suite suite, const struct crypto_key *key)
{
	uint32_t salt = 0;
	if (crypto_suite_shape[suite].salt_bytes)
		memcpy(&salt, key->auth.aead.salt, sizeof(salt));
	return salt;
}
