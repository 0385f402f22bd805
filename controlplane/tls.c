#include "controlplane/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include "configs/config.h"
#include "controlplane/log.h"

#define MAX_CERTIFICATES_BYTES 16384 /* that a peer sends before we know it */
#define MAX_DEPTH              4     /* authorities between a node and the root */
#define N_REPORTED             16    /* complaints that are remembered */
#define REASON_BYTES           160

/* TS 33.210 6.2 wants forward secrecy and AEAD; TLS 1.3 has nothing else. */
static const char ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

/* The name that an address has in certificates. */
struct name {
	struct address address;
	char *text;
};

struct reported {
	struct address host; /* port 0 */
	char reason[REASON_BYTES];
	time_t at_s;
};

struct tls {
	SSL_CTX *context;
	struct name *names;
	uint32_t n_names;
	struct reported reported[N_REPORTED];
	unsigned next_reported;
};

/* --- who a peer is --- */

static bool is_text(const ASN1_STRING *s, const char *prefix, const char *text)
{
	size_t n_prefix = strlen(prefix), n_text = strlen(text);
	const char *data = (const char *)ASN1_STRING_get0_data(s);
	return ASN1_STRING_length(s) >= 0 && (size_t)ASN1_STRING_length(s) == n_prefix + n_text &&
	       !strncasecmp(data, prefix, n_prefix) && !strncasecmp(data + n_prefix, text, n_text);
}

static bool is_sip_uri(const GENERAL_NAME *n)
{
	return n->type == GEN_URI && ASN1_STRING_length(n->d.uniformResourceIdentifier) > 4 &&
	       !strncasecmp((const char *)ASN1_STRING_get0_data(n->d.uniformResourceIdentifier),
			    "sip:", 4);
}

/* RFC 5922 7.1: SIP URIs count where there are any, DNS names otherwise; no wildcards, 7.2. */
static bool has_name(const GENERAL_NAMES *all, const char *name)
{
	bool has_uris = false;
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++)
		has_uris = has_uris || is_sip_uri(sk_GENERAL_NAME_value(all, i));
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);
		if (has_uris
			    ? is_sip_uri(n) && is_text(n->d.uniformResourceIdentifier, "sip:", name)
			    : n->type == GEN_DNS && is_text(n->d.dNSName, "", name))
			return true;
	}
	return false;
}

static bool has_address(const GENERAL_NAMES *all, const struct address *a)
{
	int n_bytes = a->family == 6 ? 16 : 4;
	for (int i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(all, i);
		if (n->type == GEN_IPADD && ASN1_STRING_length(n->d.iPAddress) == n_bytes &&
		    !memcmp(ASN1_STRING_get0_data(n->d.iPAddress), a->bytes, (size_t)n_bytes))
			return true;
	}
	return false;
}

static bool is_peer(const struct tls *t, const X509 *certificate, const struct address *peer)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	bool is_named = false, is = false;
	for (uint32_t i = 0; i < t->n_names; i++) {
		if (!address_same_host(&t->names[i].address, peer))
			continue;
		is_named = true;
		is = is || has_name(all, t->names[i].text);
	}
	if (!is_named)
		is = has_address(all, peer);
	GENERAL_NAMES_free(all);
	return is;
}

/* After OpenSSL's own verdict on each certificate of the chain; the peer's own is at depth 0. */
static int on_verify(int is_good, X509_STORE_CTX *chain)
{
	SSL *link = X509_STORE_CTX_get_ex_data(chain, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(link));
	if (!is_good || X509_STORE_CTX_get_error_depth(chain) > 0)
		return is_good;
	if (is_peer(t, X509_STORE_CTX_get_current_cert(chain), SSL_get_app_data(link)))
		return 1;
	X509_STORE_CTX_set_error(chain, X509_V_ERR_APPLICATION_VERIFICATION);
	return 0;
}

/* --- complaints --- */

static bool was_reported(struct tls *t, const struct address *peer, const char *reason)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	for (unsigned i = 0; i < N_REPORTED; i++) {
		const struct reported *r = &t->reported[i];
		if (address_same_host(&r->host, peer) && !strcmp(r->reason, reason) &&
		    now.tv_sec - r->at_s < TLS_QUIET_S)
			return true;
	}
	struct reported *r = &t->reported[t->next_reported++ % N_REPORTED];
	*r = (struct reported){ .host = *peer, .at_s = now.tv_sec };
	r->host.port = 0;
	snprintf(r->reason, sizeof(r->reason), "%s", reason);
	return false;
}

