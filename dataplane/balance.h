/*
 * Moves buckets of UEs between workers while packets flow, by the protocol at the head of steer.h:
 * how the number of workers that own UEs changes. A few buckets at a time, so that what is parked
 * meanwhile stays small. Workers without buckets go on to poll their queues, and hand over.
 *
 * Control thread. The workers run, or their turns are called between the steps.
 */
#ifndef DATAPLANE_BALANCE_H
#define DATAPLANE_BALANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/steer.h"

/* From now on the workers 0 … n − 1 shall own all UEs. 0 or -EINVAL. balance_advance() does it. */
int balance_start(struct steer *steer, uint32_t n);
/* One step, if the workers have done theirs. True when nothing is left to do. Never waits. */
bool balance_advance(struct steer *steer);
/* The same, and when nothing is left to do, the ports' RSS follows. */
bool balance_turn(struct steer *steer, struct zones *zones);

/* The same from the first packet on: before the workers run. */
int balance_begin(struct steer *steer, uint32_t n);

#endif
