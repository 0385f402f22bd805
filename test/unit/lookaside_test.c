/*
 * Crypto devices of DPDK, real ones in software, against the cpu backend: the same bytes, the same
 * verdicts.
 */
#include "crypto/lookaside.h"

#include <errno.h>
#include <string.h>

#include <rte_mbuf.h>

#include "dataplane/pkt.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"

enum {
	N_SESSIONS = 8,
	QUEUE_ENTRIES = 128,
	MAX_PAYLOAD = 1400,
	HEADROOM_BYTES = 34, /* Ethernet and IPv4 in front of ESP */
};

/* Both SAs under one key, and the room for a packet. */
struct pair {
	enum crypto_suite suite;
	struct crypto_key by_cpu, sign, verify;
};

static const char *const device_names[] = { "crypto_aesni_mb0", "crypto_openssl0" };
#define N_DEVICES (sizeof(device_names) / sizeof(device_names[0]))

static struct rte_mempool *pool;
static struct lookaside *devices;
static struct crypto *crypto;
static struct test_rng rng;

static void open_devices(const char *const *names, uint32_t n, uint32_t n_sessions)
{
	const struct lookaside_config config = {
		.devices = names,
		.n_devices = n,
		.n_workers = 1,
		.n_sessions = n_sessions,
		.queue_entries = QUEUE_ENTRIES,
	};
	fixture_eal();
	rng = (struct test_rng){ test_seed() };
	if (!pool)
		pool = rte_pktmbuf_pool_create("lookaside_test", 511, 0, PKT_BYTES,
					       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	ASSERT_TRUE(pool);
	devices = lookaside_open(&config);
	crypto = crypto_new(-1);
	ASSERT_TRUE(devices && crypto);
	crypto_attach(crypto, CRYPTO_LOOKASIDE, lookaside_engine(devices, 0));
}

static void close_devices(void)
{
	crypto_free(crypto);
	lookaside_close(devices);
	EXPECT_EQ(rte_mempool_avail_count(pool), 511);
}

static void random_bytes(uint8_t *out, size_t n)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)test_rng_below(&rng, 256);
}

/* False: no device can do the suite. */
static bool pair_open(struct pair *p, enum crypto_suite suite)
{
	uint8_t auth[32], cipher[32], salt[4];
	int error;
	random_bytes(auth, sizeof(auth));
	random_bytes(cipher, sizeof(cipher));
	random_bytes(salt, sizeof(salt));
	p->suite = suite;
	EXPECT_EQ(crypto_prepare(crypto, suite, auth, cipher, salt, &p->by_cpu), 0);
	p->sign = p->verify = p->by_cpu;
	p->sign.cipher.session =
		lookaside_session(devices, suite, CRYPTO_SIGN, auth, cipher, salt, &error);
	if (!p->sign.cipher.session) {
		EXPECT_EQ(error, -ENOTSUP);
		return false;
	}
	p->verify.cipher.session =
		lookaside_session(devices, suite, CRYPTO_VERIFY, auth, cipher, salt, &error);
	EXPECT_TRUE(p->verify.cipher.session);
	return true;
}

static void pair_close(struct pair *p)
{
	EXPECT_TRUE(crypto_session_is_idle(p->sign.cipher.session));
	EXPECT_TRUE(crypto_session_is_idle(p->verify.cipher.session));
	lookaside_session_free(devices, p->sign.cipher.session);
	lookaside_session_free(devices, p->verify.cipher.session);
}

/* A packet with a payload of random bytes, padded as the suite wants. */
static struct crypto_job *packet_new(const struct pair *p, size_t payload_bytes)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->suite];
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	size_t text = (payload_bytes + 2 + shape->block_bytes - 1) & ~(shape->block_bytes - 1u);
	size_t n = HEADROOM_BYTES + 8 + shape->iv_bytes + text + shape->icv_bytes;
	uint8_t *frame = (void *)rte_pktmbuf_append(m, (uint16_t)n);
	random_bytes(frame, n);
	struct crypto_job *job = rte_mbuf_to_priv(m);
	*job = (struct crypto_job){
		.key = &p->by_cpu,
		.esp = frame + HEADROOM_BYTES,
		.auth_bytes = (uint16_t)(8 + shape->iv_bytes + text),
		.cipher_start = 8 + shape->iv_bytes,
		.cipher_bytes = (uint16_t)text,
		.suite = (uint8_t)p->suite,
	};
	return job;
}

