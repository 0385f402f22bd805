/* Cx as Diameter messages: exact bytes, there and back, and what a hostile peer writes. */
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_dictionary.h"
#include "controlplane/cx_message.h"
#include "test/shim/test.h"
#include "test/unit/wire_diameter.h"

#define IMPI "001010000000001@example.net"
#define IMPU "sip:001010000000001@example.net"
#define S1   "sip:192.0.2.1:5090"
#define V    CX_VENDOR

static void fill(uint8_t *bytes, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)(from + i);
}

static struct cx_request request_of(enum cx_command command)
{
	struct cx_request r = { .command = command };

	switch (command) {
	case CX_UAR:
		r.uar = (struct cx_uar){ IMPI, IMPU, "visited.example.net", 1 };
		break;
	case CX_MAR:
		r.mar = (struct cx_mar){ IMPI, IMPU, S1, CX_SCHEME_AKA, 3, 1, { 0 }, { 0 }, { 0 } };
		fill(r.mar.rand, sizeof(r.mar.rand), 0x10);
		fill(r.mar.auts, sizeof(r.mar.auts), 0x30);
		break;
	case CX_SAR:
		r.sar = (struct cx_sar){ IMPI, IMPU, S1, CX_AUTHENTICATION_TIMEOUT };
		break;
	case CX_LIR:
		r.lir = (struct cx_lir){ IMPU };
		break;
	case CX_RTR:
		r.rtr = (struct cx_rtr){ IMPI, CX_REMOVE_SCSCF, 2, { IMPU, "tel:+1" } };
		break;
	case CX_PPR:
		r.ppr = (struct cx_ppr){
			IMPI, { 2, { { IMPU, 0 }, { "tel:+1;phone-context=<&\">", 1 } }, "" }
		};
		break;
	}
	return r;
}

static const enum cx_command commands[] = { CX_UAR, CX_MAR, CX_SAR, CX_LIR, CX_RTR, CX_PPR };

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct cx_capabilities capabilities = {
	.n_mandatory = 2, .n_optional = 1, .mandatory = { 1, UINT32_MAX }, .optional = { 7 }
};

static struct cx_answer answer_of(enum cx_command command, enum cx_result result)
{
	struct cx_answer a = { .command = command, .result = result };

	if (!cx_succeeded(result))
		return a;
	if (command == CX_UAR) {
		strcpy(a.uaa.server_name, S1);
		a.uaa.capabilities = capabilities;
	}
	if (command == CX_LIR && result == CX_UNREGISTERED_SERVICE)
		a.lia.capabilities = capabilities;
	else if (command == CX_LIR)
		strcpy(a.lia.server_name, S1);
	if (command == CX_SAR) {
		a.saa = request_of(CX_PPR).ppr.profile;
		strcpy(a.saa.impi, IMPI);
	}
	if (command != CX_MAR)
		return a;
	a.maa.n_items = 2;
	for (uint32_t i = 0; i < a.maa.n_items; i++) {
		struct cx_item *item = &a.maa.items[i];

		item->number = i + 1;
		item->res_bytes = i == 0 ? 8 : 16;
		fill(item->rand, 16, (uint8_t)(i + 0x10));
		fill(item->autn, 16, (uint8_t)(i + 0x20));
		fill(item->xres, item->res_bytes, (uint8_t)(i + 0x40));
		fill(item->ck, 16, (uint8_t)(i + 0x60));
		fill(item->ik, 16, (uint8_t)(i + 0x80));
	}
	return a;
}

/* As it would arrive at the other side. */
static struct msg *sent(const struct cx_request *r)
{
	struct msg *message;
	struct wire w;

	if (cx_message_request(r, "example.net", NULL, &message) != 0)
		return NULL;
	w = wire_of(message);
	return wire_parse(&w);
}

