/*
 * What a good configuration becomes: values, defaults, and the files that are delivered.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "configs/config_schema.h"
#include "configs/config_syntax.h"
#include "test/shim/test.h"

/* Every section, and in each only what is required. */
static const char minimal[] = "dataplane:\n"
			      "  worker_cores: [1]\n"
			      "  zones:\n"
			      "    - {name: a, network_port: net_null0, kernel_port: net_null1}\n"
			      "    - {name: b, network_port: \"3b:00.1\", kernel_port: net_null2,\n"
			      "       port_ps: 5063, port_pc_first: 6000, n_port_pc: 2}\n"
			      "controlplane: {realm: example.net}\n"
			      "pcscf:\n"
			      "  zone: b\n"
			      "  addresses: [192.0.2.1]\n"
			      "  core_address: 192.0.2.2\n"
			      "  icscf: sip:[2001:db8::1]:5060\n"
			      "  visited_network: example.net\n"
			      "  integrity: [hmac-md5-96]\n"
			      "  encryption: [null]\n"
			      "icscf: {address: 192.0.2.3, scscf: \"sip:192.0.2.4:5060\"}\n"
			      "scscf: {address: 192.0.2.4}\n"
			      "hss: {database: /var/lib/imsgate/hss.db}\n";

static struct config *parse(const char *text)
{
	struct config *config = NULL;
	char error[512] = "";

	EXPECT_EQ(config_parse("f.yaml", text, strlen(text), &config, error, sizeof(error)), 0);
	EXPECT_STREQ(error, "");
	return config;
}

TEST(config, absent_keys_of_the_data_plane_get_their_defaults)
{
	struct config *c = parse(minimal);
	const struct config_dataplane *dp;

	ASSERT_TRUE(c != NULL);
	dp = c->dataplane;
	EXPECT_STREQ(dp->socket, "/run/imsgate/dataplane.sock");
	EXPECT_STREQ(dp->file_prefix, "imsgate");
	EXPECT_STREQ(dp->user, "");
	EXPECT_FALSE(dp->hugepages);
	EXPECT_EQ(dp->memory_mb, 512);
	EXPECT_EQ(dp->control_core, 0);
	EXPECT_EQ(dp->n_worker_cores, 1);
	EXPECT_EQ(dp->worker_cores[0], 1);
	EXPECT_EQ(dp->active_workers, 0);
	EXPECT_EQ(dp->n_mbufs, 16384);
	EXPECT_EQ(dp->idle_sleep_us, 0);
	EXPECT_EQ(dp->n_clients, 16);
	EXPECT_EQ(dp->sa.capacity, 65536);
	EXPECT_EQ(dp->sa.generation_bits, 10);
	EXPECT_EQ(dp->sa.spi_slice, 0);
	EXPECT_EQ(dp->sa.spi_slice_bits, 0);
	EXPECT_EQ(dp->sa.replay_window_pkts, 128);
	EXPECT_EQ(dp->sa.n_wide_windows, 0);
	EXPECT_EQ(dp->sa.n_tunnels, 1024);
	EXPECT_EQ(dp->offload.sessions_per_port, 1024);
	EXPECT_EQ(dp->offload.promote_pps, 1000);
	EXPECT_EQ(dp->offload.rules_per_port, 1024);
	EXPECT_EQ(dp->crypto.n_devices, 0);
	EXPECT_EQ(dp->crypto.lookaside, CONFIG_LOOKASIDE_NONE);
	EXPECT_EQ(dp->crypto.n_sessions, 4096);
	EXPECT_EQ(dp->crypto.queue_entries, 1024);
	EXPECT_FALSE(dp->crypto.required);
	EXPECT_EQ(dp->sa.orphans, CONFIG_ORPHANS_KEEP);
	EXPECT_EQ(dp->fragments.n_datagrams, 1024);
	EXPECT_EQ(dp->fragments.timeout_s, 5);
	EXPECT_EQ(dp->n_zones, 2);
	EXPECT_STREQ(dp->zones[0].kernel_netns, "");
	EXPECT_EQ(dp->zones[0].vlan, 0);
	EXPECT_EQ(dp->zones[0].mtu_bytes, 1500);
	EXPECT_EQ(dp->zones[0].port_ps, 0);
	EXPECT_EQ(dp->zones[0].port_pc_first, 0);
	EXPECT_EQ(dp->zones[0].n_port_pc, 0);
	EXPECT_EQ(dp->zones[0].port_encap, 0);
	EXPECT_EQ(dp->zones[0].flood.port, 5060);
	EXPECT_EQ(dp->zones[0].flood.source_pps, 0);
	EXPECT_EQ(dp->zones[0].flood.source_burst_pkts, 20);
	EXPECT_EQ(dp->zones[0].flood.zone_pps, 0);
	EXPECT_EQ(dp->zones[0].flood.zone_burst_pkts, 1000);
	EXPECT_EQ(dp->zones[1].mtu_bytes, 1500);
	EXPECT_EQ(dp->zones[1].n_port_pc, 2);
	config_free(c);
}

