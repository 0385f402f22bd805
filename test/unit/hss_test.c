/* The HSS: results, registration flags, vectors, sequence numbers. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/hss.h"
#include "controlplane/loop.h"
#include "controlplane/store.h"
#include "crypto/aka.h"
#include "test/shim/test.h"
#include "test/unit/subscribers.h"

#define S1 "sip:192.0.2.1:5090"
#define S2 "sip:192.0.2.2:5090"

static enum cx_result ask(struct hss_lab *lab, struct cx_request request)
{
	return hss_lab_ask(lab, &request).result;
}

static struct store_subscriber subscriber_of(struct hss_lab *lab, unsigned i)
{
	struct store_subscriber subscriber = { 0 };

	EXPECT_EQ(store_find_subscriber(lab->base.store, i, &subscriber), 0);
	return subscriber;
}

/* Adds two more identities to the only subscriber of the store. */
static void add_identities(struct hss_lab *lab)
{
	const char *const impus[] = { "sip:x@" REALM, "sip:y@" REALM, "tel:+1" };
	struct store_subscriber x = { .impi = "x@" REALM };
	int taken;

	memcpy(x.k, subscribers_k, sizeof(x.k));
	memcpy(x.opc, subscribers_opc, sizeof(x.opc));
	EXPECT_EQ(store_add(lab->base.store, &x, impus, 3, &taken), 0);
}

static struct cx_request of_x(struct cx_request request, const char *impu)
{
	char *impi = request.uar.impi; /* the first member of UAR, MAR and SAR */

	strcpy(impi, "x@" REALM);
	strcpy(request.uar.impu, impu);
	return request;
}

TEST(hss, c134_unknown_identities_are_5001)
{
	struct cx_request uar = hss_lab_uar(9, CX_AUTHORIZE_REGISTRATION);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 2));
	EXPECT_EQ(ask(&lab, uar), CX_USER_UNKNOWN);
	subscribers_impu(1, uar.uar.impu);
	EXPECT_EQ(ask(&lab, uar), CX_USER_UNKNOWN);
	EXPECT_EQ(ask(&lab, hss_lab_mar(9, 1, S1)), CX_USER_UNKNOWN);
	EXPECT_EQ(ask(&lab, hss_lab_sar(9, CX_REGISTRATION, S1)), CX_USER_UNKNOWN);
	EXPECT_EQ(ask(&lab, hss_lab_lir(9)), CX_USER_UNKNOWN);
	hss_lab_close(&lab);
}

TEST(hss, c020_impi_with_anothers_impu_is_5002_before_any_vector)
{
	struct cx_request mar = hss_lab_mar(1, 1, S1);
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION);
	struct cx_request sar = hss_lab_sar(1, CX_REGISTRATION, S1);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 2));
	subscribers_impu(2, mar.mar.impu);
	subscribers_impu(2, uar.uar.impu);
	subscribers_impu(2, sar.sar.impu);
	EXPECT_EQ(ask(&lab, uar), CX_IDENTITIES_DONT_MATCH);
	EXPECT_EQ(ask(&lab, mar), CX_IDENTITIES_DONT_MATCH);
	EXPECT_EQ(ask(&lab, sar), CX_IDENTITIES_DONT_MATCH);
	EXPECT_EQ(hss_stats(lab.hss)->vector_made, 0);
	EXPECT_EQ(hss_lab_state(&lab, 2), STORE_UNREGISTERED);
	EXPECT_EQ(hss_lab_sqn(&lab, 1), 0);
	hss_lab_close(&lab);
}

TEST(hss, c134_registration_is_first_then_subsequent_with_a_name)
{
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION);
	struct cx_request away = hss_lab_uar(1, CX_AUTHORIZE_DEREGISTRATION);
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	answer = hss_lab_ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_FIRST_REGISTRATION);
	EXPECT_STREQ(answer.uaa.server_name, "");
	EXPECT_EQ(ask(&lab, away), CX_IDENTITY_NOT_REGISTERED);
	/* C-018: from the MAR on, SM7 finds the S-CSCF of SM4 */
	EXPECT_EQ(ask(&lab, hss_lab_mar(1, 1, S1)), CX_SUCCESS);
	answer = hss_lab_ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_SUBSEQUENT_REGISTRATION);
	EXPECT_STREQ(answer.uaa.server_name, S1);
	EXPECT_EQ(ask(&lab, hss_lab_sar(1, CX_REGISTRATION, S1)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, uar), CX_SUBSEQUENT_REGISTRATION);
	answer = hss_lab_ask(&lab, &away);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.uaa.server_name, S1);
	hss_lab_close(&lab);
}

