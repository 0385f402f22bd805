/* The registrar: authentication from the first REGISTER on, as seen from the P-CSCF. Seed 6.1. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/hss.h"
#include "controlplane/sip_list.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"
#define V2 "AKAv2-MD5"

static void open_registered(struct core_lab *lab, struct ue *ue, const char *algorithm)
{
	ASSERT_TRUE(core_lab_open(lab, 3, algorithm));
	*ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(lab, ue));
}

TEST(register, c001_c010_c011_initial_registration_is_challenged_with_keys_for_the_pcscf)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	struct credentials c;
	struct sip *s;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	s = ue_register(&lab, &ue, UE_NOTHING);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	ASSERT_EQ(credentials_parse(sip_header(s, "WWW-Authenticate", 0), &c), 0);
	EXPECT_EQ(strlen(credentials_get(&c, "nonce")), 44);
	EXPECT_STREQ(credentials_get(&c, "realm"), REALM);
	EXPECT_STREQ(credentials_get(&c, "algorithm"), V1);
	EXPECT_STREQ(credentials_get(&c, "qop"), "auth");
	EXPECT_EQ(strlen(credentials_get(&c, "ik")), 32);
	EXPECT_EQ(strlen(credentials_get(&c, "ck")), 32);
	/* C-019: pending from SM3 to SM7 */
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_PENDING);
	sip_free(s);
	core_lab_close(&lab);
}

/* Expanded they are at both ends, not on the way: TS 33.203 7.1. */
TEST(register, c067c_the_keys_in_the_401_are_ck_and_ik_as_the_isim_computes_them)
{
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	struct credentials c;
	struct milenage_vector v;
	struct milenage *m = milenage_new();
	uint8_t rand[AKA_RAND_BYTES], autn[AKA_AUTN_BYTES], ck[32], ik[32];

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	struct sip *s = ue_register(&lab, &ue, UE_NOTHING);
	ASSERT_TRUE(m != NULL && s != NULL);
	ASSERT_EQ(credentials_parse(sip_header(s, "WWW-Authenticate", 0), &c), 0);
	ASSERT_EQ(digest_decode_nonce(credentials_get(&c, "nonce"), rand, autn), 0);
	ASSERT_EQ(milenage_f2345(m, &key, rand, &v), 0);
	EXPECT_EQ(test_hex(credentials_get(&c, "ck"), ck, sizeof(ck)), sizeof(v.ck));
	EXPECT_EQ(test_hex(credentials_get(&c, "ik"), ik, sizeof(ik)), sizeof(v.ik));
	EXPECT_MEM(ck, v.ck, sizeof(v.ck));
	EXPECT_MEM(ik, v.ik, sizeof(v.ik));
	milenage_free(m);
	sip_free(s);
	core_lab_close(&lab);
}

TEST(register, c014_c019_c141_right_response_registers)
{
	char value[256], expected[64];
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	struct sip *s;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	s = ue_register(&lab, &ue, UE_RES);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_EQ(sip_list_get(s, "P-Associated-URI", 0, value, sizeof(value)) > 0, true);
	EXPECT_STREQ(value, "<sip:1@" REALM ">");
	snprintf(expected, sizeof(expected), "<sip:orig@127.0.0.1:%u;lr>", lab.scscf_config.port);
	EXPECT_GT(sip_list_get(s, "Service-Route", 0, value, sizeof(value)), 0);
	EXPECT_STREQ(value, expected);
	snprintf(expected, sizeof(expected), "<sip:term@127.0.0.1:%u;lr>", lab.port);
	EXPECT_GT(sip_list_get(s, "Path", 0, value, sizeof(value)), 0);
	EXPECT_STREQ(value, expected);
	ASSERT_EQ(sip_count(s, SIP_CONTACT), 1);
	EXPECT_TRUE(sip_header(s, "WWW-Authenticate", 0) == NULL);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	sip_free(s);
	core_lab_close(&lab);
}

TEST(register, c016_akav2_registers_too)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue, V2);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	core_lab_close(&lab);
}

