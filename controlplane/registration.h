/*
 * Who is registered at this S-CSCF: per IMPI and implicit set of its IMPUs one binding (Contact and
 * Path) and when that ends. RFC 3261 10.3, RFC 3327 5.3, TS 24.229 5.4.1; seed 6.1, 6.1.1.
 *
 * An IMPI is one ISIM in one UE, so a new Contact takes the place of the old one. All IMPUs of a
 * set count as registered and expire together (C-021, C-022b); sets of other service profiles are
 * registered, and end, by themselves. The timer here runs EXPIRY_MARGIN_S
 * longer than the UE was told, so that a refresh in time is never too late (C-022a).
 *
 * They are in a state file, if there is one: what changes is in it some milliseconds later, and
 * statefile_wait() waits for that. Who changes n_unchallenged does so before.
 *
 * Registrations belong to this module; what it returns is valid until the loop's next turn or the
 * next change. O(1) on the loop's thread.
 */
#ifndef CONTROLPLANE_REGISTRATION_H
#define CONTROLPLANE_REGISTRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/loop.h"
#include "controlplane/reginfo.h"
#include "controlplane/statefile.h"
#include "controlplane/table.h"
#include "controlplane/vectors.h"

#define REGISTRATION_MAX_PATHS       8
#define REGISTRATION_EXPIRY_MARGIN_S 30 /* as long as the SAs outlive it: TS 33.203 7.4.2a */

struct cx_saa;
struct registration;

struct registered_impu {
	struct table_node node; /* by IMPU */
	struct registration *registration;
	char *impu;
	bool is_barred;   /* registered, but may not be used: TS 23.228 5.2.1a */
	bool is_explicit; /* by a REGISTER of its own; the others came with it */
};

/* Where a user is. */
struct binding {
	char *contact;                       /* a URI as it came */
	char *paths[REGISTRATION_MAX_PATHS]; /* URIs without brackets, topmost first */
	unsigned n_paths;
};

struct registration {
	struct table_node node; /* by IMPI */
	struct registrations *registrations;
	char *impi;
	struct registered_impu *impus; /* default first */
	unsigned n_impus;
	struct binding binding;
	uint64_t expires_ms; /* what the UE was told last, on the loop's clock */
	uint64_t granted_ms; /* what its REGISTER was granted: later if that was shortened since */
	struct timer expiry;
	enum reginfo_event event;  /* what brought it into its present state */
	bool must_authenticate;    /* the next REGISTER is challenged: TS 24.229 5.4.1.6 */
	uint32_t n_unchallenged;   /* re-registrations since the last challenge */
	uint32_t n_failed;         /* authentications over the UE's own SA, in a row */
	uint64_t authenticated_ms; /* the last challenge was answered, on the loop's clock */
	struct vectors vectors;    /* for the next challenges */
	struct statefile_item kept;
};

struct registrations_user {
	/*
	 * The timer fired. True: the binding has ended by itself, and the registration goes on
	 * return. False: it was set anew, by registration_shorten().
	 */
	bool (*on_expired)(void *user, struct registration *r);
	/* Its set is about to be another. Returns 0 or -ENOMEM: then it stays. NULL: no matter. */
	int (*on_profile)(void *user, const struct registration *r, const struct cx_saa *profile);
	void *user;
};

struct registrations {
	struct loop *loop;
	struct table *by_impi;
	struct table *by_impu;
	struct registrations_user user;
	struct statefile *file; /* NULL: none */
};

/* About `expected` users. NULL: out of memory. */
struct registrations *registrations_new(struct loop *loop, uint32_t expected,
					struct registrations_user user);
void registrations_free(struct registrations *all);
uint32_t registrations_count(const struct registrations *all); /* of implicit sets */

/* One of the IMPI's, and the further ones; NULL: none. */
struct registration *registrations_find(struct registrations *all, const char *impi);
struct registration *registration_next(const struct registration *r);
/* The IMPI's with this IMPU in its set; NULL. */
struct registration *registrations_find_set(struct registrations *all, const char *impi,
					    const char *impu);
struct registered_impu *registrations_find_impu(struct registrations *all, const char *impu);
/* The same IMPU of another IMPI's registration; NULL: no more. */
struct registered_impu *registrations_next_impu(struct registered_impu *impu);

/* Whether this IMPU is in the registration's implicit set. */
bool registration_has(const struct registration *r, const char *impu);

/* Whether both name the same place, text for text. */
bool binding_is_same(const struct binding *a, const struct binding *b);
/* The strings were malloc'ed one by one; *b is empty afterwards. */
void binding_clear(struct binding *b);

/*
 * Registers an implicit set, or refreshes it: profile and binding are replaced, the vectors kept.
 * Takes the strings of `binding` in every case. Returns 0 and *out, -ENOMEM, or -ENOSPC without a
 * timer; an older registration then stays as it was.
 */
int registrations_put(struct registrations *all, const char *impi, const struct cx_saa *profile,
		      struct binding *binding, uint32_t expires_s, struct registration **out);

/*
 * It ends sooner than was granted: after `expires_s` for the UE, here after `delay_ms`, when
 * on_expired() decides.
 */
void registration_shorten(struct registration *r, uint32_t expires_s, uint64_t delay_ms);

/* Seconds that are left of what was granted. */
uint32_t registration_granted_s(const struct registration *r);

/* This IMPU of it was in a REGISTER. */
void registration_mark_explicit(struct registration *r, const char *impu);

/* Another profile; all else stays. Returns 0 or -ENOMEM: then the old one stays. */
int registration_set_profile(struct registration *r, const struct cx_saa *profile);

/* It ends then, on the loop's clock. Returns 0 or -ENOSPC. */
int registration_set_end(struct registration *r, uint64_t expires_ms);

/* It is about to change: who waits for the state file (statefile_wait) waits for that too. */
void registration_touch(struct registration *r);

void registration_remove(struct registration *r);

/* Calls `each` for every registration, in no order; it changes nothing. */
void registrations_each(const struct registrations *all,
			void (*each)(void *user, const struct registration *r), void *user);

/* --- registration_state.c: rows of the state file --- */

#define SCSCF_STATE_VERSION 2

/* What a row is about. */
#define SCSCF_ROW_REGISTRATION 1
#define SCSCF_ROW_SUBSCRIPTION 2

void registration_save(const struct registration *r, struct record *row);
/* Out of a row of `file`, before that is all->file. Returns 0, -EBADMSG, -ENOMEM or -ENOSPC. */
int registration_load(struct registrations *all, int64_t row_id, struct record *row,
		      const struct statefile *file);

/* Seconds that are left of what the UE was told. */
uint32_t registration_expires_s(const struct registration *r);

#endif
