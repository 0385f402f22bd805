/* What is read out of the table and put back into it: lists, exports, windows, SPIs. */
#include "dataplane/request.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/talk.h"

TEST(request, a_list_shows_everything_but_the_keys)
{
	struct talk t;
	struct api_set_result r;
	struct api_cursor cursor = { 0 };
	talk_open_and_greet(&t);
	struct api_set set = set_two_pairs(9, CRYPTO_HMAC_SHA1_AES_CBC, API_IPV6);
	set.zone = 2;
	set.lifetime_s = 240;
	memset(set.auth_key, 0xab, 20);
	memset(set.cipher_key, 0xab, 16);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(TALK_ASK(&t, 1, API_SA_LIST, cursor), 0);
	EXPECT_EQ(t.reply.header.n_entries, 5);
	unsigned seen = 0;
	for (uint32_t i = 0; i < 4; i++) {
		struct api_sa_info info;
		talk_entry(&t, i, &info, sizeof(info), sizeof(cursor));
		for (unsigned n = 0; n < 4; n++) {
			if (r.spi[n] != info.spi)
				continue;
			seen |= 1u << n;
			EXPECT_EQ(info.registration, set.registration);
			EXPECT_EQ(info.owner, t.client[0].owner);
			EXPECT_EQ(info.direction, set.sa[n].direction);
			EXPECT_EQ(info.local_port, set.sa[n].local_port);
			EXPECT_EQ(info.peer_port, set.sa[n].peer_port);
			EXPECT_EQ(info.zone, 2);
			EXPECT_EQ(info.family, API_IPV6);
			EXPECT_EQ(info.mode, API_TRANSPORT);
			EXPECT_EQ(info.integrity, API_HMAC_SHA1_96);
			EXPECT_EQ(info.cipher, API_AES_CBC);
			EXPECT_TRUE(info.lifetime_s >= 239 && info.lifetime_s <= 240);
			EXPECT_MEM(&info.local, &set.local, sizeof(set.local));
			EXPECT_MEM(&info.peer, &set.peer, sizeof(set.peer));
		}
	}
	EXPECT_EQ(seen, 15);
	/* C-094: no four bytes of the keys anywhere in it. */
	static const uint8_t key[4] = { 0xab, 0xab, 0xab, 0xab };
	EXPECT_FALSE(memmem(&t.reply, t.reply.header.length_bytes, key, sizeof(key)));
	talk_close(&t);
}

static void open_large(struct talk *t, uint32_t capacity)
{
	const struct sa_table_config large = {
		.capacity = capacity, .generation_bits = 10, .window_pkts = 128, .n_workers = 1
	};
	talk_open(t);
	sa_table_free(&t->c.sas);
	set_table_free(&t->c.control.sets);
	fixture_table_open(&t->c.sas, &large);
	ASSERT_EQ(set_table_init(&t->c.control.sets, &t->c.sas, FIXTURE_ZONES, 1), 0);
	talk_hello(t, 0, "pcscf");
	talk_hello(t, 1, "ike");
}

/* A big table is walked in steps, also where there is nothing in it. */
TEST(request, a_list_of_a_big_empty_table_comes_to_its_end)
{
	struct talk t;
	struct api_set_result r;
	struct api_cursor cursor = { 0 };
	uint32_t n_infos = 0, n_messages = 0;
	open_large(&t, 1 << 18);
	ASSERT_EQ(talk_install(&t, 0, 1, &r), 0);
	do {
		ASSERT_EQ(TALK_ASK(&t, 0, API_SA_LIST, cursor), 0);
		n_infos += t.reply.header.n_entries - 1u;
		talk_entry(&t, 0, &cursor, sizeof(cursor), 0);
	} while (cursor.next && ++n_messages < 100);
	EXPECT_EQ(cursor.next, 0);
	EXPECT_EQ(n_infos, 4);
	talk_close(&t);
}

