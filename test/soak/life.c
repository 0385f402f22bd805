#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/soak/soak.h"

enum {
	CHANGES_A_STEP = 12,
	REST_STEPS = 6, /* packets of the dead find nothing for so long */
	FREEZE_STEPS = 4,
	LIFETIME_S = 5,
	GRACE_S = 3,
};

/* The data plane's clock has seconds, and it may be kept waiting. */
#define EARLY_S 2.2
#define LATE_S  3.5

const char *const life_name[LIFE_CHANGES] = { "installed", "refreshed", "frozen",      "thawed",
					      "moved",     "deleted",   "given grace", "expired" };

/* The changes of one step. */
static struct {
	struct subject *subject;
	enum life_change change;
} chosen[CHANGES_A_STEP];
static uint32_t n_chosen;

static void enter(struct soak *s, struct subject *subject, enum subject_state state)
{
	subject->state = state;
	subject->since = s->step;
}

/* ---- who ---- */

static int choose_alive(struct soak *s, const struct subject *subject)
{
	switch (soak_below(s, 8)) {
	case 0:
		return subject->until_s > 0 ? LIFE_REFRESH : -1;
	case 1:
		return subject->until_s > 0 ? -1 : LIFE_FREEZE;
	case 2:
		return subject->until_s > 0 ? -1 : LIFE_GRACE;
	case 3:
		return LIFE_DELETE;
	default:
		return -1;
	}
}

/* Something may still be under way to be dropped, for a reason that a change would change. */
static bool is_restless(const struct soak *s, const struct subject *subject)
{
	return subject->n_generations && subject->hostile + SOAK_QUIET_STEPS > s->step;
}

static int choose(struct soak *s, const struct subject *subject)
{
	switch (subject->state) {
	case SUBJECT_ABSENT:
		return s->closing || is_restless(s, subject) ? -1 : LIFE_INSTALL;
	case SUBJECT_ALIVE:
		if (subject->since + 2 > s->step || is_restless(s, subject))
			return -1;
		return choose_alive(s, subject);
	case SUBJECT_FROZEN:
		if (subject->since + FREEZE_STEPS > s->step || is_restless(s, subject))
			return -1;
		return soak_below(s, 2) || subject->kind == SUBJECT_GATEWAY ? LIFE_THAW : LIFE_MOVE;
	default:
		return -1;
	}
}

/* What comes with time. */
static void age(struct soak *s, struct subject *subject, double now_s)
{
	if (subject->state == SUBJECT_ALIVE && subject->until_s > 0 &&
	    now_s > subject->until_s - EARLY_S)
		enter(s, subject, SUBJECT_ENDING);
	if (subject->state == SUBJECT_ENDING && subject->until_s > 0 &&
	    now_s > subject->until_s + LATE_S) {
		enter(s, subject, SUBJECT_DEAD);
		s->n_changes[LIFE_EXPIRE]++;
	}
	if (subject->state == SUBJECT_DEAD && subject->since + REST_STEPS < s->step)
		enter(s, subject, SUBJECT_ABSENT);
}

void life_choose(struct soak *s)
{
	double now_s = soak_now_s();
	n_chosen = 0;
	for (uint32_t i = 0; i < s->n_subjects; i++)
		age(s, &s->subject[i], now_s);
	for (uint32_t tries = 0; tries < 4 * CHANGES_A_STEP && n_chosen < CHANGES_A_STEP; tries++) {
		struct subject *subject = &s->subject[soak_below(s, s->n_subjects)];
		bool is_twice = false;
		for (uint32_t i = 0; i < n_chosen; i++)
			is_twice |= chosen[i].subject == subject;
		int change = is_twice ? -1 : choose(s, subject);
		if (change < 0)
			continue;
		chosen[n_chosen].subject = subject;
		chosen[n_chosen++].change = (enum life_change)change;
		if (change != LIFE_REFRESH && change != LIFE_GRACE)
			enter(s, subject, SUBJECT_ENDING);
	}
}

