/*
 * A tunnel among several workers: whatever addresses its packets have inside and outside, and
 * wherever they come in, one worker alone touches its SAs.
 */
#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/crew.h"
#include "test/unit/fixture_seg.h"
#include "test/unit/pieces.h"

enum {
	N_HOSTS = 40,
	N_WORKERS = 4,
};

static struct crew *c;

static void send_at(enum fixture_side side, uint16_t queue, const struct packet *p)
{
	ASSERT_TRUE(crew_send(c, side, queue, p->bytes, p->n_bytes));
	crew_finish(c);
}

/* How many workers have counted something, since they were born. */
static uint32_t n_counting(enum counter counter)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < N_WORKERS; i++)
		n += c->worker[i]->count.n[counter] != 0;
	return n;
}

TEST(encap_workers, hosts_behind_us_share_one_sequence)
{
	for (unsigned kind = 0; kind < SEG_KINDS; kind++) {
		struct seg seg;
		struct packet p, got;
		struct esp_opened opened;
		test_context("kind %u", kind);
		c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
		seg_install_both(&c->f, &seg, &seg_kinds[kind], CRYPTO_HMAC_SHA1_NULL);
		for (uint32_t i = 0; i < N_HOSTS; i++) {
			seg.inner_out.source[seg.inner_out.family == API_IPV4 ? 3 : 15] =
				(uint8_t)(1 + i);
			seg_inner(&p, &seg.inner_out, i);
			send_at(FIXTURE_KERNEL, i % N_WORKERS, &p);
			ASSERT_TRUE(crew_receive(c, FIXTURE_NETWORK, &got));
			ASSERT_TRUE(seg_unwrap(&got, &seg, &opened));
			EXPECT_EQ(opened.sequence, i + 1);
		}
		EXPECT_EQ(n_counting(COUNT_esp_tx), 1);
		crew_expect_accounted(c);
		EXPECT_EQ(crew_close(c), 0);
	}
}

TEST(encap_workers, a_nat_of_many_addresses_meets_one_window)
{
	struct seg seg;
	struct packet inner, p, got;
	c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
	c->f.zones.zone[0].port_encap = SEG_PORT;
	seg_install_both(&c->f, &seg, &seg_kinds[4], CRYPTO_HMAC_SHA1_NULL);
	seg_inner(&inner, &seg.inner_in, 25);
	for (uint32_t i = 0; i < N_HOSTS; i++) {
		seg.to_us.source[3] = (uint8_t)(1 + i);
		seg_wrap(&p, &seg, i + 1, &inner, IPPROTO_IPIP);
		send_at(FIXTURE_NETWORK, i % N_WORKERS, &p);
		ASSERT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
		seg.to_us.source[3] = (uint8_t)(101 + i);
		seg_wrap(&p, &seg, i + 1, &inner, IPPROTO_IPIP);
		send_at(FIXTURE_NETWORK, (i + 1) % N_WORKERS, &p);
		ASSERT_FALSE(crew_receive(c, FIXTURE_KERNEL, &got));
	}
	EXPECT_EQ(crew_counted(c, COUNT_esp_replayed), N_HOSTS);
	EXPECT_EQ(n_counting(COUNT_esp_rx), 1);
	EXPECT_EQ(n_counting(COUNT_esp_replayed), 1);
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
}

/* The two fragments of a UDP datagram. */
static void cut(struct packet half[2], const struct packet_ip *ip)
{
	uint8_t text[64] = { 7 }, udp[72];
	size_t n = packet_udp(udp, 1000, 2000, text, sizeof(text));
	struct packet_ip part = *ip;
	part.fragment_be16 = 0x2000; /* more to come */
	packet_make(&half[0], &part, IPPROTO_UDP, udp, 24);
	part.fragment_be16 = 24 / 8;
	packet_make(&half[1], &part, IPPROTO_UDP, udp + 24, n - 24);
}

