/* Who comes after an SA that a port served, in the same slot: dataplane/inline_sa.h. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/fixture_seg.h"
#include "test/unit/inline_scene.h"

static struct api_set before;

static void with_the_same_spis_and_other_keys(struct api_set *set)
{
	memcpy(set->sa, before.sa, sizeof(set->sa));
	memset(set->auth_key, 0x5a, sizeof(set->auth_key));
}

/* The set is deleted and freed; its sessions wait for what the port may still hold. */
static void replace(struct scene *s)
{
	before = s->ue.set;
	for (unsigned i = 0; i < API_SET_SAS; i++)
		before.sa[i].spi = s->ue.result.spi[i];
	EXPECT_EQ(set_delete(&s->f->sets, s->ue.set.registration, FIXTURE_OWNER, 0, s->f->now_s),
		  0);
	sa_grace(&s->f->sas);
	fixture_quiesce(&s->f->sas);
	EXPECT_EQ(sa_reclaim(&s->f->sas), API_SET_SAS);
	fixture_ue_install(s->f, &s->ue, 0, 1, CRYPTO_HMAC_SHA1_NULL, API_IPV4,
			   with_the_same_spis_and_other_keys);
	fixture_mark(s->f);
}

/* A packet that was good under the old key has the new SA's SPI, addresses and ports. */
TEST(inline_slot, c070_what_the_port_says_of_one_sa_is_not_believed_of_the_next)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.holds = true;
	inline_scene_from_ue(&s, 1);
	EXPECT_EQ(fake_nic.n_held, 1);
	replace(&s);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)),
		  -EALREADY);
	fake_nic.holds = false;
	fixture_turn(s.f);
	scene_expect_dropped(&s, COUNT_inline_late);
	inline_scene_from_ue(&s, 1); /* of the new one, by the cpu */
	scene_expect_delivered(&s);
	fake_nic_settle(s.f);
	inline_scene_promote(&s, SET_UC_TO_PS);
	inline_scene_from_ue(&s, 2);
	scene_expect_delivered(&s);
	EXPECT_EQ(fake_nic.n_verified, 2);
	inline_scene_close(&s);
}

/* The end of the old session touches nothing of the new SA, whatever becomes of that meanwhile. */
TEST(inline_slot, an_sa_comes_and_goes_while_the_session_before_it_ends)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	inline_scene_promote(&s, SET_PS_TO_UC);
	for (unsigned i = 0; i < 3; i++) {
		replace(&s);
		inline_scene_from_ue(&s, 1);
		scene_expect_delivered(&s);
		inline_scene_expect_sent(&s, 1);
		EXPECT_EQ(fake_nic.n_sessions, 2);
	}
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	fixture_mark(s.f);
	inline_scene_from_ue(&s, 2);
	scene_expect_delivered(&s);
	inline_scene_close(&s);
}

static struct seg seg;

static void with_the_same_spi(struct api_set *set)
{
	set->sa[0].spi = seg.in.spi;
}

TEST(inline_slot, a_tunnel_is_the_ports_when_the_session_before_it_has_ended)
{
	static const struct inline_config config = { .sessions_per_port = 8, .promote_pps = 1000 };
	struct fixture *f = fixture_open(&fixture_table);
	fake_nic_open(f, &config);
	seg_open(f, &seg, &seg_kinds[0], 1, NULL);
	EXPECT_EQ(seg_install(f, &seg, API_IN, CRYPTO_AES_GCM, 1, NULL), 0);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(set_delete(&f->sets, 1, FIXTURE_OWNER, 0, f->now_s), 0);
	EXPECT_EQ(fake_nic.n_rules, 0);
	sa_grace(&f->sas);
	fixture_quiesce(&f->sas);
	EXPECT_EQ(sa_reclaim(&f->sas), 1);
	EXPECT_EQ(seg_install(f, &seg, API_IN, CRYPTO_AES_GCM, 2, with_the_same_spi), 0);
	EXPECT_EQ(fake_nic.n_rules, 0);
	fake_nic_settle(f);
	EXPECT_EQ(fake_nic.n_rules, 1);
	fake_nic_close(f);
	EXPECT_EQ(fixture_close(f), 0);
}