TEST(request, a_list_of_more_than_one_message_walks_all_by_its_cursor)
{
	const uint32_t capacity = 4096;
	struct talk t;
	open_large(&t, capacity);
	uint8_t *seen = calloc(capacity, 1);
	ASSERT_TRUE(seen);
	struct api_set_result r;
	for (uint32_t i = 0; i < 700; i++)
		ASSERT_EQ(talk_install(&t, i % 7 == 0, i, &r), 0);
	for (unsigned pass = 0; pass < 3; pass++) {
		/* Everybody's, then each one's own. */
		struct api_cursor cursor = { .owner = pass ? t.client[pass - 1].owner : 0 };
		uint32_t n = 0, n_messages = 0;
		memset(seen, 0, capacity);
		do {
			ASSERT_EQ(TALK_ASK(&t, 0, API_SA_LIST, cursor), 0);
			uint32_t n_infos = t.reply.header.n_entries - 1u, owner = cursor.owner;
			for (uint32_t i = 0; i < n_infos; i++) {
				struct api_sa_info info;
				talk_entry(&t, i, &info, sizeof(info), sizeof(cursor));
				ASSERT_LT(info.slot, capacity);
				EXPECT_EQ(seen[info.slot]++, 0);
				EXPECT_TRUE(!owner || info.owner == owner);
			}
			n += n_infos;
			talk_entry(&t, 0, &cursor, sizeof(cursor), 0);
			EXPECT_EQ(cursor.owner, owner);
		} while (cursor.next && ++n_messages < 100);
		EXPECT_EQ(n, pass == 0 ? 2800 : pass == 1 ? 2400 : 400);
		EXPECT_EQ(cursor.next, 0);
	}
	struct api_cursor beyond = { .next = capacity };
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_LIST, beyond), -EINVAL);
	beyond.next = UINT32_MAX;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_LIST, beyond), -EINVAL);
	free(seen);
	talk_close(&t);
}

/* The slot of an SA, by the list. */
static uint32_t slot_of(struct talk *t, uint32_t spi)
{
	struct api_cursor cursor = { 0 };
	EXPECT_EQ(TALK_ASK(t, 0, API_SA_LIST, cursor), 0);
	for (uint32_t i = 0; i + 1 < t->reply.header.n_entries; i++) {
		struct api_sa_info info;
		talk_entry(t, i, &info, sizeof(info), sizeof(cursor));
		if (info.spi == spi)
			return info.slot;
	}
	TEST_MESSAGE("SPI %u is not listed", spi);
	return 0;
}

TEST(request, an_export_is_for_the_owner_of_that_very_sa)
{
	struct talk t;
	struct api_set_result r;
	talk_open_and_greet(&t);
	EXPECT_EQ(talk_install(&t, 0, 1, &r), 0);
	struct api_sa_id id = { .slot = slot_of(&t, r.spi[0]), .spi = r.spi[0] };
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_EXPORT, id), 0);
	EXPECT_EQ(TALK_ASK(&t, 1, API_SA_EXPORT, id), -EPERM);
	struct api_sa_id other = id;
	other.spi ^= 1u << 30;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_EXPORT, other), -ENOENT);
	other = id;
	other.slot = fixture_table.capacity;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_EXPORT, other), -ENOENT);
	other.slot = UINT32_MAX;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_EXPORT, other), -ENOENT);
	struct api_set_id set = { .registration = r.registration };
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_DELETE, set), 0);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SA_EXPORT, id), -ENOENT);
	talk_close(&t);
}

TEST(request, c093_what_was_seen_before_a_move_is_refused_after_it)
{
	static const uint32_t window_pkts[] = { 64, 128, 1024, 2048 };
	struct test_rng rng = { test_seed() };
	for (size_t i = 0; i < sizeof(window_pkts) / sizeof(window_pkts[0]); i++) {
		struct talk t;
		struct api_set_result r;
		struct api_sa_state state;
		talk_open_and_greet(&t);
		struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
		set.sa[SET_UC_TO_PS].window_pkts = window_pkts[i];
		EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
		talk_entry(&t, 0, &r, sizeof(r), 0);
		struct sa *sa = &t.c.sas.sa[slot_of(&t, r.spi[SET_UC_TO_PS])];
		for (unsigned n = 0; n < 3000; n++)
			sa_replay_commit(sa, (uint32_t)(1 + test_rng_below(&rng, 4000)));
		struct api_sa_id id = { .slot = (uint32_t)(sa - t.c.sas.sa),
					.spi = r.spi[SET_UC_TO_PS] };
		EXPECT_EQ(TALK_ASK(&t, 0, API_SA_EXPORT, id), 0);
		talk_entry(&t, 0, &state, sizeof(state), 0);
		enum replay_verdict before[4100];
		for (uint32_t n = 1; n < 4100; n++)
			before[n] = sa_replay_check(sa, n);

		/* Away here, and here again: the same SPI, its number and its window. */
		struct api_set_id gone = { .registration = set.registration };
		EXPECT_EQ(TALK_ASK(&t, 0, API_SET_DELETE, gone), 0);
		fixture_quiesce(&t.c.sas);
		sa_reclaim(&t.c.sas);
		struct api_set_restore restore = { .set = set };
		restore.set.sa[SET_UC_TO_PS].spi = id.spi;
		restore.set.sa[SET_UC_TO_PS].sequence = state.sequence;
		restore.set.sa[SET_PC_TO_US].sequence = 77;
		memcpy(restore.window[SET_UC_TO_PS], state.window, sizeof(state.window));
		EXPECT_EQ(TALK_ASK(&t, 0, API_SET_RESTORE, restore), 0);
		talk_entry(&t, 0, &r, sizeof(r), 0);
		ASSERT_EQ(r.status, 0);
		EXPECT_EQ(r.spi[SET_UC_TO_PS], id.spi);
		sa = &t.c.sas.sa[slot_of(&t, id.spi)];
		for (uint32_t n = 1; n < 4100; n++)
			EXPECT_EQ(sa_replay_check(sa, n), before[n]);
		EXPECT_EQ(t.c.sas.sa[slot_of(&t, r.spi[SET_PC_TO_US])].run.replay.top, 77);
		talk_close(&t);
	}
}

