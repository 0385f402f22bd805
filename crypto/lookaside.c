#include "crypto/lookaside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_lcore.h>
#include <rte_malloc.h>

#include "crypto/lookaside_impl.h"
#include "crypto/wipe.h"

enum { STACK_BYTES = 16384 };

/* ---- suites ---- */

/* What a suite is called in DPDK. */
struct algorithms {
	enum rte_crypto_auth_algorithm auth;
	enum rte_crypto_cipher_algorithm cipher;
};

static struct algorithms algorithms_of(const struct crypto_suite_shape *shape)
{
	static const enum rte_crypto_auth_algorithm auth[] = {
		[CRYPTO_HMAC_SHA1] = RTE_CRYPTO_AUTH_SHA1_HMAC,
		[CRYPTO_HMAC_MD5] = RTE_CRYPTO_AUTH_MD5_HMAC,
		[CRYPTO_HMAC_SHA256] = RTE_CRYPTO_AUTH_SHA256_HMAC,
		[CRYPTO_GMAC] = RTE_CRYPTO_AUTH_AES_GMAC,
	};
	static const enum rte_crypto_cipher_algorithm cipher[] = {
		[CRYPTO_AES_CBC] = RTE_CRYPTO_CIPHER_AES_CBC,
		[CRYPTO_3DES_CBC] = RTE_CRYPTO_CIPHER_3DES_CBC,
	};
	if (shape->cipher == CRYPTO_GCM)
		return (struct algorithms){ 0 };
	return (struct algorithms){ auth[shape->integrity],
				    crypto_suite_has_cbc(shape) ? cipher[shape->cipher] : 0 };
}

static uint16_t nonce_bytes(const struct crypto_suite_shape *shape)
{
	return shape->integrity == CRYPTO_GMAC ? LOOKASIDE_NONCE_BYTES : 0;
}

static bool has_aead(uint8_t id, const struct crypto_suite_shape *shape)
{
	const struct rte_cryptodev_sym_capability_idx idx = {
		.type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.algo.aead = RTE_CRYPTO_AEAD_AES_GCM,
	};
	const struct rte_cryptodev_symmetric_capability *capability =
		rte_cryptodev_sym_capability_get(id, &idx);
	return capability && rte_cryptodev_sym_capability_check_aead(
				     capability, shape->cipher_key_bytes, shape->icv_bytes,
				     LOOKASIDE_AAD_BYTES, LOOKASIDE_NONCE_BYTES) == 0;
}

static bool has_auth(uint8_t id, const struct crypto_suite_shape *shape)
{
	const struct rte_cryptodev_sym_capability_idx idx = {
		.type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.algo.auth = algorithms_of(shape).auth,
	};
	const struct rte_cryptodev_symmetric_capability *capability =
		rte_cryptodev_sym_capability_get(id, &idx);
	return capability &&
	       rte_cryptodev_sym_capability_check_auth(capability, shape->auth_key_bytes,
						       shape->icv_bytes, nonce_bytes(shape)) == 0;
}

static bool has_cipher(uint8_t id, const struct crypto_suite_shape *shape)
{
	const struct rte_cryptodev_sym_capability_idx idx = {
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.algo.cipher = algorithms_of(shape).cipher,
	};
	const struct rte_cryptodev_symmetric_capability *capability =
		rte_cryptodev_sym_capability_get(id, &idx);
	return capability && rte_cryptodev_sym_capability_check_cipher(
				     capability, shape->cipher_key_bytes, shape->iv_bytes) == 0;
}

static bool has_suite(uint8_t id, const struct rte_cryptodev_info *info, enum crypto_suite suite)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
	if (shape->cipher == CRYPTO_GCM)
		return has_aead(id, shape);
	if (!crypto_suite_has_cbc(shape))
		return has_auth(id, shape);
	return info->feature_flags & RTE_CRYPTODEV_FF_SYM_OPERATION_CHAINING &&
	       has_auth(id, shape) && has_cipher(id, shape);
}

/* ---- sessions ---- */

/* A chain of one or two transforms, in the order in which the direction does them. */
struct transforms {
	struct rte_crypto_sym_xform xform[2];
};

