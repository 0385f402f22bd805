/* The HSS's vectors: sequence numbers, fresh RANDs, re-synchronisation, and the commit before all.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/hss.h"
#include "controlplane/loop.h"
#include "controlplane/store.h"
#include "controlplane/store_records.h"
#include "crypto/aka.h"
#include "test/shim/test.h"
#include "test/unit/subscribers.h"

#define S1 "sip:192.0.2.1:5090"

TEST(hss_vectors, c136_vectors_are_what_the_isim_of_the_subscriber_accepts)
{
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	struct cx_request mar = hss_lab_mar(1, 5, S1);
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	struct aka_answer res;
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	answer = hss_lab_ask(&lab, &mar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	ASSERT_EQ(answer.maa.n_items, 5);
	for (unsigned i = 0; i < 5; i++) {
		const struct cx_item *item = &answer.maa.items[i];

		EXPECT_EQ(item->number, i + 1);
		EXPECT_EQ(subscribers_sqn(item) >> AKA_IND_BITS, i + 1);
		ASSERT_EQ(aka_check_challenge(m, &key, &isim, item->rand, item->autn, &res), 0);
		ASSERT_EQ(res.res_bytes, item->res_bytes);
		EXPECT_MEM(res.res, item->xres, res.res_bytes);
		EXPECT_MEM(res.ck, item->ck, sizeof(item->ck));
		EXPECT_MEM(res.ik, item->ik, sizeof(item->ik));
	}
	milenage_free(m);
	hss_lab_close(&lab);
}

/* TS 33.102 6.3.2: AUTN = SQN xor AK ‖ AMF ‖ MAC, and MAC covers the AMF. */
TEST(hss_vectors, c006b_c136_autn_has_the_amf_of_the_subscriber)
{
	static const uint8_t amfs[][2] = { { 0x80, 0x00 }, { 0xb9, 0x27 }, { 0x00, 0x01 } };
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	struct aka_answer res;
	struct hss_lab lab;
	int taken;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	for (unsigned i = 0; i < sizeof(amfs) / sizeof(amfs[0]); i++) {
		struct cx_request mar = hss_lab_mar(2 + i, 2, S1);
		const char *impus[] = { mar.mar.impu };
		struct store_subscriber subscriber = { .amf = { amfs[i][0], amfs[i][1] } };
		struct cx_answer answer;

		strcpy(subscriber.impi, mar.mar.impi);
		memcpy(subscriber.k, subscribers_k, sizeof(subscriber.k));
		memcpy(subscriber.opc, subscribers_opc, sizeof(subscriber.opc));
		ASSERT_EQ(store_add(lab.base.store, &subscriber, impus, 1, &taken), 0);
		answer = hss_lab_ask(&lab, &mar);
		ASSERT_EQ(answer.maa.n_items, 2);
		isim = (struct aka_isim){ 0 };
		for (unsigned j = 0; j < 2; j++) {
			const struct cx_item *item = &answer.maa.items[j];

			EXPECT_MEM(item->autn + 6, amfs[i], 2);
			EXPECT_EQ(aka_check_challenge(m, &key, &isim, item->rand, item->autn, &res),
				  0);
		}
	}
	milenage_free(m);
	hss_lab_close(&lab);
}

TEST(hss_vectors, c136_other_scheme_is_5006)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	strcpy(mar.mar.scheme, "SIP Digest");
	EXPECT_EQ(hss_lab_ask(&lab, &mar).result, CX_AUTH_SCHEME_NOT_SUPPORTED);
	EXPECT_EQ(hss_lab_state(&lab, 1), STORE_UNREGISTERED);
	hss_lab_close(&lab);
}

TEST(hss_vectors, c007_number_of_vectors_is_bounded)
{
	struct cx_request none = hss_lab_mar(1, 0, S1);
	struct cx_request many = hss_lab_mar(1, UINT32_MAX, S1);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	EXPECT_EQ(hss_lab_ask(&lab, &none).maa.n_items, 1);
	EXPECT_EQ(hss_lab_ask(&lab, &many).maa.n_items, CX_MAX_ITEMS);
	hss_lab_close(&lab);
}

#define N_PARALLEL 64

static void keep(void *user, const struct cx_answer *answer)
{
	*(struct cx_answer *)user = *answer;
}

