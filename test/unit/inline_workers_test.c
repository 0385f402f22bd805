/*
 * SAs that a port serves, among several workers: they move from one to another while their sessions
 * come and go, and packets come in at any queue. What happens next is drawn by lot; turns of the
 * workers are called one by one, so that each draw of a seed is the same.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/crew.h"
#include "test/unit/fake_nic.h"
#include "test/unit/fixture_ue.h"

enum {
	N_WORKERS = 3,
	N_ROUNDS = 3000,
	TEXT_BYTES = 32,
};

static const struct inline_config config = { .sessions_per_port = 8,
					     .promote_pps = 1000,
					     .rules_per_port = 8 };
static const uint8_t text[TEXT_BYTES];

static struct crew *c;
static struct fixture_ue ue;
static uint32_t seed;
static bool is_moving;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static uint32_t slot_of(enum set_sa sa)
{
	for (uint32_t slot = 0; slot < c->f.sas.capacity; slot++) {
		const struct sa *at = &c->f.sas.sa[slot];
		if (sa_is_live(&c->f.sas, slot) && at->rest.spi == ue.result.spi[sa] &&
		    at->id.direction == ue.set.sa[sa].direction)
			return slot;
	}
	return UINT32_MAX;
}

static void open_all(uint32_t first_seed, bool does_protocol)
{
	seed = first_seed;
	is_moving = false;
	test_context("seed %u", first_seed);
	c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
	if (does_protocol)
		fake_nic_open_protocol(&c->f, &config, c->steer);
	else
		fake_nic_open_steered(&c->f, &config, c->steer);
	fixture_ue_install(&c->f, &ue, 0, 7, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
}

static void close_all(void)
{
	crew_expect_accounted(c);
	EXPECT_EQ(fake_nic.n_dead, 0);
	EXPECT_EQ(fake_nic.n_wrong, 0);
	EXPECT_EQ(fake_nic.n_bad, 0);
	fake_nic_close(&c->f);
	EXPECT_EQ(crew_close(c), 0);
}

/* Control does one of its things. */
static void act(uint32_t slot)
{
	switch (draw(8)) {
	case 0:
		inline_promote(&fake_nic.inlined, slot);
		break;
	case 1:
		if (draw(4) == 0)
			inline_demote(&fake_nic.inlined, slot);
		break;
	case 2:
		if (!is_moving)
			EXPECT_EQ(balance_start(c->steer, 1 + draw(N_WORKERS)), 0);
		is_moving = true;
		break;
	case 3:
		fake_nic.refuse_rules = draw(8) == 0;
		fake_nic.refuse_removals = draw(8) == 0;
		break;
	default:
		fake_nic.now_tsc += draw(30) * (rte_get_tsc_hz() / 1000);
		inline_turn(&fake_nic.inlined, fake_nic.now_tsc);
	}
	if (is_moving)
		is_moving = !balance_advance(c->steer);
}

static void some_turns(void)
{
	for (uint32_t i = draw(4); i > 0; i--)
		crew_turn(c, draw(N_WORKERS));
}

/* ---- to the network ---- */

/* Reads what has left, and returns how many; each number is higher than *last. */
static uint32_t read_sent(uint32_t *last)
{
	struct packet got;
	struct esp_opened opened;
	uint32_t n = 0;
	for (; crew_receive(c, FIXTURE_NETWORK, &got); n++) {
		EXPECT_TRUE(esp_open(&ue.sa[SET_PS_TO_UC], got.bytes + got.l3 + 20,
				     got.n_bytes - got.l3 - 20, &opened));
		EXPECT_GT(opened.sequence, *last);
		*last = opened.sequence;
	}
	return n;
}

static void sweep_out(uint32_t first_seed, bool does_protocol)
{
	uint32_t n_sent = 0, n_read = 0, last = 0;
	struct packet p;
	open_all(first_seed, does_protocol);
	uint32_t slot = slot_of(SET_PS_TO_UC);
	fixture_ue_clear(&p, &ue, SET_PS_TO_UC, IPPROTO_UDP, text, sizeof(text));
	for (uint32_t round = 0; round < N_ROUNDS; round++) {
		act(slot);
		if (draw(2)) {
			crew_send(c, FIXTURE_KERNEL, (uint16_t)draw(N_WORKERS), p.bytes, p.n_bytes);
			n_sent++;
		}
		some_turns();
		n_read += read_sent(&last);
	}
	while (is_moving) {
		is_moving = !balance_advance(c->steer);
		crew_finish(c);
	}
	crew_finish(c);
	n_read += read_sent(&last);
	EXPECT_EQ(n_read, n_sent);
	EXPECT_GT(fake_nic.n_signed, n_sent / 10);
	EXPECT_GT(n_sent - n_sent / 10, fake_nic.n_signed);
	close_all();
}

TEST(inline_workers, c075_no_number_is_sent_twice_by_workers_and_port)
{
	for (uint32_t first_seed = 1; first_seed <= 4; first_seed++) {
		sweep_out(first_seed, false);
		sweep_out(first_seed, true);
	}
}

/* ---- from the network ---- */

static uint32_t read_delivered(void)
{
	struct packet got;
	uint32_t n = 0;
	while (crew_receive(c, FIXTURE_KERNEL, &got))
		n++;
	return n;
}

/* Each packet comes twice, at any two queues: one is delivered. */
TEST(inline_workers, c071_each_packet_is_delivered_once_whoever_opened_it)
{
	for (uint32_t first_seed = 1; first_seed <= 4; first_seed++) {
		uint32_t n_sent = 0, n_delivered = 0;
		struct packet p;
		open_all(first_seed, false);
		uint32_t slot = slot_of(SET_UC_TO_PS);
		for (uint32_t round = 0; round < N_ROUNDS; round++) {
			act(slot);
			fake_nic.skips = draw(4) == 0;
			if (draw(2)) {
				fixture_ue_esp(&p, &ue, SET_UC_TO_PS, ++n_sent, IPPROTO_UDP, text,
					       sizeof(text), NULL);
				crew_send(c, FIXTURE_NETWORK, fake_nic_queue(p.bytes, p.n_bytes),
					  p.bytes, p.n_bytes);
				crew_send(c, FIXTURE_NETWORK, (uint16_t)draw(N_WORKERS), p.bytes,
					  p.n_bytes);
			}
			some_turns();
			/* A session outlives what came before its end by so many turns only. */
			if (fake_nic.inlined.n_ending)
				crew_finish(c);
			n_delivered += read_delivered();
		}
		while (is_moving) {
			is_moving = !balance_advance(c->steer);
			crew_finish(c);
		}
		crew_finish(c);
		n_delivered += read_delivered();
		EXPECT_EQ(n_delivered, n_sent);
		EXPECT_EQ(crew_counted(c, COUNT_esp_replayed), n_sent);
		EXPECT_GT(fake_nic.n_verified, n_sent / 10);
		close_all();
	}
}
