#include "dataplane/request.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/talk.h"

/* ---- the message as a whole ---- */

static const struct {
	const char *what;
	size_t offset, n_bytes; /* field of the header */
	uint64_t value;
	int status;
} wrong_headers[] = {
#define ROW(field, value, status)                                                                  \
	{                                                                                          \
#field " = " #value, offsetof(struct api_header, field),                           \
			sizeof(((struct api_header *)0)->field), value, status                     \
	}
	ROW(version, 0, -EPROTO),
	ROW(version, 2, -EPROTO),
	ROW(version, 0x0100, -EPROTO),
	ROW(type, 0, -EOPNOTSUPP),
	ROW(type, API_EVENT_EXPIRED, -EOPNOTSUPP),
	ROW(type, API_EVENT_SEQUENCE, -EOPNOTSUPP),
	ROW(type, API_N_TYPES, -EOPNOTSUPP),
	ROW(type, API_EVENT_REBOUND, -EOPNOTSUPP),
	ROW(type, 0xffff, -EOPNOTSUPP),
	ROW(n_entries, 0, -EMSGSIZE),
	ROW(n_entries, 2, -EMSGSIZE),
	ROW(n_entries, 0xffff, -EMSGSIZE),
	ROW(length_bytes, 0, -EMSGSIZE),
	ROW(length_bytes, 1, -EMSGSIZE),
	ROW(length_bytes, UINT32_MAX, -EMSGSIZE),
	ROW(flags, API_LOST_EVENTS, -EINVAL),
	ROW(status, 1, -EINVAL),
	ROW(status, 0xffffffff, -EINVAL),
	ROW(cookie, 0, -EINVAL),
#undef ROW
};

/* Each type's entry in a request, all zeros. */
static const struct {
	enum api_type type;
	size_t entry_bytes;
} types[] = {
	{ API_HELLO, sizeof(struct api_hello) },
	{ API_SET_INSTALL, sizeof(struct api_set) },
	{ API_SET_UPDATE, sizeof(struct api_set_update) },
	{ API_SET_DELETE, sizeof(struct api_set_id) },
	{ API_SET_RESTORE, sizeof(struct api_set_restore) },
	{ API_SA_LIST, sizeof(struct api_cursor) },
	{ API_SA_EXPORT, sizeof(struct api_sa_id) },
	{ API_SPI_RESERVE, sizeof(struct api_spi_range) },
	{ API_SPI_RELEASE, sizeof(struct api_spi_range) },
	{ API_OWNER_LIST, sizeof(struct api_cursor) },
	{ API_SET_FREEZE, sizeof(struct api_set_id) },
	{ API_SET_THAW, sizeof(struct api_set_id) },
	{ API_SET_EXPORT, sizeof(struct api_set_id) },
	{ API_TUNNEL_INSTALL, sizeof(struct api_tunnel) },
	{ API_TUNNEL_UPDATE, sizeof(struct api_tunnel_update) },
	{ API_TUNNEL_DELETE, sizeof(struct api_tunnel_id) },
	{ API_TUNNEL_LIST, sizeof(struct api_cursor) },
};
#define N_TYPES (sizeof(types) / sizeof(types[0]))

static const uint8_t zeros[sizeof(struct api_set_restore)];

TEST(request, a_wrong_header_changes_nothing)
{
	struct talk t;
	talk_open_and_greet(&t);
	for (size_t i = 0; i < sizeof(wrong_headers) / sizeof(wrong_headers[0]); i++) {
		for (size_t type = 0; type < N_TYPES; type++) {
			message_make(&t.request, (uint16_t)types[type].type, zeros, 1,
				     types[type].entry_bytes);
			size_t n_bytes = t.request.header.length_bytes;
			memcpy((uint8_t *)&t.request + wrong_headers[i].offset,
			       &wrong_headers[i].value, wrong_headers[i].n_bytes);
			test_context("%s, type %d", wrong_headers[i].what, (int)types[type].type);
			EXPECT_EQ(talk_ask_bytes(&t, 0, n_bytes), wrong_headers[i].status);
			EXPECT_EQ(t.c.sas.n_free, fixture_table.capacity);
		}
	}
	talk_close(&t);
}

