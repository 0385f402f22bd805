/* Command lines of `imsgate tunnel add`, and of `imsgate sa add` for a tunnel. */
#include "tools/tunnel_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "configs/config.h"
#include "dataplane/sa_options.h"
#include "test/shim/test.h"

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

/* Words with one blank between them, behind "add". */
static int words(const char *line, char *argv[40])
{
	static char text[1024];
	char *rest;
	int argc = 0;

	snprintf(text, sizeof(text), "add %s", line);
	for (char *word = strtok_r(text, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	return argc;
}

static int parse_tunnel(struct tunnel_options *o, const char *line, const struct config *config)
{
	char *argv[40];
	int argc = words(line, argv);

	return tunnel_options_parse(o, argc, argv, config);
}

static int parse_sa(struct sa_options *o, const char *line, const struct config *config)
{
	char *argv[40];
	int argc = words(line, argv);

	return sa_options_parse(o, argc, argv, config);
}

#define ENDS "--zone access --local 10.0.0.1 --peer 10.0.0.2 "
#define NETS "--local-net 10.1.0.0/16 --remote-net 10.2.3.4 "

TEST(tools_tunnel, command_line_becomes_a_tunnel)
{
	struct config *config = one_zone();
	struct tunnel_options o;

	ASSERT_EQ(parse_tunnel(&o,
			       ENDS NETS
			       "--protocol 17 --local-port 5060 --remote-port 5061 --encap "
			       "4500:40500 --follow --handle 77",
			       config),
		  0);
	struct api_tunnel expected = {
		.handle = 77,
		.family = API_IPV4,
		.flags = API_TUNNEL_FOLLOW,
		.local_port = 4500,
		.peer_port = 40500,
		.local = { { 10, 0, 0, 1 } },
		.peer = { { 10, 0, 0, 2 } },
		.selector = { .family = API_IPV4,
			      .protocol = 17,
			      .local_bits = 16,
			      .remote_bits = 32,
			      .local_port = 5060,
			      .remote_port = 5061,
			      .local = { { 10, 1 } },
			      .remote = { { 10, 2, 3, 4 } } },
	};
	EXPECT_MEM(&o.tunnel, &expected, sizeof(expected));
	ASSERT_EQ(parse_tunnel(&o, ENDS "--local-net fd01::/64 --remote-net ::/0", config), 0);
	EXPECT_EQ(o.tunnel.selector.family, API_IPV6);
	EXPECT_EQ(o.tunnel.selector.local_bits, 64);
	EXPECT_EQ(o.tunnel.selector.remote_bits, 0);
	ASSERT_EQ(parse_tunnel(&o, ENDS "--encap 4500:4500", config), 0);
	EXPECT_EQ(o.tunnel.selector.family, 0);
	config_free(config);
}

TEST(tools_tunnel, what_is_missing_or_wrong_in_a_tunnel_is_named)
{
	static const struct {
		const char *line;
		const char *error;
	} claims[] = {
		{ "", "--zone is missing" },
		{ "--zone b", "the configuration has no zone b" },
		{ "--zone access --peer 10.0.0.1", "--local is missing" },
		{ "--zone access --local 10.0.0.1", "--peer is missing" },
		{ "--local 10.0.0.1 --peer fd00::2",
		  "fd00::2 is not of the family of the other end" },
		{ "--local-net 10.0.0.0/33", "33 is no prefix length of 10.0.0.0" },
		{ "--local-net 10.0.0/24", "10.0.0 is no IPv4 or IPv6 address" },
		{ "--local-net 10.0.0.0/8 --remote-net fd00::/8",
		  "fd00:: is not of the family of the other end" },
		{ ENDS, "--local-net and --remote-net are missing" },
		{ ENDS "--encap 4500", "--encap expects LOCALPORT:PEERPORT" },
		{ ENDS "--encap 0:4500", "--encap expects LOCALPORT:PEERPORT" },
		{ ENDS "--protocol 256", "--protocol expects a number from 0 to 255" },
		{ ENDS "--local-port 65536", "65536 is no port" },
		{ ENDS "--handle 0", "--handle expects a number above 0" },
		{ ENDS "--color red", "unknown option --color" },
	};
	struct config *config = one_zone();

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct tunnel_options o;

		test_context("%s", claims[i].line);
		EXPECT_EQ(parse_tunnel(&o, claims[i].line, config), -EINVAL);
		EXPECT_STREQ(o.error, claims[i].error);
	}
	config_free(config);
}

#define KEY20 "00112233445566778899aabbccddeeff00000000"
#define SHA1  "--integrity hmac-sha-1-96 --key " KEY20 " "

TEST(tools_tunnel, an_sa_of_a_tunnel_has_no_place_and_no_ports_and_may_be_extended)
{
	struct config *config = one_zone();
	struct sa_options o;

	ASSERT_EQ(parse_sa(&o, "--tunnel 3 --esn --sequence 4294967295 --in 0:0 " SHA1, config), 0);
	EXPECT_EQ(o.set.mode, API_TUNNEL);
	EXPECT_EQ(o.set.tunnel, 3);
	EXPECT_EQ(o.set.family, 0);
	EXPECT_EQ(o.set.sa[0].flags, API_SA_ESN);
	EXPECT_EQ(o.set.sa[0].sequence, UINT32_MAX);
	ASSERT_EQ(parse_sa(&o,
			   "--tunnel 3 --cipher aes-gcm --cipher-key " KEY20
			   "001122334455667788990011 "
			   "--salt 01020304 --out 0:0:5000",
			   config),
		  0);
	EXPECT_EQ(o.set.cipher_key_bytes, 32);
	EXPECT_EQ(o.set.salt[3], 4);
	char path[] = "/tmp/imsgate-key-XXXXXX";
	int fd = mkstemp(path);
	ASSERT_TRUE(fd >= 0 && write(fd, KEY20, 32) == 32);
	close(fd);
	char line[200];
	snprintf(line, sizeof(line), "--tunnel 3 --cipher aes-gcm --key-file %s --in 0:0", path);
	EXPECT_EQ(parse_sa(&o, line, config), 0);
	unlink(path);
	EXPECT_EQ(o.set.auth_key_bytes, 0);
	EXPECT_EQ(o.set.cipher_key_bytes, 16);
	EXPECT_EQ(o.set.cipher_key[15], 0xff);
	EXPECT_EQ(o.set.auth_key[15], 0);
	ASSERT_EQ(parse_sa(&o, ENDS "--tunnel 3 --in 1:2 --in 3:4 " SHA1, config), 0);
	EXPECT_EQ(o.set.mode, API_UDP_ENCAP_TUNNEL);
	sa_options_wipe(&o);
	config_free(config);
}

TEST(tools_tunnel, what_does_not_fit_a_tunnel_is_named)
{
	static const struct {
		const char *line;
		const char *error;
	} claims[] = {
		{ "--tunnel 0", "--tunnel expects a number that `imsgate tunnel add` printed" },
		{ "--tunnel 1 --local 10.0.0.1", "--local and --peer are the tunnel's" },
		{ "--tunnel 1 --in 1:2 " SHA1, "a SEG tunnel's SA has the ports 0:0" },
		{ "--tunnel 1 --in 0:0 --out 0:0:999 " SHA1,
		  "a SEG tunnel's SAs are installed one by one" },
		{ ENDS "--esn --in 1:2 " SHA1, "--esn is for SEG tunnels" },
		{ "--salt 0102", "--salt expects 8 hexadecimal digits" },
		{ "--sequence x", "--sequence expects the number of the last packet" },
	};
	struct config *config = one_zone();

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct sa_options o;

		test_context("%s", claims[i].line);
		EXPECT_EQ(parse_sa(&o, claims[i].line, config), -EINVAL);
		EXPECT_STREQ(o.error, claims[i].error);
		sa_options_wipe(&o);
	}
	config_free(config);
}
