/* What is told of two configurations that differ. */
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "configs/config_diff.h"
#include "test/shim/test.h"

#define HEAD "dataplane:\n  worker_cores: [1]\n"
#define ZONES                                                                                      \
	"  zones: [{name: a, network_port: net_null0, kernel_port: net_null1}]\n"                  \
	"controlplane: {realm: example.net}\n"

static char told[1024];

static void append(void *user, const struct config_difference *d)
{
	size_t n = strlen(told);

	snprintf(told + n, sizeof(told) - n, "%s %s: %s -> %s\n", d->key, d->path, d->before,
		 d->after);
}

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	char error[512] = "";

	EXPECT_EQ(config_parse("f.yaml", text, strlen(text), &config, error, sizeof(error)), 0);
	EXPECT_STREQ(error, "");
	return config;
}

TEST(config_diff, each_kind_of_value_is_told_with_its_place)
{
	static const struct {
		const char *before, *after, *told;
	} claims[] = {
		{ HEAD ZONES, HEAD ZONES, "" },
		{ HEAD ZONES, HEAD "  n_mbufs: 16384\n" ZONES, "" }, /* its default */
		{ HEAD ZONES, HEAD "  hugepages: true\n" ZONES,
		  "dataplane.hugepages dataplane.hugepages: false -> true\n" },
		{ HEAD ZONES, HEAD "  sa: {capacity: 1024, orphans: delete}\n" ZONES,
		  "sa.capacity dataplane.sa.capacity: 65536 -> 1024\n"
		  "sa.orphans dataplane.sa.orphans: keep -> delete\n" },
		{ HEAD "  user: nobody\n" ZONES, HEAD ZONES,
		  "dataplane.user dataplane.user: \"nobody\" -> \"\"\n" },
		{ HEAD ZONES, "dataplane:\n  worker_cores: [2]\n" ZONES,
		  "dataplane.worker_cores dataplane.worker_cores[0]: 1 -> 2\n" },
		{ HEAD ZONES, "dataplane:\n  worker_cores: [1, 2]\n" ZONES,
		  "dataplane.worker_cores dataplane.worker_cores: 1 entry -> 2 entries\n" },
		{ HEAD ZONES, HEAD "  quotas: [{client: a, max_sas: 1}]\n" ZONES,
		  "dataplane.quotas dataplane.quotas: 0 entries -> 1 entry\n" },
		{ HEAD "  quotas: [{client: a, max_sas: 1}]\n" ZONES,
		  HEAD "  quotas: [{client: b, max_sas: 2}]\n" ZONES,
		  "quotas.client dataplane.quotas[0].client: \"a\" -> \"b\"\n"
		  "quotas.max_sas dataplane.quotas[0].max_sas: 1 -> 2\n" },
		{ HEAD "  crypto: {devices: [crypto_null0, crypto_null1]}\n" ZONES,
		  HEAD "  crypto: {devices: [crypto_null0, crypto_null2]}\n" ZONES,
		  "crypto.devices dataplane.crypto.devices[1]: \"crypto_null1\" -> "
		  "\"crypto_null2\"\n" },
		{ HEAD ZONES,
		  HEAD "  zones: [{name: a, network_port: net_null0, kernel_port: net_null1,\n"
		       "           flood: {zone_pps: 7}}]\n",
		  "flood.zone_pps dataplane.zones[0].flood.zone_pps: 0 -> 7\n" },
		/* another section is another program's */
		{ HEAD ZONES, HEAD ZONES "hss: {database: /x}\n", "" },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct config *before = parse(claims[i].before), *after = parse(claims[i].after);

		told[0] = 0;
		test_context("claim %zu", i);
		config_diff("dataplane", before, after, append, NULL);
		EXPECT_STREQ(told, claims[i].told);
		config_free(before);
		config_free(after);
	}
}

TEST(config_diff, a_section_that_is_not_in_both_has_no_differences)
{
	struct config *before = parse(HEAD ZONES);
	struct config *after = parse("controlplane: {realm: example.net}\n");

	told[0] = 0;
	config_diff("dataplane", before, after, append, NULL);
	config_diff("dataplane", after, before, append, NULL);
	EXPECT_STREQ(told, "");
	config_free(before);
	config_free(after);
}
