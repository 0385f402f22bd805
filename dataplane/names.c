#include "dataplane/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct name {
	const char *text; /* the SIP name where there is one, TS 33.203 Annex H */
	uint8_t number;
	uint8_t key_bytes;
};

#define N(table) (sizeof(table) / sizeof(table[0]))

static const struct name directions[] = {
	{ "in", API_IN },
	{ "out", API_OUT },
};

static const struct name modes[] = {
	{ "trans", API_TRANSPORT },
	{ "tun", API_TUNNEL },
	{ "UDP-enc-tun", API_UDP_ENCAP_TUNNEL },
};

static const struct name integrities[] = {
	{ "hmac-md5-96", API_HMAC_MD5_96, 16 },
	{ "hmac-sha-1-96", API_HMAC_SHA1_96, 20 },
	{ "hmac-sha-256-128", API_HMAC_SHA256_128, 32 },
	{ "aes-gmac", API_AES_GMAC, 16 },
	{ "none", API_INTEGRITY_NONE },
};

static const struct name ciphers[] = {
	{ "null", API_CIPHER_NULL },
	{ "aes-cbc", API_AES_CBC, 16 },
	{ "des-ede3-cbc", API_DES_EDE3_CBC, 24 },
	{ "aes-gcm", API_AES_GCM, 16 },
};

static const char *name_of(const struct name *table, size_t n, uint8_t number)
{
	for (size_t i = 0; i < n; i++)
		if (table[i].number == number)
			return table[i].text;
	return "?";
}

static int find(const struct name *table, size_t n, const char *text, size_t *key_bytes)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(table[i].text, text)) {
			*key_bytes = table[i].key_bytes;
			return table[i].number;
		}
	return -ENOENT;
}

const char *names_direction(uint8_t direction)
{
	return name_of(directions, N(directions), direction);
}

const char *names_integrity(uint8_t integrity)
{
	return name_of(integrities, N(integrities), integrity);
}

const char *names_cipher(uint8_t cipher)
{
	return name_of(ciphers, N(ciphers), cipher);
}

const char *names_mode(uint8_t mode)
{
	return name_of(modes, N(modes), mode);
}

int names_integrity_find(const char *name, size_t *key_bytes)
{
	return find(integrities, N(integrities), name, key_bytes);
}

int names_cipher_find(const char *name, size_t *key_bytes)
{
	return find(ciphers, N(ciphers), name, key_bytes);
}

const char *names_registration(uint64_t registration, char out[NAMES_REGISTRATION_BYTES])
{
	snprintf(out, NAMES_REGISTRATION_BYTES, "%" PRIu64, registration);
	return out;
}

const char *names_endpoint(uint8_t family, const struct api_address *address, uint16_t port,
			   char out[NAMES_ENDPOINT_BYTES])
{
	char text[INET6_ADDRSTRLEN] = "?";

	if (family == API_IPV4 || family == API_IPV6)
		inet_ntop(family == API_IPV4 ? AF_INET : AF_INET6, address->bytes, text,
			  sizeof(text));
	snprintf(out, NAMES_ENDPOINT_BYTES, family == API_IPV6 ? "[%s]:%u" : "%s:%u", text, port);
	return out;
}
