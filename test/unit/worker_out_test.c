/* From the kernel: what leaves in ESP, what leaves as it is, and what does not leave. */
#include <netinet/in.h>
#include <string.h>

#include "dataplane/esp.h"
#include "test/shim/test.h"
#include "test/unit/router.h"
#include "test/unit/scene.h"

static const uint8_t text[] = "MESSAGE sip:u SIP/2.0\r\n\r\n";
#define TEXT_BYTES (sizeof(text) - 1)

static void clear(const struct scene *s, struct packet *p, enum set_sa sa, uint8_t protocol,
		  size_t n_bytes)
{
	uint8_t payload[PACKET_MAX_BYTES];
	memset(payload, 'x', sizeof(payload));
	memcpy(payload, text, n_bytes < TEXT_BYTES ? n_bytes : TEXT_BYTES);
	fixture_ue_clear(p, &s->ue, sa, protocol, payload, n_bytes);
}

static void send_and_turn(struct scene *s, const struct packet *p)
{
	fixture_send(s->f, FIXTURE_KERNEL, 0, p->bytes, p->n_bytes);
	fixture_turn(s->f);
}

/* The frame on the network: its headers as they were, in it ESP that opens to what was sent. */
static void expect_esp(struct scene *s, const struct packet *sent, enum set_sa sa,
		       uint32_t sequence)
{
	struct packet got;
	struct esp_opened opened;
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_NETWORK, 0, &got));
	ASSERT_TRUE(got.n_bytes > sent->l4);
	EXPECT_TRUE(packet_checksum_is_good(&got));
	ASSERT_TRUE(esp_open(&s->ue.sa[sa], got.bytes + sent->l4, got.n_bytes - sent->l4, &opened));
	EXPECT_EQ(opened.spi, s->ue.sa[sa].spi);
	EXPECT_EQ(opened.sequence, sequence);
	EXPECT_EQ(opened.n_bytes, sent->n_bytes - sent->l4);
	EXPECT_MEM(opened.payload, sent->bytes + sent->l4, opened.n_bytes);

	/* What an ESP packet of that length would have in front of it, to the byte. */
	struct packet frame;
	struct packet_ip ip = s->ue.to_ue;
	packet_make(&frame, &ip, IPPROTO_ESP, got.bytes + sent->l4, got.n_bytes - sent->l4);
	if (sent->l4 == frame.l4) {
		EXPECT_EQ(got.n_bytes, frame.n_bytes);
		EXPECT_MEM(got.bytes, frame.bytes, frame.n_bytes);
	}
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_network_tx, 1 },
				     { COUNT_esp_tx, 1 }, { COUNT_esp_tx_bytes, opened.n_bytes }));
}

static void expect_dropped(struct scene *s, enum counter reason)
{
	EXPECT_EQ(fixture_discard(s->f), 0);
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, 1 }, { reason, 1 }));
}

TEST(worker, c065_every_suite_and_size_leaves_in_esp_that_an_independent_peer_opens)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			uint32_t sequence = 0;
			scene_open(&s, family, (enum crypto_suite)suite, NULL);
			for (size_t n = 0; n <= 1380; n += n < 40 ? 1 : 67) {
				struct packet p;
				test_context("IPv%d, suite %d, %zu bytes", (int)family, suite, n);
				clear(&s, &p, SET_PC_TO_US, n % 2 ? IPPROTO_UDP : IPPROTO_TCP, n);
				send_and_turn(&s, &p);
				expect_esp(&s, &p, SET_PC_TO_US, ++sequence);
				if (test_has_failed())
					return;
			}
			scene_close(&s);
		}
	}
}

TEST(worker, c074a_the_first_number_is_one_and_each_sa_counts_for_itself)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (uint32_t sequence = 1; sequence < 5; sequence++) {
		clear(&s, &p, SET_PS_TO_UC, IPPROTO_TCP, 100);
		send_and_turn(&s, &p);
		expect_esp(&s, &p, SET_PS_TO_UC, sequence);
		clear(&s, &p, SET_PC_TO_US, IPPROTO_UDP, 100);
		send_and_turn(&s, &p);
		expect_esp(&s, &p, SET_PC_TO_US, sequence);
	}
	scene_close(&s);
}

