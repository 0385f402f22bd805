/*
 * The HSS's subscribers. Who they are (identities, keys encrypted under a key file: store_seal.h)
 * is in an SQLite database, what changes with each registration (sequence number, S-CSCF, flags) in
 * a file of records beside it: store_records.h. Both are of mode 0600. Nothing here knows Cx; hss.c
 * decides, the store remembers.
 *
 * One thread per struct store. Every call is synchronous; the caller puts what belongs together
 * between store_enter() or store_begin() and store_commit(), which returns after it has reached the
 * disk: what was committed survives a kill and a power failure. Other processes (a second HSS,
 * subscriber import) may read and write meanwhile, and what they have committed is seen.
 * STORE_BUSY_MS bounds how long one waits for the other.
 *
 * Functions return 0 or -errno: -ENOENT no such row, -EEXIST taken already, -EBUSY locked by
 * another process, -EBADMSG damaged, -EIO for whatever else SQLite reports (store_error() has its
 * text). Keys are copied out to the caller, who wipes them; no text of an error holds one.
 */
#ifndef CONTROLPLANE_STORE_H
#define CONTROLPLANE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_KEY_BYTES      16
#define STORE_AMF_BYTES      2
#define STORE_IDENTITY_BYTES 256 /* of an IMPI, IMPU or S-CSCF name, with the NUL */
#define STORE_MAX_IMPUS      16  /* of one subscriber */
#define STORE_BUSY_MS        2000
#define STORE_MAX_SQN        ((UINT64_C(1) << 48) - 1)

/* The registration flag of an IMPU, seed 6.1.1. The numbers are in the file: do not reorder. */
enum store_state {
	STORE_UNREGISTERED = 0,
	STORE_PENDING = 1,
	STORE_REGISTERED = 2,
};

#define STORE_MAX_CAPABILITIES   16  /* of either kind */
#define STORE_CAPABILITIES_BYTES 400 /* of their text: numbers of ten digits, and the NUL */

/*
 * What the S-CSCF of a subscriber must be able to do, and what it should: numbers whose meaning is
 * the operator's, TS 29.229 6.3.4 … 6.3.6. As text "1,2/7": the mandatory ones, then the optional.
 */
struct store_capabilities {
	uint32_t mandatory[STORE_MAX_CAPABILITIES];
	uint32_t optional[STORE_MAX_CAPABILITIES];
	uint32_t n_mandatory, n_optional;
};

/* Returns 0, or -EINVAL for what is no such text; "" is none. */
int store_capabilities_read(const char *text, struct store_capabilities *out);
void store_capabilities_print(const struct store_capabilities *c,
			      char out[static STORE_CAPABILITIES_BYTES]);

struct store_subscriber {
	int64_t id; /* given by the store */
	char impi[STORE_IDENTITY_BYTES];
	char scscf[STORE_IDENTITY_BYTES]; /* "" = none assigned */
	uint8_t k[STORE_KEY_BYTES];
	uint8_t opc[STORE_KEY_BYTES];
	uint8_t amf[STORE_AMF_BYTES];
	uint64_t sqn; /* of the last vector that was made */
	struct store_capabilities capabilities;
};

struct store_identity {
	char impu[STORE_IDENTITY_BYTES];
	int64_t subscriber;
	bool barred;
	enum store_state state;
	int implicit; /* identities of a subscriber with the same number are one implicit set */
};

struct store;

/*
 * Opens the files, and makes them when there is no database. Keys lie in it under those of
 * `key_path` (NULL or "": the database's own name and ".key"); records in a file of its name and
 * ".records". -EACCES: others than its owner may read one of them; -EPROTO: the schema is of a
 * version that cannot be brought up to date, which those of versions 2 and 3 are; -ENOENT: there is
 * a database, and a file that belongs to it is missing; -EKEYREJECTED: one is another database's.
 * `error` gets one line of text.
 */
int store_open(const char *path, const char *key_path, struct store **out, char *error,
	       size_t error_bytes);
void store_close(struct store *s);

/* Text of the last failure; valid until the next call. */
const char *store_error(struct store *s);

/*
 * A transaction: of records alone, or of rows, too. Who has entered is the only one that sees and
 * changes records, who has begun the only one that changes rows; for records he waits until he
 * needs them. -EBUSY: another process has them.
 */
int store_enter(struct store *s, bool looks);
int store_begin(struct store *s);
int store_commit(struct store *s);
void store_rollback(struct store *s);

/*
 * Reads rows of the next `n_ids` ids into memory, before they are asked for: of a row that is asked
 * for alone the search in the database is most. As many as there is room for; store_is_ahead():
 * there are no more. What another process changes lets it begin anew.
 */
int store_read_ahead(struct store *s, unsigned n_ids);
bool store_is_ahead(const struct store *s);

/*
 * Adds a subscriber with n ≥ 1 identities, the first being the default one, all unregistered and
 * in one implicit set. On -EEXIST *taken is -1 when the IMPI is there already, else the index of
 * the IMPU that is.
 */
int store_add(struct store *s, const struct store_subscriber *subscriber, const char *const impus[],
	      unsigned n, int *taken);

/* With its identities, whatever their state. */
int store_delete(struct store *s, int64_t subscriber);

/* The subscriber with its keys: wipe it after use. */
int store_find_impi(struct store *s, const char *impi, struct store_subscriber *out);
int store_find_subscriber(struct store *s, int64_t id, struct store_subscriber *out);
/* The same with its keys left alone, which spares opening their seal. */
int store_find_served(struct store *s, int64_t id, struct store_subscriber *out);
int store_find_impu(struct store *s, const char *impu, struct store_identity *out);

/* Of all implicit sets, the default identity first; out[] has STORE_MAX_IMPUS entries. */
int store_identities(struct store *s, int64_t subscriber, struct store_identity out[], unsigned *n);

int store_set_sqn(struct store *s, int64_t subscriber, uint64_t sqn);
/* The number of the last vector, and the S-CSCF that got it. */
int store_set_challenged(struct store *s, int64_t subscriber, uint64_t sqn, const char *scscf);
int store_set_scscf(struct store *s, int64_t subscriber, const char *scscf);
int store_set_barred(struct store *s, const char *impu, bool barred);

int store_set_implicit(struct store *s, const char *impu, int implicit);
int store_set_capabilities(struct store *s, int64_t subscriber,
			   const struct store_capabilities *capabilities);

/* The flag of one IMPU, of an implicit set, or of all of a subscriber. */
int store_set_state(struct store *s, const char *impu, enum store_state state);
int store_set_states(struct store *s, int64_t subscriber, int implicit, enum store_state state);
int store_set_all_states(struct store *s, int64_t subscriber, enum store_state state);

/*
 * Calls `each` for the identities that are pending or registered, at most `max`; it goes through
 * the records from the first, 64 bytes of each subscriber. `identity` and `owner` (without its
 * keys) are the store's and valid during the call.
 */
int store_each_active(struct store *s, unsigned max,
		      void (*each)(void *arg, const struct store_identity *identity,
				   const struct store_subscriber *owner),
		      void *arg);

#endif