TEST(register, c002_c023_c062_unprotected_register_is_challenged_and_the_binding_served)
{
	struct core_lab lab;
	struct ue ue, attacker = ue_new(1, 666);

	open_registered(&lab, &ue, V1);
	attacker.contact = "sip:evil@10.9.9.9:5060";
	EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	/* and after the attacker's challenge has died */
	core_lab_wait(&lab, 241);
	EXPECT_EQ(core_lab_stat(&lab, "register_unanswered"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register, c036_right_response_is_ignored_when_unprotected)
{
	static const char *const indicators[] = { "", NOT_PROTECTED,
						  ", integrity-protected=\"tls-yes\"",
						  ", integrity-protected=\"ip-assoc-yes\"" };
	struct core_lab lab;

	ASSERT_TRUE(core_lab_open(&lab, 4, V1));
	for (unsigned i = 0; i < 4; i++) {
		struct ue ue = ue_new(i + 1, 1);

		test_context("%s", indicators[i]);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		ue.indicator = indicators[i];
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 401);
		EXPECT_EQ(core_lab_state(&lab, i + 1), STORE_PENDING);
	}
	test_context(NULL);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_close(&lab);
}

/* By policy, and of an emergency registration alone, a right response counts in the clear too. */
TEST(register, c145_right_response_of_an_emergency_registers_where_the_policy_lets_it)
{
	static const struct {
		enum config_emergency policy;
		const char *contact;
		enum ue_answer answer;
		int status;
	} rows[] = {
		{ CONFIG_EMERGENCY_PROTECTED, "sip:u@10.1.0.1;sos", UE_RES, 401 },
		{ CONFIG_EMERGENCY_UNPROTECTED, "sip:u@10.1.0.1", UE_RES, 401 },
		{ CONFIG_EMERGENCY_UNPROTECTED, "sip:u@10.1.0.1;sos", UE_RES, 200 },
		{ CONFIG_EMERGENCY_UNPROTECTED, "sip:u@10.1.0.1;sos", UE_WRONG_RES, 403 },
		/* SM1 again, with nothing that counts */
		{ CONFIG_EMERGENCY_UNPROTECTED, "sip:u@10.1.0.1;sos", UE_NOTHING, 401 },
	};
	struct core_lab lab;

	ASSERT_TRUE(core_lab_open(&lab, 5, V1));
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct ue ue = ue_new(i + 1, 1);

		test_context("row %u", i);
		lab.scscf_config.emergency_registration = rows[i].policy;
		ue.contact = rows[i].contact;
		ue.indicator = NOT_PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		EXPECT_EQ(ue_register_status(&lab, &ue, rows[i].answer), rows[i].status);
		EXPECT_EQ(core_lab_state(&lab, i + 1) == STORE_REGISTERED, rows[i].status == 200);
		if (rows[i].status != 200)
			continue;
		test_context("row %u: what comes in the clear later is challenged as ever", i);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	}
	core_lab_close(&lab);
}

TEST(register, c007_c008_vectors_at_hand_are_used_first_in_first_out_without_a_mar)
{
	struct core_lab lab;
	struct ue ue, again;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	lab.scscf_config.n_vectors = 4;
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	EXPECT_EQ(ue_seq(&ue), 1);
	for (unsigned call = 2; call <= 4; call++) {
		again = ue_new(1, call);
		EXPECT_EQ(ue_register_status(&lab, &again, UE_NOTHING), 401);
		EXPECT_EQ(ue_seq(&again), call);
		EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 1);
	}
	again = ue_new(1, 5);
	EXPECT_EQ(ue_register_status(&lab, &again, UE_NOTHING), 401);
	EXPECT_EQ(ue_seq(&again), 5);
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 2);
	core_lab_close(&lab);
}

TEST(register, c009_retransmission_gets_the_same_401_and_a_new_transaction_a_new_nonce)
{
	static const char text[] =
		"REGISTER sip:" REALM " SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK-same-%u\r\n"
		"Max-Forwards: 69\r\nFrom: <sip:1@" REALM ">;tag=t\r\nTo: <sip:1@" REALM ">\r\n"
		"Call-ID: x\r\nCSeq: 1 REGISTER\r\nContact: <sip:1@10.1.0.1>\r\n"
		"Authorization: Digest username=\"1@" REALM "\", realm=\"" REALM "\", "
		"uri=\"sip:" REALM "\", nonce=\"\", response=\"\"\r\nContent-Length: 0\r\n\r\n";
	static const unsigned branch[] = { 1, 1, 2 };
	char message[1024], *printed[3];
	struct core_lab lab;
	size_t bytes[3];

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	for (int i = 0; i < 3; i++) {
		struct sip *s;

		snprintf(message, sizeof(message), text, lab.port, branch[i]);
		core_lab_send(&lab, false, message);
		core_lab_run(&lab);
		s = core_lab_receive(&lab);
		ASSERT_TRUE(s != NULL);
		ASSERT_EQ(sip_print(s, &printed[i], &bytes[i]), 0);
		sip_free(s);
	}
	ASSERT_EQ(bytes[0], bytes[1]);
	EXPECT_MEM(printed[0], printed[1], bytes[0]);
	EXPECT_TRUE(strstr(printed[0], "nonce=") != NULL);
	EXPECT_NE(strncmp(strstr(printed[0], "nonce="), strstr(printed[2], "nonce="), 51), 0);
	for (int i = 0; i < 3; i++)
		free(printed[i]);
	core_lab_close(&lab);
}

#define N_NONCES    100000 /* TEST_TRIALS: fewer, and a multiple of the batch */
#define NONCE_BATCH 50     /* sent before any is answered: they share a commit */

