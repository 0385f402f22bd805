/*
 * The HSS: answers Cx requests from the subscriber store, makes authentication vectors, keeps the
 * registration flags. TS 29.228 6; seed 6.1.1 … 6.1.3.
 *
 * MAR and SAR that arrive in one turn of the loop are answered together, under one lock of the
 * store, and no answer is given before what it says has reached the disk: a vector never leaves
 * before its SQN is safe from any crash (C-138), and a thousand UEs who register at once cost a few
 * disk flushes instead of thousands. Under load commits keep a distance, so that more share one;
 * who comes after a pause waits for nobody. When the commit fails, all of its answers become
 * CX_UNABLE_TO_COMPLY. UAR and LIR change nothing and are answered in the next turn.
 *
 * On the loop's thread only. The HSS owns nothing of its callers; it owns the store.
 */
#ifndef CONTROLPLANE_HSS_H
#define CONTROLPLANE_HSS_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/cx.h"
#include "controlplane/role.h"

struct hss;
struct loop;
struct store;

struct hss_stats {
	uint64_t uar;
	uint64_t mar;
	uint64_t sar;
	uint64_t lir;
	uint64_t request_refused; /* answers that are no success */
	uint64_t vector_made;
	uint64_t resync_accepted;
	uint64_t resync_forged;
	uint64_t commit;
	uint64_t commit_failed;
};

/* Takes the store over, also on failure. NULL: out of memory. */
struct hss *hss_new(struct loop *loop, struct store *store);
/* Answers still owed are given as CX_UNABLE_TO_DELIVER. */
void hss_free(struct hss *h);

/*
 * Commits are at least so far apart; 0, as it begins: one in each turn that needs one. What another
 * process has changed in the database, MAR and SAR see at once, UAR and LIR after that time.
 */
void hss_set_commit_distance(struct hss *h, uint32_t distance_ms);

/*
 * Users may register from these networks alone (hss.visited_networks); none, as it begins: from
 * everywhere. The names live as long as the HSS. Returns 0 or -ENOMEM.
 */
int hss_set_visited_networks(struct hss *h, char *const *networks, uint32_t n_networks);

/* hss.unregistered_services: whether who is not registered is served. False, as it begins. */
void hss_set_unregistered_services(struct hss *h, bool are_there);

/* As cx_send(). `request` must be sound. */
int hss_request(struct hss *h, const struct cx_request *request, cx_done *done, void *user);

/*
 * Answers at once what has been asked and need not wait: for whoever has asked all that he has, and
 * is not in the middle of asking. It spares the turn of the loop that would do it.
 */
void hss_answer(struct hss *h);

/* Calls `given` whenever answers have been given, however many: who sends them may send at once. */
void hss_listen(struct hss *h, void (*given)(void *user), void *user);

const struct hss_stats *hss_stats(const struct hss *h);

/* The HSS that runs in this process, NULL if none: cx_open() prefers it to the socket. */
struct hss *hss_here(void);

extern const struct role hss_role;

#endif
