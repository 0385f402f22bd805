/* More REGISTERs than the core answers. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/backlog.h"
#include "controlplane/pcscf_impl.h"
#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim known, crowd;

static void begin(void)
{
	edge_start_with("two-pairs", "no", "  source_registers_per_min: 0\n");
	ue_open(&known, 2, 14001, 14002);
	ue_open(&crowd, 3, 14001, 14002);
}

static void ask(struct ue_sim *u)
{
	ue_register(u, u->clear, port_clear, auth_initial, "");
}

/* As many REGISTERs at the core as may be; the last one, for an answer. */
static struct sip *fill(void)
{
	struct sip *last = NULL;
	for (unsigned i = 0; i < PCSCF_ATTEMPTS; i++) {
		ask(&crowd);
		sip_free(last);
		last = core_receive();
	}
	return last;
}

TEST(pcscf_overload, new_registrations_wait_while_the_core_has_enough_to_answer)
{
	begin();
	ue_challenge(&known);
	struct sip *last = fill();
	ASSERT_TRUE(last != NULL);
	ask(&crowd);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(ue_status(crowd.clear), 0); /* no refusal either */
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	ue_answer_challenge(&known, 600); /* what was begun is ended; and makes room */
	EXPECT_EQ(edge_stat("registered"), 1);
	struct sip *next = core_receive();
	EXPECT_TRUE(next == NULL); /* SM7 had been one more than may be */

	core_answer(last, 403, "");
	EXPECT_EQ(ue_status(crowd.clear), 403);
	next = core_receive();
	EXPECT_TRUE(next != NULL);
	sip_free(next);
	EXPECT_EQ(edge_stat("register_waiting"), 0);
	EXPECT_EQ(edge_stat("register_shed"), 0);
	edge_stop();
}

TEST(pcscf_overload, who_asks_again_meanwhile_waits_once)
{
	begin();
	struct sip *last = fill();
	char *text = ue_register_text(&crowd, auth_initial, true, "");
	for (unsigned i = 0; i < 3; i++)
		ue_send(&crowd, crowd.clear, port_clear, text);
	free(text);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	ask(&crowd);
	EXPECT_EQ(edge_stat("register_waiting"), 2);
	core_answer(last, 403, "");
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	struct sip *next = core_receive();
	ASSERT_TRUE(next != NULL);
	EXPECT_TRUE(core_receive() == NULL); /* the second one waits on */
	sip_free(next);
	edge_stop();
}

TEST(pcscf_overload, a_registered_ue_is_heard_in_all_but_a_new_registration)
{
	begin();
	ue_attach(&known);
	sip_free(fill());
	ue_register(&known, known.uc_fd, port_ps, auth_initial, "");
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	ue_send(&known, known.uc_fd, port_ps,
		"OPTIONS sip:" REALM " SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.2:14002;branch=z9hG4bKoptions\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=1\r\nTo: <sip:" REALM ">\r\n"
		"Call-ID: options\r\nCSeq: 1 OPTIONS\r\n\r\n");
	EXPECT_TRUE(edge_stat("request_rx") > PCSCF_ATTEMPTS + 2);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	edge_stop();
}

TEST(pcscf_overload, c146a_a_register_behind_blank_lines_waits_as_any)
{
	static const char blank[] = "\r\n\r\n";
	begin();
	sip_free(fill());
	char *text = ue_register_text(&crowd, auth_initial, true, "");
	char *after = malloc(strlen(blank) + strlen(text) + 1);
	strcpy(after, blank);
	strcat(after, text);
	ue_send(&crowd, crowd.clear, port_clear, after);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_waiting"), 1);
	free(after);
	free(text);
	edge_stop();
}

/* Strangers could have it hold 2 GB of bodies. */
TEST(pcscf_overload, c146a_nothing_waits_that_is_longer_than_a_register)
{
	static const char text[BACKLOG_BYTES + 1];
	const struct path from = { .peer = { .family = 4 } };
	struct backlog *b = backlog_new(2);
	ASSERT_TRUE(b != NULL);
	EXPECT_TRUE(backlog_put(b, &from, text, BACKLOG_BYTES));
	EXPECT_FALSE(backlog_put(b, &from, text, BACKLOG_BYTES + 1));
	EXPECT_EQ(backlog_count(b), 1);
	backlog_free(b);
}