static int compare_nonces(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* Appends the nonces of the 401s that have arrived. */
static unsigned collect_nonces(struct core_lab *lab, char (*nonces)[DIGEST_NONCE_SIZE], unsigned n)
{
	struct credentials c;
	struct sip *s;

	while (n < N_NONCES && (s = core_lab_receive(lab)) != NULL) {
		EXPECT_EQ(sip_status(s), 401);
		if (credentials_parse(sip_header(s, "WWW-Authenticate", 0), &c) == 0)
			snprintf(nonces[n++], DIGEST_NONCE_SIZE, "%s",
				 credentials_get(&c, "nonce"));
		sip_free(s);
	}
	return n;
}

TEST(register, c009_no_nonce_comes_twice_in_100000_challenges)
{
	char(*nonces)[DIGEST_NONCE_SIZE] = calloc(N_NONCES, sizeof(*nonces));
	struct core_lab lab;
	const char *option = getenv("TEST_TRIALS");
	unsigned n = 0, wanted = option ? (unsigned)strtoul(option, NULL, 10) : N_NONCES;

	ASSERT_LE(wanted, N_NONCES);
	ASSERT_TRUE(core_lab_open(&lab, NONCE_BATCH, V1));
	for (unsigned call = 1; call <= wanted / NONCE_BATCH; call++) {
		for (unsigned i = 1; i <= NONCE_BATCH; i++) {
			struct ue ue = ue_new(i, call);

			ue_send_register(&lab, &ue, UE_NOTHING);
		}
		core_lab_wait(&lab, 2); /* no more of one source are kept in that time */
		n = collect_nonces(&lab, nonces, n);
	}
	ASSERT_EQ(n, wanted);
	qsort(nonces, n, sizeof(*nonces), compare_nonces);
	for (unsigned i = 1; i < n; i++)
		ASSERT_TRUE(strcmp(nonces[i - 1], nonces[i]) != 0);
	free(nonces);
	core_lab_close(&lab);
}

TEST(register, c003_policy_says_which_reregistrations_are_challenged)
{
	static const struct {
		unsigned every;
		int status[4];
	} table[] = {
		{ 0, { 200, 200, 200, 200 } },
		{ 1, { 401, 401, 401, 401 } },
		{ 2, { 200, 401, 200, 401 } },
		{ 3, { 200, 200, 401, 200 } },
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct core_lab lab;
		struct ue ue;

		test_context("every %u", table[i].every);
		open_registered(&lab, &ue, V1);
		lab.scscf_config.reauth_every = table[i].every;
		for (unsigned j = 0; j < 4; j++) {
			EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), table[i].status[j]);
			if (table[i].status[j] == 401)
				EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
		}
		core_lab_close(&lab);
	}
	test_context(NULL);
}

TEST(register, protected_register_from_another_place_is_challenged)
{
	struct core_lab lab;
	struct ue ue, elsewhere;

	open_registered(&lab, &ue, V1);
	elsewhere = ue_new(1, 2);
	elsewhere.indicator = PROTECTED;
	elsewhere.contact = "sip:1@10.9.9.9:5064";
	EXPECT_EQ(ue_register_status(&lab, &elsewhere, UE_NOTHING), 401);
	elsewhere = ue_new(1, 3);
	elsewhere.indicator = PROTECTED;
	elsewhere.contact = "*";
	elsewhere.expires_s = 0;
	elsewhere.extra = "";
	EXPECT_NE(ue_register_status(&lab, &elsewhere, UE_NOTHING), 200);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register, protected_register_of_a_user_who_is_not_registered_is_challenged)
{
	struct core_lab lab;
	struct ue ue = ue_new(2, 1);

	ASSERT_TRUE(core_lab_open(&lab, 2, V1));
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	core_lab_close(&lab);
}

TEST(register, c022_expiry_is_later_here_than_at_the_ue_and_moves_with_each_refresh)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue, V1);
	core_lab_wait(&lab, 599);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	core_lab_wait(&lab, 600);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_wait(&lab, 29);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	core_lab_wait(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_expired"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	EXPECT_FALSE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register, expires_is_bounded_below_by_423_and_above_by_the_configuration)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	osip_generic_param_t *expires = NULL;
	struct sip *s;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ue.expires_s = 59;
	s = ue_register(&lab, &ue, UE_NOTHING);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 423);
	EXPECT_STREQ(sip_header(s, "Min-Expires", 0), "60");
	sip_free(s);
	ue.expires_s = 700000;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	s = ue_register(&lab, &ue, UE_RES);
	ASSERT_TRUE(s != NULL);
	ASSERT_EQ(sip_status(s), 200);
	osip_contact_param_get_byname((osip_contact_t *)sip_contact(s, 0), (char[]){ "expires" },
				      &expires);
	ASSERT_TRUE(expires != NULL);
	EXPECT_STREQ(expires->gvalue, "600000");
	sip_free(s);
	core_lab_close(&lab);
}