static void print_reason(const SSL *link, char reason[static REASON_BYTES])
{
	long verdict = SSL_get_verify_result(link);
	unsigned long code = ERR_peek_error();
	const char *text = ERR_reason_error_string(code);
	bool is_verdict = ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED;
	if (is_verdict && verdict == X509_V_ERR_APPLICATION_VERIFICATION)
		snprintf(reason, REASON_BYTES,
			 "its certificate is another node's: no subjectAltName is this address, or "
			 "the name that tls.names gives it");
	else if (is_verdict)
		snprintf(reason, REASON_BYTES, "its certificate is no good: %s",
			 X509_verify_cert_error_string(verdict));
	else if (ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET)
		snprintf(reason, REASON_BYTES, "it refuses us: %s", text ? text : "TLS alert");
	else
		snprintf(reason, REASON_BYTES, "%s", text ? text : "the connection was lost");
}

void tls_report(struct tls *t, const struct ssl_st *link)
{
	const struct address *peer = SSL_get_app_data(link);
	char reason[REASON_BYTES], host[ADDRESS_TEXT_BYTES];
	print_reason(link, reason);
	if (!was_reported(t, peer, reason))
		log_warn("tls: %s: %s", address_print_host(peer, host), reason);
	ERR_clear_error();
}

/* --- the files --- */

static int refuse_file(const char *key, const char *path)
{
	unsigned long code = ERR_peek_error(); /* the first: what it comes of */
	const char *reason = ERR_reason_error_string(code);
	log_error("tls.%s: %s: %s", key, path,
		  ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code))
		  : reason               ? reason
					 : "it cannot be used");
	ERR_clear_error();
	return -1;
}

/* A file that others may read has told the key already. */
static int check_key_mode(const char *path)
{
	struct stat status;
	if (!stat(path, &status) && (status.st_mode & (S_IRWXG | S_IRWXO))) {
		log_error("tls.key: %s: others may read it; chmod 600", path);
		return -1;
	}
	return 0;
}

static int check_time(const SSL_CTX *context, const char *path)
{
	const X509 *own = SSL_CTX_get0_certificate(context);
	if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0)
		log_error("tls.certificate: %s: it has expired", path);
	else if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0)
		log_error("tls.certificate: %s: it is not valid yet", path);
	else
		return 0;
	return -1;
}

/* A key under a passphrase is an error: nobody is there to type it. */
static int no_passphrase(char *out, int n_bytes, int is_writing, void *user)
{
	return -1;
}

static int read_files(SSL_CTX *context, const struct config_tls *c)
{
	ERR_clear_error();
	SSL_CTX_set_default_passwd_cb(context, no_passphrase);
	if (SSL_CTX_use_certificate_chain_file(context, c->certificate) != 1)
		return refuse_file("certificate", c->certificate);
	if (check_time(context, c->certificate) || check_key_mode(c->key))
		return -1;
	if (SSL_CTX_use_PrivateKey_file(context, c->key, SSL_FILETYPE_PEM) != 1)
		return refuse_file("key", c->key);
	if (SSL_CTX_load_verify_file(context, c->authorities) != 1)
		return refuse_file("authorities", c->authorities);
	return 0;
}

static SSL_CTX *context_new(struct tls *t)
{
	SSL_CTX *context = SSL_CTX_new(TLS_method());
	if (!context)
		return NULL;
	SSL_CTX_set_app_data(context, t);
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
					     SSL_OP_NO_TICKET | SSL_OP_CIPHER_SERVER_PREFERENCE |
					     SSL_OP_CLEANSE_PLAINTEXT |
					     SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
					  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
					  SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_max_cert_list(context, MAX_CERTIFICATES_BYTES);
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, on_verify);
	SSL_CTX_set_verify_depth(context, MAX_DEPTH);
	if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
	    SSL_CTX_set_num_tickets(context, 0) == 1 &&
	    SSL_CTX_set_cipher_list(context, ciphers) == 1)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

/* Addresses were checked by the configuration's schema. */
static int read_names(struct tls *t, const struct config_tls *c)
{
	t->names = calloc(c->n_names, sizeof(*t->names));
	if (c->n_names && !t->names)
		return -1;
	for (; t->n_names < c->n_names; t->n_names++) {
		struct name *n = &t->names[t->n_names];
		n->text = strdup(c->names[t->n_names].name);
		if (!n->text || address_parse(c->names[t->n_names].address, 0, &n->address)) {
			free(n->text);
			return -1;
		}
	}
	return 0;
}

struct tls *tls_new(const struct config_tls *c)
{
	struct tls *t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->context = context_new(t);
	if (!t->context || read_names(t, c))
		log_error("tls: OpenSSL cannot do what is wanted");
	else if (!read_files(t->context, c))
		return t;
	tls_free(t);
	return NULL;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	for (uint32_t i = 0; i < t->n_names; i++)
		free(t->names[i].text);
	free(t->names);
	free(t);
}

struct ssl_st *tls_link(struct tls *t, int fd, const struct address *peer, bool is_client)
{
	SSL *link = SSL_new(t->context);
	if (!link)
		return NULL;
	SSL_set_app_data(link, (void *)peer);
	if (SSL_set_fd(link, fd) != 1) {
		SSL_free(link);
		return NULL;
	}
	if (is_client)
		SSL_set_connect_state(link);
	else
		SSL_set_accept_state(link);
	return link;
}
