/* What clients have and may have: quotas, what is told of them, and what dies with nobody there. */
#include <errno.h>
#include <string.h>

#include "dataplane/request.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/talk.h"

static struct config_quota quotas[] = { { .client = "pcscf", .max_sas = 10 } };

static void open_with_quotas(struct talk *t)
{
	talk_open(t);
	t->c.control.quotas = quotas;
	t->c.control.n_quotas = 1;
	talk_hello(t, 0, "pcscf");
	talk_hello(t, 1, "ike");
}

static struct api_owner_info info_of(struct talk *t, const char *name)
{
	struct api_cursor all = { 0 };
	struct api_owner_info info;
	EXPECT_EQ(TALK_ASK(t, 1, API_OWNER_LIST, all), 0);
	for (uint32_t i = 0; i < t->reply.header.n_entries; i++) {
		talk_entry(t, i, &info, sizeof(info), 0);
		if (strcmp(info.name, name) == 0)
			return info;
	}
	return (struct api_owner_info){ .name = "nobody" };
}

TEST(quota, a_client_gets_no_more_than_its_quota_and_the_others_do)
{
	struct talk t;
	struct api_set_result r;
	open_with_quotas(&t);
	EXPECT_EQ(talk_install(&t, 0, 1, &r), 0);
	uint64_t registration = r.registration;
	EXPECT_EQ(talk_install(&t, 0, 2, &r), 0);
	EXPECT_EQ(talk_install(&t, 0, 3, &r), -EDQUOT); /* four more would be twelve */
	for (uint32_t number = 4; number < 8; number++)
		EXPECT_EQ(talk_install(&t, 1, number, &r), 0);
	struct api_owner_info info = info_of(&t, "pcscf");
	EXPECT_EQ(info.n_sets, 2);
	EXPECT_EQ(info.n_sas, 8);
	EXPECT_EQ(info.max_sas, 10);
	EXPECT_EQ(info.n_over_quota, 1);
	EXPECT_EQ(info_of(&t, "ike").n_sas, 16);
	EXPECT_EQ(info_of(&t, "ike").max_sas, 0);
	/* What is deleted makes room. */
	struct api_set_id id = { .registration = registration };
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_DELETE, id), 0);
	EXPECT_EQ(talk_install(&t, 0, 3, &r), 0);
	talk_close(&t);
}

TEST(quota, reserved_spis_count_and_an_install_with_them_does_not_count_again)
{
	struct talk t;
	struct api_set_result r;
	struct api_spi_range range = { .n_spis = 100 }, one;
	open_with_quotas(&t);
	EXPECT_EQ(talk_install(&t, 0, 1, &r), 0);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, range), 0);
	EXPECT_EQ(t.reply.header.n_entries, 6);
	talk_entry(&t, 0, &one, sizeof(one), 0);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SPI_RESERVE, range), -EDQUOT);
	EXPECT_EQ(info_of(&t, "pcscf").n_reserved, 6);
	EXPECT_EQ(talk_install(&t, 0, 2, &r), -EDQUOT);

	struct api_set set = set_two_pairs(2, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.sa[SET_UC_TO_PS].spi = one.spi;
	memset(&set.sa[1], 0, 3 * sizeof(set.sa[1]));
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, 0);
	EXPECT_EQ(info_of(&t, "pcscf").n_reserved, 5);
	EXPECT_EQ(info_of(&t, "pcscf").n_sas, 5);
	sa_release_all(&t.c.sas, t.client[0].owner);
	EXPECT_EQ(info_of(&t, "pcscf").n_reserved, 0);
	talk_close(&t);
}

TEST(quota, a_name_that_owns_nothing_makes_room_and_leaves_no_count_behind)
{
	struct talk t;
	open_with_quotas(&t);
	struct api_set_result r;
	for (uint32_t number = 1; number < 5; number++)
		talk_install(&t, 0, number, &r);
	set_delete_all(&t.c.control.sets, t.client[0].owner);
	t.c.control.owner[t.client[0].owner].n_connections = 0;
	uint32_t number = t.client[0].owner;
	t.client[0] = (struct control_client){ .fd = -1 };
	talk_hello(&t, 0, "another");
	EXPECT_EQ(t.client[0].owner, number);
	struct api_owner_info info = info_of(&t, "another");
	EXPECT_EQ(info.n_over_quota, 0);
	EXPECT_EQ(info.max_sas, 0);
	talk_close(&t);
}

TEST(quota, orphans_end_in_time_with_nobody_there)
{
	struct talk t;
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.lifetime_s = 5;
	open_with_quotas(&t);
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	t.c.control.owner[t.client[0].owner].n_connections = 0;
	fixture_control_pass(&t.c, 4);
	control_turn(&t.c.control, 0);
	EXPECT_EQ(info_of(&t, "pcscf").n_sas, 4);
	fixture_control_pass(&t.c, 1);
	control_turn(&t.c.control, 0);
	EXPECT_EQ(info_of(&t, "pcscf").n_sas, 0);
	EXPECT_EQ(t.c.sas.n_retired, 4);
	talk_close(&t);
}

/* ---- local addresses ---- */

static int32_t install_at(struct talk *t, uint32_t number)
{
	struct api_set set = set_two_pairs(number, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	struct api_set_result r;
	memcpy(set.local.bytes, (uint8_t[]){ 10, 7, (uint8_t)(number >> 8), (uint8_t)number }, 4);
	memset(&set.sa[1], 0, 3 * sizeof(set.sa[1]));
	EXPECT_EQ(TALK_ASK(t, 1, API_SET_INSTALL, set), 0);
	talk_entry(t, 0, &r, sizeof(r), 0);
	return r.status;
}

TEST(quota, an_address_that_no_sa_is_bound_to_makes_room_for_another)
{
	struct talk t;
	open_with_quotas(&t);
	for (uint32_t i = 0; i < 3 * LOCAL_MAX; i++) {
		EXPECT_EQ(install_at(&t, i), 0);
		struct api_set_id id = { .registration = i + 1 };
		EXPECT_EQ(TALK_ASK(&t, 1, API_SET_DELETE, id), 0);
		fixture_quiesce(&t.c.sas);
		sa_reclaim(&t.c.sas);
		fixture_quiesce(&t.c.sas);
	}
	EXPECT_LT(atomic_load(&t.c.sas.locals->n), 4);
	talk_close(&t);
}

TEST(quota, an_address_beyond_the_last_is_refused_with_a_reason_of_its_own)
{
	struct talk t;
	open_with_quotas(&t);
	atomic_store(&t.c.sas.locals->n, LOCAL_MAX); /* as if other SAs were bound to as many */
	for (uint32_t i = 0; i < LOCAL_MAX; i++)
		t.c.sas.locals->n_sas[i] = 1;
	EXPECT_EQ(install_at(&t, 1), -EADDRNOTAVAIL);
	t.c.sas.locals->n_sas[LOCAL_MAX - 1] = 0;
	EXPECT_EQ(install_at(&t, 1), 0);
	talk_close(&t);
}