TEST(hss, c134_capabilities_are_told_to_who_has_to_choose)
{
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION);
	struct store_capabilities c;
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	ASSERT_EQ(store_capabilities_read("1,2/7", &c), 0);
	ASSERT_EQ(store_set_capabilities(lab.base.store, 1, &c), 0);
	answer = hss_lab_ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_FIRST_REGISTRATION);
	ASSERT_EQ(answer.uaa.capabilities.n_mandatory, 2);
	EXPECT_EQ(answer.uaa.capabilities.mandatory[1], 2);
	ASSERT_EQ(answer.uaa.capabilities.n_optional, 1);
	EXPECT_EQ(answer.uaa.capabilities.optional[0], 7);
	EXPECT_EQ(ask(&lab, hss_lab_mar(1, 1, S1)), CX_SUCCESS);
	answer = hss_lab_ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_SUBSEQUENT_REGISTRATION);
	EXPECT_EQ(answer.uaa.capabilities.n_mandatory, 0);
	/* the S-CSCF that is named does not answer */
	uar.uar.type = CX_AUTHORIZE_CAPABILITIES;
	answer = hss_lab_ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.uaa.server_name, "");
	EXPECT_EQ(answer.uaa.capabilities.n_mandatory, 2);
	uar.uar.type = 3;
	EXPECT_EQ(ask(&lab, uar), CX_UNABLE_TO_COMPLY);
	hss_lab_close(&lab);
}

TEST(hss, c134_roaming_where_it_is_not_allowed_is_5004)
{
	static char *const networks[] = { (char *)"visited.example", (char *)REALM,
					  (char *)"ims.mnc001.mcc001.3gppnetwork.org" };
	static const struct {
		const char *network;
		bool allowed;
	} rows[] = {
		{ "visited.example", true },
		{ "Visited.Example", true },
		{ REALM, true },
		{ "ims.mnc001.mcc001.3gppnetwork.org", true },
		{ "ims.mnc002.mcc001.3gppnetwork.org", false },
		{ "visited.example.net", false },
		{ "visited", false },
		{ "", false },
	};
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	for (int listed = 0; listed < 2; listed++) {
		ASSERT_EQ(hss_set_visited_networks(lab.hss, networks, listed ? 3 : 0), 0);
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			test_context("\"%s\", list %d", rows[i].network, listed);
			strcpy(uar.uar.visited_network, rows[i].network);
			uar.uar.type = CX_AUTHORIZE_REGISTRATION;
			EXPECT_EQ(ask(&lab, uar), rows[i].allowed || !listed
							  ? CX_FIRST_REGISTRATION
							  : CX_ROAMING_NOT_ALLOWED);
			uar.uar.type = CX_AUTHORIZE_CAPABILITIES;
			EXPECT_EQ(ask(&lab, uar),
				  rows[i].allowed || !listed ? CX_SUCCESS : CX_ROAMING_NOT_ALLOWED);
		}
	}
	test_context("who leaves may be anywhere");
	EXPECT_EQ(ask(&lab, hss_lab_mar(1, 1, S1)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, hss_lab_sar(1, CX_REGISTRATION, S1)), CX_SUCCESS);
	uar.uar.type = CX_AUTHORIZE_DEREGISTRATION;
	EXPECT_EQ(ask(&lab, uar), CX_SUCCESS);
	test_context("a stranger is unknown first");
	subscribers_impi(9, uar.uar.impi);
	subscribers_impu(9, uar.uar.impu);
	uar.uar.type = CX_AUTHORIZE_REGISTRATION;
	EXPECT_EQ(ask(&lab, uar), CX_USER_UNKNOWN);
	hss_lab_close(&lab);
}