TEST(cx_message, every_request_arrives_as_it_was_sent)
{
	wire_setup();
	for (size_t i = 0; i < N_COMMANDS; i++) {
		struct cx_request expected = request_of(commands[i]), got;
		struct msg *message = sent(&expected);

		test_context("command %d", commands[i]);
		ASSERT_TRUE(message != NULL);
		EXPECT_EQ(cx_message_read_request(message, &got), CX_SUCCESS);
		EXPECT_MEM(&got, &expected, sizeof(got));
		cx_message_free(message);
	}
}

TEST(cx_message, c134_c135_every_answer_arrives_as_it_was_given)
{
	static const enum cx_result results[] = {
		CX_SUCCESS,      CX_FIRST_REGISTRATION, CX_UNREGISTERED_SERVICE,
		CX_USER_UNKNOWN, CX_UNABLE_TO_COMPLY,   CX_TOO_BUSY,
	};

	wire_setup();
	for (size_t i = 0; i < N_COMMANDS; i++) {
		for (size_t j = 0; j < sizeof(results) / sizeof(results[0]); j++) {
			struct cx_request request = request_of(commands[i]);
			struct cx_answer expected = answer_of(commands[i], results[j]), got;
			struct msg *message = sent(&request);
			struct wire w;

			test_context("command %d, result %d", commands[i], results[j]);
			ASSERT_TRUE(message != NULL);
			ASSERT_EQ(cx_message_answer(&message, &request, &expected), 0);
			w = wire_of(message);
			EXPECT_EQ(w.bytes[4] & 0x20, results[j] == CX_TOO_BUSY ? 0x20 : 0);
			message = wire_parse(&w);
			ASSERT_TRUE(message != NULL);
			cx_message_read_answer(message, commands[i], &got);
			EXPECT_MEM(&got, &expected, sizeof(got));
			cx_message_free(message);
		}
	}
}

/* Who is called while he is not registered, or has lost his registration, is asked for by IMPU. */
TEST(cx_message, c135_sar_may_be_of_an_impu_alone_and_its_answer_names_the_user)
{
	struct cx_answer answer = answer_of(CX_SAR, CX_SUCCESS), got;
	struct cx_request expected = request_of(CX_SAR), request;
	struct msg *message;
	struct wire w;

	wire_setup();
	expected.sar.type = CX_UNREGISTERED_USER;
	memset(expected.sar.impi, 0, sizeof(expected.sar.impi));
	message = sent(&expected);
	ASSERT_TRUE(message != NULL);
	EXPECT_EQ(cx_message_read_request(message, &request), CX_SUCCESS);
	EXPECT_MEM(&request, &expected, sizeof(request));
	ASSERT_EQ(cx_message_answer(&message, &request, &answer), 0);
	w = wire_of(message);
	message = wire_parse(&w);
	ASSERT_TRUE(message != NULL);
	cx_message_read_answer(message, CX_SAR, &got);
	EXPECT_MEM(&got, &answer, sizeof(got));
	cx_message_free(message);
}

/* Whether a message has these bytes: how often. */
static unsigned count(const struct wire *w, const struct wire *part)
{
	unsigned n = 0;

	for (size_t at = 0; at + part->n <= w->n; at += 4)
		n += memcmp(w->bytes + at, part->bytes, part->n) == 0;
	return n;
}

TEST(cx_message, c032_resynchronisation_is_rand_and_auts_to_the_byte)
{
	struct cx_request request = request_of(CX_MAR);
	struct wire expected = { 0 };
	struct msg *message;
	uint8_t both[30];
	struct wire w;

	wire_setup();
	memcpy(both, request.mar.rand, 16);
	memcpy(both + 16, request.mar.auts, 14);
	wire_open(&expected, V, 612);
	wire_put_text(&expected, V, 608, CX_SCHEME_AKA);
	wire_put(&expected, V, 610, both, sizeof(both));
	wire_close(&expected);
	ASSERT_EQ(cx_message_request(&request, "example.net", NULL, &message), 0);
	w = wire_of(message);
	EXPECT_EQ(count(&w, &expected), 1);
	wire_free(&w);
	wire_free(&expected);
}