static struct rte_mbuf *mbuf(struct crypto_job *job)
{
	return (struct rte_mbuf *)(void *)job - 1;
}

static void packet_free(struct crypto_job *job)
{
	rte_pktmbuf_free(mbuf(job));
}

static struct crypto_job *packet_copy(const struct crypto_job *from)
{
	struct rte_mbuf *old = mbuf((struct crypto_job *)from), *m = rte_pktmbuf_alloc(pool);
	memcpy(rte_pktmbuf_append(m, old->data_len), rte_pktmbuf_mtod(old, void *), old->data_len);
	struct crypto_job *job = rte_mbuf_to_priv(m);
	*job = *from;
	job->esp = rte_pktmbuf_mtod_offset(m, uint8_t *, HEADROOM_BYTES);
	return job;
}

static void run_by_cpu(const struct pair *p, struct crypto_job *job,
		       enum crypto_direction direction)
{
	job->key = &p->by_cpu;
	job->backend = CRYPTO_CPU;
	job->direction = (uint8_t)direction;
	crypto_run(crypto, &job, 1);
}

static void run_by_device(const struct pair *p, struct crypto_job *jobs[], unsigned n,
			  enum crypto_direction direction)
{
	struct crypto_job *out[CRYPTO_BURST];
	for (unsigned i = 0; i < n; i++) {
		jobs[i]->key = direction == CRYPTO_SIGN ? &p->sign : &p->verify;
		jobs[i]->backend = CRYPTO_LOOKASIDE;
		jobs[i]->direction = (uint8_t)direction;
	}
	EXPECT_EQ(crypto_submit(crypto, jobs, n), n);
	EXPECT_EQ(crypto_in_flight(crypto), n);
	unsigned n_out = 0;
	for (unsigned try = 0; n_out < n && try < 1000; try++)
		n_out += crypto_collect(crypto, out, CRYPTO_BURST);
	EXPECT_EQ(n_out, n);
	EXPECT_EQ(crypto_in_flight(crypto), 0);
}

static void expect_equal_packets(struct crypto_job *a, struct crypto_job *b)
{
	ASSERT_EQ(mbuf(a)->data_len, mbuf(b)->data_len);
	EXPECT_MEM(rte_pktmbuf_mtod(mbuf(a), uint8_t *), rte_pktmbuf_mtod(mbuf(b), uint8_t *),
		   mbuf(a)->data_len);
}

static void signs_and_verifies_as_the_cpu_does(struct pair *p, size_t payload_bytes)
{
	struct crypto_job *clear = packet_new(p, payload_bytes);
	struct crypto_job *signed_by_cpu = packet_copy(clear), *job = packet_copy(clear);
	run_by_cpu(p, signed_by_cpu, CRYPTO_SIGN);
	run_by_device(p, &job, 1, CRYPTO_SIGN);
	EXPECT_EQ(job->status, CRYPTO_DONE);
	expect_equal_packets(job, signed_by_cpu);

	run_by_device(p, &job, 1, CRYPTO_VERIFY);
	EXPECT_EQ(job->status, CRYPTO_DONE);
	EXPECT_MEM(job->esp + job->cipher_start, clear->esp + job->cipher_start, job->cipher_bytes);

	/* One wrong bit anywhere behind the SPI. */
	struct crypto_job *forged = packet_copy(signed_by_cpu);
	size_t covered = job->auth_bytes + crypto_suite_shape[p->suite].icv_bytes - 4u;
	size_t bit = 32 + test_rng_below(&rng, 8 * covered);
	forged->esp[bit / 8] ^= (uint8_t)(1 << bit % 8);
	run_by_device(p, &forged, 1, CRYPTO_VERIFY);
	test_context("suite %d, %zu bytes, bit %zu", p->suite, payload_bytes, bit);
	EXPECT_EQ(forged->status, CRYPTO_BAD_ICV);
	packet_free(clear);
	packet_free(signed_by_cpu);
	packet_free(job);
	packet_free(forged);
}

