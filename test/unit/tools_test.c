/*
 * What the commands of imsgate read from their user and from other processes, and what they print.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "configs/config.h"
#include "dataplane/key_text.h"
#include "dataplane/names.h"
#include "dataplane/number.h"
#include "dataplane/sa_options.h"
#include "test/shim/test.h"
#include "tools/ports.h"
#include "tools/stats.h"
#include "tools/status.h"
#include "tools/table.h"
#include "tools/top_sample.h"

TEST(tools_number, numbers_are_whole_and_in_range)
{
	static const struct {
		const char *text;
		bool valid;
		uint64_t number;
	} claims[] = {
		{ "0", true, 0 },  { "65535", true, 65535 }, { "0xffff", true, 65535 },
		{ "0XFF", false }, { "65536", false },       { "-1", false },
		{ "+1", false },   { " 1", false },          { "1 ", false },
		{ "", false },     { "0x", false },          { "99999999999999999999", false },
		{ "1e3", false },  { "12a", false },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		uint64_t number = 0;

		test_context("\"%s\"", claims[i].text);
		EXPECT_EQ(number_read(claims[i].text, 0, 65535, &number), claims[i].valid);
		if (claims[i].valid)
			EXPECT_EQ(number, claims[i].number);
	}
}

TEST(tools_key_text, key_is_read_and_its_text_overwritten)
{
	char text[] = "00fFa5";
	const uint8_t expected[] = { 0x00, 0xff, 0xa5 };
	const char zeros[sizeof(text)] = "";
	uint8_t key[3];

	EXPECT_EQ(key_read(text, key, sizeof(key)), 3);
	EXPECT_MEM(key, expected, 3);
	EXPECT_MEM(text, zeros, sizeof(text));
}

TEST(tools_key_text, what_is_no_key_is_overwritten_too)
{
	static const char *const texts[] = { "", "0", "0g", "00112233", "0x11" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char text[16] = "", zeros[16] = "";
		uint8_t key[3];

		test_context("\"%s\"", texts[i]);
		strcpy(text, texts[i]);
		EXPECT_EQ(key_read(text, key, sizeof(key)), 0);
		EXPECT_MEM(text, zeros, sizeof(text));
	}
}

/* Writes a file, reads keys from it, and removes it. */
static int read_key_file(const char *text, uint8_t sizes[2])
{
	char path[] = "/tmp/imsgate-XXXXXX";
	uint8_t auth[32], cipher[32];
	int fd = mkstemp(path), rc;

	EXPECT_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	rc = key_file_read(path, auth, &sizes[0], cipher, &sizes[1], sizeof(auth));
	unlink(path);
	return rc;
}

TEST(tools_key_text, key_file_holds_one_or_two_keys_and_nothing_else)
{
	static const struct {
		const char *text;
		int rc;
		uint8_t sizes[2];
	} claims[] = {
		{ "aabb\n", 0, { 2, 0 } },     { "aabb", 0, { 2, 0 } },
		{ "aabb\ncc\n", 0, { 2, 1 } }, { "aabb\r\ncc", 0, { 2, 1 } },
		{ "", 0, { 0, 0 } },           { "\n", -EINVAL },
		{ "aabb\ncc\ndd\n", -EINVAL }, { "aabb\n\n", -EINVAL },
		{ "key: aabb\n", -EINVAL },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		uint8_t sizes[2] = { 0 };

		test_context("claim %zu", i);
		EXPECT_EQ(read_key_file(claims[i].text, sizes), claims[i].rc);
		if (claims[i].rc == 0)
			EXPECT_MEM(sizes, claims[i].sizes, 2);
	}
	EXPECT_EQ(key_file_read("/nonexistent", NULL, NULL, NULL, NULL, 0), -ENOENT);
}

static struct config *one_zone(void)
{
	static const char text[] =
		"dataplane:\n"
		"  worker_cores: [1]\n"
		"  zones: [{name: access, network_port: net_null0, kernel_port: net_null1}]\n";
	struct config *config = NULL;
	char error[256];

	EXPECT_EQ(config_parse("f", text, strlen(text), &config, error, sizeof(error)), 0);
	return config;
}

/* Parses a command line of words with one blank between them. */
static int parse(struct sa_options *o, const char *line, const struct config *config)
{
	static char text[1024];
	char *argv[40], *rest;
	int argc = 0;

	snprintf(text, sizeof(text), "add %s", line);
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	return sa_options_parse(o, argc, argv, config);
}

