/* The I-CSCF's choice of an S-CSCF: TS 29.228 6.1.1, TS 24.229 5.3.1; C-018, C-134. */
#include <stdio.h>
#include <string.h>

#include "controlplane/hss.h"
#include "controlplane/icscf.h"
#include "controlplane/icscf_select.h"
#include "controlplane/scscf.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"

static uint32_t able_1_7[] = { 1, 7 }, able_1_8[] = { 1, 8 }, able_2[] = { 2 };
static struct config_candidate candidates[] = { { (char *)"sip:a", able_1_7, 2 },
						{ (char *)"sip:b", able_1_8, 2 },
						{ (char *)"sip:c", able_2, 1 } };
static const struct config_icscf three = { .scscf = (char *)"sip:plain",
					   .scscfs = candidates,
					   .n_scscfs = 3 };

TEST(icscf, c018b_choice_has_all_mandatory_and_most_optional_capabilities)
{
	static const struct {
		struct cx_capabilities needed;
		const char *order[5]; /* as they are tried, up to NULL */
	} table[] = {
		{ { 0 }, { "sip:plain", "sip:a", "sip:b", "sip:c", NULL } },
		{ { .n_mandatory = 1, .mandatory = { 1 } }, { "sip:a", "sip:b", NULL } },
		{ { .n_mandatory = 1, .mandatory = { 1 }, .n_optional = 1, .optional = { 8 } },
		  { "sip:b", "sip:a", NULL } },
		{ { .n_optional = 2, .optional = { 1, 8 } },
		  { "sip:b", "sip:a", "sip:plain", "sip:c", NULL } },
		{ { .n_mandatory = 2, .mandatory = { 1, 2 } }, { NULL } },
	};
	icscf_tried tried;
	const char *name;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		tried = 0;
		for (unsigned j = 0; table[i].order[j] != NULL; j++) {
			test_context("row %u, place %u", i, j);
			name = icscf_select(&three, &table[i].needed, &tried);
			ASSERT_TRUE(name != NULL);
			EXPECT_STREQ(name, table[i].order[j]);
		}
		EXPECT_TRUE(icscf_select(&three, &table[i].needed, &tried) == NULL);
	}
	test_context("one that the HSS has named is tried");
	tried = 0;
	icscf_mark_tried(&three, "sip:plain", &tried);
	EXPECT_STREQ(icscf_select(&three, &(struct cx_capabilities){ 0 }, &tried), "sip:a");
	test_context(NULL);
}

/* One that nobody listens at, which is the choice for capability 1, and the real one. */
struct choice {
	struct core_lab lab;
	struct config_candidate scscfs[2];
	char dead[64], real[64];
};

static bool open_choice(struct choice *c, const char *capabilities)
{
	static uint32_t able_1[] = { 1 }, able_1_2[] = { 1, 2 };
	struct store_capabilities needed;

	if (!core_lab_open(&c->lab, 1, V1))
		return false;
	snprintf(c->dead, sizeof(c->dead), "sip:127.0.0.1:9");
	snprintf(c->real, sizeof(c->real), "%s", c->lab.scscf_uri);
	c->scscfs[0] = (struct config_candidate){ c->dead, able_1, 1 };
	c->scscfs[1] = (struct config_candidate){ c->real, able_1_2, 2 };
	c->lab.icscf_config.scscf = c->dead;
	c->lab.icscf_config.scscfs = c->scscfs;
	c->lab.icscf_config.n_scscfs = 2;
	EXPECT_EQ(store_capabilities_read(capabilities, &needed), 0);
	EXPECT_EQ(store_set_capabilities(c->lab.hss.base.store, 1, &needed), 0);
	return !test_has_failed();
}

TEST(icscf, c018b_subscriber_gets_the_scscf_that_has_what_he_needs)
{
	struct choice c;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(open_choice(&c, "2"));
	ue.via_icscf = true;
	ASSERT_TRUE(ue_register_fully(&c.lab, &ue));
	EXPECT_EQ(core_lab_icscf_stat(&c.lab, "register_reassigned"), 0);
	core_lab_close(&c.lab);
}

TEST(icscf, c018b_without_an_scscf_that_has_it_he_is_refused)
{
	struct choice c;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(open_choice(&c, "3"));
	ue.via_icscf = true;
	EXPECT_EQ(ue_register_status(&c.lab, &ue, UE_NOTHING), 500);
	EXPECT_EQ(hss_stats(c.lab.hss.hss)->mar, 0);
	core_lab_close(&c.lab);
}

