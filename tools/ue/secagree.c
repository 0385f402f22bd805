#include "tools/ue/secagree.h"

#include <errno.h>
#include <string.h>

#define SPI_FIRST 256 /* 1 … 255 are reserved: RFC 4303 2.1 */

/* Those of TS 33.203 Annex H; both zero, which is no pair, for the others. */
static const struct {
	enum alg_integrity integrity;
	enum alg_cipher cipher;
} suite_algs[CRYPTO_N_SUITES] = {
	[CRYPTO_HMAC_SHA1_NULL] = { ALG_HMAC_SHA1_96, ALG_CIPHER_NULL },
	[CRYPTO_HMAC_MD5_NULL] = { ALG_HMAC_MD5_96, ALG_CIPHER_NULL },
	[CRYPTO_HMAC_SHA1_AES_CBC] = { ALG_HMAC_SHA1_96, ALG_AES_CBC },
	[CRYPTO_HMAC_MD5_AES_CBC] = { ALG_HMAC_MD5_96, ALG_AES_CBC },
	[CRYPTO_HMAC_SHA1_3DES_CBC] = { ALG_HMAC_SHA1_96, ALG_DES_EDE3_CBC },
	[CRYPTO_HMAC_MD5_3DES_CBC] = { ALG_HMAC_MD5_96, ALG_DES_EDE3_CBC },
	[CRYPTO_AES_GMAC] = { ALG_AES_GMAC, ALG_CIPHER_NULL },
	[CRYPTO_AES_GCM] = { ALG_INTEGRITY_NULL, ALG_AES_GCM },
};

static bool is_spoken(int suite)
{
	return suite_algs[suite].integrity || suite_algs[suite].cipher;
}

enum alg_integrity secagree_integrity(int suite)
{
	return suite_algs[suite].integrity;
}

enum alg_cipher secagree_cipher(int suite)
{
	return suite_algs[suite].cipher;
}

static const char *alg_name(int suite)
{
	return alg_integrity[suite_algs[suite].integrity].sip_name;
}

static const char *ealg_name(int suite)
{
	return alg_cipher[suite_algs[suite].cipher].sip_name;
}

int secagree_suite(struct view alg, struct view ealg)
{
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++)
		if (is_spoken(suite) && view_is_token(alg, alg_name(suite)) &&
		    view_is_token(ealg, ealg_name(suite)))
			return suite;
	return -ENOENT;
}

/* "0.125" → 125; up to three decimals, 0 … 1 (RFC 3261 25.1 qvalue). */
static bool read_q(struct view v, uint16_t *out)
{
	struct view whole = view_take(&v, '.');
	uint32_t n, decimals = 0;

	if (!view_number(whole, 1, &n) || (v.at && v.bytes > 3))
		return false;
	if (v.bytes && !view_number(v, 999, &decimals))
		return false;
	for (size_t i = v.bytes; i < 3; i++)
		decimals *= 10;
	*out = (uint16_t)(n * 1000 + decimals);
	return n * 1000 + decimals <= 1000;
}

struct params {
	struct view alg, ealg, prot, mod;
};

/* False: a parameter that we know has a value that cannot be. */
static bool read_param(struct secagree *m, struct params *p, struct view key, struct view value)
{
	uint32_t port;

	if (view_is_token(key, "spi-c"))
		return view_number(value, UINT32_MAX, &m->spi_c) && m->spi_c >= SPI_FIRST;
	if (view_is_token(key, "spi-s"))
		return view_number(value, UINT32_MAX, &m->spi_s) && m->spi_s >= SPI_FIRST;
	if (view_is_token(key, "port-c") || view_is_token(key, "port-s")) {
		if (!view_number(value, UINT16_MAX, &port) || !port)
			return false;
		*(view_is_token(key, "port-c") ? &m->port_c : &m->port_s) = (uint16_t)port;
		return true;
	}
	if (view_is_token(key, "q"))
		return read_q(value, &m->q_thousandth);
	if (view_is_token(key, "alg"))
		p->alg = value;
	else if (view_is_token(key, "ealg"))
		p->ealg = value;
	else if (view_is_token(key, "prot"))
		p->prot = value;
	else if (view_is_token(key, "mod"))
		p->mod = value;
	return true;
}