TEST(encap_workers, a_datagram_in_fragments_is_its_owners_too)
{
	struct seg seg;
	struct fixture_ue ue;
	struct packet half[2], got;
	struct esp_opened opened;
	c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
	seg_install_both(&c->f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	fixture_ue_install(&c->f, &ue, 0, 3, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	for (uint32_t i = 0; i < N_HOSTS; i++) {
		seg.inner_out.source[3] = (uint8_t)(1 + i);
		cut(half, &seg.inner_out);
		send_at(FIXTURE_KERNEL, i % N_WORKERS, &half[0]);
		send_at(FIXTURE_KERNEL, (i + 1) % N_WORKERS, &half[1]);
		ASSERT_TRUE(crew_receive(c, FIXTURE_NETWORK, &got));
		ASSERT_TRUE(seg_unwrap(&got, &seg, &opened));
		EXPECT_EQ(opened.n_bytes, 20 + 72);
		EXPECT_EQ(opened.sequence, i + 1);
		/* And one of Gm in a buffer that may have been a tunnel's. */
		cut(half, &ue.to_ue);
		for (unsigned j = 0; j < 2; j++) {
			uint8_t *ports = half[j].bytes + half[j].l4;
			if (j == 0)
				fixture_ue_upper(ports, &ue, SET_PS_TO_UC, IPPROTO_UDP, NULL, 0);
			if (j == 0)
				ports[5] = 72;
			send_at(FIXTURE_KERNEL, (i + j) % N_WORKERS, &half[j]);
		}
		ASSERT_TRUE(crew_receive(c, FIXTURE_NETWORK, &got));
	}
	EXPECT_EQ(crew_counted(c, COUNT_esp_tx), 2 * N_HOSTS);
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
}

/* Behind a NAT the addresses of a fragment say nothing, and its ports are in the first one alone.
 */
TEST(encap_workers, c081_esp_in_udp_in_fragments_finds_its_owner_when_it_is_whole)
{
	for (unsigned kind = 4; kind < SEG_KINDS; kind++) {
		struct seg seg;
		struct packet inner, p, got;
		bool v6 = seg_kinds[kind].outer == API_IPV6;
		c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
		c->f.zones.zone[0].port_encap = SEG_PORT;
		seg_install_both(&c->f, &seg, &seg_kinds[kind], CRYPTO_HMAC_SHA1_NULL);
		seg_inner(&inner, &seg.inner_in, 100);
		for (uint32_t i = 0; i < N_HOSTS; i++) {
			test_context("kind %u, host %u", kind, i);
			seg.to_us.source[v6 ? 15 : 3] = (uint8_t)(1 + i);
			seg.to_us.id = (uint16_t)i;
			seg_wrap(&p, &seg, i + 1, &inner, seg_next_header(&seg));
			const uint8_t *udp = p.bytes + p.l4;
			uint16_t n = (uint16_t)(p.n_bytes - p.l4);
			struct packet half[2];
			piece_make(&half[0], &seg.to_us, IPPROTO_UDP, udp,
				   (struct piece){ 0, 48, true });
			piece_make(&half[1], &seg.to_us, IPPROTO_UDP, udp,
				   (struct piece){ 48, n - 48, false });
			send_at(FIXTURE_NETWORK, i % N_WORKERS, &half[0]);
			send_at(FIXTURE_NETWORK, (i + 1) % N_WORKERS, &half[1]);
			ASSERT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
		}
		EXPECT_EQ(n_counting(COUNT_esp_rx), 1);
		EXPECT_GT(n_counting(COUNT_fragment_whole), 1);
		EXPECT_EQ(crew_counted(c, COUNT_network_rx), 2 * N_HOSTS);
		crew_expect_accounted(c);
		EXPECT_EQ(crew_close(c), 0);
	}
	test_context(NULL);
}

static void without_selector(struct api_tunnel *tunnel)
{
	memset(&tunnel->selector, 0, sizeof(tunnel->selector));
}

static uint32_t nat_number;

static void behind_nat(struct api_set *set)
{
	set->mode = API_UDP_ENCAP_TUNNEL;
	set->tunnel = nat_number;
}

TEST(encap_workers, a_ue_behind_a_nat_has_one_owner_both_ways)
{
	for (uint32_t number = 0; number < 8; number++) {
		struct seg seg;
		struct fixture_ue ue;
		struct packet clear, p, got;
		c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
		seg_open(&c->f, &seg, &seg_kinds[4], 1, without_selector);
		nat_number = seg.number;
		fixture_ue_install(&c->f, &ue, 0, number, CRYPTO_HMAC_SHA1_NULL, API_IPV4,
				   behind_nat);
		for (uint32_t i = 0; i < 8; i++) {
			seg.to_us.source[3] = (uint8_t)(1 + i);
			seg.in = ue.sa[SET_UC_TO_PS];
			fixture_ue_clear(&clear, &ue, SET_UC_TO_PS, IPPROTO_UDP,
					 (const uint8_t *)"x", 1);
			seg_wrap(&p, &seg, i + 1, &clear, IPPROTO_IPIP);
			send_at(FIXTURE_NETWORK, i % N_WORKERS, &p);
			ASSERT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
			fixture_ue_clear(&clear, &ue, SET_PS_TO_UC, IPPROTO_UDP,
					 (const uint8_t *)"y", 1);
			send_at(FIXTURE_KERNEL, i % N_WORKERS, &clear);
			ASSERT_TRUE(crew_receive(c, FIXTURE_NETWORK, &got));
		}
		EXPECT_EQ(n_counting(COUNT_esp_rx), 1);
		EXPECT_EQ(n_counting(COUNT_esp_tx), 1);
		for (uint32_t i = 0; i < N_WORKERS; i++)
			EXPECT_EQ(c->worker[i]->count.n[COUNT_esp_rx],
				  c->worker[i]->count.n[COUNT_esp_tx]);
		crew_expect_accounted(c);
		EXPECT_EQ(crew_close(c), 0);
	}
}
