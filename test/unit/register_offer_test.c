/* What a challenge offers, and which answers to it are taken: RFC 2617, RFC 3310, RFC 4169. */
#include <stdio.h>
#include <string.h>

#include "controlplane/hss.h"
#include "controlplane/scscf.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"
#define V2 "AKAv2-MD5"

/* The n-th challenge of a 401. */
static void read_offer(const struct sip *s, unsigned n, struct credentials *c)
{
	const char *value = sip_header(s, "WWW-Authenticate", n);

	ASSERT_TRUE(value != NULL);
	ASSERT_EQ(credentials_parse(value, c), 0);
}

TEST(register_offer, c016_both_algorithms_are_one_challenge_and_the_ue_chooses)
{
	static const char *const chosen[] = { V1, V2 };
	struct credentials strong, weak;
	struct core_lab lab;

	ASSERT_TRUE(core_lab_open(&lab, 2, "both"));
	for (unsigned i = 0; i < 2; i++) {
		struct ue ue = ue_new(i + 1, 1);
		struct sip *s = ue_register(&lab, &ue, UE_NOTHING);

		test_context("%s", chosen[i]);
		ASSERT_TRUE(s != NULL);
		read_offer(s, 0, &strong);
		read_offer(s, 1, &weak);
		EXPECT_TRUE(sip_header(s, "WWW-Authenticate", 2) == NULL);
		EXPECT_STREQ(credentials_get(&strong, "algorithm"), V2);
		EXPECT_STREQ(credentials_get(&weak, "algorithm"), V1);
		/* one vector (C-009), and keys that do for either (C-069) */
		EXPECT_STREQ(credentials_get(&strong, "nonce"), credentials_get(&weak, "nonce"));
		EXPECT_STREQ(credentials_get(&strong, "ik"), credentials_get(&weak, "ik"));
		EXPECT_STREQ(credentials_get(&strong, "ck"), credentials_get(&weak, "ck"));
		EXPECT_EQ(hss_stats(lab.hss.hss)->vector_made, i + 1);
		sip_free(s);
		ue.algorithm = chosen[i];
		ue.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
		EXPECT_EQ(core_lab_stat(&lab, "register_weaker_chosen"), 1);
	}
	test_context(NULL);
	core_lab_close(&lab);
}

TEST(register_offer, c016_what_was_not_offered_is_refused)
{
	static const struct {
		const char *offered;
		const char *answered;
	} table[] = { { V1, V2 }, { V2, V1 } };

	for (unsigned i = 0; i < 2; i++) {
		struct core_lab lab;
		struct ue ue = ue_new(1, 1);

		test_context("%s for %s", table[i].answered, table[i].offered);
		ASSERT_TRUE(core_lab_open(&lab, 1, table[i].offered));
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		ue.algorithm = table[i].answered;
		ue.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 403);
		core_lab_close(&lab);
	}
	test_context(NULL);
}

/* The keys that a 401 has for the P-CSCF, and those that the ISIM computes. */
static void compare_keys(const struct sip *s, bool derived)
{
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	uint8_t rand[AKA_RAND_BYTES], autn[AKA_AUTN_BYTES], told[16];
	struct milenage *m = milenage_new();
	struct milenage_vector v;
	struct credentials c;

	read_offer(s, 0, &c);
	ASSERT_EQ(digest_decode_nonce(credentials_get(&c, "nonce"), rand, autn), 0);
	ASSERT_EQ(milenage_f2345(m, &key, rand, &v), 0);
	milenage_free(m);
	if (derived)
		EXPECT_EQ(digest_derive_keys(v.ik, v.ck, v.ik, v.ck), 0);
	test_hex(credentials_get(&c, "ik"), told, sizeof(told));
	EXPECT_MEM(told, v.ik, sizeof(told));
	test_hex(credentials_get(&c, "ck"), told, sizeof(told));
	EXPECT_MEM(told, v.ck, sizeof(told));
}

