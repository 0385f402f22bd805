#include "tools/ue/esp.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "tools/ue/keylog.h"

static const char payload[] = "OPTIONS sip:p SIP/2.0\r\n\r\n";
static const char *const ik = "f769bcd751044604127672711c6d3441 00000000";
static const char *const ck = "b40ba9a3c58b2a05bbf0d987b21bf8cb";

/* A UE and what answers it: the same set seen from both sides. */
struct pair {
	struct crypto *crypto;
	struct sa_table *ue_sas, *pcscf_sas;
	struct sa_set *ue_set, *pcscf_set;
	struct address ue, pcscf;
	struct packet p;
	struct esp_job job;
};

static struct pair pair;

static bool in_udp; /* of the next pair */

static void open_pair(enum crypto_suite suite, bool ipv6)
{
	uint8_t auth_key[32] = { 0 }, cipher_key[32] = { 0 };
	static const uint8_t salt[4] = { 1, 2, 3, 4 };
	struct sa_plan ue = { .suite = suite,
			      .port_uc = 5062,
			      .port_us = 5063,
			      .port_pc = 6000,
			      .port_ps = 5064,
			      .auth_key = auth_key,
			      .cipher_key = cipher_key,
			      .salt = salt,
			      .in_udp = in_udp };
	struct sa_plan pcscf = ue;

	test_hex(ik, auth_key, sizeof(auth_key));
	test_hex(ck, cipher_key, sizeof(cipher_key));
	pair.crypto = crypto_new(-1);
	pair.ue_sas = sa_table_new(1);
	pair.pcscf_sas = sa_table_new(1);
	ue.spi_uc = sa_spi_take(pair.ue_sas);
	ue.spi_us = sa_spi_take(pair.ue_sas);
	ue.spi_pc = sa_spi_take(pair.pcscf_sas);
	ue.spi_ps = sa_spi_take(pair.pcscf_sas);
	pcscf.spi_uc = ue.spi_pc;
	pcscf.spi_us = ue.spi_ps;
	pcscf.spi_pc = ue.spi_uc;
	pcscf.spi_ps = ue.spi_us;
	pcscf.port_uc = ue.port_pc;
	pcscf.port_us = ue.port_ps;
	pcscf.port_pc = ue.port_uc;
	pcscf.port_ps = ue.port_us;
	pair.ue_set = sa_set_install(pair.ue_sas, pair.crypto, &ue);
	pair.pcscf_set = sa_set_install(pair.pcscf_sas, pair.crypto, &pcscf);
	address_parse(ipv6 ? "2001:db8::1" : "192.0.2.1", &pair.ue);
	address_parse(ipv6 ? "2001:db8::2" : "192.0.2.2", &pair.pcscf);
}

static void close_pair(void)
{
	sa_table_free(pair.ue_sas);
	sa_table_free(pair.pcscf_sas);
	crypto_free(pair.crypto);
}

static void run(void)
{
	struct esp_job *job = &pair.job;

	esp_run(pair.crypto, &job, 1);
}

/* A sealed datagram from the UE in pair.p. */
static void seal(size_t n_bytes, uint16_t port)
{
	static const uint8_t data[2000];

	ASSERT_EQ(packet_build_udp(&pair.p, &pair.ue, port, &pair.pcscf, 5064, data, n_bytes), 0);
	ASSERT_EQ(esp_seal(&pair.job, &pair.p, sa_set_outbound(pair.ue_set)), ESP_OK);
}

/* The whole way in at the other side. */
static enum esp_verdict open_sealed(void)
{
	enum esp_verdict verdict = packet_parse(&pair.p, pair.p.ip, pair.p.bytes)
					   ? ESP_MALFORMED
					   : esp_open(&pair.job, &pair.p, pair.pcscf_sas);

	if (verdict != ESP_OK)
		return verdict;
	run();
	return esp_finish(&pair.job, &pair.pcscf, &pair.ue);
}

