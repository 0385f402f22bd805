/*
 * The first pass over a SIP message: see sip.h. Private to sip*.c.
 *
 * It unfolds the head and splits it into lines with their kinds; lists of plain values are split
 * too. All limits of sip.h are enforced here, and what libosip2 could misread is refused: NULs,
 * control characters, "%00" where it would unescape.
 */
#ifndef CONTROLPLANE_SIP_SCAN_H
#define CONTROLPLANE_SIP_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "controlplane/sip.h"

struct sip_scan {
	char text[SIP_HEAD_BYTES + 1]; /* the lines, each unfolded and with a NUL */
	size_t text_bytes;
	const char *start_line;
	/* Only names, values, their sizes and kinds; values end where their size says. */
	struct sip_field fields[1 + SIP_N_HEADERS + SIP_N_LISTED];
	unsigned n_fields;
	unsigned n_of[SIP_N_KINDS];
	size_t spelled_bytes; /* of names that stood there compact, with their NULs */
	int status;           /* of a plain start line; 0: a request */
	bool is_plain;        /* the start line and all values but those of SIP_OTHER */
	const char *body;     /* in the caller's bytes */
	size_t body_bytes;
	/* of the pass itself */
	unsigned n_headers, n_listed, n_params;
	long content_length; /* -1: none seen */
	bool bad_length;     /* no number, too large, or two that differ */
};

/*
 * Returns 0, -EMSGSIZE or -EBADMSG. head_only: there is no body, and Content-Length counts for
 * nothing. A start line that is not plain is not among the fields.
 */
int sip_scan(const char *bytes, size_t n_bytes, bool head_only, struct sip_scan *out);

/* How many parameters there may be in a value: of it, of its URIs and their headers. */
unsigned sip_scan_params(const char *value, size_t n_bytes);

/* The last pass, sip_check.c: whether what libosip2 made of it is what sip.h promises. */
bool sip_is_complete(const osip_message_t *m);
/* The same of a message whose start line and values are plain. */
bool sip_is_plain_complete(const struct sip *s);

/*
 * sip_parse() and sip_parse_head() by libosip2 alone, whatever is plain: they give the same.
 */
int sip_parse_by_libosip2(const char *bytes, size_t n_bytes, bool head_only, struct sip **out);

#endif
