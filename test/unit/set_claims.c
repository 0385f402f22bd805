#include "test/unit/set_claims.h"

#include <string.h>

#include "test/unit/dataplane_fixture.h"

static void fill_addresses(struct api_set *set, uint32_t number)
{
	static const uint8_t local[2][16] = { { 10, 0, 0, 1 }, { 0xfd, 0, [15] = 1 } };
	bool v6 = set->family == API_IPV6;
	memcpy(set->local.bytes, local[v6], 16);
	uint8_t *peer = set->peer.bytes;
	peer[0] = v6 ? 0xfd : 10;
	peer[1] = 1;
	peer += v6 ? 13 : 1;
	peer[0] = (uint8_t)(1 + (number >> 16));
	peer[1] = (uint8_t)(number >> 8);
	peer[2] = (uint8_t)number;
}

static void fill_algorithms(struct api_set *set, enum crypto_suite suite, uint32_t number)
{
	static const uint8_t integrity_of[] = {
		[CRYPTO_INTEGRITY_NONE] = API_INTEGRITY_NONE,
		[CRYPTO_HMAC_SHA1] = API_HMAC_SHA1_96,
		[CRYPTO_HMAC_MD5] = API_HMAC_MD5_96,
		[CRYPTO_HMAC_SHA256] = API_HMAC_SHA256_128,
		[CRYPTO_GMAC] = API_AES_GMAC,
	};
	static const uint8_t cipher_of[] = {
		[CRYPTO_CIPHER_NULL] = API_CIPHER_NULL,
		[CRYPTO_AES_CBC] = API_AES_CBC,
		[CRYPTO_3DES_CBC] = API_DES_EDE3_CBC,
		[CRYPTO_GCM] = API_AES_GCM,
	};
	const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
	set->integrity = integrity_of[shape->integrity];
	set->cipher = cipher_of[shape->cipher];
	set->auth_key_bytes = shape->auth_key_bytes;
	set->cipher_key_bytes = shape->cipher_key_bytes;
	for (unsigned i = 0; i < shape->auth_key_bytes; i++)
		set->auth_key[i] = (uint8_t)(number + i * 3 + 1);
	for (unsigned i = 0; i < shape->cipher_key_bytes; i++)
		set->cipher_key[i] = (uint8_t)(number + i * 5 + 2);
	for (unsigned i = 0; i < shape->salt_bytes; i++)
		set->salt[i] = (uint8_t)(number + i * 7 + 3);
}

struct reference_keys set_keys(const struct api_set *set)
{
	struct reference_keys keys;
	memcpy(keys.auth_key, set->auth_key, sizeof(keys.auth_key));
	memcpy(keys.cipher_key, set->cipher_key, sizeof(keys.cipher_key));
	memcpy(keys.salt, set->salt, sizeof(keys.salt));
	return keys;
}

struct api_set set_two_pairs(uint32_t number, enum crypto_suite suite, enum api_family family)
{
	struct api_set set = { .registration = number + 1,
			       .family = (uint8_t)family,
			       .mode = API_TRANSPORT };
	fill_addresses(&set, number);
	fill_algorithms(&set, suite, number);
	set.sa[SET_UC_TO_PS] = (struct api_sa){ .direction = API_IN,
						.local_port = FIXTURE_PORT_PS,
						.peer_port = SET_PORT_UC };
	set.sa[SET_PS_TO_UC] = (struct api_sa){ .direction = API_OUT,
						.spi = 0x10000 + 2 * number,
						.local_port = FIXTURE_PORT_PS,
						.peer_port = SET_PORT_UC };
	set.sa[SET_PC_TO_US] = (struct api_sa){ .direction = API_OUT,
						.spi = 0x10001 + 2 * number,
						.local_port = FIXTURE_PORT_PC_FIRST,
						.peer_port = SET_PORT_US };
	set.sa[SET_US_TO_PC] = (struct api_sa){ .direction = API_IN,
						.local_port = FIXTURE_PORT_PC_FIRST,
						.peer_port = SET_PORT_US };
	return set;
}
