/*
 * URIs as libosip2 parses them: where they lead, by what transport, and whom they name. Pure
 * functions, any thread.
 */
#ifndef CONTROLPLANE_SIP_URI_H
#define CONTROLPLANE_SIP_URI_H

#include <osipparser2/osip_uri.h>
#include <stdbool.h>
#include <stddef.h>

#include "controlplane/address.h"

int sip_uri_address(const osip_uri_t *uri, struct address *out); /* 0 or -EINVAL */
/* The same where the host may be a name: that has family 0, and the port. */
int sip_uri_place(const osip_uri_t *uri, struct address *out);
bool sip_uri_is_tcp(const osip_uri_t *uri);       /* RFC 3261 19.1.1: transport */
bool sip_uri_is_tls(const osip_uri_t *uri);       /* likewise, or a SIPS URI */
bool sip_uri_is_emergency(const osip_uri_t *uri); /* TS 24.229 7.2A.13: sos */

/*
 * An address of record for comparison and as a table key: scheme, user and host, without display
 * name, port and parameters; host in lower case. Returns its length, or -EINVAL / -EMSGSIZE.
 */
int sip_aor(const osip_uri_t *uri, char *out, size_t out_bytes);
/* The same from the text of a URI, name-addr or addr-spec ("<sip:a@b>;x", "tel:+1"). */
int sip_aor_text(const char *text, char *out, size_t out_bytes);

#endif
