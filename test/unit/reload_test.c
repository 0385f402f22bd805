/* The configuration read again while the data plane runs: all of it or nothing, and by name. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "configs/config_schema.h"
#include "dataplane/quarantine.h"
#include "test/shim/test.h"
#include "test/unit/pieces.h"
#include "test/unit/reload_scene.h"

#define CORES "  worker_cores: [1, 2]\n"
#define ZONES "  zones: [{" RELOAD_SCENE_ZONE ", n_port_pc: 16}]\n"

static struct reload_scene s;

/* ---- the table ---- */

static void expect_rule(const char *section, const char *key, void *user)
{
	char name[128];
	unsigned *n = user;
	snprintf(name, sizeof(name), "%s.%s", section, key);
	test_context("%s", name);
	EXPECT_TRUE(reload_rule(name));
	++*n;
}

static const cyaml_schema_field_t *section_of(const char *name)
{
	const cyaml_schema_field_t *f = config_schema.mapping.fields;
	while (strcmp(f->key, name))
		f++;
	return f;
}

TEST(reload, every_key_of_the_schema_has_its_rule_and_every_rule_its_key)
{
	unsigned n_keys = 0, n_rules = 0;
	config_each_key(&section_of("dataplane")->value, "dataplane", expect_rule, &n_keys);
	for (const struct reload_rule *rule; (rule = reload_rule_number(n_rules)); n_rules++) {
		test_context("%s", rule->key);
		EXPECT_TRUE(reload_rule(rule->key) == rule); /* stands there once */
		EXPECT_EQ(rule->may != NULL, rule->kind == RELOAD_LIVE_IF);
	}
	EXPECT_GT(n_keys, 40);
	EXPECT_EQ(n_rules, n_keys);
}

static const char *word_of(const struct reload_rule *rule)
{
	static const char *const words[] = {
		[RELOAD_RESTART] = "no",
		[RELOAD_LIVE] = "yes",
		[RELOAD_LIVE_IF] = "yes, if",
		[RELOAD_SECTION] = "–",
	};
	return rule ? words[rule->kind] : "no"; /* the control plane reads its keys at the start */
}

static void expect_documented(const char *section, const char *key, void *user)
{
	char name[128], start[160], end[32];
	if (!strcmp(section, "file"))
		return;
	snprintf(name, sizeof(name), "%s.%s", section, key);
	snprintf(start, sizeof(start), "\n| `%s` |", name);
	snprintf(end, sizeof(end), " | %s |", word_of(reload_rule(name)));
	test_context("%s", name);
	const char *row = strstr(user, start);
	ASSERT_TRUE(row);
	const char *newline = strchr(row + 1, '\n');
	ASSERT_TRUE(newline);
	EXPECT_TRUE(!strncmp(newline - strlen(end), end, strlen(end)));
}

TEST(reload, the_documentation_says_what_the_table_says)
{
	const char *slash = strrchr(__FILE__, '/');
	char path[512], *text = calloc(1, 1 << 20);
	snprintf(path, sizeof(path), "%.*s/../../docs/configuration.md", (int)(slash - __FILE__),
		 __FILE__);
	FILE *file = fopen(path, "re");
	ASSERT_TRUE(file);
	EXPECT_LT(fread(text, 1, (1 << 20) - 1, file), (1 << 20) - 1);
	fclose(file);
	config_each_key(&config_schema, "file", expect_documented, text);
	free(text);
}

/* ---- what is live ---- */

static const char everything[] =
	CORES "  active_workers: 1\n"
	      "  idle_sleep_us: 70\n"
	      "  quotas: [{client: pcscf, max_sas: 7}]\n"
	      "  sa: {replay_window_pkts: 64, orphans: delete, quarantine_s: 30}\n"
	      "  offload: {promote_pps: 5}\n"
	      "  fragments: {timeout_s: 1}\n"
	      "  crypto: {devices: [crypto_null0], lookaside: all}\n"
	      "  zones: [{" RELOAD_SCENE_ZONE ", n_port_pc: 17,\n"
	      "           flood: {port: 5062, source_pps: 10, source_burst_pkts: 2,\n"
	      "                   zone_pps: 20, zone_burst_pkts: 4}}]\n";