static void put_aead(struct transforms *t, const struct crypto_suite_shape *shape, bool sign,
		     const uint8_t *key)
{
	t->xform[0] = (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AEAD,
		.aead = { .op = sign ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT,
			  .algo = RTE_CRYPTO_AEAD_AES_GCM,
			  .key = { key, shape->cipher_key_bytes },
			  .iv = { LOOKASIDE_IV_OFFSET, LOOKASIDE_NONCE_BYTES },
			  .digest_length = shape->icv_bytes,
			  .aad_length = LOOKASIDE_AAD_BYTES },
	};
}

static void put_auth_and_cipher(struct transforms *t, const struct crypto_suite_shape *shape,
				bool sign, const uint8_t *auth_key, const uint8_t *cipher_key)
{
	bool has_cbc = crypto_suite_has_cbc(shape);
	struct rte_crypto_sym_xform *auth = &t->xform[has_cbc && sign ? 1 : 0];
	struct rte_crypto_sym_xform *cipher = &t->xform[sign ? 0 : 1];
	*auth = (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_AUTH,
		.auth = { .op = sign ? RTE_CRYPTO_AUTH_OP_GENERATE : RTE_CRYPTO_AUTH_OP_VERIFY,
			  .algo = algorithms_of(shape).auth,
			  .key = { auth_key, shape->auth_key_bytes },
			  .iv = { LOOKASIDE_IV_OFFSET, nonce_bytes(shape) },
			  .digest_length = shape->icv_bytes },
	};
	if (!has_cbc)
		return;
	*cipher = (struct rte_crypto_sym_xform){
		.type = RTE_CRYPTO_SYM_XFORM_CIPHER,
		.cipher = { .op = sign ? RTE_CRYPTO_CIPHER_OP_ENCRYPT
				       : RTE_CRYPTO_CIPHER_OP_DECRYPT,
			    .algo = algorithms_of(shape).cipher,
			    .key = { cipher_key, shape->cipher_key_bytes },
			    .iv = { LOOKASIDE_IV_OFFSET, shape->iv_bytes } },
	};
	t->xform[0].next = &t->xform[1];
}

/*
 * A driver computes halves of HMAC and key schedules in buffers on the stack and may leave them
 * there. For who has called one, at the same depth; the drivers' frames are some kilobytes.
 */
static __attribute__((noinline)) void forget(void)
{
	uint8_t stack[STACK_BYTES];
	wipe(stack, sizeof(stack));
}

static void *handle_new(struct lookaside *l, const struct lookaside_device *d,
			enum crypto_suite suite, enum crypto_direction direction,
			const uint8_t *auth_key, const uint8_t *cipher_key)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
	struct transforms t = { 0 };
	bool sign = direction == CRYPTO_SIGN;
	if (shape->cipher == CRYPTO_GCM)
		put_aead(&t, shape, sign, cipher_key);
	else
		put_auth_and_cipher(&t, shape, sign, auth_key, cipher_key);
	void *handle = rte_cryptodev_sym_session_create(d->id, t.xform, l->handles);
	forget();
	wipe(&t, sizeof(t));
	return handle;
}

/* A driver may leave its key schedules in what it gives back. The pool is the control thread's. */
static void handle_free(const struct lookaside_device *d, void *handle)
{
	size_t n_bytes = rte_mempool_from_obj(handle)->elt_size;
	rte_cryptodev_sym_session_free(d->id, handle);
	forget();
	wipe(handle, n_bytes);
}

static bool has_room(const struct lookaside_device *d)
{
	return !d->max_sessions ||
	       atomic_load_explicit(&d->n_sessions, memory_order_relaxed) < d->max_sessions;
}

struct crypto_session *lookaside_session(struct lookaside *l, enum crypto_suite suite,
					 enum crypto_direction direction, const uint8_t *auth_key,
					 const uint8_t *cipher_key, const uint8_t *salt, int *error)
{
	*error = -ENOTSUP;
	for (uint32_t i = 0; i < l->n_devices; i++) {
		struct lookaside_device *d = &l->device[i];
		if (!d->is_ready || !d->suite[suite])
			continue;
		if (!l->n_free || !has_room(d)) {
			*error = -ENOSPC;
			continue;
		}
		void *handle = handle_new(l, d, suite, direction, auth_key, cipher_key);
		if (!handle) {
			*error = -EIO;
			continue;
		}
		struct lookaside_session *s = &l->session[l->free_session[--l->n_free]];
		*s = (struct lookaside_session){ .handle = handle, .device = (uint8_t)i };
		if (crypto_suite_shape[suite].salt_bytes)
			memcpy(s->salt, salt, sizeof(s->salt));
		atomic_fetch_add_explicit(&d->n_sessions, 1, memory_order_relaxed);
		*error = 0;
		return &s->session;
	}
	return NULL;
}

