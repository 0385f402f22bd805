#include "tools/ue/sip.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/shim/test.h"
#include "tools/ue/address.h"
#include "tools/ue/auth.h"
#include "tools/ue/secagree.h"
#include "tools/ue/subscriber.h"

#define NEEDED                                                                                     \
	"v: SIP/2.0/UDP h;branch=z9hG4bK1\r\nFrom: <sip:a>;tag=1\r\nt: <sip:b>\r\n"                \
	"i: c\r\nCSeq: 7 REGISTER\r\n"

static struct sip_message m;
static char bytes[SIP_BYTES];

static int read_text(const char *text)
{
	memcpy(bytes, text, strlen(text));
	return sip_read(bytes, strlen(text), &m);
}

static void expect_view(struct view v, const char *text)
{
	test_context("\"%.*s\", expected \"%s\"", (int)v.bytes, v.at ? v.at : "", text);
	EXPECT_TRUE(view_is(v, text));
	test_context(NULL);
}

TEST(ue_sip, an_answer_is_read)
{
	ASSERT_EQ(read_text("SIP/2.0 200 OK\r\n" NEEDED "Contact: <sip:x;lr>;expires=5 ,"
			    "\r\n  \"<,;\\\"\" <sip:y>;q=1\r\nl: 2\r\n\r\nab"),
		  0);
	EXPECT_EQ(m.status, 200);
	EXPECT_EQ(m.cseq, 7);
	expect_view(m.cseq_method, "REGISTER");
	expect_view(m.call_id, "c");
	expect_view(m.body, "ab");
	expect_view(sip_param(sip_header(&m, "Via", 0), "branch"), "z9hG4bK1");
	expect_view(sip_uri(sip_header(&m, "To", 0)), "sip:b");
	expect_view(sip_uri(sip_header(&m, "contact", 0)), "sip:x;lr");
	expect_view(sip_param(sip_header(&m, "CONTACT", 0), "Expires"), "5");
	EXPECT_FALSE(sip_param(sip_header(&m, "Contact", 0), "lr").at);
	EXPECT_FALSE(sip_header(&m, "Contact", 1).at);
}

TEST(ue_sip, what_is_not_sip_is_refused)
{
	static const char *const rows[] = {
		"",
		"\r\n\r\n",
		"SIP/2.0 200 OK\r\n\r\n",
		"SIP/2.0 99 OK\r\n" NEEDED "\r\n",
		"SIP/2.0 2000 OK\r\n" NEEDED "\r\n",
		"SIP/3.0 200 OK\r\n" NEEDED "\r\n",
		"SIP/2.0 200 OK\r\n" NEEDED,
		"SIP/2.0 200 OK\r\n" NEEDED "no colon\r\n\r\n",
		"SIP/2.0 200 OK\r\n" NEEDED ": nameless\r\n\r\n",
		"SIP/2.0 200 OK\r\n" NEEDED "Content-Length: 3\r\n\r\nab",
		"SIP/2.0 200 OK\r\n" NEEDED "Content-Length: -1\r\n\r\n",
		"MESSAGE sip:a SIP/2.0\r\n" NEEDED "\r\n",
		"REGISTER  SIP/2.0\r\n" NEEDED "\r\n",
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("row %u", i);
		EXPECT_EQ(read_text(rows[i]), -EBADMSG);
	}
}

TEST(ue_sip, length_of_what_a_stream_begins_with)
{
	static const struct {
		const char *bytes;
		ssize_t length;
	} rows[] = {
		{ "", 0 },
		{ "SIP/2.0 200 OK\r\nl: 0\r\n\r", 0 },
		{ "SIP/2.0 200 OK\r\nl: 0\r\n\r\n", 24 },
		{ "SIP/2.0 200 OK\r\nl: 0\r\n\r\nSIP/2.0", 24 },
		{ "MESSAGE a SIP/2.0\r\nContent-Length: 2\r\n\r\na", 0 },
		{ "MESSAGE a SIP/2.0\r\nContent-Length: 2\r\n\r\nabc", 42 },
		{ "MESSAGE a SIP/2.0\r\nX: y\r\n\r\n", -EBADMSG },
		{ "MESSAGE a SIP/2.0\r\nl: x\r\n\r\n", -EBADMSG },
		{ "MESSAGE a SIP/2.0\r\nl: 8192\r\n\r\n", -EBADMSG },
		{ "MESSAGE a SIP/2.0\r\nno colon\r\n\r\n", -EBADMSG },
	};
	char endless[SIP_BYTES];

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("%s", rows[i].bytes);
		EXPECT_EQ(sip_length(rows[i].bytes, strlen(rows[i].bytes)), rows[i].length);
	}
	test_context(NULL);
	memset(endless, 'a', sizeof(endless));
	EXPECT_EQ(sip_length(endless, sizeof(endless) - 1), 0);
	EXPECT_EQ(sip_length(endless, sizeof(endless)), -EBADMSG);
}

