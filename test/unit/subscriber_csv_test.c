/* The CSV file of subscribers: what is read, and where an error is. */
#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "tools/subscriber_csv.h"

#define HEADER "impi,impu,k,opc,amf,sqn\n"
#define KEY    "465b5ce8b199b49faa5f0a2ee238a6bc"
#define OPC    "CD63CB71954A9F4E48A5994E37A02BAF"
#define GOOD   "a@b,sip:a@b," KEY "," OPC ",b9b9,32\n"

struct seen {
	unsigned n;
	struct subscriber_row last;
};

static int see(void *arg, const struct subscriber_row *row, char *reason, size_t reason_bytes)
{
	struct seen *seen = arg;

	seen->n++;
	seen->last = *row;
	if (strcmp(row->impi, "taken@b") != 0)
		return 0;
	snprintf(reason, reason_bytes, "taken");
	return -EEXIST;
}

static int parse(const char *text, size_t n, struct seen *seen, char *error)
{
	FILE *in = fmemopen((void *)text, n, "r");
	int rc;

	*seen = (struct seen){ 0 };
	error[0] = '\0';
	rc = subscriber_csv_read(in, "f.csv", see, seen, error, 512);
	fclose(in);
	return rc;
}

TEST(subscriber_csv, row_is_read_whole)
{
	static const char text[] = HEADER "a@b,sip:A@EXAMPLE.com tel:+1  SIP:c@D," KEY "," OPC
					  ",b9b9,281474976710655\r\n\n" GOOD;
	char error[512];
	struct seen seen;

	ASSERT_EQ(parse(text, strlen(text), &seen, error), 0);
	EXPECT_EQ(seen.n, 2);
	EXPECT_STREQ(seen.last.impi, "a@b");
	EXPECT_EQ(seen.last.sqn, 32);
	EXPECT_EQ(seen.last.k[0], 0x46);
	EXPECT_EQ(seen.last.opc[0], 0xcd);
	EXPECT_EQ(seen.last.amf[1], 0xb9);
	ASSERT_EQ(parse(text, strlen(text) - strlen(GOOD), &seen, error), 0);
	ASSERT_EQ(seen.last.n_impus, 3);
	EXPECT_STREQ(seen.last.impus[0], "sip:A@example.com");
	EXPECT_STREQ(seen.last.impus[1], "tel:+1");
	EXPECT_STREQ(seen.last.impus[2], "sip:c@d");
	EXPECT_EQ(seen.last.sqn, (UINT64_C(1) << 48) - 1);
}

/* TS 35.208 test set 1: OP cdc2…, OPc cd63…. */
TEST(subscriber_csv, c005a_column_op_becomes_opc)
{
	static const char text[] = "impi,impu,k,op,amf,sqn\n"
				   "a@b,sip:a@b," KEY ",cdc202d5123e20f62b6d676ac72cb318,b9b9,32\n";
	uint8_t opc[16];
	char error[512];
	struct seen seen;

	ASSERT_EQ(parse(text, strlen(text), &seen, error), 0);
	test_hex("cd63cb71954a9f4e48a5994e37a02baf", opc, sizeof(opc));
	EXPECT_MEM(seen.last.opc, opc, sizeof(opc));
	EXPECT_EQ(seen.last.amf[0], 0xb9);
}

TEST(subscriber_csv, c021_slash_begins_a_further_implicit_set)
{
	static const char text[] =
		HEADER "a@b,sip:a@b tel:+1 / sip:p@b / sip:q@b," KEY "," OPC ",b9b9,32\n";
	static const char *const wrong[] = { "/ sip:a@b", "sip:a@b /", "sip:a@b / / sip:c@b", "/" };
	char error[512], row[256];
	struct seen seen;

	ASSERT_EQ(parse(text, strlen(text), &seen, error), 0);
	ASSERT_EQ(seen.last.n_impus, 4);
	EXPECT_EQ(seen.last.sets[1], 0);
	EXPECT_EQ(seen.last.sets[2], 1);
	EXPECT_EQ(seen.last.sets[3], 2);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_context("%s", wrong[i]);
		snprintf(row, sizeof(row), HEADER "a@b,%s," KEY "," OPC ",b9b9,32\n", wrong[i]);
		EXPECT_EQ(parse(row, strlen(row), &seen, error), -EINVAL);
		EXPECT_STREQ(error, "f.csv:2: an implicit set without an impu");
	}
	test_context(NULL);
}

