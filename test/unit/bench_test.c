/* What the bench computes, draws and understands, without the data plane. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "tools/bench/options.h"
#include "tools/bench/plot.h"
#include "tools/bench/plots.h"
#include "tools/bench/register.h"
#include "tools/bench/report.h"
#include "tools/bench/stat.h"

/* ---- statistics ---- */

TEST(bench_stat, median_of_an_even_number_lies_between_the_middle_two)
{
	double values[] = { 4, 1, 3, 2 };
	EXPECT_TRUE(stat_summarize(values, 4).median == 2.5);
}

TEST(bench_stat, one_wild_round_moves_neither_median_nor_spread)
{
	double values[101];
	for (int i = 0; i < 101; i++)
		values[i] = 100 + i % 3;
	values[50] = 1e9;
	struct stat_summary s = stat_summarize(values, 101);
	EXPECT_TRUE(s.p10 == 100 && s.median == 101 && s.p90 == 102);
}

TEST(bench_stat, percentiles_of_one_value_are_that_value)
{
	const double value[] = { 7 };
	EXPECT_TRUE(stat_percentile(value, 1, 0) == 7);
	EXPECT_TRUE(stat_percentile(value, 1, 0.999) == 7);
	EXPECT_TRUE(stat_percentile(value, 1, 1) == 7);
}

TEST(bench_stat, the_whole_share_is_the_largest_value)
{
	const double values[] = { 1, 2, 3 };
	EXPECT_TRUE(stat_percentile(values, 3, 0) == 1);
	EXPECT_TRUE(stat_percentile(values, 3, 1) == 3);
}

/* ---- registrations ---- */

TEST(bench_register, time_is_found_behind_any_name_of_a_process)
{
	uint64_t user = 0, kernel = 0;
	ASSERT_EQ(cost_parse_stat("7 (a) 1 (b) S 1 2 3 4 5 6 7 8 9 10 123 45 0 0 20 0 1 0", &user,
				  &kernel),
		  0);
	EXPECT_EQ(user, 123u);
	EXPECT_EQ(kernel, 45u);
	EXPECT_EQ(cost_parse_stat("7 (a) S 1 2 3", &user, &kernel), -EPROTO);
	EXPECT_EQ(cost_parse_stat("7 a S", &user, &kernel), -EPROTO);
}

TEST(bench_register, memory_is_that_of_anonymous_pages)
{
	uint64_t bytes = 0;
	EXPECT_EQ(cost_parse_status("VmRSS:\t 9 kB\nRssAnon:\t      12 kB\nRssFile:\t 3 kB\n",
				    &bytes),
		  0);
	EXPECT_EQ(bytes, 12u * 1024);
	EXPECT_EQ(cost_parse_status("VmRSS:\t 9 kB\n", &bytes), -EPROTO);
}

TEST(bench_register, the_cost_of_a_process_grows_with_its_work)
{
	struct process_cost before, after;
	ASSERT_EQ(cost_read(getpid(), &before), 0);
	char *memory = malloc(8 << 20);
	memset(memory, 1, 8 << 20);
	EXPECT_EQ(memory[4 << 20], 1);
	ASSERT_EQ(cost_read(getpid(), &after), 0);
	struct process_cost cost = cost_between(&before, &after);
	EXPECT_TRUE(cost.cpu_us > 0);
	EXPECT_TRUE(cost.memory_bytes >= 7 << 20); /* proc(5): the kernel counts some pages late */
	free(memory);
	EXPECT_TRUE(cost_read(-1, &after) < 0);
}

/* A target is of the largest number of UEs, per registration that went well. */
TEST(bench_register, targets_are_held_against_the_last_level)
{
	struct report report;
	struct register_result r = { .n_batches = 2 };
	const struct register_options o = { .window = 64 };
	for (unsigned i = 0; i < r.n_batches; i++) {
		r.batch[i] = (struct register_batch){ .n_ok = 10, .seconds = 1 };
		r.fill[i] = r.batch[i];
		r.batch[i].cost[REGISTER_PCSCF].cpu_us = i ? 1100 : 500;
		r.batch[i].cost[REGISTER_CSCF].cpu_us = i ? 1050 : 1000;
		r.batch[i].cost[REGISTER_HSS].cpu_us = 500;
	}
	ASSERT_EQ(report_open(&report, true), 0);
	register_tell(&report, &o, &r);
	const json_t *targets = report_rows(&report, "targets");
	ASSERT_EQ(json_array_size(targets), 7u);
	const struct {
		double measured;
		bool met;
	} expected[] = { { 110, true },
			 { 105, true },
			 { 50, false },
			 /* growth: of all, and of each */
			 { 32.5, false },
			 { 120, false },
			 { 5, true },
			 { 0, true } };
	for (unsigned i = 0; i < 7; i++) {
		const json_t *t = json_array_get(targets, i);
		double measured = json_number_value(json_object_get(t, "measured"));
		EXPECT_TRUE(fabs(measured - expected[i].measured) < 1e-9);
		EXPECT_EQ(json_is_true(json_object_get(t, "met")), expected[i].met);
	}
	report_close(&report);
}

