/* Lines of the prompt and what comes of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "configs/config.h"
#include "dataplane/prompt_impl.h"
#include "test/shim/test.h"
#include "test/unit/prompt_scene.h"

#define KEY "000102030405060708090a0b0c0d0e0f10111213"
#define ADD                                                                                        \
	"add sa --zone access --local 10.0.0.1 --peer 10.0.0.2 --integrity hmac-sha-1-96 "         \
	"--key " KEY
#define PAIR " --in 5063:31000:0x10000001 --out 6000:31001:4097 --registration 7"

TEST(prompt, each_line_does_what_it_says_or_tells_why_not)
{
	static const struct {
		const char *line, *out, *error;
	} claims[] = {
		{ "", "", "" },
		{ "   \t  # only a comment", "", "" },
		{ "show stats", "  all counters are 0\n", "" },
		{ "show sa all", "no SAs\n", "" },
		{ "show tunnels", "no tunnels\n", "" },
		{ "  show   tunnels  # blanks do not matter", "no tunnels\n", "" },
		{ "show", "",
		  "expected show port|stats|sa|offload|workers|config|tunnels|generator | show sa "
		  "all"
		  " | show sa SLOT" },
		{ "show nothing", "",
		  "expected show port|stats|sa|offload|workers|config|tunnels|generator | show sa "
		  "all"
		  " | show sa SLOT" },
		{ "show sa 3", "", "no SA in slot 3" },
		{ "show sa 64", "", "no SA in slot 64" },
		{ "fly", "", "no such command; `help` lists them" },
		{ "sh", "", "no such command; `help` lists them" },
		{ "start now", "", "expected start" },
		{ "set idle_sleep_us 100001", "", "idle_sleep_us is from 0 to 100000" },
		{ "set idle_sleep_us -1", "", "expected set idle_sleep_us N" },
		{ "set idle_sleep_us 50", "", "" },
		{ "add sa", "", "expected add sa OPTIONS" },
		{ "add sa --zone nowhere", "", "the configuration has no zone nowhere" },
		{ "add sa --zone access", "", "--local is missing" },
		{ "add sa --key 12x4", "", "--key expects hexadecimal digits" },
		{ ADD PAIR " --hold", "", "--hold is for clients of the socket" },
		{ ADD " --key-file - --in 5063:31000", "", "a key is not read from the script" },
		{ ADD PAIR,
		  "registration 7\n"
		  "in  0x10000001 (268435457) local port 5063, peer port 31000\n"
		  "out 0x00001001 (4097) local port 6000, peer port 31001\n",
		  "" },
		{ ADD PAIR, "", "the SAs were refused: File exists" },
		{ "show sa 1",
		  "slot 1  registration 7  test  in 0x10000001  10.0.0.1:5063 10.0.0.2:31000  "
		  "hmac-sha-1-96 + null  packets 0  bytes 0  sequence 0  lifetime -\n",
		  "" },
		{ "del sa 8", "", "no set 8 of the prompt" },
		{ "del sa", "", "expected del sa REGISTRATION" },
		{ "generate", "",
		  "expected generate all|slot SLOT [size BYTES] [count PACKETS] [rate PPS|max] "
		  "[to MAC] | generate stop" },
		{ "generate some", "",
		  "expected generate all|slot SLOT [size BYTES] [count PACKETS] [rate PPS|max] "
		  "[to MAC] | generate stop" },
		{ "generate slot 1", "", "no outbound SA in slot 1" },
		{ "generate all size 27", "", NULL },
		{ "del sa 7", "", "" },
		{ "generate all", "", "there is no outbound SA" },
		{ "help start", "  start: workers receive and forward\n", "" },
		{ "help nothing", "", "expected help | help COMMAND" },
		{ "wait 3600001 ms", "", "3600000 ms at most" },
		{ "wait until nothing >= 1", "", NULL },
		{ "clear stats", "", "" },
	};
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		char line[1024], error[512] = "";
		test_context("line %u: %s", i + 1, claims[i].line);
		snprintf(line, sizeof(line), "%s\n", claims[i].line);
		prompt_scene_say(&s, line);
		EXPECT_STREQ(prompt_scene_out(&s), claims[i].out);
		if (claims[i].error && claims[i].error[0])
			snprintf(error, sizeof(error), "stdin:%u: error: %s\n", i + 1,
				 claims[i].error);
		if (claims[i].error)
			EXPECT_STREQ(prompt_scene_errors(&s), error);
		else
			EXPECT_NE(prompt_scene_errors(&s)[0], 0);
	}
	EXPECT_TRUE(prompt_has_failed(s.prompt));
	EXPECT_EQ(s.worker[0]->idle_sleep_us, 50);
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, no_key_is_ever_shown)
{
	static const char *const lines[] = {
		ADD PAIR "\n",
		ADD " --registration\n",
		ADD " --in 5063:31000 --nonsense 1\n",
		ADD "00 --in 5063:31000\n",
		ADD " --in 5063:31000 --cipher aes-cbc --cipher-key " KEY "\n",
		"add " KEY "\n",
		KEY "\n",
		"show sa all\nshow config\nshow stats\nshow sa\nhelp\n",
	};
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		test_context("%s", lines[i]);
		prompt_scene_say(&s, lines[i]);
		EXPECT_FALSE(strstr(prompt_scene_out(&s), "0001020304"));
		EXPECT_FALSE(strstr(prompt_scene_errors(&s), "0001020304"));
	}
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, what_is_added_belongs_to_the_prompt)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	prompt_scene_say(&s, ADD PAIR "\n");
	unsigned owner = 1;
	while (strcmp(s.control.owner[owner].name, "prompt") != 0)
		owner++;
	EXPECT_EQ(set_count_sas(&s.control.sets, owner), 2);
	EXPECT_EQ(s.control.owner[owner].n_connections, 1);
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, stopped_workers_receive_nothing_until_start)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	prompt_scene_say(&s, "stop\n" ADD PAIR "\ngenerate all count 3 rate max\n");
	EXPECT_TRUE(strstr(prompt_scene_out(&s), "generating for 1 SA, from `start` on\n"));
	prompt_scene_turn(&s);
	EXPECT_EQ(s.worker[0]->count.n[COUNT_generate_tx], 0);
	prompt_scene_say(&s, "start\n");
	prompt_scene_turn(&s);
	EXPECT_EQ(s.worker[0]->count.n[COUNT_esp_tx], 3);
	fixture_discard(s.f);
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, a_wait_holds_the_lines_behind_it)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	prompt_scene_say(&s, ADD PAIR "\ngenerate all count 100 rate max\n"
				      "wait until esp_tx >= 100\nshow tunnels\n");
	prompt_scene_out(&s);
	EXPECT_EQ(prompt_fd(s.prompt), -1);
	prompt_scene_turn(&s); /* 64 of them */
	EXPECT_STREQ(prompt_scene_out(&s), "");
	prompt_scene_turn(&s);
	EXPECT_STREQ(prompt_scene_out(&s), "no tunnels\n");
	EXPECT_STREQ(prompt_scene_errors(&s), "");
	EXPECT_EQ(prompt_fd(s.prompt), s.in[0]);
	fixture_discard(s.f);
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

