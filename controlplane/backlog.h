/*
 * Messages that wait until there is time for them: first in, first out, bounded.
 *
 * A datagram that is sent again meanwhile is the same bytes from the same place, and waits once. So
 * a storm is worked through without gaps, where dropping alone would leave the time between two
 * waves of retransmissions unused. What has waited too long is for the user to drop.
 *
 * O(1) each, but for what is dropped. One thread: that of the loop.
 */
#ifndef CONTROLPLANE_BACKLOG_H
#define CONTROLPLANE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct backlog;
struct path;

/* The longest that waits: some times a REGISTER of a UE. */
#define BACKLOG_BYTES 4096

/* NULL: out of memory. */
struct backlog *backlog_new(uint32_t max);
void backlog_free(struct backlog *b);

uint32_t backlog_count(const struct backlog *b);

/* Copies it, as of now. False: there is no room, no memory, or it is too long. */
bool backlog_put(struct backlog *b, const struct path *from, const char *bytes, size_t n_bytes,
		 uint64_t now_ms);

/* Forgets what has waited for max_ms or longer; returns how many that were. */
uint32_t backlog_drop(struct backlog *b, uint64_t now_ms, uint64_t max_ms);

/* Hands the oldest one over, which is gone afterwards. False: nothing waits. */
bool backlog_take(struct backlog *b,
		  void (*use)(void *user, const struct path *from, const char *bytes,
			      size_t n_bytes),
		  void *user);

#endif
