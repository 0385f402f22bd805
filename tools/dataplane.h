/*
 * A blocking client of the data plane's socket (dataplane/api.h), for commands that ask one thing
 * at a time. Requests go out one by one; events that come in between are read and dropped. Every
 * wait has an end: a data plane that does not answer within DATAPLANE_TIMEOUT_MS is -ETIMEDOUT.
 * Replies are input like any other: version, type, cookie, length and number of entries are
 * checked before an entry is handed on (-EPROTO).
 *
 * One thread per client. The client owns nothing that it installs beyond its connection: SAs
 * belong to the name given at dataplane_open().
 */
#ifndef TOOLS_DATAPLANE_H
#define TOOLS_DATAPLANE_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/api.h"

#define DATAPLANE_TIMEOUT_MS  5000
#define DATAPLANE_ERROR_BYTES 512

struct dataplane {
	int fd; /* -1: not connected */
	uint64_t cookie;
	struct api_hello hello;            /* the data plane's answer to ours */
	char error[DATAPLANE_ERROR_BYTES]; /* what failed and what to do; set by every failure */
	uint8_t *message;                  /* API_MESSAGE_BYTES, for requests and replies */
};

/*
 * Connects to the socket at `path` and says hello as `name` (shorter than API_NAME_BYTES). Returns
 * 0 or -errno. Call dataplane_close() in either case.
 */
int dataplane_open(struct dataplane *d, const char *path, const char *name);
void dataplane_close(struct dataplane *d);

/* The entries of a reply, in the client's buffer until its next request. */
struct dataplane_reply {
	const uint8_t *entries;
	size_t bytes;
	unsigned n;
};

/*
 * Sends a request of n entries, `bytes` in all, and waits for its reply. Returns 0 or -errno: the
 * status of the reply, or why there is none.
 */
int dataplane_request(struct dataplane *d, enum api_type type, const void *entries, size_t bytes,
		      unsigned n, struct dataplane_reply *reply);

/* Installs one set, TS 33.203 7.1. Returns 0 or -errno, the set's own status included. */
int dataplane_install(struct dataplane *d, const struct api_set *set,
		      struct api_set_result *result);

/* Deletes the set of a registration after grace_s seconds; 0 = now. Returns 0 or -errno. */
int dataplane_delete(struct dataplane *d, uint64_t registration, uint32_t grace_s);

/*
 * Hands every SA of `owner` (0 = everybody's) to row(), as they come: nothing is kept, so a table
 * of any size can be listed. A row() that returns non-zero ends the list, and that is returned.
 */
int dataplane_list(struct dataplane *d, uint32_t owner,
		   int (*row)(const struct api_sa_info *sa, void *user), void *user);

#endif