TEST(subscriber_csv, last_line_needs_no_end)
{
	static const char text[] = HEADER GOOD;
	char error[512];
	struct seen seen;

	EXPECT_EQ(parse(text, strlen(text) - 1, &seen, error), 0);
	EXPECT_EQ(seen.n, 1);
}

TEST(subscriber_csv, errors_name_line_and_column_and_no_key)
{
	static const struct {
		const char *text;
		const char *error;
	} table[] = {
		{ GOOD, "f.csv:1: expected the header line impi,impu,k,opc,amf,sqn" },
		{ HEADER GOOD "a@b,sip:a@b," KEY "\n", "f.csv:3: 3 fields, expected "
						       "impi,impu,k,opc,amf,sqn" },
		{ HEADER "a@b,sip:a@b," KEY "," OPC ",b9b9,1,\n", "f.csv:2: 7 fields, expected "
								  "impi,impu,k,opc,amf,sqn" },
		{ HEADER "ab,sip:a@b," KEY "," OPC ",b9b9,1\n",
		  "f.csv:2: impi is no identity of the form user@realm" },
		{ HEADER "a@b,," KEY "," OPC ",b9b9,1\n", "f.csv:2: impu is empty" },
		{ HEADER "a@b,mailto:a@b," KEY "," OPC ",b9b9,1\n",
		  "f.csv:2: an impu is neither sip:user@domain nor tel:number" },
		{ HEADER "a@b,sip:a@b:5060," KEY "," OPC ",b9b9,1\n",
		  "f.csv:2: an impu is neither sip:user@domain nor tel:number" },
		{ HEADER "a@b,sip:a@b;x=1," KEY "," OPC ",b9b9,1\n",
		  "f.csv:2: an impu holds a character that it may not hold" },
		{ HEADER "a@b,sip:a@b,465b," OPC ",b9b9,1\n",
		  "f.csv:2: k has 4 characters, expected 32 hex digits" },
		{ HEADER "a@b,sip:a@b," KEY ",CD63CB71954A9F4E48A5994E37A02BAG,b9b9,1\n",
		  "f.csv:2: opc is not hex, expected 32 hex digits" },
		{ HEADER "a@b,sip:a@b," KEY "," OPC ",b9,1\n",
		  "f.csv:2: amf has 2 characters, expected 4 hex digits" },
		{ HEADER "a@b,sip:a@b," KEY "," OPC ",b9b9,281474976710656\n",
		  "f.csv:2: sqn is not a number of 48 bits" },
		{ HEADER "a@b,sip:a@b," KEY "," OPC ",b9b9,-1\n",
		  "f.csv:2: sqn is not a number of 48 bits" },
		{ HEADER "a@b,sip:a@b," KEY "," OPC ",b9b9,\n",
		  "f.csv:2: sqn is not a number of 48 bits" },
		{ HEADER GOOD "taken@b,sip:a@b," KEY "," OPC ",b9b9,1\n" GOOD, "f.csv:3: taken" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char error[512];
		struct seen seen;

		EXPECT_LT(parse(table[i].text, strlen(table[i].text), &seen, error), 0);
		EXPECT_STREQ(error, table[i].error);
	}
}

TEST(subscriber_csv, line_with_a_nul_or_without_measure_is_refused)
{
	static const char nul[] = HEADER "a@b\0,sip:a@b," KEY "," OPC ",b9b9,1\n" GOOD;
	static char text[20000];
	char error[512];
	struct seen seen;

	EXPECT_LT(parse(nul, sizeof(nul) - 1, &seen, error), 0);
	EXPECT_EQ(seen.n, 0);
	strcpy(text, HEADER);
	memset(text + strlen(HEADER), 'a', 19000);
	strcpy(text + strlen(HEADER) + 19000, "\n");
	EXPECT_LT(parse(text, strlen(text), &seen, error), 0);
	EXPECT_STREQ(error, "f.csv:2: not a line of text of at most 8190 bytes");
}