/* RFC 3602 3: all SAs of a set share the key, so an IV must not come twice in any of them. */
TEST(worker, c082_no_iv_comes_twice_under_a_key)
{
	enum { N_PACKETS = 1000 };
	static uint8_t iv[N_PACKETS][16];
	struct scene s;
	struct packet p, got;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_AES_CBC, NULL);
	for (unsigned n = 0; n < N_PACKETS; n++) {
		clear(&s, &p, n % 2 ? SET_PS_TO_UC : SET_PC_TO_US, IPPROTO_UDP, 20);
		send_and_turn(&s, &p);
		ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
		memcpy(iv[n], got.bytes + p.l4 + ESP_HEADER_BYTES, sizeof(iv[n]));
		for (unsigned i = 0; i < n; i++)
			EXPECT_NE(memcmp(iv[i], iv[n], sizeof(iv[n])), 0);
	}
	scene_close(&s);
}

TEST(worker, an_sa_counts_what_it_carried)
{
	struct scene s;
	struct packet p;
	struct sa *in = NULL, *out = NULL;
	scene_open(&s, API_IPV6, CRYPTO_HMAC_MD5_AES_CBC, NULL);
	for (uint32_t slot = 0; slot < s.f->sas.capacity; slot++) {
		struct sa *sa = &s.f->sas.sa[slot];
		if (sa_is_live(&s.f->sas, slot) && sa_spi(&s.f->sas, slot) == s.ue.result.spi[0])
			in = sa;
		if (sa_is_live(&s.f->sas, slot) && sa_spi(&s.f->sas, slot) == s.ue.result.spi[1])
			out = sa;
	}
	ASSERT_TRUE(in && out);
	for (uint32_t n = 1; n <= 10; n++) {
		clear(&s, &p, SET_PS_TO_UC, IPPROTO_UDP, 100);
		send_and_turn(&s, &p);
		fixture_ue_esp(&p, &s.ue, SET_UC_TO_PS, n, IPPROTO_UDP, text, TEXT_BYTES, NULL);
		for (unsigned copy = 0; copy < 2; copy++) /* the second is replayed: no traffic */
			fixture_send(s.f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
		fixture_turn(s.f);
		EXPECT_EQ(in->run.n_pkts, n);
		EXPECT_EQ(in->run.n_bytes, n * (8 + TEXT_BYTES));
		EXPECT_EQ(in->run.replay.top, n);
		EXPECT_EQ(out->run.n_pkts, n);
		EXPECT_EQ(out->run.n_bytes, n * (8 + 100));
		EXPECT_EQ(out->run.replay.top, n);
	}
	scene_close(&s);
}

static void nearly_exhausted(struct api_set *set)
{
	set->sa[SET_PS_TO_UC].sequence = UINT32_MAX - 1;
}

TEST(worker, c074a_the_counter_stops_after_its_last_number)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, nearly_exhausted);
	clear(&s, &p, SET_PS_TO_UC, IPPROTO_UDP, 10);
	send_and_turn(&s, &p);
	expect_esp(&s, &p, SET_PS_TO_UC, UINT32_MAX);
	for (unsigned i = 0; i < 3; i++) {
		send_and_turn(&s, &p);
		expect_dropped(&s, COUNT_out_exhausted);
	}
	scene_close(&s);
}

static void nearly_half_used(struct api_set *set)
{
	set->sa[SET_PS_TO_UC].sequence = SA_SEQUENCE_EVENT - 2;
}

TEST(worker, half_of_the_numbers_gone_is_told_once)
{
	struct scene s;
	struct packet p;
	void *told = NULL;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, nearly_half_used);
	for (unsigned i = 0; i < 5; i++) {
		clear(&s, &p, SET_PS_TO_UC, IPPROTO_UDP, 10);
		send_and_turn(&s, &p);
		EXPECT_EQ(rte_ring_count(s.f->worker.events), i >= 1);
	}
	ASSERT_EQ(rte_ring_dequeue(s.f->worker.events, &told), 0);
	EXPECT_EQ(sa_spi(&s.f->sas, (uint32_t)((struct sa *)told - s.f->sas.sa)),
		  s.ue.sa[SET_PS_TO_UC].spi);
	scene_close(&s);
}

/* ---- what does not leave ---- */

static void no_sa_at_port_ps(struct scene *s, struct packet *p)
{
	s->ue.set.sa[SET_PS_TO_UC].peer_port++;
	clear(s, p, SET_PS_TO_UC, IPPROTO_UDP, 10);
}

static void no_sa_at_last_port_pc(struct scene *s, struct packet *p)
{
	s->ue.set.sa[SET_PC_TO_US].local_port = FIXTURE_PORT_PC_FIRST + FIXTURE_N_PORT_PC - 1;
	clear(s, p, SET_PC_TO_US, IPPROTO_TCP, 10);
}