#define KEY16  "00112233445566778899aabbccddeeff"
#define KEY20  KEY16 "00000000"
#define COMMON "--zone access --local 10.0.0.1 --peer 10.0.0.2 "
#define SHA1   COMMON "--integrity hmac-sha-1-96 --key " KEY20 " "

TEST(tools_sa_options, command_line_becomes_a_set)
{
	struct config *config = one_zone();
	struct sa_options o;

	ASSERT_EQ(parse(&o,
			SHA1 "--cipher aes-cbc --cipher-key " KEY16
			     " --window 64 --in 5063:40000 --out 6000:40001:0x1234 --lifetime 240 "
			     "--registration 9 --hold",
			config),
		  0);
	EXPECT_EQ(o.set.registration, 9);
	EXPECT_EQ(o.set.family, API_IPV4);
	EXPECT_EQ(o.set.mode, API_TRANSPORT);
	EXPECT_EQ(o.set.integrity, API_HMAC_SHA1_96);
	EXPECT_EQ(o.set.cipher, API_AES_CBC);
	EXPECT_EQ(o.set.auth_key_bytes, 20);
	EXPECT_EQ(o.set.cipher_key_bytes, 16);
	EXPECT_EQ(o.set.lifetime_s, 240);
	EXPECT_EQ(o.set.sa[0].direction, API_IN);
	EXPECT_EQ(o.set.sa[0].local_port, 5063);
	EXPECT_EQ(o.set.sa[0].peer_port, 40000);
	EXPECT_EQ(o.set.sa[0].spi, 0);
	EXPECT_EQ(o.set.sa[0].window_pkts, 64);
	EXPECT_EQ(o.set.sa[1].direction, API_OUT);
	EXPECT_EQ(o.set.sa[1].spi, 0x1234);
	EXPECT_EQ(o.set.sa[1].window_pkts, 0);
	EXPECT_EQ(o.set.sa[2].direction, 0);
	EXPECT_TRUE(o.hold);
	sa_options_wipe(&o);
	EXPECT_EQ(o.set.auth_key[1], 0);
	config_free(config);
}

TEST(tools_sa_options, what_is_missing_or_wrong_is_named)
{
	static const struct {
		const char *line;
		const char *error;
	} claims[] = {
		{ "", "--zone is missing" },
		{ "--zone", "--zone needs a value" },
		{ "--zone b", "the configuration has no zone b" },
		{ "--color red", "unknown option --color" },
		{ "--zone access --local 10.0.0.1", "--peer is missing" },
		{ "--zone access --peer 10.0.0.1", "--local is missing" },
		{ "--local 10.0.0.1 --peer fd00::2", "--local and --peer must be of one family" },
		{ "--local 10.0.0.300", "10.0.0.300 is no IPv4 or IPv6 address" },
		{ COMMON "--in 1:2", "--integrity is missing" },
		{ COMMON "--integrity none --in 1:2", "--integrity is missing" },
		{ COMMON "--integrity md4", "md4 is no known integrity algorithm" },
		{ COMMON "--cipher rot13", "rot13 is no known cipher" },
		{ SHA1, "--in and --out are missing: the set has no SA" },
		{ SHA1 "--in 1", "--in expects LOCALPORT:PEERPORT[:SPI]" },
		{ SHA1 "--in 0:1", "ports are from 1 to 65535" },
		{ SHA1 "--in 1:65536", "--in expects LOCALPORT:PEERPORT[:SPI]" },
		{ SHA1 "--in 1:2:255", "255 is no SPI from 256 to 4294967295" },
		{ SHA1 "--in 1:2:3:4", "3:4 is no SPI from 256 to 4294967295" },
		{ SHA1 "--out 1:2", "--out expects LOCALPORT:PEERPORT:SPI" },
		{ SHA1 "--in 1:2 --in 1:3 --in 1:4 --in 1:5 --in 1:6", "a set has at most 4 SAs" },
		{ SHA1 "--window 31", "--window expects a number from 32 to 2048" },
		{ SHA1 "--registration 0", "--registration expects a number above 0" },
		{ SHA1 "--lifetime soon", "--lifetime expects seconds" },
		{ COMMON "--integrity hmac-sha-1-96 --key " KEY16 " --in 1:2",
		  "hmac-sha-1-96 needs an integrity key of 20 bytes, found 16" },
		{ COMMON "--integrity hmac-sha-1-96 --in 1:2",
		  "hmac-sha-1-96 needs an integrity key of 20 bytes, found 0" },
		{ SHA1 "--in 1:2 --cipher aes-cbc",
		  "aes-cbc needs a cipher key of 16 bytes, found 0" },
		{ SHA1 "--in 1:2 --cipher-key " KEY16,
		  "null needs a cipher key of 0 bytes, found 16" },
		{ COMMON "--key secret", "--key expects hexadecimal digits" },
		{ SHA1 "--in 1:2 --key-file /nonexistent",
		  "/nonexistent: No such file or directory" },
		{ SHA1 "--in 1:2 --key-file /dev/zero",
		  "/dev/zero: expected the integrity key in hexadecimal on the first line and the "
		  "cipher key on the second" },
	};
	struct config *config = one_zone();

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct sa_options o;

		test_context("%s", claims[i].line);
		EXPECT_EQ(parse(&o, claims[i].line, config), -EINVAL);
		EXPECT_STREQ(o.error, claims[i].error);
		sa_options_wipe(&o);
	}
	config_free(config);
}