static void expect_vector(enum crypto_suite suite, const char *icv)
{
	uint8_t expected[76];
	char text[400];
	struct sa sa;

	open_pair(suite, false);
	sa = *sa_set_outbound(pair.ue_set);
	sa.spi = 0x1001;
	ASSERT_EQ(packet_build_udp(&pair.p, &pair.ue, 5062, &pair.pcscf, 5064, payload,
				   sizeof(payload) - 1),
		  0);
	pair.p.ip[5] = 1; /* the vector's IP id */
	ASSERT_EQ(esp_seal(&pair.job, &pair.p, &sa), ESP_OK);
	run();
	snprintf(text, sizeof(text),
		 "4500004c000100004032f67bc0000201c0000202 00001001 00000001 13c613c80021a08c"
		 "4f5054494f4e53207369703a70205349502f322e300d0a0d0a 010111 %s",
		 icv);
	ASSERT_EQ(test_hex(text, expected, sizeof(expected)), sizeof(expected));
	ASSERT_EQ(pair.p.bytes, sizeof(expected));
	EXPECT_MEM(pair.p.ip, expected, sizeof(expected));
	close_pair();
}

TEST(ue_esp, c066_published_packets)
{
	expect_vector(CRYPTO_HMAC_SHA1_NULL, "82adbb726bdd1efbcd0c881a");
	expect_vector(CRYPTO_HMAC_MD5_NULL, "0774cd5d4c9ccd1f1ce49ad8");
}

TEST(ue_esp, what_is_sealed_opens_with_any_suite_family_and_length)
{
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++)
		for (int ipv6 = 0; ipv6 < 2; ipv6++) {
			open_pair((enum crypto_suite)suite, ipv6);
			for (size_t n = 0; n < 100; n++) {
				test_context("suite %d ipv6 %d length %zu", suite, ipv6, n);
				seal(n, 5062);
				run();
				ASSERT_EQ(open_sealed(), ESP_OK);
				EXPECT_EQ(pair.p.bytes - pair.p.l4, PACKET_UDP_BYTES + (int)n);
				/* Over data that holds its own sum, it is zero: C-079. */
				EXPECT_EQ(packet_checksum_be(&pair.p), 0);
			}
			close_pair();
		}
}

TEST(ue_esp, c070_a_flipped_bit_anywhere_is_refused_and_moves_nothing)
{
	open_pair(CRYPTO_HMAC_SHA1_AES_CBC, false);
	seal(20, 5062);
	run();
	for (unsigned bit = 0; bit < (pair.p.bytes - PACKET_IPV4_BYTES) * 8u; bit++) {
		struct packet before = pair.p;
		enum esp_verdict verdict;

		test_context("bit %u", bit);
		pair.p.ip[PACKET_IPV4_BYTES + bit / 8] ^= (uint8_t)(1 << bit % 8);
		verdict = open_sealed();
		EXPECT_EQ(verdict, bit < 32    ? ESP_UNKNOWN_SPI
				   : bit == 56 ? ESP_REPLAYED
					       : /* number 1 becomes 0 */
					   ESP_BAD_ICV);
		pair.p = before;
		EXPECT_EQ(pair.pcscf_set->sa[1].window.top, 0); /* C-073 */
	}
	EXPECT_EQ(open_sealed(), ESP_OK);
	close_pair();
}

TEST(ue_esp, c071_a_packet_is_taken_once)
{
	struct packet copy;

	open_pair(CRYPTO_HMAC_MD5_NULL, true);
	seal(20, 5062);
	run();
	copy = pair.p;
	EXPECT_EQ(open_sealed(), ESP_OK);
	pair.p = copy;
	EXPECT_EQ(open_sealed(), ESP_REPLAYED);
	close_pair();
}

TEST(ue_esp, twins_in_one_burst_are_taken_once)
{
	static struct packet twin;
	struct esp_job other, *jobs[2] = { &pair.job, &other };

	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	seal(20, 5062);
	run();
	twin = pair.p;
	ASSERT_EQ(packet_parse(&twin, twin.buffer + (pair.p.ip - pair.p.buffer), pair.p.bytes), 0);
	ASSERT_EQ(esp_open(&pair.job, &pair.p, pair.pcscf_sas), ESP_OK);
	ASSERT_EQ(esp_open(&other, &twin, pair.pcscf_sas), ESP_OK);
	esp_run(pair.crypto, jobs, 2);
	EXPECT_EQ(esp_finish(&pair.job, &pair.pcscf, &pair.ue), ESP_OK);
	EXPECT_EQ(esp_finish(&other, &pair.pcscf, &pair.ue), ESP_REPLAYED);
	close_pair();
}