void lookaside_session_free(struct lookaside *l, struct crypto_session *session)
{
	struct lookaside_session *s = (struct lookaside_session *)session;
	struct lookaside_device *d = &l->device[s->device];
	handle_free(d, s->handle);
	atomic_fetch_sub_explicit(&d->n_sessions, 1, memory_order_relaxed);
	wipe(s, sizeof(*s));
	l->free_session[l->n_free++] = (uint32_t)(s - l->session);
}

/* ---- devices ---- */

static int not_ready(struct lookaside_device *d, const char *why, int error)
{
	snprintf(d->why, sizeof(d->why), "%s%s%s", why, error ? ": " : "",
		 error ? strerror(error) : "");
	return -1;
}

/* A card's crypto device has a name of its driver's making: "0000:3d:01.0_qat_sym". */
static int id_of_pci(const char *address)
{
	for (unsigned id = 0; id < RTE_CRYPTO_MAX_DEVS; id++) {
		struct rte_cryptodev_info info;
		if (!rte_cryptodev_is_valid_dev((uint8_t)id))
			continue;
		rte_cryptodev_info_get((uint8_t)id, &info);
		const char *name = info.device ? rte_dev_name(info.device) : "";
		size_t n_bytes = strlen(name), n_given = strlen(address);
		/* The domain may be left out: "3d:01.0". */
		if (n_bytes >= n_given && strcmp(name + n_bytes - n_given, address) == 0 &&
		    info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO)
			return (int)id;
	}
	return -ENODEV;
}

/* The name, and for a vdev the device itself; a PCI device is there or it is not. */
static int device_find(struct lookaside_device *d, const char *text)
{
	const char *comma = strchr(text, ',');
	size_t n_bytes = comma ? (size_t)(comma - text) : strlen(text);
	if (n_bytes >= sizeof(d->name))
		return not_ready(d, "its name is too long", 0);
	memcpy(d->name, text, n_bytes);
	bool is_pci = strchr(d->name, ':') != NULL;
	int rc = is_pci ? 0 : rte_eal_hotplug_add("vdev", d->name, comma ? comma + 1 : "");
	if (rc < 0 && rc != -EEXIST)
		return not_ready(d, "DPDK does not make it", -rc);
	d->is_ours = !is_pci && rc == 0;
	int id = is_pci ? id_of_pci(d->name) : rte_cryptodev_get_dev_id(d->name);
	if (id < 0)
		return not_ready(d, "DPDK has no crypto device of this name", 0);
	d->id = (uint8_t)id;
	return 0;
}

static int device_ask(struct lookaside_device *d, uint32_t n_workers)
{
	struct rte_cryptodev_info info;
	rte_cryptodev_info_get(d->id, &info);
	snprintf(d->driver, sizeof(d->driver), "%s", info.driver_name);
	d->max_sessions = info.sym.max_nb_sessions;
	if (!(info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO))
		return not_ready(d, "it has no symmetric cryptography", 0);
	if (info.max_nb_queue_pairs < n_workers)
		return not_ready(d, "it has fewer queue pairs than there are workers", 0);
	for (unsigned suite = 0; suite < CRYPTO_N_SUITES; suite++)
		d->suite[suite] = has_suite(d->id, &info, (enum crypto_suite)suite);
	return 0;
}

static int device_start(struct lookaside *l, struct lookaside_device *d)
{
	int node = rte_cryptodev_socket_id(d->id);
	struct rte_cryptodev_config config = {
		.socket_id = node,
		.nb_queue_pairs = (uint16_t)l->n_workers,
		.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO | RTE_CRYPTODEV_FF_SECURITY,
	};
	const struct rte_cryptodev_qp_conf queue = { .nb_descriptors = l->queue_entries };
	int rc = rte_cryptodev_configure(d->id, &config);
	for (uint16_t i = 0; rc == 0 && i < l->n_workers; i++)
		rc = rte_cryptodev_queue_pair_setup(d->id, i, &queue, node);
	if (rc == 0)
		rc = rte_cryptodev_start(d->id);
	return rc < 0 ? not_ready(d, "it does not start", -rc) : 0;
}

