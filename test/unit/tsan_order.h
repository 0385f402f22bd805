/*
 * What DPDK's libraries order, and ThreadSanitizer does not see because they are not compiled with
 * it: a packet buffer goes from thread to thread through a pool, and through the rings behind a
 * port. Told here, so that a race on a packet that nothing orders is reported like any other.
 * Without ThreadSanitizer all of it is nothing.
 */
#ifndef TEST_UNIT_TSAN_ORDER_H
#define TEST_UNIT_TSAN_ORDER_H

#include <stdint.h>

#include <rte_mbuf.h>

/* The pool operations `name`, or those that do the same and tell. Before any thread. */
const char *tsan_order_pool_ops(const char *name);
/* A port of so many queues, configured; what workers receive and send is ordered by it. */
void tsan_order_port(uint16_t port, uint16_t n_queues);

/* The test gives packets to a port's ring, and takes them from one. */
void tsan_order_give(struct rte_mbuf *const m[], uint32_t n);
void tsan_order_take(struct rte_mbuf *m);

#endif
