/* Many at once: zones with their tags, and bursts that mix all there is. */
#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/fixture_ue.h"

static const uint8_t text[] = "MESSAGE sip:u SIP/2.0\r\n\r\n";
#define TEXT_BYTES (sizeof(text) - 1)

TEST(worker, a_tag_is_put_on_and_taken_off_with_the_zone)
{
	struct fixture *f = fixture_open(&fixture_table);
	for (unsigned zone = 1; zone < FIXTURE_ZONES; zone++) {
		struct fixture_ue ue;
		struct packet p, got;
		struct esp_opened opened;
		fixture_ue_install(f, &ue, zone, 1 + zone, CRYPTO_HMAC_SHA1_NULL, API_IPV6, NULL);
		fixture_ue_clear(&p, &ue, SET_PC_TO_US, IPPROTO_UDP, text, TEXT_BYTES);
		fixture_send(f, FIXTURE_KERNEL, zone, p.bytes, p.n_bytes);
		fixture_turn(f);
		ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, zone, &got));
		EXPECT_EQ(got.l3, 18);
		ASSERT_TRUE(esp_open(&ue.sa[SET_PC_TO_US], got.bytes + 18 + 40, got.n_bytes - 58,
				     &opened));
		EXPECT_EQ(opened.n_bytes, 8 + TEXT_BYTES);
		/* The other zone's kernel has no SA for it. */
		fixture_mark(f);
		fixture_send(f, FIXTURE_KERNEL, 3 - zone, p.bytes, p.n_bytes);
		fixture_turn(f);
		expect_counted(f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_out_no_sa, 1 }));
		set_delete_all(&f->sets, FIXTURE_OWNER);
	}
	expect_accounted(f);
	EXPECT_EQ(fixture_close(f), 0);
}

/* ---- mixed bursts ---- */

enum {
	N_UES = 2 * CRYPTO_N_SUITES, /* each suite, IPv4 and IPv6 */
	N_BURSTS = 200,
	BURST_MAX = 100, /* more than a worker takes in one turn */
};

static const struct sa_table_config mix_table = {
	.capacity = 2 * N_UES * API_SET_SAS,
	.generation_bits = 10,
	.window_pkts = 128,
	.n_workers = 1,
};
_Static_assert(N_UES <= UINT8_MAX, "a byte of payload says whose it is");

static struct {
	struct fixture *f;
	struct fixture_ue ue[N_UES];
	uint32_t in_sequence[N_UES], out_sequence[N_UES];
	uint32_t n_in[N_UES], n_out[N_UES]; /* under way */
} mix;

/* A packet of a UE, or to it, filled with his number. */
static void mix_send(struct test_rng *rng)
{
	uint32_t i = (uint32_t)test_rng_below(rng, N_UES);
	size_t n_bytes = 1 + test_rng_below(rng, 600);
	uint8_t payload[600];
	struct packet p;
	memset(payload, (int)i, n_bytes);
	if (test_rng_below(rng, 2)) {
		fixture_ue_esp(&p, &mix.ue[i], SET_UC_TO_PS, ++mix.in_sequence[i], IPPROTO_UDP,
			       payload, n_bytes, NULL);
		fixture_send(mix.f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
		mix.n_in[i]++;
	} else {
		fixture_ue_clear(&p, &mix.ue[i], SET_PC_TO_US, IPPROTO_UDP, payload, n_bytes);
		fixture_send(mix.f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		mix.n_out[i]++;
	}
}

static void expect_payload_of(uint32_t i, const uint8_t *payload, size_t n_bytes)
{
	for (size_t at = 0; at < n_bytes; at++)
		ASSERT_EQ(payload[at], i);
}

/* The IP header says how long the packet is, and what its own sum is. */
static void expect_header(const struct packet *p)
{
	const uint8_t *ip = p->bytes + p->l3;
	bool v6 = ip[0] >> 4 == 6;
	const uint8_t *length = ip + (v6 ? 4 : 2);
	EXPECT_EQ((length[0] << 8 | length[1]) + (v6 ? 40 : 0), p->n_bytes - p->l3);
	EXPECT_TRUE(packet_checksum_is_good(p));
}

static void mix_take_clear(const struct packet *p)
{
	uint32_t i = p->bytes[p->n_bytes - 1];
	ASSERT_LT(i, N_UES);
	uint32_t headers = p->l3 + (mix.ue[i].set.family == API_IPV4 ? 28 : 48);
	expect_payload_of(i, p->bytes + headers, p->n_bytes - headers);
	expect_header(p);
	mix.n_in[i]--;
}

static void mix_take_esp(const struct packet *p)
{
	uint32_t l4 = p->bytes[p->l3] >> 4 == 4 ? 34 : 54, i = 0, spi_be;
	struct esp_opened opened;
	memcpy(&spi_be, p->bytes + l4, sizeof(spi_be));
	while (i < N_UES && mix.ue[i].sa[SET_PC_TO_US].spi != ntohl(spi_be))
		i++;
	ASSERT_LT(i, N_UES);
	ASSERT_TRUE(esp_open(&mix.ue[i].sa[SET_PC_TO_US], p->bytes + l4, p->n_bytes - l4, &opened));
	EXPECT_EQ(opened.sequence, ++mix.out_sequence[i]);
	expect_payload_of(i, opened.payload + 8, opened.n_bytes - 8);
	expect_header(p);
	mix.n_out[i]--;
}

TEST(worker, mixed_bursts_keep_every_packet_apart)
{
	struct test_rng rng = { test_seed() };
	memset(&mix, 0, sizeof(mix));
	mix.f = fixture_open(&mix_table);
	for (unsigned i = 0; i < N_UES; i++)
		fixture_ue_install(mix.f, &mix.ue[i], 0, i,
				   (enum crypto_suite)(i % CRYPTO_N_SUITES),
				   i / CRYPTO_N_SUITES ? API_IPV6 : API_IPV4, NULL);
	for (unsigned burst = 0; burst < N_BURSTS && !test_has_failed(); burst++) {
		for (uint64_t n = 1 + test_rng_below(&rng, BURST_MAX); n; n--)
			mix_send(&rng);
		while (fixture_turn(mix.f))
			;
		fixture_turn(mix.f);
		for (struct packet p; fixture_receive(mix.f, FIXTURE_KERNEL, 0, &p);)
			mix_take_clear(&p);
		for (struct packet p; fixture_receive(mix.f, FIXTURE_NETWORK, 0, &p);)
			mix_take_esp(&p);
		for (unsigned i = 0; i < N_UES; i++) {
			EXPECT_EQ(mix.n_in[i], 0);
			EXPECT_EQ(mix.n_out[i], 0);
		}
	}
	for (unsigned i = 0; i < N_UES; i++) {
		EXPECT_GT(mix.in_sequence[i], 0);
		EXPECT_GT(mix.out_sequence[i], 0);
	}
	expect_accounted(mix.f);
	EXPECT_EQ(fixture_close(mix.f), 0);
}
