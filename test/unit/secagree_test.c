#include "controlplane/secagree.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/shim/test.h"

#define NUMBERS "spi-c=23456789; spi-s=12345678; port-c=2468; port-s=1357"
#define CLIENT  "ipsec-3gpp; prot=esp; mod=trans; " NUMBERS "; alg=hmac-sha-1-96; ealg=null"

static const struct secagree_policy seed = { .n_integrity = 2,
					     .n_encryption = 1,
					     .integrity = { ALG_HMAC_SHA1_96, ALG_HMAC_MD5_96 },
					     .encryption = { ALG_CIPHER_NULL } };
static const struct secagree_policy both = { .n_integrity = 2,
					     .n_encryption = 2,
					     .integrity = { ALG_HMAC_SHA1_96, ALG_HMAC_MD5_96 },
					     .encryption = { ALG_CIPHER_NULL, ALG_AES_CBC } };
static const struct secagree_policy sha = { .n_integrity = 1,
					    .n_encryption = 1,
					    .integrity = { ALG_HMAC_SHA1_96 },
					    .encryption = { ALG_CIPHER_NULL } };

static struct secagree_list list;

static int read_one(const char *line)
{
	secagree_init(&list);
	return secagree_add(&list, line);
}

TEST(secagree, c048_entry_of_the_standard_is_read)
{
	ASSERT_EQ(read_one(CLIENT), 0);
	ASSERT_EQ(list.n_offers, 1);
	EXPECT_STREQ(list.offers[0].alg, "hmac-sha-1-96");
	EXPECT_STREQ(list.offers[0].ealg, "null");
	EXPECT_EQ(list.offers[0].spi_c, 23456789);
	EXPECT_EQ(list.offers[0].spi_s, 12345678);
	EXPECT_EQ(list.offers[0].port_c, 2468);
	EXPECT_EQ(list.offers[0].port_s, 1357);
	EXPECT_EQ(list.offers[0].mode, SECAGREE_TRANSPORT);
	EXPECT_EQ(list.offers[0].q_thousandths, 1000);
}

TEST(secagree, c049a_missing_prot_mod_and_ealg_have_their_defaults)
{
	static const char *const lines[] = {
		"ipsec-3gpp; mod=trans; " NUMBERS "; alg=hmac-sha-1-96; ealg=null",
		"ipsec-3gpp; prot=esp; " NUMBERS "; alg=hmac-sha-1-96; ealg=null",
		"ipsec-3gpp; prot=esp; mod=trans; " NUMBERS "; alg=hmac-sha-1-96",
		"ipsec-3gpp;" NUMBERS ";alg=hmac-sha-1-96",
	};
	for (unsigned i = 0; i < 4; i++) {
		test_context("%s", lines[i]);
		ASSERT_EQ(read_one(lines[i]), 0);
		ASSERT_EQ(list.n_offers, 1);
		EXPECT_EQ(list.offers[0].mode, SECAGREE_TRANSPORT);
		EXPECT_STREQ(list.offers[0].ealg, "null");
	}
}

TEST(secagree, c049b_several_lines_and_commas_are_one_list_and_strangers_are_ignored)
{
	secagree_init(&list);
	EXPECT_EQ(secagree_add(&list, "tls;q=0.3, digest; d-alg=md5; d-qop=\"auth,x;y\""), 0);
	EXPECT_EQ(secagree_add(&list, CLIENT " , ipsec-ike; q=0.2; x"), 0);
	EXPECT_EQ(secagree_add(&list, "ipsec-3gpp; future=1; " NUMBERS "; alg=hmac-md5-96"), 0);
	EXPECT_EQ(list.n_mechanisms, 5);
	ASSERT_EQ(list.n_offers, 2);
	EXPECT_STREQ(list.offers[0].alg, "hmac-sha-1-96");
	EXPECT_STREQ(list.offers[1].alg, "hmac-md5-96");
}

TEST(secagree, grammar_is_kept)
{
	static const char *const bad[] = {
		"",   ",",   ";",        "ipsec-3gpp;",  "ipsec-3gpp; =x",    "ipsec-3gpp; a=",
		"x,", "x y", "x; a=\"b", "x; a=\"b\" c", "ipsec-3gpp; a=b=c", "x,,y",
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("\"%s\"", bad[i]);
		EXPECT_EQ(read_one(bad[i]), -EINVAL);
	}
}

