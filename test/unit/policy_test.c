/* Which tunnel a packet belongs into: single policies, and tables against a plain search. */
#include "dataplane/policy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/api.h"
#include "test/shim/test.h"

/* ---- from text ---- */

static uint8_t read_address(const char *text, uint8_t *bytes)
{
	bool v6 = strchr(text, ':') != NULL;
	memset(bytes, 0, 16);
	if (inet_pton(v6 ? AF_INET6 : AF_INET, text, bytes) != 1)
		abort();
	return v6 ? API_IPV6 : API_IPV4;
}

struct text {
	const char *local;
	uint8_t local_bits;
	const char *remote;
	uint8_t remote_bits;
	uint8_t protocol;
	uint16_t local_port, remote_port;
	uint8_t zone;
};

static int make(struct policy *policy, const struct text *text)
{
	uint8_t local[16], remote[16];
	struct policy_spec spec = { .local = local,
				    .remote = remote,
				    .local_bits = text->local_bits,
				    .remote_bits = text->remote_bits,
				    .local_port = text->local_port,
				    .remote_port = text->remote_port,
				    .zone = text->zone,
				    .protocol = text->protocol };
	spec.family = read_address(text->local, local);
	read_address(text->remote, remote);
	return policy_make(policy, &spec);
}

static union policy_key packet(uint8_t zone, const char *local, const char *remote,
			       uint8_t protocol, uint16_t local_port, uint16_t remote_port)
{
	union policy_key key = { .zone = zone,
				 .protocol = protocol,
				 .local_port_be = htons(local_port),
				 .remote_port_be = htons(remote_port) };
	key.family = read_address(local, key.local);
	read_address(remote, key.remote);
	return key;
}

/* ---- single policies ---- */

TEST(policy, what_no_policy_can_say_is_refused)
{
	static const struct {
		const char *what;
		struct text text;
		int rc;
	} claims[] = {
		{ "whole networks", { "10.1.0.0", 16, "10.2.0.0", 16 }, 0 },
		{ "everything", { "0.0.0.0", 0, "0.0.0.0", 0 }, 0 },
		{ "single hosts", { "10.1.0.1", 32, "10.2.0.1", 32 }, 0 },
		{ "an odd prefix", { "10.1.0.0", 15, "10.2.0.0", 15 }, -EINVAL },
		{ "an odd prefix that fits", { "10.2.0.0", 15, "10.4.0.0", 14 }, 0 },
		{ "a longer prefix than IPv4 has", { "10.1.0.1", 33, "10.2.0.1", 32 }, -EINVAL },
		{ "bits behind the prefix", { "10.1.0.1", 24, "10.2.0.0", 16 }, -EINVAL },
		{ "IPv6", { "fd01::", 64, "fd02::", 128 }, 0 },
		{ "a longer prefix than IPv6 has", { "fd01::", 129, "fd02::", 64 }, -EINVAL },
		{ "a protocol", { "10.1.0.0", 16, "10.2.0.0", 16, IPPROTO_SCTP }, 0 },
		{ "ports", { "10.1.0.0", 16, "10.2.0.0", 16, IPPROTO_UDP, 0, 5060 }, 0 },
		{ "ports of any", { "10.1.0.0", 16, "10.2.0.0", 16, 0, 0, 5060 }, -EINVAL },
		{ "ports of ICMP", { "10.1.0.0", 16, "10.2.0.0", 16, 1, 7, 0 }, -EINVAL },
	};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct policy policy;
		test_context("%s", claims[i].what);
		EXPECT_EQ(make(&policy, &claims[i].text), claims[i].rc);
	}
}

/* ---- tables ---- */