TEST(tools_names, registration_keeps_all_its_bits)
{
	char text[NAMES_REGISTRATION_BYTES];

	EXPECT_STREQ(names_registration(UINT64_MAX, text), "18446744073709551615");
}

TEST(tools_names, endpoints_read_as_in_uris)
{
	struct api_address four = { { 10, 0, 0, 1 } }, six = { { 0xfd, [15] = 1 } };
	char text[NAMES_ENDPOINT_BYTES];

	EXPECT_STREQ(names_endpoint(API_IPV4, &four, 5063, text), "10.0.0.1:5063");
	EXPECT_STREQ(names_endpoint(API_IPV6, &six, 65535, text), "[fd00::1]:65535");
	memset(&six, 0xff, sizeof(six));
	EXPECT_STREQ(names_endpoint(API_IPV6, &six, 1, text),
		     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:1");
	EXPECT_STREQ(names_endpoint(0, &four, 1, text), "?:1");
	EXPECT_STREQ(names_integrity(200), "?");
}

TEST(tools_stats, every_counter_must_be_there)
{
	json_t *object = json_object();
	struct stats stats;

	for (unsigned i = 0; i < COUNT_N; i++) {
		EXPECT_EQ(stats_parse(object, &stats), -EPROTO);
		json_object_set_new(object, stats_name(i), json_integer(i));
	}
	EXPECT_EQ(stats_parse(object, &stats), 0);
	EXPECT_EQ(stats.n[COUNT_esp_replayed], COUNT_esp_replayed);
	json_object_set_new(object, "esp_late", json_string("9"));
	EXPECT_EQ(stats_parse(object, &stats), -EPROTO);
	json_decref(object);
}

TEST(tools_stats, drops_are_what_follows_the_first_drop)
{
	for (unsigned i = 0; i < COUNT_N; i++) {
		test_context("%s", stats_name(i));
		EXPECT_EQ(stats_is_drop(i), i >= COUNTER_FIRST_DROP);
		EXPECT_TRUE(strncmp(stats_help(i), "drop", 4) != 0);
	}
}

TEST(tools_status, body_of_a_good_reply_is_json)
{
	static const struct {
		const char *reply;
		int rc;
	} claims[] = {
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", 0 },
		{ "HTTP/1.1 200 OK\r\n\r\n[1]", 0 },
		{ "HTTP/1.1 404 Not Found\r\n\r\n{}", -EPROTO },
		{ "HTTP/1.1 200 OK\r\n\r\n", -EPROTO },
		{ "HTTP/1.1 200 OK\r\n\r\n{", -EPROTO },
		{ "HTTP/1.1 200 OK\r\n\r\n{} {}", -EPROTO },
		{ "HTTP/1.1 200 OK\r\n", -EPROTO },
		{ "{}", -EPROTO },
		{ "", -EPROTO },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		json_t *body = NULL;

		test_context("claim %zu", i);
		EXPECT_EQ(status_parse(claims[i].reply, strlen(claims[i].reply), &body),
			  claims[i].rc);
		json_decref(body);
	}
}

/* What a printer wrote. The caller frees it. */
static char *print_rows(const json_t *rows)
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);

	table_print(file, rows);
	fclose(file);
	return text;
}

