#include "test/unit/tsan_order.h"

#if defined(__SANITIZE_THREAD__)

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mempool.h>
#include <sanitizer/tsan_interface.h>

/* ---- pools: who takes a buffer comes after who gave it back ---- */

static const struct rte_mempool_ops *real; /* set before any thread */

static int pool_alloc(struct rte_mempool *pool)
{
	return real->alloc(pool);
}

static void pool_free(struct rte_mempool *pool)
{
	real->free(pool);
}

static int pool_enqueue(struct rte_mempool *pool, void *const object[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		__tsan_release(object[i]);
	return real->enqueue(pool, object, n);
}

static int pool_dequeue(struct rte_mempool *pool, void **object, unsigned n)
{
	int rc = real->dequeue(pool, object, n);
	for (unsigned i = 0; i < n && rc == 0; i++)
		__tsan_acquire(object[i]);
	return rc;
}

static unsigned pool_count(const struct rte_mempool *pool)
{
	return real->get_count(pool);
}

static const struct rte_mempool_ops told = {
	.name = "told",
	.alloc = pool_alloc,
	.free = pool_free,
	.enqueue = pool_enqueue,
	.dequeue = pool_dequeue,
	.get_count = pool_count,
};

const char *tsan_order_pool_ops(const char *name)
{
	if (real)
		return told.name;
	for (unsigned i = 0; i < rte_mempool_ops_table.num_ops && !real; i++) {
		if (strcmp(rte_mempool_ops_table.ops[i].name, name) == 0)
			real = &rte_mempool_ops_table.ops[i];
	}
	if (!real || rte_mempool_register_ops(&told) < 0) {
		fprintf(stderr, "tsan_order: no pool operations %s\n", name);
		abort();
	}
	return told.name;
}

/* ---- ports ---- */

void tsan_order_give(struct rte_mbuf *const m[], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		__tsan_release(m[i]);
}

void tsan_order_take(struct rte_mbuf *m)
{
	__tsan_acquire(m);
}

static uint16_t received(uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n,
			 uint16_t max, void *arg)
{
	for (uint16_t i = 0; i < n; i++)
		tsan_order_take(m[i]);
	return n;
}

static uint16_t sent(uint16_t port, uint16_t queue, struct rte_mbuf *m[], uint16_t n, void *arg)
{
	tsan_order_give(m, n);
	return n;
}

void tsan_order_port(uint16_t port, uint16_t n_queues)
{
	for (uint16_t q = 0; q < n_queues; q++) {
		rte_eth_add_rx_callback(port, q, received, NULL);
		rte_eth_add_tx_callback(port, q, sent, NULL);
	}
}

#else

const char *tsan_order_pool_ops(const char *name)
{
	return name;
}

void tsan_order_port(uint16_t port, uint16_t n_queues)
{
}

void tsan_order_give(struct rte_mbuf *const m[], uint32_t n)
{
}

void tsan_order_take(struct rte_mbuf *m)
{
}

#endif
