/*
 * A crypto device whose results are late: does real cryptography, when and as often as the test
 * says, which no device of DPDK's does. Stands in the place of the lookaside backend.
 */
#ifndef TEST_UNIT_LATE_BACKEND_H
#define TEST_UNIT_LATE_BACKEND_H

#include "dataplane/backend.h"
#include "dataplane/sa.h"

#define LATE_SESSIONS 64
#define LATE_JOBS     256

struct late_backend {
	struct backend backend; /* first */
	struct crypto_engine engine;
	struct crypto *crypto;
	struct crypto_session session[LATE_SESSIONS];
	bool is_used[LATE_SESSIONS];
	struct crypto_job *job[LATE_JOBS]; /* in flight, oldest first */
	unsigned n_jobs;
	/* The test's to set. */
	unsigned n_sessions; /* so many at most */
	unsigned n_room;     /* jobs in flight at most */
	unsigned n_ready;    /* of them, so many may be collected */
};

/* Between a table, before SAs are installed, and a worker's crypto: all SAs go there. */
void late_open(struct late_backend *l, struct sa_table *sas, struct crypto *crypto);
/* After all SAs are freed. */
void late_close(struct late_backend *l, struct sa_table *sas);

#endif
