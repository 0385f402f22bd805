/*
 * The UE's anti-replay window, RFC 4303 3.4.3: 128 packets. Check before the ICV, accept after it.
 * A number n is inside while top − 128 < n. Pure functions over one inbound SA's window.
 */
#ifndef TOOLS_UE_WINDOW_H
#define TOOLS_UE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#define WINDOW_PKTS 128

struct window {
	uint32_t top;           /* highest number accepted; 0 = none yet */
	unsigned __int128 seen; /* bit i: top − i was accepted */
};

/* Whether the number may still be accepted. 0 never is: the first number sent is 1. */
static inline bool window_is_fresh(const struct window *w, uint32_t number)
{
	if (!number)
		return false;
	if (number > w->top)
		return true;
	return w->top - number < WINDOW_PKTS && !(w->seen >> (w->top - number) & 1);
}

/* Only for a number that is fresh, and only when the packet's ICV was good. */
static inline void window_accept(struct window *w, uint32_t number)
{
	if (number > w->top) {
		uint32_t ahead = number - w->top;

		w->seen = ahead < WINDOW_PKTS ? w->seen << ahead : 0;
		w->top = number;
	}
	w->seen |= (unsigned __int128)1 << (w->top - number);
}

#endif