TEST(hss, c018_barred_user_may_not_register)
{
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION);
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	add_identities(&lab);
	EXPECT_EQ(store_set_barred(lab.base.store, uar.uar.impu, true), 0);
	EXPECT_EQ(ask(&lab, uar), CX_AUTHORIZATION_REJECTED);
	/* TS 29.228 6.1.1.1: one of the implicit set that is not barred is enough */
	EXPECT_EQ(store_set_barred(lab.base.store, "sip:x@" REALM, true), 0);
	EXPECT_EQ(ask(&lab, of_x(uar, "sip:x@" REALM)), CX_FIRST_REGISTRATION);
	hss_lab_close(&lab);
}

TEST(hss, c021_registering_one_identity_registers_the_implicit_set)
{
	struct cx_request sar;
	struct store_identity identity;
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 0));
	add_identities(&lab);
	EXPECT_EQ(store_set_barred(lab.base.store, "tel:+1", true), 0);
	EXPECT_EQ(ask(&lab, of_x(hss_lab_mar(1, 1, S1), "sip:y@" REALM)), CX_SUCCESS);
	sar = of_x(hss_lab_sar(1, CX_REGISTRATION, S1), "sip:y@" REALM);
	answer = hss_lab_ask(&lab, &sar);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	ASSERT_EQ(answer.saa.n_impus, 3);
	EXPECT_STREQ(answer.saa.impus[0].impu, "sip:x@" REALM);
	EXPECT_STREQ(answer.saa.impus[1].impu, "sip:y@" REALM);
	EXPECT_EQ(answer.saa.impus[1].barred, 0);
	EXPECT_EQ(answer.saa.impus[2].barred, 1);
	EXPECT_EQ(store_find_impu(lab.base.store, "tel:+1", &identity), 0);
	EXPECT_EQ(identity.state, STORE_REGISTERED);
	hss_lab_close(&lab);
}

