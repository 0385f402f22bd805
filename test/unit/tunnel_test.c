/* Tunnels and their SAs: who owns them, which one carries, and when they end. */
#include "dataplane/tunnel.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/fixture_seg.h"
#include "test/unit/talk.h"

/* ---- what can be installed ---- */

#define SPOIL(name, statement)                                                                     \
	static void name(struct api_tunnel *t)                                                     \
	{                                                                                          \
		statement;                                                                         \
	}
SPOIL(nothing, t->zone = 0)
SPOIL(no_handle, t->handle = 0)
SPOIL(no_family, t->family = 0)
SPOIL(no_local, memset(&t->local, 0, sizeof(t->local)))
SPOIL(no_peer, memset(&t->peer, 0, sizeof(t->peer)))
SPOIL(local_tail, t->local.bytes[9] = 1)
SPOIL(half_in_udp, t->local_port = SEG_PORT)
SPOIL(half_in_udp_too, t->peer_port = SEG_PORT)
SPOIL(unknown_flag, t->flags = 2)
SPOIL(selector_without_family, t->selector.family = 0)
SPOIL(selector_of_no_family, t->selector.family = 5)
SPOIL(prefix_too_long, t->selector.local_bits = 33)
SPOIL(bits_behind_prefix, t->selector.remote.bytes[3] = 1)
SPOIL(port_without_protocol, t->selector.local_port = 1)

TEST(tunnel, what_makes_no_sense_is_refused_and_leaves_nothing)
{
	static const struct {
		const char *what;
		void (*spoil)(struct api_tunnel *t);
	} claims[] = {
#define ROW(name) { #name, name }
		ROW(no_handle),
		ROW(no_family),
		ROW(no_local),
		ROW(no_peer),
		ROW(local_tail),
		ROW(half_in_udp),
		ROW(half_in_udp_too),
		ROW(unknown_flag),
		ROW(prefix_too_long),
		ROW(selector_without_family),
		ROW(bits_behind_prefix),
		ROW(selector_of_no_family),
		ROW(port_without_protocol),
#undef ROW
	};
	struct fixture *f = fixture_open(&fixture_table);
	struct seg seg;
	seg_open(f, &seg, &seg_kinds[0], 1, nothing);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct api_tunnel t = seg.tunnel;
		t.handle = 7;
		t.selector.remote.bytes[2] = 77;
		claims[i].spoil(&t);
		test_context("%s", claims[i].what);
		EXPECT_EQ(tunnel_install(&f->sas.tunnels, &t, FIXTURE_OWNER), -EINVAL);
		EXPECT_EQ(tunnel_n(&f->sas.tunnels), 1);
	}
	EXPECT_EQ(fixture_close(f), 0);
}

TEST(tunnel, handles_and_policies_are_there_once_and_numbers_end)
{
	struct fixture *f = fixture_open(&fixture_table);
	struct tunnels *t = &f->sas.tunnels;
	struct seg seg;
	for (uint32_t i = 1; i <= fixture_table.n_tunnels; i++)
		seg_open(f, &seg, &seg_kinds[0], i, NULL);
	struct api_tunnel other = seg.tunnel;
	EXPECT_EQ(tunnel_install(t, &other, FIXTURE_OWNER), -EEXIST);
	other.handle = 9999;
	EXPECT_EQ(tunnel_install(t, &other, FIXTURE_OWNER), -ENOSPC);
	EXPECT_EQ(tunnel_delete(t, seg.tunnel.handle, FIXTURE_OWNER + 1), -ENOENT);
	EXPECT_EQ(tunnel_delete(t, 4711, FIXTURE_OWNER), -ENOENT);
	EXPECT_EQ(tunnel_delete(t, 101, FIXTURE_OWNER), 0);
	EXPECT_EQ(tunnel_delete(t, 101, FIXTURE_OWNER), -ENOENT);
	/* Its number is free only when no worker can hold it any more. */
	tunnel_reclaim(t);
	EXPECT_EQ(tunnel_install(t, &other, FIXTURE_OWNER), -ENOSPC);
	fixture_quiesce(&f->sas);
	tunnel_reclaim(t);
	EXPECT_EQ(tunnel_install(t, &other, FIXTURE_OWNER), -EEXIST); /* the policy is in use */
	other.selector.remote.bytes[2] = 77;
	EXPECT_EQ(tunnel_install(t, &other, FIXTURE_OWNER), 1);
	EXPECT_EQ(tunnel_count(t, FIXTURE_OWNER), fixture_table.n_tunnels);
	EXPECT_EQ(tunnel_delete_all(t, FIXTURE_OWNER), fixture_table.n_tunnels);
	EXPECT_EQ(tunnel_n(t), 0);
	EXPECT_EQ(fixture_close(f), 0);
}

