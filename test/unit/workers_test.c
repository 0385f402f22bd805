/*
 * Several workers, whose turns the test calls in any order: packets that come in at the wrong
 * queue, workers without queues, full rings, and UEs that move from worker to worker meanwhile.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/crew.h"
#include "test/unit/fixture_ue.h"
#include "test/unit/pieces.h"

enum {
	N_UES = 16,
	TEXT_BYTES = 40,
};

static struct crew *c;
static struct fixture_ue ue[N_UES];

static void open_with_ues(uint32_t n_workers, uint16_t n_network_queues, uint16_t n_kernel_queues)
{
	c = crew_open(&fixture_table, n_workers, n_network_queues, n_kernel_queues);
	for (uint32_t i = 0; i < N_UES; i++)
		fixture_ue_install(&c->f, &ue[i], 0, i, CRYPTO_HMAC_SHA1_NULL,
				   i % 4 == 3 ? API_IPV6 : API_IPV4, NULL);
}

/* What a UE says, or is told: whose it is, and which of them. */
struct text {
	uint32_t ue;
	uint32_t sequence;
	uint8_t rest[TEXT_BYTES - 8];
};

static void make_in(struct packet *p, uint32_t i, uint32_t sequence)
{
	const struct text t = { .ue = i, .sequence = sequence };
	fixture_ue_esp(p, &ue[i], SET_UC_TO_PS, sequence, IPPROTO_UDP, (const void *)&t, sizeof(t),
		       NULL);
}

static void make_out(struct packet *p, uint32_t i, uint32_t sequence)
{
	const struct text t = { .ue = i, .sequence = sequence };
	fixture_ue_clear(p, &ue[i], SET_PC_TO_US, IPPROTO_UDP, (const void *)&t, sizeof(t));
}

static struct text text_of(const struct packet *p)
{
	struct text t;
	memcpy(&t, p->bytes + p->n_bytes - sizeof(t), sizeof(t));
	return t;
}

static uint32_t owner_of(const struct packet *p)
{
	const struct owner_map *map = atomic_load(&c->steer->map);
	int32_t hash = owner_hash_frame(&c->steer->hash, p->bytes, p->n_bytes);
	return map->worker[(uint32_t)hash & map->bucket_mask];
}

TEST(workers, each_owns_some_ues_and_both_directions_of_them)
{
	uint32_t has[2] = { 0 };
	open_with_ues(2, 2, 2);
	for (uint32_t i = 0; i < N_UES; i++) {
		struct packet in, out;
		make_in(&in, i, 1);
		make_out(&out, i, 1);
		EXPECT_EQ(owner_of(&in), owner_of(&out));
		has[owner_of(&in)]++;
	}
	EXPECT_GT(has[0], 2);
	EXPECT_GT(has[1], 2);
	EXPECT_EQ(crew_close(c), 0);
}

/* On either queue the packet comes out, and it is the owner who did it. */
TEST(workers, a_packet_at_the_wrong_queue_is_handed_to_its_owner)
{
	open_with_ues(2, 2, 2);
	for (uint32_t i = 0; i < N_UES; i++) {
		for (uint16_t queue = 0; queue < 2; queue++) {
			struct packet p, got;
			make_in(&p, i, 1u + queue);
			uint32_t owner = owner_of(&p);
			uint64_t before = c->worker[owner]->count.n[COUNT_esp_rx];
			ASSERT_TRUE(crew_send(c, FIXTURE_NETWORK, queue, p.bytes, p.n_bytes));
			crew_turn(c, queue);
			crew_turn(c, owner);
			ASSERT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
			EXPECT_EQ(text_of(&got).sequence, 1u + queue);
			EXPECT_EQ(c->worker[owner]->count.n[COUNT_esp_rx], before + 1);

			make_out(&p, i, 1u + queue);
			before = c->worker[owner]->count.n[COUNT_esp_tx];
			ASSERT_TRUE(crew_send(c, FIXTURE_KERNEL, queue, p.bytes, p.n_bytes));
			crew_turn(c, queue);
			crew_turn(c, owner);
			ASSERT_TRUE(crew_receive(c, FIXTURE_NETWORK, &got));
			EXPECT_EQ(c->worker[owner]->count.n[COUNT_esp_tx], before + 1);
		}
	}
	struct steer_load load = steer_load(c->steer, 0);
	EXPECT_EQ(load.n_given, steer_load(c->steer, 1).n_taken);
	EXPECT_EQ(load.n_given + load.n_taken, 2 * N_UES);
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
}