#define DEVICES "  crypto: {devices: [crypto_null0]}\n"

/* The devices of the test's data plane: only whether they were started is asked. */
static void start_devices(void)
{
	static char started;
	s.devices.lookaside = (struct lookaside *)&started;
}

static void expect_everything(void)
{
	const struct control *c = &s.talk.c.control;
	for (unsigned i = 0; i < 2; i++)
		EXPECT_EQ(s.crew->worker[i]->idle_sleep_us, 70);
	EXPECT_TRUE(s.reload.moves);
	EXPECT_EQ(s.crew->steer->n_active, 1);
	EXPECT_EQ(c->sets.owner[1].max_sas, 7);
	EXPECT_EQ(c->sets.owner[2].max_sas, 0);
	EXPECT_EQ(c->sas->default_window_pkts, 64);
	EXPECT_EQ(c->orphans, CONFIG_ORPHANS_DELETE);
	ASSERT_TRUE(c->sets.quarantine);
	quarantine_enter(c->sets.quarantine, 1, 2, 100);
	EXPECT_TRUE(quarantine_holds(c->sets.quarantine, 1, 3, 130));
	EXPECT_FALSE(quarantine_holds(c->sets.quarantine, 1, 3, 131));
	EXPECT_EQ(s.inlined.promote_pps, 5);
	EXPECT_EQ(s.devices.wanted, CONFIG_LOOKASIDE_ALL);
	const struct zone *zone = &s.crew->f.zones.zone[0];
	EXPECT_TRUE(zone_is_protected(zone, 6016));
	EXPECT_EQ(zone->flood.port, 5062);
	/* One worker has all of the zone's rate now. */
	EXPECT_EQ(zone->flood.zone_step, FLOOD_SECOND / 20);
	EXPECT_EQ(zone->flood.zone_room, 3 * (FLOOD_SECOND / 20));
	EXPECT_EQ(zone->flood.source_step, (FLOOD_SECOND >> 16) / 10);
	EXPECT_EQ(zone->flood.source_room, (FLOOD_SECOND >> 16) / 10);
}

/* The entries of a list can only change where it has as many. */
static const char *line_of(const struct reload_rule *rule)
{
	return !strncmp(rule->key, "quotas.", 7) ? "quotas:" : strchr(rule->key, '.') + 1;
}

TEST(reload, what_is_live_is_in_force_at_once)
{
	reload_scene_open(&s, CORES DEVICES ZONES);
	start_devices();
	reload_scene_write(&s, everything);
	ASSERT_EQ(reload_scene_run(&s, false), 0);
	const struct reload_rule *rule;
	for (size_t i = 0; (rule = reload_rule_number(i)); i++) {
		if (rule->kind != RELOAD_LIVE && rule->kind != RELOAD_LIVE_IF)
			continue;
		test_context("%s", rule->key);
		EXPECT_TRUE(strstr(s.told, line_of(rule)));
	}
	test_context(NULL);
	EXPECT_FALSE(strstr(s.told, "-dataplane"));
	EXPECT_TRUE(strstr(s.told, "+dataplane.zones[0].n_port_pc: 16 -> 17\n"));
	EXPECT_TRUE(strstr(s.told, "+dataplane.sa.replay_window_pkts: 128 -> 64 "
				   "(SAs from now on)\n"));
	expect_everything();
	/* And back: what the file does not say is its default. */
	EXPECT_EQ(reload_scene_run(&s, false), 0);
	EXPECT_STREQ(s.told, "");
	reload_scene_write(&s, CORES DEVICES "  quotas: [{client: ike, max_sas: 9}]\n"
					     "  zones: [{" RELOAD_SCENE_ZONE ", n_port_pc: 17}]\n");
	EXPECT_EQ(reload_scene_run(&s, false), 0);
	EXPECT_TRUE(strstr(s.told, "+dataplane.quotas[0].client: \"pcscf\" -> \"ike\"\n"));
	EXPECT_EQ(s.talk.c.control.sets.owner[1].max_sas, 0);
	EXPECT_EQ(s.talk.c.control.sets.owner[2].max_sas, 9);
	EXPECT_EQ(s.crew->f.zones.zone[0].flood.port, 0);
	reload_scene_close(&s);
}

