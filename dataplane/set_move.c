/*
 * A set on its way to another data plane: stopped, read, and deleted or gone on with. A frozen set
 * is to workers one whose lifetime is over, so nothing in them knows of it.
 */
#include <errno.h>
#include <string.h>

#include "dataplane/backend.h"
#include "dataplane/set_impl.h"

/* An end that has come: the clock begins with it. */
#define FROZEN_EXPIRES_S 1

void set_end_sas(struct set_table *t, const struct set *s)
{
	uint32_t expires_s = s->is_frozen ? FROZEN_EXPIRES_S : s->expires_s;
	for (uint8_t i = 0; i < s->n_sas; i++)
		/* partner: sa_is_expired(); what was sent before is settled by the grace period */
		atomic_store_explicit(&t->sas->sa[s->slot[i]].id.expires_s, expires_s,
				      memory_order_relaxed);
}

int set_freeze(struct set_table *t, uint64_t registration, uint32_t owner)
{
	struct set *s = set_find(t, registration, owner);
	if (!s)
		return -ENOENT;
	s->is_frozen = true;
	s->is_drained = false;
	set_end_sas(t, s);
	t->freeze_token = rte_rcu_qsbr_start(t->sas->rcu);
	return 0;
}

int set_thaw(struct set_table *t, uint64_t registration, uint32_t owner)
{
	struct set *s = set_find(t, registration, owner);
	if (!s)
		return -ENOENT;
	s->is_frozen = false;
	set_end_sas(t, s);
	return 0;
}

static bool are_devices_idle(const struct set_table *t, const struct set *s)
{
	for (uint8_t i = 0; i < s->n_sas; i++) {
		const struct sa *sa = &t->sas->sa[s->slot[i]];
		if (sa->id.backend != CRYPTO_CPU && !backend_is_idle(sa))
			return false;
	}
	return true;
}

static bool is_on_cpu(const struct set_table *t, const struct set *s)
{
	for (uint8_t i = 0; i < s->n_sas; i++) {
		if (t->sas->sa[s->slot[i]].id.backend != CRYPTO_CPU)
			return false;
	}
	return true;
}

/*
 * No worker will change numbers or window any more: all have passed a quiescent state since the
 * set was frozen; where a device had packets of it, they came back, and all have passed another.
 */
static bool is_settled(struct set_table *t, struct set *s)
{
	if (rte_rcu_qsbr_check(t->sas->rcu, t->freeze_token, false) != 1)
		return false;
	if (s->is_drained || is_on_cpu(t, s))
		return true;
	s->is_drained = are_devices_idle(t, s);
	t->freeze_token = rte_rcu_qsbr_start(t->sas->rcu);
	return false;
}

static void read_sa(const struct sa_table *t, uint32_t slot, struct api_sa *out, uint64_t *window)
{
	const struct sa *sa = &t->sa[slot];
	struct api_sa_state state = { .sequence = 0 };
	sa_export(t, slot, &state);
	*out = (struct api_sa){
		.direction = sa->id.direction,
		.flags = sa->id.esn ? API_SA_ESN : 0,
		.spi = sa_spi(t, slot),
		.local_port = __builtin_bswap16(sa->id.local_port_be),
		.peer_port = __builtin_bswap16(sa->id.peer_port_be),
		.window_pkts = sa->id.direction == API_IN ? state.window_pkts : 0,
		.sequence = state.sequence,
	};
	memcpy(window, state.window, sizeof(state.window));
}

int set_export(struct set_table *t, uint64_t registration, uint32_t owner, uint32_t now_s,
	       struct api_set_state *state)
{
	struct set *s = set_find(t, registration, owner);
	if (!s)
		return -ENOENT;
	if (s->is_frozen && !is_settled(t, s))
		return -EAGAIN;
	state->is_frozen = s->is_frozen;
	state->lifetime_s = s->expires_s > now_s ? s->expires_s - now_s : 0;
	for (uint8_t i = 0; i < s->n_sas; i++)
		read_sa(t->sas, s->slot[i], &state->sa[i], state->window[i]);
	return 0;
}

unsigned set_half_used(const struct set_table *t, uint64_t registration, uint32_t owner,
		       uint32_t slot[API_SET_SAS])
{
	const struct set *s = set_find(t, registration, owner);
	unsigned n = 0;
	for (uint8_t i = 0; s && i < s->n_sas; i++) {
		if (sa_is_half_used(&t->sas->sa[s->slot[i]]))
			slot[n++] = s->slot[i];
	}
	return n;
}