TEST(hss_vectors, c138_64_requests_at_once_get_distinct_rising_sqns_in_one_commit)
{
	struct cx_answer *answers = calloc(N_PARALLEL, sizeof(*answers));
	struct cx_request mar = hss_lab_mar(1, 2, S1);
	uint64_t last = 0;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	for (int i = 0; i < N_PARALLEL; i++)
		EXPECT_EQ(hss_request(lab.hss, &mar, keep, &answers[i]), 0);
	EXPECT_EQ(answers[0].command, 0);
	loop_fire(lab.loop);
	EXPECT_EQ(hss_stats(lab.hss)->commit, 1);
	for (int i = 0; i < N_PARALLEL; i++) {
		ASSERT_EQ(answers[i].maa.n_items, 2);
		for (int j = 0; j < 2; j++) {
			uint64_t sqn = subscribers_sqn(&answers[i].maa.items[j]);

			EXPECT_GT(sqn >> AKA_IND_BITS, last >> AKA_IND_BITS);
			EXPECT_EQ(sqn % AKA_N_INDS, (last + 1) % AKA_N_INDS);
			last = sqn;
		}
	}
	EXPECT_EQ(hss_lab_sqn(&lab, 1), last);
	free(answers);
	hss_lab_close(&lab);
}

/* --- C-138: an HSS is killed while it hands out vectors --- */

static void tell(void *user, const struct cx_answer *answer)
{
	uint64_t sqn = subscribers_sqn(&answer->maa.items[0]);

	if (write(*(int *)user, &sqn, sizeof(sqn)) != sizeof(sqn))
		_exit(1);
}

static void hand_out_for_ever(const char *path, int fd)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct loop *loop = loop_new(16, NULL);
	struct store *store;
	struct hss *hss;
	char error[256];

	if (loop == NULL || store_open(path, NULL, &store, error, sizeof(error)) < 0)
		_exit(1);
	hss = hss_new(loop, store);
	for (;;) {
		hss_request(hss, &mar, tell, &fd);
		hss_request(hss, &mar, tell, &fd);
		while (loop_fire(loop) == 0)
			usleep(100);
	}
}

/* Returns the child; what it lets out comes at *fd. */
static pid_t start_handing_out(const char *path, int *fd)
{
	int fds[2];
	pid_t child;

	EXPECT_EQ(pipe(fds), 0);
	child = fork();
	if (child == 0)
		hand_out_for_ever(path, fds[1]);
	close(fds[1]);
	*fd = fds[0];
	return child;
}

/* Returns the highest SQN that the child let out before it was killed after n_answers. */
static uint64_t run_and_kill(const char *path, unsigned n_answers, uint64_t last)
{
	uint64_t sqn;
	int fd;
	pid_t child = start_handing_out(path, &fd);

	for (unsigned n = 0; read(fd, &sqn, sizeof(sqn)) == sizeof(sqn); n++) {
		EXPECT_GT(sqn, last);
		last = sqn;
		if (n == n_answers)
			kill(child, SIGKILL);
	}
	close(fd);
	EXPECT_EQ(waitpid(child, NULL, 0), child);
	return last;
}

TEST(hss_vectors, c138_no_sqn_is_used_again_after_kill_9)
{
	struct test_rng rng = { test_seed() };
	struct subscribers lab;
	uint64_t last = 0;

	ASSERT_TRUE(subscribers_open(&lab, 1));
	store_close(lab.store);
	lab.store = NULL;
	for (int round = 0; round < 20; round++)
		last = run_and_kill(lab.path, 1 + (unsigned)test_rng_below(&rng, 20), last);
	subscribers_close(&lab);
}

