/* Path MTU: what is believed of ICMP errors about ESP, and what the kernel hears of it. */
#include "dataplane/path.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/fixture_seg.h"
#include "test/unit/pieces.h"
#include "test/unit/router.h"
#include "test/unit/scene.h"

enum {
	BIG_BYTES = 1390, /* of UDP payload: with ESP it fits the zone's 1500 */
	SHORT_MTU = 1300,
	DF = 0x4000,
};

static void open_whole(struct scene *s, enum api_family family, enum crypto_suite suite)
{
	scene_open(s, family, suite, NULL);
	s->ue.to_ue.fragment_be16 = family == API_IPV4 ? DF : 0;
	test_context("IPv%d, suite %d", (int)family, (int)suite);
}

static void close_scene(struct scene *s)
{
	test_context(NULL);
	scene_close(s);
}

static void out(struct scene *s, struct packet *p, size_t n_bytes)
{
	static uint8_t payload[PACKET_MAX_BYTES];
	fixture_ue_clear(p, &s->ue, SET_PC_TO_US, IPPROTO_UDP, payload, n_bytes);
	fixture_send(s->f, FIXTURE_KERNEL, 0, p->bytes, p->n_bytes);
	fixture_turn(s->f);
}

/* So many bytes of IP packet. */
static void out_ip(struct scene *s, struct packet *p, size_t ip_bytes)
{
	out(s, p, ip_bytes - 8 - (s->ue.to_ue.family == API_IPV4 ? 20 : 40));
}

/* A long packet leaves whole; it, as it left. */
static bool leaves(struct scene *s, struct packet *sent)
{
	struct packet clear, more;
	out(s, &clear, BIG_BYTES);
	return fixture_receive(s->f, FIXTURE_NETWORK, 0, sent) && sent->n_bytes > clear.n_bytes &&
	       !fixture_receive(s->f, FIXTURE_NETWORK, 0, &more);
}

static void say(struct scene *s, const struct router_error *error)
{
	router_say(s->f, 0, error, s->ue.to_ue.family);
	fixture_turn(s->f);
}

static void learn(struct scene *s, uint32_t mtu_bytes)
{
	struct packet sent;
	ASSERT_TRUE(leaves(s, &sent));
	fixture_mark(s->f);
	struct router_error error = router_too_big(&sent, mtu_bytes);
	say(s, &error);
	expect_counted(s->f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_path_mtu_heard, 1 }));
}

TEST(path, c078_the_kernel_hears_of_a_short_path_and_what_it_sends_then_fits)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			struct packet p, told, got;
			open_whole(&s, family, (enum crypto_suite)suite);
			/* Over IPv6 the kernel may be told no less than 1280. */
			uint32_t mtu_bytes = family == API_IPV4 ? SHORT_MTU : 1350;
			learn(&s, mtu_bytes);
			out(&s, &p, BIG_BYTES);
			expect_counted(s.f,
				       COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_kernel_tx, 1 },
					       { COUNT_path_mtu_lowered, 1 },
					       { COUNT_too_big_tx, 1 }, { COUNT_out_too_big, 1 }));
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &told));
			uint32_t clear_bytes = router_told(&told, &p);
			EXPECT_GE(clear_bytes, mtu_bytes - ZONE_ESP_OVERHEAD_BYTES);
			out_ip(&s, &p, clear_bytes);
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
			EXPECT_LE(got.n_bytes - got.l3, mtu_bytes);
			out_ip(&s, &p, clear_bytes + 1);
			EXPECT_FALSE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &told));
			EXPECT_EQ(router_told(&told, &p), clear_bytes);
			close_scene(&s);
			if (test_has_failed())
				return;
		}
	}
}

/* RFC 4301 8.2.1: an IPv4 packet without DF; an IPv6 one that the kernel cannot make shorter. */
TEST(path, c078_what_may_not_be_refused_is_cut_after_esp_for_the_path)
{
	static struct datagram d;
	static struct esp_opened opened;
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			struct packet p;
			open_whole(&s, family, (enum crypto_suite)suite);
			learn(&s, 1280);
			s.ue.to_ue.fragment_be16 = 0;
			out_ip(&s, &p, 1280);
			ASSERT_TRUE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &d));
			EXPECT_EQ(d.n_frames, 2);
			EXPECT_LE(d.largest_bytes, 1280);
			EXPECT_EQ(d.protocol, IPPROTO_ESP);
			ASSERT_TRUE(
				esp_open(&s.ue.sa[SET_PC_TO_US], d.payload, d.n_bytes, &opened));
			EXPECT_MEM(opened.payload, p.bytes + p.l4, p.n_bytes - p.l4);
			EXPECT_EQ(fixture_counted(s.f, COUNT_too_big_tx), 0);
			close_scene(&s);
		}
	}
}

