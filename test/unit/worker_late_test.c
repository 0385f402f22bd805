/*
 * The worker with a crypto device whose results come turns later: what becomes of packets, of the
 * replay window, and of SAs that are deleted meanwhile.
 */
#include <netinet/in.h>
#include <string.h>

#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/late_backend.h"
#include "test/unit/scene.h"

static struct late_backend late;

static void open_late(struct scene *s, enum crypto_suite suite)
{
	s->f = fixture_open(&fixture_table);
	late_open(&late, &s->f->sas, s->f->worker.crypto);
	fixture_ue_install(s->f, &s->ue, 0, 1, suite, API_IPV4, NULL);
	fixture_mark(s->f);
}

static void reclaim(struct scene *s, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		fixture_quiesce(&s->f->sas);
		sa_reclaim(&s->f->sas);
	}
}

static void delete_set(struct scene *s)
{
	EXPECT_EQ(set_delete(&s->f->sets, s->ue.set.registration, FIXTURE_OWNER, 0, 1), 0);
}

static void close_late(struct scene *s)
{
	set_delete_all(&s->f->sets, FIXTURE_OWNER);
	reclaim(s, 3);
	EXPECT_EQ(s->f->sas.n_free, fixture_table.capacity);
	EXPECT_EQ(atomic_load(&late.backend.n_sas), 0);
	for (unsigned i = 0; i < LATE_SESSIONS; i++)
		EXPECT_FALSE(late.is_used[i]);
	late_close(&late, &s->f->sas);
	scene_close(s);
}

static void send_number(struct scene *s, uint32_t sequence)
{
	struct packet p;
	scene_esp(s, &p, sequence);
	scene_send(s, &p);
}

/* So many results since the mark; not to be counted again. */
static void expect_results(struct scene *s, uint64_t n)
{
	EXPECT_EQ(fixture_counted(s->f, COUNT_crypto_device), n);
	s->f->marked.n[COUNT_crypto_device] += n;
}

static void send_out(struct scene *s)
{
	struct packet p;
	fixture_ue_clear(&p, &s->ue, SET_PC_TO_US, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES);
	EXPECT_TRUE(fixture_send(s->f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes));
	fixture_turn(s->f);
}

static uint64_t by_cpu(const struct scene *s)
{
	return atomic_load(&crypto_engine_count(s->f->worker.crypto, CRYPTO_LOOKASIDE)->n_by_cpu);
}

TEST(worker_late, inbound_packet_is_delivered_when_its_result_is_there)
{
	for (enum crypto_suite suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		struct scene s;
		test_context("suite %d", suite);
		open_late(&s, suite);
		send_number(&s, 1);
		fixture_turn(s.f);
		EXPECT_EQ(fixture_discard(s.f), 0);
		late.n_ready = 1;
		fixture_turn(s.f);
		expect_results(&s, 1);
		scene_expect_delivered(&s);
		close_late(&s);
	}
}

TEST(worker_late, outbound_packet_leaves_when_its_result_is_there)
{
	struct scene s;
	open_late(&s, CRYPTO_HMAC_SHA1_AES_CBC);
	send_out(&s);
	EXPECT_EQ(fixture_discard(s.f), 0);
	late.n_ready = 1;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_tx), 1);
	EXPECT_EQ(fixture_discard(s.f), 1);
	close_late(&s);
}

TEST(worker_late, forged_packet_is_dropped_and_does_not_move_the_window)
{
	struct scene s;
	struct packet p;
	open_late(&s, CRYPTO_HMAC_SHA1_NULL);
	scene_esp(&s, &p, 1000);
	p.bytes[p.n_bytes - 1] ^= 1;
	scene_send(&s, &p);
	late.n_ready = 1;
	fixture_turn(s.f);
	expect_results(&s, 1);
	scene_expect_dropped(&s, COUNT_esp_bad_icv);
	send_number(&s, 1);
	late.n_ready = 1;
	fixture_turn(s.f);
	expect_results(&s, 1);
	scene_expect_delivered(&s);
	close_late(&s);
}

/* Both pass the check before the crypto: neither has moved the window yet. */
TEST(worker_late, of_two_equal_numbers_in_flight_one_is_delivered)
{
	struct scene s;
	open_late(&s, CRYPTO_HMAC_MD5_NULL);
	send_number(&s, 7);
	send_number(&s, 7);
	EXPECT_EQ(late.n_jobs, 2);
	late.n_ready = 2;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), 1);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_replayed), 1);
	EXPECT_EQ(fixture_discard(s.f), 1);
	close_late(&s);
}