TEST(secagree, entry_with_an_impossible_number_is_no_offer)
{
	static const char *const bad[] = {
		"spi-c=255; spi-s=9999; port-c=1; port-s=2", /* reserved: RFC 4303 2.1 */
		"spi-c=0; spi-s=9999; port-c=1; port-s=2",
		"spi-c=9998; spi-s=9999; port-c=0; port-s=2",
		"spi-c=4294967296; spi-s=9999; port-c=1; port-s=2",
		"spi-c=9998; spi-s=9999; port-c=65536; port-s=2",
		"spi-c=9998; spi-s=9999; port-c=1",
		"spi-c=9998; port-c=1; port-s=2",
		"spi-c=-1; spi-s=9999; port-c=1; port-s=2",
		"spi-c=0x99999; spi-s=9999; port-c=1; port-s=2",
		"spi-c; spi-s=9999; port-c=1; port-s=2",
	};
	char line[256];
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "ipsec-3gpp; %s; alg=hmac-sha-1-96", bad[i]);
		test_context("%s", line);
		EXPECT_EQ(read_one(line), 0);
		EXPECT_EQ(list.n_offers, 0);
		EXPECT_EQ(list.n_mechanisms, 1);
	}
}

TEST(secagree, offer_without_sense_is_never_chosen)
{
	static const char *const bad[] = {
		"ipsec-3gpp; spi-c=9999; spi-s=9999; port-c=1; port-s=2; alg=hmac-sha-1-96",
		"ipsec-3gpp; spi-c=9998; spi-s=9999; port-c=2; port-s=2; alg=hmac-sha-1-96",
		"ipsec-3gpp; prot=ah; " NUMBERS "; alg=hmac-sha-1-96",
		"ipsec-3gpp; mod=tun; " NUMBERS "; alg=hmac-sha-1-96",
		"ipsec-3gpp; mod=UDP-enc-tun; " NUMBERS "; alg=hmac-sha-1-96",
		"ipsec-3gpp; " NUMBERS "; alg=null",
		"ipsec-3gpp; " NUMBERS "; alg=hmac-sha-1-96-and-a-very-long-name-behind-it",
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("%s", bad[i]);
		ASSERT_EQ(read_one(bad[i]), 0);
		EXPECT_TRUE(secagree_choose(&list, &both) == NULL);
	}
}

TEST(secagree, c059a_no_common_algorithm_is_no_agreement)
{
	ASSERT_EQ(read_one("ipsec-3gpp; " NUMBERS "; alg=hmac-md5-96"), 0);
	EXPECT_TRUE(secagree_choose(&list, &sha) == NULL);
	EXPECT_TRUE(secagree_choose(&list, &seed) != NULL);
}

TEST(secagree, c064_cipher_is_refused_in_the_seed_profile)
{
	ASSERT_EQ(read_one("ipsec-3gpp; " NUMBERS "; alg=hmac-sha-1-96; ealg=aes-cbc"), 0);
	EXPECT_TRUE(secagree_choose(&list, &seed) == NULL);
	EXPECT_TRUE(secagree_choose(&list, &both) != NULL);
}

