/*
 * Memory that runs out: in an armed stretch of a test the n-th allocation fails, and no other. A
 * program that wants it links scarce_dep, which wraps malloc, calloc, realloc, strdup, strndup,
 * sip_take and sip_take_more of our own code (the linker's --wrap); scarce_libraries() adds
 * libevent, libxml2 and OpenSSL, which have hooks for it. libosip2 is left out: sip.c says what
 * happens when it gets no memory. Where sip_take() has no slab, the malloc() beneath it fails in a
 * round of its own. One thread only.
 *
 *	for (unsigned n = 1; scarce_sweep(n); n++) {
 *		scarce_begin();
 *		scarce_on();
 *		work();
 *		scarce_rest();
 *		check();
 *	}
 */
#ifndef TEST_SHIM_SCARCE_H
#define TEST_SHIM_SCARCE_H

#include <stdbool.h>
#include <stddef.h>

/* Gives those libraries the allocations that can fail. Before the first use of any of them. */
void scarce_libraries(void);

/*
 * Whether there is a round n: there is until one in which all allocations went well. Every claim
 * that fails in it names n.
 */
bool scarce_sweep(unsigned n);

/* From here on the round's allocation fails, if it is made between scarce_on() and scarce_off(). */
void scarce_begin(void);
void scarce_on(void);
void scarce_off(void);

/* Nothing fails any more: what follows has to go well. */
void scarce_rest(void);

/* Whether the allocation of this round has failed already. */
bool scarce_has_failed(void);

/* For the wrapped functions: whether this allocation fails. */
bool scarce_refuses(void);

/* What libosip2 is to allocate with, called after sip_init(): it gets what it asks for. */
void scarce_spare_osip(void);

#endif
