/*
 * How busy an SA is that has a place on a port (a session, a rule), and when it is to lose it: at
 * the limit of the configuration it gets one, below a quarter of that for ten seconds it does not
 * keep it, and who takes another's must be twice as busy. Control thread.
 */
#ifndef DATAPLANE_BUSY_H
#define DATAPLANE_BUSY_H

#include <stdbool.h>
#include <stdint.h>

#define BUSY_IDLE_DIVISOR    4
#define BUSY_IDLE_RATES      10
#define BUSY_DISPLACE_FACTOR 2

struct busy {
	uint64_t n_pkts; /* of the SA, when its rate was last taken */
	uint32_t rate_pps;
	uint16_t n_idle; /* rates in a row that were too low */
};

/* The SA has had n_pkts by now, `ms` after the last time. */
static inline void busy_rate(struct busy *b, uint64_t n_pkts, uint64_t ms, uint32_t promote_pps)
{
	b->rate_pps = (uint32_t)((n_pkts - b->n_pkts) * 1000 / ms);
	b->n_pkts = n_pkts;
	b->n_idle = b->rate_pps < promote_pps / BUSY_IDLE_DIVISOR ? b->n_idle + 1 : 0;
}

static inline bool busy_is_over(const struct busy *b)
{
	return b->n_idle >= BUSY_IDLE_RATES;
}

/* May an SA of this rate take the place? */
static inline bool busy_gives_way(const struct busy *b, uint64_t rate_pps)
{
	return (uint64_t)b->rate_pps * BUSY_DISPLACE_FACTOR < rate_pps;
}

#endif