static void pass(uint32_t n_s)
{
	for (unsigned i = 0; i < 2; i++) {
		s.crew->worker[i]->start_tsc -= n_s * rte_get_tsc_hz();
		for (unsigned turn = 0; turn < 64; turn++) /* the house is kept once meanwhile */
			crew_turn(s.crew, i);
	}
}

static void send_first_piece(uint32_t id)
{
	static const uint8_t payload[64];
	struct packet_ip ip = { .family = API_IPV4, .id = id };
	struct packet p;
	memcpy(ip.source, (uint8_t[]){ 192, 0, 2, 1 }, 4);
	memcpy(ip.destination, (uint8_t[]){ 192, 0, 2, 2 }, 4);
	piece_make(&p, &ip, IPPROTO_UDP, payload, (struct piece){ 0, sizeof(payload), true });
	EXPECT_TRUE(crew_send(s.crew, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes));
	crew_finish(s.crew);
}

TEST(reload, fragments_that_come_after_it_wait_as_long_as_it_says)
{
	reload_scene_open(&s, NULL);
	pass(1);
	send_first_piece(1);
	reload_scene_write(&s, CORES ZONES "  fragments: {timeout_s: 60}\n");
	ASSERT_EQ(reload_scene_run(&s, false), 0);
	send_first_piece(2);
	pass(20);
	EXPECT_EQ(crew_counted(s.crew, COUNT_fragment_timeout), 1);
	pass(60);
	EXPECT_EQ(crew_counted(s.crew, COUNT_fragment_timeout), 2);
	reload_scene_close(&s);
}

TEST(reload, ues_go_to_the_workers_that_are_active_and_back)
{
	reload_scene_open(&s, NULL);
	crew_run(s.crew);
	static const struct {
		const char *lines;
		uint32_t n_buckets[2];
	} claims[] = {
		{ CORES "  active_workers: 1\n" ZONES, { OWNER_BUCKETS_MAX, 0 } },
		{ CORES ZONES, { OWNER_BUCKETS_MAX / 2, OWNER_BUCKETS_MAX / 2 } },
	};
	for (unsigned i = 0; i < 2; i++) {
		reload_scene_write(&s, claims[i].lines);
		EXPECT_EQ(reload_scene_run(&s, false), 0);
		EXPECT_TRUE(s.reload.moves);
		for (unsigned n = 0; s.reload.moves && n < 100000; n++) {
			reload_turn(&s.reload);
			usleep(100);
		}
		for (uint32_t w = 0; w < 2; w++)
			EXPECT_EQ(steer_load(s.crew->steer, w).n_buckets, claims[i].n_buckets[w]);
	}
	crew_stop(s.crew);
	reload_scene_close(&s);
}

/* ---- what is refused ---- */

