/*
 * One SIP message: parsed from hostile bytes, looked at, changed, printed.
 *
 * A first pass of ours (sip_scan.c) bounds the sizes, refuses NULs and control characters, joins
 * folded lines, spells out compact names and cuts the body off. What the message has to have, and
 * what routing needs, is libosip2's to judge: start line, Via, Route, Record-Route, From, To,
 * Call-ID, CSeq, Contact. Where a value is plain (sip_plain.h), its judgement is known without
 * asking; so a message of plain values stays text, and libosip2 parses a value when somebody asks
 * what is in it. A message with any other value is parsed by libosip2 whole, and is then the text
 * that libosip2 prints of it.
 *
 * All other headers are carried as they came, one value per line of the message, because libosip2's
 * typed headers lose what they do not know (auts, ik, integrity-protected, …). The body is bytes.
 *
 * A message is one piece of memory: this struct, its lines, body and text, with some room for what
 * is added on the way. It is owned by whoever holds it and freed whole by sip_free(), wiped (SM5
 * carries keys). Strings returned live as long as the header they come from. Functions that add
 * return 0 or -ENOMEM / -EINVAL.
 */
#ifndef CONTROLPLANE_SIP_H
#define CONTROLPLANE_SIP_H

#include <osipparser2/osip_message.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "controlplane/address.h"

#define SIP_MESSAGE_BYTES 65535 /* the largest UDP datagram; TCP has the same */
#define SIP_HEAD_BYTES    16384 /* start line and headers */
#define SIP_N_HEADERS     128
#define SIP_N_LISTED      64   /* values of Via, Route, Record-Route or Contact in one message */
#define SIP_N_PARAMS      256  /* of the start line and all that libosip2 parses in one message */
#define SIP_VALUE_BYTES   4096 /* one header value, unfolded */
#define SIP_TAG_BYTES     20   /* a tag or branch suffix of ours: 16 hex digits and the NUL */

/* What a line of the message is, in the order of printing. */
enum sip_kind {
	SIP_START,
	SIP_VIA,
	SIP_RECORD_ROUTE,
	SIP_ROUTE,
	SIP_FROM,
	SIP_TO,
	SIP_CALL_ID,
	SIP_CSEQ,
	SIP_CONTACT,
	SIP_OTHER, /* what libosip2 does not parse */
};
#define SIP_N_KINDS 10

/* One line; of the start line the method (NULL: a response), and Request-URI or reason phrase. */
struct sip_field {
	const char *name, *value;
	uint32_t name_bytes, value_bytes; /* without their NULs */
	char *own;                        /* what holds both; NULL: the message's `text` does */
	void *parsed;                     /* the value, since somebody asked; NULL: nobody did */
	enum sip_kind kind;
	bool is_plain; /* sip_plain.h */
};

struct sip {
	struct sip_field *fields; /* by kind */
	unsigned n_fields, max_fields;
	uint16_t n_of[SIP_N_KINDS]; /* how many of each kind */
	uint64_t other_names; /* of SIP_OTHER: a bit for each name that is or was among them */
	int status;           /* 0: a request */
	bool owns_fields, owns_body;
	char *text; /* of its fields, and room behind `text_bytes` */
	size_t text_bytes, max_text_bytes;
	char *body;
	size_t body_bytes;
};

/* A Via in parts. */
struct sip_via {
	const char *protocol, *host; /* IPv6 without brackets */
	const char *port;            /* NULL: none */
	unsigned n_params;
	struct {
		const char *name, *value; /* NULL: no value */
	} params[];
};

/*
 * Parses a whole message. Returns 0 and *out; -EMSGSIZE beyond a limit above; -EBADMSG when it is
 * not SIP; -ENOMEM. A message that parses has one From, To, Call-ID and CSeq, at least one Via,
 * and, if a request, a Request-URI and a CSeq method equal to its own.
 */
int sip_parse(const char *bytes, size_t n_bytes, struct sip **out);
/* The same of a head alone, whose Content-Length counts for nothing: for a refusal. */
int sip_parse_head(const char *bytes, size_t n_bytes, struct sip **out);
struct sip *sip_clone(const struct sip *s);
void sip_free(struct sip *s);

/*
 * A request of our own, yet without Via: `uri` bare, `from` and `to` as header values (with a tag
 * if there is one). NULL: out of memory, or one of them cannot be read.
 */
struct sip *sip_request(const char *method, const char *uri, const char *from, const char *to,
			const char *call_id, uint32_t cseq);
/*
 * ACK (17.1.1.3) or CANCEL (9.1) of an INVITE: same Request-URI, Call-ID, From, Route and topmost
 * Via; To is that of `to`: the answer for ACK, the INVITE itself for CANCEL. NULL: out of memory.
 */
struct sip *sip_follow(const struct sip *invite, const char *method, const struct sip *to);

/* A body (copied) and its Content-Type. Returns 0 or -ENOMEM. */
int sip_body_set(struct sip *s, const char *type, const char *bytes, size_t n_bytes);

/* Text with a right Content-Length; *text is malloc'ed. Returns 0, -ENOMEM or -EMSGSIZE. */
int sip_print(const struct sip *s, char **text, size_t *n_bytes);
/* The same with *text of sip_take() (sip_memory.h). */
int sip_print_taken(const struct sip *s, char **text, size_t *n_bytes);

/*
 * A response to `request`: RFC 3261 8.2.6.2 (Via, From, To, Call-ID, CSeq copied; `to_tag` added
 * when the request has none and the status is above 100). `reason` NULL = the usual phrase.
 */