TEST(workers, what_is_not_ip_stays_where_it_came_in)
{
	uint8_t arp[60] = { [12] = 0x08, [13] = 0x06 };
	struct packet got;
	open_with_ues(2, 2, 2);
	for (uint16_t queue = 0; queue < 2; queue++) {
		crew_send(c, FIXTURE_NETWORK, queue, arp, sizeof(arp));
		crew_turn(c, queue);
		EXPECT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
		EXPECT_EQ(steer_load(c->steer, queue).n_given, 0);
	}
	EXPECT_EQ(crew_close(c), 0);
}

/* Of a device with one queue: one polls, one sends, and every UE is served all the same. */
TEST(workers, without_queues_of_their_own_receive_and_send_through_others)
{
	open_with_ues(3, 1, 1);
	for (uint32_t i = 0; i < N_UES; i++) {
		struct packet p, got;
		make_in(&p, i, 1);
		crew_send(c, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
		make_out(&p, i, 1);
		crew_send(c, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		crew_finish(c);
		EXPECT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
		EXPECT_EQ(text_of(&got).ue, i);
		EXPECT_TRUE(crew_receive(c, FIXTURE_NETWORK, &got));
	}
	/* The two ports have one queue each, of two different workers. */
	EXPECT_EQ(c->f.zones.port[FIXTURE_NETWORK].queue_of[0], 0);
	EXPECT_EQ(c->f.zones.port[FIXTURE_KERNEL].queue_of[1], 0);
	EXPECT_EQ(crew_counted(c, COUNT_network_rx), N_UES);
	EXPECT_EQ(crew_counted(c, COUNT_kernel_rx), N_UES);
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
}

TEST(workers, a_full_ring_drops_what_comes_last_and_counts_it)
{
	enum { N_SENT = 1500, RING = 1023 };
	struct packet p, got;
	uint32_t i = 0, expected = 1;
	open_with_ues(2, 2, 2);
	for (make_in(&p, i, 1); owner_of(&p) != 1; make_in(&p, i, 1))
		i++;
	for (uint32_t n = 1; n <= N_SENT; n++) {
		make_in(&p, i, n);
		ASSERT_TRUE(crew_send(c, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes));
	}
	while (crew_turn(c, 0)) /* and never the owner */
		;
	EXPECT_EQ(crew_counted(c, COUNT_steer_full), N_SENT - RING);
	EXPECT_EQ(crew_counted(c, COUNT_network_rx), N_SENT - RING);
	crew_finish(c);
	for (; crew_receive(c, FIXTURE_KERNEL, &got); expected++)
		ASSERT_EQ(text_of(&got).sequence, expected);
	EXPECT_EQ(expected - 1, RING);
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
}

/* ---- moves under traffic ---- */

enum {
	N_STEPS = 30000,
	FLIGHT_MAX = 150, /* of a UE; a full burst waits in a worker for the next one */
};

static struct {
	uint32_t sent[N_UES], taken[N_UES];
} in, out;

static void take_and_expect_order(void)
{
	struct packet got;
	while (crew_receive(c, FIXTURE_KERNEL, &got)) {
		struct text t = text_of(&got);
		ASSERT_LT(t.ue, N_UES);
		ASSERT_EQ(t.sequence, ++in.taken[t.ue]);
	}
	while (crew_receive(c, FIXTURE_NETWORK, &got)) {
		uint32_t i = 0, spi_be, sequence_be, l4 = got.bytes[14] >> 4 == 4 ? 34 : 54;
		memcpy(&spi_be, got.bytes + l4, 4);
		memcpy(&sequence_be, got.bytes + l4 + 4, 4);
		while (i < N_UES && ue[i].sa[SET_PC_TO_US].spi != ntohl(spi_be))
			i++;
		ASSERT_LT(i, N_UES);
		ASSERT_EQ(ntohl(sequence_be), ++out.taken[i]);
	}
}

/* A UE's packets come by one queue: that is what keeps their order on the way to its owner. */
static void send_some(struct test_rng *rng)
{
	uint32_t i = (uint32_t)test_rng_below(rng, N_UES);
	for (uint64_t n = test_rng_below(rng, 80); n; n--) {
		struct packet p;
		if (in.sent[i] - in.taken[i] < FLIGHT_MAX) {
			make_in(&p, i, ++in.sent[i]);
			ASSERT_TRUE(crew_send(c, FIXTURE_NETWORK, i % c->n_queues[0], p.bytes,
					      p.n_bytes));
		}
		if (out.sent[i] - out.taken[i] < FLIGHT_MAX) {
			make_out(&p, i, ++out.sent[i]);
			ASSERT_TRUE(crew_send(c, FIXTURE_KERNEL, i % c->n_queues[1], p.bytes,
					      p.n_bytes));
		}
	}
}

static void move_under_traffic(uint32_t n_workers, uint16_t n_network, uint16_t n_kernel)
{
	struct test_rng rng = { test_seed() };
	uint32_t n_moves = 0;
	bool moves = false;
	memset(&in, 0, sizeof(in));
	memset(&out, 0, sizeof(out));
	open_with_ues(n_workers, n_network, n_kernel);
	for (uint32_t step = 0; step < N_STEPS && !test_has_failed(); step++) {
		switch (test_rng_below(&rng, 8)) {
		case 0:
			send_some(&rng);
			break;
		case 1:
			if (!moves && balance_start(c->steer, 1 + (uint32_t)test_rng_below(
									  &rng, n_workers)) == 0)
				moves = true;
			break;
		case 2:
		case 3:
			if (moves && balance_advance(c->steer)) {
				n_moves++;
				moves = false;
			}
			break;
		default:
			crew_turn(c, (uint32_t)test_rng_below(&rng, n_workers));
		}
		take_and_expect_order();
	}
	for (unsigned i = 0; moves && i < 1000; i++) { /* the end of a move needs turns only */
		crew_finish(c);
		moves = !balance_advance(c->steer);
	}
	EXPECT_FALSE(moves);
	crew_finish(c);
	take_and_expect_order();
	for (uint32_t i = 0; i < N_UES; i++) {
		EXPECT_EQ(in.taken[i], in.sent[i]);
		EXPECT_EQ(out.taken[i], out.sent[i]);
	}
	EXPECT_GT(n_moves, 10);
	EXPECT_EQ(crew_counted(c, COUNT_steer_full), 0);
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
}

TEST(workers, ues_that_move_under_traffic_lose_and_reorder_nothing)
{
	move_under_traffic(3, 3, 3);
}

TEST(workers, ues_that_move_between_workers_without_queues_lose_nothing)
{
	move_under_traffic(2, 1, 2);
}

/* And hands over, as on a port whose RSS goes on as it was, for it refuses the new table. */
TEST(workers, a_worker_that_owns_nothing_still_receives)
{
	open_with_ues(2, 2, 2);
	c->f.zones.port[FIXTURE_NETWORK].n_reta = 128;
	ASSERT_EQ(balance_start(c->steer, 1), 0);
	while (!balance_turn(c->steer, &c->f.zones))
		crew_finish(c);
	EXPECT_EQ(c->f.zones.port[FIXTURE_NETWORK].rss_rc, -ENOTSUP);
	EXPECT_EQ(steer_load(c->steer, 0).n_buckets, OWNER_BUCKETS_MAX);
	EXPECT_EQ(steer_load(c->steer, 1).n_buckets, 0);
	EXPECT_TRUE(steer_is_unused(c->worker[1]));
	for (uint32_t i = 0; i < N_UES; i++) {
		struct packet p, got;
		make_in(&p, i, 1);
		crew_send(c, FIXTURE_NETWORK, 1, p.bytes, p.n_bytes);
		crew_finish(c);
		EXPECT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
	}
	EXPECT_EQ(c->worker[0]->count.n[COUNT_esp_rx], N_UES);
	EXPECT_EQ(steer_load(c->steer, 1).n_given, N_UES);
	EXPECT_EQ(balance_start(c->steer, 0), -EINVAL);
	EXPECT_EQ(balance_start(c->steer, 3), -EINVAL);
	EXPECT_EQ(crew_close(c), 0);
}

/* The first UE that a worker owns. */
static uint32_t ue_of(uint32_t worker)
{
	struct packet p;
	uint32_t i = 0;
	for (make_in(&p, i, 1); owner_of(&p) != worker; make_in(&p, i, 1))
		i++;
	return i;
}

static void send_in(uint32_t i, uint16_t queue, uint32_t n)
{
	for (struct packet p; n; n--) {
		make_in(&p, i, ++in.sent[i]);
		ASSERT_TRUE(crew_send(c, FIXTURE_NETWORK, queue, p.bytes, p.n_bytes));
	}
}

/* More than a turn takes otherwise lies in the ring to the old owner when the move begins. */
TEST(workers, an_old_owner_takes_all_that_was_given_to_it_before_the_move)
{
	enum { N_GIVEN = 500, N_LATER = 10 };
	memset(&in, 0, sizeof(in));
	open_with_ues(2, 2, 2);
	uint32_t i = ue_of(1);
	crew_finish(c);
	send_in(i, 0, N_GIVEN);
	while (crew_turn(c, 0))
		;
	ASSERT_EQ(balance_start(c->steer, 1), 0);
	while (!balance_advance(c->steer) && !test_has_failed()) {
		if (in.sent[i] < 2 * N_GIVEN)
			send_in(i, 0, N_LATER);
		crew_turn(c, 0);
		crew_turn(c, 1);
		take_and_expect_order();
	}
	crew_finish(c);
	take_and_expect_order();
	EXPECT_EQ(in.taken[i], in.sent[i]);
	EXPECT_EQ(crew_close(c), 0);
}

/* A step of the move; true: it is the one that takes the bucket of this UE to worker 0. */
static bool begins_to_move(uint32_t i)
{
	struct packet p;
	make_in(&p, i, 1);
	EXPECT_FALSE(balance_advance(c->steer));
	return owner_of(&p) == OWNER_MOVING;
}

/* Who gives has seen the next map already; who takes is in a turn that began before it. */
TEST(workers, a_new_owner_waits_with_what_it_is_given_in_a_turn_of_the_map_before)
{
	enum { N_GIVEN = 3 };
	struct rte_mbuf *m[WORKER_BURST];
	const struct zone_port *port;
	memset(&in, 0, sizeof(in));
	open_with_ues(2, 2, 2);
	uint32_t i = ue_of(1);
	crew_finish(c);
	ASSERT_EQ(balance_start(c->steer, 1), 0);
	steer_turn_begin(c->worker[0]);
	while (!begins_to_move(i) && !test_has_failed()) {
		crew_turn(c, 0);
		crew_turn(c, 1);
		steer_turn_begin(c->worker[0]);
	}
	send_in(i, 1, N_GIVEN);
	crew_turn(c, 1);
	EXPECT_EQ(steer_load(c->steer, 1).n_given, N_GIVEN);
	EXPECT_EQ(steer_take(c->worker[0], &port, m), 0);
	EXPECT_EQ(steer_load(c->steer, 0).n_taken, N_GIVEN);
	EXPECT_EQ(steer_take(c->worker[0], &port, m), 0);
	steer_turn_end(c->worker[0], false);
	while (!balance_advance(c->steer)) {
		crew_turn(c, 0);
		crew_turn(c, 1);
	}
	crew_finish(c);
	take_and_expect_order();
	EXPECT_EQ(in.taken[i], N_GIVEN);
	EXPECT_EQ(c->worker[0]->count.n[COUNT_esp_rx], N_GIVEN);
	EXPECT_EQ(crew_close(c), 0);
}

static void send_out(uint32_t i, uint16_t queue, uint32_t n)
{
	for (struct packet p; n; n--) {
		make_out(&p, i, ++out.sent[i]);
		ASSERT_TRUE(crew_send(c, FIXTURE_KERNEL, queue, p.bytes, p.n_bytes));
	}
}

/* The old owner has no queue to the network and sends through the new one, far more than a turn. */
TEST(workers, what_an_old_owner_sent_through_the_new_one_leaves_first)
{
	enum { N_BEHIND = 600 };
	memset(&out, 0, sizeof(out));
	open_with_ues(2, 1, 2);
	ASSERT_EQ(c->f.zones.port[FIXTURE_NETWORK].queue_of[0], 0);
	uint32_t i = ue_of(1);
	crew_finish(c);
	send_out(i, 1, N_BEHIND);
	while (crew_turn(c, 1))
		;
	ASSERT_EQ(balance_start(c->steer, 1), 0);
	while (!balance_advance(c->steer) && !test_has_failed()) {
		send_out(i, 1, N_BEHIND - (out.sent[i] - out.taken[i]));
		while (crew_turn(c, 1))
			;
		crew_turn(c, 0);
		take_and_expect_order();
	}
	crew_finish(c);
	take_and_expect_order();
	EXPECT_EQ(out.taken[i], out.sent[i]);
	EXPECT_EQ(crew_counted(c, COUNT_tx_full), 0);
	EXPECT_EQ(crew_close(c), 0);
}

/* Full bursts all the time, of which one waits in the worker between turns. */
TEST(workers, a_move_ends_under_full_load)
{
	enum { N_WAITING = 3 * WORKER_BURST, PHASES = 3, STEPS = OWNER_BUCKETS_MAX / 32 };
	uint32_t n = 0;
	memset(&in, 0, sizeof(in));
	open_with_ues(2, 2, 2);
	uint32_t i = ue_of(0);
	crew_finish(c);
	ASSERT_EQ(balance_start(c->steer, 1), 0);
	for (; !balance_advance(c->steer) && n < 2 * PHASES * STEPS; n++) {
		send_in(i, 0, N_WAITING + in.taken[i] - in.sent[i]);
		crew_turn(c, 0);
		crew_turn(c, 1);
		take_and_expect_order();
	}
	EXPECT_LT(n, 2 * PHASES * STEPS);
	EXPECT_GT(in.taken[i], n * WORKER_BURST / 2);
	crew_finish(c);
	EXPECT_EQ(crew_close(c), 0);
}

TEST(workers, c078_fragments_that_came_in_at_different_queues_meet_at_their_owner)
{
	enum { N_PIECES = 3, PIECE_BYTES = 16 };
	open_with_ues(3, 3, 1);
	for (uint32_t i = 0; i < N_UES; i++) {
		struct packet whole, p;
		make_in(&whole, i, 1);
		for (uint16_t n = 0; n < N_PIECES; n++) {
			uint32_t left = whole.n_bytes - whole.l4 - n * PIECE_BYTES;
			bool more = n + 1 < N_PIECES;
			piece_make(&p, &ue[i].from_ue, IPPROTO_ESP, whole.bytes + whole.l4,
				   (struct piece){ (uint16_t)(n * PIECE_BYTES),
						   (uint16_t)(more ? PIECE_BYTES : left), more });
			crew_send(c, FIXTURE_NETWORK, n, p.bytes, p.n_bytes);
		}
	}
	crew_finish(c);
	EXPECT_EQ(crew_counted(c, COUNT_fragment_whole), N_UES);
	EXPECT_EQ(crew_counted(c, COUNT_esp_rx), N_UES);
	crew_expect_accounted(c);
	for (struct packet p; crew_receive(c, FIXTURE_KERNEL, &p);)
		EXPECT_EQ(text_of(&p).sequence, 1);
	EXPECT_EQ(crew_close(c), 0);
}
