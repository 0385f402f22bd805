/*
 * Inside of the lookaside backend: lookaside.c has devices and sessions (control),
 * lookaside_queue.c the engines (workers). Nobody else includes this.
 */
#ifndef CRYPTO_LOOKASIDE_IMPL_H
#define CRYPTO_LOOKASIDE_IMPL_H

#include "crypto/lookaside.h"

#include <rte_crypto.h>
#include <rte_cryptodev.h>
#include <rte_mempool.h>

enum {
	LOOKASIDE_NONCE_BYTES = 12, /* salt and IV: RFC 4106 4 */
	LOOKASIDE_AAD_BYTES = 8,    /* SPI and sequence number: RFC 4106 5 */
	LOOKASIDE_IV_BYTES = 16,    /* the longest of a cipher */
};

/* written by: control, before the SA is published; read by: workers */
struct lookaside_session {
	struct crypto_session session; /* first */
	void *handle;                  /* DPDK's; NULL: free */
	uint8_t device;                /* index */
	uint8_t salt[4];
} __attribute__((aligned(64)));

/* Behind each operation of DPDK. */
struct lookaside_op {
	struct crypto_job *job;
	uint8_t iv[LOOKASIDE_IV_BYTES];
	uint8_t aad[16]; /* a driver may pad it */
};
#define LOOKASIDE_OP_OFFSET (sizeof(struct rte_crypto_op) + sizeof(struct rte_crypto_sym_op))
#define LOOKASIDE_IV_OFFSET (LOOKASIDE_OP_OFFSET + offsetof(struct lookaside_op, iv))

/* Between one worker and one device. */
struct lookaside_queue {
	uint32_t n_in_device; /* enqueued */
	uint32_t n_pending;   /* taken and not enqueued yet: the device was full */
	struct rte_crypto_op *pending[CRYPTO_BURST];
};

/* One worker's. Written by that worker alone once it runs. */
struct lookaside_engine {
	struct crypto_engine engine; /* first */
	struct lookaside *all;
	struct rte_mempool *ops;
	uint16_t number; /* of its queue pair on every device */
	struct lookaside_queue queue[LOOKASIDE_DEVICES];
} __attribute__((aligned(64)));

struct lookaside {
	struct lookaside_device device[LOOKASIDE_DEVICES];
	uint32_t n_devices;
	uint32_t queue_entries;
	uint32_t n_workers;
	struct lookaside_engine *engine; /* n_workers */

	/* control only */
	struct rte_mempool *handles; /* DPDK's sessions */
	struct lookaside_session *session;
	uint32_t n_sessions;
	uint32_t *free_session; /* indices */
	uint32_t n_free;
};

/* The functions of a worker's end. */
void lookaside_engine_init(struct lookaside_engine *e, struct lookaside *l, uint16_t number,
			   struct rte_mempool *ops);
/* Control, after the worker has ended: takes back what can be had, and forgets the rest. */
void lookaside_engine_fini(struct lookaside_engine *e);

#endif
