/*
 * Insides of dpclient.h, shared by dpclient.c (connection, requests) and dpclient_read.c (what the
 * data plane says) alone.
 */
#ifndef CONTROLPLANE_DPCLIENT_IMPL_H
#define CONTROLPLANE_DPCLIENT_IMPL_H

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "controlplane/dpclient.h"
#include "controlplane/loop.h"

#define DPCLIENT_READS 4 /* messages a recvmmsg() takes */

typedef void (*install_done)(void *user, int status, const struct api_set_result *result);
typedef void (*tunnel_done)(void *user, int status, uint32_t number);

/* Whoever waits for a reply; all NULL: nobody does. */
struct waiter {
	install_done done;
	tunnel_done tunnel_done;
	void *user;
};

/*
 * An entry of a request. Replies come in the order of the requests, and their entries in that of
 * theirs: a queue is all the bookkeeping there is.
 */
struct pending {
	STAILQ_ENTRY(pending) entry;
	uint64_t cookie; /* of its message */
	uint16_t type;
	struct waiter waiter;
};

struct dpclient {
	struct loop *loop;
	struct dpclient_user user;
	struct dpclient_counters counters;
	struct sockaddr_un address;
	char name[API_NAME_BYTES];
	int fd; /* -1: not connected */
	struct event *readable;
	struct event *writable; /* waited for while the socket is full */
	struct timer reconnect;
	struct turn_end send;
	bool ready;
	uint32_t owner;
	uint64_t next_cookie;
	STAILQ_HEAD(, pending) pending;
	unsigned n_pending;
	struct api_header out; /* of the message that is to leave; n_entries 0: none */
	char entries[API_MESSAGE_BYTES - sizeof(struct api_header)]; /* its */
	char in[DPCLIENT_READS][API_MESSAGE_BYTES];
};

/* One entry, to be sent with others of its turn. Returns 0 or -errno. */
int dpclient_request(struct dpclient *c, enum api_type type, const void *entry, size_t entry_bytes,
		     struct waiter waiter);

/* Fails what is under way, and tries again later. */
void dpclient_disconnect(struct dpclient *c, const char *why);

/* The entry that is answered next, out of the queue; and its end, after which it is freed. */
struct pending *dpclient_take(struct dpclient *c);
void dpclient_end(struct dpclient *c, struct pending *p, int status,
		  const struct api_set_result *result);

/* For struct event. */
void dpclient_on_readable(evutil_socket_t fd, short what, void *client);

#endif
