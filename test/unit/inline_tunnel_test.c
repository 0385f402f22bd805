/* SEG tunnels on a port that does inline crypto: dataplane/inline_sa.h. */
#include <netinet/in.h>

#include "test/shim/test.h"
#include "test/unit/fake_nic.h"
#include "test/unit/fixture_seg.h"

enum {
	N_PKTS = 3,
	TEXT_BYTES = 40,
};

static const struct inline_config config = { .sessions_per_port = 8, .promote_pps = 1000 };

static struct fixture *f;
static struct seg seg;

static void open_kind(unsigned kind, enum crypto_suite suite)
{
	test_context("kind %u", kind);
	f = fixture_open(&fixture_table);
	fake_nic_open(f, &config);
	seg_install_both(f, &seg, &seg_kinds[kind], suite);
}

static void close_it(void)
{
	EXPECT_EQ(fake_nic.n_dead, 0);
	EXPECT_EQ(fake_nic.n_wrong, 0);
	fake_nic_close(f);
	EXPECT_EQ(fixture_close(f), 0);
}

/* One packet each way, which must come out. */
static void expect_both_ways(uint32_t sequence)
{
	struct packet inner, p, got;
	struct esp_opened opened;
	seg_inner(&inner, &seg.inner_in, TEXT_BYTES);
	seg_wrap(&p, &seg, sequence, &inner, seg_next_header(&seg));
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	while (fixture_turn(f))
		;
	ASSERT_TRUE(fixture_receive(f, FIXTURE_KERNEL, 0, &got));
	EXPECT_EQ(got.n_bytes, inner.n_bytes);
	EXPECT_MEM(got.bytes + got.l3, inner.bytes + inner.l3, inner.n_bytes - inner.l3);

	seg_inner(&inner, &seg.inner_out, TEXT_BYTES);
	fixture_send(f, FIXTURE_KERNEL, 0, inner.bytes, inner.n_bytes);
	while (fixture_turn(f))
		;
	ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, 0, &got));
	ASSERT_TRUE(seg_unwrap(&got, &seg, &opened));
	EXPECT_EQ(opened.sequence, sequence);
	EXPECT_MEM(opened.payload, inner.bytes + inner.l3, inner.n_bytes - inner.l3);
}

TEST(inline_tunnel, a_tunnel_is_the_ports_as_soon_as_it_is_there)
{
	static const enum crypto_suite suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_AES_GCM };
	for (unsigned kind = 0; kind < SEG_KINDS; kind++) {
		for (unsigned i = 0; i < 2 && !seg_kinds[kind].in_udp; i++) {
			open_kind(kind, suites[i]);
			EXPECT_EQ(fake_nic.n_sessions, 2);
			for (uint32_t sequence = 1; sequence <= N_PKTS; sequence++)
				expect_both_ways(sequence);
			EXPECT_EQ(fake_nic.n_verified, N_PKTS);
			EXPECT_EQ(fake_nic.n_signed, N_PKTS);
			close_it();
		}
	}
}

/* No port looks for ESP behind UDP, and over IPv6 the UDP checksum covers what it would write. */
TEST(inline_tunnel, a_tunnel_in_udp_is_the_cpus)
{
	for (unsigned kind = 0; kind < SEG_KINDS; kind++) {
		if (!seg_kinds[kind].in_udp)
			continue;
		open_kind(kind, CRYPTO_AES_GCM);
		EXPECT_EQ(fake_nic.n_sessions, 0);
		for (uint32_t sequence = 1; sequence <= N_PKTS; sequence++)
			expect_both_ways(sequence);
		close_it();
	}
}
