/*
 * Random numbers that nobody can guess: tags, branches, ids.
 *
 * OpenSSL's generator is asked for many at a time, since each time costs microseconds. A number is
 * wiped here when it is given. Without a generator the process ends: nothing of ours would be
 * unguessable. One thread: that of the loop.
 */
#ifndef CONTROLPLANE_RANDOM_H
#define CONTROLPLANE_RANDOM_H

#include <stdint.h>

uint64_t random_number(void);

#endif