TEST(path, an_mtu_is_believed_for_ten_minutes)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p;
		open_whole(&s, family, CRYPTO_HMAC_SHA1_NULL);
		learn(&s, SHORT_MTU);
		EXPECT_FALSE(leaves(&s, &p));
		fixture_set_time(s.f, s.f->now_s + PATH_BELIEVED_S - 1);
		EXPECT_FALSE(leaves(&s, &p));
		fixture_set_time(s.f, s.f->now_s + 1);
		EXPECT_TRUE(leaves(&s, &p));
		close_scene(&s);
	}
}

TEST(path, what_no_packet_judged_in_a_minute_is_forgotten)
{
	struct scene s;
	struct packet p;
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	learn(&s, SHORT_MTU);
	fixture_set_time(s.f, s.f->now_s + PATH_HEARD_KEPT_S + 1);
	EXPECT_TRUE(leaves(&s, &p));
	close_scene(&s);
}

/* RFC 8201 4. */
TEST(path, an_error_lowers_an_mtu_and_never_raises_it)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet sent, p, told;
		open_whole(&s, family, CRYPTO_HMAC_SHA1_NULL);
		ASSERT_TRUE(leaves(&s, &sent));
		static const uint32_t said[] = { 1390, 1420, 1360, 1390 };
		static const uint32_t believed[] = { 1390, 1390, 1360, 1360 };
		for (unsigned i = 0; i < 4; i++) {
			struct router_error error = router_too_big(&sent, said[i]);
			say(&s, &error);
			out(&s, &p, BIG_BYTES);
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &told));
			/* ESP header 8, trailer 2, ICV 12, whole words behind the IP header. */
			uint32_t header = family == API_IPV4 ? 20 : 40;
			EXPECT_EQ(router_told(&told, &p),
				  header + ((believed[i] - header - 20) & ~3u) - 2);
		}
		EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_lowered), 2);
		close_scene(&s);
	}
}

TEST(path, one_peers_path_is_no_others)
{
	struct scene s;
	struct fixture_ue other;
	struct packet p, got;
	static uint8_t payload[BIG_BYTES];
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	fixture_ue_install(s.f, &other, 0, 2, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	other.to_ue.fragment_be16 = DF;
	learn(&s, SHORT_MTU);
	EXPECT_FALSE(leaves(&s, &p));
	fixture_ue_clear(&p, &other, SET_PC_TO_US, IPPROTO_UDP, payload, BIG_BYTES);
	fixture_send(s.f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(s.f);
	EXPECT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
	close_scene(&s);
}

TEST(path, an_outbound_sa_exports_no_path_as_a_window)
{
	struct scene s;
	struct packet p;
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	learn(&s, SHORT_MTU);
	EXPECT_FALSE(leaves(&s, &p));
	for (uint32_t slot = 0; slot < s.f->sas.capacity; slot++) {
		struct api_sa_state state = { 0 };
		if (!sa_is_live(&s.f->sas, slot) || s.f->sas.sa[slot].id.direction != API_OUT)
			continue;
		sa_export(&s.f->sas, slot, &state);
		EXPECT_EQ(state.window[0] | state.window[1], 0);
	}
	close_scene(&s);
}

/* RFC 1191 5: the next plateau below what was too big. */
TEST(path, a_router_that_names_no_mtu_is_given_a_common_one)
{
	struct scene s;
	struct packet p, told;
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	learn(&s, 0);
	out(&s, &p, BIG_BYTES);
	ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &told));
	EXPECT_EQ(router_told(&told, &p), 20 + ((1006 - 40) & ~3u) - 2);
	close_scene(&s);
}

/* Nobody may say less than what every link carries: RFC 791 3.1. */
TEST(path, a_tiny_mtu_counts_as_the_least_there_is)
{
	struct scene s;
	struct packet p, told;
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	learn(&s, 68);
	out(&s, &p, BIG_BYTES);
	ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &told));
	EXPECT_EQ(router_told(&told, &p), 20 + ((576 - 40) & ~3u) - 2);
	close_scene(&s);
}

