/*
 * Memory of SIP messages: small pieces in great number, taken and given back with each message.
 *
 * Pieces of one size are kept in a list and used again, so taking one is a few instructions where
 * malloc() searches and merges. What is given back is wiped first (SM4 and SM5 carry keys). What
 * was taken from the system stays ours: as much as the messages that were held at the same time.
 * There is no failure: without memory the process ends (sip.h).
 *
 * One thread: that of the loop.
 */
#ifndef CONTROLPLANE_SIP_MEMORY_H
#define CONTROLPLANE_SIP_MEMORY_H

#include <stddef.h>

void *sip_take(size_t n_bytes); /* aligned for pointers and numbers */
void sip_give(void *p);         /* NULL: nothing */
/* As realloc(), which would leave the old bytes behind. */
void *sip_take_more(void *p, size_t n_bytes);

#endif
