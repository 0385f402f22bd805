/*
 * Included before all else in a second build of a few sources, under ThreadSanitizer alone: an
 * order that the code asks for is taken away, and the test beside it has to be reported. So it is
 * shown that a report would come if the order were missing, and none does with it.
 */
#ifndef TEST_UNIT_RELAXED_ORDER_H
#define TEST_UNIT_RELAXED_ORDER_H

#include <stdatomic.h>

#if defined(RELAX_RELEASE)
#define memory_order_release memory_order_relaxed
#elif defined(RELAX_ACQUIRE)
#define memory_order_acquire memory_order_relaxed
#elif defined(RELAX_QUIESCENT)
/* The one of DPDK's inline functions: rte_rcu_qsbr_quiescent(). */
#undef __ATOMIC_RELEASE
#define __ATOMIC_RELEASE __ATOMIC_RELAXED
#endif

#endif
