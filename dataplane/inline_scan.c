/*
 * Who is worth a session, or else a rule: a port has thousands, the table millions. Counting costs
 * the workers nothing: each SA has its packets counted anyway. A share of the table is read, and a
 * moment later again; what grew fast enough is promoted. No memory per SA, a bounded share of a
 * turn.
 */
#include "dataplane/inline_sa.h"

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>

#include "dataplane/slot.h"

enum {
	/* At ten looks a second 4 million SAs take 51 s; one look reads 8192 lines, about 0.3 ms.
	 */
	SAMPLE_SLOTS = 8192,
	SAMPLE_MS = 100,
	RATE_MS = 1000,
};

int inline_scan_open(struct inline_table *t)
{
	t->sample = calloc(SAMPLE_SLOTS, sizeof(*t->sample));
	return t->sample ? 0 : -ENOMEM;
}

void inline_scan_close(struct inline_table *t)
{
	free(t->sample);
	t->sample = NULL;
}

static uint64_t ms_since(const struct inline_table *t, uint64_t tsc)
{
	return (t->now_tsc - tsc) / (rte_get_tsc_hz() / 1000);
}

static bool is_candidate(const struct inline_table *t, uint32_t slot)
{
	return slot_state(t->sas, slot) == SLOT_LIVE && (!t->n_max || !t->of_slot[slot]);
}

/* ---- the sessions there are ---- */

static void rate_sessions(struct inline_table *t, uint64_t ms)
{
	for (uint32_t i = 1; i <= t->n_max; i++) {
		struct inline_session *s = &t->session[i];
		if (s->phase != INLINE_LIVE)
			continue;
		const struct sa *sa = &t->sas->sa[s->slot];
		busy_rate(&s->busy, sa->run.n_pkts, ms, t->promote_pps);
		/* The port's numbers are behind the cpu's: it will never be used; a new one may. */
		bool is_missed =
			s->is_protocol && sa->run.replay.top >= s->first_sequence && !s->is_begun;
		if ((!is_missed && !busy_is_over(&s->busy)) || sa->id.mode != API_TRANSPORT)
			continue;
		if (inline_demote(t, s->slot) == 0)
			t->n_demoted++;
	}
}

/* The least busy on a port, tunnels excepted; NULL: there is none, or one is on its way out. */
static struct inline_session *least_busy(struct inline_table *t, uint16_t port)
{
	struct inline_session *least = NULL;
	for (uint32_t i = 1; i <= t->n_max; i++) {
		struct inline_session *s = &t->session[i];
		if (s->phase == INLINE_FREE || s->port != port)
			continue;
		if (s->phase != INLINE_LIVE)
			return NULL;
		if (t->sas->sa[s->slot].id.mode == API_TRANSPORT &&
		    (!least || s->busy.rate_pps < least->busy.rate_pps))
			least = s;
	}
	return least;
}

/* ---- the SAs that might get one ---- */

static void consider(struct inline_table *t, uint32_t slot, uint64_t rate_pps)
{
	int rc = inline_promote(t, slot);
	if (rc == 0) {
		t->n_promoted++;
		t->session[t->of_slot[slot]].busy.rate_pps = (uint32_t)rate_pps;
		return;
	}
	spi_rule_add_busy(&t->rules, slot, rate_pps);
	if (rc != -ENOSPC)
		return;
	/* It will be seen again when the place is free. */
	struct inline_session *least = least_busy(t, t->port_of_zone[t->sas->sa[slot].id.zone]);
	if (least && busy_gives_way(&least->busy, rate_pps) && inline_demote(t, least->slot) == 0)
		t->n_demoted++;
}

static void take_sample(struct inline_table *t)
{
	t->n_sampled = t->sas->capacity - t->scan_slot;
	if (t->n_sampled > SAMPLE_SLOTS)
		t->n_sampled = SAMPLE_SLOTS;
	for (uint32_t i = 0; i < t->n_sampled; i++) {
		uint32_t slot = t->scan_slot + i;
		t->sample[i] = is_candidate(t, slot) ? t->sas->sa[slot].run.n_pkts : UINT64_MAX;
	}
	t->sampled_tsc = t->now_tsc;
}

static void compare_sample(struct inline_table *t, uint64_t ms)
{
	for (uint32_t i = 0; i < t->n_sampled; i++) {
		uint32_t slot = t->scan_slot + i;
		if (t->sample[i] == UINT64_MAX || !is_candidate(t, slot))
			continue;
		/* A slot with another SA by now counts from 0 again: no rate this time. */
		uint64_t n_pkts = t->sas->sa[slot].run.n_pkts;
		uint64_t rate_pps = n_pkts > t->sample[i] ? (n_pkts - t->sample[i]) * 1000 / ms : 0;
		if (rate_pps && rate_pps >= t->promote_pps)
			consider(t, slot, rate_pps);
	}
	t->scan_slot += t->n_sampled;
	if (t->scan_slot == t->sas->capacity)
		t->scan_slot = 0;
	t->n_sampled = 0;
}

void inline_scan(struct inline_table *t)
{
	uint64_t ms = ms_since(t, t->rated_tsc);
	if (ms >= RATE_MS) {
		if (t->rated_tsc) {
			rate_sessions(t, ms);
			spi_rules_rate(&t->rules, ms, t->promote_pps);
		}
		t->rated_tsc = t->now_tsc;
	}
	ms = ms_since(t, t->sampled_tsc);
	if (t->n_sampled && ms >= SAMPLE_MS)
		compare_sample(t, ms);
	if (!t->n_sampled)
		take_sample(t);
}
