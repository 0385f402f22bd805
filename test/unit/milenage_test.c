#include "crypto/milenage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "test/shim/test.h"
#include "test/unit/milenage_sets.h"

enum {
	N_SETS = sizeof(milenage_sets) / sizeof(milenage_sets[0]),
};

/* A set in bytes, so that the tests read like TS 35.208. */
struct bytes {
	uint8_t k[16], op[16], opc[16], rand[16], sqn[6], amf[2];
	uint8_t mac_a[8], mac_s[8], res[8], ak[6], ck[16], ik[16], ak_star[6];
};

static struct bytes load(const struct milenage_set *set)
{
	struct bytes b;
	test_context("test set %d", set->number);
	EXPECT_EQ(test_hex(set->k, b.k, sizeof(b.k)), sizeof(b.k));
	EXPECT_EQ(test_hex(set->op, b.op, sizeof(b.op)), sizeof(b.op));
	EXPECT_EQ(test_hex(set->opc, b.opc, sizeof(b.opc)), sizeof(b.opc));
	EXPECT_EQ(test_hex(set->rand, b.rand, sizeof(b.rand)), sizeof(b.rand));
	EXPECT_EQ(test_hex(set->sqn, b.sqn, sizeof(b.sqn)), sizeof(b.sqn));
	EXPECT_EQ(test_hex(set->amf, b.amf, sizeof(b.amf)), sizeof(b.amf));
	EXPECT_EQ(test_hex(set->mac_a, b.mac_a, sizeof(b.mac_a)), sizeof(b.mac_a));
	EXPECT_EQ(test_hex(set->mac_s, b.mac_s, sizeof(b.mac_s)), sizeof(b.mac_s));
	EXPECT_EQ(test_hex(set->res, b.res, sizeof(b.res)), sizeof(b.res));
	EXPECT_EQ(test_hex(set->ak, b.ak, sizeof(b.ak)), sizeof(b.ak));
	EXPECT_EQ(test_hex(set->ck, b.ck, sizeof(b.ck)), sizeof(b.ck));
	EXPECT_EQ(test_hex(set->ik, b.ik, sizeof(b.ik)), sizeof(b.ik));
	EXPECT_EQ(test_hex(set->ak_star, b.ak_star, sizeof(b.ak_star)), sizeof(b.ak_star));
	return b;
}

TEST(milenage, c005a_all_sets_of_ts_35_208)
{
	struct milenage *m = milenage_new();
	ASSERT_TRUE(m);
	for (int i = 0; i < N_SETS; i++) {
		struct bytes b = load(&milenage_sets[i]);
		struct milenage_key key = { b.k, b.opc };
		struct milenage_vector v, all;
		uint8_t opc[16], mac_a[8], mac[8], mac_s[8], ak_star[6];
		EXPECT_EQ(milenage_opc(m, b.k, b.op, opc), 0);
		EXPECT_MEM(opc, b.opc, 16);
		EXPECT_EQ(milenage_f1(m, &key, b.rand, b.sqn, b.amf, mac_a, mac_s), 0);
		EXPECT_MEM(mac_a, b.mac_a, 8);
		EXPECT_MEM(mac_s, b.mac_s, 8);
		EXPECT_EQ(milenage_f12345(m, &key, b.rand, b.sqn, b.amf, &all, mac), 0);
		EXPECT_EQ(milenage_f2345(m, &key, b.rand, &v), 0);
		EXPECT_MEM(&all, &v, sizeof(v));
		EXPECT_MEM(mac, mac_a, sizeof(mac));
		EXPECT_MEM(v.res, b.res, 8);
		EXPECT_MEM(v.ck, b.ck, 16);
		EXPECT_MEM(v.ik, b.ik, 16);
		EXPECT_MEM(v.ak, b.ak, 6);
		EXPECT_EQ(milenage_f5_star(m, &key, b.rand, ak_star), 0);
		EXPECT_MEM(ak_star, b.ak_star, 6);
	}
	milenage_free(m);
}

