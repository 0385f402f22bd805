/*
 * The end of a worker: jobs to operations of DPDK, and back.
 */
#include <string.h>

#include <rte_mbuf.h>

#include "crypto/iv.h"
#include "crypto/lookaside_impl.h"

static struct lookaside_op *private_of(struct rte_crypto_op *op)
{
	return rte_crypto_op_ctod_offset(op, struct lookaside_op *, LOOKASIDE_OP_OFFSET);
}

static const struct lookaside_session *session_of(const struct crypto_job *job)
{
	return (const struct lookaside_session *)job->key->cipher.session;
}

/* ---- a job as an operation ---- */

/* Salt and the IV of the packet, which is its number when it is made here. */
static void put_aead_nonce(const struct crypto_job *job, const struct lookaside_session *session,
			   struct lookaside_op *private)
{
	uint8_t *iv = job->esp + LOOKASIDE_AAD_BYTES;
	if (job->direction == CRYPTO_SIGN) {
		uint64_t number_be = crypto_packet_number_be(job);
		memcpy(iv, &number_be, sizeof(number_be));
	}
	memcpy(private->iv, session->salt, sizeof(session->salt));
	memcpy(private->iv + sizeof(session->salt), iv,
	       LOOKASIDE_NONCE_BYTES - sizeof(session->salt));
}

static void fill_gcm(struct rte_crypto_op *op, struct lookaside_op *private, uint32_t esp,
		     rte_iova_t icv_iova)
{
	const struct crypto_job *job = private->job;
	struct rte_crypto_sym_op *sym = op->sym;
	put_aead_nonce(job, session_of(job), private);
	memcpy(private->aad, job->esp, LOOKASIDE_AAD_BYTES);
	sym->aead.data.offset = esp + job->cipher_start;
	sym->aead.data.length = job->cipher_bytes;
	sym->aead.aad.data = private->aad;
	sym->aead.aad.phys_addr = rte_crypto_op_ctophys_offset(
		op, LOOKASIDE_OP_OFFSET + offsetof(struct lookaside_op, aad));
	sym->aead.digest.data = job->esp + job->auth_bytes;
	sym->aead.digest.phys_addr = icv_iova;
}

/* The IV of a packet to be signed is its first ciphered block: see iv_put_nonce(). */
static void fill_cbc(struct rte_crypto_sym_op *sym, struct lookaside_op *private, uint32_t esp,
		     size_t iv_bytes)
{
	const struct crypto_job *job = private->job;
	uint8_t *iv = job->esp + job->cipher_start - iv_bytes;
	sym->cipher.data.offset = esp + job->cipher_start;
	sym->cipher.data.length = job->cipher_bytes;
	if (job->direction == CRYPTO_VERIFY) {
		memcpy(private->iv, iv, iv_bytes);
		return;
	}
	iv_put_nonce(job, iv, iv_bytes);
	memset(private->iv, 0, iv_bytes);
	sym->cipher.data.offset -= iv_bytes;
	sym->cipher.data.length += iv_bytes;
}

static void fill(struct rte_crypto_op *op, struct crypto_job *job)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[job->suite];
	struct rte_mbuf *m = (struct rte_mbuf *)(void *)job - 1;
	struct lookaside_op *private = private_of(op);
	struct rte_crypto_sym_op *sym = op->sym;
	uint32_t esp = (uint32_t)(job->esp - rte_pktmbuf_mtod(m, uint8_t *));
	rte_iova_t icv_iova = rte_pktmbuf_iova_offset(m, esp + job->auth_bytes);
	private->job = job;
	sym->m_src = m;
	rte_crypto_op_attach_sym_session(op, session_of(job)->handle);
	if (shape->cipher == CRYPTO_GCM) {
		fill_gcm(op, private, esp, icv_iova);
		return;
	}
	if (shape->integrity == CRYPTO_GMAC)
		put_aead_nonce(job, session_of(job), private);
	else if (crypto_suite_has_cbc(shape))
		fill_cbc(sym, private, esp, shape->iv_bytes);
	sym->auth.data.offset = esp;
	sym->auth.data.length = job->auth_bytes;
	sym->auth.digest.data = job->esp + job->auth_bytes;
	sym->auth.digest.phys_addr = icv_iova;
}

/* ---- submit ---- */