/* ---- errors that are not true ---- */

static uint32_t header_bytes(const struct router_error *e)
{
	return e->quoted[0] >> 4 == 4 ? 20 : 40;
}

static void to_another(struct router_error *e)
{
	e->to[3] ^= 1;
}

static void bad_checksum(struct router_error *e)
{
	e->bad_checksum = true;
}

static void cut_in_the_esp_header(struct router_error *e)
{
	e->quoted_bytes = header_bytes(e) + 7;
}

static void no_smaller_than_the_packet(struct router_error *e)
{
	bool v6 = e->quoted[0] >> 4 == 6;
	const uint8_t *length = e->quoted + (v6 ? 4 : 2);
	e->mtu_bytes = (uint32_t)(length[0] << 8 | length[1]) + (v6 ? 40 : 0);
}

static void of_a_packet_longer_than_any(struct router_error *e)
{
	e->quoted[e->quoted[0] >> 4 == 4 ? 2 : 4] = 0x40;
}

static void of_a_later_fragment(struct router_error *e)
{
	if (e->quoted[0] >> 4 == 4) {
		e->quoted[7] = 1;
		return;
	}
	memmove(e->quoted + 48, e->quoted + 40, 100);
	e->quoted[6] = IPPROTO_FRAGMENT;
	memcpy(e->quoted + 40, (uint8_t[8]){ IPPROTO_ESP, 0, 0, 8 }, 8);
}

static void of_another_spi(struct router_error *e)
{
	e->quoted[header_bytes(e)] ^= 1;
}

static void of_a_number_to_come(struct router_error *e)
{
	e->quoted[header_bytes(e) + 7]++;
}

static void of_number_zero(struct router_error *e)
{
	e->quoted[header_bytes(e) + 7] = 0;
}

static void of_a_number_long_gone(struct router_error *e)
{
	e->quoted[header_bytes(e) + 4] ^= 0x80;
}

static void to_another_peer(struct router_error *e)
{
	e->quoted[header_bytes(e) - 1] ^= 1;
}

static void from_another_address_of_ours(struct router_error *e)
{
	e->quoted[e->quoted[0] >> 4 == 4 ? 15 : 23] ^= 1;
	e->to[e->quoted[0] >> 4 == 4 ? 3 : 15] ^= 1;
}

static const struct {
	const char *what;
	void (*change)(struct router_error *error);
	enum counter heard;
	bool is_judged; /* and then not believed */
} lies[] = {
#define ROW(change, counter, is_judged)                                                            \
	{                                                                                          \
#change, change, COUNT_##counter, is_judged                                        \
	}
	ROW(to_another, path_mtu_refused, false),
	ROW(bad_checksum, path_mtu_refused, false),
	ROW(cut_in_the_esp_header, path_mtu_refused, false),
	ROW(no_smaller_than_the_packet, path_mtu_refused, false),
	ROW(of_a_packet_longer_than_any, path_mtu_refused, false),
	ROW(of_a_later_fragment, icmp_about_esp, false),
	ROW(of_another_spi, path_mtu_heard, false),
	ROW(of_a_number_to_come, path_mtu_heard, true),
	ROW(of_number_zero, path_mtu_heard, true),
	ROW(of_a_number_long_gone, path_mtu_heard, true),
	ROW(to_another_peer, path_mtu_heard, false),
	ROW(from_another_address_of_ours, path_mtu_heard, false),
#undef ROW
};

TEST(path, c078_no_error_that_cannot_be_true_shortens_a_path)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
			struct scene s;
			struct packet sent, p;
			open_whole(&s, family, CRYPTO_HMAC_SHA1_AES_CBC);
			test_context("%s, IPv%d", lies[i].what, (int)family);
			ASSERT_TRUE(leaves(&s, &sent));
			fixture_mark(s.f);
			struct router_error error = router_too_big(&sent, SHORT_MTU);
			lies[i].change(&error);
			say(&s, &error);
			expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { lies[i].heard, 1 }));
			out(&s, &p, BIG_BYTES);
			EXPECT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &sent));
			EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_lowered), 0);
			EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_disbelieved),
				  lies[i].is_judged);
			close_scene(&s);
		}
	}
}

