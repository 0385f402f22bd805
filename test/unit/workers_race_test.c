/*
 * C-075: two workers in threads of their own, two queues on each port, and every packet put into
 * both queues at the same time, while UEs move between the workers.
 *
 * ./run test --soak sets TEST_TRIALS to the ten million that the row asks for.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/crew.h"
#include "test/unit/fixture_ue.h"

enum {
	N_QUEUES = 2,
	N_UES = 16,
	/* Less than a ring between workers holds, so that none is ever full and nothing is lost. */
	N_MBUFS = 1000,
	ROUND = 200, /* nearly all buffers, in four queues */
	DEFAULT_TRIALS = 200000,
};

static struct {
	struct crew *crew;
	struct fixture_ue ue[N_UES];
	uint32_t n_trials; /* of a UE */
	uint32_t sent[N_UES];
	/* A bit for each number: taken from the network by the kernel, sent to the network. */
	uint64_t *in[N_UES], *out[N_UES];
	uint64_t n_in, n_out;
	bool moves;
	uint32_t n_moves;
} s;

/* False when the bit was set before. */
static bool set_bit(uint64_t *bits, uint32_t n)
{
	uint64_t bit = UINT64_C(1) << n % 64;
	bool is_new = !(bits[n / 64] & bit);
	bits[n / 64] |= bit;
	return is_new;
}

static void take_in(const struct packet *p)
{
	uint32_t number[2]; /* whose, and the sequence number that it came with */
	memcpy(number, p->bytes + p->n_bytes - sizeof(number), sizeof(number));
	ASSERT_LT(number[0], N_UES);
	ASSERT_LE(number[1], s.n_trials);
	ASSERT_TRUE(set_bit(s.in[number[0]], number[1]));
	s.n_in++;
}

static void take_out(const struct packet *p)
{
	uint32_t header_be[2], i = 0;
	memcpy(header_be, p->bytes + 34, sizeof(header_be));
	while (i < N_UES && s.ue[i].sa[SET_PC_TO_US].spi != ntohl(header_be[0]))
		i++;
	ASSERT_LT(i, N_UES);
	ASSERT_GE(ntohl(header_be[1]), 1);
	ASSERT_LE(ntohl(header_be[1]), N_QUEUES * s.n_trials);
	ASSERT_TRUE(set_bit(s.out[i], ntohl(header_be[1])));
	s.n_out++;
}

static void take_all(void)
{
	struct packet p;
	while (crew_receive(s.crew, FIXTURE_KERNEL, &p) && !test_has_failed())
		take_in(&p);
	while (crew_receive(s.crew, FIXTURE_NETWORK, &p) && !test_has_failed())
		take_out(&p);
}

/* What control has to do meanwhile: parked packets keep their buffers until the move goes on. */
static void go_on_moving(void)
{
	s.moves = s.moves && !balance_advance(s.crew->steer);
}

static struct rte_mbuf *frame(const struct packet *p)
{
	struct rte_mbuf *m;
	while (!(m = crew_frame(s.crew, p->bytes, p->n_bytes))) {
		take_all();
		go_on_moving();
		usleep(1); /* leaves the cores to the workers */
	}
	return m;
}

/*
 * A round of trials with one UE: packets in, each of which may pass only once, and packets out,
 * each of which takes a number of its own. All lie ready before any is seen, so that both workers
 * are at the UE at the same time.
 */
static void try_round(uint32_t i, const struct packet *clear)
{
	struct rte_mbuf *in[N_QUEUES][ROUND], *out[N_QUEUES][ROUND];
	for (uint32_t n = 0; n < ROUND; n++) {
		struct packet p;
		const uint32_t number[2] = { i, ++s.sent[i] };
		fixture_ue_esp(&p, &s.ue[i], SET_UC_TO_PS, s.sent[i], IPPROTO_UDP,
			       (const void *)number, sizeof(number), NULL);
		for (unsigned q = 0; q < N_QUEUES; q++) {
			in[q][n] = frame(&p);
			out[q][n] = frame(clear);
		}
	}
	for (uint16_t q = 0; q < N_QUEUES; q++)
		crew_enqueue(s.crew, FIXTURE_NETWORK, q, in[q], ROUND);
	for (uint16_t q = 0; q < N_QUEUES; q++)
		crew_enqueue(s.crew, FIXTURE_KERNEL, q, out[q], ROUND);
}

