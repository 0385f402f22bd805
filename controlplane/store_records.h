/*
 * What changes with each registration of a subscriber: his last SQN, the S-CSCF's name, the flags
 * of his identities. They lie beside the database in a file of their own, a record of one size at a
 * place that is his id's: a change is 64 bytes written, where a database writes pages into a log
 * and again into their places. A sector has whole records, so none is ever half old and half new; a
 * checksum shows damage.
 *
 * A record bears the stamp of the row it belongs to: one left by a subscriber who was deleted is
 * none of who has his number now. No record means that he was never challenged.
 *
 * Several processes may have the file, mapped for reading. Who has it locked is the only one that
 * reads or changes it. It never gets shorter.
 * What is put waits in memory until store_records_commit(), which returns after it has reached the
 * disk. All calls need the lock, but those of the lock and of the room. Functions return 0 or
 * -errno.
 */
#ifndef CONTROLPLANE_STORE_RECORDS_H
#define CONTROLPLANE_STORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/store.h"

#define STORE_RECORD_BYTES  64
#define STORE_RECORDS_PROOF 48 /* bytes that tell the database of the file from others */

struct store_record {
	uint64_t stamp; /* of the row; never 0 */
	uint64_t sqn;
	uint32_t scscf; /* of the database's table of names; 0: none */
	uint32_t reserved;
	uint8_t states[STORE_MAX_IMPUS]; /* enum store_state, by position of the identity */
};

struct store_records;

/*
 * Opens "<database>.records". `is_new`: makes it, in place of what may be there, and it is on the
 * disk on return. -ENOENT: it is missing; -EKEYREJECTED: it is another database's. `error` gets one
 * line then.
 */
int store_records_open(const char *database, const uint8_t proof[STORE_RECORDS_PROOF], bool is_new,
		       struct store_records **out, char *error, size_t error_bytes);
void store_records_close(struct store_records *r); /* what was not committed is forgotten */

/*
 * -EBUSY: another process has had it for STORE_BUSY_MS. -EUCLEAN: somebody has cut it, so that
 * numbers which were in it would be used again.
 */
int store_records_lock(struct store_records *r);
/* Forgets what was not committed. */
void store_records_unlock(struct store_records *r);
bool store_records_is_locked(const struct store_records *r);

/* Makes room on the disk up to a subscriber's record, so that his first challenge need not. */
int store_records_reserve(struct store_records *r, int64_t id);

/*
 * Of what was put, too. -ENOENT: none of this stamp; -EBADMSG: damaged; -EIO: the disk does not
 * give it; *out stays as it was.
 */
int store_records_get(struct store_records *r, int64_t id, uint64_t stamp,
		      struct store_record *out);
int store_records_put(struct store_records *r, int64_t id, const struct store_record *record);
int store_records_commit(struct store_records *r);

/* Calls `each` for those on the disk until it returns false. */
int store_records_each(struct store_records *r,
		       bool (*each)(void *arg, int64_t id, const struct store_record *record),
		       void *arg);

#endif