TEST(register_offer, c016_keys_of_akav2_are_as_configured)
{
	for (unsigned derived = 0; derived < 2; derived++) {
		struct core_lab lab;
		struct ue ue = ue_new(1, 1);
		struct sip *s;

		test_context("derived %u", derived);
		ASSERT_TRUE(core_lab_open(&lab, 1, V2));
		scscf_role.stop(lab.scscf);
		lab.scscf_config.akav2_keys =
			derived ? CONFIG_AKAV2_KEYS_DERIVED : CONFIG_AKAV2_KEYS_AKA;
		ASSERT_EQ(scscf_role.start(lab.hss.loop, &lab.config, &lab.scscf), 0);
		s = ue_register(&lab, &ue, UE_NOTHING);
		ASSERT_TRUE(s != NULL);
		compare_keys(s, derived);
		sip_free(s);
		ue.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
		core_lab_close(&lab);
	}
	test_context(NULL);
}

static bool open_with_qop(struct core_lab *lab, enum config_qop qop)
{
	if (!core_lab_open(lab, 1, V1))
		return false;
	scscf_role.stop(lab->scscf);
	lab->scscf_config.qop = qop;
	EXPECT_EQ(scscf_role.start(lab->hss.loop, &lab->config, &lab->scscf), 0);
	return !test_has_failed();
}

TEST(register_offer, c017_qop_is_what_the_configuration_offers_and_no_other)
{
	static const char *const answers[] = { "", "auth", "auth-int" };
	static const struct {
		enum config_qop offered;
		const char *list;
		int status[3]; /* by answer */
	} table[] = {
		{ CONFIG_QOP_NONE, NULL, { 200, 403, 403 } },
		{ CONFIG_QOP_AUTH, "auth", { 403, 200, 403 } },
		{ CONFIG_QOP_AUTH_INT, "auth-int", { 403, 403, 200 } },
		{ CONFIG_QOP_BOTH, "auth,auth-int", { 403, 200, 200 } },
	};
	struct credentials c;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		for (unsigned j = 0; j < 3; j++) {
			struct core_lab lab;
			struct ue ue = ue_new(1, 1);
			struct sip *s;

			test_context("offered %s, answered \"%s\"", table[i].list, answers[j]);
			ASSERT_TRUE(open_with_qop(&lab, table[i].offered));
			s = ue_register(&lab, &ue, UE_NOTHING);
			ASSERT_TRUE(s != NULL);
			read_offer(s, 0, &c);
			if (table[i].list == NULL)
				EXPECT_TRUE(credentials_get(&c, "qop") == NULL);
			else
				EXPECT_STREQ(credentials_get(&c, "qop"), table[i].list);
			sip_free(s);
			ue.qop = answers[j];
			ue.indicator = PROTECTED;
			EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), table[i].status[j]);
			core_lab_close(&lab);
		}
	}
	test_context(NULL);
}

TEST(register_offer, c017_auth_int_covers_the_body)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(open_with_qop(&lab, CONFIG_QOP_AUTH_INT));
	ue.qop = "auth-int";
	ue.body = "about me\r\n";
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	core_lab_close(&lab);
}

TEST(register_offer, c017_nonce_count_is_one_and_no_answer_is_taken_twice)
{
	static const char *const counts[] = { "00000000", "00000002", "1", "0000001", "ffffffff" };
	struct core_lab lab;
	struct ue ue;
	char answered[DIGEST_NONCE_SIZE];

	for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		test_context("nc %s", counts[i]);
		ASSERT_TRUE(core_lab_open(&lab, 1, V1));
		ue = ue_new(1, 1);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		ue.nc = counts[i];
		ue.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 403);
		core_lab_close(&lab);
	}
	test_context(NULL);
	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	/* the very answer again, as who has seen it could send it: it authenticates nobody */
	strcpy(answered, ue.nonce);
	ue.isim = (struct aka_isim){ 0 };
	ue.indicator = "";
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 401);
	EXPECT_TRUE(strcmp(ue.nonce, answered) != 0);
	/* nor while another challenge waits, with its count as it was or one more */
	for (unsigned i = 0; i < 2; i++) {
		struct ue replayed = ue_new(1, 5 + i);

		EXPECT_EQ(ue_register_status(&lab, &replayed, UE_NOTHING), 401);
		strcpy(replayed.nonce, answered);
		replayed.nc = i == 0 ? "00000001" : "00000002";
		replayed.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &replayed, UE_RES), 403);
	}
	EXPECT_EQ(core_lab_stat(&lab, "register_again"), 0);
	core_lab_close(&lab);
}
