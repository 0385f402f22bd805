#include "crypto/alg.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Sizes: RFC 2403, 2404, 4543 (GMAC); names: TS 33.203 Annex H. */
const struct alg alg_integrity[ALG_N_INTEGRITY] = {
	[ALG_INTEGRITY_NULL] = { "null", "NULL", 0, 0, 0, 0, 4 },
	[ALG_HMAC_MD5_96] = { "hmac-md5-96", "HMAC-MD5-96 [RFC2403]", 16, 0, 12, 0, 4 },
	[ALG_HMAC_SHA1_96] = { "hmac-sha-1-96", "HMAC-SHA-1-96 [RFC2404]", 20, 0, 12, 0, 4 },
	[ALG_AES_GMAC] = { "aes-gmac", "ANY 128 bit authentication [no checking]", 16, 4, 16, 8,
			   4 },
};

/* Sizes: RFC 2410, 3602, 2451, 4106. */
const struct alg alg_cipher[ALG_N_CIPHER] = {
	[ALG_CIPHER_NULL] = { "null", "NULL", 0, 0, 0, 0, 4 },
	[ALG_AES_CBC] = { "aes-cbc", "AES-CBC [RFC3602]", 16, 0, 0, 16, 16 },
	[ALG_DES_EDE3_CBC] = { "des-ede3-cbc", "TripleDES-CBC [RFC2451]", 24, 0, 0, 8, 8 },
	[ALG_AES_GCM] = { "aes-gcm", "AES-GCM with 16 octet ICV [RFC4106]", 16, 4, 16, 8, 4 },
};

static int find(const struct alg table[], int n, const char *name, size_t name_bytes)
{
	for (int i = 0; i < n; i++) {
		if (strlen(table[i].sip_name) == name_bytes &&
		    strncasecmp(table[i].sip_name, name, name_bytes) == 0)
			return i;
	}
	return -ENOENT;
}

int alg_find_integrity(const char *name, size_t name_bytes)
{
	return find(alg_integrity, ALG_N_INTEGRITY, name, name_bytes);
}

int alg_find_cipher(const char *name, size_t name_bytes)
{
	return find(alg_cipher, ALG_N_CIPHER, name, name_bytes);
}

bool alg_pair_is_allowed(enum alg_integrity integrity, enum alg_cipher cipher)
{
	if (integrity == ALG_INTEGRITY_NULL)
		return cipher == ALG_AES_GCM;
	if (integrity == ALG_AES_GMAC)
		return cipher == ALG_CIPHER_NULL;
	return cipher != ALG_AES_GCM;
}
