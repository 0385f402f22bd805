/*
 * Where a SIP message ends in a stream of bytes: RFC 3261 18.3, by Content-Length.
 *
 * The caller keeps the bytes from the last boundary on and asks again when there are more; what was
 * looked at is not looked at twice, so a message that comes byte by byte costs no more than one
 * that comes whole. Lines and Content-Length are read exactly as sip_scan.c reads them, so that the
 * parser never sees another end of a message than the stream did; what it would refuse for other
 * reasons passes here. Pure functions, any thread.
 */
#ifndef CONTROLPLANE_SIP_FRAME_H
#define CONTROLPLANE_SIP_FRAME_H

#include <stdbool.h>
#include <stddef.h>

enum sip_frame_kind {
	SIP_FRAME_MORE,       /* nothing whole yet */
	SIP_FRAME_MESSAGE,    /* for sip_parse() */
	SIP_FRAME_PING,       /* CRLF CRLF, to be answered with CRLF: RFC 5626 3.5.1, 4.4.1 */
	SIP_FRAME_BLANK,      /* an end of line between messages: RFC 3261 7.5; a pong */
	SIP_FRAME_BAD_LENGTH, /* a head without a Content-Length that can be used */
	SIP_FRAME_TOO_BIG,    /* beyond a limit of sip.h */
};

/* Of the message that the bytes begin with; all zero at a boundary. */
struct sip_frame {
	size_t line;       /* where the line begins that is not whole yet */
	size_t scanned;    /* no end of line in [line, scanned) */
	size_t head_bytes; /* 0: the head has not ended */
	size_t body_bytes;
	unsigned n_lengths;
	bool is_length; /* the line before was a Content-Length */
	bool bad_length;
};

/*
 * What bytes[0 … n_bytes), which begin at a boundary, begin with, and how long that is in *n_item.
 * With BAD_LENGTH and TOO_BIG that is the head for sip_parse_head(), or 0 when it did not end; no
 * further boundary can be known. Unless MORE is returned the caller zeroes *f.
 */
enum sip_frame_kind sip_frame_next(struct sip_frame *f, const char *bytes, size_t n_bytes,
				   size_t *n_item);

/* Whether a message has begun: blanks between messages are none. */
bool sip_frame_has_begun(const struct sip_frame *f);

#endif
