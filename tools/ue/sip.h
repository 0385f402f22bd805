/*
 * SIP messages as far as a UE needs them: read into views, written as text. RFC 3261 7 and 25.1.
 *
 * Reading never allocates: views point into the caller's buffer, in which folded lines are joined.
 * The bytes are hostile: anything that is not a SIP message within the limits below is refused
 * whole. Pure functions, any thread.
 */
#ifndef TOOLS_UE_SIP_H
#define TOOLS_UE_SIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define SIP_BYTES     8192 /* longest message read or written */
#define SIP_N_HEADERS 96   /* lines */

struct view {
	const char *at; /* NULL: absent */
	size_t bytes;
};

struct sip_message {
	struct view method; /* of a request; absent in an answer */
	struct view uri;
	unsigned status; /* of an answer; 0 in a request */
	uint32_t cseq;
	struct view cseq_method;
	struct view call_id;
	struct view body;
	unsigned n_headers;
	struct sip_line {
		struct view name, value;
	} header[SIP_N_HEADERS];
};

bool view_is(struct view v, const char *text);       /* byte by byte */
bool view_is_token(struct view v, const char *text); /* without case */
bool view_equal(struct view a, struct view b);
/* Decimal, whole, at most `max`. False: anything else. */
bool view_number(struct view v, uint32_t max, uint32_t *out);
struct view view_trim(struct view v);
/* Cuts off and returns what stands before the next `separator` that is not quoted or in <>. */
struct view view_take(struct view *rest, char separator);

/*
 * Reads n_bytes ≤ SIP_BYTES, which are changed where lines were folded. Returns 0 or -EBADMSG.
 * Via, From, To, Call-ID and CSeq are there when it returns 0.
 */
int sip_read(char *bytes, size_t n_bytes, struct sip_message *m);

/*
 * How long the message is that a stream begins with: RFC 3261 18.3. 0: not whole yet; -EBADMSG: it
 * has no Content-Length, or is longer than SIP_BYTES. Nothing is changed.
 */
ssize_t sip_length(const char *bytes, size_t n_bytes);

/* The nth header (0 …) of this name, long or compact, without case; absent after the last. */
struct view sip_header(const struct sip_message *m, const char *name, unsigned nth);

/* A ";name=value" behind the first element of a header; quotes stay. Empty without "=". */
struct view sip_param(struct view value, const char *name);

/* The URI in <>, or the bare one, of an element as in From, Contact, Route. */
struct view sip_uri(struct view value);

/* A message in the making. `full` once set stays set: check at the end. */
struct sip_text {
	char at[SIP_BYTES];
	size_t used;
	bool compact; /* RFC 3261 7.3.3: short names, for what must fit into one datagram */
	bool full;
};

void sip_put(struct sip_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One line with its CRLF. */
void sip_put_header(struct sip_text *t, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