TEST(request, every_other_length_is_refused)
{
	struct talk t;
	talk_open_and_greet(&t);
	for (size_t type = 0; type < N_TYPES; type++) {
		message_make(&t.request, (uint16_t)types[type].type, zeros, 1,
			     types[type].entry_bytes);
		size_t right = t.request.header.length_bytes;
		memset(t.request.entries + types[type].entry_bytes, 0, 64);
		for (size_t n = 0; n < right + 64; n++) {
			if (n == right)
				continue;
			test_context("type %d, %zu bytes", (int)types[type].type, n);
			EXPECT_EQ(talk_ask_bytes(&t, 0, n), -EMSGSIZE);
			/* Nor when the header says what was sent. */
			struct api_header header = t.request.header;
			t.request.header.length_bytes = (uint32_t)n;
			EXPECT_EQ(talk_ask_bytes(&t, 0, n), -EMSGSIZE);
			t.request.header = header;
		}
	}
	EXPECT_EQ(t.c.sas.n_free, fixture_table.capacity);
	talk_close(&t);
}

TEST(request, nothing_is_answered_before_hello)
{
	struct talk t;
	talk_open(&t);
	for (size_t type = 1; type < N_TYPES; type++)
		EXPECT_EQ(talk_ask(&t, 0, types[type].type, zeros, 1, types[type].entry_bytes),
			  -EACCES);
	talk_close(&t);
}

TEST(request, hello_says_who_is_there_and_how_much_room)
{
	struct talk t;
	struct api_hello h, again;
	struct api_set_result result;
	talk_open_and_greet(&t);
	talk_entry(&t, 0, &h, sizeof(h), 0);
	EXPECT_STREQ(h.name, "ike");
	EXPECT_EQ(h.capacity, fixture_table.capacity);
	EXPECT_EQ(h.n_free, fixture_table.capacity);
	EXPECT_EQ(h.n_adopted, 0);
	EXPECT_NE(h.owner, 0);
	EXPECT_NE(t.client[0].owner, t.client[1].owner);
	/* Twice on one connection: no. */
	again = (struct api_hello){ .name = "other" };
	EXPECT_EQ(TALK_ASK(&t, 0, API_HELLO, again), -EALREADY);
	/* The same name from another connection: the same owner, with what is there. */
	EXPECT_EQ(talk_install(&t, 0, 1, &result), 0);
	struct control_client third = { .fd = -1 };
	t.client[1] = third;
	talk_hello(&t, 1, "pcscf");
	talk_entry(&t, 0, &h, sizeof(h), 0);
	EXPECT_EQ(h.owner, t.client[0].owner);
	EXPECT_EQ(h.n_adopted, 4);
	EXPECT_EQ(h.n_free, fixture_table.capacity - 4);
	talk_close(&t);
}

TEST(request, a_name_is_text_that_ends)
{
	struct talk t;
	struct api_hello h = { .name = "" };
	talk_open(&t);
	EXPECT_EQ(TALK_ASK(&t, 0, API_HELLO, h), -EINVAL);
	memset(h.name, 'x', sizeof(h.name));
	EXPECT_EQ(TALK_ASK(&t, 0, API_HELLO, h), -EINVAL);
	/* What stands behind the NUL makes no other name. */
	memset(h.name, 0, sizeof(h.name));
	memcpy(h.name, "a\0b", 3);
	EXPECT_EQ(TALK_ASK(&t, 0, API_HELLO, h), 0);
	h.name[2] = 'c';
	EXPECT_EQ(TALK_ASK(&t, 1, API_HELLO, h), 0);
	EXPECT_EQ(t.client[0].owner, t.client[1].owner);
	struct api_hello two[2] = { h, h };
	struct control_client fresh = { .fd = -1 };
	t.client[1] = fresh;
	EXPECT_EQ(talk_ask(&t, 1, API_HELLO, two, 2, sizeof(h)), -EINVAL);
	talk_close(&t);
}