/* ---- plots ---- */

/* The whole text of a plot; the caller frees it. NULL when it was refused. */
static char *draw(const struct plot *p)
{
	char *text = NULL;
	size_t n_bytes = 0;
	FILE *to = open_memstream(&text, &n_bytes);
	int rc = plot_write(to, p);
	fclose(to);
	if (rc == 0)
		return text;
	free(text);
	return NULL;
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;
	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static struct plot new_plot(void)
{
	return (struct plot){ .title = "a < b & c", .note = "", .x_label = "x", .y_label = "y" };
}

TEST(bench_plot, marks_are_one_two_or_five_and_not_too_many)
{
	for (double length = 0.03; length < 1e7; length *= 1.07) {
		double step = plot_step(length, 8);
		double digit = step / pow(10, floor(log10(step) + 1e-9));
		EXPECT_TRUE(fabs(digit - 1) < 1e-6 || fabs(digit - 2) < 1e-6 ||
			    fabs(digit - 5) < 1e-6);
		EXPECT_TRUE(step * 8 >= length * 0.999999);
	}
}

TEST(bench_plot, every_point_is_drawn_inside_of_the_picture)
{
	struct plot p = new_plot();
	p.log_x = true;
	struct plot_series *s = plot_add(&p, "ours", false);
	plot_point(s, 1, 200);
	plot_point(s, 1000, 250);
	plot_point(s, 4e6, 313);
	char *text = draw(&p);
	ASSERT_TRUE(text != NULL);
	EXPECT_EQ(count(text, "<circle"), 3);
	for (const char *at = text; (at = strstr(at, "<circle")); at++) {
		double x, y;
		ASSERT_EQ(sscanf(at, "<circle cx=\"%lf\" cy=\"%lf\"", &x, &y), 2);
		EXPECT_TRUE(x >= 0 && x <= 760 && y >= 0 && y <= 440);
	}
	free(text);
}

TEST(bench_plot, letters_of_the_markup_are_escaped)
{
	struct plot p = new_plot();
	plot_point(plot_add(&p, "<script>", false), 1, 1);
	char *text = draw(&p);
	ASSERT_TRUE(text != NULL);
	EXPECT_TRUE(strstr(text, "a &lt; b &amp; c") != NULL);
	EXPECT_TRUE(strstr(text, "<script>") == NULL);
	free(text);
}

TEST(bench_plot, what_others_measured_is_grey)
{
	struct plot p = new_plot();
	plot_point(plot_add(&p, "ours", false), 1, 1);
	char *text = draw(&p);
	ASSERT_TRUE(text != NULL);
	EXPECT_EQ(count(text, "#999999"), 0);
	free(text);
	plot_point(plot_add(&p, "theirs", true), 1, 2);
	text = draw(&p);
	ASSERT_TRUE(text != NULL);
	EXPECT_TRUE(count(text, "#999999") > 0);
	free(text);
}

TEST(bench_plot, nothing_to_draw_is_refused)
{
	struct plot p = new_plot();
	EXPECT_TRUE(draw(&p) == NULL);
	plot_add(&p, "without points", false);
	EXPECT_TRUE(draw(&p) == NULL);
}

TEST(bench_plot, zero_has_no_place_on_a_logarithmic_axis)
{
	struct plot p = new_plot();
	p.log_x = true;
	plot_point(plot_add(&p, "ours", false), 0, 1);
	EXPECT_TRUE(draw(&p) == NULL);
}

TEST(bench_plot, room_for_series_and_points_is_kept_to)
{
	struct plot p = new_plot();
	struct plot_series *first = plot_add(&p, "first", false);
	for (int i = 0; i < 2 * PLOT_MAX_POINTS; i++)
		plot_point(first, i, i);
	EXPECT_EQ(first->n, PLOT_MAX_POINTS);
	for (int i = 1; i < PLOT_MAX_SERIES; i++)
		EXPECT_TRUE(plot_add(&p, "more", false) != NULL);
	EXPECT_TRUE(plot_add(&p, "too many", false) == NULL);
}

/* ---- report ---- */

TEST(bench_report, a_target_is_met_when_it_is_just_reached)
{
	struct report r;
	ASSERT_EQ(report_open(&r, true), 0);
	report_target(&r, "cycles", 60, false, 60, "cycles");
	report_target(&r, "cycles", 60.1, false, 60, "cycles");
	report_target(&r, "sets", 500000, true, 500000, "/s");
	report_target(&r, "sets", 499999, true, 500000, "/s");
	const json_t *targets = report_rows(&r, "targets");
	ASSERT_EQ(json_array_size(targets), 4);
	for (size_t i = 0; i < 4; i++)
		EXPECT_EQ(json_is_true(json_object_get(json_array_get(targets, i), "met")),
			  i % 2 == 0);
	report_close(&r);
}

TEST(bench_report, the_targets_fit_on_a_terminal)
{
	struct report r;
	char *text = NULL;
	size_t n_bytes = 0;
	ASSERT_EQ(report_open(&r, false), 0);
	report_target(&r, "outbound aes-cbc-256+sha-256, 1400 B, 4000000 SAs", 12.345, false, 1.25,
		      "× bare");
	FILE *to = open_memstream(&text, &n_bytes);
	report_print_targets(&r, to);
	fclose(to);
	EXPECT_TRUE(strstr(text, "NOT MET") != NULL);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		EXPECT_LE(strlen(line), 104); /* bytes: some signs take more than one */
	free(text);
	report_close(&r);
}

/* ---- options ---- */

static const struct bench_measurement_name names[] = { { "one", "" }, { "two", "" } };

/* As if "imsgate-bench WORDS…" had been typed. */
static int parse(struct bench_options *o, const char *words)
{
	char text[128];
	char *argv[16] = { "imsgate-bench" };
	int argc = 1;
	snprintf(text, sizeof(text), "%s", words);
	for (char *word = strtok(text, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	return bench_options_parse(o, argc, argv, names, 2);
}

TEST(bench_options, wrong_words_end_with_the_usage_status)
{
	static const char *const wrong[] = {
		"--sas 0",    "--sas 4194305",  "--sas many",           "--size 64", "--size 129",
		"--rounds 0", "--round 100",    "--round 32",           "--alg des", "--core -1",
		"three",      "one three",      "--direction sideways", "--plot",    "--frobnicate",
		"-x",         "--rounds 10 --",
	};
	struct bench_options o;
	for (size_t i = 0; i + 1 < sizeof(wrong) / sizeof(wrong[0]); i++) {
		test_context("%s", wrong[i]);
		EXPECT_EQ(parse(&o, wrong[i]), 3);
	}
	test_context(NULL);
	EXPECT_EQ(parse(&o, wrong[sizeof(wrong) / sizeof(wrong[0]) - 1]), 0);
}

TEST(bench_options, all_measurements_run_when_none_is_named)
{
	struct bench_options o;
	ASSERT_EQ(parse(&o, ""), 0);
	EXPECT_EQ(o.measurements & 3, 3);
	EXPECT_EQ(o.max_sas, 4000000);
	ASSERT_EQ(parse(&o, "--json two"), 0);
	EXPECT_EQ(o.measurements, 2);
	EXPECT_TRUE(o.json);
}

TEST(bench_options, quick_means_fewer_rounds_unless_they_are_given)
{
	struct bench_options o, quick;
	ASSERT_EQ(parse(&o, ""), 0);
	ASSERT_EQ(parse(&quick, "--quick"), 0);
	EXPECT_LT(quick.n_rounds, o.n_rounds);
	ASSERT_EQ(parse(&quick, "--quick --rounds 7"), 0);
	EXPECT_EQ(quick.n_rounds, 7);
}

/* ---- layout of packets ---- */

TEST(bench_suite, packets_are_as_long_as_the_blocks_allow_and_never_longer)
{
	static const uint32_t sizes[] = { 128, 512, 1400 };
	for (uint32_t i = 0; i < bench_n_suites; i++) {
		const struct crypto_suite_shape *shape = bench_suite_shape(&bench_suites[i]);
		for (unsigned k = 0; k < 3; k++) {
			test_context("%s, %u bytes", bench_suites[i].name, sizes[k]);
			struct bench_layout l = bench_layout(&bench_suites[i], sizes[k]);
			EXPECT_LE(l.ip_bytes, sizes[k]);
			EXPECT_GT(l.ip_bytes + shape->block_bytes, sizes[k]);
			EXPECT_EQ(l.esp_bytes + BENCH_IPV4_BYTES, l.ip_bytes);
			EXPECT_EQ((l.l4_bytes + BENCH_TRAILER_BYTES) % shape->block_bytes, 0);
			EXPECT_EQ(l.auth_bytes + shape->icv_bytes, l.esp_bytes);
		}
	}
	test_context(NULL);
}