static int read_mechanism(struct view element, struct secagree *m)
{
	struct view name = view_take(&element, ';');
	struct params p = { .ealg = { "null", 4 }, .prot = { "esp", 3 }, .mod = { "trans", 5 } };

	*m = (struct secagree){ .q_thousandth = 1000, .suite = -1 };
	if (!view_is_token(name, "ipsec-3gpp"))
		return name.bytes ? 0 : -EBADMSG;
	while (element.bytes) {
		struct view value = view_take(&element, ';'), key = view_take(&value, '=');

		if (!read_param(m, &p, key, view_trim(value)))
			return -EBADMSG;
	}
	if (!m->spi_c || !m->spi_s || m->spi_c == m->spi_s || !m->port_c || !m->port_s)
		return -EBADMSG;
	m->in_udp = view_is_token(p.mod, "UDP-enc-tun");
	if (view_is_token(p.prot, "esp") && (m->in_udp || view_is_token(p.mod, "trans")))
		m->suite = secagree_suite(p.alg, p.ealg);
	return 0;
}

int secagree_read(const struct sip_message *m, const char *header, struct secagree_list *out)
{
	struct view value;

	out->n = 0;
	for (unsigned i = 0; (value = sip_header(m, header, i)).at; i++) {
		do {
			struct view element = view_take(&value, ',');

			if (out->n == SECAGREE_N_MECHANISMS ||
			    read_mechanism(element, &out->mechanism[out->n]))
				return -EBADMSG;
			out->n++;
		} while (value.at);
	}
	return out->n ? 0 : -ENOENT;
}

const struct secagree *secagree_choose(const struct secagree_list *list, unsigned offered,
				       int *error)
{
	const struct secagree *best = NULL;

	*error = -EBADMSG;
	for (unsigned i = 0; i < list->n; i++) {
		const struct secagree *m = &list->mechanism[i];

		for (unsigned j = 0; j < i; j++)
			if (list->mechanism[j].q_thousandth == m->q_thousandth)
				return NULL;
		if (m->suite < 0 || !(offered >> m->suite & 1) ||
		    (m->in_udp && !(offered & SECAGREE_IN_UDP)))
			continue;
		if (!best || m->q_thousandth > best->q_thousandth)
			best = m;
	}
	*error = best ? 0 : -ENOENT;
	return best;
}

static void put_mechanism(struct sip_text *t, const struct secagree *own, int suite,
			  const char *mode)
{
	const char *gap = t->compact ? "" : " ";

	sip_put(t,
		"ipsec-3gpp;%sprot=esp;%smod=%s;%sspi-c=%u;%sspi-s=%u;%sport-c=%u;%sport-s=%u;%"
		"salg=%s;"
		"%sealg=%s",
		gap, gap, mode, gap, own->spi_c, gap, own->spi_s, gap, own->port_c, gap,
		own->port_s, gap, alg_name(suite), gap, ealg_name(suite));
}

void secagree_put_client(struct sip_text *t, const struct secagree *own, unsigned offered)
{
	const char *comma = t->compact ? "," : ", ", *before = "";

	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		if (!(offered >> suite & 1))
			continue;
		sip_put(t, "%s", before);
		put_mechanism(t, own, suite, "trans");
		before = comma;
		if (!(offered & SECAGREE_IN_UDP))
			continue;
		sip_put(t, "%s", comma);
		put_mechanism(t, own, suite, "UDP-enc-tun");
	}
}

int secagree_copy_server(const struct sip_message *m, char *out, size_t out_bytes)
{
	size_t used = 0;
	struct view value;

	for (unsigned i = 0; (value = sip_header(m, "Security-Server", i)).at; i++) {
		size_t gap = i ? 2 : 0;

		if (used + gap + value.bytes >= out_bytes)
			return -EMSGSIZE;
		memcpy(out + used, ", ", gap);
		memcpy(out + used + gap, value.at, value.bytes);
		used += gap + value.bytes;
	}
	out[used] = '\0';
	return 0;
}