/* A registration flag, what happens, and what it is then: seed 6.1.1 … 6.1.2.3. */
static const struct {
	const char *name;
	enum store_state before;
	int assignment; /* −1: MAR */
	const char *scscf;
	enum cx_result result;
	enum store_state after;
	const char *name_after;
} flag_table[] = {
	{ "MAR marks", STORE_UNREGISTERED, -1, S1, CX_SUCCESS, STORE_PENDING, S1 },
	{ "MAR again", STORE_PENDING, -1, S1, CX_SUCCESS, STORE_PENDING, S1 },
	{ "MAR of a registered one", STORE_REGISTERED, -1, S1, CX_SUCCESS, STORE_REGISTERED, S1 },
	{ "success", STORE_PENDING, CX_REGISTRATION, S1, CX_SUCCESS, STORE_REGISTERED, S1 },
	{ "success elsewhere", STORE_PENDING, CX_REGISTRATION, S2, CX_IDENTITY_ALREADY_REGISTERED,
	  STORE_PENDING, S1 },
	{ "refresh", STORE_REGISTERED, CX_RE_REGISTRATION, S1, CX_SUCCESS, STORE_REGISTERED, S1 },
	{ "refresh of nothing", STORE_PENDING, CX_RE_REGISTRATION, S1, CX_ERROR_IN_ASSIGNMENT_TYPE,
	  STORE_PENDING, S1 },
	{ "failure", STORE_PENDING, CX_AUTHENTICATION_FAILURE, S1, CX_SUCCESS, STORE_UNREGISTERED,
	  "" },
	{ "failure elsewhere", STORE_PENDING, CX_AUTHENTICATION_FAILURE, S2, CX_UNABLE_TO_COMPLY,
	  STORE_PENDING, S1 },
	{ "failure of a registered one", STORE_REGISTERED, CX_AUTHENTICATION_FAILURE, S1,
	  CX_SUCCESS, STORE_REGISTERED, S1 },
	{ "no answer", STORE_PENDING, CX_AUTHENTICATION_TIMEOUT, S1, CX_SUCCESS, STORE_UNREGISTERED,
	  "" },
	{ "no answer of a registered one", STORE_REGISTERED, CX_AUTHENTICATION_TIMEOUT, S1,
	  CX_SUCCESS, STORE_REGISTERED, S1 },
	{ "user goes", STORE_REGISTERED, CX_USER_DEREGISTRATION, S1, CX_SUCCESS, STORE_UNREGISTERED,
	  "" },
	{ "time is over", STORE_REGISTERED, CX_TIMEOUT_DEREGISTRATION, S1, CX_SUCCESS,
	  STORE_UNREGISTERED, "" },
	{ "operator ends it", STORE_REGISTERED, CX_ADMINISTRATIVE_DEREGISTRATION, S1, CX_SUCCESS,
	  STORE_UNREGISTERED, "" },
	{ "too much data", STORE_REGISTERED, CX_DEREGISTRATION_TOO_MUCH_DATA, S1, CX_SUCCESS,
	  STORE_UNREGISTERED, "" },
	{ "end, by a stranger", STORE_REGISTERED, CX_USER_DEREGISTRATION, S2, CX_UNABLE_TO_COMPLY,
	  STORE_REGISTERED, S1 },
	{ "end, keep the name", STORE_REGISTERED, CX_USER_DEREGISTRATION_STORE_SERVER_NAME, S1,
	  CX_SERVER_NAME_NOT_STORED, STORE_UNREGISTERED, "" },
	{ "called while absent", STORE_UNREGISTERED, CX_UNREGISTERED_USER, S1, CX_SUCCESS,
	  STORE_UNREGISTERED, S1 },
	{ "called while pending", STORE_PENDING, CX_UNREGISTERED_USER, S1, CX_SUCCESS,
	  STORE_PENDING, S1 },
	{ "called while pending elsewhere", STORE_PENDING, CX_UNREGISTERED_USER, S2,
	  CX_IDENTITY_ALREADY_REGISTERED, STORE_PENDING, S1 },
	{ "called while registered", STORE_REGISTERED, CX_UNREGISTERED_USER, S1,
	  CX_ERROR_IN_ASSIGNMENT_TYPE, STORE_REGISTERED, S1 },
	{ "profile after a restart", STORE_REGISTERED, CX_RESTORATION, S1, CX_SUCCESS,
	  STORE_REGISTERED, S1 },
	{ "restoration of nothing", STORE_PENDING, CX_RESTORATION, S1, CX_ERROR_IN_ASSIGNMENT_TYPE,
	  STORE_PENDING, S1 },
	{ "restoration, by a stranger", STORE_REGISTERED, CX_RESTORATION, S2,
	  CX_IDENTITY_ALREADY_REGISTERED, STORE_REGISTERED, S1 },
	{ "restoration of one who has never come", STORE_UNREGISTERED, CX_RESTORATION, S1,
	  CX_ERROR_IN_ASSIGNMENT_TYPE, STORE_UNREGISTERED, "" },
	{ "profile, to a stranger", STORE_REGISTERED, CX_NO_ASSIGNMENT, S2, CX_UNABLE_TO_COMPLY,
	  STORE_REGISTERED, S1 },
	{ "no such type", STORE_REGISTERED, 77, S1, CX_UNABLE_TO_COMPLY, STORE_REGISTERED, S1 },
	{ "no server name", STORE_REGISTERED, CX_USER_DEREGISTRATION, "", CX_UNABLE_TO_COMPLY,
	  STORE_REGISTERED, S1 },
};

TEST(hss, c019_c028_c030_c135_registration_flag_table)
{
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	hss_set_unregistered_services(lab.hss, true);
	for (size_t i = 0; i < sizeof(flag_table) / sizeof(flag_table[0]); i++) {
		struct cx_request request;
		bool is_assigned = flag_table[i].before != STORE_UNREGISTERED;

		test_context("%s", flag_table[i].name);
		EXPECT_EQ(store_set_all_states(lab.base.store, 1, flag_table[i].before), 0);
		EXPECT_EQ(store_set_scscf(lab.base.store, 1, is_assigned ? S1 : ""), 0);
		if (flag_table[i].assignment < 0)
			request = hss_lab_mar(1, 1, flag_table[i].scscf);
		else
			request = hss_lab_sar(1, (enum cx_assignment)flag_table[i].assignment,
					      flag_table[i].scscf);
		EXPECT_EQ(ask(&lab, request), flag_table[i].result);
		EXPECT_EQ(hss_lab_state(&lab, 1), flag_table[i].after);
		EXPECT_STREQ(subscriber_of(&lab, 1).scscf, flag_table[i].name_after);
	}
	test_context(NULL);
	hss_lab_close(&lab);
}

