#include "tools/lab.h"

#include <string.h>

/*
 * One report, two forms: --json prints it as it is, this file prints it for reading.
 *
 *   ues, ip, transport, alg, ealg, sa_profile   what was run
 *   register, subscribe, traffic, deregister   imsgate-ue's own answers
 *   calls[]                          the same for each plan, and `what` it is
 *   sas.used, sas.expected           in the data plane's table after registration
 *   counters                         the data plane's, after the calls and before the attacks
 *   attacks_began_s, attacks_ended_s the time of day: what a capture holds in between is hostile
 *   attacks[]                        name, what, sent, counter, moved, others, held
 *   failures[]                       what did not hold, one line each
 *   ok                               nothing failed
 */

static long long number(const json_t *object, const char *name)
{
	return json_integer_value(json_object_get(object, name));
}

static double real(const json_t *object, const char *name)
{
	return json_number_value(json_object_get(object, name));
}

static const char *text(const json_t *object, const char *name)
{
	const char *value = json_string_value(json_object_get(object, name));

	return value ? value : "-";
}

static void print_registration(const json_t *report, FILE *out)
{
	const json_t *answer = json_object_get(report, "register");
	const json_t *latency = json_object_get(answer, "latency_ms");
	const json_t *sas = json_object_get(report, "sas");
	const char *reason;
	json_t *n;

	if (!answer)
		return;
	fprintf(out, "  UEs registered      %lld\n", number(answer, "registered"));
	fprintf(out, "  UEs failed          %lld\n", number(answer, "failed"));
	json_object_foreach(json_object_get(answer, "failures"), reason, n)
		fprintf(out, "    %-17s %lld\n", reason, (long long)json_integer_value(n));
	fprintf(out, "  registrations/s     %.0f\n", real(answer, "registrations_per_s"));
	fprintf(out, "  latency             p50 %.1f ms, p99 %.1f ms\n", real(latency, "p50"),
		real(latency, "p99"));
	fprintf(out, "  UEs subscribed      %lld\n",
		number(json_object_get(report, "subscribe"), "subscribed"));
	fprintf(out, "  SAs in the table    %lld\n", number(sas, "used"));
}

static void print_calls(const json_t *report, FILE *out)
{
	const json_t *rows = json_object_get(report, "calls"), *row;
	size_t i;

	json_array_foreach(rows, i, row)
		fprintf(out, "  calls, %-12s %lld of %lld as planned: %s\n", text(row, "plan"),
			number(row, "ok"), number(row, "calls"), text(row, "what"));
}

static void print_traffic(const json_t *report, FILE *out)
{
	const json_t *answer = json_object_get(report, "traffic");
	const json_t *counters = json_object_get(report, "counters");

	if (!answer)
		return;
	fprintf(out, "  OPTIONS             %lld sent, %lld answered\n",
		number(answer, "options_sent"), number(answer, "options_ok"));
	fprintf(out, "  MESSAGE, UE to UE   %lld sent, %lld received, %lld answered\n",
		number(answer, "messages_sent"), number(answer, "messages_received"),
		number(answer, "messages_ok"));
	print_calls(report, out);
	if (counters)
		fprintf(out, "  ESP packets         %lld from UEs, %lld to UEs\n",
			number(counters, "esp_rx"), number(counters, "esp_tx"));
}

static void print_attacks(const json_t *report, FILE *out)
{
	const json_t *rows = json_object_get(report, "attacks"), *row;
	size_t i;

	if (!json_array_size(rows))
		return;
	fprintf(out, "\n  %-12s %-37s %5s  %-23s %5s  %s\n", "attack", "", "sent", "dropped as",
		"moved", "verdict");
	json_array_foreach(rows, i, row) fprintf(
		out, "  %-12s %-37s %5lld  %-23s %5lld  %s\n", text(row, "name"), text(row, "what"),
		number(row, "sent"), text(row, "counter"), number(row, "moved"),
		json_is_true(json_object_get(row, "held")) ? "held" : "FAILED");
}

void lab_report_text(const json_t *report, FILE *out)
{
	const json_t *failures = json_object_get(report, "failures"), *failure;
	size_t i;

	fprintf(out, "\nimsgate lab: %lld UEs, IPv%lld, %s, %s, %s, %s\n\n", number(report, "ues"),
		number(report, "ip"), text(report, "transport"), text(report, "alg"),
		text(report, "ealg"), text(report, "sa_profile"));
	print_registration(report, out);
	print_traffic(report, out);
	print_attacks(report, out);
	fputc('\n', out);
	json_array_foreach(failures, i, failure)
		fprintf(out, "  FAILED: %s\n", json_string_value(failure));
	fprintf(out, "  %s\n", json_array_size(failures) ? "The lab failed." : "Everything held.");
}
