/*
 * What the HSS does by itself, on an operator's command: it ends a registration (RTR) or sends a
 * changed profile (PPR) to the S-CSCF that serves the user. TS 29.228 6.1.3 and 6.2.
 *
 * The S-CSCF is the one of this process, one that has asked us over Diameter since the start, or
 * one at the local socket. On the loop's thread.
 */
#ifndef CONTROLPLANE_HSS_PUSH_H
#define CONTROLPLANE_HSS_PUSH_H

#include <stdint.h>

struct cx_local_server;
struct hss;
struct hss_push;
struct store;

struct hss_push_stats {
	uint64_t rtr;
	uint64_t ppr;
	uint64_t refused; /* answers that are no success, or did not come */
};

/* All stay the caller's; `local` may be NULL. NULL: out of memory. */
struct hss_push *hss_push_new(struct hss *hss, struct store *store, struct cx_local_server *local);
/* After whatever may still answer is gone. */
void hss_push_free(struct hss_push *p);

/*
 * Returns 0: it was sent. The registration flag goes when the S-CSCF has agreed. -ENOENT: no such
 * IMPI, or it is not registered; -EHOSTUNREACH: no way to its S-CSCF is known.
 */
int hss_push_end(struct hss_push *p, const char *impi);
int hss_push_profile(struct hss_push *p, const char *impi);

const struct hss_push_stats *hss_push_stats(const struct hss_push *p);

#endif
