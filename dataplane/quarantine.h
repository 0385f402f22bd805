/*
 * 5-tuples whose SAs died lately, and whom they served. A datagram that came out of such an SA may
 * still lie in a socket of the kernel, which tells it from a new owner's by nothing but the tuple;
 * so for some seconds only the same one gets it again. A re-authenticating UE is not concerned:
 * its ports change (TS 33.203 7.4), and where it comes back with old ones, it is the same one.
 *
 * Bounded memory: buckets of five entries, one line each, an entry has two to choose from, and
 * there is room for more pairs than a table can hold. When more die within the time, the tuples
 * that would have been free soonest are, and that is counted. Control thread.
 */
#ifndef DATAPLANE_QUARANTINE_H
#define DATAPLANE_QUARANTINE_H

#include <stdbool.h>
#include <stdint.h>

struct quarantine;

/* n_sas is a power of two, 4 at least. NULL when there is not so much memory. */
struct quarantine *quarantine_new(uint32_t n_sas, uint32_t time_s);
void quarantine_free(struct quarantine *q);

/* Of tuples that come from now on; 0 = none do. */
void quarantine_set_time(struct quarantine *q, uint32_t time_s);
/* The tuple of this hash served `whom` until now. */
void quarantine_enter(struct quarantine *q, uint64_t hash, uint64_t whom, uint32_t now_s);
/* Is it kept for another one than `whom`? */
bool quarantine_holds(const struct quarantine *q, uint64_t hash, uint64_t whom, uint32_t now_s);
/* Brings in what the others touch. */
void quarantine_prefetch(const struct quarantine *q, uint64_t hash);

/* Tuples that were let go before their time. */
uint64_t quarantine_n_forgotten(const struct quarantine *q);

#endif