static const struct {
	const char *lines;
	int status;
	const char *told; /* %s: the file */
} refusals[] = {
	{ CORES "  sa: {capacity: 131072}\n" ZONES, -ENOTSUP,
	  "-dataplane.sa.capacity: 65536 -> 131072 needs a restart\n" },
	/* each key, and nothing of what is live */
	{ "  worker_cores: [1, 3]\n  idle_sleep_us: 5\n  user: nobody\n"
	  "  zones: [{name: other, network_port: net_null0, kernel_port: net_null1, port_ps: "
	  "5063,\n"
	  "           port_pc_first: 6001, n_port_pc: 16, mtu_bytes: 1400}]\n",
	  -ENOTSUP,
	  "-dataplane.user: \"\" -> \"nobody\" needs a restart\n"
	  "-dataplane.worker_cores[1]: 2 -> 3 needs a restart\n"
	  "-dataplane.zones[0].name: \"test\" -> \"other\" needs a restart\n"
	  "-dataplane.zones[0].mtu_bytes: 1500 -> 1400 needs a restart\n"
	  "-dataplane.zones[0].port_pc_first: 6000 -> 6001 needs a restart\n" },
	{ "  worker_cores: [1]\n" ZONES, -ENOTSUP,
	  "-dataplane.worker_cores: 2 entries -> 1 entry needs a restart\n" },
	{ CORES "  idle_sleep_us: 5\n  zones:\n    - {" RELOAD_SCENE_ZONE ", n_port_pc: 16}\n"
		"    - {name: b, network_port: net_null2, kernel_port: net_null3}\n",
	  -ENOTSUP, "-dataplane.zones: 1 entry -> 2 entries needs a restart\n" },
	{ CORES "  idle_sleep_us: 5\n  zones: [{" RELOAD_SCENE_ZONE ", n_port_pc: 15}]\n", -ENOTSUP,
	  "-dataplane.zones[0].n_port_pc: 16 -> 15 needs a restart (a pool can only grow)\n" },
	{ CORES "  idle_sleep_us: 5\n  crypto: {devices: [crypto_null0], lookaside: all}\n" ZONES,
	  -ENOTSUP,
	  "-dataplane.crypto.devices: 0 entries -> 1 entry needs a restart\n"
	  "-dataplane.crypto.lookaside: none -> all needs a restart (no device was started)\n" },
	/* not a configuration */
	{ CORES "  idle_sleep_us: 5\n  active_workers: 3\n" ZONES, -EINVAL,
	  "-%s:4:19: found 3 for active_workers, expected at most as many as worker_cores, 2\n" },
	{ CORES "  idle_sleep_us: 1000000\n" ZONES, -EINVAL,
	  "-%s:3:18: found \"1000000\" for idle_sleep_us, expected a number from 0 to 100000\n" },
};

static void expect_as_before(void)
{
	EXPECT_TRUE(s.reload.config == s.reload.started);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_NE(s.crew->worker[i]->idle_sleep_us, 5);
	EXPECT_FALSE(s.reload.moves);
	EXPECT_FALSE(s.talk.c.control.sets.quarantine);
}

TEST(reload, a_file_is_taken_whole_or_not_at_all)
{
	reload_scene_open(&s, NULL);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		char told[2048];
		test_context("refusal %zu", i);
		reload_scene_write(&s, refusals[i].lines);
		EXPECT_EQ(reload_scene_run(&s, false), refusals[i].status);
		const char *file = strstr(refusals[i].told, "%s");
		snprintf(told, sizeof(told), "%.*s%s%s", file ? (int)(file - refusals[i].told) : 0,
			 refusals[i].told, file ? s.path : "", file ? file + 2 : refusals[i].told);
		EXPECT_STREQ(s.told, told);
		expect_as_before();
	}
	reload_scene_close(&s);
}

TEST(reload, a_file_that_cannot_be_read_is_named)
{
	char told[256];
	reload_scene_open(&s, NULL);
	reload_scene_write_text(&s, "controlplane: {realm: example.net}\n");
	EXPECT_EQ(reload_scene_run(&s, false), -EINVAL);
	snprintf(told, sizeof(told), "-%s: no section `dataplane`\n", s.path);
	EXPECT_STREQ(s.told, told);
	unlink(s.path);
	EXPECT_EQ(reload_scene_run(&s, false), -ENOENT);
	snprintf(told, sizeof(told),
		 "-%s: found no readable file (No such file or directory), expected one\n", s.path);
	EXPECT_STREQ(s.told, told);
	s.reload.path = s.directory;
	EXPECT_EQ(reload_scene_run(&s, false), -EINVAL);
	snprintf(told, sizeof(told),
		 "-%s: found no readable file (not a regular file), expected one\n", s.directory);
	EXPECT_STREQ(s.told, told);
	expect_as_before();
	reload_scene_close(&s);
}

/* ---- the message ---- */

static struct api_reload_result ask(uint32_t flags, char line[API_LINE_BYTES])
{
	const struct api_reload request = { .flags = flags };
	struct api_reload_result result = { 0 };
	EXPECT_EQ(TALK_ASK(&s.talk, 1, API_RELOAD, request), 0);
	talk_entry(&s.talk, 0, &result, sizeof(result), 0);
	line[0] = 0;
	if (s.talk.reply.header.n_entries > 1)
		talk_entry(&s.talk, 0, line, API_LINE_BYTES, sizeof(result));
	return result;
}