TEST(cx_message, c136_vector_is_on_the_wire_to_the_byte)
{
	struct cx_request request = request_of(CX_MAR);
	struct cx_answer answer = answer_of(CX_MAR, CX_SUCCESS);
	struct msg *message;
	struct wire w;

	wire_setup();
	message = sent(&request);
	ASSERT_TRUE(message != NULL);
	ASSERT_EQ(cx_message_answer(&message, &request, &answer), 0);
	w = wire_of(message);
	for (uint32_t i = 0; i < answer.maa.n_items; i++) {
		const struct cx_item *item = &answer.maa.items[i];
		struct wire expected = { 0 };
		uint8_t authenticate[32];

		memcpy(authenticate, item->rand, 16);
		memcpy(authenticate + 16, item->autn, 16);
		wire_open(&expected, V, 612);
		wire_put_number(&expected, V, 613, i + 1);
		wire_put_text(&expected, V, 608, CX_SCHEME_AKA);
		wire_put(&expected, V, 609, authenticate, 32);
		wire_put(&expected, V, 610, item->xres, item->res_bytes);
		wire_put(&expected, V, 625, item->ck, 16);
		wire_put(&expected, V, 626, item->ik, 16);
		wire_close(&expected);
		EXPECT_EQ(count(&w, &expected), 1);
		wire_free(&expected);
	}
	wire_free(&w);
}

TEST(cx_message, c136_sent_answer_forgets_its_vectors)
{
	struct cx_request request = request_of(CX_MAR);
	struct cx_answer answer = answer_of(CX_MAR, CX_SUCCESS);
	struct wire key = { 0 }, w;
	struct msg *message;

	wire_setup();
	message = sent(&request);
	ASSERT_TRUE(message != NULL);
	ASSERT_EQ(cx_message_answer(&message, &request, &answer), 0);
	cx_message_wipe_answer(message);
	w = wire_of(message);
	wire_put(&key, V, 625, answer.maa.items[0].ck, 16);
	EXPECT_EQ(count(&w, &key), 0);
	wire_free(&key);
	wire_free(&w);
}

/* --- hostile requests --- */

static char long_text[300];
static const uint8_t zeros[64];

static void uar_without_name(struct wire *w)
{
	wire_put_text(w, V, 601, IMPU);
	wire_put_text(w, V, 600, "v");
}

static void uar(struct wire *w)
{
	wire_put_text(w, 0, 1, IMPI);
	uar_without_name(w);
}

static void uar_twice_named(struct wire *w)
{
	uar(w);
	wire_put_text(w, 0, 1, IMPI);
}

static void uar_long_name(struct wire *w)
{
	wire_put(w, 0, 1, long_text, 256);
	uar_without_name(w);
}

static void uar_longest_name(struct wire *w)
{
	wire_put(w, 0, 1, long_text, 255);
	uar_without_name(w);
}

static void uar_empty_name(struct wire *w)
{
	wire_put(w, 0, 1, "", 0);
	uar_without_name(w);
}

/* It becomes a Request-URI and a Route. */
static void sar_server_of_two_lines(struct wire *w)
{
	wire_put_text(w, 0, 1, IMPI);
	wire_put_text(w, V, 601, IMPU);
	wire_put_text(w, V, 602, "sip:10.0.0.1;x\r\nP-Asserted-Identity: <sip:victim@b>");
	wire_put_number(w, V, 614, CX_REGISTRATION);
}

static void uar_name_with_nul(struct wire *w)
{
	wire_put(w, 0, 1, "a\0b", 3);
	uar_without_name(w);
}

