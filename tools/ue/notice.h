/*
 * What a NOTIFY of the event package reg says of our own contact: application/reginfo+xml, RFC 3680
 * 5. The document is hostile: one with a DOCTYPE is refused, and libxml2 bounds the rest. Pure
 * functions, any thread after the first call.
 */
#ifndef TOOLS_UE_NOTICE_H
#define TOOLS_UE_NOTICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum notice_event {
	NOTICE_NONE,        /* nothing to be done about it */
	NOTICE_SHORTENED,   /* register again, in the time that is left */
	NOTICE_DEACTIVATED, /* over; register anew */
	NOTICE_ENDED,       /* over: expired, unregistered, rejected */
};

struct notice {
	uint32_t version;
	enum notice_event event;
	uint32_t expires_s; /* with NOTICE_SHORTENED */
};

/*
 * Reads a document; `contact` is the start of our Contact's URI, "sip:HOST:PORT". What it says of
 * other contacts of the user is passed over, and one active registration of ours is enough to be
 * registered. Returns 0 or -EBADMSG.
 */
int notice_read(const void *text, size_t n_bytes, const char *contact, struct notice *out);

/*
 * Whether a document of the IM CN subsystem (TS 24.229 7.6) has the UE register initially, because
 * the network has lost its registration.
 */
bool notice_restores(const void *text, size_t n_bytes);

#endif