TEST(register, deregistration_ends_the_binding_and_tells_the_hss)
{
	struct core_lab lab;
	struct ue ue;
	struct sip *s;

	open_registered(&lab, &ue, V1);
	ue.expires_s = 0;
	s = ue_register(&lab, &ue, UE_NOTHING);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_EQ(sip_count(s, SIP_CONTACT), 0);
	sip_free(s);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_FALSE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register, refresh_of_what_an_hss_that_forgot_does_not_know_begins_anew)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue, V1);
	EXPECT_EQ(store_set_all_states(lab.hss.base.store, 1, STORE_UNREGISTERED), 0);
	EXPECT_EQ(store_set_scscf(lab.hss.base.store, 1, ""), 0);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 500);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	core_lab_close(&lab);
}

TEST(register, second_register_before_the_answer_to_the_first_is_refused)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	struct sip *s;
	unsigned n_401 = 0, n_500 = 0;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ue_send_register(&lab, &ue, UE_NOTHING);
	ue_send_register(&lab, &ue, UE_NOTHING);
	core_lab_run(&lab);
	while ((s = core_lab_receive(&lab)) != NULL) {
		n_401 += sip_status(s) == 401;
		n_500 += sip_status(s) == 500;
		sip_free(s);
	}
	EXPECT_EQ(n_401, 1);
	EXPECT_EQ(n_500, 1);
	core_lab_close(&lab);
}

TEST(register, unprotected_deregistration_is_challenged)
{
	struct core_lab lab;
	struct ue ue, attacker = ue_new(1, 666);

	open_registered(&lab, &ue, V1);
	attacker.expires_s = 0;
	EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register, c004_what_names_no_impi_of_ours_is_refused)
{
	static const struct {
		int status;
		const char *authorization;
	} table[] = {
		{ 400, "" },
		{ 400, "Authorization: Digest realm=\"" REALM "\"\r\n" },
		{ 400, "Authorization: Digest username=\"\", realm=\"" REALM "\"\r\n" },
		{ 400, "Authorization: Basic username=\"1@" REALM "\", realm=\"" REALM "\"\r\n" },
		{ 403,
		  "Authorization: Digest username=\"1@" REALM "\", realm=\"else.example\"\r\n" },
		{ 403, "Authorization: Digest username=\"9@" REALM "\", realm=\"" REALM "\"\r\n" },
		{ 403, "Authorization: Digest username=\"2@" REALM "\", realm=\"" REALM "\"\r\n" },
		{ 401, "Authorization: Digest username=\"1@" REALM "\", realm=\"" REALM "\"\r\n" },
		{ 401, "Authorization: Digest username=\"x\", realm=\"else.example\"\r\n"
		       "Authorization: Digest username=\"1@" REALM "\", realm=\"" REALM "\"\r\n" },
	};
	struct core_lab lab;
	char message[1024];

	ASSERT_TRUE(core_lab_open(&lab, 2, V1));
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sip *s;

		test_context("row %u", i);
		snprintf(message, sizeof(message),
			 "REGISTER sip:" REALM " SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK-%u\r\nMax-Forwards: 69\r\n"
			 "From: <sip:1@" REALM ">;tag=t\r\nTo: <sip:1@" REALM ">\r\n"
			 "Call-ID: x%u\r\nCSeq: 1 REGISTER\r\nContact: <sip:1@10.1.0.1>\r\n"
			 "%sContent-Length: 0\r\n\r\n",
			 lab.port, i, i, table[i].authorization);
		core_lab_send(&lab, false, message);
		core_lab_run(&lab);
		s = core_lab_receive(&lab);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), table[i].status);
		sip_free(s);
	}
	test_context(NULL);
	core_lab_close(&lab);
}

TEST(register, c018_icscf_finds_the_scscf_for_sm1_and_sm7)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ue.via_icscf = true;
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	EXPECT_EQ(hss_stats(lab.hss.hss)->uar, 2);
	ue.expires_s = 0;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	core_lab_close(&lab);
}

TEST(register, c018_c020_icscf_refuses_whom_the_hss_refuses)
{
	struct core_lab lab;
	struct ue unknown = ue_new(9, 1), barred = ue_new(1, 1);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(store_set_barred(lab.hss.base.store, "sip:1@" REALM, true), 0);
	unknown.via_icscf = true;
	barred.via_icscf = true;
	EXPECT_EQ(ue_register_status(&lab, &unknown, UE_NOTHING), 403);
	EXPECT_EQ(ue_register_status(&lab, &barred, UE_NOTHING), 403);
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 0);
	core_lab_close(&lab);
}