static void mar(struct wire *w, size_t resync_bytes, unsigned n_items)
{
	wire_put_text(w, 0, 1, IMPI);
	wire_put_text(w, V, 601, IMPU);
	wire_put_text(w, V, 602, S1);
	wire_put_number(w, V, 607, 1);
	for (unsigned i = 0; i < n_items; i++) {
		wire_open(w, V, 612);
		wire_put_text(w, V, 608, CX_SCHEME_AKA);
		if (resync_bytes > 0)
			wire_put(w, V, 610, zeros, resync_bytes);
		wire_close(w);
	}
}

static void mar_resync(struct wire *w)
{
	mar(w, 30, 1);
}

static void mar_short_resync(struct wire *w)
{
	mar(w, 29, 1);
}

static void mar_long_resync(struct wire *w)
{
	mar(w, 31, 1);
}

static void mar_two_items(struct wire *w)
{
	mar(w, 0, 2);
}

static void mar_no_item(struct wire *w)
{
	mar(w, 0, 0);
}

static void mar_empty_item(struct wire *w)
{
	mar(w, 0, 0);
	wire_open(w, V, 612);
	wire_close(w);
}

static void mar_long_scheme(struct wire *w)
{
	mar(w, 0, 0);
	wire_open(w, V, 612);
	wire_put(w, V, 608, long_text, 32);
	wire_close(w);
}

static void ppr_without_profile(struct wire *w)
{
	wire_put_text(w, 0, 1, IMPI);
}

static void ppr_bad_profile(struct wire *w)
{
	wire_put_text(w, 0, 1, IMPI);
	wire_put_text(w, V, 606, "<IMSSubscription>");
}

static void rtr_without_reason(struct wire *w)
{
	wire_put_text(w, 0, 1, IMPI);
}

static void rtr_empty_reason(struct wire *w)
{
	wire_put_text(w, 0, 1, IMPI);
	wire_open(w, V, 615);
	wire_close(w);
}

static void rtr(struct wire *w, unsigned n_impus)
{
	wire_put_text(w, 0, 1, IMPI);
	for (unsigned i = 0; i < n_impus; i++)
		wire_put_text(w, V, 601, IMPU);
	wire_open(w, V, 615);
	wire_put_number(w, V, 616, 0);
	wire_close(w);
}

static void rtr_of_all(struct wire *w)
{
	rtr(w, 0);
}

static void rtr_of_most(struct wire *w)
{
	rtr(w, CX_MAX_IMPUS);
}

static void rtr_of_too_many(struct wire *w)
{
	rtr(w, CX_MAX_IMPUS + 1);
}

static void rtr_long_second(struct wire *w)
{
	rtr(w, 1);
	wire_put(w, V, 601, long_text, 256);
}