TEST(lookaside, devices_make_the_packets_that_the_cpu_makes)
{
	for (unsigned d = 0; d < N_DEVICES; d++) {
		unsigned n_suites = 0;
		open_devices(&device_names[d], 1, N_SESSIONS);
		EXPECT_TRUE(lookaside_device(devices, 0)->is_ready);
		for (enum crypto_suite suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct pair p;
			test_context("%s, suite %d", device_names[d], suite);
			if (!pair_open(&p, suite))
				continue;
			n_suites++;
			signs_and_verifies_as_the_cpu_does(&p, 0);
			for (unsigned i = 0; i < 40; i++)
				signs_and_verifies_as_the_cpu_does(
					&p, test_rng_below(&rng, MAX_PAYLOAD));
			pair_close(&p);
		}
		EXPECT_EQ(n_suites, CRYPTO_N_SUITES); /* these two can do them all */
		close_devices();
	}
}

TEST(lookaside, burst_of_good_and_forged_packets_is_told_apart)
{
	struct pair p;
	struct crypto_job *jobs[CRYPTO_BURST];
	open_devices(device_names, 1, N_SESSIONS);
	ASSERT_TRUE(pair_open(&p, CRYPTO_HMAC_SHA1_AES_CBC));
	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		jobs[i] = packet_new(&p, 40 + i);
		run_by_cpu(&p, jobs[i], CRYPTO_SIGN);
		if (i % 3 == 0)
			jobs[i]->esp[jobs[i]->auth_bytes] ^= 1;
	}
	run_by_device(&p, jobs, CRYPTO_BURST, CRYPTO_VERIFY);
	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		EXPECT_EQ(jobs[i]->status, i % 3 ? CRYPTO_DONE : CRYPTO_BAD_ICV);
		packet_free(jobs[i]);
	}
	pair_close(&p);
	close_devices();
}

/* The device has more than it takes, and the cpu the rest: each packet is done once all the same.
 */
static void fills_the_queue(const struct pair *p)
{
	struct crypto_job *jobs[2 * QUEUE_ENTRIES], *out[CRYPTO_BURST];
	struct crypto_job *clear = packet_new(p, 40);
	unsigned n_out = 0;
	for (unsigned i = 0; i < 2 * QUEUE_ENTRIES; i++) {
		jobs[i] = packet_copy(clear);
		jobs[i]->key = &p->sign;
		jobs[i]->backend = CRYPTO_LOOKASIDE;
		jobs[i]->direction = CRYPTO_SIGN;
	}
	EXPECT_EQ(crypto_submit(crypto, jobs, 2 * QUEUE_ENTRIES), 2 * QUEUE_ENTRIES);
	EXPECT_LE(crypto_in_flight(crypto), QUEUE_ENTRIES);
	for (unsigned try = 0; try < 1000 && n_out < 2 * QUEUE_ENTRIES; try++)
		n_out += crypto_collect(crypto, out, CRYPTO_BURST);
	EXPECT_EQ(n_out, 2 * QUEUE_ENTRIES);
	const struct crypto_engine_count *count = crypto_engine_count(crypto, CRYPTO_LOOKASIDE);
	EXPECT_GT(atomic_load(&count->n_by_cpu), 0);
	EXPECT_EQ(atomic_load(&count->n_submitted) + atomic_load(&count->n_by_cpu),
		  2 * QUEUE_ENTRIES);
	for (unsigned i = 0; i < 2 * QUEUE_ENTRIES; i++) {
		EXPECT_EQ(jobs[i]->status, CRYPTO_DONE);
		run_by_cpu(p, jobs[i], CRYPTO_VERIFY);
		EXPECT_EQ(jobs[i]->status, CRYPTO_DONE);
		EXPECT_MEM(jobs[i]->esp + jobs[i]->cipher_start, clear->esp + clear->cipher_start,
			   clear->cipher_bytes);
		packet_free(jobs[i]);
	}
	packet_free(clear);
}

TEST(lookaside, what_a_full_queue_does_not_take_the_cpu_does)
{
	for (unsigned d = 0; d < N_DEVICES; d++) {
		struct pair p;
		open_devices(&device_names[d], 1, N_SESSIONS);
		ASSERT_TRUE(pair_open(&p, CRYPTO_HMAC_SHA1_AES_CBC));
		test_context("%s", device_names[d]);
		fills_the_queue(&p);
		pair_close(&p);
		close_devices();
	}
}

