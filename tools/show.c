#include "tools/show.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/ports.h"
#include "tools/stats.h"
#include "tools/table.h"
#include "tools/telemetry.h"

static const char help[] =
	"Usage: imsgate show stats|sa|clients|registrations|ports|workers|offload [OPTION…]\n"
	"\n"
	"  stats          the data plane's counters: traffic, then drops by reason\n"
	"  sa             every SA in the table, of all owners; never its keys\n"
	"  clients        who installs SAs, how many each has and may have\n"
	"  registrations  who is registered at the P-CSCF and the S-CSCF of this node\n"
	"  ports          the network and kernel port of each zone\n"
	"  workers        who polls what, owns how many of the UEs, and hands how much over\n"
	"  offload        what each port and crypto device does, and why it does not do the rest\n"
	"\n" OPTIONS_HELP;

/* The object or array under a telemetry command; NULL after one message. */
static json_t *ask(const struct config *c, const char *command)
{
	json_t *reply = NULL;
	struct telemetry t;

	if (telemetry_open(&t, c->dataplane->file_prefix) || telemetry_get(&t, command, &reply))
		options_fail("show", "%s", t.error);
	telemetry_close(&t);
	return reply;
}

static void print_section(const char *title, const struct stats *s, bool drops)
{
	uint64_t sum = 0;

	printf("%s\n", title);
	for (unsigned i = 0; i < COUNT_N; i++) {
		if (stats_is_drop(i) != drops)
			continue;
		printf("  %-24s %16" PRIu64 "  %s\n", stats_name(i), s->n[i], stats_help(i));
		sum += s->n[i];
	}
	if (drops)
		printf("  %-24s %16" PRIu64 "\n", "all drops", sum);
}

static int show_stats(const struct config *c, bool json)
{
	json_t *reply = ask(c, "/imsgate/stats");
	struct stats stats;
	int rc;

	if (!reply)
		return EXIT_FAILURE;
	rc = stats_parse(reply, &stats);
	if (json) {
		json_dumpf(reply, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (rc == 0) {
		print_section("Traffic", &stats, false);
		print_section("Drops", &stats, true);
	}
	json_decref(reply);
	if (rc && !json)
		return options_fail("show", "the data plane counts other things than this program "
					    "knows: install both from one release");
	return EXIT_SUCCESS;
}

/* The same where the command tells of one at a time. */
static json_t *ask_each(const struct config *c, const char *command)
{
	json_t *all = NULL;
	struct telemetry t;

	if (telemetry_open(&t, c->dataplane->file_prefix) || telemetry_get_all(&t, command, &all))
		options_fail("show", "%s", t.error);
	telemetry_close(&t);
	return all;
}

/* A telemetry reply, which goes, as a table of the rows that `rows_of` sees in it. */
static int show_table(json_t *reply, bool json, json_t *(*rows_of)(json_t *reply))
{
	json_t *rows;

	if (!reply)
		return EXIT_FAILURE;
	if (json) {
		json_dumpf(reply, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		rows = rows_of(reply);
		table_print(stdout, rows);
		json_decref(rows);
	}
	json_decref(reply);
	return EXIT_SUCCESS;
}

static int show_ports(const struct config *c, bool json)
{
	return show_table(ask_each(c, "/imsgate/ports"), json, ports_rows);
}

static json_t *workers_rows(json_t *reply)
{
	return table_rows(reply, "worker");
}

static int show_workers(const struct config *c, bool json)
{
	return show_table(ask_each(c, "/imsgate/workers"), json, workers_rows);
}

static const struct subject {
	const char *name;
	bool of_dataplane; /* needs that section of the configuration */
	int (*show)(const struct config *c, bool json);
} subjects[] = {
	{ "stats", true, show_stats },     { "sa", true, show_sa },
	{ "clients", true, show_clients }, { "registrations", false, show_registrations },
	{ "ports", true, show_ports },     { "workers", true, show_workers },
	{ "offload", true, show_offload },
};

int command_show(int argc, char **argv)
{
	const struct subject *subject = NULL;
	struct config *config;
	struct options o;
	int status;

	argc = options_parse(argc, argv, help, &o, &status);
	if (argc == 0)
		return status;
	for (size_t i = 0; argc == 2 && i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (!strcmp(subjects[i].name, argv[1]))
			subject = &subjects[i];
	if (!subject)
		return options_misuse("show",
				      "found %s, expected stats, sa, clients, registrations, "
				      "ports, workers or offload",
				      argc == 1  ? "nothing"
				      : argc > 2 ? argv[2]
						 : argv[1]);
	config = options_config(&o, "show");
	if (!config)
		return EXIT_FAILURE;
	if (subject->of_dataplane && !config->dataplane)
		status = options_fail("show", "%s has no dataplane section", o.config);
	else
		status = subject->show(config, o.json);
	config_free(config);
	return status;
}