TEST(cx_message, hostile_requests_are_refused_with_the_reason)
{
	static const struct {
		const char *name;
		enum cx_command command;
		void (*put)(struct wire *w);
		enum cx_result result;
	} claims[] = {
		{ "as it should be", CX_UAR, uar, CX_SUCCESS },
		{ "no User-Name", CX_UAR, uar_without_name, CX_MISSING_AVP },
		{ "two of them", CX_UAR, uar_twice_named, CX_AVP_OCCURS_TOO_OFTEN },
		{ "256 bytes", CX_UAR, uar_long_name, CX_INVALID_AVP_VALUE },
		{ "255 bytes", CX_UAR, uar_longest_name, CX_SUCCESS },
		{ "none", CX_UAR, uar_empty_name, CX_INVALID_AVP_VALUE },
		{ "a NUL within", CX_UAR, uar_name_with_nul, CX_INVALID_AVP_VALUE },
		{ "with AUTS", CX_MAR, mar_resync, CX_SUCCESS },
		{ "29 bytes", CX_MAR, mar_short_resync, CX_INVALID_AVP_VALUE },
		{ "31 bytes", CX_MAR, mar_long_resync, CX_INVALID_AVP_VALUE },
		{ "two items", CX_MAR, mar_two_items, CX_AVP_OCCURS_TOO_OFTEN },
		{ "no item", CX_MAR, mar_no_item, CX_MISSING_AVP },
		{ "nothing in the item", CX_MAR, mar_empty_item, CX_MISSING_AVP },
		{ "32 bytes of scheme", CX_MAR, mar_long_scheme, CX_INVALID_AVP_VALUE },
		{ "two lines", CX_SAR, sar_server_of_two_lines, CX_INVALID_AVP_VALUE },
		{ "no profile", CX_PPR, ppr_without_profile, CX_MISSING_AVP },
		{ "a broken profile", CX_PPR, ppr_bad_profile, CX_INVALID_AVP_VALUE },
		{ "no reason", CX_RTR, rtr_without_reason, CX_MISSING_AVP },
		{ "no code", CX_RTR, rtr_empty_reason, CX_MISSING_AVP },
		{ "no identity", CX_RTR, rtr_of_all, CX_SUCCESS },
		{ "16 identities", CX_RTR, rtr_of_most, CX_SUCCESS },
		{ "17 identities", CX_RTR, rtr_of_too_many, CX_AVP_OCCURS_TOO_OFTEN },
		{ "256 bytes of the second", CX_RTR, rtr_long_second, CX_INVALID_AVP_VALUE },
	};

	wire_setup();
	memset(long_text, 'a', sizeof(long_text));
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct wire w = wire_begin((uint32_t)claims[i].command, WIRE_REQUEST);
		struct cx_request got;
		struct msg *message;

		test_context("%d: %s", claims[i].command, claims[i].name);
		claims[i].put(&w);
		message = wire_parse(&w);
		ASSERT_TRUE(message != NULL);
		EXPECT_EQ(cx_message_read_request(message, &got), claims[i].result);
		EXPECT_TRUE(cx_request_is_sound(&got));
		cx_message_free(message);
	}
}

/* RFC 6733 4.1: what has the bit M and is unknown may not be passed over. */
TEST(cx_message, mandatory_avp_that_is_unknown_is_refused_by_the_dictionary)
{
	struct wire w;

	wire_setup();
	w = wire_begin(CX_UAR, WIRE_REQUEST);
	uar(&w);
	wire_put_text(&w, V, 1, IMPI);
	EXPECT_TRUE(wire_parse(&w) == NULL);
}

/* --- hostile answers: each becomes CX_UNABLE_TO_DELIVER, without a key left in the struct --- */

static void maa_item(struct wire *w, size_t authenticate, size_t xres, size_t ck, size_t ik)
{
	wire_put_number(w, 0, 268, CX_SUCCESS);
	wire_open(w, V, 612);
	wire_put(w, V, 609, zeros, authenticate);
	wire_put(w, V, 610, zeros, xres);
	wire_put(w, V, 625, zeros, ck);
	wire_put(w, V, 626, zeros, ik);
	wire_close(w);
}

static void result(struct wire *w, uint32_t vendor, uint32_t code)
{
	wire_open(w, 0, 297);
	wire_put_number(w, 0, 266, vendor);
	wire_put_number(w, 0, 298, code);
	wire_close(w);
}

static struct cx_answer read_answer(struct wire *w, enum cx_command command)
{
	struct cx_answer got = { 0 };
	struct msg *message = wire_parse(w);

	EXPECT_TRUE(message != NULL);
	if (message != NULL)
		cx_message_read_answer(message, command, &got);
	cx_message_free(message);
	EXPECT_TRUE(cx_answer_is_sound(&got));
	return got;
}