TEST(lookaside, sessions_are_as_many_as_configured_and_come_back)
{
	struct pair p;
	uint8_t key[32] = { 1 };
	int error;
	open_devices(device_names, 1, 2);
	ASSERT_TRUE(pair_open(&p, CRYPTO_AES_GCM));
	EXPECT_FALSE(
		lookaside_session(devices, CRYPTO_AES_GCM, CRYPTO_SIGN, key, key, key, &error));
	EXPECT_EQ(error, -ENOSPC);
	EXPECT_EQ(atomic_load(&lookaside_device(devices, 0)->n_sessions), 2);
	pair_close(&p);
	EXPECT_EQ(atomic_load(&lookaside_device(devices, 0)->n_sessions), 0);
	ASSERT_TRUE(pair_open(&p, CRYPTO_HMAC_MD5_AES_CBC));
	pair_close(&p);
	close_devices();
}

TEST(lookaside, sa_goes_to_the_first_device_that_can_do_its_suite)
{
	static const char *const names[] = { "crypto_null0", "crypto_aesni_mb0" };
	struct pair p;
	open_devices(names, 2, N_SESSIONS);
	EXPECT_TRUE(lookaside_device(devices, 0)->is_ready);
	ASSERT_TRUE(pair_open(&p, CRYPTO_HMAC_SHA256_AES_CBC));
	EXPECT_EQ(atomic_load(&lookaside_device(devices, 0)->n_sessions), 0);
	EXPECT_EQ(atomic_load(&lookaside_device(devices, 1)->n_sessions), 2);
	signs_and_verifies_as_the_cpu_does(&p, 100);
	pair_close(&p);
	close_devices();
}

/* ESP without integrity is none of ours: a device for that has nothing to do. */
TEST(lookaside, device_without_integrity_can_do_no_suite)
{
	static const char *const name = "crypto_null0";
	struct pair p;
	open_devices(&name, 1, N_SESSIONS);
	EXPECT_TRUE(lookaside_device(devices, 0)->is_ready);
	for (enum crypto_suite suite = 0; suite < CRYPTO_N_SUITES; suite++)
		EXPECT_FALSE(pair_open(&p, suite));
	close_devices();
}

TEST(lookaside, device_that_is_missing_is_there_with_the_reason)
{
	static const char *const names[] = { "crypto_nonsense0", "0000:00:1f.7",
					     "crypto_aesni_mb0,max_nb_queue_pairs=1" };
	struct pair p;
	open_devices(names, 3, N_SESSIONS);
	for (unsigned i = 0; i < 2; i++) {
		EXPECT_FALSE(lookaside_device(devices, i)->is_ready);
		EXPECT_GT(strlen(lookaside_device(devices, i)->why), 0);
	}
	EXPECT_STREQ(lookaside_device(devices, 2)->name, "crypto_aesni_mb0");
	ASSERT_TRUE(pair_open(&p, CRYPTO_HMAC_SHA1_NULL));
	pair_close(&p);
	EXPECT_FALSE(lookaside_device(devices, 3));
	close_devices();
}

TEST(lookaside, result_for_a_closed_session_is_not_used)
{
	struct pair p;
	struct crypto_job *job, *out;
	open_devices(device_names, 1, N_SESSIONS);
	ASSERT_TRUE(pair_open(&p, CRYPTO_HMAC_SHA1_NULL));
	job = packet_new(&p, 10);
	job->key = &p.sign;
	job->backend = CRYPTO_LOOKASIDE;
	job->direction = CRYPTO_SIGN;
	EXPECT_EQ(crypto_submit(crypto, &job, 1), 1);
	EXPECT_FALSE(crypto_session_is_idle(p.sign.cipher.session));
	crypto_session_close(p.sign.cipher.session);
	EXPECT_EQ(crypto_collect(crypto, &out, 1), 1);
	EXPECT_EQ(out->status, CRYPTO_SA_GONE);
	packet_free(job);
	pair_close(&p);
	close_devices();
}