TEST(ue_sip, compact_names_only_when_asked)
{
	struct sip_text t = { 0 };

	sip_put_header(&t, "Via", "x");
	EXPECT_MEM(t.at, "Via: x\r\n", 8);
	t = (struct sip_text){ .compact = true };
	sip_put_header(&t, "Via", "x");
	EXPECT_MEM(t.at, "v:x\r\n", 5);
	while (!t.full)
		sip_put(&t, "%0100d", 0);
	EXPECT_LE(t.used, sizeof(t.at));
}

/* ---- security agreement ---- */

static int read_server(const char *value, struct secagree_list *list)
{
	char text[2000];

	snprintf(text, sizeof(text), "SIP/2.0 401 U\r\n" NEEDED "%s\r\n\r\n", value);
	return read_text(text) ? -EIO : secagree_read(&m, "Security-Server", list);
}

#define NUMBERS "spi-c=98765432; spi-s=87654321; port-c=8642; port-s=7531"

TEST(ue_secagree, c049_defaults_and_several_mechanisms)
{
	struct secagree_list list;
	const struct secagree *chosen;
	int error;

	ASSERT_EQ(read_server("Security-Server: tls;q=0.9, ipsec-3gpp;q=0.1; prot=esp; "
			      "mod=trans; " NUMBERS "; alg=hmac-sha-1-96; ealg=null\r\n"
			      "Security-Server: ipsec-3gpp; Q=0.125; " NUMBERS
			      "; alg=HMAC-MD5-96; new=1, ipsec-3gpp;q=0.7;mod=tun;" NUMBERS
			      ";alg=hmac-md5-96",
			      &list),
		  0);
	ASSERT_EQ(list.n, 4);
	EXPECT_EQ(list.mechanism[0].suite, -1);
	EXPECT_EQ(list.mechanism[1].suite, CRYPTO_HMAC_SHA1_NULL);
	EXPECT_EQ(list.mechanism[1].spi_c, 98765432);
	EXPECT_EQ(list.mechanism[1].spi_s, 87654321);
	EXPECT_EQ(list.mechanism[1].port_c, 8642);
	EXPECT_EQ(list.mechanism[1].port_s, 7531);
	EXPECT_EQ(list.mechanism[2].suite, CRYPTO_HMAC_MD5_NULL);
	EXPECT_EQ(list.mechanism[2].q_thousandth, 125);
	EXPECT_EQ(list.mechanism[3].suite, -1); /* another mode is another mechanism */

	chosen = secagree_choose(&list, ~0u, &error);
	EXPECT_TRUE(chosen == &list.mechanism[2]);
	chosen = secagree_choose(&list, 1u << CRYPTO_HMAC_SHA1_NULL, &error);
	EXPECT_TRUE(chosen == &list.mechanism[1]);
	EXPECT_FALSE(secagree_choose(&list, 1u << CRYPTO_HMAC_SHA1_AES_CBC, &error));
	EXPECT_EQ(error, -ENOENT); /* C-059 */
}

TEST(ue_secagree, c050_two_equal_q_are_an_error)
{
	struct secagree_list list;
	int error;

	ASSERT_EQ(read_server("Security-Server: ipsec-3gpp;q=0.1;" NUMBERS
			      ";alg=hmac-sha-1-96, ipsec-3gpp;q=0.2;" NUMBERS
			      ";alg=hmac-md5-96, ipsec-3gpp;q=0.20;" NUMBERS ";alg=aes-gmac",
			      &list),
		  0);
	EXPECT_FALSE(secagree_choose(&list, ~0u, &error));
	EXPECT_EQ(error, -EBADMSG);
}

TEST(ue_secagree, impossible_values_are_refused)
{
	static const char *const rows[] = {
		"ipsec-3gpp;alg=hmac-md5-96",
		"ipsec-3gpp;q=1.1;" NUMBERS,
		"ipsec-3gpp;q=0.1234;" NUMBERS,
		"ipsec-3gpp;q=x;" NUMBERS,
		"ipsec-3gpp;spi-c=255;spi-s=70000;port-c=1;port-s=2",
		"ipsec-3gpp;spi-c=70000;spi-s=70000;port-c=1;port-s=2",
		"ipsec-3gpp;spi-c=4294967296;spi-s=70000;port-c=1;port-s=2",
		"ipsec-3gpp;spi-c=70001;spi-s=70000;port-c=0;port-s=2",
		"ipsec-3gpp;spi-c=70001;spi-s=70000;port-c=1;port-s=65536",
		"tls,",
		"",
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct secagree_list list;
		char line[256];

		test_context("%s", rows[i]);
		snprintf(line, sizeof(line), "Security-Server: %s", rows[i]);
		EXPECT_EQ(read_server(line, &list), -EBADMSG);
	}
}

