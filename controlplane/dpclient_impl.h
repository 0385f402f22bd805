/*
 * Insides of dpclient.h, shared by dpclient.c (connection, requests), dpclient_owed.c (what there
 * was no room for) and dpclient_read.c (what the data plane says) alone.
 */
#ifndef CONTROLPLANE_DPCLIENT_IMPL_H
#define CONTROLPLANE_DPCLIENT_IMPL_H

#include <event2/event.h>
#include <sys/queue.h>
#include <sys/un.h>

#include "controlplane/dpclient.h"
#include "controlplane/loop.h"
#include "controlplane/table.h"

#define DPCLIENT_READS       4     /* messages a recvmmsg() takes */
#define DPCLIENT_MAX_PENDING 65536 /* requests without a reply yet */

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

/* What nobody waits for an answer to, but must not be lost: of a set or of a tunnel. */
struct notice {
	enum api_type type; /* API_SET_UPDATE, API_SET_DELETE and the same of tunnels */
	uint64_t handle;
	uint32_t seconds;        /* of a set: lifetime or grace */
	struct api_address peer; /* of API_TUNNEL_UPDATE, as is the port */
	uint16_t peer_port;
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
	TAILQ_HEAD(, owed) owed;
	struct table *owed_by_handle;
	struct timer retry;    /* set while something is owed */
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

/* --- dpclient_owed.c --- */

int dpclient_owed_init(struct dpclient *c); /* 0 or -ENOMEM */

/*
 * Says it now, or as soon as there is room and before anything else is asked. The last word about
 * a set or a tunnel is all that waits, so no more waits than the data plane has of both. Without a
 * connection nothing is said: the lists that follow the next connect show what is wrong.
 */
void dpclient_tell(struct dpclient *c, const struct notice *n);
/* Says what waits, as much as there is room for. False: some is left. */
bool dpclient_settle(struct dpclient *c);
void dpclient_forget_owed(struct dpclient *c);

/* For struct event. */
void dpclient_on_readable(evutil_socket_t fd, short what, void *client);

#endif