TEST(ue_esp, c077a_valid_esp_with_other_ports_or_addresses_is_refused)
{
	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	seal(20, 5061);
	run();
	EXPECT_EQ(open_sealed(), ESP_BAD_SELECTOR);
	seal(20, 5062);
	run();
	pair.p.ip[15] ^= 1; /* source address: not under the ICV */
	EXPECT_EQ(open_sealed(), ESP_BAD_SELECTOR);
	close_pair();
}

TEST(ue_esp, c074b_padding_counts_up_and_fits)
{
	static const struct {
		int at; /* from the trailer */
		uint8_t value;
		enum esp_verdict verdict;
	} rows[] = {
		{ -1, 2, ESP_OK },           { -1, 1, ESP_BAD_PADDING },
		{ -2, 0, ESP_BAD_PADDING },  { 0, 3, ESP_BAD_PADDING },
		{ 0, 255, ESP_BAD_PADDING }, { 1, 59, ESP_BAD_SELECTOR }, /* dummy */
		{ 1, 4, ESP_BAD_SELECTOR },  { 1, 41, ESP_BAD_SELECTOR },
	};

	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("row %u", i);
		seal(4, 5062); /* 12 of UDP, 2 of padding */
		pair.job.job.esp[pair.job.job.auth_bytes - ESP_TRAILER_BYTES + rows[i].at] =
			rows[i].value;
		run();
		EXPECT_EQ(open_sealed(), rows[i].verdict);
	}
	close_pair();
}

TEST(ue_esp, every_truncation_is_refused)
{
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		struct packet whole;

		open_pair((enum crypto_suite)suite, false);
		seal(20, 5062);
		run();
		whole = pair.p;
		for (int n = whole.bytes - whole.l4 - 1; n >= 0; n--) {
			pair.p = whole;
			packet_reframe(&pair.p, 0, (size_t)n, IPPROTO_ESP);
			test_context("suite %d, %d bytes", suite, n);
			EXPECT_NE(open_sealed(), ESP_OK);
		}
		close_pair();
	}
}

TEST(ue_esp, c074a_the_first_number_is_1_and_the_last_is_not_passed)
{
	struct sa *sa;

	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	sa = sa_set_outbound(pair.ue_set);
	seal(4, 5062);
	EXPECT_EQ(pair.job.sequence, 1);
	sa->sequence = UINT32_MAX;
	packet_build_udp(&pair.p, &pair.ue, 5062, &pair.pcscf, 5064, payload, 4);
	EXPECT_EQ(esp_seal(&pair.job, &pair.p, sa), ESP_EXHAUSTED);
	close_pair();
}

TEST(ue_window, c072_edges)
{
	static const struct {
		uint32_t number;
		bool fresh;
	} rows[] = {
		{ 0, false },
		{ 1, true },
		{ 1, false },
		{ 200, true },
		{ 199, true },
		{ 73, true },
		{ 73, false },
		{ 72, false },
		{ 201, true },
		{ 74, true },
		{ 73, false },
		{ 10000, true },
		{ 9873, true },
		{ 9872, false },
		{ UINT32_MAX, true },
		{ UINT32_MAX, false },
		{ UINT32_MAX - 127, true },
		{ UINT32_MAX - 128, false },
	};
	struct window w = { 0 };

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("row %u: %u", i, rows[i].number);
		ASSERT_EQ(window_is_fresh(&w, rows[i].number), rows[i].fresh);
		if (rows[i].fresh)
			window_accept(&w, rows[i].number);
	}
}

