/*
 * The hops of a request: Max-Forwards, loops, and the Via that each proxy adds. RFC
 * 3261 16.3, 16.6.
 *
 * Our branches end in a keyed hash of all that routing depends on, so a request that comes back
 * unchanged is a loop, and one that comes back with another target is a spiral and goes on: in IMS
 * the same P-CSCF is passed twice when both UEs are its own.
 */
#ifndef CONTROLPLANE_HOPS_H
#define CONTROLPLANE_HOPS_H

#include <stddef.h>

struct path;
struct hops;
struct sip;
struct sip_list;

#define HOPS_BRANCH_BYTES 64

/* The secret behind the hashes. NULL: out of memory or no random numbers. */
struct hops *hops_new(void);
void hops_free(struct hops *h);

/*
 * Prepares a request to leave along `path`: one hop less, a Via of ours with a new branch, which is
 * copied to `branch`. Returns 0, or the status to answer: 420, 482, 483, 500.
 */
int hops_add(const struct hops *h, struct sip *request, const struct path *path,
	     char branch[static HOPS_BRANCH_BYTES]);

/*
 * RFC 3261 16.3 step 5: the next option of Proxy-Require that a proxy has to know and that is
 * unknown here; 0 or -ENOENT. What a role understands it has taken out, and "privacy" asks for what
 * RFC 3325 7 has, which is done on the way out of the trust domain.
 */
int hops_unknown_option(struct sip_list *proxy_require, char *option, size_t option_bytes);

#endif