static void no_sa_to_another_ue(struct scene *s, struct packet *p)
{
	s->ue.to_ue.destination[s->ue.to_ue.family == API_IPV4 ? 3 : 15] ^= 2;
	clear(s, p, SET_PC_TO_US, IPPROTO_UDP, 10);
}

static void no_sa_from_another_address(struct scene *s, struct packet *p)
{
	s->ue.to_ue.source[s->ue.to_ue.family == API_IPV4 ? 3 : 15] ^= 2;
	clear(s, p, SET_PC_TO_US, IPPROTO_UDP, 10);
}

/* Outside the tunnel, TCP or UDP: whatever port of ours it comes from. */
static void from_another_port_to_port_us(struct scene *s, struct packet *p)
{
	s->ue.set.sa[SET_PC_TO_US].local_port = 40000;
	clear(s, p, SET_PC_TO_US, IPPROTO_TCP, 20);
}

static void from_port_5060_to_port_uc(struct scene *s, struct packet *p)
{
	s->ue.set.sa[SET_PS_TO_UC].local_port = 5060;
	clear(s, p, SET_PS_TO_UC, IPPROTO_UDP, 10);
}

static void from_another_address_and_port(struct scene *s, struct packet *p)
{
	s->ue.to_ue.source[s->ue.to_ue.family == API_IPV4 ? 3 : 15] ^= 2;
	from_another_port_to_port_us(s, p);
}

static void expired(struct scene *s, struct packet *p)
{
	set_update(&s->f->sets, s->ue.set.registration, FIXTURE_OWNER, 10, s->f->now_s);
	fixture_set_time(s->f, s->f->now_s + 10);
	clear(s, p, SET_PC_TO_US, IPPROTO_UDP, 10);
}

static void three_bytes_of_udp(struct scene *s, struct packet *p)
{
	packet_make(p, &s->ue.to_ue, IPPROTO_UDP, text, 3);
}

static void cut_short(struct scene *s, struct packet *p)
{
	clear(s, p, SET_PC_TO_US, IPPROTO_UDP, 10);
	p->n_bytes -= 5;
}

static void wrong_version(struct scene *s, struct packet *p)
{
	clear(s, p, SET_PC_TO_US, IPPROTO_UDP, 10);
	p->bytes[p->l3] = 0;
}

static void tagged(struct scene *s, struct packet *p)
{
	struct packet plain;
	clear(s, &plain, SET_PC_TO_US, IPPROTO_UDP, 10);
	*p = plain;
	memcpy(p->bytes + 12, (uint8_t[]){ 0x81, 0, 0, FIXTURE_VLAN }, 4);
	memcpy(p->bytes + 16, plain.bytes + 12, plain.n_bytes - 12);
	p->n_bytes += 4;
}

static const struct {
	const char *what;
	void (*make)(struct scene *s, struct packet *p);
	enum counter reason;
} drops[] = {
#define ROW(make, counter)                                                                         \
	{                                                                                          \
#make, make, COUNT_##counter                                                       \
	}
	ROW(no_sa_at_port_ps, out_no_sa),
	ROW(no_sa_at_last_port_pc, out_no_sa),
	ROW(no_sa_to_another_ue, out_no_sa),
	ROW(no_sa_from_another_address, out_no_sa),
	ROW(from_another_port_to_port_us, out_no_sa),
	ROW(from_port_5060_to_port_uc, out_no_sa),
	ROW(from_another_address_and_port, out_no_sa),
	ROW(expired, out_expired),
	ROW(three_bytes_of_udp, packet_truncated),
	ROW(cut_short, packet_truncated),
	ROW(wrong_version, packet_malformed),
	ROW(tagged, packet_unknown_zone),
#undef ROW
};

TEST(worker, each_drop_from_the_kernel_moves_its_counter_and_no_other)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
			struct scene s;
			struct packet p;
			scene_open(&s, family, CRYPTO_HMAC_SHA1_AES_CBC, NULL);
			test_context("%s, IPv%d", drops[i].what, (int)family);
			drops[i].make(&s, &p);
			send_and_turn(&s, &p);
			expect_dropped(&s, drops[i].reason);
			scene_close(&s);
		}
	}
}

