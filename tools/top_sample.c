#include "tools/top_sample.h"

#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "configs/config.h"
#include "tools/status.h"
#include "tools/table.h"
#include "tools/telemetry.h"

static int read_sas(struct top_sample *s, struct telemetry *t)
{
	json_t *sas;
	int rc = telemetry_get(t, "/imsgate/sa", &sas);

	if (rc)
		return rc;
	s->sas_used = json_integer_value(json_object_get(sas, "used"));
	s->sas_capacity = json_integer_value(json_object_get(sas, "capacity"));
	json_decref(sas);
	return 0;
}

static int read_workers(struct top_sample *s, struct telemetry *t)
{
	json_t *workers, *rows, *worker;
	size_t i;
	int rc = telemetry_get_all(t, "/imsgate/workers", &workers);

	if (rc)
		return rc;
	rows = table_rows(workers, "worker");
	json_array_foreach(rows, i, worker)
	{
		if (i == TOP_MAX_WORKERS)
			break;
		s->worker[i].turns = json_integer_value(json_object_get(worker, "turns"));
		s->worker[i].busy_turns = json_integer_value(json_object_get(worker, "busy_turns"));
		s->n_workers = i + 1;
	}
	json_decref(rows);
	json_decref(workers);
	return 0;
}

/* An established SA set is a UE registered through this P-CSCF. */
static int64_t read_registrations(const struct config *c)
{
	char error[512];
	json_t *stats, *n;
	int64_t value;

	if (!c->pcscf ||
	    status_get(c->controlplane->run_dir, "pcscf", "/stats", &stats, error, sizeof(error)))
		return -1;
	n = json_object_get(stats, "sets_established");
	value = json_is_integer(n) ? json_integer_value(n) : -1;
	json_decref(stats);
	return value;
}

int top_sample_read(struct top_sample *s, struct telemetry *t, const struct config *c)
{
	struct timespec now;
	int rc;

	*s = (struct top_sample){ 0 };
	clock_gettime(CLOCK_MONOTONIC, &now);
	s->time_s = now.tv_sec + now.tv_nsec / 1e9;
	rc = stats_read(t, &s->stats);
	if (rc == 0)
		rc = read_sas(s, t);
	if (rc == 0)
		rc = read_workers(s, t);
	s->n_registrations = read_registrations(c);
	return rc;
}

/* A data plane that was started again counts from 0: no rate is better than a wrong one. */
static double rate(const struct top_sample *before, const struct top_sample *now, enum counter i)
{
	double seconds = now->time_s - before->time_s;

	if (now->stats.n[i] < before->stats.n[i] || seconds <= 0)
		return 0;
	return (now->stats.n[i] - before->stats.n[i]) / seconds;
}

/* Share of a worker's turns that found packets, in percent. */
static double load(const struct top_sample *before, const struct top_sample *now, unsigned i)
{
	uint64_t turns = now->worker[i].turns - before->worker[i].turns;
	uint64_t busy = now->worker[i].busy_turns - before->worker[i].busy_turns;

	return i < before->n_workers && turns > 0 && busy <= turns ? 100.0 * busy / turns : 0;
}

static void print_counters(FILE *to, const struct top_sample *before, const struct top_sample *now,
			   bool drops)
{
	unsigned n = 0;

	fprintf(to, "%-24s %14s %18s\n", drops ? "DROPS" : "TRAFFIC", "PER SECOND", "TOTAL");
	for (unsigned i = 0; i < COUNT_N; i++) {
		if (stats_is_drop(i) != drops || (drops && now->stats.n[i] == 0))
			continue;
		fprintf(to, "%-24s %14.0f %18" PRIu64 "  %s\n", stats_name(i), rate(before, now, i),
			now->stats.n[i], stats_help(i));
		n++;
	}
	if (n == 0)
		fprintf(to, "none\n");
}

void top_print_screen(FILE *to, const struct top_sample *before, const struct top_sample *now)
{
	fprintf(to, "SAs %" PRIu64 " of %" PRIu64, now->sas_used, now->sas_capacity);
	if (now->n_registrations >= 0)
		fprintf(to, "   registrations %" PRId64, now->n_registrations);
	fprintf(to, "   busy");
	for (unsigned i = 0; i < now->n_workers; i++)
		fprintf(to, " %.0f%%", load(before, now, i));
	fprintf(to, "\n\n");
	print_counters(to, before, now, false);
	fprintf(to, "\n");
	print_counters(to, before, now, true);
}

void top_print_line(FILE *to, const struct top_sample *before, const struct top_sample *now)
{
	double drops = 0;

	for (unsigned i = 0; i < COUNT_N; i++)
		if (stats_is_drop(i))
			drops += rate(before, now, i);
	fprintf(to,
		"network_rx/s %.0f network_tx/s %.0f esp_rx/s %.0f esp_rx_bytes/s %.0f esp_tx/s "
		"%.0f esp_tx_bytes/s %.0f drops/s %.0f sas %" PRIu64,
		rate(before, now, COUNT_network_rx), rate(before, now, COUNT_network_tx),
		rate(before, now, COUNT_esp_rx), rate(before, now, COUNT_esp_rx_bytes),
		rate(before, now, COUNT_esp_tx), rate(before, now, COUNT_esp_tx_bytes), drops,
		now->sas_used);
	if (now->n_registrations >= 0)
		fprintf(to, " registrations %" PRId64, now->n_registrations);
	fprintf(to, "\n");
}