TEST(config, absent_keys_of_the_roles_get_their_defaults)
{
	struct config *c = parse(minimal);

	ASSERT_TRUE(c != NULL);
	EXPECT_STREQ(c->controlplane->run_dir, "/run/imsgate");
	EXPECT_STREQ(c->controlplane->cx_socket, "/run/imsgate/cx.sock");
	EXPECT_STREQ(c->controlplane->state_dir, "");
	EXPECT_EQ(c->controlplane->state_survives, CONFIG_SURVIVES_CRASH);
	EXPECT_EQ(c->controlplane->damaged_state, CONFIG_DAMAGED_REFUSE);
	EXPECT_STREQ(c->pcscf->device, "");
	EXPECT_EQ(c->pcscf->port, 5060);
	EXPECT_EQ(c->pcscf->core_port, 5060);
	EXPECT_EQ(c->pcscf->sa_profile, CONFIG_SA_TWO_PAIRS);
	EXPECT_EQ(c->pcscf->indicator, CONFIG_INDICATOR_NO);
	EXPECT_EQ(c->pcscf->temporary_sa_s, 240);
	EXPECT_STREQ(c->pcscf->encryption[0], "null");
	EXPECT_EQ(c->icscf->port, 5060);
	EXPECT_EQ(c->scscf->port, 5060);
	EXPECT_EQ(c->scscf->n_vectors, 1);
	EXPECT_EQ(c->scscf->min_expires_s, 60);
	EXPECT_EQ(c->scscf->max_expires_s, 600000);
	EXPECT_EQ(c->scscf->reg_await_auth_s, 240);
	EXPECT_EQ(c->scscf->reauth_every, 0);
	EXPECT_STREQ(c->scscf->algorithm, "AKAv1-MD5");
	config_free(c);
}

TEST(config, absent_sections_are_null)
{
	struct config *c = parse("controlplane: {realm: example.net}\n");

	ASSERT_TRUE(c != NULL);
	EXPECT_TRUE(!c->dataplane && !c->pcscf && !c->icscf && !c->scscf && !c->hss);
	EXPECT_EQ(config_zone_index(c, "a"), -ENOENT);
	config_free(c);
}

TEST(config, explicit_zero_is_no_default)
{
	struct config *c =
		parse("dataplane:\n"
		      "  control_core: 0\n"
		      "  worker_cores: [2]\n"
		      "  zones: [{name: a, network_port: net_null0, kernel_port: net_null1,\n"
		      "           vlan: 0, kernel_netns: ''}]\n"
		      "  sa: {generation_bits: 4, orphans: delete}\n");

	ASSERT_TRUE(c != NULL);
	EXPECT_EQ(c->dataplane->sa.generation_bits, 4);
	EXPECT_EQ(c->dataplane->sa.orphans, CONFIG_ORPHANS_DELETE);
	EXPECT_STREQ(c->dataplane->zones[0].kernel_netns, "");
	config_free(c);
}

TEST(config, zones_are_numbered_in_their_order)
{
	struct config *c = parse(minimal);

	ASSERT_TRUE(c != NULL);
	EXPECT_EQ(config_zone_index(c, "a"), 0);
	EXPECT_EQ(config_zone_index(c, "b"), 1);
	EXPECT_EQ(config_zone_index(c, "c"), -ENOENT);
	config_free(c);
}

TEST(config, one_port_serves_two_zones_by_vlan)
{
	struct config *c =
		parse("dataplane:\n"
		      "  worker_cores: [1]\n"
		      "  zones:\n"
		      "    - {name: a, network_port: net_null0, kernel_port: net_null1}\n"
		      "    - {name: b, network_port: net_null0, kernel_port: net_null2,\n"
		      "       vlan: 7}\n");

	ASSERT_TRUE(c != NULL);
	EXPECT_EQ(c->dataplane->zones[1].vlan, 7);
	config_free(c);
}

/* The folder of the delivered files, from where this file was compiled. */
static void path_of(const char *name, char out[512])
{
	const char *slash = strrchr(__FILE__, '/');

	snprintf(out, 512, "%.*s/../../%s", (int)(slash - __FILE__), __FILE__, name);
}

TEST(config, delivered_files_load)
{
	static const char *const names[] = { "configs/lab.yaml", "configs/edge.yaml" };

	for (unsigned i = 0; i < 2; i++) {
		char path[512], error[512] = "";
		struct config *c = NULL;

		path_of(names[i], path);
		EXPECT_EQ(config_load(path, &c, error, sizeof(error)), 0);
		EXPECT_STREQ(error, "");
		config_free(c);
	}
}