TEST(icscf, c134_user_whom_the_hss_does_not_let_roam_there_is_403)
{
	static char *const networks[] = { (char *)"visited.example" };
	static const struct {
		const char *header;
		int status;
	} rows[] = {
		{ "P-Visited-Network-ID: visited.example\r\n", 401 },
		{ "P-Visited-Network-ID: \"Visited.example\"\r\n", 401 },
		{ "P-Visited-Network-ID: \"other.example\", visited.example\r\n", 403 },
		{ "P-Visited-Network-ID: other.example\r\n", 403 },
		{ "", 403 },
	};
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ASSERT_EQ(hss_set_visited_networks(lab.hss.hss, networks, 1), 0);
	ue.via_icscf = true;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].header);
		ue.extra = rows[i].header;
		ue.call++;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), rows[i].status);
	}
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 2);
	core_lab_close(&lab);
}

/* Timer F of the core is 32 s. */
static int wait_for_answer(struct choice *c, struct ue *ue)
{
	struct credentials credentials;
	struct sip *s = NULL;
	int status;

	for (unsigned i = 0; s == NULL && i < 80; i++) {
		core_lab_wait(&c->lab, 1);
		s = core_lab_receive(&c->lab);
	}
	status = s != NULL ? sip_status(s) : 0;
	if (status == 401 &&
	    credentials_parse(sip_header(s, "WWW-Authenticate", 0), &credentials) == 0)
		snprintf(ue->nonce, sizeof(ue->nonce), "%s",
			 credentials_get(&credentials, "nonce"));
	sip_free(s);
	return status;
}

TEST(icscf, c018b_another_is_chosen_when_the_first_does_not_answer)
{
	struct choice c;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(open_choice(&c, "1"));
	ue.via_icscf = true;
	ue_send_register(&c.lab, &ue, UE_NOTHING);
	EXPECT_EQ(wait_for_answer(&c, &ue), 401);
	EXPECT_EQ(core_lab_icscf_stat(&c.lab, "register_reassigned"), 1);
	/* SM7 goes where SM4 came from: C-018 (a) */
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&c.lab, &ue, UE_RES), 200);
	core_lab_close(&c.lab);
}

TEST(icscf, c018b_another_is_chosen_when_the_one_that_the_hss_names_does_not_answer)
{
	struct choice c;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(open_choice(&c, "1"));
	ASSERT_EQ(store_set_scscf(c.lab.hss.base.store, 1, c.dead), 0);
	ue.via_icscf = true;
	ue_send_register(&c.lab, &ue, UE_NOTHING);
	EXPECT_EQ(wait_for_answer(&c, &ue), 401);
	EXPECT_EQ(hss_stats(c.lab.hss.hss)->uar, 2);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&c.lab, &ue, UE_RES), 200);
	core_lab_close(&c.lab);
}

/* What comes back of a MESSAGE to subscriber 1, in time. */
static int call(struct choice *c)
{
	static const char text[] = "MESSAGE sip:1@" REALM " SIP/2.0\r\n"
				   "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK-m\r\n"
				   "Max-Forwards: 69\r\nFrom: <sip:x@else.example>;tag=t\r\n"
				   "To: <sip:1@" REALM ">\r\nCall-ID: m\r\n"
				   "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	char message[512];
	struct ue none = { 0 };

	hss_set_unregistered_services(c->lab.hss.hss, true);
	snprintf(message, sizeof(message), text, c->lab.port);
	core_lab_send(&c->lab, true, message);
	return wait_for_answer(c, &none);
}

TEST(icscf, c135_who_is_not_registered_gets_the_scscf_that_has_what_he_needs)
{
	static const struct {
		const char *needed;
		int status;
		long reassigned; /* the first choice is silent */
	} rows[] = { { "2", 480, 0 }, { "1", 480, 1 }, { "3", 500, 0 } };
	struct store_subscriber one = { 0 };
	struct choice c;

	for (unsigned i = 0; i < 3; i++) {
		test_context("capability %s", rows[i].needed);
		ASSERT_TRUE(open_choice(&c, rows[i].needed));
		EXPECT_EQ(call(&c), rows[i].status);
		EXPECT_EQ(core_lab_icscf_stat(&c.lab, "locate_reassigned"), rows[i].reassigned);
		EXPECT_EQ(store_find_subscriber(c.lab.hss.base.store, 1, &one), 0);
		EXPECT_STREQ(one.scscf, rows[i].status == 480 ? c.real : "");
		core_lab_close(&c.lab);
	}
	test_context(NULL);
}
