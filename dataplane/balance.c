#include "dataplane/balance.h"

#include <errno.h>
#include <string.h>

#include "dataplane/queue.h"

/*
 * Buckets on the move at a time: a sixteenth of all, so that of ten million packets/s and a
 * half-millisecond from HOLDING to STEADY some three hundred are parked.
 */
#define BALANCE_STEP_BUCKETS 32

static const struct owner_map *current(const struct steer *s)
{
	return atomic_load_explicit(&s->map, memory_order_relaxed); /* written by this thread */
}

int balance_start(struct steer *s, uint32_t n)
{
	if (!n || n > s->n_workers)
		return -EINVAL;
	owner_balance(s->wanted, current(s)->bucket_mask + 1u, n);
	s->n_active = n;
	return 0;
}

/* Marks up to a step of buckets as moving. Returns how many. */
static uint32_t mark_moving(const struct steer *s, struct owner_map *next)
{
	uint32_t n = 0;
	for (uint32_t b = 0; b <= next->bucket_mask && n < BALANCE_STEP_BUCKETS; b++) {
		if (next->worker[b] != s->wanted[b]) {
			next->worker[b] = s->wanted[b] | OWNER_MOVING;
			n++;
		}
	}
	return n;
}

static void settle_moving(struct owner_map *next)
{
	for (uint32_t b = 0; b <= next->bucket_mask; b++)
		next->worker[b] &= (uint8_t)~OWNER_MOVING;
}

bool balance_advance(struct steer *s)
{
	if (!steer_all_seen(s))
		return false;
	/* Everybody works with the current map, so nobody reads the other. */
	const struct owner_map *now = current(s);
	struct owner_map *next = &s->maps[now == &s->maps[0]];
	*next = *now;
	next->generation++;
	switch (now->phase) {
	case OWNER_STEADY:
		if (!mark_moving(s, next))
			return true;
		next->phase = OWNER_HOLDING;
		break;
	case OWNER_HOLDING:
		next->phase = OWNER_DRAINING;
		break;
	default:
		settle_moving(next);
		next->phase = OWNER_STEADY;
	}
	atomic_store_explicit(&s->map, next,
			      memory_order_release); /* partner: steer_turn_begin() */
	return false;
}

bool balance_turn(struct steer *s, struct zones *zones)
{
	if (!balance_advance(s))
		return false;
	queue_follow(zones, current(s));
	return true;
}

int balance_begin(struct steer *s, uint32_t n)
{
	int rc = balance_start(s, n);
	if (rc == 0)
		memcpy(s->maps[0].worker, s->wanted, sizeof(s->wanted));
	return rc;
}
