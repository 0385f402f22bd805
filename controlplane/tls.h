/*
 * TLS of SIP between CSCFs (RFC 3261 26.2): certificates both ways, 1.2 or newer,
 * forward secrecy and AEAD only, no renegotiation. Sessions are not resumed: two nodes have a
 * connection each way for hours, and each new one shows its certificate anew.
 *
 * Who a peer is, its certificate says (RFC 5922): subjectAltName has the address that the
 * connection goes to or comes from, or a name that the configuration gives to that address. Keys
 * never leave OpenSSL's memory. Files are read once, so new certificates take a restart.
 *
 * One thread. stream_tls.c is how connections use it.
 */
#ifndef CONTROLPLANE_TLS_H
#define CONTROLPLANE_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/address.h"

struct config_tls;
struct ssl_st; /* OpenSSL's SSL */
struct tls;

/* Reads the files. NULL after log_error(), which names the file. `c` stays the caller's. */
struct tls *tls_new(const struct config_tls *c);
void tls_free(struct tls *t);

/*
 * The TLS of a connected, non-blocking socket, which stays the caller's; `peer` must live as long.
 * `is_client`: we connected. For SSL_free(). NULL: out of memory.
 */
struct ssl_st *tls_link(struct tls *t, int fd, const struct address *peer, bool is_client);

/*
 * Says why a link has failed, right after the OpenSSL call that did: the peer, and what is wrong
 * with its certificate, what it said of ours, or what OpenSSL says. The same of the same host is
 * said once in TLS_QUIET_S.
 */
void tls_report(struct tls *t, const struct ssl_st *link);

#define TLS_QUIET_S 600

#endif