/* ---- how ---- */

static void request(struct soak *s, enum api_type type, const void *entry, size_t entry_bytes,
		    void *result, size_t result_bytes)
{
	struct dataplane_reply reply;
	int rc = dataplane_request(&s->dataplane, type, entry, entry_bytes, 1, &reply);
	soak_require(rc == 0 && reply.n == 1 && reply.bytes == result_bytes, s->dataplane.error);
	memcpy(result, reply.entries, result_bytes);
}

static void request_set(struct soak *s, enum api_type type, const void *entry, size_t entry_bytes,
			const char *what, struct api_set_result *result)
{
	request(s, type, entry, entry_bytes, result, sizeof(*result));
	if (result->status)
		ledger_fail(&s->ledger, "%s: %s", what, strerror(-result->status));
}

static void request_id(struct soak *s, const struct subject *subject, enum api_type type,
		       uint32_t grace_s, const char *what)
{
	for (uint32_t i = 0; i < subject->n_sets; i++) {
		struct api_set_id id = { .registration = subject->set[i].registration,
					 .grace_s = grace_s };
		struct api_set_result result;
		request_set(s, type, &id, sizeof(id), what, &result);
	}
}

static void open_tunnel(struct soak *s, struct subject *subject)
{
	struct api_tunnel_result result;
	if (!subject->tunnel.handle || subject->set[0].tunnel)
		return;
	request(s, API_TUNNEL_INSTALL, &subject->tunnel, sizeof(subject->tunnel), &result,
		sizeof(result));
	if (result.status)
		ledger_fail(&s->ledger, "a tunnel: %s", strerror(-result.status));
	for (uint32_t i = 0; i < subject->n_sets; i++)
		subject->set[i].tunnel = result.tunnel;
}

static void close_tunnel(struct soak *s, struct subject *subject)
{
	struct api_tunnel_id id = { .handle = subject->tunnel.handle };
	struct api_tunnel_result result;
	if (!subject->set[0].tunnel)
		return;
	request(s, API_TUNNEL_DELETE, &id, sizeof(id), &result, sizeof(result));
	if (result.status)
		ledger_fail(&s->ledger, "the end of a tunnel: %s", strerror(-result.status));
	for (uint32_t i = 0; i < subject->n_sets; i++)
		subject->set[i].tunnel = 0;
}

/* A third of them with an end. */
static void install(struct soak *s, struct subject *subject)
{
	uint32_t lifetime_s = soak_below(s, 3) ? 0 : LIFETIME_S + soak_below(s, 4);
	open_tunnel(s, subject);
	subject_renew(subject, &s->rng, lifetime_s);
	subject->until_s = lifetime_s ? soak_now_s() + lifetime_s : 0;
	for (uint32_t i = 0; i < subject->n_sets; i++) {
		struct api_set_result result;
		request_set(s, API_SET_INSTALL, &subject->set[i], sizeof(subject->set[i]),
			    "an install", &result);
		subject_installed(subject, i, &result);
	}
	enter(s, subject, SUBJECT_ALIVE);
}

static void refresh(struct soak *s, struct subject *subject)
{
	uint32_t lifetime_s = LIFETIME_S + soak_below(s, 4);
	for (uint32_t i = 0; i < subject->n_sets; i++) {
		struct api_set_update update = { .registration = subject->set[i].registration,
						 .lifetime_s = lifetime_s };
		struct api_set_result result;
		request_set(s, API_SET_UPDATE, &update, sizeof(update), "a refresh", &result);
	}
	subject->until_s = soak_now_s() + lifetime_s;
}

static void export(struct soak *s, const struct subject *subject, uint32_t i,
		   struct api_set_state *state)
{
	struct api_set_id id = { .registration = subject->set[i].registration };
	do
		request(s, API_SET_EXPORT, &id, sizeof(id), state, sizeof(*state));
	while (state->status == -EAGAIN);
	if (state->status || !state->is_frozen)
		ledger_fail(&s->ledger, "an export: %s", strerror(-state->status));
}

