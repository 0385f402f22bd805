/*
 * The lines of a message, as sip.h has them. Private to sip*.c.
 *
 * They lie in one block with the message, and so do the texts that it is made with and, while there
 * is room, those that come later; what then does not fit has a piece of its own. What is taken out
 * is wiped at once.
 */
#ifndef CONTROLPLANE_SIP_FIELD_H
#define CONTROLPLANE_SIP_FIELD_H

#include "controlplane/sip.h"

/*
 * A message without lines, with room for so many and for so many bytes of text, besides what most
 * messages get on their way; and a body of so many bytes, which are not set. NULL: out of memory.
 */
struct sip *sip_new(unsigned n_fields, size_t text_bytes, size_t body_bytes);

/* The name of a kind's header; NULL of SIP_START and SIP_OTHER. */
const char *sip_kind_name(enum sip_kind kind);

/* NULL: there is none. */
struct sip_field *sip_field_at(const struct sip *s, enum sip_kind kind, unsigned i);

#define SIP_LAST UINT32_MAX

/*
 * Before the i-th of its kind, or behind the last of them. Texts are copied and need no NUL; `name`
 * is that of a start line or other header, else NULL. What the value says is the caller's care.
 * Returns 0 or -ENOMEM.
 */
int sip_field_insert(struct sip *s, enum sip_kind kind, uint32_t i, const char *name,
		     const char *value, size_t value_bytes);
/* The same of a value as it came, by libosip2's judgement. Returns 0, -ENOMEM or -EINVAL. */
int sip_field_read(struct sip *s, enum sip_kind kind, uint32_t i, const char *name,
		   const char *value);
/* Another value for the same line, whose `parsed` ends. Returns 0 or -ENOMEM. */
int sip_field_set(struct sip *s, struct sip_field *f, const char *value, size_t value_bytes);
void sip_field_remove(struct sip *s, struct sip_field *f);
void sip_fields_clear(struct sip *s, enum sip_kind kind);

/* --- what is in a value: sip_parsed.c --- */

/*
 * The start line's osip_uri_t, a Via's struct sip_via, else an osip_from_t; made when it is asked
 * for. NULL: it cannot be read, which no line has that sip_field_read() took.
 */
void *sip_field_parsed(struct sip_field *f);
void sip_field_unparse(struct sip_field *f);
/* What libosip2 reads, as it prints it; *text is osip_malloc'ed. Returns 0 or -EINVAL. */
int sip_canonical(enum sip_kind kind, const char *value, char **text);
/* As it prints what it has parsed: an osip_uri_t, …; NULL on failure. */
char *sip_parsed_text(enum sip_kind kind, const void *parsed);
/* Of what Via and URIs name; `port` NULL is the default one. Returns 0 or -EINVAL (a name). */
int sip_host_address(const char *host, const char *port, bool tls, struct address *out);

#endif