TEST(tools_table, columns_are_aligned_and_texts_made_printable)
{
	json_t *rows = json_loads("[{\"name\": \"a\\u001b[2J\", \"n\": 5, \"on\": true},"
				  " {\"name\": \"bcdefgh\", \"n\": 1234}, {\"n\": 1.25}, 7]",
				  0, NULL);
	char *text = print_rows(rows);

	EXPECT_STREQ(text, "name        n  on\n"
			   "a?[2J       5  yes\n"
			   "bcdefgh  1234  -\n"
			   "-         1.2  -\n"
			   "-           -  -\n");
	free(text);
	json_decref(rows);
}

TEST(tools_table, nothing_to_print_prints_nothing)
{
	static const char *const texts[] = { "[]", "[{}]", "[1, 2]", "{}" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_t *rows = json_loads(texts[i], 0, NULL);
		char *text = print_rows(rows);

		test_context("%s", texts[i]);
		EXPECT_STREQ(text, "");
		free(text);
		json_decref(rows);
	}
}

TEST(tools_ports, zone_becomes_a_row_for_each_side)
{
	static const char *const zones[] = {
		"[{\"zone\":\"a\",\"vlan\":7,\"network_rx\":1,\"kernel_rx\":2}]",
		"{\"0\":{\"zone\":\"a\",\"vlan\":7,\"network_rx\":1,\"kernel_rx\":2}}",
	};

	for (unsigned i = 0; i < 2; i++) {
		json_t *reply = json_loads(zones[i], 0, NULL);
		json_t *rows = ports_rows(reply);
		char *text = json_dumps(rows, JSON_COMPACT);

		EXPECT_STREQ(text, "[{\"zone\":\"a\",\"side\":\"network\",\"vlan\":7,\"rx\":1},"
				   "{\"zone\":\"a\",\"side\":\"kernel\",\"vlan\":7,\"rx\":2}]");
		free(text);
		json_decref(rows);
		json_decref(reply);
	}
}

static char *print_top(const struct top_sample *before, const struct top_sample *now,
		       void (*print)(FILE *, const struct top_sample *, const struct top_sample *))
{
	char *text = NULL;
	size_t bytes;
	FILE *file = open_memstream(&text, &bytes);

	print(file, before, now);
	fclose(file);
	return text;
}

TEST(tools_top, rates_are_differences_over_time)
{
	struct top_sample before = { .time_s = 10, .n_registrations = -1, .n_workers = 1 };
	struct top_sample now = before;
	char *text;

	now.time_s = 12;
	now.sas_used = 4;
	now.stats.n[COUNT_esp_rx] = 200;
	now.stats.n[COUNT_esp_replayed] = 6;
	now.stats.n[COUNT_tx_full] = 2;
	text = print_top(&before, &now, top_print_line);
	EXPECT_STREQ(text, "network_rx/s 0 network_tx/s 0 esp_rx/s 100 esp_rx_bytes/s 0 esp_tx/s 0 "
			   "esp_tx_bytes/s 0 drops/s 4 sas 4\n");
	free(text);
}

TEST(tools_top, screen_shows_load_and_only_drops_that_happened)
{
	struct top_sample before = { .time_s = 1, .n_registrations = 3, .n_workers = 1 };
	struct top_sample now = before;
	char *text;

	now.time_s = 2;
	now.sas_capacity = 1024;
	now.worker[0].turns = 200;
	now.worker[0].busy_turns = 50;
	now.stats.n[COUNT_esp_late] = 5;
	text = print_top(&before, &now, top_print_screen);
	EXPECT_TRUE(strstr(text, "SAs 0 of 1024   registrations 3   busy 25%\n") == text);
	EXPECT_TRUE(strstr(text, "esp_late                              5                  5  "
				 "sequence number left of the replay window\n") != NULL);
	EXPECT_TRUE(strstr(text, "esp_replayed") == NULL);
	free(text);
}

TEST(tools_top, restarted_data_plane_has_no_rate)
{
	struct top_sample before = { .time_s = 1, .n_registrations = -1 };
	struct top_sample now = { .time_s = 2, .n_registrations = -1 };
	char *text;

	before.stats.n[COUNT_esp_rx] = 1000;
	now.stats.n[COUNT_esp_rx] = 10;
	text = print_top(&before, &now, top_print_line);
	EXPECT_TRUE(strstr(text, "esp_rx/s 0 ") != NULL);
	free(text);
}