/* ---- sets ---- */

TEST(request, entries_are_answered_one_by_one_in_order)
{
	struct talk t;
	struct api_set set[5];
	talk_open_and_greet(&t);
	for (uint32_t i = 0; i < 5; i++)
		set[i] = set_two_pairs(i, CRYPTO_HMAC_MD5_NULL, API_IPV4);
	set[1].zone = 99;
	set[3].registration = set[2].registration;
	static const int expected[] = { 0, -EINVAL, 0, -EEXIST, 0 };
	EXPECT_EQ(talk_ask(&t, 0, API_SET_INSTALL, set, 5, sizeof(set[0])), 0);
	EXPECT_EQ(t.reply.header.n_entries, 5);
	for (uint32_t i = 0; i < 5; i++) {
		struct api_set_result r;
		talk_entry(&t, i, &r, sizeof(r), 0);
		EXPECT_EQ(r.registration, set[i].registration);
		EXPECT_EQ(r.status, expected[i]);
		EXPECT_EQ(r.spi[0] != 0, expected[i] == 0);
	}
	EXPECT_EQ(t.c.sas.n_free, fixture_table.capacity - 12);
	talk_close(&t);
}

TEST(request, a_message_full_of_entries_is_answered_whole)
{
	static struct api_set_id
		id[(API_MESSAGE_BYTES - sizeof(struct api_header)) / sizeof(struct api_set_id)];
	const uint32_t room = API_MESSAGE_BYTES - sizeof(struct api_header);
	const uint16_t most = (uint16_t)(room / sizeof(struct api_set_result));
	struct talk t;
	talk_open_and_greet(&t);
	for (size_t i = 0; i < sizeof(id) / sizeof(id[0]); i++)
		id[i].registration = i + 1;
	EXPECT_EQ(talk_ask(&t, 0, API_SET_DELETE, id, most, sizeof(id[0])), 0);
	EXPECT_EQ(t.reply.header.n_entries, most);
	/* More would fit into the request, but their results not into the reply. */
	EXPECT_EQ(talk_ask(&t, 0, API_SET_DELETE, id, (uint16_t)(most + 1), sizeof(id[0])),
		  -EMSGSIZE);
	talk_close(&t);
}

TEST(request, update_and_delete_touch_only_the_owners_sets)
{
	struct talk t;
	struct api_set_result r;
	talk_open_and_greet(&t);
	EXPECT_EQ(talk_install(&t, 0, 1, &r), 0);
	struct api_set_update update = { .registration = r.registration, .lifetime_s = 10 };
	struct api_set_id id = { .registration = r.registration };
	for (unsigned round = 0; round < 2; round++) {
		unsigned client = 1 - round; /* the stranger first */
		EXPECT_EQ(TALK_ASK(&t, client, API_SET_UPDATE, update), 0);
		talk_entry(&t, 0, &r, sizeof(r), 0);
		EXPECT_EQ(r.status, client == 1 ? -ENOENT : 0);
		EXPECT_EQ(TALK_ASK(&t, client, API_SET_DELETE, id), 0);
		talk_entry(&t, 0, &r, sizeof(r), 0);
		EXPECT_EQ(r.status, client == 1 ? -ENOENT : 0);
		EXPECT_EQ(set_count_sas(&t.c.control.sets, t.client[0].owner), client == 1 ? 4 : 0);
	}
	update.reserved = 1;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_UPDATE, update), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, -EINVAL);
	id.reserved = 1;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_DELETE, id), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, -EINVAL);
	talk_close(&t);
}
