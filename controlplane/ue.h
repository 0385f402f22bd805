/*
 * The UEs of a P-CSCF: who is registered, and over which SA sets.
 *
 * A UE is an IMPI at an address in a zone, and behind a NAT also at that of the NAT. It has at most
 * UE_SETS SA sets (ue_set.h).
 *
 * Keys are never kept: pcscf_challenge.c hands them to the data plane and wipes them. Handles
 * (api_set.registration) are id << 16 | number: the id is also the user part of the UE's Path and
 * Record-Route, so that after a restart the SAs found in the data plane find their UE again.
 *
 * All of it but that is in a state file, if there is one (ues_keep_in(), ue_state.c): what changes
 * is in the file some milliseconds later, and statefile_wait() waits for it.
 *
 * All lookups are O(1). One thread. struct ues owns everything here.
 */
#ifndef CONTROLPLANE_UE_H
#define CONTROLPLANE_UE_H

#include <jansson.h>
#include <osipparser2/osip_uri.h>
#include <stdbool.h>
#include <stdint.h>

#include "controlplane/address.h"
#include "controlplane/statefile.h"
#include "controlplane/table.h"
#include "controlplane/ue_set.h"

struct dpclient;
struct loop;
struct sip;
struct ues;

#define UE_REGISTRATIONS  8  /* separately registered identities of one UE */
#define UE_IDENTITIES     16 /* of one registration: To and P-Associated-URI */
#define UE_SERVICE_ROUTES 4
#define UE_ID_BYTES       13 /* 48 bits in hex, and the NUL */

/* What one 200 OK to REGISTER said: one block with its texts. */
struct ue_registration {
	struct ue_registration *next;
	uint64_t expires_ms;
	const char *aor; /* the To that was registered */
	uint8_t n_identities, n_service_routes;
	const char *const *identities;     /* canonical (sip_aor): [0] is the default one */
	const char *const *service_routes; /* URIs */
};

struct ue {
	struct ues *ues;
	uint64_t id; /* 48 bits, random */
	uint16_t zone;
	uint16_t next_number; /* of its next set */
	struct address host;  /* port 0; behind a NAT its address inside */
	struct address nat;   /* the NAT's address, port 0; family 0: there is none */
	char *impi;           /* "" = found in the data plane, and there is no file that knows it */
	struct sa_set *sets[UE_SETS]; /* in the order they were made */
	unsigned n_sets;
	bool held; /* stays though its last set goes: the next is on its way */
	struct statefile_item kept;
	struct ue_registration *registrations; /* at most UE_REGISTRATIONS; most UEs have one */
	struct table_node by_impi;             /* (zone, host, IMPI) */
	struct table_node by_id;
};

/* Room for max_ues; `dp` is used for updates and deletions. NULL: out of memory. */
struct ues *ues_new(struct loop *loop, struct dpclient *dp, uint32_t max_ues);
void ues_free(struct ues *u);

/* From now on changes go into this file; NULL: into none. */
void ues_keep_in(struct ues *u, struct statefile *file);

uint32_t ues_count(const struct ues *u);
uint32_t ues_count_sets(const struct ues *u, enum set_state state);

/*
 * The UE, made if it is not there (`impi` is copied). Behind different NATs it is a different one,
 * whatever address it says it has inside; `nat` NULL: it is behind none. NULL: no room or memory.
 */
struct ue *ue_get(struct ues *u, uint16_t zone, const struct address *host,
		  const struct address *nat, const char *impi);
/* Likewise, if it is there; else NULL. */
struct ue *ue_find_impi(const struct ues *u, uint16_t zone, const struct address *host,
			const struct address *nat, const char *impi);
struct ue *ue_find_id(const struct ues *u, const char *id); /* hex, as ue_id_text() */
const char *ue_id_text(const struct ue *ue, char text[static UE_ID_BYTES]);

/* Whether that is an address of the UE: its own, or the one that its NAT has or had for it. */
bool ue_has_address(const struct ue *ue, const struct address *host);
/*
 * Whether a Contact is where the UE is: at an address of it, and at its port_us in this set; NULL:
 * in any. Of a name (TS 24.229 5.1.1.2.2) the port alone tells.
 */
bool ue_is_at(const struct ue *ue, const struct sa_set *set, const osip_uri_t *contact);

/* Forgets every set whose handle is not in the data plane (any more). */
void ues_keep(struct ues *u, bool (*is_held)(void *user, uint64_t registration), void *user);

/*
 * Takes the identities, Service-Route and expiry out of a 200 OK to a REGISTER for `aor`; 0 s ends
 * that registration, and with the last one every set becomes old. Returns 0, or -errno and nothing
 * has changed.
 */
int ue_registered(struct ue *ue, const struct sip *ok, const char *aor, uint32_t expires_s);
/* ue_notified.c: what the S-CSCF says of the registration of `aor`, if there is one. */

/* It is over; with the last one the established and the old sets end (C-041). */
void ue_ended(struct ue *ue, const char *aor);
/* It ends in so many seconds, and the established set after it (C-039). */
void ue_shortened(struct ue *ue, const char *aor, uint32_t expires_s);
/* Its identities are these, the default one first; without memory those before. */
void ue_set_identities(struct ue *ue, const char *aor, const char *const *identities, unsigned n);

/* The registration of a canonical identity that has not expired; NULL = any: the first. */
const struct ue_registration *ue_registration(const struct ue *ue, const char *identity);
/* A set adopted after a restart learns whose it is. Returns 0 or -errno. */
int ue_set_impi(struct ue *ue, const char *impi);

/* --- ue_state.c: rows of the state file --- */

#define PCSCF_STATE_VERSION 2

/* Endpoints that a row names; NULL: there is none with this address now. */
struct ue_finder {
	struct endpoint *(*find)(void *user, const struct address *own);
	void *user;
};

void ue_save(const struct ue *ue, struct record *row);
/*
 * A UE out of a row of `file`, before ues_keep_in(). Returns 0, -ENOENT (nothing of it is left),
 * -EBADMSG or -ENOMEM.
 */
int ue_load(struct ues *u, int64_t row_id, struct record *row, const struct statefile *file,
	    struct ue_finder finder);

/* Rows of GET /registrations. Returns 0 or -ENOMEM. */
int ues_list(const struct ues *u, json_t *array);

#endif