/* ---- digest ---- */

#define REALM "ims.mnc001.mcc001.3gppnetwork.org"
#define NONCE "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M="

static int read_challenges(const char *lines, struct auth_challenge *c)
{
	char text[2000];

	snprintf(text, sizeof(text), "SIP/2.0 401 U\r\n" NEEDED "%s\r\n", lines);
	return read_text(text) ? -EIO : auth_read(&m, AUTH_ALGORITHMS, c);
}

TEST(ue_auth, c014a_published_response)
{
	static const uint8_t res[8] = { 0xa5, 0x42, 0x11, 0xd5, 0xe3, 0xba, 0x50, 0xbf };
	struct auth_challenge c;
	struct auth_answer a = {
		.username = "001010000000001@" REALM,
		.uri = "sip:" REALM,
		.challenge = &c,
	};
	struct sip_text t = { 0 };
	static const char expected[] =
		"Authorization: Digest username=\"001010000000001@" REALM "\", realm=\"" REALM
		"\", nonce=\"" NONCE "\", uri=\"sip:" REALM
		"\", response=\"1125a3c2e293453f07e08957ff235efc\", algorithm=AKAv1-MD5\r\n";

	ASSERT_EQ(read_challenges("WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"" NONCE
				  "\",algorithm=AKAv1-MD5\r\n",
				  &c),
		  0);
	ASSERT_EQ(auth_compute(&a, res, sizeof(res)), 0);
	auth_put(&t, &a);
	ASSERT_EQ(t.used, sizeof(expected) - 1);
	EXPECT_MEM(t.at, expected, t.used);
}

TEST(ue_auth, c016_akav2_is_preferred)
{
	struct auth_challenge c;

	ASSERT_EQ(read_challenges("WWW-Authenticate: Basic realm=\"a\"\r\n"
				  "WWW-Authenticate: Digest realm=\"a\", nonce=\"2\", "
				  "algorithm=AKAv2-MD5, qop=\"auth-int, auth\"\r\n"
				  "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", "
				  "algorithm=AKAv1-MD5\r\n",
				  &c),
		  0);
	EXPECT_EQ(c.algorithm, DIGEST_AKAV2_MD5);
	EXPECT_EQ(c.qop, DIGEST_QOP_AUTH);
	EXPECT_STREQ(c.nonce, "2");
}

TEST(ue_auth, c016_the_weaker_is_taken_only_when_it_may_be)
{
	static const char both[] =
		"SIP/2.0 401 U\r\n" NEEDED "WWW-Authenticate: Digest realm=\"a\", nonce=\"2\", "
		"algorithm=AKAv2-MD5\r\n"
		"WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", algorithm=AKAv1-MD5\r\n\r\n";
	static const char weaker[] =
		"SIP/2.0 401 U\r\n" NEEDED "WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", "
		"algorithm=AKAv1-MD5\r\n\r\n";
	struct auth_challenge c;

	ASSERT_EQ(read_text(both), 0);
	ASSERT_EQ(auth_read(&m, 1u << DIGEST_AKAV1_MD5, &c), 0);
	EXPECT_EQ(c.algorithm, DIGEST_AKAV1_MD5);
	ASSERT_EQ(auth_read(&m, 1u << DIGEST_AKAV2_MD5, &c), 0);
	EXPECT_EQ(c.algorithm, DIGEST_AKAV2_MD5);
	/* bidding down: who is told to insist gives up */
	ASSERT_EQ(read_text(weaker), 0);
	EXPECT_EQ(auth_read(&m, 1u << DIGEST_AKAV2_MD5, &c), -ENOENT);
}

TEST(ue_auth, a_challenge_that_cannot_be_answered_is_refused)
{
	struct auth_challenge c;

	EXPECT_EQ(read_challenges("", &c), -ENOENT);
	EXPECT_EQ(read_challenges("WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", "
				  "algorithm=MD5\r\n",
				  &c),
		  -ENOENT);
	EXPECT_EQ(read_challenges("WWW-Authenticate: Digest realm=\"a\\\"b\", nonce=\"1\", "
				  "algorithm=AKAv1-MD5\r\n",
				  &c),
		  -EBADMSG);
	EXPECT_EQ(read_challenges("WWW-Authenticate: Digest realm=\"a\", nonce=\"1\", "
				  "algorithm=AKAv1-MD5, qop=\"odd\"\r\n",
				  &c),
		  -EBADMSG);
}