/* Turns until something is said, and what; *waited_ms: since `began_tsc`. */
static const char *turn_until_said(struct prompt_scene *s, uint64_t began_tsc, uint64_t *waited_ms)
{
	const char *said;
	do {
		prompt_scene_turn(s);
		said = prompt_scene_out(s);
		*waited_ms = (rte_rdtsc() - began_tsc) / (rte_get_tsc_hz() / 1000);
	} while (!*said && *waited_ms < 60000);
	return said;
}

TEST(prompt, a_wait_that_is_in_vain_fails_and_the_script_goes_on)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	uint64_t began_tsc = rte_rdtsc(), waited_ms;
	prompt_scene_say(&s, "wait until esp_rx >= 1 within 5\nshow tunnels\n");
	EXPECT_STREQ(turn_until_said(&s, began_tsc, &waited_ms), "no tunnels\n");
	EXPECT_GE(waited_ms, 5);
	EXPECT_STREQ(prompt_scene_errors(&s), "stdin:1: error: esp_rx is 0, not 1\n");
	EXPECT_TRUE(prompt_has_failed(s.prompt));
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, a_wait_for_time_is_no_shorter_and_does_not_fail)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	uint64_t began_tsc = rte_rdtsc(), waited_ms;
	prompt_scene_say(&s, "wait 20 ms\nwait link up\nwait idle\nshow tunnels\n");
	EXPECT_STREQ(turn_until_said(&s, began_tsc, &waited_ms), "no tunnels\n");
	EXPECT_GE(waited_ms, 20);
	EXPECT_FALSE(prompt_has_failed(s.prompt));
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, cleared_counters_count_from_there_and_telemetrys_go_on)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	prompt_scene_say(&s, ADD PAIR "\ngenerate all count 10 rate max\n");
	prompt_scene_turn(&s);
	prompt_scene_say(&s, "clear stats\n");
	prompt_scene_out(&s);
	prompt_scene_say(&s, "show stats\n");
	EXPECT_STREQ(prompt_scene_out(&s), "  all counters are 0\n");
	EXPECT_EQ(s.worker[0]->count.n[COUNT_generate_tx], 10);
	fixture_discard(s.f);
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, quit_and_the_end_of_the_script_are_the_end)
{
	struct prompt_scene s;
	prompt_scene_open(&s, -1);
	prompt_scene_say(&s, "quit\nshow tunnels\n");
	EXPECT_TRUE(prompt_is_over(s.prompt));
	EXPECT_STREQ(prompt_scene_out(&s), "");
	EXPECT_EQ(prompt_scene_close(&s), 0);

	prompt_scene_open(&s, -1);
	prompt_scene_say(&s, "show tunnels"); /* no newline */
	EXPECT_FALSE(prompt_is_over(s.prompt));
	close(s.in[1]);
	s.in[1] = -1;
	prompt_turn(s.prompt, true);
	EXPECT_STREQ(prompt_scene_out(&s), "no tunnels\n");
	EXPECT_TRUE(prompt_is_over(s.prompt));
	EXPECT_FALSE(prompt_has_failed(s.prompt));
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, a_line_that_is_no_line_is_refused_whole)
{
	struct prompt_scene s;
	char *line = malloc(SCRIPT_LINE_BYTES + 16);
	prompt_scene_open(&s, -1);
	memset(line, 'x', SCRIPT_LINE_BYTES);
	strcpy(line + SCRIPT_LINE_BYTES - 1, "\n");
	prompt_scene_say(&s, line);
	EXPECT_STREQ(prompt_scene_errors(&s),
		     "stdin:1: error: the line is longer than 1022 bytes\n");
	prompt_scene_say(&s, "show \x1b[2J\nshow tunnels\n");
	EXPECT_STREQ(prompt_scene_errors(&s), "stdin:2: error: a control character\n");
	EXPECT_STREQ(prompt_scene_out(&s), "no tunnels\n");
	free(line);
	EXPECT_EQ(prompt_scene_close(&s), 0);
}

