#include "tools/bench/suite.h"

#include <string.h>

#include "crypto/suite.h"
#include "dataplane/api.h"

const struct bench_suite bench_suites[] = {
	{ "hmac-sha-1-96", CRYPTO_HMAC_SHA1_NULL, API_HMAC_SHA1_96, API_CIPHER_NULL },
	{ "hmac-md5-96", CRYPTO_HMAC_MD5_NULL, API_HMAC_MD5_96, API_CIPHER_NULL },
	{ "hmac-sha-256-128", CRYPTO_HMAC_SHA256_NULL, API_HMAC_SHA256_128, API_CIPHER_NULL },
	{ "aes-cbc-128+sha-1", CRYPTO_HMAC_SHA1_AES_CBC, API_HMAC_SHA1_96, API_AES_CBC },
	{ "aes-cbc-256+sha-256", CRYPTO_HMAC_SHA256_AES256_CBC, API_HMAC_SHA256_128, API_AES_CBC },
	{ "3des-cbc+sha-1", CRYPTO_HMAC_SHA1_3DES_CBC, API_HMAC_SHA1_96, API_DES_EDE3_CBC },
	{ "aes-gcm-128", CRYPTO_AES_GCM, API_INTEGRITY_NONE, API_AES_GCM },
	{ "aes-gcm-256", CRYPTO_AES256_GCM, API_INTEGRITY_NONE, API_AES_GCM },
	{ "aes-gmac-128", CRYPTO_AES_GMAC, API_AES_GMAC, API_CIPHER_NULL },
};
const uint32_t bench_n_suites = sizeof(bench_suites) / sizeof(bench_suites[0]);

const struct bench_suite *bench_suite_find(const char *name)
{
	for (uint32_t i = 0; i < bench_n_suites; i++) {
		if (strcmp(bench_suites[i].name, name) == 0)
			return &bench_suites[i];
	}
	return NULL;
}

const struct crypto_suite_shape *bench_suite_shape(const struct bench_suite *suite)
{
	return &crypto_suite_shape[suite->suite];
}

struct bench_layout bench_layout(const struct bench_suite *suite, uint32_t size_bytes)
{
	const struct crypto_suite_shape *shape = bench_suite_shape(suite);
	uint32_t around = BENCH_ESP_BYTES + shape->iv_bytes + shape->icv_bytes;
	uint32_t inner = size_bytes - BENCH_IPV4_BYTES - around;
	inner -= inner % shape->block_bytes;
	uint32_t esp_bytes = around + inner;
	return (struct bench_layout){
		.ip_bytes = (uint16_t)(BENCH_IPV4_BYTES + esp_bytes),
		.esp_bytes = (uint16_t)esp_bytes,
		.auth_bytes = (uint16_t)(esp_bytes - shape->icv_bytes),
		.l4_bytes = (uint16_t)(inner - BENCH_TRAILER_BYTES),
	};
}
