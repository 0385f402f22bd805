#include "test/unit/talk.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/request.h"
#include "test/shim/test.h"

void talk_open(struct talk *t)
{
	const char *error;
	ASSERT_EQ(fixture_control_open(&t->c, "", CONFIG_ORPHANS_KEEP, &error), 0);
	memset(t->client, 0, sizeof(t->client));
}

void talk_close(struct talk *t)
{
	fixture_control_close(&t->c);
}

int talk_ask_bytes(struct talk *t, unsigned client, size_t n_bytes)
{
	uint8_t *exact = malloc(n_bytes ? n_bytes : 1);
	if (!exact)
		abort();
	memcpy(exact, &t->request, n_bytes);
	memset(&t->reply, 0xee, sizeof(t->reply));
	uint32_t n = request_handle(&t->c.control, &t->client[client], exact, n_bytes,
				    (uint8_t *)&t->reply);
	free(exact);
	EXPECT_EQ(t->reply.header.length_bytes, n);
	EXPECT_EQ(t->reply.header.version, API_VERSION);
	EXPECT_LE(n, API_MESSAGE_BYTES);
	if (n_bytes >= sizeof(t->request.header)) {
		EXPECT_EQ(t->reply.header.type, t->request.header.type);
		EXPECT_EQ(t->reply.header.cookie, t->request.header.cookie);
	}
	if (t->reply.header.status < 0) {
		EXPECT_EQ(n, sizeof(t->reply.header));
		EXPECT_EQ(t->reply.header.n_entries, 0);
	}
	return t->reply.header.status;
}

int talk_ask(struct talk *t, unsigned client, enum api_type type, const void *entries,
	     uint16_t n_entries, size_t entry_bytes)
{
	message_make(&t->request, (uint16_t)type, entries, n_entries, entry_bytes);
	return talk_ask_bytes(t, client, t->request.header.length_bytes);
}

void talk_entry(const struct talk *t, uint32_t i, void *out, size_t entry_bytes, size_t offset)
{
	memcpy(out, t->reply.entries + offset + i * entry_bytes, entry_bytes);
}

void talk_hello(struct talk *t, unsigned client, const char *name)
{
	struct api_hello h = { .name = "" };
	snprintf(h.name, sizeof(h.name), "%s", name);
	ASSERT_EQ(TALK_ASK(t, client, API_HELLO, h), 0);
}

void talk_open_and_greet(struct talk *t)
{
	talk_open(t);
	talk_hello(t, 0, "pcscf");
	talk_hello(t, 1, "ike");
}

int32_t talk_install(struct talk *t, unsigned client, uint32_t number,
		     struct api_set_result *result)
{
	struct api_set set = set_two_pairs(number, CRYPTO_HMAC_SHA1_AES_CBC, API_IPV6);
	EXPECT_EQ(TALK_ASK(t, client, API_SET_INSTALL, set), 0);
	EXPECT_EQ(t->reply.header.n_entries, 1);
	talk_entry(t, 0, result, sizeof(*result), 0);
	return result->status;
}