static int compare_sqns(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

TEST(hss_vectors, c138_two_hss_on_one_database_give_no_sqn_twice)
{
	enum { N_EACH = 300 };
	static uint64_t sqns[2 * N_EACH];
	struct subscribers lab;
	pid_t child[2];
	int fd[2];

	ASSERT_TRUE(subscribers_open(&lab, 1));
	store_close(lab.store);
	lab.store = NULL;
	for (int i = 0; i < 2; i++)
		child[i] = start_handing_out(lab.path, &fd[i]);
	for (int n = 0; n < 2 * N_EACH; n++)
		ASSERT_EQ(read(fd[n % 2], &sqns[n], sizeof(sqns[n])), (ssize_t)sizeof(sqns[n]));
	for (int i = 0; i < 2; i++) {
		kill(child[i], SIGKILL);
		EXPECT_EQ(waitpid(child[i], NULL, 0), child[i]);
		close(fd[i]);
	}
	qsort(sqns, 2 * N_EACH, sizeof(sqns[0]), compare_sqns);
	for (int n = 1; n < 2 * N_EACH; n++)
		ASSERT_GT(sqns[n] >> AKA_IND_BITS, sqns[n - 1] >> AKA_IND_BITS);
	subscribers_close(&lab);
}

/* --- C-139 --- */

static int compare_rands(const void *a, const void *b)
{
	return memcmp(a, b, 16);
}

struct rands {
	uint8_t (*rand)[16];
	size_t n;
};

static void keep_rands(void *user, const struct cx_answer *answer)
{
	struct rands *r = user;

	for (unsigned i = 0; i < answer->maa.n_items; i++)
		memcpy(r->rand[r->n++], answer->maa.items[i].rand, 16);
}

/* A million, in turns of as many requests as come at once. */
TEST(hss_vectors, c139_no_rand_comes_twice)
{
	enum { N_TURNS = 100, N_EACH = 10000 / CX_MAX_ITEMS, N = N_TURNS * N_EACH };
	struct rands r = { .rand = malloc(N * CX_MAX_ITEMS * sizeof(r.rand[0])) };
	struct cx_request mar = hss_lab_mar(1, CX_MAX_ITEMS, S1);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	for (int turn = 0; turn < N_TURNS; turn++) {
		for (int i = 0; i < N_EACH; i++)
			ASSERT_EQ(hss_request(lab.hss, &mar, keep_rands, &r), 0);
		loop_fire(lab.loop);
	}
	EXPECT_EQ(r.n, (size_t)N * CX_MAX_ITEMS);
	EXPECT_GE(r.n, 1000000);
	qsort(r.rand, r.n, 16, compare_rands);
	for (size_t i = 1; i < r.n; i++)
		ASSERT_NE(memcmp(r.rand[i - 1], r.rand[i], 16), 0);
	free(r.rand);
	hss_lab_close(&lab);
}

/* --- C-032, C-033 --- */

/* Puts the AUTS of an ISIM whose highest SEQ is `seq_ms`, for the challenge `item`, into a MAR. */
static void add_auts(struct cx_request *mar, const struct cx_item *item, uint64_t seq_ms)
{
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	struct aka_answer res;

	for (unsigned i = 0; i < AKA_N_INDS; i++)
		isim.seq[i] = seq_ms;
	EXPECT_EQ(aka_check_challenge(m, &key, &isim, item->rand, item->autn, &res), -ERANGE);
	mar->mar.resync = 1;
	memcpy(mar->mar.rand, item->rand, sizeof(mar->mar.rand));
	memcpy(mar->mar.auts, res.auts, sizeof(mar->mar.auts));
	milenage_free(m);
}

TEST(hss_vectors, c033_genuine_auts_moves_the_sqn_behind_that_of_the_isim)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	answer = hss_lab_ask(&lab, &mar);
	add_auts(&mar, &answer.maa.items[0], 1000000);
	answer = hss_lab_ask(&lab, &mar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_EQ(subscribers_sqn(&answer.maa.items[0]) >> AKA_IND_BITS, 1000001);
	EXPECT_EQ(hss_stats(lab.hss)->resync_accepted, 1);
	hss_lab_close(&lab);
}

TEST(hss_vectors, c033_every_flipped_bit_of_auts_gives_nothing_and_changes_nothing)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	answer = hss_lab_ask(&lab, &mar);
	add_auts(&mar, &answer.maa.items[0], 1000000);
	for (unsigned bit = 48; bit < 112; bit++) {
		struct cx_request forged = mar;

		forged.mar.auts[bit / 8] ^= (uint8_t)(1 << bit % 8);
		answer = hss_lab_ask(&lab, &forged);
		EXPECT_EQ(answer.result, CX_UNABLE_TO_COMPLY);
		EXPECT_EQ(answer.maa.n_items, 0);
		EXPECT_EQ(hss_lab_sqn(&lab, 1) >> AKA_IND_BITS, 1);
	}
	/* and the same AUTS for another RAND */
	mar.mar.rand[0] ^= 1;
	EXPECT_EQ(hss_lab_ask(&lab, &mar).result, CX_UNABLE_TO_COMPLY);
	EXPECT_EQ(hss_stats(lab.hss)->resync_forged, 65);
	hss_lab_close(&lab);
}

TEST(hss_vectors, c033_auts_of_an_isim_that_is_behind_leaves_the_sqn)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct cx_answer first, answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	first = hss_lab_ask(&lab, &mar);
	add_auts(&mar, &first.maa.items[0], 7);
	EXPECT_EQ(store_set_sqn(lab.base.store, 1, UINT64_C(500) << AKA_IND_BITS), 0);
	answer = hss_lab_ask(&lab, &mar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_EQ(subscribers_sqn(&answer.maa.items[0]) >> AKA_IND_BITS, 501);
	hss_lab_close(&lab);
}

