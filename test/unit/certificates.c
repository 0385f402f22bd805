#include "test/unit/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/shim/test.h"

static char directory[] = "/tmp/imsgate-certificates-XXXXXX";
static const char template[] = "/tmp/imsgate-certificates-XXXXXX";

void certificates_begin(void)
{
	memcpy(directory, template, sizeof(directory));
	ASSERT_TRUE(mkdtemp(directory) != NULL);
}

void certificates_end(void)
{
	char command[256];
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	EXPECT_EQ(system(command), 0);
}

char *certificates_path(const char *name, const char *suffix)
{
	static char paths[8][CERTIFICATES_PATH_BYTES];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, CERTIFICATES_PATH_BYTES, "%s/%s%s", directory, name, suffix);
	return path;
}

static X509 *read_certificate(const char *name)
{
	FILE *file = fopen(certificates_path(name, ".pem"), "r");
	X509 *c = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	return c;
}

static EVP_PKEY *read_key(const char *name)
{
	FILE *file = fopen(certificates_path(name, ".key"), "r");
	EVP_PKEY *key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
	if (file)
		fclose(file);
	return key;
}

static bool write_files(const char *name, X509 *c, EVP_PKEY *key)
{
	FILE *file = fopen(certificates_path(name, ".pem"), "w");
	bool ok = file && PEM_write_X509(file, c);
	if (file)
		fclose(file);
	file = fopen(certificates_path(name, ".key"), "w");
	ok = ok && file && PEM_write_PKCS8PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
	if (file)
		fclose(file);
	return ok && !chmod(certificates_path(name, ".key"), 0600);
}

static bool add_extension(X509 *c, int kind, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, kind, value);
	bool ok = e && X509_add_ext(c, e, -1);
	X509_EXTENSION_free(e);
	return ok;
}

static bool fill(X509 *c, const char *name, const struct certificate *wanted, EVP_PKEY *key)
{
	static long serial = 1;
	X509_NAME *subject = X509_get_subject_name(c);
	return X509_set_version(c, X509_VERSION_3) &&
	       ASN1_INTEGER_set(X509_get_serialNumber(c), serial++) &&
	       X509_gmtime_adj(X509_getm_notBefore(c), wanted->from_s) &&
	       X509_gmtime_adj(X509_getm_notAfter(c), wanted->to_s) && X509_set_pubkey(c, key) &&
	       X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name,
					  -1, -1, 0) &&
	       add_extension(c, NID_basic_constraints, wanted->issuer ? "CA:FALSE" : "CA:TRUE") &&
	       (!wanted->alternatives ||
		add_extension(c, NID_subject_alt_name, wanted->alternatives));
}

bool certificates_make(const char *name, const struct certificate *wanted)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	EVP_PKEY *signer = wanted->issuer ? read_key(wanted->issuer) : key;
	X509 *issuer = wanted->issuer ? read_certificate(wanted->issuer) : NULL;
	X509 *c = X509_new();
	bool ok = key && signer && c && fill(c, name, wanted, key) &&
		  X509_set_issuer_name(c, X509_get_subject_name(issuer ? issuer : c)) &&
		  X509_sign(c, signer, EVP_sha256()) && write_files(name, c, key);
	X509_free(c);
	X509_free(issuer);
	if (signer != key)
		EVP_PKEY_free(signer);
	EVP_PKEY_free(key);
	EXPECT_TRUE(ok);
	return ok;
}