/* Of all pairs of the policy those that protect, and by one algorithm alone. */
TEST(secagree, c063_c082_only_pairs_that_protect_are_offered_and_chosen)
{
	static char *const integrity[] = { "aes-gmac", "null", "none", "hmac-sha-1-96", "null" };
	static char *const encryption[] = { "aes-gcm", "null", "des-ede3-cbc" };
	const struct secagree_policy all =
		secagree_policy(integrity, 5, encryption, 3, SECAGREE_TRANSPORT);
	static const char *const pairs[][2] = { { "aes-gmac", "null" },
						{ "null", "aes-gcm" },
						{ "hmac-sha-1-96", "null" },
						{ "hmac-sha-1-96", "des-ede3-cbc" } };
	char text[SECAGREE_TEXT_BYTES];
	struct secagree_server own = { 98765432, 87654321, 8642, 7531 };
	ASSERT_GT(secagree_print_server(&all, &own, text, sizeof(text)), 0);
	ASSERT_EQ(read_one(text), 0);
	ASSERT_EQ(list.n_offers, 4);
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_STREQ(list.offers[i].alg, pairs[i][0]);
		EXPECT_STREQ(list.offers[i].ealg, pairs[i][1]);
		EXPECT_EQ(list.offers[i].q_thousandths, 900 - 100 * i);
	}
	EXPECT_STREQ(secagree_choose(&list, &all)->alg, "aes-gmac");
	ASSERT_EQ(read_one("ipsec-3gpp; " NUMBERS "; alg=null; ealg=null"), 0);
	EXPECT_TRUE(secagree_choose(&list, &all) == NULL);
	ASSERT_EQ(read_one("ipsec-3gpp; " NUMBERS "; alg=aes-gmac; ealg=des-ede3-cbc"), 0);
	EXPECT_TRUE(secagree_choose(&list, &all) == NULL);
}

/* Each policy has one mode, and takes and offers nothing in another: TS 33.203 Annex M. */
TEST(secagree, c081_mode_of_the_policy_is_the_only_one_offered_and_chosen)
{
	static const struct {
		const char *params;
		enum secagree_mode mode;
	} rows[] = {
		{ "", SECAGREE_TRANSPORT },
		{ "; mod=trans", SECAGREE_TRANSPORT },
		{ "; MOD=Trans; prot=esp", SECAGREE_TRANSPORT },
		{ "; mod=UDP-enc-tun", SECAGREE_UDP_TUNNEL },
		{ "; prot=esp; mod=udp-ENC-tun", SECAGREE_UDP_TUNNEL },
		{ "; mod=tun", SECAGREE_NO_MODE },
		{ "; mod=tun; mod=trans", SECAGREE_NO_MODE },
		{ "; prot=ah; mod=trans", SECAGREE_NO_MODE },
		{ "; mod=UDP-enc-tun; prot=ah", SECAGREE_NO_MODE },
		{ "; mod=UDP-enc-tunnel", SECAGREE_NO_MODE },
	};
	struct secagree_policy natted = sha;
	char text[SECAGREE_TEXT_BYTES];
	struct secagree_server own = { 98765432, 87654321, 8642, 7531 };
	natted.mode = SECAGREE_UDP_TUNNEL;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].params);
		snprintf(text, sizeof(text),
			 "ipsec-3gpp"
			 "%s; " NUMBERS "; alg=hmac-sha-1-96",
			 rows[i].params);
		ASSERT_EQ(read_one(text), 0);
		EXPECT_EQ(secagree_choose(&list, &sha) != NULL, rows[i].mode == SECAGREE_TRANSPORT);
		EXPECT_EQ(secagree_choose(&list, &natted) != NULL,
			  rows[i].mode == SECAGREE_UDP_TUNNEL);
	}
	ASSERT_GT(secagree_print_server(&natted, &own, text, sizeof(text)), 0);
	EXPECT_STREQ(text,
		     "ipsec-3gpp; q=0.9; prot=esp; mod=UDP-enc-tun; spi-c=98765432; "
		     "spi-s=87654321; port-c=8642; port-s=7531; alg=hmac-sha-1-96; ealg=null");
}

TEST(secagree, c059b_preference_is_the_policys_for_all_pairs_of_offers)
{
	static const char *const algs[] = { "hmac-md5-96", "hmac-sha-1-96" };
	for (unsigned offered = 1; offered < 4; offered++) {
		secagree_init(&list);
		for (unsigned i = 0; i < 2; i++) {
			char line[256];
			snprintf(line, sizeof(line), "ipsec-3gpp; " NUMBERS "; alg=%s", algs[i]);
			if (offered & 1 << i)
				ASSERT_EQ(secagree_add(&list, line), 0);
		}
		const struct secagree_offer *o = secagree_choose(&list, &seed);
		ASSERT_TRUE(o != NULL);
		EXPECT_STREQ(o->alg, offered & 2 ? "hmac-sha-1-96" : "hmac-md5-96");
	}
}