static const struct text texts[] = {
	{ "10.1.0.0", 16, "10.2.0.0", 16 },                       /* 1 */
	{ "10.1.0.0", 16, "10.2.3.0", 24 },                       /* 2 */
	{ "10.1.7.0", 24, "10.2.0.0", 16 },                       /* 3 */
	{ "10.1.0.0", 16, "10.2.0.0", 16, IPPROTO_UDP, 0, 5060 }, /* 4 */
	{ "10.1.0.0", 16, "10.2.0.0", 16, .zone = 1 },            /* 5 */
	{ "fd01::", 64, "fd02::", 64 },                           /* 6 */
	{ "10.9.0.0", 16, "0.0.0.0", 0 },                         /* 7 */
	{ "10.9.0.0", 16, "10.2.3.4", 32, IPPROTO_TCP, 179, 0 },  /* 8 */
};
#define N_TEXTS (sizeof(texts) / sizeof(texts[0]))

static struct policy_table *table_of_texts(void)
{
	struct policy_entry entry[N_TEXTS];
	for (size_t i = 0; i < N_TEXTS; i++) {
		EXPECT_EQ(make(&entry[i].policy, &texts[i]), 0);
		entry[i].value = (uint32_t)i + 1;
	}
	return policy_table_new(entry, N_TEXTS);
}

TEST(policy, the_most_specific_policy_that_holds_the_packet_is_found)
{
	const struct {
		const char *what;
		union policy_key key;
		uint32_t value;
	} claims[] = {
		{ "plain", packet(0, "10.1.1.1", "10.2.1.1", 1, 0, 0), 1 },
		{ "longer remote prefix", packet(0, "10.1.1.1", "10.2.3.1", 1, 0, 0), 2 },
		{ "longer local prefix", packet(0, "10.1.7.1", "10.2.1.1", 1, 0, 0), 3 },
		{ "remote before local", packet(0, "10.1.7.1", "10.2.3.1", 1, 0, 0), 2 },
		{ "a port", packet(0, "10.1.1.1", "10.2.1.1", IPPROTO_UDP, 9, 5060), 4 },
		{ "another port", packet(0, "10.1.1.1", "10.2.1.1", IPPROTO_UDP, 9, 5061), 1 },
		{ "the port of another protocol",
		  packet(0, "10.1.1.1", "10.2.1.1", IPPROTO_TCP, 9, 5060), 1 },
		{ "a prefix before a port", packet(0, "10.1.1.1", "10.2.3.1", IPPROTO_UDP, 9, 5060),
		  2 },
		{ "another zone", packet(1, "10.1.1.1", "10.2.3.1", 1, 0, 0), 5 },
		{ "a zone without policies", packet(2, "10.1.1.1", "10.2.3.1", 1, 0, 0), 0 },
		{ "IPv6", packet(0, "fd01::1", "fd02::1", 1, 0, 0), 6 },
		{ "IPv6 of another prefix", packet(0, "fd01:0:0:1::1", "fd02::1", 1, 0, 0), 0 },
		{ "to everywhere", packet(0, "10.9.1.1", "192.0.2.1", 1, 0, 0), 7 },
		{ "to one host's port", packet(0, "10.9.1.1", "10.2.3.4", IPPROTO_TCP, 179, 9), 8 },
		{ "to the host's other ports: the shorter prefix takes it",
		  packet(0, "10.9.1.1", "10.2.3.4", IPPROTO_TCP, 180, 9), 7 },
		{ "the other way round", packet(0, "10.2.1.1", "10.1.1.1", 1, 0, 0), 0 },
	};
	struct policy_table *t = table_of_texts();
	ASSERT_TRUE(t);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		test_context("%s", claims[i].what);
		EXPECT_EQ(policy_find(t, &claims[i].key), claims[i].value);
	}
	policy_table_free(t);
}

TEST(policy, an_empty_table_finds_nothing)
{
	struct policy_table *t = policy_table_new(NULL, 0);
	union policy_key key = packet(0, "10.1.1.1", "10.2.1.1", 1, 0, 0);
	ASSERT_TRUE(t);
	EXPECT_EQ(policy_find(t, &key), 0);
	policy_table_free(t);
}