TEST(ue_sa, c091_the_newest_set_of_a_tuple_is_the_one_that_sends)
{
	struct sa_plan plan = { .suite = CRYPTO_HMAC_SHA1_NULL, .port_uc = 1, .port_ps = 2 };
	uint8_t key[20] = { 0 };
	struct sa_set *second;

	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	plan.auth_key = key;
	plan.cipher_key = key;
	plan.port_uc = 5062;
	plan.port_ps = 5064;
	plan.spi_uc = sa_spi_take(pair.ue_sas);
	plan.spi_us = sa_spi_take(pair.ue_sas);
	plan.spi_ps = 0x12345;
	plan.single_pair = true;
	second = sa_set_install(pair.ue_sas, pair.crypto, &plan);
	ASSERT_TRUE(second);
	EXPECT_EQ(second->n_sas, 2);
	EXPECT_EQ(sa_find_outbound(pair.ue_sas, 0, 5062, 5064)->spi, 0x12345);
	EXPECT_TRUE(sa_is_outbound_spi(pair.ue_sas, 0x12345));
	sa_set_delete(pair.ue_sas, second);
	EXPECT_FALSE(sa_is_outbound_spi(pair.ue_sas, 0x12345));
	EXPECT_FALSE(sa_find_inbound(pair.ue_sas, plan.spi_us));
	EXPECT_TRUE(sa_find_outbound(pair.ue_sas, 0, 5062, 5064) == sa_set_outbound(pair.ue_set));
	close_pair();
}

TEST(ue_keylog, has_one_row_of_tshark_for_each_sa_and_is_for_its_owner_alone)
{
	struct esp_keys keys = { .auth_key_bytes = 2, .cipher_key_bytes = 1 };
	char path[] = "/tmp/ue_keylog_XXXXXX", text[512] = "", row[256];
	int fd = mkstemp(path);
	struct stat about;
	FILE *file;

	open_pair(CRYPTO_HMAC_SHA1_AES_CBC, false);
	keys.auth_key[1] = 0xab;
	keys.cipher_key[0] = 0xcd;
	ASSERT_EQ(fchmod(fd, 0644), 0);
	file = keylog_open(path);
	ASSERT_TRUE(file);
	EXPECT_EQ(keylog_write(file, AF_INET, pair.ue_set, ALG_HMAC_SHA1_96, ALG_AES_CBC, &keys),
		  0);
	EXPECT_EQ(fstat(fd, &about), 0);
	EXPECT_EQ(about.st_mode & 0777, 0600);
	EXPECT_GT(read(fd, text, sizeof(text) - 1), 0);
	for (unsigned i = 0; i < SA_MAX_SAS; i++) {
		snprintf(row, sizeof(row),
			 "\"IPv4\",\"*\",\"*\",\"0x%08x\",\"AES-CBC [RFC3602]\",\"0xcd\","
			 "\"HMAC-SHA-1-96 [RFC2404]\",\"0x00ab\"\n",
			 pair.ue_set->sa[i].spi);
		EXPECT_TRUE(strstr(text, row));
	}
	fclose(file);
	close(fd);
	unlink(path);
	close_pair();
}

/* As the socket gives what was in the UDP datagram of pair.p. */
static enum esp_verdict open_datagram(void)
{
	struct address from = pair.p.source, to = pair.p.destination;
	unsigned headers = PACKET_IPV4_BYTES + PACKET_UDP_BYTES;
	size_t n = pair.p.bytes - headers;
	enum esp_verdict verdict;

	memmove(packet_room(&pair.p), pair.p.ip + headers, n);
	EXPECT_EQ(packet_restore(&pair.p, &from, &to, IPPROTO_ESP, n), 0);
	pair.p.in_udp = true;
	verdict = esp_open(&pair.job, &pair.p, pair.pcscf_sas);
	if (verdict != ESP_OK)
		return verdict;
	run();
	return esp_finish(&pair.job, &pair.pcscf, &pair.ue);
}