TEST(secagree, c051_server_list_holds_the_whole_policy_with_falling_q)
{
	char text[SECAGREE_TEXT_BYTES];
	struct secagree_server own = { 98765432, 87654321, 8642, 7531 };
	ASSERT_GT(secagree_print_server(&both, &own, text, sizeof(text)), 0);
	ASSERT_EQ(read_one(text), 0);
	ASSERT_EQ(list.n_offers, 4);
	for (unsigned i = 0; i < 4; i++) {
		EXPECT_EQ(list.offers[i].spi_c, 98765432);
		EXPECT_EQ(list.offers[i].spi_s, 87654321);
		EXPECT_EQ(list.offers[i].port_c, 8642);
		EXPECT_EQ(list.offers[i].port_s, 7531);
		if (i)
			EXPECT_LT(list.offers[i].q_thousandths, list.offers[i - 1].q_thousandths);
	}
	EXPECT_STREQ(list.offers[0].alg, "hmac-sha-1-96");
	EXPECT_EQ(secagree_print_server(&both, &own, text, 100), -EMSGSIZE);
}

TEST(secagree, c056_canonical_text_ignores_blanks_and_case_and_nothing_else)
{
	char first[SECAGREE_TEXT_BYTES];
	ASSERT_EQ(read_one(CLIENT ", tls; q=0.1; x=\"A b\""), 0);
	strcpy(first, list.text);
	ASSERT_EQ(
		read_one("IPSEC-3GPP;PROT=esp;mod=Trans;spi-c=23456789;spi-s = 12345678;"
			 "port-c=2468;port-s=1357;alg=hmac-sha-1-96;ealg=null,tls;q=0.1;x=\"A b\""),
		0);
	EXPECT_STREQ(list.text, first);
	static const char *const different[] = {
		CLIENT,                              /* an entry less */
		"tls; q=0.1; x=\"A b\", " CLIENT,    /* another order */
		CLIENT ", tls; q=0.1; x=\"a b\"",    /* a quoted value */
		CLIENT ", tls; q=0.2; x=\"A b\"",    /* a q */
		CLIENT ", tls; q=0.1; x=\"A b\"; y", /* a parameter more */
		CLIENT "; y, tls; q=0.1; x=\"A b\"",
		CLIENT ", tls; x=\"A b\"; q=0.1",      /* its parameters in another order */
		CLIENT ", tls; q=0.100; x=\"A b\"",    /* the same number */
		CLIENT ", tls; q=0.1; x=\"A \\b\"",    /* an escape that means nothing */
		CLIENT "; q=1, tls; q=0.1; x=\"A b\"", /* a default */
	};
	for (unsigned i = 0; i < sizeof(different) / sizeof(different[0]); i++) {
		test_context("%s", different[i]);
		ASSERT_EQ(read_one(different[i]), 0);
		EXPECT_NE(strcmp(list.text, first), 0);
	}
}

TEST(secagree, c050_q_has_up_to_three_decimals)
{
	static const struct {
		const char *text;
		int q;
	} rows[] = {
		{ "0", 0 },          { "1", 1000 },        { "0.5", 500 },
		{ "0.05", 50 },      { "0.123", 123 },     { "1.000", 1000 },
		{ "0.", 0 },         { "1.001", -EINVAL }, { "0.1234", -EINVAL },
		{ "2", -EINVAL },    { "", -EINVAL },      { "0,5", -EINVAL },
		{ "-0.5", -EINVAL }, { "0.x", -EINVAL },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("\"%s\"", rows[i].text);
		EXPECT_EQ(secagree_q(rows[i].text), rows[i].q);
	}
}

TEST(secagree, list_without_end_is_refused)
{
	secagree_init(&list);
	int error = 0;
	for (unsigned i = 0; i < 1000 && !error; i++)
		error = secagree_add(&list, "tls; q=0.1");
	EXPECT_EQ(error, -EMSGSIZE);
	secagree_init(&list);
	error = 0;
	for (unsigned i = 0; i < 1000 && !error; i++)
		error = secagree_add(&list,
				     "ipsec-3gpp; spi-c=999; spi-s=998; port-c=1; port-s=2; alg=a");
	EXPECT_EQ(error, -EMSGSIZE);
	EXPECT_LE(list.n_offers, SECAGREE_N_OFFERS);
}
