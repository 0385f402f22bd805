#include "tools/bench/register.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/number.h"
#include "tools/lab_net.h"

enum { EXIT_MISUSE = 2 };

/* Room for the sets of the storm beside those that they replace: 8 SAs a UE. */
#define SA_CAPACITY "1048576"

#define N_OWN_SETS 4 /* of values of lab.yaml: measure() */

static const char help[] =
	"Usage: imsgate-bench register [OPTION…]\n"
	"Measures what a full AKA registration costs: CPU of each process, latency, memory of a\n"
	"registered UE; then a storm, in which all of them re-register. The data plane, P-CSCF, "
	"I-\n"
	"and S-CSCF, HSS and UEs are the real programs, in namespaces of their own.\n"
	"docs/performance.md is the method.\n"
	"\n"
	"      --quick      500 and 2000 UEs, half a minute; else 1000, 10000 and 100000\n"
	"      --ues N      N UEs at the most\n"
	"      --window N   registrations on their way at once (default 256)\n"
	"      --one-process  all roles in one process, to see what three are good for\n"
	"      --no-rest    does not wait at each level, two minutes, until the transactions of\n"
	"                   those who registered are over; no memory at rest then\n"
	"      --no-storm   without the storm\n"
	"      --set KEY=VALUE  run with another value of KEY, which stands once in\n"
	"                   configs/lab.yaml; reg_event=subscribe measures the P-CSCF's\n"
	"                   subscription to each registration, too: two transactions more\n"
	"      --json       one JSON document instead of tables\n"
	"  -h, --help       this text\n"
	"\n"
	"The HSS's database is made in TMPDIR (default /var/tmp), which is to be on a disk.\n";

static int misuse(const char *what, const char *value)
{
	fprintf(stderr, "imsgate-bench register: %s %s; --help lists the options\n", what, value);
	return EXIT_MISUSE + 1;
}

static int take_number(const char *option, uint64_t min, uint64_t max, unsigned *out)
{
	uint64_t value;
	if (!number_read(optarg, min, max, &value))
		return misuse("a number that is too small, too large or none:", option);
	*out = (unsigned)value;
	return 0;
}

/*
 * No level above the wanted number, and that as the last. What is measured at one level must not
 * reach beyond the next.
 */
static void limit_levels(struct register_options *o, unsigned max)
{
	unsigned i = 0;
	while (i < REGISTER_N_LEVELS - 1 && o->level[i + 1] && o->level[i] < max)
		i++;
	unsigned last = max < o->level[i] ? max : o->level[i];
	if (i > 0 && o->level[i - 1] + o->n_measured > last)
		i--;
	o->level[i] = last;
	while (++i < REGISTER_N_LEVELS)
		o->level[i] = 0;
}