/* ---- subscribers ---- */

#define HEAD "impi,impu,k,opc,amf,sqn\n"
#define KEYS "465b5ce8b199b49faa5f0a2ee238a6bc,CD63cb71954a9f4e48a5994e37a02baf,8000"

static int read_csv(const char *text, struct subscriber_list *list, char error[128])
{
	FILE *file = fmemopen((void *)text, strlen(text) + !*text, "r");
	int result = subscriber_read(file, "s.csv", 10, list, error, 128);

	fclose(file);
	return result;
}

TEST(ue_subscriber, rows_are_read)
{
	struct subscriber_list list;
	char error[128];

	ASSERT_EQ(read_csv(HEAD "a@b.c,sip:d@e sip:f@g," KEYS ",64\nh@i,sip:j@k," KEYS ",0", &list,
			   error),
		  0);
	ASSERT_EQ(list.n, 2);
	EXPECT_STREQ(list.at[0].impi, "a@b.c");
	EXPECT_STREQ(list.at[0].realm, "b.c");
	EXPECT_STREQ(list.at[0].impu, "sip:d@e");
	EXPECT_EQ(list.at[0].k[0], 0x46);
	EXPECT_EQ(list.at[0].opc[0], 0xcd);
	EXPECT_EQ(list.at[0].isim.seq[31], 2);
	subscriber_free(&list);
}

TEST(ue_subscriber, errors_are_located_and_show_no_key)
{
	static const struct {
		const char *text, *error;
	} rows[] = {
		{ "", "s.csv:1: expected the header line impi,impu,k,opc,amf,sqn" },
		{ "impi,k\n", "s.csv:1: expected the header line impi,impu,k,opc,amf,sqn" },
		{ HEAD, "s.csv:2: expected a subscriber" },
		{ HEAD "a@b,sip:a," KEYS "\n",
		  "s.csv:2: expected six fields: impi,impu,k,opc,amf,sqn" },
		{ HEAD "ab,sip:a," KEYS ",0\n", "s.csv:2: impi: expected user@realm" },
		{ HEAD "a\"@b,sip:a," KEYS ",0\n", "s.csv:2: impi: not an identity" },
		{ HEAD "a@b,tel:1," KEYS ",0\n",
		  "s.csv:2: impu: expected SIP URIs, separated by spaces" },
		{ HEAD "a@b,sip:a,12," KEYS "\n", "s.csv:2: k: expected 32 hex digits" },
		{ HEAD "a@b,sip:a," KEYS ",0\nc@d,sip:c," KEYS ",x\n",
		  "s.csv:3: sqn: expected a decimal number below 2^48" },
		{ HEAD "a@b,sip:a," KEYS ",281474976710656\n",
		  "s.csv:2: sqn: expected a decimal number below 2^48" },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct subscriber_list list;
		char error[128] = "";

		test_context("row %u", i);
		EXPECT_EQ(read_csv(rows[i].text, &list, error), -EINVAL);
		EXPECT_STREQ(error, rows[i].error);
		EXPECT_FALSE(list.at);
	}
}

TEST(ue_address, text_and_blocks)
{
	struct address first, a;
	char text[ADDRESS_TEXT_BYTES];
	uint16_t port;

	EXPECT_EQ(address_parse_port("10.0.0.1:5060", &a, &port), 0);
	EXPECT_EQ(port, 5060);
	EXPECT_EQ(address_parse_port("[fd00::1]:5061", &a, &port), 0);
	EXPECT_STREQ(address_text(&a, text), "[fd00::1]");
	EXPECT_EQ(address_parse_port("fd00::1", &a, &port), -EINVAL);
	EXPECT_EQ(address_parse_port("10.0.0.1", &a, &port), -EINVAL);
	EXPECT_EQ(address_parse_port("10.0.0.1:0", &a, &port), -EINVAL);
	EXPECT_EQ(address_parse_port("10.0.0.1:65536", &a, &port), -EINVAL);
	EXPECT_EQ(address_parse_port("[fd00::1]", &a, &port), -EINVAL);

	ASSERT_EQ(address_parse("10.1.0.254", &first), 0);
	a = address_plus(&first, 3);
	EXPECT_STREQ(address_text(&a, text), "10.1.1.1");
	EXPECT_EQ(address_minus(&a, &first), 3);
	EXPECT_EQ(address_minus(&first, &a), -1);
	ASSERT_EQ(address_parse("fd01::ff", &first), 0);
	a = address_plus(&first, 1);
	EXPECT_STREQ(address_text(&a, text), "[fd01::100]");
	ASSERT_EQ(address_parse("fd02::100", &a), 0);
	EXPECT_EQ(address_minus(&a, &first), -1);
}