static void open_all(uint32_t n_trials)
{
	memset(&s, 0, sizeof(s));
	s.n_trials = n_trials;
	s.crew = crew_open_small(&fixture_table, N_QUEUES, N_QUEUES, N_QUEUES, N_MBUFS);
	for (uint32_t i = 0; i < N_UES; i++) {
		fixture_ue_install(&s.crew->f, &s.ue[i], 0, i, CRYPTO_HMAC_SHA1_NULL, API_IPV4,
				   NULL);
		s.in[i] = calloc(n_trials / 64 + 1, sizeof(uint64_t));
		s.out[i] = calloc(N_QUEUES * n_trials / 64 + 1, sizeof(uint64_t));
		ASSERT_TRUE(s.in[i] && s.out[i]);
	}
}

static void close_all(void)
{
	for (uint32_t i = 0; i < N_UES; i++) {
		free(s.in[i]);
		free(s.out[i]);
	}
	EXPECT_EQ(crew_close(s.crew), 0);
}

TEST(workers_race, c075_no_number_is_sent_twice_and_no_replay_passes_on_two_queues)
{
	const char *option = getenv("TEST_TRIALS");
	uint32_t n_trials = option ? (uint32_t)strtoul(option, NULL, 10) : DEFAULT_TRIALS;
	struct packet clear[N_UES];
	uint32_t n_rounds = n_trials / ROUND / N_UES * N_UES;
	n_trials = n_rounds * ROUND;
	open_all(n_trials / N_UES);
	for (uint32_t i = 0; i < N_UES; i++) {
		static const uint8_t text[8];
		fixture_ue_clear(&clear[i], &s.ue[i], SET_PC_TO_US, IPPROTO_UDP, text,
				 sizeof(text));
	}
	for (unsigned i = 0; i < N_QUEUES; i++)
		s.crew->worker[i]->idle_sleep_us = 0;
	crew_run(s.crew);
	for (uint32_t round = 0; round < n_rounds && !test_has_failed(); round++) {
		try_round(round % N_UES, &clear[round % N_UES]);
		/* Half of the UEs go from one worker to the other, and back, all the time. */
		if (!s.moves)
			s.moves = balance_start(s.crew->steer, 1 + ++s.n_moves % 2) == 0;
	}
	while (s.moves && !test_has_failed())
		go_on_moving();
	crew_stop(s.crew);
	crew_finish(s.crew);
	take_all();

	/* With no bit set twice, these say that every number came, and once. */
	EXPECT_EQ(s.n_in, n_trials);
	EXPECT_EQ(s.n_out, (uint64_t)N_QUEUES * n_trials);
	EXPECT_EQ(crew_counted(s.crew, COUNT_esp_replayed) + crew_counted(s.crew, COUNT_esp_late),
		  (uint64_t)(N_QUEUES - 1) * n_trials);
	EXPECT_EQ(crew_counted(s.crew, COUNT_steer_full), 0);
	EXPECT_GT(s.n_moves, 1);
	crew_expect_accounted(s.crew);
	close_all();
}

/* As an operator does it: while traffic flows, and every packet still comes out once. */
TEST(workers_race, the_number_of_workers_changes_under_traffic)
{
	enum { N_ROUNDS = 2 * N_UES };
	open_all(N_ROUNDS / N_UES * ROUND);
	static const uint8_t text[8];
	crew_run(s.crew);
	for (uint32_t round = 0; round < N_ROUNDS && !test_has_failed(); round++) {
		struct packet clear;
		fixture_ue_clear(&clear, &s.ue[round % N_UES], SET_PC_TO_US, IPPROTO_UDP, text,
				 sizeof(text));
		try_round(round % N_UES, &clear);
		uint32_t n = 1 + round % N_QUEUES;
		EXPECT_EQ(balance_start(s.crew->steer, n), 0);
		while (!balance_turn(s.crew->steer, &s.crew->f.zones))
			usleep(20);
		EXPECT_EQ(steer_load(s.crew->steer, 0).n_buckets, OWNER_BUCKETS_MAX / n);
	}
	EXPECT_EQ(balance_start(s.crew->steer, N_QUEUES + 1), -EINVAL);
	crew_stop(s.crew);
	crew_finish(s.crew);
	take_all();
	EXPECT_EQ(s.n_in, N_ROUNDS * ROUND);
	EXPECT_EQ(s.n_out, N_QUEUES * N_ROUNDS * ROUND);
	crew_expect_accounted(s.crew);
	close_all();
}