static void freeze(struct soak *s, struct subject *subject)
{
	struct api_set_state state;
	request_id(s, subject, API_SET_FREEZE, 0, "a freeze");
	for (uint32_t i = 0; i < subject->n_sets; i++)
		export(s, subject, i, &state);
	enter(s, subject, SUBJECT_FROZEN);
}

/*
 * The frozen set goes and comes back with its numbers and windows, as on another data plane, where
 * it has inbound SPIs of its own.
 */
static void move(struct soak *s, struct subject *subject)
{
	struct api_set_state state;
	struct api_set_restore restore;
	struct api_set_result result;
	export(s, subject, 0, &state);
	request_id(s, subject, API_SET_DELETE, 0, "a deletion");
	restore.set = subject->set[0];
	memcpy(restore.set.sa, state.sa, sizeof(state.sa));
	memcpy(restore.window, state.window, sizeof(state.window));
	for (uint32_t k = 0; k < API_SET_SAS; k++)
		if (restore.set.sa[k].direction == API_IN)
			restore.set.sa[k].spi = 0;
	request_set(s, API_SET_RESTORE, &restore, sizeof(restore), "a restore", &result);
	for (uint32_t k = 0; k < API_SET_SAS; k++)
		if (subject->set[0].sa[k].direction == API_IN)
			subject->sa[k].peer.spi = result.spi[k];
	enter(s, subject, SUBJECT_ALIVE);
}

void life_change(struct soak *s)
{
	for (uint32_t i = 0; i < n_chosen; i++) {
		struct subject *subject = chosen[i].subject;
		s->n_changes[chosen[i].change]++;
		switch (chosen[i].change) {
		case LIFE_INSTALL:
			install(s, subject);
			break;
		case LIFE_REFRESH:
			refresh(s, subject);
			break;
		case LIFE_FREEZE:
			freeze(s, subject);
			break;
		case LIFE_THAW:
			request_id(s, subject, API_SET_THAW, 0, "a thaw");
			enter(s, subject, SUBJECT_ALIVE);
			break;
		case LIFE_MOVE:
			move(s, subject);
			break;
		case LIFE_DELETE:
			request_id(s, subject, API_SET_DELETE, 0, "a deletion");
			enter(s, subject, SUBJECT_DEAD);
			break;
		default:
			request_id(s, subject, API_SET_DELETE, GRACE_S, "a deletion with grace");
			subject->until_s = soak_now_s() + GRACE_S;
			break;
		}
	}
}

/* ---- what there is ---- */

static int is_known(const struct api_sa_info *sa, void *user)
{
	struct soak *s = user;
	uint32_t number = ((uint32_t)sa->registration - 2) >> 1;
	const struct subject *subject = number < s->n_subjects ? &s->subject[number] : NULL;
	if (!subject || sa->registration >> 32 != subject->n_generations ||
	    subject->state == SUBJECT_ABSENT || subject->state == SUBJECT_DEAD)
		ledger_fail(&s->ledger, "an SA of subject %u is left", number);
	return 0;
}

void life_check_list(struct soak *s)
{
	int rc = dataplane_list(&s->dataplane, s->dataplane.hello.owner, is_known, s);
	soak_require(rc == 0, s->dataplane.error);
}

void life_end(struct soak *s)
{
	for (uint32_t i = 0; i < s->n_subjects; i++) {
		struct subject *subject = &s->subject[i];
		if (subject->state == SUBJECT_ALIVE || subject->state == SUBJECT_FROZEN)
			request_id(s, subject, API_SET_DELETE, 0, "a deletion");
		enter(s, subject, SUBJECT_ABSENT);
	}
	life_check_list(s);
	for (uint32_t i = 0; i < s->n_subjects; i++)
		close_tunnel(s, &s->subject[i]);
}
