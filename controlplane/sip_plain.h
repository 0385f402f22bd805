/*
 * Values that need no parser: what libosip2 would read, and print again byte by byte as it stands.
 * Private to sip*.c.
 *
 * Most values on the wire are of this kind, and stay text until somebody asks what is in them. The
 * grammar here is narrower than RFC 3261's on purpose: what it does not know is not wrong, it is
 * libosip2's to judge. sip_fuzz holds one against the other. Pure functions, any thread.
 */
#ifndef CONTROLPLANE_SIP_PLAIN_H
#define CONTROLPLANE_SIP_PLAIN_H

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/sip.h"

/* Length of the plain value of this kind that `text` begins with; 0: it is not plain. */
size_t sip_plain_bytes(enum sip_kind kind, const char *text);

/* The same of a URI. */
size_t sip_plain_uri_bytes(const char *text);

/* Of a token without '%', RFC 3261 25.1. */
size_t sip_plain_token_bytes(const char *text);

#endif
