#include "dataplane/local.h"

#include <errno.h>

/* The index, or n when it is not there. */
static uint32_t find(const struct locals *locals, uint32_t n, uint8_t zone, uint8_t family,
		     const uint8_t *address)
{
	uint32_t i = 0;
	for (; i < n; i++) {
		const struct local *l = &locals->entry[i];
		if (l->zone == zone && l->family == family &&
		    local_address_equal(l->address, address, family))
			break;
	}
	return i;
}

int local_index(struct locals *locals, uint8_t zone, uint8_t family, const uint8_t *address)
{
	uint32_t n = atomic_load_explicit(&locals->n, memory_order_relaxed);
	uint32_t i = find(locals, n, zone, family, address);
	if (i < n)
		return (int)i;
	if (n == LOCAL_MAX)
		return -ENOSPC;
	struct local *l = &locals->entry[n];
	memcpy(l->address, address, sizeof(l->address));
	l->family = family;
	l->zone = zone;
	/* partner: local_is_ours() */
	atomic_store_explicit(&locals->n, n + 1, memory_order_release);
	return (int)n;
}

bool local_is_ours(const struct locals *locals, uint8_t zone, uint8_t family,
		   const uint8_t *address)
{
	uint32_t n = atomic_load_explicit(&locals->n, memory_order_acquire);
	return find(locals, n, zone, family, address) < n;
}
