/*
 * Memory of SIP messages and transactions: small pieces in great number, that come and go together.
 *
 * Pieces of one size lie in slabs of their own. Taking one is a few instructions where malloc()
 * searches and merges; what lives long (registrations) is not scattered among what does not; and a
 * slab whose pieces were all given back is the system's again, but for 2 MB of them that are kept
 * for what comes next. What is given back is wiped first (SM4 and SM5 carry keys).
 *
 * One thread: that of the loop.
 */
#ifndef CONTROLPLANE_SIP_MEMORY_H
#define CONTROLPLANE_SIP_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

/* Under AddressSanitizer each piece is malloc's, so that use after its end is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define SIP_HAS_SLABS false
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SIP_HAS_SLABS false
#endif
#endif
#ifndef SIP_HAS_SLABS
#define SIP_HAS_SLABS true
#endif

void *sip_take(size_t n_bytes); /* aligned for pointers and numbers; NULL: out of memory */
void sip_give(void *p);         /* NULL: nothing */
/* The same of a piece of which only the first n bytes were written. */
void sip_give_used(void *p, size_t n_bytes);
size_t sip_room(const void *p); /* how many bytes it has; not fewer than were asked for */
/* As realloc(), which would leave the old bytes behind. NULL: out of memory, and `p` stays. */
void *sip_take_more(void *p, size_t n_bytes);

#endif
