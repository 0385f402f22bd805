#include "dataplane/parse.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/packet.h"

/* The frame lies at the end of a block of its size: a sanitizer sees a byte read beyond it. */
static enum parse_verdict parse_exact(const uint8_t *frame, uint32_t n_bytes, struct parse *at)
{
	uint8_t *block = malloc(n_bytes ? n_bytes : 1);
	if (!block)
		abort();
	memcpy(block, frame, n_bytes);
	enum parse_verdict verdict = parse_frame(block, n_bytes, at);
	free(block);
	return verdict;
}

static const struct packet_ip ipv4 = { .family = 4,
				       .source = { 192, 0, 2, 1 },
				       .destination = { 192, 0, 2, 2 } };
static const struct packet_ip ipv6 = { .family = 6,
				       .source = { 0xfd, 1 },
				       .destination = { 0xfd, 2 } };

static void make(struct packet *p, struct packet_ip ip, uint8_t protocol)
{
	static const uint8_t payload[24] = { 0x13, 0x88, 0x13, 0xc7 };
	packet_make(p, &ip, protocol, payload, sizeof(payload));
}

/* ---- where the headers are ---- */

static const struct {
	const char *what;
	struct packet_ip ip;
	uint8_t protocol;
	struct parse at;
} claims[] = {
	{ "IPv4",
	  { .family = 4 },
	  IPPROTO_ESP,
	  { .l3 = 14, .l4 = 34, .end = 58, .next_header = 23, .family = 4, .first = true } },
	{ "IPv4 behind a tag",
	  { .family = 4, .vlan = 4094 },
	  IPPROTO_UDP,
	  { .vlan = 4094,
	    .l3 = 18,
	    .l4 = 38,
	    .end = 62,
	    .next_header = 27,
	    .family = 4,
	    .first = true } },
	{ "priority bits are no part of the tag",
	  { .family = 4, .vlan = 0xe001 },
	  IPPROTO_UDP,
	  { .vlan = 1,
	    .l3 = 18,
	    .l4 = 38,
	    .end = 62,
	    .next_header = 27,
	    .family = 4,
	    .first = true } },
	{ "IPv4 with options",
	  { .family = 4, .option_bytes = 40 },
	  IPPROTO_TCP,
	  { .l3 = 14, .l4 = 74, .end = 98, .next_header = 23, .family = 4, .first = true } },
	{ "IPv4, do not fragment",
	  { .family = 4, .fragment_be16 = 0x4000 },
	  IPPROTO_UDP,
	  { .l3 = 14, .l4 = 34, .end = 58, .next_header = 23, .family = 4, .first = true } },
	{ "IPv4, first fragment",
	  { .family = 4, .fragment_be16 = 0x2000 },
	  IPPROTO_UDP,
	  { .l3 = 14,
	    .l4 = 34,
	    .end = 58,
	    .next_header = 23,
	    .family = 4,
	    .fragment = true,
	    .first = true } },
	{ "IPv4, middle fragment",
	  { .family = 4, .fragment_be16 = 0x2001 },
	  IPPROTO_UDP,
	  { .l3 = 14, .l4 = 34, .end = 58, .next_header = 23, .family = 4, .fragment = true } },
	{ "IPv4, last fragment",
	  { .family = 4, .fragment_be16 = 0x1fff },
	  IPPROTO_UDP,
	  { .l3 = 14, .l4 = 34, .end = 58, .next_header = 23, .family = 4, .fragment = true } },
	{ "IPv6",
	  { .family = 6 },
	  IPPROTO_ESP,
	  { .l3 = 14, .l4 = 54, .end = 78, .next_header = 20, .family = 6, .first = true } },
	{ "C-079: IPv6 with a hop-by-hop header",
	  { .family = 6, .extension = { IPPROTO_HOPOPTS }, .n_extensions = 1 },
	  IPPROTO_ESP,
	  { .l3 = 14, .l4 = 62, .end = 86, .next_header = 54, .family = 6, .first = true } },
	{ "IPv6 with every kind of extension behind a tag",
	  { .family = 6,
	    .vlan = 7,
	    .extension = { IPPROTO_HOPOPTS, IPPROTO_DSTOPTS, IPPROTO_ROUTING, IPPROTO_FRAGMENT,
			   IPPROTO_DSTOPTS },
	    .n_extensions = 5,
	    .fragment_offset_be16 = 1 },
	  IPPROTO_UDP,
	  { .vlan = 7,
	    .l3 = 18,
	    .l4 = 98,
	    .end = 122,
	    .next_header = 90,
	    .family = 6,
	    .fragment = true,
	    .first = true } },
	{ "IPv6, an atomic fragment is one",
	  { .family = 6, .extension = { IPPROTO_FRAGMENT }, .n_extensions = 1 },
	  IPPROTO_ESP,
	  { .l3 = 14,
	    .l4 = 62,
	    .end = 86,
	    .next_header = 54,
	    .family = 6,
	    .fragment = true,
	    .first = true } },
	{ "IPv6, a later fragment ends the walk",
	  { .family = 6,
	    .extension = { IPPROTO_FRAGMENT, IPPROTO_DSTOPTS },
	    .n_extensions = 2,
	    .fragment_offset_be16 = 0x0009 },
	  IPPROTO_UDP,
	  { .l3 = 14, .l4 = 62, .end = 94, .next_header = 54, .family = 6, .fragment = true } },
	{ "IPv6, no next header",
	  { .family = 6 },
	  IPPROTO_NONE,
	  { .l3 = 14, .l4 = 54, .end = 78, .next_header = 20, .family = 6, .first = true } },
};

