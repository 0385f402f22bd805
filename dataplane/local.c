#include "dataplane/local.h"

#include <errno.h>

static bool is(const struct local *l, uint8_t zone, uint8_t family, const uint8_t *address)
{
	/* partner: fill() */
	return atomic_load_explicit(&l->family, memory_order_acquire) == family &&
	       l->zone == zone && local_address_equal(l->address, address, family);
}

/* The index, or n when it is not there. */
static uint32_t find(const struct locals *locals, uint32_t n, uint8_t zone, uint8_t family,
		     const uint8_t *address)
{
	uint32_t i = 0;
	while (i < n && !is(&locals->entry[i], zone, family, address))
		i++;
	return i;
}

/* A vacant entry that no worker looks into any more, or n. */
static uint32_t find_vacant(const struct locals *locals, uint32_t n, struct rte_rcu_qsbr *rcu)
{
	uint32_t i = 0;
	while (i < n && (locals->n_sas[i] || rte_rcu_qsbr_check(rcu, locals->token[i], false) != 1))
		i++;
	return i;
}

static void fill(struct local *l, uint8_t zone, uint8_t family, const uint8_t *address)
{
	memcpy(l->address, address, sizeof(l->address));
	l->zone = zone;
	atomic_store_explicit(&l->family, family, memory_order_release); /* partner: is() */
}

int local_take(struct locals *locals, uint8_t zone, uint8_t family, const uint8_t *address,
	       struct rte_rcu_qsbr *rcu)
{
	uint32_t n = atomic_load_explicit(&locals->n, memory_order_relaxed);
	uint32_t i = locals->last;
	if (!is(&locals->entry[i], zone, family, address))
		i = find(locals, n, zone, family, address);
	if (i == n) {
		i = find_vacant(locals, n, rcu);
		if (i == LOCAL_MAX)
			return -EADDRNOTAVAIL;
		fill(&locals->entry[i], zone, family, address);
		if (i == n) /* partner: local_is_ours() */
			atomic_store_explicit(&locals->n, n + 1, memory_order_release);
	}
	locals->n_sas[i]++;
	locals->last = i;
	return (int)i;
}

void local_give(struct locals *locals, uint32_t i, struct rte_rcu_qsbr *rcu)
{
	if (--locals->n_sas[i])
		return;
	atomic_store_explicit(&locals->entry[i].family, 0, memory_order_relaxed);
	locals->token[i] = rte_rcu_qsbr_start(rcu);
}

bool local_is_ours(const struct locals *locals, uint8_t zone, uint8_t family,
		   const uint8_t *address)
{
	uint32_t n = atomic_load_explicit(&locals->n, memory_order_acquire);
	return find(locals, n, zone, family, address) < n;
}
