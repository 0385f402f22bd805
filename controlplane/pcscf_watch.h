/*
 * The P-CSCF's subscriptions to the event package reg: TS 24.229 5.2.3. After a registration has
 * succeeded it subscribes at the S-CSCF, by way of the I-CSCF, and so hears what becomes of it
 * without the UE saying so:
 *
 *   200 to REGISTER → SUBSCRIBE → 200, NOTIFY (in either order)
 *   NOTIFY → shortened: the registration and its SAs end so much sooner (C-039)
 *          → terminated: the registration is dropped, the SAs after their grace (C-041)
 *          → the identities that may be asserted are those that it names as active
 *
 * One subscription for each registration of a UE; the next REGISTER finds it there. It is refreshed
 * in time, and goes when its registration is no more: the S-CSCF learns that from the 481 to its
 * next NOTIFY. What a NOTIFY says is believed, as it comes over Mw; that it belongs to us, its tags
 * and Call-ID say. About 1 KB each. O(1), on the loop's thread.
 */
#ifndef CONTROLPLANE_PCSCF_WATCH_H
#define CONTROLPLANE_PCSCF_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct address;
struct endpoint;
struct loop;
struct proxy;
struct server_txn;
struct ue;
struct ues;
struct watches;

#define WATCH_EXPIRES_S 600000 /* TS 24.229 5.2.3 */

struct watch_counters {
	uint64_t subscribe_tx;
	uint64_t subscribe_failed; /* refused, or not answered */
	uint64_t notify_rx;
	uint64_t notify_refused; /* of no subscription of ours, or not to be read */
	uint64_t shortened;      /* registrations, by NOTIFY */
	uint64_t ended;
};

/* From `core`, to `icscf`; for at most `max` registrations. NULL: out of memory. */
struct watches *watches_new(struct loop *loop, struct proxy *proxy, struct ues *ues,
			    const struct endpoint *core, const struct address *icscf, uint32_t max);
/* After the proxy, which may still call back. */
void watches_free(struct watches *w);

uint32_t watches_count(const struct watches *w);
const struct watch_counters *watches_counters(const struct watches *w);

/*
 * The UE has registered `aor`: subscribes, if that is not done yet. If it was challenged, also if
 * it is: the S-CSCF may have challenged because it knows nothing any more, of subscriptions either.
 */
void watches_begin(struct watches *w, const struct ue *ue, const char *aor, bool is_challenged);

/* Answers a NOTIFY to us, and does what it says. */
void watches_notified(struct watches *w, struct server_txn *x);

#endif
