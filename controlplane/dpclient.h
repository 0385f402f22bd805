/*
 * The P-CSCF's end of dataplane/api.h: asynchronous, on the loop, reconnecting by itself.
 *
 * After each connect it says HELLO with its name (so that SAs of a life before are its own again),
 * lists what it owns, and hands that to on_sa() and on_tunnel(), after on_list(); on_ready()
 * follows, and only then is the client ready for requests. The same lists are read again when
 * events were lost. When the connection breaks, every request under way fails with -ECONNRESET, and
 * a new attempt is made each second. Requests of one kind that a turn of the loop brings are one
 * message, which leaves at the end of the turn; where the data plane does not read, it waits, and
 * grows. Keys go from the caller's struct into that message, which is wiped when the kernel has it.
 */
#ifndef CONTROLPLANE_DPCLIENT_H
#define CONTROLPLANE_DPCLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api.h"

struct loop;
struct dpclient;

struct dpclient_user {
	/*
	 * The lists begin; what came of earlier ones that broke off is void. They break off with
	 * the connection, and so does this when one of the next three returns -errno.
	 */
	void (*on_list)(void *user);
	/* One SA that the data plane holds for this client; all of them, before on_ready(). */
	int (*on_sa)(void *user, const struct api_sa_info *sa);
	/* One tunnel of this client, after its SAs and before on_ready(). */
	int (*on_tunnel)(void *user, const struct api_tunnel_info *tunnel);
	/* The lists are over: what was not in them is gone. */
	int (*on_ready)(void *user);
	/* A set's lifetime ended in the data plane. */
	void (*on_expired)(void *user, uint64_t registration);
	/* What comes through a tunnel comes from elsewhere than packets went to. */
	void (*on_rebound)(void *user, const struct api_tunnel_rebound *rebound);
	void *user;
};

struct dpclient_counters {
	uint64_t connected; /* times */
	uint64_t installed; /* sets */
	uint64_t install_failed;
	uint64_t deleted;   /* sets asked to be deleted at once, as they are after a grace, too */
	uint64_t postponed; /* words about sets and tunnels that there was no room for at once */
	uint64_t expired;   /* sets the data plane ended */
};

/* Connects in the background. `path` and `name` are copied. NULL: out of memory. */
struct dpclient *dpclient_new(struct loop *loop, const char *path, const char *name,
			      struct dpclient_user user);
void dpclient_free(struct dpclient *c); /* fails what is under way with -ECONNRESET */

bool dpclient_is_ready(const struct dpclient *c);
const struct dpclient_counters *dpclient_counters(const struct dpclient *c);

/*
 * Installs a set (copied; the caller wipes its own). `done` is called once with 0 and the SPIs, or
 * -errno and NULL; never from within this call. Returns 0, or -errno and no call: -ENOTCONN,
 * -EAGAIN (too many under way), -ENOMEM.
 */
int dpclient_install(struct dpclient *c, const struct api_set *set,
		     void (*done)(void *user, int status, const struct api_set_result *result),
		     void *user);

/* The same for a tunnel; `number` is for api_set.tunnel. */
int dpclient_install_tunnel(struct dpclient *c, const struct api_tunnel *tunnel,
			    void (*done)(void *user, int status, uint32_t number), void *user);

/*
 * Without an answer that anybody waits for. What there is no room for is said later, before
 * anything else: meanwhile installs are refused with -EAGAIN.
 */
void dpclient_update(struct dpclient *c, uint64_t registration, uint32_t lifetime_s);
void dpclient_delete(struct dpclient *c, uint64_t registration, uint32_t grace_s);
void dpclient_point_tunnel(struct dpclient *c, uint64_t handle, const uint8_t peer[static 16],
			   uint16_t peer_port);
void dpclient_delete_tunnel(struct dpclient *c, uint64_t handle); /* after its sets */

#endif