/* RFC 8201 4: "must not reduce … below the IPv6 minimum link MTU". */
TEST(path, less_than_1280_is_no_mtu_over_ipv6)
{
	struct scene s;
	struct packet sent;
	open_whole(&s, API_IPV6, CRYPTO_HMAC_SHA1_NULL);
	static const uint32_t mtu_bytes[] = { 0, 1, 576, 1279, UINT32_MAX, 0x10000 | SHORT_MTU };
	for (unsigned i = 0; i < sizeof(mtu_bytes) / sizeof(mtu_bytes[0]); i++) {
		ASSERT_TRUE(leaves(&s, &sent));
		struct router_error error = router_too_big(&sent, mtu_bytes[i]);
		say(&s, &error);
		EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_refused), i + 1);
	}
	close_scene(&s);
}

TEST(path, errors_of_another_zone_are_not_about_this_one)
{
	struct scene s;
	struct packet sent;
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	ASSERT_TRUE(leaves(&s, &sent));
	struct router_error error = router_too_big(&sent, SHORT_MTU);
	router_say(s.f, 1, &error, API_IPV4);
	fixture_turn(s.f);
	EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_heard), 1);
	EXPECT_TRUE(leaves(&s, &sent));
	close_scene(&s);
}

/* A flood of errors: of what a worker hears in a second there is an end, of memory always. */
TEST(path, so_many_errors_are_heard_in_a_second_and_no_more)
{
	struct scene s;
	struct packet sent;
	open_whole(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	ASSERT_TRUE(leaves(&s, &sent));
	struct router_error error = router_too_big(&sent, SHORT_MTU);
	for (uint32_t i = 0; i < PATH_HEARD_PER_S + 100; i++) {
		s.f->worker.now_s = s.f->now_s; /* however long the test takes */
		memcpy(error.quoted + 20, &i, sizeof(i));
		error.quoted[20] |= 0x80; /* no SPI of an SA */
		say(&s, &error);
		fixture_set_time(s.f, s.f->now_s);
	}
	EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_heard), PATH_HEARD_PER_S);
	EXPECT_EQ(fixture_counted(s.f, COUNT_path_mtu_limited), 100);
	/* None of it crowded out what is said next, and none is believed. */
	fixture_set_time(s.f, s.f->now_s + 1);
	EXPECT_TRUE(leaves(&s, &sent));
	learn(&s, SHORT_MTU);
	EXPECT_FALSE(leaves(&s, &sent));
	close_scene(&s);
}

/* ---- whose errors are ---- */

TEST(path, no_error_about_esp_reaches_the_kernel)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet sent, got;
		open_whole(&s, family, CRYPTO_HMAC_SHA1_NULL);
		ASSERT_TRUE(leaves(&s, &sent));
		fixture_mark(s.f);
		static const uint8_t types[2][5] = { { 3, 4, 5, 11, 12 }, { 1, 3, 4, 100, 127 } };
		for (unsigned i = 0; i < 5; i++) {
			struct router_error error = router_too_big(&sent, 0);
			error.type = types[family == API_IPV6][i];
			error.code = 1;
			say(&s, &error);
			EXPECT_FALSE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
		}
		expect_counted(s.f, COUNTED({ COUNT_network_rx, 5 }, { COUNT_icmp_about_esp, 5 }));
		close_scene(&s);
	}
}

TEST(path, errors_about_all_else_are_the_kernels)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet clear, nested, got;
		uint8_t upper[64], icmp = family == API_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		open_whole(&s, family, CRYPTO_HMAC_SHA1_NULL);
		size_t n = packet_udp(upper, 5060, 5060, scene_text, SCENE_TEXT_BYTES);
		packet_make(&clear, &s.ue.to_ue, IPPROTO_UDP, upper, n);
		struct router_error error = router_too_big(&clear, 1280);
		packet_make(&nested, &s.ue.to_ue, icmp, error.quoted, 60);
		struct router_error about_error = router_too_big(&nested, 1280);
		struct router_error empty = error;
		empty.quoted_bytes = 19;
		struct router_error echo = error;
		echo.type = family == API_IPV4 ? 8 : 128;
		const struct router_error *all[] = { &error, &about_error, &empty, &echo };
		for (unsigned i = 0; i < 4; i++) {
			say(&s, all[i]);
			EXPECT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
		}
		expect_counted(s.f, COUNTED({ COUNT_network_rx, 4 }, { COUNT_clear_rx, 4 },
					    { COUNT_kernel_tx, 4 }));
		close_scene(&s);
	}
}

