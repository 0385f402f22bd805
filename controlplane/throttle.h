/*
 * How often something may happen for each of many keys that strangers choose: token buckets in a
 * table that does not grow beyond a size. A bucket that is full again needs no place, so only keys
 * of the last seconds take any. Where more keys come at once than there are places, the fullest of
 * a few gives way, and is then allowed more than it should be: a flood of keys can loosen the
 * limits of others, never tighten them. Keys are hashed under a secret of the table's own.
 *
 * O(1), no memory after throttle_new(). One thread.
 */
#ifndef CONTROLPLANE_THROTTLE_H
#define CONTROLPLANE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct throttle;

/* `per_min` ≥ 1 on the long run, `burst` ≥ 1 at once; about n_keys at a time. NULL: no memory. */
struct throttle *throttle_new(uint32_t per_min, uint32_t burst, uint32_t n_keys);
void throttle_free(struct throttle *t);

/* Whether it may happen, and then it has. `t` NULL: no limit. `more` may be "". */
bool throttle_take(struct throttle *t, const char *key, const char *more, uint64_t now_ms);

#endif