static char *read_text(const char *name)
{
	char path[512], *text = calloc(1, 1 << 20);
	FILE *file;

	path_of(name, path);
	file = fopen(path, "re");
	EXPECT_TRUE(file != NULL);
	if (file) {
		EXPECT_LT(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
		fclose(file);
	}
	return text;
}

static void expect_yaml_key(const char *section, const char *key, void *user)
{
	char pattern[128];

	snprintf(pattern, sizeof(pattern), "%s:", key);
	test_context("%s.%s", section, key);
	EXPECT_TRUE(strstr(user, pattern) != NULL);
}

TEST(config, every_key_of_the_schema_is_explained_in_edge_yaml)
{
	char *text = read_text("configs/edge.yaml");

	config_each_key(&config_schema, "file", expect_yaml_key, text);
	free(text);
}

static void expect_table_row(const char *section, const char *key, void *user)
{
	char pattern[128];

	snprintf(pattern, sizeof(pattern), "| `%s.%s` |", section, key);
	test_context("%s.%s", section, key);
	if (strcmp(section, "file"))
		EXPECT_TRUE(strstr(user, pattern) != NULL);
}

TEST(config, every_key_of_the_schema_has_its_row_in_the_documentation)
{
	char *text = read_text("docs/configuration.md");

	config_each_key(&config_schema, "file", expect_table_row, text);
	free(text);
}

TEST(config_syntax, addresses_are_compared_in_one_form)
{
	struct syntax_address a, b;

	EXPECT_TRUE(syntax_address_parse("192.0.2.1", &a));
	EXPECT_TRUE(syntax_address_parse("::ffff:192.0.2.1", &b));
	EXPECT_TRUE(memcmp(&a, &b, sizeof(a)) == 0);
	EXPECT_TRUE(syntax_address_parse("2001:db8:0:0::1", &a));
	EXPECT_TRUE(syntax_address_parse("2001:db8::1", &b));
	EXPECT_TRUE(memcmp(&a, &b, sizeof(a)) == 0);
}

TEST(config_syntax, devices_are_pci_addresses_or_virtual_devices)
{
	static const struct {
		const char *text;
		bool valid;
	} claims[] = {
		{ "0000:3b:00.0", true },
		{ "3b:00.7", true },
		{ "0000:3b:00.0,arg=1", true },
		{ "00010000:3b:00.0", true },
		{ "net_tap0,iface=gm0", true },
		{ "virtio_user0,path=/dev/vhost-net,queues=1", true },
		{ "net_af_packet0,iface=acc0", true },
		{ "", false },
		{ ",", false },
		{ "eth0", false },
		{ "net_tap", false },
		{ "net_tap0, iface=gm0", false },
		{ "3b:00.8", false },
		{ "3b:00", false },
		{ "0000:3b:00.0.1", false },
		{ "000:3b:00.0", false },
		{ ":3b:00.0", false },
	};

	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		test_context("%s", claims[i].text);
		EXPECT_EQ(syntax_device(claims[i].text), claims[i].valid);
	}
}

TEST(config_syntax, domains_are_labels_of_at_most_63)
{
	char label[70] = "";

	memset(label, 'a', 63);
	EXPECT_TRUE(syntax_domain(label));
	memset(label, 'a', 64);
	EXPECT_FALSE(syntax_domain(label));
	EXPECT_TRUE(syntax_domain("ims.mnc001.mcc001.3gppnetwork.org"));
	EXPECT_FALSE(syntax_domain("a..b"));
	EXPECT_FALSE(syntax_domain("a."));
	EXPECT_FALSE(syntax_domain("a-.b"));
	EXPECT_FALSE(syntax_domain("a b"));
}

TEST(config_syntax, next_hops_have_address_and_port)
{
	EXPECT_TRUE(syntax_next_hop("sip:192.0.2.1:5060"));
	EXPECT_TRUE(syntax_next_hop("sip:[2001:db8::1]:65535"));
	EXPECT_FALSE(syntax_next_hop("sip:[192.0.2.1]:5060"));
	EXPECT_FALSE(syntax_next_hop("sip:192.0.2.1:65536"));
	EXPECT_FALSE(syntax_next_hop("sip:192.0.2.1:0"));
	EXPECT_FALSE(syntax_next_hop("sip:192.0.2.1:5060;lr"));
	EXPECT_FALSE(syntax_next_hop("sips:192.0.2.1:5060"));
	EXPECT_FALSE(syntax_next_hop("sip:"));
	EXPECT_FALSE(syntax_next_hop(""));
}