/* ---- its SAs ---- */

static void other_tunnel(struct api_set *set)
{
	set->tunnel++;
}

static void with_zone(struct api_set *set)
{
	set->zone = 1;
}

static void with_family(struct api_set *set)
{
	set->family = API_IPV4;
}

static void with_ports(struct api_set *set)
{
	set->sa[0].local_port = set->sa[0].peer_port = 5060;
}

static void with_two_sas(struct api_set *set)
{
	set->sa[1] = set->sa[0];
	set->sa[1].direction = API_OUT;
	set->sa[1].spi = 0x4711;
}

static void of_gm(struct api_set *set)
{
	*set = set_two_pairs(9, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set->mode = API_UDP_ENCAP_TUNNEL;
	set->tunnel = 1;
}

TEST(tunnel, an_sa_that_does_not_fit_its_tunnel_is_refused)
{
	static void (*const changes[])(struct api_set * set) = { other_tunnel, with_zone,
								 with_family,  with_ports,
								 with_two_sas, of_gm };
	struct fixture *f = fixture_open(&fixture_table);
	struct seg seg;
	seg_open(f, &seg, &seg_kinds[4], 1, NULL);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		test_context("change %zu", i);
		EXPECT_EQ(seg_install(f, &seg, API_IN, CRYPTO_HMAC_SHA1_NULL, 1, changes[i]),
			  -EINVAL);
	}
	EXPECT_EQ(f->sas.tunnels.tunnel[seg.number].n_sas, 0);
	EXPECT_EQ(seg_install(f, &seg, API_IN, CRYPTO_HMAC_SHA1_NULL, 1, NULL), 0);
	EXPECT_EQ(tunnel_delete(&f->sas.tunnels, seg.tunnel.handle, FIXTURE_OWNER), -EBUSY);
	EXPECT_EQ(set_delete(&f->sets, 1, FIXTURE_OWNER, 0, 1), 0);
	EXPECT_EQ(tunnel_delete(&f->sas.tunnels, seg.tunnel.handle, FIXTURE_OWNER), 0);
	EXPECT_EQ(fixture_close(f), 0);
}

/* Which SA carries the next packet; 0: none does. */
static uint32_t carrier(struct fixture *f, const struct seg *seg)
{
	struct packet p, got;
	struct esp_opened opened;
	seg_inner(&p, &seg->inner_out, 25);
	fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	if (!fixture_receive(f, FIXTURE_NETWORK, 0, &got))
		return 0;
	EXPECT_TRUE(seg_unwrap(&got, seg, &opened));
	return opened.spi;
}

TEST(tunnel, the_newest_outbound_sa_carries_and_when_it_goes_the_one_before)
{
	struct fixture *f = fixture_open(&fixture_table);
	struct seg seg, old[TUNNEL_MAX_CARRIERS + 1];
	seg_open(f, &seg, &seg_kinds[0], 1, NULL);
	EXPECT_EQ(carrier(f, &seg), 0);
	for (uint32_t i = 1; i <= TUNNEL_MAX_CARRIERS; i++) {
		EXPECT_EQ(seg_install(f, &seg, API_OUT, CRYPTO_HMAC_SHA1_NULL, i, NULL), 0);
		EXPECT_EQ(carrier(f, &seg), seg.out.spi);
		old[i] = seg;
	}
	EXPECT_EQ(seg_install(f, &seg, API_OUT, CRYPTO_HMAC_SHA1_NULL, 9, NULL), -ENOSPC);
	EXPECT_EQ(carrier(f, &old[4]), old[4].out.spi);
	EXPECT_EQ(set_delete(&f->sets, 2, FIXTURE_OWNER, 0, 1), 0);
	EXPECT_EQ(carrier(f, &old[4]), old[4].out.spi);
	EXPECT_EQ(set_delete(&f->sets, 4, FIXTURE_OWNER, 0, 1), 0);
	EXPECT_EQ(carrier(f, &old[3]), old[3].out.spi);
	EXPECT_EQ(set_delete(&f->sets, 3, FIXTURE_OWNER, 0, 1), 0);
	EXPECT_EQ(carrier(f, &old[1]), old[1].out.spi);
	EXPECT_EQ(set_delete(&f->sets, 1, FIXTURE_OWNER, 0, 1), 0);
	EXPECT_EQ(carrier(f, &seg), 0);
	EXPECT_EQ(fixture_counted(f, COUNT_out_no_tunnel), 2);
	EXPECT_EQ(fixture_close(f), 0);
}