TEST(prompt, words_of_an_order_for_the_generator)
{
	static const struct {
		const char *words;
		int rc;
		struct generate_order order;
	} claims[] = {
		{ "all", 0, { GENERATE_EVERY_SA, 128, 0, 1000, { 2, 0, 0, 0, 0, 1 } } },
		{ "slot 5 size 300", 0, { 5, 300, 0, 1000, { 2, 0, 0, 0, 0, 1 } } },
		{ "all rate max count 9",
		  0,
		  { GENERATE_EVERY_SA, 128, 9, 0, { 2, 0, 0, 0, 0, 1 } } },
		{ " all  to 0a:0b:0c:0d:0e:0f rate 7 ",
		  0,
		  { GENERATE_EVERY_SA, 128, 0, 7, { 10, 11, 12, 13, 14, 15 } } },
		{ "", -EINVAL, { 0 } },
		{ "slot", -EINVAL, { 0 } },
		{ "slot all", -EINVAL, { 0 } },
		{ "all size", -EINVAL, { 0 } },
		{ "all size 70000", -EINVAL, { 0 } },
		{ "all count 0", -EINVAL, { 0 } },
		{ "all rate 0", -EINVAL, { 0 } },
		{ "all to 1:2", -EINVAL, { 0 } },
		{ "all nonsense 1", -EINVAL, { 0 } },
	};
	for (unsigned i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		char words[128], error[128] = "";
		struct generate_order o;
		const struct generate_order *e = &claims[i].order;
		test_context("%s", claims[i].words);
		snprintf(words, sizeof(words), "%s", claims[i].words);
		EXPECT_EQ(prompt_generate_parse(words, &o, error, sizeof(error)), claims[i].rc);
		EXPECT_EQ(error[0] != 0, claims[i].rc < 0);
		if (claims[i].rc < 0)
			continue;
		EXPECT_EQ(o.slot, e->slot);
		EXPECT_EQ(o.ip_bytes, e->ip_bytes);
		EXPECT_EQ(o.n_pkts, e->n_pkts);
		EXPECT_EQ(o.rate_pps, e->rate_pps);
		EXPECT_MEM(o.to, e->to, 6);
	}
}