TEST(reload, any_client_may_ask_and_hears_what_changed_or_why_not)
{
	char line[API_LINE_BYTES];
	reload_scene_open(&s, NULL);
	EXPECT_EQ(ask(0, line).n_lines, 0);
	reload_scene_write(&s, CORES "  idle_sleep_us: 5\n" ZONES);
	EXPECT_EQ(ask(API_RELOAD_CHECK, line).n_lines, 1);
	EXPECT_STREQ(line, "dataplane.idle_sleep_us: 0 -> 5");
	EXPECT_NE(s.crew->worker[0]->idle_sleep_us, 5);
	struct api_reload_result result = ask(0, line);
	EXPECT_EQ(result.status, 0);
	EXPECT_EQ(result.n_lines, 1);
	EXPECT_STREQ(line, "dataplane.idle_sleep_us: 0 -> 5");
	EXPECT_EQ(s.crew->worker[0]->idle_sleep_us, 5);
	reload_scene_write(&s, CORES "  n_mbufs: 1024\n" ZONES);
	EXPECT_EQ(ask(0, line).status, -ENOTSUP);
	EXPECT_STREQ(line, "dataplane.n_mbufs: 16384 -> 1024 needs a restart");
	EXPECT_EQ(s.crew->worker[0]->idle_sleep_us, 5);
	reload_scene_close(&s);
}

TEST(reload, more_lines_than_a_message_has_room_for_are_counted)
{
	enum { ZONES_ALL = 64, N_LINES = 3 * ZONES_ALL };
	static char text[2][1 << 16];
	char line[API_LINE_BYTES];
	for (unsigned which = 0; which < 2; which++) {
		int n = sprintf(text[which], "dataplane:\n" CORES "  zones:\n");
		for (unsigned i = 0; i < ZONES_ALL; i++)
			n += sprintf(
				text[which] + n,
				"    - {name: z%u, network_port: net_null%u, kernel_port: "
				"net_null%u, flood: {source_pps: %u, zone_pps: %u, port: %u}}\n",
				i, i, 64 + i, 1 + which, 1 + which, 5060 + which);
	}
	reload_scene_open(&s, NULL);
	reload_scene_write_text(&s, text[0]);
	config_free(s.reload.started);
	ASSERT_EQ(config_load(s.path, &s.reload.started, line, sizeof(line)), 0);
	s.reload.config = s.reload.started;
	reload_scene_write_text(&s, text[1]);
	struct api_reload_result result = ask(API_RELOAD_CHECK, line);
	EXPECT_EQ(result.status, 0);
	EXPECT_EQ(result.n_lines, N_LINES);
	EXPECT_EQ(s.talk.reply.header.n_entries, 1 + (API_MESSAGE_BYTES - 32) / API_LINE_BYTES);
	reload_scene_close(&s);
}

TEST(reload, a_request_with_unknown_flags_changes_nothing)
{
	struct api_reload request = { .flags = 2 };
	reload_scene_open(&s, CORES ZONES);
	reload_scene_write(&s, CORES "  idle_sleep_us: 5\n" ZONES);
	EXPECT_EQ(TALK_ASK(&s.talk, 0, API_RELOAD, request), -EINVAL);
	request = (struct api_reload){ .reserved = 1 };
	EXPECT_EQ(TALK_ASK(&s.talk, 0, API_RELOAD, request), -EINVAL);
	const struct api_reload twice[2] = { 0 };
	EXPECT_EQ(talk_ask(&s.talk, 0, API_RELOAD, twice, 2, sizeof(twice[0])), -EINVAL);
	expect_as_before();
	s.talk.c.control.reload = NULL;
	request = (struct api_reload){ 0 };
	EXPECT_EQ(TALK_ASK(&s.talk, 0, API_RELOAD, request), -EOPNOTSUPP);
	reload_scene_close(&s);
}