TEST(parse, headers_are_where_the_claims_say)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct packet p;
		struct parse at, expected = claims[i].at;
		test_context("%s", claims[i].what);
		make(&p, claims[i].ip, claims[i].protocol);
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at), PARSE_IP);
		EXPECT_EQ(at.vlan, expected.vlan);
		EXPECT_EQ(at.l3, expected.l3);
		EXPECT_EQ(at.l4, expected.l4);
		EXPECT_EQ(at.end, expected.end);
		EXPECT_EQ(at.next_header, expected.next_header);
		EXPECT_EQ(at.family, expected.family);
		EXPECT_EQ(at.fragment, expected.fragment);
		EXPECT_EQ(at.first, expected.first);
		EXPECT_EQ(at.protocol, p.bytes[at.next_header]);
		if (at.first)
			EXPECT_EQ(at.protocol, claims[i].protocol);
	}
}

TEST(parse, ethernet_padding_is_no_part_of_the_packet)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		for (uint32_t padding = 1; padding <= 64; padding++) {
			struct packet p;
			struct parse at;
			make(&p, claims[i].ip, claims[i].protocol);
			test_context("%s, %u bytes of padding", claims[i].what, padding);
			EXPECT_EQ(parse_exact(p.bytes, p.n_bytes + padding, &at), PARSE_IP);
			EXPECT_EQ(at.end, p.n_bytes);
		}
	}
}

TEST(parse, what_is_not_ip_is_other)
{
	static const uint16_t type[] = { 0x0806, 0x88cc, 0x0000, 0x05dc, 0xffff, 0x8864 };
	for (size_t i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		uint8_t frame[18] = { 0 };
		struct parse at;
		frame[12] = (uint8_t)(type[i] >> 8);
		frame[13] = (uint8_t)type[i];
		EXPECT_EQ(parse_exact(frame, 14, &at), PARSE_OTHER);
		EXPECT_EQ(at.l3, 14);
		EXPECT_EQ(at.protocol, 0);
		memcpy(frame + 16, frame + 12, 2);
		memcpy(frame + 12, (uint8_t[]){ 0x81, 0x00, 0x20, 0x05 }, 4);
		EXPECT_EQ(parse_exact(frame, 18, &at), PARSE_OTHER);
		EXPECT_EQ(at.l3, 18);
		EXPECT_EQ(at.vlan, 5);
	}
}