struct sip *sip_response(const struct sip *request, int status, const char *reason,
			 const char *to_tag);

bool sip_is_request(const struct sip *s);
bool sip_is(const struct sip *s, const char *method); /* a request of this method */
int sip_status(const struct sip *s);                  /* 0: a request */
const char *sip_reason(const struct sip *s);          /* of a response */

/* The method of the CSeq: of the request itself, or that a response answers. */
const char *sip_method(const struct sip *s);
/* NUMBER[@HOST] as on the wire. Returns its length or -EMSGSIZE. */
int sip_call_id(const struct sip *s, char *out, size_t out_bytes);
uint32_t sip_cseq(const struct sip *s);
const char *sip_from_tag(const struct sip *s); /* NULL: none */
const char *sip_to_tag(const struct sip *s);   /* likewise */
const osip_from_t *sip_from(const struct sip *s);
const osip_to_t *sip_to(const struct sip *s);
const osip_uri_t *sip_request_uri(const struct sip *s);             /* NULL: a response */
const osip_contact_t *sip_contact(const struct sip *s, unsigned i); /* NULL: none */
/* The address that the i-th names, without its port. Returns 0, or -EINVAL: a name, "*", none. */
int sip_contact_host(const struct sip *s, unsigned i, struct address *out);
/*
 * A parameter of the i-th (not of its URI), as it stands; of several the first. Returns its length,
 * 0 without a value, -ENOENT, or -EMSGSIZE.
 */
int sip_contact_param(const struct sip *s, unsigned i, const char *name, char *out,
		      size_t out_bytes);
int sip_contact_add(struct sip *s, const char *value);
/* A request that begins a dialog, or may: RFC 3261 12, RFC 6665, RFC 3515. */
bool sip_begins_dialog(const struct sip *s);

/* --- lines by kind, as they will be printed --- */

unsigned sip_count(const struct sip *s, enum sip_kind kind);
/* The i-th value; NULL: there is none. */
const char *sip_value(const struct sip *s, enum sip_kind kind, unsigned i);

/* --- headers that libosip2 does not parse: one value per line, names compared without case --- */

/*
 * Its bit in `other_names`, by length and first letter. Most headers that are asked for are not
 * there, and few bits are set; of a name that stands in the code the bit is a constant.
 */
static inline uint64_t sip_name_bit(const char *name, size_t name_bytes)
{
	return UINT64_C(1) << (((unsigned)name[0] & 0x1f) * 11 + name_bytes) % 64;
}

static inline bool sip_may_have(const struct sip *s, const char *name)
{
	return s->other_names & sip_name_bit(name, strlen(name));
}

/* sip_header() and sip_header_remove() of a name that may be there. */
const char *sip_header_seek(const struct sip *s, const char *name, unsigned i);
unsigned sip_header_remove_all(struct sip *s, const char *name);

/* The i-th value, counted over all lines of that name; NULL: there is none. */
static inline const char *sip_header(const struct sip *s, const char *name, unsigned i)
{
	return sip_may_have(s, name) ? sip_header_seek(s, name, i) : NULL;
}

int sip_header_add(struct sip *s, const char *name, const char *value);
/* As sip_header_add(), before the others of all names: the topmost Path, RFC 3327 5.2. */
int sip_header_add_first(struct sip *s, const char *name, const char *value);
int sip_header_set(struct sip *s, const char *name, const char *value); /* the only one */
/* Another value for the i-th, which is there and wiped. */
int sip_header_replace(struct sip *s, const char *name, unsigned i, const char *value);
/* How many there were. */
static inline unsigned sip_header_remove(struct sip *s, const char *name)
{
	return sip_may_have(s, name) ? sip_header_remove_all(s, name) : 0;
}
void sip_headers_clear(struct sip *s);

/* Unsigned decimal value of the first header of that name; `absent` when missing or malformed. */
uint32_t sip_header_number(const struct sip *s, const char *name, uint32_t absent);

/* --- Via, RFC 3261 18 and 20.42 --- */

const struct sip_via *sip_via(const struct sip *s, unsigned i); /* 0 = topmost; NULL: none */
const char *sip_via_param(const struct sip_via *via, const char *name); /* NULL: no value */
int sip_via_push(struct sip *s, const struct address *sent_by, const char *branch, bool tcp);
int sip_via_set_tcp(struct sip *s, bool tcp);                  /* of the topmost Via */
int sip_via_set_protocol(struct sip *s, const char *protocol); /* likewise: "UDP", "TCP", "TLS" */
void sip_via_pop(struct sip *s);
/* Adds received (and the value of rport) to the topmost Via: RFC 3261 18.2.1, RFC 3581 4. */
int sip_via_received(struct sip *s, const struct address *source);
/*
 * Where a response goes: RFC 3261 18.2.2 by the topmost Via; over TCP, when the connection of the
 * request is no more, to the port of sent-by. Returns 0 or -EINVAL (a name).
 */
int sip_via_target(const struct sip *s, bool tcp, struct address *out);

int sip_request_uri_set(struct sip *s, const char *uri);
/* Of To, as sip_aor() of its URI (sip_uri.h). */
int sip_to_aor(const struct sip *s, char *out, size_t out_bytes);

/* 16 random hex digits: tags, Call-IDs, branch suffixes. */
void sip_random_tag(char out[static SIP_TAG_BYTES]);
/* A number in the same form. */
void sip_print_tag(uint64_t number, char out[static SIP_TAG_BYTES]);

/*
 * Once per process, before any other call: libosip2's tables; its traces off (they quote peers);
 * the process ends when there is no memory for what libosip2 wants.
 */
void sip_init(void);

#endif