TEST(hss, c135_who_is_not_registered_is_served_by_policy_and_registers_as_before)
{
	struct cx_request lir = hss_lab_lir(1), sar = hss_lab_sar(1, CX_UNREGISTERED_USER, S1);
	struct cx_request uar = hss_lab_uar(1, CX_AUTHORIZE_REGISTRATION);
	struct store_capabilities c;
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	ASSERT_EQ(store_capabilities_read("1/7", &c), 0);
	ASSERT_EQ(store_set_capabilities(lab.base.store, 1, &c), 0);
	EXPECT_EQ(ask(&lab, lir), CX_IDENTITY_NOT_REGISTERED);
	hss_set_unregistered_services(lab.hss, true);
	EXPECT_EQ(ask(&lab, hss_lab_lir(9)), CX_USER_UNKNOWN);
	answer = hss_lab_ask(&lab, &lir);
	EXPECT_EQ(answer.result, CX_UNREGISTERED_SERVICE);
	EXPECT_STREQ(answer.lia.server_name, "");
	ASSERT_EQ(answer.lia.capabilities.n_mandatory, 1);
	EXPECT_EQ(answer.lia.capabilities.mandatory[0], 1);
	EXPECT_EQ(answer.lia.capabilities.n_optional, 1);
	/* from then on he has an S-CSCF, and is not registered for all that */
	EXPECT_EQ(ask(&lab, sar), CX_SUCCESS);
	EXPECT_EQ(hss_lab_state(&lab, 1), STORE_UNREGISTERED);
	answer = hss_lab_ask(&lab, &lir);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.lia.server_name, S1);
	EXPECT_EQ(answer.lia.capabilities.n_mandatory, 0);
	strcpy(sar.sar.server_name, S2);
	EXPECT_EQ(ask(&lab, sar), CX_IDENTITY_ALREADY_REGISTERED);
	/* a REGISTER finds that one, or another when it does not answer */
	answer = hss_lab_ask(&lab, &uar);
	EXPECT_EQ(answer.result, CX_SUBSEQUENT_REGISTRATION);
	EXPECT_STREQ(answer.uaa.server_name, S1);
	EXPECT_EQ(ask(&lab, hss_lab_mar(1, 1, S2)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, hss_lab_sar(1, CX_REGISTRATION, S2)), CX_SUCCESS);
	EXPECT_EQ(hss_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_EQ(ask(&lab, hss_lab_sar(1, CX_USER_DEREGISTRATION, S2)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, lir), CX_UNREGISTERED_SERVICE);
	hss_lab_close(&lab);
}

TEST(hss, c135_without_the_policy_nobody_serves_who_is_not_registered)
{
	static const struct {
		enum store_state state;
		const char *scscf; /* of before, as the policy may have been another then */
		enum cx_result lir, sar;
	} rows[] = {
		{ STORE_UNREGISTERED, "", CX_IDENTITY_NOT_REGISTERED, CX_IDENTITY_NOT_REGISTERED },
		{ STORE_UNREGISTERED, S1, CX_IDENTITY_NOT_REGISTERED, CX_IDENTITY_NOT_REGISTERED },
		{ STORE_PENDING, S1, CX_SUCCESS, CX_IDENTITY_NOT_REGISTERED },
		{ STORE_REGISTERED, S1, CX_SUCCESS, CX_ERROR_IN_ASSIGNMENT_TYPE },
	};
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("row %zu", i);
		EXPECT_EQ(store_set_all_states(lab.base.store, 1, rows[i].state), 0);
		EXPECT_EQ(store_set_scscf(lab.base.store, 1, rows[i].scscf), 0);
		EXPECT_EQ(ask(&lab, hss_lab_lir(1)), rows[i].lir);
		EXPECT_EQ(ask(&lab, hss_lab_sar(1, CX_UNREGISTERED_USER, S1)), rows[i].sar);
		EXPECT_EQ(hss_lab_state(&lab, 1), rows[i].state);
		EXPECT_STREQ(subscriber_of(&lab, 1).scscf, rows[i].scscf);
	}
	test_context(NULL);
	hss_lab_close(&lab);
}

