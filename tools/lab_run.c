#include "tools/lab.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tools/table.h"

#define PAUSE_MS   10
#define SETTLED_MS 10000 /* however much there is still to say */

unsigned lab_sas_per_ue(const struct lab *l)
{
	return l->options->single_pair ? 2 : 4;
}

uint64_t lab_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void lab_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

int lab_fail(struct lab *l, const char *format, ...)
{
	char text[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	lab_say("FAILED: %s", text);
	json_array_append_new(json_object_get(l->report, "failures"), json_string(text));
	l->n_failures++;
	return -1;
}

int lab_alive(struct lab *l)
{
	struct process *all[8];
	unsigned n = lab_processes(l, all, 8);

	for (unsigned i = 0; i < n; i++) {
		char end[64];

		if (process_runs(all[i]))
			continue;
		process_describe_end(all[i], end, sizeof(end));
		return lab_fail(l, "%s died: %s", all[i]->name, end);
	}
	return 0;
}

int lab_pause(struct lab *l)
{
	poll(NULL, 0, PAUSE_MS);
	return lab_alive(l);
}

static json_int_t number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

/* What stands in the data plane's table. */
static int sas_used(struct lab *l, json_int_t *used)
{
	json_t *table;

	if (telemetry_get(&l->telemetry, "/imsgate/sa", &table))
		return lab_fail(l, "%s", l->telemetry.error);
	*used = number(table, "used");
	json_decref(table);
	return 0;
}

int lab_stats(struct lab *l, struct stats *stats)
{
	if (stats_read(&l->telemetry, stats))
		return lab_fail(l, "%s", l->telemetry.error);
	return 0;
}

static int do_register(struct lab *l)
{
	/* Each takes two round trips; a loaded machine with sanitizers does some tens a second. */
	unsigned timeout_ms = 30000 + l->options->n_ues * 100;
	json_int_t expected = (json_int_t)l->options->n_ues * lab_sas_per_ue(l), used = 0;
	json_t *answer;

	lab_say("registering %u UEs", l->options->n_ues);
	if (lab_ue_ask(l, "register", timeout_ms, &answer))
		return -1;
	json_object_set_new(l->report, "register", answer);
	if (number(answer, "registered") != l->options->n_ues)
		lab_fail(l, "%lld of %u UEs registered", (long long)number(answer, "registered"),
			 l->options->n_ues);
	if (sas_used(l, &used))
		return -1;
	json_object_set_new(l->report, "sas",
			    json_pack("{s:I, s:I}", "used", used, "expected", expected));
	if (used != expected)
		lab_fail(l, "%lld SAs in the table, expected %lld", (long long)used,
			 (long long)expected);
	return 0;
}

/* As phones do once they are registered: they hear what the network wants of them. */
static int do_subscribe(struct lab *l)
{
	unsigned timeout_ms = 30000 + l->options->n_ues * 100;
	json_t *answer;

	lab_say("subscribing to what becomes of the registrations");
	if (lab_ue_ask(l, "subscribe", timeout_ms, &answer))
		return -1;
	json_object_set_new(l->report, "subscribe", answer);
	if (number(answer, "subscribed") != l->options->n_ues)
		lab_fail(l, "%lld of %u UEs have subscribed",
			 (long long)number(answer, "subscribed"), l->options->n_ues);
	return 0;
}

/*
 * Until no ESP has come or gone for a while: UEs say that they have done all when the last ACK may
 * still lie before a data plane that is not awake. Over TCP the last acknowledgements come late: at
 * most 500 ms, RFC 9293 3.8.6.3.
 */
static int settle(struct lab *l)
{
	uint64_t quiet_ms = l->options->tcp ? 500 : 200, now_ms = lab_now_ms();
	uint64_t moved_ms = now_ms, deadline_ms = now_ms + SETTLED_MS;
	struct stats last, now;

	if (lab_stats(l, &last))
		return -1;
	for (; now_ms < moved_ms + quiet_ms && now_ms < deadline_ms; now_ms = lab_now_ms()) {
		if (lab_pause(l) || lab_stats(l, &now))
			return -1;
		if (now.n[COUNT_esp_rx] == last.n[COUNT_esp_rx] &&
		    now.n[COUNT_esp_tx] == last.n[COUNT_esp_tx])
			continue;
		moved_ms = lab_now_ms();
		last = now;
	}
	return 0;
}

int lab_traffic(struct lab *l, const char *name)
{
	char command[32];
	json_t *answer;

	lab_say("traffic for %u s", l->options->seconds);
	snprintf(command, sizeof(command), "traffic %u", l->options->seconds);
	if (lab_ue_ask(l, command, l->options->seconds * 1000 + 60000, &answer))
		return -1;
	json_object_set_new(l->report, name, answer);
	if (number(answer, "options_ok") != number(answer, "options_sent") ||
	    !number(answer, "options_sent"))
		lab_fail(l, "%lld of %lld OPTIONS answered",
			 (long long)number(answer, "options_ok"),
			 (long long)number(answer, "options_sent"));
	/* One UE alone has nobody to write to. */
	if (number(answer, "messages_ok") != number(answer, "messages_sent") ||
	    number(answer, "messages_received") < number(answer, "messages_ok") ||
	    (!number(answer, "messages_sent") && l->options->n_ues > 1))
		lab_fail(l, "%lld MESSAGEs sent, %lld received, %lld answered",
			 (long long)number(answer, "messages_sent"),
			 (long long)number(answer, "messages_received"),
			 (long long)number(answer, "messages_ok"));
	return 0;
}

/* Honest traffic loses nothing: no drop counter has moved. */
static int check_drops(struct lab *l, const struct stats *before, const char *what)
{
	struct stats after;

	if (lab_stats(l, &after))
		return -1;
	for (unsigned i = COUNTER_FIRST_DROP; i < COUNT_N; i++) {
		/* From a NAT, about a SYN-ACK that went where ESP's port was only guessed. */
		if (l->options->nat && i == COUNT_icmp_about_esp)
			continue;
		if (after.n[i] != before->n[i])
			lab_fail(l, "%s: %" PRIu64 " packets dropped as %s", what,
				 after.n[i] - before->n[i], stats_name(i));
	}
	return 0;
}

static int report_counters(struct lab *l)
{
	json_t *counters = json_object();
	struct stats stats;

	json_object_set_new(l->report, "counters", counters);
	if (lab_stats(l, &stats))
		return -1;
	for (unsigned i = 0; i < COUNT_N; i++)
		json_object_set_new(counters, stats_name(i), json_integer((json_int_t)stats.n[i]));
	return 0;
}

/* Packets that workers gave to others, as they own their UEs. */
static int report_handed_over(struct lab *l)
{
	json_t *workers, *worker, *rows;
	json_int_t n = 0;
	size_t i;

	if (telemetry_get_all(&l->telemetry, "/imsgate/workers", &workers))
		return lab_fail(l, "%s", l->telemetry.error);
	rows = table_rows(workers, "worker");
	json_array_foreach(rows, i, worker) n += number(worker, "handed_over");
	json_object_set_new(l->report, "handed_over", json_integer(n));
	json_decref(rows);
	json_decref(workers);
	return 0;
}

static int do_deregister(struct lab *l)
{
	unsigned timeout_ms = 30000 + l->options->n_ues * 100;
	struct stats before;
	json_t *answer;

	lab_say("de-registering");
	if (lab_stats(l, &before) || lab_ue_ask(l, "deregister", timeout_ms, &answer))
		return -1;
	json_object_set_new(l->report, "deregister", answer);
	if (number(answer, "failed"))
		lab_fail(l, "%lld UEs could not de-register", (long long)number(answer, "failed"));
	return check_drops(l, &before, "de-registration");
}

/* The time of day, as a capture has it. */
static void report_time(struct lab *l, const char *name)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	json_object_set_new(l->report, name,
			    json_real((double)now.tv_sec + (double)now.tv_nsec / 1e9));
}