TEST(cx_message, hostile_vectors_are_no_vectors)
{
	static const struct {
		size_t authenticate, xres, ck, ik;
		enum cx_result result;
	} claims[] = {
		{ 32, 8, 16, 16, CX_SUCCESS },
		{ 32, 4, 16, 16, CX_SUCCESS },
		{ 32, 16, 16, 16, CX_SUCCESS },
		{ 31, 8, 16, 16, CX_UNABLE_TO_DELIVER },
		{ 33, 8, 16, 16, CX_UNABLE_TO_DELIVER },
		{ 32, 3, 16, 16, CX_UNABLE_TO_DELIVER },
		{ 32, 17, 16, 16, CX_UNABLE_TO_DELIVER },
		{ 32, 8, 15, 16, CX_UNABLE_TO_DELIVER },
		{ 32, 8, 16, 17, CX_UNABLE_TO_DELIVER },
		{ 32, 0, 16, 16, CX_UNABLE_TO_DELIVER },
	};

	wire_setup();
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct wire w = wire_begin(CX_MAR, WIRE_ANSWER);

		test_context("row %zu", i);
		maa_item(&w, claims[i].authenticate, claims[i].xres, claims[i].ck, claims[i].ik);
		EXPECT_EQ(read_answer(&w, CX_MAR).result, claims[i].result);
	}
}

TEST(cx_message, c007_more_vectors_than_asked_for_are_taken_and_none_is_a_failure)
{
	struct cx_answer got;
	struct wire w;

	wire_setup();
	w = wire_begin(CX_MAR, WIRE_ANSWER);
	wire_put_number(&w, 0, 268, CX_SUCCESS);
	for (uint32_t i = 0; i < CX_MAX_ITEMS + 3; i++) {
		wire_open(&w, V, 612);
		wire_put_number(&w, V, 613, 100 - i);
		wire_put(&w, V, 609, zeros, 32);
		wire_put(&w, V, 610, zeros, 8);
		wire_put(&w, V, 625, zeros, 16);
		wire_put(&w, V, 626, zeros, 16);
		wire_close(&w);
	}
	got = read_answer(&w, CX_MAR);
	EXPECT_EQ(got.result, CX_SUCCESS);
	EXPECT_EQ(got.maa.n_items, CX_MAX_ITEMS);
	EXPECT_EQ(got.maa.items[2].number, 98);
	w = wire_begin(CX_MAR, WIRE_ANSWER);
	wire_put_number(&w, 0, 268, CX_SUCCESS);
	EXPECT_EQ(read_answer(&w, CX_MAR).result, CX_UNABLE_TO_DELIVER);
}

TEST(cx_message, only_one_result_of_this_application_counts)
{
	struct wire w;

	wire_setup();
	w = wire_begin(CX_LIR, WIRE_ANSWER); /* none */
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_UNABLE_TO_DELIVER);
	w = wire_begin(CX_LIR, WIRE_ANSWER); /* two */
	wire_put_number(&w, 0, 268, CX_SUCCESS);
	result(&w, V, 2001);
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_UNABLE_TO_DELIVER);
	w = wire_begin(CX_LIR, WIRE_ANSWER); /* the same twice */
	wire_put_number(&w, 0, 268, CX_SUCCESS);
	wire_put_number(&w, 0, 268, CX_SUCCESS);
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_UNABLE_TO_DELIVER);
	w = wire_begin(CX_LIR, WIRE_ANSWER); /* another vendor's */
	result(&w, 9, 2001);
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_UNABLE_TO_DELIVER);
	w = wire_begin(CX_LIR, WIRE_ANSWER); /* a number that would look like ours */
	wire_put_number(&w, 0, 268, CX_EXPERIMENTAL | 2001);
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_UNABLE_TO_DELIVER);
	w = wire_begin(CX_LIR, WIRE_ANSWER);
	result(&w, V, 5001);
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_USER_UNKNOWN);
	w = wire_begin(CX_UAR, WIRE_ANSWER); /* of another command */
	wire_put_number(&w, 0, 268, CX_SUCCESS);
	EXPECT_EQ(read_answer(&w, CX_LIR).result, CX_UNABLE_TO_DELIVER);
}