TEST(milenage, f1_gives_either_half_alone)
{
	struct milenage *m = milenage_new();
	ASSERT_TRUE(m);
	struct bytes b = load(&milenage_sets[0]);
	struct milenage_key key = { b.k, b.opc };
	uint8_t mac[8];
	EXPECT_EQ(milenage_f1(m, &key, b.rand, b.sqn, b.amf, mac, NULL), 0);
	EXPECT_MEM(mac, b.mac_a, 8);
	EXPECT_EQ(milenage_f1(m, &key, b.rand, b.sqn, b.amf, NULL, mac), 0);
	EXPECT_MEM(mac, b.mac_s, 8);
	milenage_free(m);
}

/* ---- another implementation: osmo-auc-gen ---- */

/* That it prints "NAME:\tVALUE", VALUE being `skip` bytes and then these. */
static void expect_line(const char *output, const char *name, size_t skip, const uint8_t *bytes,
			size_t n_bytes)
{
	char label[16], value[64] = "";
	uint8_t theirs[32] = { 0 };
	snprintf(label, sizeof(label), "\n%s:\t", name);
	const char *at = strstr(output, label);
	if (at)
		sscanf(at + strlen(label), "%63s", value);
	EXPECT_EQ(test_hex(value, theirs, sizeof(theirs)), skip + n_bytes);
	EXPECT_MEM(bytes, theirs + skip, n_bytes);
}

static void print_hex(char *text, const uint8_t *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
}

/* Exit status as the shell gives it: 127 = there is no such program. */
static int osmo_run(const struct bytes *b, char *output, size_t output_bytes)
{
	char command[512], k[33], opc[33], rand[33], sqn[13], amf[5];
	print_hex(k, b->k, sizeof(b->k));
	print_hex(opc, b->opc, sizeof(b->opc));
	print_hex(rand, b->rand, sizeof(b->rand));
	print_hex(sqn, b->sqn, sizeof(b->sqn));
	print_hex(amf, b->amf, sizeof(b->amf));
	snprintf(command, sizeof(command),
		 "osmo-auc-gen -3 -a milenage -k %s -o %s -s %llu -f %s -r %s 2>/dev/null", k, opc,
		 strtoull(sqn, NULL, 16), amf, rand);
	FILE *pipe = popen(command, "r");
	if (!pipe)
		return -1;
	size_t n = fread(output, 1, output_bytes - 1, pipe);
	output[n] = '\0';
	int status = pclose(pipe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Random sets, so that it is not the published ones alone that agree. */
TEST(milenage, c005a_agrees_with_osmo_auc_gen)
{
	struct test_rng rng = { test_seed() };
	struct milenage *m = milenage_new();
	ASSERT_TRUE(m);
	for (int i = 0; i < 32; i++) {
		char output[2048];
		struct bytes b;
		struct milenage_key key = { b.k, b.opc };
		struct milenage_vector v;
		test_context("random set %d", i);
		test_rng_fill(&rng, &b, sizeof(b));
		int status = osmo_run(&b, output, sizeof(output));
		if (status == 127) {
			milenage_free(m);
			TEST_SKIP("osmo-auc-gen is not installed: no second implementation asked");
		}
		EXPECT_EQ(status, 0);
		EXPECT_EQ(milenage_f1(m, &key, b.rand, b.sqn, b.amf, b.mac_a, NULL), 0);
		EXPECT_EQ(milenage_f2345(m, &key, b.rand, &v), 0);
		expect_line(output, "RES", 0, v.res, sizeof(v.res));
		expect_line(output, "CK", 0, v.ck, sizeof(v.ck));
		expect_line(output, "IK", 0, v.ik, sizeof(v.ik));
		expect_line(output, "AUTN", 8, b.mac_a, sizeof(b.mac_a));
		for (int j = 0; j < 6; j++)
			v.ak[j] ^= b.sqn[j];
		char hidden_sqn[13];
		print_hex(hidden_sqn, v.ak, sizeof(v.ak));
		EXPECT_TRUE(strstr(output, hidden_sqn));
	}
	milenage_free(m);
}