/* ---- SPIs ---- */

TEST(request, reserved_spis_are_promised_installed_and_released)
{
	struct talk t;
	struct api_spi_range range = { .n_spis = 10 }, got[10];
	struct api_set_result r;
	talk_open_and_greet(&t);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, range), 0);
	EXPECT_EQ(t.reply.header.n_entries, 10);
	for (uint32_t i = 0; i < 10; i++) {
		talk_entry(&t, i, &got[i], sizeof(got[i]), 0);
		EXPECT_EQ(got[i].n_spis, 1);
		EXPECT_GE(got[i].spi, 256);
	}
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.sa[SET_UC_TO_PS].spi = got[0].spi;
	EXPECT_EQ(TALK_ASK(&t, 1, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, -EADDRINUSE);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, 0);
	EXPECT_EQ(r.spi[SET_UC_TO_PS], got[0].spi);
	EXPECT_EQ(talk_ask(&t, 1, API_SPI_RELEASE, &got[1], 1, sizeof(got[0])), -EPERM);
	EXPECT_EQ(talk_ask(&t, 0, API_SPI_RELEASE, &got[0], 1, sizeof(got[0])), -ENOENT);
	EXPECT_EQ(talk_ask(&t, 0, API_SPI_RELEASE, &got[1], 9, sizeof(got[0])), 0);
	EXPECT_EQ(t.reply.header.n_entries, 0);
	EXPECT_EQ(t.c.sas.n_free, fixture_table.capacity - 4);
	talk_close(&t);
}

TEST(request, a_reservation_gives_what_there_is_and_enospc_when_there_is_none)
{
	struct talk t;
	struct api_spi_range range = { .n_spis = 1000 };
	talk_open_and_greet(&t);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, range), 0);
	EXPECT_EQ(t.reply.header.n_entries, fixture_table.capacity);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, range), -ENOSPC);
	static const struct api_spi_range wrong[] = { { 0, 0 }, { 1, 1 }, { 0, UINT32_MAX } };
	for (size_t i = 0; i < 3; i++)
		EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, wrong[i]), -EINVAL);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RELEASE, wrong[0]), -EINVAL);
	talk_close(&t);
}

/* Numbers of owners are few and given again; what one was promised is not the next one's. */
TEST(request, an_owner_that_is_gone_leaves_no_reservation_to_another)
{
	struct talk t;
	struct api_spi_range range = { .n_spis = 1 }, got;
	talk_open(&t);
	talk_hello(&t, 0, "first");
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, range), 0);
	talk_entry(&t, 0, &got, sizeof(got), 0);
	t.c.control.owner[t.client[0].owner].n_connections--; /* it hangs up */
	for (unsigned i = 0; i < 2 * CONTROL_MAX_CLIENTS; i++) {
		char name[API_NAME_BYTES];
		struct control_client fresh = { .fd = -1 };
		snprintf(name, sizeof(name), "other%u", i);
		t.client[1] = fresh;
		talk_hello(&t, 1, name);
		if (test_has_failed())
			break;
		EXPECT_NE(talk_ask(&t, 1, API_SPI_RELEASE, &got, 1, sizeof(got)), 0);
		t.c.control.owner[t.client[1].owner].n_connections--;
	}
	/* Back again, it finds the promise kept. */
	struct control_client fresh = { .fd = -1 };
	t.client[1] = fresh;
	talk_hello(&t, 1, "first");
	EXPECT_EQ(talk_ask(&t, 1, API_SPI_RELEASE, &got, 1, sizeof(got)), 0);
	talk_close(&t);
}