TEST(worker_late, sa_deleted_with_jobs_in_flight_delivers_none_of_them)
{
	struct scene s;
	open_late(&s, CRYPTO_HMAC_SHA1_AES_CBC);
	send_number(&s, 1);
	send_number(&s, 2);
	send_out(&s);
	EXPECT_EQ(late.n_jobs, 3);
	delete_set(&s);
	late.n_ready = 3;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_discard(s.f), 0);
	EXPECT_EQ(fixture_counted(s.f, COUNT_crypto_sa_gone), 3);
	close_late(&s);
}

TEST(worker_late, slot_is_not_freed_while_a_job_is_in_flight)
{
	struct scene s;
	open_late(&s, CRYPTO_HMAC_SHA1_NULL);
	send_number(&s, 1);
	delete_set(&s);
	reclaim(&s, 10);
	/* The other three SAs are gone; the one with the job keeps its slot, keys and session. */
	EXPECT_EQ(s.f->sas.n_free, fixture_table.capacity - 1);
	EXPECT_EQ(s.f->sas.n_retired, 1);
	EXPECT_EQ(atomic_load(&late.backend.n_sas), 1);
	late.n_ready = 1;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_counted(s.f, COUNT_crypto_sa_gone), 1);
	reclaim(&s, 1);
	EXPECT_EQ(s.f->sas.n_retired, 1); /* a worker might hold it until its turn ends */
	reclaim(&s, 1);
	EXPECT_EQ(s.f->sas.n_retired, 0);
	close_late(&s);
}

TEST(worker_late, late_result_does_not_touch_the_next_sas)
{
	struct scene s;
	struct fixture_ue other;
	open_late(&s, CRYPTO_HMAC_SHA1_NULL);
	send_number(&s, 1);
	delete_set(&s);
	reclaim(&s, 3);
	/* As many new SAs as there are slots: none of them is the old one's. */
	unsigned n = 0;
	uint32_t old_slot = s.ue.result.spi[SET_UC_TO_PS] & s.f->sas.index_mask;
	while (s.f->sas.n_free >= API_SET_SAS) {
		fixture_ue_install(s.f, &other, 0, 2 + n++, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
		for (unsigned i = 0; i < API_SET_SAS; i++)
			EXPECT_TRUE((other.result.spi[i] & s.f->sas.index_mask) != old_slot ||
				    other.set.sa[i].direction == API_OUT);
	}
	late.n_ready = 1;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_counted(s.f, COUNT_crypto_sa_gone), 1);
	for (uint32_t slot = 0; slot < fixture_table.capacity; slot++) {
		EXPECT_EQ(s.f->sas.sa[slot].run.n_pkts, 0);
		EXPECT_EQ(s.f->sas.sa[slot].run.replay.top, 0);
	}
	close_late(&s);
}

TEST(worker_late, full_device_leaves_packets_to_the_cpu)
{
	struct scene s;
	open_late(&s, CRYPTO_HMAC_SHA1_AES_CBC);
	late.n_room = 2;
	for (uint32_t i = 1; i <= 5; i++)
		send_number(&s, i);
	fixture_turn(s.f);
	EXPECT_EQ(fixture_discard(s.f), 3);
	EXPECT_EQ(by_cpu(&s), 3);
	late.n_ready = 2;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_discard(s.f), 2);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), 5);
	close_late(&s);
}

TEST(worker_late, sa_without_a_session_is_the_cpus_and_counted)
{
	struct scene s;
	struct packet p;
	s.f = fixture_open(&fixture_table);
	late_open(&late, &s.f->sas, s.f->worker.crypto);
	late.n_sessions = 1;
	fixture_ue_install(s.f, &s.ue, 0, 1, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	fixture_mark(s.f);
	EXPECT_EQ(atomic_load(&late.backend.n_sas), 1);
	EXPECT_EQ(atomic_load(&late.backend.n_refused[BACKEND_FULL]), 3);
	fixture_ue_esp(&p, &s.ue, SET_US_TO_PC, 1, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES, NULL);
	scene_send(&s, &p);
	fixture_turn(s.f);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), 1);
	EXPECT_EQ(late.n_jobs, 0);
	EXPECT_EQ(fixture_discard(s.f), 1);
	/* Its session serves the next set. */
	delete_set(&s);
	reclaim(&s, 3);
	fixture_ue_install(s.f, &s.ue, 0, 2, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	EXPECT_EQ(atomic_load(&late.backend.n_sas), 1);
	close_late(&s);
}

TEST(worker_late, held_crypto_empties_while_packets_still_come)
{
	struct scene s;
	open_late(&s, CRYPTO_HMAC_SHA1_NULL);
	send_number(&s, 1);
	EXPECT_EQ(crypto_in_flight(s.f->worker.crypto), 1);
	crypto_hold(s.f->worker.crypto, true);
	late.n_ready = LATE_JOBS;
	send_number(&s, 2);
	fixture_turn(s.f);
	EXPECT_EQ(crypto_in_flight(s.f->worker.crypto), 0);
	EXPECT_EQ(fixture_discard(s.f), 2);
	close_late(&s);
}