/* ---- life ---- */

static int open_sessions(struct lookaside *l)
{
	unsigned size = 0;
	for (uint32_t i = 0; i < l->n_devices; i++) {
		unsigned one = rte_cryptodev_sym_get_private_session_size(l->device[i].id);
		if (l->device[i].is_ready && one > size)
			size = one;
	}
	if (!size)
		return 0; /* no device is ready: nobody asks */
	l->handles = rte_cryptodev_sym_session_pool_create("lookaside_sessions", l->n_sessions,
							   size, 0, 0, SOCKET_ID_ANY);
	l->session =
		rte_zmalloc("lookaside", l->n_sessions * sizeof(*l->session), RTE_CACHE_LINE_SIZE);
	l->free_session = calloc(l->n_sessions, sizeof(*l->free_session));
	if (!l->handles || !l->session || !l->free_session)
		return -ENOMEM;
	while (l->n_free < l->n_sessions) {
		l->free_session[l->n_free] = l->n_free;
		l->n_free++;
	}
	return 0;
}

static int open_engines(struct lookaside *l)
{
	l->engine = rte_zmalloc("lookaside_engines", l->n_workers * sizeof(*l->engine),
				RTE_CACHE_LINE_SIZE);
	if (!l->engine)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->n_workers; i++) {
		char name[RTE_MEMPOOL_NAMESIZE];
		snprintf(name, sizeof(name), "lookaside_ops%u", i);
		struct rte_mempool *ops = rte_crypto_op_pool_create(
			name, RTE_CRYPTO_OP_TYPE_SYMMETRIC, l->n_devices * l->queue_entries, 0,
			sizeof(struct lookaside_op), SOCKET_ID_ANY);
		if (!ops)
			return -ENOMEM;
		lookaside_engine_init(&l->engine[i], l, (uint16_t)i, ops);
	}
	return 0;
}

struct lookaside *lookaside_open(const struct lookaside_config *config)
{
	struct lookaside *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->n_devices =
		config->n_devices < LOOKASIDE_DEVICES ? config->n_devices : LOOKASIDE_DEVICES;
	l->n_workers = config->n_workers;
	l->n_sessions = config->n_sessions;
	l->queue_entries = config->queue_entries;
	for (uint32_t i = 0; i < l->n_devices; i++) {
		struct lookaside_device *d = &l->device[i];
		d->is_ready = device_find(d, config->devices[i]) == 0 &&
			      device_ask(d, l->n_workers) == 0 && device_start(l, d) == 0;
	}
	if (open_sessions(l) < 0 || open_engines(l) < 0) {
		lookaside_close(l);
		return NULL;
	}
	return l;
}

void lookaside_close(struct lookaside *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; l->engine && i < l->n_workers; i++) {
		if (l->engine[i].ops)
			lookaside_engine_fini(&l->engine[i]);
	}
	for (uint32_t i = 0; l->session && i < l->n_sessions; i++) {
		if (l->session[i].handle)
			lookaside_session_free(l, &l->session[i].session);
	}
	for (uint32_t i = 0; i < l->n_devices; i++) {
		if (!l->device[i].is_ready)
			continue;
		rte_cryptodev_stop(l->device[i].id);
		rte_cryptodev_close(l->device[i].id);
	}
	for (uint32_t i = 0; i < l->n_devices; i++) {
		if (l->device[i].is_ours)
			rte_eal_hotplug_remove("vdev", l->device[i].name);
	}
	rte_mempool_free(l->handles);
	rte_free(l->engine);
	rte_free(l->session);
	free(l->free_session);
	free(l);
}

const struct lookaside_device *lookaside_device(const struct lookaside *l, uint32_t i)
{
	return i < l->n_devices ? &l->device[i] : NULL;
}

struct crypto_engine *lookaside_engine(struct lookaside *l, uint32_t worker)
{
	return &l->engine[worker].engine;
}