/* The kernel would take off any number of priority tags and see what we did not (C-061). */
TEST(parse, c061_a_second_tag_is_malformed)
{
	static const uint8_t tag[][4] = { { 0x81, 0x00 }, { 0x88, 0xa8 }, { 0x91, 0x00 } };
	struct packet p;
	struct parse at;
	make(&p, ipv4, IPPROTO_UDP);
	for (size_t i = 0; i < 3; i++) {
		uint8_t frame[128];
		memcpy(frame, p.bytes, 12);
		memcpy(frame + 12, (uint8_t[]){ 0x81, 0x00, 0, 0 }, 4);
		memcpy(frame + 16, tag[i], 4);
		memcpy(frame + 20, p.bytes + 12, p.n_bytes - 12);
		test_context("inner tag %02x%02x", tag[i][0], tag[i][1]);
		EXPECT_EQ(parse_exact(frame, p.n_bytes + 8, &at), PARSE_MALFORMED);
	}
	for (size_t i = 1; i < 3; i++) {
		uint8_t frame[128];
		memcpy(frame, p.bytes, 12);
		memcpy(frame + 12, tag[i], 4);
		memcpy(frame + 16, p.bytes + 12, p.n_bytes - 12);
		test_context("only tag %02x%02x", tag[i][0], tag[i][1]);
		EXPECT_EQ(parse_exact(frame, p.n_bytes + 4, &at), PARSE_MALFORMED);
	}
}

/* ---- every length that is too short ---- */

TEST(parse, every_truncation_of_every_chain_is_truncated)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct packet p;
		make(&p, claims[i].ip, claims[i].protocol);
		for (uint32_t n = 0; n < p.n_bytes; n++) {
			struct parse at;
			test_context("%s cut to %u bytes", claims[i].what, n);
			EXPECT_EQ(parse_exact(p.bytes, n, &at), PARSE_TRUNCATED);
		}
	}
}

/* The packet ends inside its own headers though the frame goes on. */
TEST(parse, an_ip_length_that_ends_within_the_headers_is_refused)
{
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct packet p;
		struct parse whole;
		make(&p, claims[i].ip, claims[i].protocol);
		ASSERT_EQ(parse_exact(p.bytes, p.n_bytes, &whole), PARSE_IP);
		bool v4 = claims[i].ip.family == 4;
		uint32_t fixed = v4 ? 0 : 40;
		for (uint32_t n = fixed; n < (uint32_t)(whole.l4 - whole.l3); n++) {
			struct parse at;
			uint8_t *length = p.bytes + p.l3 + (v4 ? 2 : 4);
			length[0] = (uint8_t)((n - fixed) >> 8);
			length[1] = (uint8_t)(n - fixed);
			test_context("%s with an IP length of %u", claims[i].what, n);
			EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at),
				  v4 ? PARSE_MALFORMED : PARSE_TRUNCATED);
		}
	}
}

TEST(parse, an_ip_length_beyond_the_frame_is_truncated)
{
	for (uint32_t n = 1; n < 1500; n += 7) {
		struct packet p;
		struct parse at;
		make(&p, ipv4, IPPROTO_UDP);
		p.bytes[16] = (uint8_t)((44 + n) >> 8);
		p.bytes[17] = (uint8_t)(44 + n);
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at), PARSE_TRUNCATED);
		make(&p, ipv6, IPPROTO_UDP);
		p.bytes[18] = (uint8_t)((24 + n) >> 8);
		p.bytes[19] = (uint8_t)(24 + n);
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at), PARSE_TRUNCATED);
	}
}

TEST(parse, an_ipv4_header_length_below_five_words_or_beyond_the_packet_is_malformed)
{
	struct packet p;
	struct parse at;
	make(&p, ipv4, IPPROTO_UDP);
	for (uint8_t words = 0; words < 16; words++) {
		p.bytes[14] = 0x40 | words;
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at),
			  words >= 5 && words * 4 <= 44 ? PARSE_IP : PARSE_MALFORMED);
	}
}