TEST(tunnel, it_is_pointed_elsewhere_once_in_each_turn_of_the_workers)
{
	struct fixture *f = fixture_open(&fixture_table);
	struct tunnels *t = &f->sas.tunnels;
	struct seg seg;
	seg_open(f, &seg, &seg_kinds[4], 1, NULL);
	struct api_tunnel_update update = { .handle = seg.tunnel.handle,
					    .peer = seg.tunnel.peer,
					    .peer_port = 1 };
	EXPECT_EQ(tunnel_update(t, &update, FIXTURE_OWNER + 1), -ENOENT);
	EXPECT_EQ(tunnel_update(t, &update, FIXTURE_OWNER), 0);
	update.peer_port = 2;
	EXPECT_EQ(tunnel_update(t, &update, FIXTURE_OWNER), -EAGAIN);
	fixture_quiesce(&f->sas);
	update.peer_port = 0;
	EXPECT_EQ(tunnel_update(t, &update, FIXTURE_OWNER), -EINVAL);
	update.peer_port = 2;
	EXPECT_EQ(tunnel_update(t, &update, FIXTURE_OWNER), 0);
	struct api_tunnel_info info;
	ASSERT_TRUE(tunnel_info(t, seg.number, &info));
	EXPECT_EQ(info.tunnel.peer_port, 2);
	EXPECT_EQ(fixture_close(f), 0);
}

/* ---- requests ---- */

TEST(tunnel, clients_install_list_and_delete_their_own)
{
	struct talk talk;
	struct fixture *f = fixture_open(&fixture_table);
	struct seg seg;
	struct api_tunnel_result result;
	struct api_cursor cursor = { 0 };
	struct api_tunnel_info info;
	seg_open(f, &seg, &seg_kinds[5], 1, NULL);
	EXPECT_EQ(fixture_close(f), 0);
	talk_open_and_greet(&talk);
	EXPECT_EQ(TALK_ASK(&talk, 0, API_TUNNEL_INSTALL, seg.tunnel), 0);
	talk_entry(&talk, 0, &result, sizeof(result), 0);
	EXPECT_EQ(result.status, 0);
	EXPECT_EQ(result.tunnel, 1);
	EXPECT_EQ(TALK_ASK(&talk, 1, API_TUNNEL_LIST, cursor), 0);
	ASSERT_EQ(talk.reply.header.n_entries, 2);
	talk_entry(&talk, 0, &info, sizeof(info), sizeof(cursor));
	EXPECT_MEM(&info.tunnel, &seg.tunnel, sizeof(seg.tunnel));
	EXPECT_EQ(info.number, 1);
	EXPECT_EQ(info.carrier, UINT32_MAX);
	struct api_tunnel_id id = { seg.tunnel.handle };
	EXPECT_EQ(TALK_ASK(&talk, 1, API_TUNNEL_DELETE, id), 0);
	talk_entry(&talk, 0, &result, sizeof(result), 0);
	EXPECT_EQ(result.status, -ENOENT);
	EXPECT_EQ(TALK_ASK(&talk, 0, API_TUNNEL_DELETE, id), 0);
	talk_entry(&talk, 0, &result, sizeof(result), 0);
	EXPECT_EQ(result.status, 0);
	seg.tunnel.zone = 200;
	EXPECT_EQ(TALK_ASK(&talk, 0, API_TUNNEL_INSTALL, seg.tunnel), 0);
	talk_entry(&talk, 0, &result, sizeof(result), 0);
	EXPECT_EQ(result.status, -EINVAL);
	talk_close(&talk);
}