static void enqueue(struct lookaside_engine *e, uint32_t device)
{
	struct lookaside_queue *q = &e->queue[device];
	uint16_t n = rte_cryptodev_enqueue_burst(e->all->device[device].id, e->number, q->pending,
						 (uint16_t)q->n_pending);
	q->n_in_device += n;
	q->n_pending -= n;
	memmove(q->pending, q->pending + n, q->n_pending * sizeof(q->pending[0]));
}

/*
 * One less than the device has entries: a driver in software keeps what is done in a ring, which
 * holds one less, and crypto_openssl sees that it is full when it has already ciphered the packet,
 * in place. Offered again, it would be ciphered twice.
 */
static bool has_room(const struct lookaside_engine *e, const struct lookaside_queue *q)
{
	return q->n_pending < CRYPTO_BURST &&
	       q->n_in_device + q->n_pending < e->all->queue_entries - 1;
}

static unsigned submit(struct crypto_engine *engine, struct crypto_job *const jobs[], unsigned n)
{
	struct lookaside_engine *e = (struct lookaside_engine *)engine;
	unsigned taken = 0;
	for (; taken < n; taken++) {
		uint32_t device = session_of(jobs[taken])->device;
		struct lookaside_queue *q = &e->queue[device];
		if (q->n_pending == CRYPTO_BURST)
			enqueue(e, device);
		struct rte_crypto_op *op = NULL;
		if (has_room(e, q))
			op = rte_crypto_op_alloc(e->ops, RTE_CRYPTO_OP_TYPE_SYMMETRIC);
		if (!op)
			break;
		fill(op, jobs[taken]);
		q->pending[q->n_pending++] = op;
	}
	for (uint32_t device = 0; device < e->all->n_devices; device++) {
		if (e->queue[device].n_pending)
			enqueue(e, device);
	}
	return taken;
}

/* ---- collect ---- */

static enum crypto_status status_of(const struct rte_crypto_op *op)
{
	switch (op->status) {
	case RTE_CRYPTO_OP_STATUS_SUCCESS:
		return CRYPTO_DONE;
	case RTE_CRYPTO_OP_STATUS_AUTH_FAILED:
		return CRYPTO_BAD_ICV;
	default:
		return CRYPTO_FAILED;
	}
}

static struct crypto_job *finish(struct rte_crypto_op *op, enum crypto_status status)
{
	struct crypto_job *job = private_of(op)->job;
	job->status = (uint8_t)status;
	rte_crypto_op_free(op);
	return job;
}

static unsigned collect_device(struct lookaside_engine *e, uint32_t device,
			       struct crypto_job *out[], unsigned max)
{
	struct lookaside_queue *q = &e->queue[device];
	struct rte_crypto_op *op[CRYPTO_BURST];
	if (q->n_pending)
		enqueue(e, device);
	/* A driver that does not take what is wrong leaves it at the head of the line. */
	if (q->n_pending && q->n_in_device == 0) {
		out[0] = finish(q->pending[0], CRYPTO_FAILED);
		memmove(q->pending, q->pending + 1, --q->n_pending * sizeof(q->pending[0]));
		return 1;
	}
	if (q->n_in_device == 0)
		return 0;
	uint16_t n =
		rte_cryptodev_dequeue_burst(e->all->device[device].id, e->number, op,
					    (uint16_t)(max < CRYPTO_BURST ? max : CRYPTO_BURST));
	for (unsigned i = 0; i < n; i++)
		out[i] = finish(op[i], status_of(op[i]));
	q->n_in_device -= n;
	return n;
}

static unsigned collect(struct crypto_engine *engine, struct crypto_job *out[], unsigned max)
{
	struct lookaside_engine *e = (struct lookaside_engine *)engine;
	unsigned n = 0;
	for (uint32_t device = 0; device < e->all->n_devices && n < max; device++)
		n += collect_device(e, device, out + n, max - n);
	return n;
}

/* ---- life ---- */

void lookaside_engine_init(struct lookaside_engine *e, struct lookaside *l, uint16_t number,
			   struct rte_mempool *ops)
{
	*e = (struct lookaside_engine){
		.engine = { .submit = submit, .collect = collect },
		.all = l,
		.ops = ops,
		.number = number,
	};
}

void lookaside_engine_fini(struct lookaside_engine *e)
{
	struct crypto_job *job[CRYPTO_BURST];
	for (unsigned n; (n = collect(&e->engine, job, CRYPTO_BURST));) {
		for (unsigned i = 0; i < n; i++)
			rte_pktmbuf_free((struct rte_mbuf *)(void *)job[i] - 1);
	}
	rte_mempool_free(e->ops);
	e->ops = NULL;
}
