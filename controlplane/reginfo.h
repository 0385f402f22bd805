/*
 * The document of the event package reg: application/reginfo+xml, RFC 3680 5. The S-CSCF writes
 * it, the P-CSCF reads it; what is read is from outside and hostile. Contacts are a flat list here:
 * those of one address of record stand next to each other, and an address of record without a
 * contact has one entry with an empty URI.
 *
 * Pure functions, from any thread after the first call.
 */
#ifndef CONTROLPLANE_REGINFO_H
#define CONTROLPLANE_REGINFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGINFO_TYPE      "application/reginfo+xml"
#define REGINFO_BYTES     (48 * 1024) /* longer is no document that fits into a SIP message */
#define REGINFO_CONTACTS  32          /* two for each identity of the largest implicit set */
#define REGINFO_URI_BYTES 1024

/* RFC 3680 5.2: what brought the contact into its state. */
enum reginfo_event {
	REGINFO_REGISTERED,
	REGINFO_CREATED, /* by the registration of another identity of the set */
	REGINFO_REFRESHED,
	REGINFO_SHORTENED,
	REGINFO_EXPIRED,
	REGINFO_DEACTIVATED, /* the network ended it; a new registration is welcome */
	REGINFO_PROBATION,   /* the same, but later */
	REGINFO_UNREGISTERED,
	REGINFO_REJECTED, /* the network ended it, and wants no other */
	REGINFO_N_EVENTS,
};

struct reginfo_contact {
	char aor[REGINFO_URI_BYTES];
	char uri[REGINFO_URI_BYTES]; /* "": the address of record has no contact */
	bool is_active;              /* else terminated */
	enum reginfo_event event;
	uint32_t expires_s; /* of an active one */
	bool has_expires;
};

struct reginfo {
	uint32_t version;
	bool is_partial; /* only what has changed; else the whole state */
	unsigned n_contacts;
	struct reginfo_contact contacts[REGINFO_CONTACTS];
};

/* Returns 0, *text (malloc, not terminated by NUL) and *n_bytes, or -ENOMEM. */
int reginfo_write(const struct reginfo *info, char **text, size_t *n_bytes);

/*
 * Returns 0; -EBADMSG: no such document, or one with a DOCTYPE, which none needs and no parser
 * should follow; -EMSGSIZE: longer or more than fits; or -ENOMEM.
 */
int reginfo_read(const void *text, size_t n_bytes, struct reginfo *out);

#endif