TEST(hss, c135_who_asks_by_an_impu_alone_is_told_whose_it_is)
{
	static const struct {
		enum store_state state;
		enum cx_assignment type;
		enum cx_result result;
	} rows[] = {
		{ STORE_UNREGISTERED, CX_UNREGISTERED_USER, CX_SUCCESS },
		{ STORE_REGISTERED, CX_RESTORATION, CX_SUCCESS },
		{ STORE_REGISTERED, CX_NO_ASSIGNMENT, CX_MISSING_AVP },
		{ STORE_REGISTERED, CX_USER_DEREGISTRATION, CX_MISSING_AVP },
	};
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	hss_set_unregistered_services(lab.hss, true);
	EXPECT_EQ(store_set_scscf(lab.base.store, 1, S1), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cx_request sar = hss_lab_sar(1, rows[i].type, S1);
		struct cx_answer answer;

		test_context("type %d", rows[i].type);
		EXPECT_EQ(store_set_all_states(lab.base.store, 1, rows[i].state), 0);
		sar.sar.impi[0] = '\0';
		answer = hss_lab_ask(&lab, &sar);
		EXPECT_EQ(answer.result, rows[i].result);
		EXPECT_EQ(hss_lab_state(&lab, 1), rows[i].state);
		if (rows[i].result != CX_SUCCESS)
			continue;
		EXPECT_STREQ(answer.saa.impi, "1@" REALM);
		ASSERT_EQ(answer.saa.n_impus, 1);
		EXPECT_STREQ(answer.saa.impus[0].impu, "sip:1@" REALM);
	}
	test_context(NULL);
	hss_lab_close(&lab);
}

TEST(hss, c028_name_stays_while_another_identity_is_pending)
{
	struct hss_lab lab;
	struct store_identity identity;
	struct store_subscriber x;

	ASSERT_TRUE(hss_lab_open(&lab, 0));
	add_identities(&lab);
	EXPECT_EQ(ask(&lab, of_x(hss_lab_mar(1, 1, S1), "sip:x@" REALM)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, of_x(hss_lab_mar(1, 1, S1), "sip:y@" REALM)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, of_x(hss_lab_sar(1, CX_AUTHENTICATION_FAILURE, S1), "sip:x@" REALM)),
		  CX_SUCCESS);
	EXPECT_EQ(store_find_impu(lab.base.store, "sip:y@" REALM, &identity), 0);
	EXPECT_EQ(identity.state, STORE_PENDING);
	EXPECT_EQ(store_find_impi(lab.base.store, "x@" REALM, &x), 0);
	EXPECT_STREQ(x.scscf, S1);
	hss_lab_close(&lab);
}

TEST(hss, c134_called_user_is_located_pending_or_registered)
{
	struct cx_request lir = hss_lab_lir(1);
	struct cx_answer answer;
	struct hss_lab lab;

	ASSERT_TRUE(hss_lab_open(&lab, 1));
	EXPECT_EQ(ask(&lab, lir), CX_IDENTITY_NOT_REGISTERED);
	EXPECT_EQ(ask(&lab, hss_lab_mar(1, 1, S1)), CX_SUCCESS);
	answer = hss_lab_ask(&lab, &lir);
	EXPECT_EQ(answer.result, CX_SUCCESS);
	EXPECT_STREQ(answer.lia.server_name, S1);
	EXPECT_EQ(ask(&lab, hss_lab_sar(1, CX_REGISTRATION, S1)), CX_SUCCESS);
	EXPECT_EQ(ask(&lab, lir), CX_SUCCESS);
	hss_lab_close(&lab);
}