TEST(policy, equal_policies_and_too_many_shapes_are_refused)
{
	struct policy_entry entry[POLICY_MAX_SHAPES + 1];
	for (uint32_t i = 0; i <= POLICY_MAX_SHAPES; i++) {
		struct text text = { "::", (uint8_t)i, "::", 0 };
		EXPECT_EQ(make(&entry[i].policy, &text), 0);
		entry[i].value = i + 1;
	}
	EXPECT_FALSE(policy_table_new(entry, POLICY_MAX_SHAPES + 1));
	EXPECT_EQ(errno, ENOSPC);
	struct policy_table *t = policy_table_new(entry, POLICY_MAX_SHAPES);
	EXPECT_TRUE(t);
	policy_table_free(t);
	entry[1] = entry[0];
	EXPECT_FALSE(policy_table_new(entry, 2));
	EXPECT_EQ(errno, EEXIST);
}

/* ---- any table ---- */

enum { N_RANDOM = 300 };

/* Few bits, so that prefixes lie within each other. */
static struct text random_text(struct test_rng *rng, char local[20], char remote[20])
{
	static const uint8_t bits[] = { 0, 8, 15, 16, 23, 24, 31, 32 };
	struct text text = { .local = local, .remote = remote };
	char *address[2] = { local, remote };
	uint8_t *n_bits[2] = { &text.local_bits, &text.remote_bits };
	for (unsigned i = 0; i < 2; i++) {
		*n_bits[i] = bits[test_rng_below(rng, sizeof(bits))];
		uint32_t a = 10u << 24 | (uint32_t)test_rng_below(rng, 2) << 16 |
			     (uint32_t)test_rng_below(rng, 4) << 8 |
			     (uint32_t)test_rng_below(rng, 4);
		a &= *n_bits[i] ? ~UINT32_C(0) << (32 - *n_bits[i]) : 0;
		struct in_addr in = { htonl(a) };
		inet_ntop(AF_INET, &in, address[i], 20);
	}
	text.protocol = test_rng_below(rng, 2) ? IPPROTO_UDP : 0;
	text.remote_port = text.protocol && test_rng_below(rng, 2) ? 5060 : 0;
	text.zone = (uint8_t)test_rng_below(rng, 2);
	return text;
}

/* What the header promises, said once more and slowly. */
static uint32_t find_slowly(const struct policy_entry *entry, const struct text *text, uint32_t n,
			    const union policy_key *key)
{
	uint32_t best = 0, best_rank = 0;
	for (uint32_t i = 0; i < n; i++) {
		if (!policy_holds(&entry[i].policy, key))
			continue;
		uint32_t rank = 1 + (text[i].remote_bits * 64u + text[i].local_bits) * 4u +
				(text[i].protocol != 0) + (text[i].remote_port != 0);
		if (rank > best_rank) {
			best_rank = rank;
			best = entry[i].value;
		}
	}
	return best;
}

TEST(policy, any_table_agrees_with_a_plain_search)
{
	struct test_rng rng = { test_seed() };
	static struct policy_entry entry[N_RANDOM];
	static struct text text[N_RANDOM];
	for (unsigned round = 0; round < 20; round++) {
		uint32_t n = 0;
		for (unsigned i = 0; i < N_RANDOM; i++) {
			char local[20], remote[20];
			text[n] = random_text(&rng, local, remote);
			ASSERT_EQ(make(&entry[n].policy, &text[n]), 0);
			entry[n].value = n + 1;
			bool is_new = true;
			for (uint32_t j = 0; j < n; j++)
				is_new &= memcmp(&entry[j].policy, &entry[n].policy,
						 sizeof(entry[n].policy)) != 0;
			n += is_new;
		}
		struct policy_table *t = policy_table_new(entry, n);
		ASSERT_TRUE(t || errno == ENOSPC);
		for (unsigned i = 0; t && i < 2000; i++) {
			char local[20], remote[20];
			struct text of = random_text(&rng, local, remote);
			uint8_t protocol = test_rng_below(&rng, 2) ? IPPROTO_UDP : IPPROTO_TCP;
			union policy_key key =
				packet(of.zone, local, remote, protocol, 7, of.remote_port);
			EXPECT_EQ(policy_find(t, &key), find_slowly(entry, text, n, &key));
		}
		policy_table_free(t);
	}
}