/* Returns 0, or, after saying why or what help wants to know, the exit status + 1. */
static int parse(struct register_options *o, int argc, char **argv)
{
	static const struct option options[] = {
		{ "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		{ "window", required_argument, NULL, 'w' },
		{ "one-process", no_argument, NULL, 'o' },
		{ "ues", required_argument, NULL, 'u' },
		{ "set", required_argument, NULL, 's' },
		{ "no-storm", no_argument, NULL, 'n' },
		{ "help", no_argument, NULL, 'h' },
		{ "no-rest", no_argument, NULL, 'r' },
		{ 0 },
	};
	unsigned max = LAB_MOST_UES;
	bool storm = true, rest = true;
	int rc = 0;
	*o = (struct register_options){ .window = 256, .set = o->set };
	opterr = 0;
	for (int option; !rc && (option = getopt_long(argc, argv, ":h", options, NULL)) != -1;) {
		if (option == 'h') {
			fputs(help, stdout);
			return EXIT_SUCCESS + 1;
		}
		if (option == 'q')
			o->quick = true;
		else if (option == 'r')
			rest = false;
		else if (option == 'o')
			o->one_process = true;
		else if (option == 'j')
			o->json = true;
		else if (option == 'n')
			storm = false;
		else if (option == 's')
			o->set[o->n_sets++] = optarg;
		else if (option == 'w')
			rc = take_number("--window", 1, 100000, &o->window);
		else if (option == 'u')
			rc = take_number("--ues", 100, 100000, &max);
		else
			rc = misuse("no such option, or one without its value:", argv[optind - 1]);
	}
	if (!rc && optind < argc)
		rc = misuse("no such option:", argv[optind]);
	static const unsigned full[] = { 1000, 10000, 100000 }, quick[] = { 500, 2000, 0 };
	memcpy(o->level, o->quick ? quick : full, sizeof(o->level));
	o->n_measured = o->quick ? 500 : 3000;
	limit_levels(o, max);
	o->rests = rest && !o->quick;
	o->storm_s = !storm ? 0 : o->quick ? 2 : 10;
	return rc;
}

static unsigned n_ues(const struct register_options *o)
{
	unsigned most = 0;
	for (unsigned i = 0; i < REGISTER_N_LEVELS; i++)
		most = o->level[i] > most ? o->level[i] : most;
	return most + o->n_measured;
}

/* ---- the database's directory, made and removed outside of the sandbox ---- */

static int make_directory(char *path, size_t path_bytes)
{
	const char *temporary = getenv("TMPDIR");
	snprintf(path, path_bytes, "%s/imsgate-bench.XXXXXX", temporary ? temporary : "/var/tmp");
	if (mkdtemp(path))
		return 0;
	fprintf(stderr, "imsgate-bench register: %s: %s\n", path, strerror(errno));
	return -errno;
}

static void remove_directory(const char *path)
{
	DIR *directory = opendir(path);
	for (struct dirent *entry; directory && (entry = readdir(directory));)
		if (entry->d_name[0] != '.')
			unlinkat(dirfd(directory), entry->d_name, 0);
	if (directory)
		closedir(directory);
	rmdir(path);
}

/* ---- inside the sandbox ---- */

struct inside {
	const struct register_options *options;
	struct lab lab;
};

static void print_logs(struct lab *l)
{
	struct process *all[8];
	unsigned n = lab_processes(l, all, 8);
	for (unsigned i = 0; i < n; i++)
		process_print_log(all[i], stderr, 20);
}

static int run_inside(const struct sandbox *s, void *user)
{
	struct inside *in = user;
	struct lab *l = &in->lab;
	struct register_result result = { 0 };
	struct report report;
	l->sandbox = s;
	l->telemetry.fd = -1;
	l->report = json_pack("{s:[]}", "failures");
	if (!l->report || report_open(&report, in->options->json) < 0)
		return EXIT_FAILURE;
	int error = lab_start(l) || register_run(l, in->options, &result) ? -1 : 0;
	if (l->n_failures)
		print_logs(l);
	lab_stop(l);
	if (result.n_batches)
		register_tell(&report, in->options, &result);
	if (in->options->json && report_print_json(&report, stdout) < 0)
		error = -1;
	else if (!in->options->json)
		report_print_targets(&report, stdout);
	report_close(&report);
	fflush(stdout);
	return error || l->n_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int measure(const struct register_options *o, const char *directory)
{
	char database[128];
	snprintf(database, sizeof(database), "database=%s/hss.db", directory);
	const char **set = calloc(o->n_sets + N_OWN_SETS, sizeof(*set));
	if (!set)
		return EXIT_FAILURE;
	set[0] = database;
	set[1] = "capacity=" SA_CAPACITY;
	set[2] = "reauth_every=1";
	set[3] = "reg_event=none";
	memcpy(set + N_OWN_SETS, o->set, o->n_sets * sizeof(*set));
	const struct lab_options lab = {
		.n_ues = n_ues(o),
		.n_workers = 1,
		.n_at_once = o->window,
		.one_process = o->one_process,
		.config = "configs/lab.yaml",
		.alg = "hmac-sha-1-96",
		.ealg = "null",
		.set = set,
		.n_sets = o->n_sets + N_OWN_SETS,
	};
	struct inside in = { .options = o, .lab = { .options = &lab } };
	int status = lab_prepare(&in.lab) ? EXIT_FAILURE : sandbox_run(run_inside, &in);
	free(in.lab.config_text);
	free(set);
	return status;
}

int register_main(int argc, char **argv)
{
	char directory[96];
	struct register_options o = { .set = calloc((size_t)argc, sizeof(*o.set)) };
	if (!o.set)
		return EXIT_FAILURE;
	int status = parse(&o, argc, argv);
	if (status) {
		status--;
	} else if (make_directory(directory, sizeof(directory))) {
		status = EXIT_FAILURE;
	} else {
		status = measure(&o, directory);
		remove_directory(directory);
	}
	free(o.set);
	return status;
}
