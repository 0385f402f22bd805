/* --tls: an authority that lives as long as this process, and a certificate for each node. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tools/lab.h"

#define DAYS_S 86400L

struct pair {
	EVP_PKEY *key;
	X509 *certificate;
};

static bool add_extension(X509 *c, int kind, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	bool ok = e && X509_add_ext(c, e, -1);

	X509_EXTENSION_free(e);
	return ok;
}

/* Of `name`; `alternatives` NULL: an authority, which signs itself. */
static bool make(struct pair *p, const struct pair *issuer, const char *name, long serial,
		 const char *alternatives)
{
	X509 *c = p->certificate = X509_new();
	X509_NAME *subject = c ? X509_get_subject_name(c) : NULL;

	p->key = EVP_EC_gen("P-256");
	return p->key && c && X509_set_version(c, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(c), serial) &&
	       X509_gmtime_adj(X509_getm_notBefore(c), -DAYS_S) &&
	       X509_gmtime_adj(X509_getm_notAfter(c), 30 * DAYS_S) && X509_set_pubkey(c, p->key) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
					  -1, -1, 0) &&
	       X509_set_issuer_name(c, X509_get_subject_name(issuer->certificate)) &&
	       add_extension(c, NID_basic_constraints, alternatives ? "CA:FALSE" : "CA:TRUE") &&
	       (!alternatives || add_extension(c, NID_subject_alt_name, alternatives)) &&
	       X509_sign(c, issuer->key, EVP_sha256());
}

static void clear(struct pair *p)
{
	EVP_PKEY_free(p->key);
	X509_free(p->certificate);
}

/* NAME.pem, and NAME.key unless it is the authority's, which nobody needs any more. */
static bool write_files(const struct pair *p, const char *name, bool with_key)
{
	char path[128];
	FILE *file;
	bool ok;

	snprintf(path, sizeof(path), LAB_DIRECTORY "/%s.pem", name);
	file = fopen(path, "we");
	ok = file && PEM_write_X509(file, p->certificate);
	if (file && fclose(file))
		ok = false;
	if (!ok || !with_key)
		return ok;
	snprintf(path, sizeof(path), LAB_DIRECTORY "/%s.key", name);
	file = fopen(path, "we");
	ok = file && !fchmod(fileno(file), 0600) &&
	     PEM_write_PKCS8PrivateKey(file, p->key, NULL, NULL, 0, NULL, NULL);
	if (file && fclose(file))
		ok = false;
	return ok;
}

/* The SIP roles are all on loopback; Diameter identities are names of the realm. */
static bool make_node(const struct pair *authority, const char *name, long serial,
		      const char *realm)
{
	struct pair node = { NULL, NULL };
	char alternatives[512];
	bool ok;

	snprintf(alternatives, sizeof(alternatives), "IP:127.0.0.1,DNS:%s.%s", name, realm);
	ok = make(&node, authority, name, serial, alternatives) && write_files(&node, name, true);
	clear(&node);
	return ok;
}

int lab_certificates(struct lab *l, const char *realm)
{
	static const char *const nodes[] = { "pcscf", "cscf", "hss" };
	struct pair authority = { NULL, NULL };
	bool ok = make(&authority, &authority, "lab", 1, NULL) &&
		  write_files(&authority, "authority", false);

	for (unsigned i = 0; ok && i < sizeof(nodes) / sizeof(nodes[0]); i++)
		ok = make_node(&authority, nodes[i], 2 + i, realm);
	clear(&authority);
	return ok ? 0 : lab_fail(l, "cannot make certificates");
}