static int run_steps(struct lab *l)
{
	struct stats start; /* before it all stood, there were packets with nowhere to go */

	if (lab_start(l) || lab_stats(l, &start) || do_register(l) || do_subscribe(l) ||
	    lab_traffic(l, "traffic") || lab_call(l) || settle(l) ||
	    check_drops(l, &start, "registration, traffic and calls") || report_counters(l) ||
	    report_handed_over(l))
		return -1;
	if (l->options->nat)
		return lab_rebind(l) ? -1 : l->options->keep ? 0 : do_deregister(l);
	lab_say("attacking");
	report_time(l, "attacks_began_s");
	if (lab_attack(l))
		return -1;
	report_time(l, "attacks_ended_s");
	return l->options->keep ? 0 : do_deregister(l);
}

static void print_report(struct lab *l)
{
	json_object_set_new(l->report, "ok", json_boolean(!l->n_failures));
	if (l->options->json) {
		json_dumpf(l->report, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		lab_report_text(l->report, stdout);
	}
	fflush(stdout);
}

static void print_logs(struct lab *l)
{
	struct process *all[8];
	unsigned n = lab_processes(l, all, 8);

	for (unsigned i = 0; i < n; i++)
		process_print_log(all[i], stderr, 20);
}

static void print_visit(struct lab *l)
{
	lab_say("\nThe lab stays until Ctrl-C. To enter it from another terminal:\n"
		"  nsenter -t %d %s-m -n -p bash\n"
		"There:\n"
		"  export IMSGATE_CONFIG=" LAB_CONFIG " PATH=$PATH:%s\n"
		"  imsgate show registrations          who is registered; also: stats, sa, ports\n"
		"  imsgate top                         traffic and drops, live\n"
		"  ip netns exec ue tcpdump -ni ue0    what is on the wire: 10.1.0.1 ... are the "
		"UEs\n"
		"  ip netns exec edge tcpdump -ni %s  what the P-CSCF's kernel sees\n"
		"  ls " PROCESS_LOG_DIR "                         what the processes say",
		l->sandbox->outer_pid,
		l->sandbox->ordinary_user ? "-U --preserve-credentials " : "", l->program_dir,
		l->config->pcscf->device);
}

static void keep(struct lab *l)
{
	int status = l->n_failures ? EXIT_FAILURE : EXIT_SUCCESS;

	print_visit(l);
	sandbox_settle(l->sandbox, status);
	while (!lab_pause(l))
		;
	print_logs(l);
}

int lab_run(const struct sandbox *s, void *lab)
{
	struct lab *l = lab;
	int error;

	l->sandbox = s;
	l->telemetry.fd = -1;
	l->report = json_pack("{s:i, s:s, s:s, s:s, s:s, s:i, s:[]}", "ues", (int)l->options->n_ues,
			      "alg", l->options->alg, "ealg", l->options->ealg, "sa_profile",
			      l->options->single_pair ? "single-pair" : "two-pairs", "transport",
			      l->options->tcp ? "TCP" : "UDP", "ip", l->options->ipv6 ? 6 : 4,
			      "failures");
	error = run_steps(l);
	if (!error && l->options->keep) {
		print_report(l);
		keep(l);
		return EXIT_FAILURE;
	}
	if (error)
		print_logs(l);
	lab_stop(l);
	if (l->n_failures && !error)
		print_logs(l);
	print_report(l);
	json_decref(l->report);
	config_free(l->config);
	free(l->config_text);
	free(l->ue_line);
	return l->n_failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
