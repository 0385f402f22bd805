/*
 * Certificates for tests, made anew in each process: authorities and what they sign, as PEM files
 * in a directory that certificates_end() removes. Keys are of P-256.
 */
#ifndef TEST_UNIT_CERTIFICATES_H
#define TEST_UNIT_CERTIFICATES_H

#include <stdbool.h>

#define CERTIFICATES_PATH_BYTES 128

struct certificate {
	const char *issuer;       /* name of the authority; NULL: it is one, and signs itself */
	const char *alternatives; /* subjectAltName, as OpenSSL writes it: "IP:127.0.0.1" */
	long from_s, to_s;        /* validity, from now on */
};

void certificates_begin(void);
void certificates_end(void);

/* Makes NAME.pem and NAME.key. False: a failure was reported. */
bool certificates_make(const char *name, const struct certificate *c);

/* The path of NAME.pem or NAME.key, or of any file there; good until the eighth call from now. */
char *certificates_path(const char *name, const char *suffix);

#endif