/* --- the commit --- */

TEST(hss_vectors, no_vector_leaves_when_the_commit_fails)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct cx_request sar = hss_lab_sar(1, CX_UNREGISTERED_USER, S1);
	struct rlimit before, none;
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	hss_set_unregistered_services(lab.hss, true);
	EXPECT_EQ(hss_lab_ask(&lab, &sar).result,
		  CX_SUCCESS); /* the S-CSCF is known, the room made */
	ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
	/* as if the disk were full: the records' file begins with a head of 64 bytes */
	none = (struct rlimit){ .rlim_cur = 64, .rlim_max = before.rlim_max };
	signal(SIGXFSZ, SIG_IGN);
	ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &none), 0);
	answer = hss_lab_ask(&lab, &mar);
	ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
	EXPECT_EQ(answer.result, CX_UNABLE_TO_COMPLY);
	EXPECT_EQ(answer.maa.n_items, 0);
	EXPECT_EQ(hss_stats(lab.hss)->commit_failed, 1);
	EXPECT_EQ(hss_lab_sqn(&lab, 1), 0);
	EXPECT_EQ(hss_lab_ask(&lab, &mar).result, CX_SUCCESS);
	hss_lab_close(&lab);
}

TEST(hss_vectors, c138_subscriber_with_a_damaged_record_gets_no_vector_and_others_do)
{
	struct cx_request one = hss_lab_mar(1, 1, S1), two = hss_lab_mar(2, 1, S1);
	struct cx_answer answers[2] = { 0 };
	struct hss_lab lab;
	char records[80];
	FILE *file;

	ASSERT_TRUE(hss_lab_open(&lab, 2));
	EXPECT_EQ(hss_lab_ask(&lab, &one).result, CX_SUCCESS);
	snprintf(records, sizeof(records), "%s.records", lab.base.path);
	file = fopen(records, "r+e");
	ASSERT_TRUE(file != NULL);
	EXPECT_EQ(fseek(file, STORE_RECORD_BYTES + 8, SEEK_SET), 0); /* his SQN */
	EXPECT_EQ(fputc(0, file), 0);
	EXPECT_EQ(fclose(file), 0);
	EXPECT_EQ(hss_request(lab.hss, &one, keep, &answers[0]), 0);
	EXPECT_EQ(hss_request(lab.hss, &two, keep, &answers[1]), 0);
	loop_fire(lab.loop);
	EXPECT_EQ(answers[0].result, CX_UNABLE_TO_COMPLY);
	EXPECT_EQ(answers[0].maa.n_items, 0);
	EXPECT_EQ(answers[1].result, CX_SUCCESS);
	hss_lab_close(&lab);
}

/* The clock of the lab stands still until it is moved. */
TEST(hss_vectors, c138_commits_keep_their_distance_under_load_alone)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1), uar = hss_lab_uar(1, 0);
	struct cx_answer answer = { 0 };
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	hss_set_commit_distance(lab.hss, 4);
	lab.now_ms += 4;
	EXPECT_EQ(hss_lab_ask(&lab, &mar).result, CX_SUCCESS);
	EXPECT_EQ(hss_request(lab.hss, &mar, keep, &answer), 0);
	loop_fire(lab.loop);
	EXPECT_EQ(answer.command, 0);
	EXPECT_EQ(hss_lab_ask(&lab, &uar).result, CX_SUBSEQUENT_REGISTRATION); /* waits for none */
	EXPECT_EQ(hss_stats(lab.hss)->commit, 1);
	lab.now_ms += 4;
	loop_fire(lab.loop);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_EQ(hss_stats(lab.hss)->commit, 2);
	lab.now_ms += 4;
	EXPECT_EQ(hss_lab_ask(&lab, &mar).result, CX_SUCCESS);
	hss_lab_close(&lab);
}

TEST(hss_vectors, answers_still_owed_at_its_end_are_given_without_vectors)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct cx_answer answer = { 0 };
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	EXPECT_EQ(hss_request(lab.hss, &mar, keep, &answer), 0);
	hss_lab_close(&lab);
	EXPECT_EQ(answer.result, CX_UNABLE_TO_DELIVER);
	EXPECT_EQ(answer.maa.n_items, 0);
}
