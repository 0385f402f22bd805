/*
 * TLS under Diameter (RFC 6733 13.1) by freeDiameter and GnuTLS, with the certificates of SIP. What
 * is added to it: a peer that connects to us is who its certificate says it is. freeDiameter
 * compares the name only of those that we connect to.
 */
#include <errno.h>
#include <fcntl.h>
#include <freeDiameter/freeDiameter-host.h>
#include <freeDiameter/libfdcore.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "configs/config.h"
#include "controlplane/cx_diameter_impl.h"
#include "controlplane/log.h"
#include "controlplane/tls.h"

/* TS 33.210 6.2: forward secrecy and AEAD, as tls.c. */
#define PRIORITY                                                                                   \
	"SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-KX-ALL:+ECDHE-RSA:+ECDHE-ECDSA"            \
	":-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:+CHACHA20-POLY1305:-MAC-ALL:+AEAD"

/*
 * ffdhe2048 of RFC 7919. It is not used, as there is no DHE above; but freeDiameter makes a group
 * of its own when it is given none, which takes seconds.
 */
static const char group[] = "-----BEGIN DH PARAMETERS-----\n"
			    "MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz\n"
			    "+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a\n"
			    "87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7\n"
			    "YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi\n"
			    "7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD\n"
			    "ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==\n"
			    "-----END DH PARAMETERS-----\n";

bool cx_tls_is_wanted(const struct config *config)
{
	return config->cx->security == CONFIG_SECURITY_TLS;
}

int cx_tls_prepare(const struct config *config, char path[static CX_TLS_PATH_BYTES])
{
	struct tls *files =
		tls_new(config->tls); /* says which of them is no good; GnuTLS does not */
	int rc = 0, fd;

	if (files == NULL)
		return -EINVAL;
	tls_free(files);
	snprintf(path, CX_TLS_PATH_BYTES, "%s/group.XXXXXX", config->controlplane->run_dir);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, group, sizeof(group) - 1) != sizeof(group) - 1)
		rc = -EIO;
	close(fd);
	if (rc < 0)
		unlink(path);
	return rc;
}

void cx_tls_print(FILE *out, const struct config *config, const char *path)
{
	const struct config_tls *tls = config->tls;

	fprintf(out,
		"TLS_Cred = \"%s\", \"%s\";\nTLS_CA = \"%s\";\nTLS_DH_File = \"%s\";\n"
		"TLS_Prio = \"" PRIORITY "\";\n",
		tls->certificate, tls->key, tls->authorities, path);
}

/* --- who is at the other end --- */

/* By freeDiameter's threads; read for each message. */
static atomic_bool is_false[CX_TLS_PEERS];

static int find(const struct config_cx *cx, const char *identity, size_t n_bytes)
{
	for (uint32_t i = 0; i < cx->n_peers && i < CX_TLS_PEERS; i++) {
		if (strlen(cx->peers[i].identity) == n_bytes &&
		    strncasecmp(cx->peers[i].identity, identity, n_bytes) == 0)
			return (int)i;
	}
	return -ENOENT;
}

static bool has_identity(const struct peer_info *info)
{
	const gnutls_datum_t *own = info->runtime.pir_cert_list;
	const unsigned char *bytes;
	X509 *certificate;
	bool has;

	if (own == NULL || info->runtime.pir_cert_list_size == 0)
		return false;
	bytes = own->data;
	certificate = d2i_X509(NULL, &bytes, (long)own->size);
	if (certificate == NULL)
		return false;
	has = X509_check_host(certificate, info->pi_diamid, 0,
			      X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT,
			      NULL) == 1;
	X509_free(certificate);
	return has;
}

bool cx_tls_check(const struct config_cx *cx, const struct peer_info *info, bool has_connected)
{
	bool has = !has_connected || has_identity(info);
	int i = find(cx, info->pi_diamid, info->pi_diamidlen);

	if (i >= 0)
		atomic_store_explicit(&is_false[i], !has, memory_order_relaxed);
	return has;
}

bool cx_tls_is_false(const struct config_cx *cx, struct msg *message)
{
	DiamId_t source;
	size_t n_bytes;
	int i;

	if (fd_msg_source_get(message, &source, &n_bytes) != 0 || source == NULL)
		return true;
	i = find(cx, source, n_bytes);
	return i < 0 || atomic_load_explicit(&is_false[i], memory_order_relaxed);
}