TEST(path, c078_a_tunnels_short_path_is_told_to_the_hosts_behind_us)
{
	for (unsigned k = 0; k < SEG_KINDS; k++) {
		const struct seg_kind *kind = &seg_kinds[k];
		struct fixture *f = fixture_open(&fixture_table);
		struct seg seg;
		struct packet p, sent, told, got;
		test_context("IPv%d in IPv%d%s", kind->inner, kind->outer,
			     kind->in_udp ? " in UDP" : "");
		seg_install_both(f, &seg, kind, CRYPTO_HMAC_SHA1_AES_CBC);
		seg.inner_out.fragment_be16 = kind->inner == API_IPV4 ? DF : 0;
		seg_inner(&p, &seg.inner_out, 1340);
		fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		fixture_turn(f);
		ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, 0, &sent));
		struct router_error error = router_too_big(&sent, 1410);
		router_say(f, 0, &error, (uint8_t)kind->outer);
		fixture_turn(f);
		EXPECT_EQ(fixture_counted(f, COUNT_path_mtu_heard), 1);
		fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		fixture_turn(f);
		EXPECT_FALSE(fixture_receive(f, FIXTURE_NETWORK, 0, &got));
		ASSERT_TRUE(fixture_receive(f, FIXTURE_KERNEL, 0, &told));
		uint32_t inner_bytes = router_told(&told, &p);
		for (uint32_t more = 0; more < 2; more++) {
			size_t headers = (kind->inner == API_IPV4 ? 20 : 40) + 8;
			seg_inner(&p, &seg.inner_out, inner_bytes + more - headers);
			fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
			fixture_turn(f);
			EXPECT_EQ(fixture_receive(f, FIXTURE_NETWORK, 0, &got), !more);
			EXPECT_LE(got.n_bytes - got.l3, 1410);
		}
		fixture_discard(f);
		test_context(NULL);
		expect_accounted(f);
		EXPECT_EQ(fixture_close(f), 0);
	}
}

/* An outer header that says DF has no number of its own (RFC 6864 4.1): fragments need one. */
TEST(path, c078_fragments_of_a_tunnels_packets_are_told_apart)
{
	static struct datagram d[2];
	for (unsigned k = 0; k < SEG_KINDS; k++) {
		struct fixture *f = fixture_open(&fixture_table);
		struct seg seg;
		struct packet p, sent;
		if (seg_kinds[k].inner != API_IPV6)
			goto next;
		test_context("kind %u", k);
		seg_install_both(f, &seg, &seg_kinds[k], CRYPTO_HMAC_SHA1_NULL);
		seg_inner(&p, &seg.inner_out, 1280 - 48);
		fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		fixture_turn(f);
		ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, 0, &sent));
		struct router_error error = router_too_big(&sent, 1280);
		router_say(f, 0, &error, (uint8_t)seg_kinds[k].outer);
		fixture_turn(f);
		for (unsigned i = 0; i < 2; i++) {
			fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
			fixture_turn(f);
			ASSERT_TRUE(pieces_receive(f, FIXTURE_NETWORK, 0, &d[i]));
			EXPECT_EQ(d[i].n_frames, 2);
			EXPECT_LE(d[i].largest_bytes, 1280);
		}
		EXPECT_NE(d[0].id, d[1].id);
		expect_accounted(f);
	next:
		test_context(NULL);
		EXPECT_EQ(fixture_close(f), 0);
	}
}

/* RFC 1122 3.2.2, RFC 4443 2.4. */
TEST(path, nothing_is_said_about_an_error_or_to_many)
{
	struct fixture *f = fixture_open(&fixture_table);
	struct seg seg;
	struct packet p, got;
	static uint8_t error[1470] = { 3, 1 };
	seg_install_both(f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	seg.inner_out.fragment_be16 = DF;
	packet_make(&p, &seg.inner_out, IPPROTO_ICMP, error, sizeof(error));
	fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	EXPECT_FALSE(fixture_receive(f, FIXTURE_KERNEL, 0, &got));
	expect_counted(f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_out_too_big, 1 }));
	error[0] = 8; /* an echo is no error */
	packet_make(&p, &seg.inner_out, IPPROTO_ICMP, error, sizeof(error));
	fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	ASSERT_TRUE(fixture_receive(f, FIXTURE_KERNEL, 0, &got));
	EXPECT_GT(router_told(&got, &p), 1400);
	expect_accounted(f);
	EXPECT_EQ(fixture_close(f), 0);
}