TEST(parse, the_version_must_be_that_of_the_ethertype)
{
	struct packet p;
	struct parse at;
	for (unsigned version = 0; version < 16; version++) {
		make(&p, ipv4, IPPROTO_UDP);
		p.bytes[14] = (uint8_t)(version << 4 | 5);
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at),
			  version == 4 ? PARSE_IP : PARSE_MALFORMED);
		make(&p, ipv6, IPPROTO_UDP);
		p.bytes[14] = (uint8_t)(version << 4);
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at),
			  version == 6 ? PARSE_IP : PARSE_MALFORMED);
	}
}

TEST(parse, an_extension_may_be_as_long_as_the_packet_and_no_longer)
{
	struct packet_ip ip = ipv6;
	ip.extension[0] = IPPROTO_DSTOPTS;
	ip.n_extensions = 1;
	for (unsigned words = 0; words < 256; words++) {
		struct packet p;
		struct parse at;
		make(&p, ip, IPPROTO_UDP);
		p.bytes[14 + 40 + 1] = (uint8_t)words;
		test_context("an extension of %u + 1 words", words);
		/* 24 bytes of payload are three words more. */
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at),
			  words <= 3 ? PARSE_IP : PARSE_TRUNCATED);
		if (words <= 3)
			EXPECT_EQ(at.l4, 14 + 40 + 8 * (words + 1));
	}
}

TEST(parse, more_than_eight_extensions_are_malformed)
{
	struct packet_ip ip = ipv6;
	memset(ip.extension, IPPROTO_DSTOPTS, sizeof(ip.extension));
	for (uint8_t n = 0; n <= PACKET_MAX_EXTENSIONS; n++) {
		struct packet p;
		struct parse at;
		ip.n_extensions = n;
		make(&p, ip, IPPROTO_ESP);
		test_context("%u extensions", n);
		EXPECT_EQ(parse_exact(p.bytes, p.n_bytes, &at),
			  n <= PARSE_MAX_EXTENSIONS ? PARSE_IP : PARSE_MALFORMED);
	}
}

TEST(parse, a_frame_of_more_than_16_bits_is_malformed)
{
	static uint8_t frame[UINT16_MAX + 1] = { [12] = 8 };
	struct parse at;
	frame[14] = 0x45;
	frame[16] = frame[17] = 0xff;
	EXPECT_EQ(parse_exact(frame, UINT16_MAX + 1, &at), PARSE_MALFORMED);
	EXPECT_EQ(parse_exact(frame, UINT16_MAX, &at), PARSE_TRUNCATED);
	frame[16] = 0xff;
	frame[17] = 0xff - 14;
	EXPECT_EQ(parse_exact(frame, UINT16_MAX, &at), PARSE_IP);
	EXPECT_EQ(at.end, UINT16_MAX);
}

/* Whatever the bytes: on PARSE_IP every offset lies in order within the frame. */
TEST(parse, offsets_of_random_frames_stay_within_them)
{
	struct test_rng rng = { test_seed() };
	for (unsigned run = 0; run < 200000; run++) {
		const size_t i = test_rng_below(&rng, sizeof(claims) / sizeof(claims[0]));
		struct packet p;
		struct parse at;
		make(&p, claims[i].ip, claims[i].protocol);
		for (uint64_t n = 1 + test_rng_below(&rng, 4); n; n--)
			p.bytes[12 + test_rng_below(&rng, p.n_bytes - 12)] =
				(uint8_t)test_rng_next(&rng);
		uint32_t n_bytes = (uint32_t)(p.n_bytes - test_rng_below(&rng, 8));
		if (parse_exact(p.bytes, n_bytes, &at) != PARSE_IP)
			continue;
		EXPECT_TRUE(at.vlan < 4096);
		EXPECT_TRUE(at.l3 < at.next_header);
		EXPECT_TRUE(at.next_header < at.l4);
		EXPECT_TRUE(at.l4 <= at.end);
		EXPECT_TRUE(at.end <= n_bytes);
		if (test_has_failed())
			return;
	}
}