/* A full transmit queue: what was not taken is a drop, and was not sent. */
TEST(worker, a_full_queue_drops_what_it_does_not_take)
{
	struct scene s;
	struct packet p;
	uint32_t n_in = 0;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	clear(&s, &p, SET_PC_TO_US, IPPROTO_UDP, 10);
	while (fixture_counted(s.f, COUNT_tx_full) == 0 && n_in < 1000) {
		for (unsigned i = 0; i < WORKER_BURST; i++, n_in++)
			fixture_send(s.f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		fixture_turn(s.f);
	}
	uint64_t n_full = fixture_counted(s.f, COUNT_tx_full);
	EXPECT_GT(n_full, 0);
	EXPECT_EQ(fixture_counted(s.f, COUNT_network_tx), n_in - n_full);
	EXPECT_EQ(fixture_discard(s.f), n_in - n_full);
	scene_close(&s);
}

/* ---- MTU ---- */

TEST(worker, c078_esp_up_to_the_path_mtu_leaves_and_of_one_byte_more_the_kernel_hears)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			struct packet p, got;
			size_t largest = 0;
			scene_open(&s, family, (enum crypto_suite)suite, NULL);
			if (family == API_IPV4)
				s.ue.to_ue.fragment_be16 = 0x4000; /* DF */
			for (size_t n = 1360; n < 1480; n++) {
				clear(&s, &p, SET_PC_TO_US, IPPROTO_UDP, n);
				send_and_turn(&s, &p);
				if (!fixture_receive(s.f, FIXTURE_NETWORK, 0, &got)) {
					ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
					EXPECT_EQ(router_told(&got, &p),
						  p.n_bytes - p.l3 - (n - largest));
					continue;
				}
				EXPECT_LE(got.n_bytes - got.l3, FIXTURE_MTU);
				EXPECT_EQ(n, largest ? largest + 1 : 1360);
				largest = n;
			}
			EXPECT_EQ(fixture_counted(s.f, COUNT_out_too_big), 1479 - largest);
			/* What the kernel may send at its own MTU always fits. */
			size_t headers = (family == API_IPV4 ? 20 : 40) + 8;
			EXPECT_GE(largest, FIXTURE_MTU - ZONE_ESP_OVERHEAD_BYTES - headers);
			scene_close(&s);
		}
	}
}

/* ---- what leaves as it is ---- */

TEST(worker, what_no_sa_claims_leaves_unchanged)
{
	static const struct {
		uint8_t protocol;
		uint16_t source;
	} passing[] = {
		{ IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5060 },
		{ IPPROTO_ICMP, 5063 },
		{ IPPROTO_ICMPV6, 5063 },
		{ IPPROTO_SCTP, 5063 },
		{ IPPROTO_UDP, FIXTURE_PORT_PC_FIRST - 1 },
		{ IPPROTO_UDP, FIXTURE_PORT_PC_FIRST + FIXTURE_N_PORT_PC },
	};
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p, got;
		scene_open(&s, family, CRYPTO_HMAC_SHA1_NULL, NULL);
		for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
			uint8_t upper[64];
			size_t n = packet_udp(upper, passing[i].source, 5060, text, TEXT_BYTES);
			packet_make(&p, &s.ue.to_ue, passing[i].protocol, upper, n);
			send_and_turn(&s, &p);
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
			EXPECT_EQ(got.n_bytes, p.n_bytes);
			EXPECT_MEM(got.bytes, p.bytes, p.n_bytes);
			expect_counted(s.f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_network_tx, 1 },
						    { COUNT_clear_tx, 1 }));
		}
		uint8_t arp[42] = { [12] = 8, [13] = 6 };
		fixture_send(s.f, FIXTURE_KERNEL, 0, arp, sizeof(arp));
		fixture_turn(s.f);
		ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
		EXPECT_MEM(got.bytes, arp, sizeof(arp));
		scene_close(&s);
	}
}

TEST(worker, ethernet_padding_from_the_kernel_is_not_protected)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	clear(&s, &p, SET_PC_TO_US, IPPROTO_UDP, 0);
	struct packet padded = p;
	padded.n_bytes = 60;
	send_and_turn(&s, &padded);
	expect_esp(&s, &p, SET_PC_TO_US, 1);
	scene_close(&s);
}

TEST(worker, ipv4_options_and_ipv6_extensions_stay_in_front_of_esp)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p;
		scene_open(&s, family, CRYPTO_HMAC_MD5_AES_CBC, NULL);
		s.ue.to_ue.option_bytes = 12;
		s.ue.to_ue.extension[0] = IPPROTO_HOPOPTS;
		s.ue.to_ue.extension[1] = IPPROTO_DSTOPTS;
		s.ue.to_ue.n_extensions = 2;
		clear(&s, &p, SET_PC_TO_US, IPPROTO_UDP, TEXT_BYTES);
		send_and_turn(&s, &p);
		expect_esp(&s, &p, SET_PC_TO_US, 1);
		scene_close(&s);
	}
}
