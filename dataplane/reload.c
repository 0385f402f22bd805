#include "dataplane/reload.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "configs/config_diff.h"
#include "dataplane/api.h"
#include "dataplane/balance.h"
#include "dataplane/control.h"
#include "dataplane/crypto_device.h"
#include "dataplane/inline_sa.h"
#include "dataplane/worker.h"
#include "dataplane/zone.h"

/* ---- judging ---- */

struct judgement {
	const struct reload *r;
	const struct config *next;
	enum reload_line wanted; /* which kind is told */
	uint32_t n_refused;
	uint32_t n_changed;
	void (*tell)(void *user, enum reload_line what, const char *text);
	void *user;
};

static bool allows(const struct judgement *j, const struct reload_rule *rule)
{
	return rule->kind == RELOAD_LIVE ||
	       (rule->kind == RELOAD_LIVE_IF && rule->may(j->r, j->next->dataplane));
}

static void judge(void *user, const struct config_difference *d)
{
	struct judgement *j = user;
	const struct reload_rule *rule = reload_rule(d->key);
	assert(rule); /* reload_test.c walks the schema */
	bool is_live = allows(j, rule);
	enum reload_line what = is_live ? RELOAD_CHANGE : RELOAD_REFUSAL;
	j->n_refused += !is_live;
	j->n_changed += is_live;
	if (what != j->wanted)
		return;
	bool has_note = rule->note && is_live == (rule->kind == RELOAD_LIVE);
	char text[API_LINE_BYTES];
	snprintf(text, sizeof(text), "%s: %s -> %s%s%s%s%s", d->path, d->before, d->after,
		 is_live ? "" : " needs a restart", has_note ? " (" : "",
		 has_note ? rule->note : "", has_note ? ")" : "");
	j->tell(j->user, what, text);
}

static void compare(struct judgement *j, enum reload_line wanted)
{
	j->wanted = wanted;
	j->n_refused = j->n_changed = 0;
	config_diff("dataplane", j->r->config, j->next, judge, j);
}

/* ---- reading ---- */

/* A pipe would keep the control thread waiting. */
static int check_file(const char *path, char *error, size_t error_bytes)
{
	struct stat st;
	int rc = stat(path, &st) < 0 ? -errno : 0;
	if (rc == 0 && !S_ISREG(st.st_mode))
		rc = -EINVAL;
	if (rc < 0)
		snprintf(error, error_bytes, "%s: found no readable file (%s), expected one", path,
			 rc == -EINVAL ? "not a regular file" : strerror(-rc));
	return rc;
}

static int read_next(const struct reload *r, struct config **next, char *error, size_t error_bytes)
{
	int rc = check_file(r->path, error, error_bytes);
	if (rc == 0)
		rc = config_load(r->path, next, error, error_bytes);
	if (rc == 0 && !(*next)->dataplane) {
		snprintf(error, error_bytes, "%s: no section `dataplane`", r->path);
		config_free(*next);
		rc = -EINVAL;
	}
	return rc;
}

/* ---- taking over ---- */

static void apply_workers(struct reload *r, const struct config_dataplane *next)
{
	for (uint32_t i = 0; i < next->n_worker_cores; i++) {
		struct worker *w = r->worker[i];
		atomic_store_explicit(&w->idle_sleep_us, next->idle_sleep_us,
				      memory_order_relaxed); /* partner: idle() in worker.c */
		reassembly_set_timeout(w->from_network, next->fragments.timeout_s);
		reassembly_set_timeout(w->from_kernel, next->fragments.timeout_s);
	}
	uint32_t n = config_active_workers(next);
	if (n == config_active_workers(r->config->dataplane))
		return;
	assert(r->steer); /* more than one worker */
	int rc = balance_start(r->steer, n);
	assert(rc == 0); /* the check of the file holds it below n_worker_cores */
	r->moves = rc == 0;
}

/* A zone's rate is shared by the workers that own UEs. */
static void apply_zones(struct reload *r, const struct config_dataplane *next)
{
	for (uint32_t i = 0; i < next->n_zones; i++) {
		const struct config_zone *c = &next->zones[i];
		struct zone *zone = &r->zones->zone[i];
		struct flood_limits limits =
			flood_limits_of(&c->flood, config_active_workers(next));
		flood_set(&zone->flood, &limits);
		atomic_store_explicit(&zone->n_port_pc, (uint16_t)c->n_port_pc,
				      memory_order_relaxed); /* partner: zone_is_protected() */
	}
}

/* Cannot fail: the rules say so. `next` is the running one from now on. */
static void apply(struct reload *r, struct config *next)
{
	const struct config_dataplane *dataplane = next->dataplane;
	apply_workers(r, dataplane);
	apply_zones(r, dataplane);
	crypto_device_want(r->devices, dataplane->crypto.lookaside);
	r->control->orphans = dataplane->sa.orphans;
	control_set_quotas(r->control, dataplane);
	r->control->sas->default_window_pkts = dataplane->sa.replay_window_pkts;
	r->inlined->promote_pps = dataplane->offload.promote_pps;
	reload_close(r);
	r->config = next;
}

int reload_file(struct reload *r, bool check_only,
		void (*tell)(void *user, enum reload_line what, const char *text), void *user)
{
	struct config *next = NULL;
	char error[API_LINE_BYTES];
	int rc = read_next(r, &next, error, sizeof(error));
	if (rc < 0) {
		tell(user, RELOAD_REFUSAL, error);
		return rc;
	}
	struct judgement j = { .r = r, .next = next, .tell = tell, .user = user };
	compare(&j, RELOAD_REFUSAL);
	if (j.n_refused)
		rc = -ENOTSUP;
	/* All that can fail, and it leaves everything as it was then. */
	if (rc == 0 && !check_only) {
		rc = set_quarantine(&r->control->sets, next->dataplane->sa.quarantine_s);
		if (rc < 0)
			tell(user, RELOAD_REFUSAL, "dataplane.sa.quarantine_s: out of memory");
	}
	if (rc == 0)
		compare(&j, RELOAD_CHANGE);
	if (rc == 0 && !check_only)
		apply(r, next);
	else
		config_free(next);
	return rc;
}

/* ---- of the control thread ---- */

void reload_log(enum reload_line what, const char *text)
{
	fprintf(stderr, "imsgate-dataplane: %s: %s\n",
		what == RELOAD_CHANGE ? "info: reload" : "error: reload refused", text);
}

static void log_line(void *user, enum reload_line what, const char *text)
{
	bool *any = user;
	*any = true;
	reload_log(what, text);
}

void reload_on_signal(struct reload *r)
{
	bool any = false;
	if (reload_file(r, false, log_line, &any) == 0 && !any)
		reload_log(RELOAD_CHANGE, "nothing changed");
}

void reload_turn(struct reload *r)
{
	if (r->moves && balance_turn(r->steer, r->zones))
		r->moves = false;
}

void reload_close(struct reload *r)
{
	if (r->config != r->started)
		config_free(r->config);
}
