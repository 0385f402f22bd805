/* More REGISTERs than the core answers. */
#include "controlplane/pcscf_impl.h"
#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim known, crowd;

/* As many REGISTERs at the core as may be; the last one, for an answer. */
static struct sip *fill(void)
{
	struct sip *last = NULL;
	for (unsigned i = 0; i < PCSCF_ATTEMPTS; i++) {
		ue_register(&crowd, crowd.clear, port_clear, auth_initial, "");
		sip_free(last);
		last = core_receive();
	}
	return last;
}

TEST(pcscf_overload, new_registrations_wait_while_the_core_has_enough_to_answer)
{
	edge_start("two-pairs", "no");
	ue_open(&known, 2, 14001, 14002);
	ue_open(&crowd, 3, 14001, 14002);
	ue_challenge(&known);
	struct sip *last = fill();
	ASSERT_TRUE(last != NULL);
	ue_register(&crowd, crowd.clear, port_clear, auth_initial, "");
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(ue_status(crowd.clear), 0); /* no refusal either: it will come again */
	EXPECT_EQ(edge_stat("sip_shed"), 1);
	ue_answer_challenge(&known, 600); /* what was begun is ended */
	EXPECT_EQ(edge_stat("registered"), 1);

	core_answer(last, 403, "");
	EXPECT_EQ(ue_status(crowd.clear), 403);
	ue_register(&crowd, crowd.clear, port_clear, auth_initial, "");
	struct sip *next = core_receive();
	EXPECT_TRUE(next != NULL);
	sip_free(next);
	EXPECT_EQ(edge_stat("sip_shed"), 1);
	edge_stop();
}

TEST(pcscf_overload, a_registered_ue_is_heard_in_all_but_a_new_registration)
{
	edge_start("two-pairs", "no");
	ue_open(&known, 2, 14001, 14002);
	ue_open(&crowd, 3, 14001, 14002);
	ue_attach(&known);
	sip_free(fill());
	ue_register(&known, known.uc_fd, port_ps, auth_initial, "");
	EXPECT_TRUE(core_receive() == NULL);
	ue_send(&known, known.uc_fd, port_ps,
		"OPTIONS sip:" REALM " SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.2:14002;branch=z9hG4bKoptions\r\n"
		"Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=1\r\nTo: <sip:" REALM ">\r\n"
		"Call-ID: options\r\nCSeq: 1 OPTIONS\r\n\r\n");
	EXPECT_EQ(edge_stat("sip_shed"), 1);
	EXPECT_TRUE(edge_stat("request_rx") > PCSCF_ATTEMPTS);
	edge_stop();
}
