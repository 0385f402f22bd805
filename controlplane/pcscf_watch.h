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
 * and Call-ID say. The 200 to it waits until what it changed is in the state file.
 *
 * Nothing of a subscription is in that file: Call-ID and tag are made of the UE and a key that a
 * restart does not change, so after one the first NOTIFY brings its subscription back.
 *
 * About 1 KB each. O(1), on the loop's thread.
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
struct statefile;
struct ue;
struct ues;
struct watches;

#define WATCH_EXPIRES_S 600000 /* TS 24.229 5.2.3 */
#define WATCH_KEY_BYTES 32

struct watch_counters {
	uint64_t subscribe_tx;
	uint64_t subscribe_failed; /* refused, or not answered */
	uint64_t restored;         /* by the first NOTIFY after a restart */
	uint64_t notify_rx;
	uint64_t notify_refused; /* of no subscription of ours, or not to be read */
	uint64_t shortened;      /* registrations, by NOTIFY */
	uint64_t ended;
};

/*
 * From `core`, to `icscf`; for at most `max` registrations. `key` (WATCH_KEY_BYTES) stays the
 * caller's. NULL: out of memory.
 */
struct watches *watches_new(struct loop *loop, struct proxy *proxy, struct ues *ues,
			    const struct endpoint *core, const struct address *icscf,
			    const uint8_t *key, uint32_t max);
/* After the proxy, which may still call back. */
void watches_free(struct watches *w);

uint32_t watches_count(const struct watches *w);
const struct watch_counters *watches_counters(const struct watches *w);

/*
 * The UE has registered `aor`: subscribes, if that is not done yet. If it was challenged, also if
 * it is: the S-CSCF may have challenged because it knows nothing any more, of subscriptions either.
 */
void watches_begin(struct watches *w, const struct ue *ue, const char *aor, bool is_challenged);

/* Does what a NOTIFY to us says, and answers it once that is in the file; NULL: in none. */
void watches_notified(struct watches *w, struct server_txn *x, struct statefile *file);

#endif