/* TS 33.203 Annex M, RFC 3948: whole packets, in UDP of port 4500 without a sum. */
TEST(ue_esp, c081_what_goes_through_a_nat_is_the_whole_packet_in_udp)
{
	static const struct {
		enum crypto_suite suite;
		unsigned iv_bytes, icv_bytes, block_bytes;
	} suites[] = { { CRYPTO_HMAC_SHA1_NULL, 0, 12, 4 },
		       { CRYPTO_HMAC_MD5_AES_CBC, 16, 12, 16 } };

	in_udp = true;
	for (unsigned i = 0; i < 2; i++) {
		test_context("suite %u", i);
		open_pair(suites[i].suite, false);
		for (size_t n = 0; n < 40; n++) {
			unsigned carried = PACKET_IPV4_BYTES + PACKET_UDP_BYTES + (unsigned)n + 2;
			unsigned padded = carried + (-carried & (suites[i].block_bytes - 1));

			seal(n, 5062);
			run();
			EXPECT_EQ(pair.p.protocol, IPPROTO_UDP);
			EXPECT_EQ(pair.p.source_port, 4500);
			EXPECT_EQ(pair.p.destination_port, 4500);
			EXPECT_TRUE(address_equal(&pair.p.source, &pair.ue));
			EXPECT_EQ(pair.p.bytes, PACKET_IPV4_BYTES + PACKET_UDP_BYTES + 8 +
							suites[i].iv_bytes + padded +
							suites[i].icv_bytes);
			EXPECT_EQ(pair.p.ip[pair.p.l4 + 6] | pair.p.ip[pair.p.l4 + 7], 0);
			ASSERT_EQ(open_datagram(), ESP_OK);
			EXPECT_EQ(pair.p.protocol, IPPROTO_UDP);
			EXPECT_EQ(pair.p.source_port, 5062);
			EXPECT_EQ(pair.p.bytes, PACKET_IPV4_BYTES + PACKET_UDP_BYTES + n);
			EXPECT_TRUE(address_equal(&pair.p.source, &pair.ue));
		}
		close_pair();
	}
	in_udp = false;
}

TEST(ue_esp, c081_esp_of_one_mode_is_not_taken_for_the_other)
{
	in_udp = true;
	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	test_context("an SA in UDP, its packet right on IP");
	seal(20, 5062);
	run();
	pair.p.ip += PACKET_UDP_BYTES; /* the header is written anew */
	pair.p.bytes -= PACKET_UDP_BYTES;
	struct address from = pair.ue, to = pair.pcscf;
	size_t n = pair.p.bytes - PACKET_IPV4_BYTES;
	memmove(packet_room(&pair.p), pair.p.ip + PACKET_IPV4_BYTES, n);
	ASSERT_EQ(packet_restore(&pair.p, &from, &to, IPPROTO_ESP, n), 0);
	EXPECT_EQ(esp_open(&pair.job, &pair.p, pair.pcscf_sas), ESP_UNKNOWN_SPI);
	close_pair();
	in_udp = false;
	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	test_context("an SA right on IP, its packet in UDP");
	seal(20, 5062);
	run();
	pair.p.in_udp = true;
	EXPECT_EQ(esp_open(&pair.job, &pair.p, pair.pcscf_sas), ESP_UNKNOWN_SPI);
	close_pair();
}

TEST(ue_esp, c077a_c081_what_comes_out_of_a_tunnel_has_the_addresses_and_ports_inside)
{
	static const struct {
		const char *source;
		uint16_t port;
		enum esp_verdict verdict;
	} rows[] = {
		{ "192.0.2.1", 5062, ESP_OK },
		{ "192.0.2.1", 5063, ESP_BAD_SELECTOR },
		{ "192.0.2.9", 5062, ESP_BAD_SELECTOR },
	};

	in_udp = true;
	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address real = pair.ue;

		test_context("row %u", i);
		address_parse(rows[i].source, &pair.ue);
		seal(20, rows[i].port);
		run();
		pair.ue = real;
		EXPECT_EQ(open_datagram(), rows[i].verdict);
	}
	close_pair();
	in_udp = false;
}

TEST(ue_esp, c081_a_ue_that_has_spoken_needs_no_keepalive)
{
	in_udp = true;
	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	EXPECT_TRUE(sa_is_silent_in_udp(pair.ue_sas, 0));
	seal(20, 5062);
	EXPECT_FALSE(sa_is_silent_in_udp(pair.ue_sas, 0));
	EXPECT_TRUE(sa_is_silent_in_udp(pair.ue_sas, 0));
	close_pair();
	in_udp = false;
	open_pair(CRYPTO_HMAC_SHA1_NULL, false);
	EXPECT_FALSE(sa_is_silent_in_udp(pair.ue_sas, 0));
	close_pair();
}
