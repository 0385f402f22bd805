/*
 * The first pass over a SIP message, before libosip2 sees it: see sip.h. Private to sip*.c.
 *
 * It splits the bytes into a head for libosip2 (start line and the headers that routing needs), the
 * other headers as name and value, and the body. All limits of sip.h are enforced here, and what
 * libosip2 could misread is refused: NULs, control characters, "%00" where it would unescape.
 */
#ifndef CONTROLPLANE_SIP_SCAN_H
#define CONTROLPLANE_SIP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/sip.h"

struct sip_scan {
	char head[SIP_HEAD_BYTES + 2 * SIP_N_HEADERS + 8]; /* CRLF for LF, and the empty line */
	size_t head_bytes;
	struct sip_field others[SIP_N_HEADERS];
	unsigned n_others;
	const char *body; /* in the caller's bytes */
	size_t body_bytes;
	/* of the pass itself */
	char line[SIP_HEAD_BYTES + 1]; /* one header, unfolded, then kept for `others` */
	size_t line_bytes;
	unsigned n_headers, n_listed;
	unsigned n_from, n_to, n_call_id, n_cseq, n_via;
	long content_length; /* -1: none seen */
	bool bad_length;     /* no number, too large, or two that differ */
};

/*
 * Returns 0, -EMSGSIZE or -EBADMSG. head_only: there is no body, and Content-Length counts for
 * nothing.
 */
int sip_scan(const char *bytes, size_t n_bytes, bool head_only, struct sip_scan *out);

/* The last pass, sip_check.c: whether what libosip2 made of it is what sip.h promises. */
bool sip_is_complete(const osip_message_t *m);

#endif
