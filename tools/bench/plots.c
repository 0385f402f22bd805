#include "tools/bench/plots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tools/bench/plot.h"
#include "tools/bench/report.h"
#include "tools/bench/suite.h"

#define SHA1       "hmac-sha-1-96"
#define MANY_BYTES 128
#define MANY_SAS   4000000

/*
 * Inbound SHA-1, 128 bytes, as measured earlier on a machine of the same class, the source of the
 * packets included (about 61 cycles).
 */
static const struct {
	const char *name;
	uint32_t n;
	struct {
		double n_sas, cycles;
	} at[5];
} peers[] = {
	{ "ipsec-secgw, librte_ipsec *",
	  4,
	  { { 1, 442 }, { 1e4, 881 }, { 1e5, 2275 }, { 1e6, 3501 } } },
	{ "VPP *", 5, { { 1, 422 }, { 1e4, 975 }, { 1e5, 2337 }, { 1e6, 3018 }, { 2e6, 3079 } } },
	{ "ipsec-secgw, no anti-replay *",
	  4,
	  { { 1, 407 }, { 1e4, 680 }, { 1e5, 1588 }, { 1e6, 2527 } } },
};

static const char *text_of(const json_t *row, const char *key)
{
	const char *text = json_string_value(json_object_get(row, key));
	return text ? text : "";
}

static double number_of(const json_t *row, const char *key)
{
	return json_number_value(json_object_get(row, key));
}

/* Of the rows that say so: `y` against `x`; `fixed` has the value `at`. */
static void add(struct plot *p, const struct report *report, const char *name,
		const char *direction, const char *algorithm, const char *x, const char *y,
		const char *fixed, double at)
{
	struct plot_series *s = plot_add(p, name, false);
	size_t i;
	const json_t *row;
	json_array_foreach(report_rows(report, "packets"), i, row)
	{
		if (s && strcmp(text_of(row, "direction"), direction) == 0 &&
		    strcmp(text_of(row, "algorithm"), algorithm) == 0 &&
		    number_of(row, fixed) == at)
			plot_point(s, number_of(row, x), number_of(row, y));
	}
}

static void add_peers(struct plot *p)
{
	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		struct plot_series *s = plot_add(p, peers[i].name, true);
		for (uint32_t k = 0; s && k < peers[i].n; k++)
			plot_point(s, peers[i].at[k].n_sas, peers[i].at[k].cycles);
	}
}

static int write_file(const struct plot *p, const char *directory, const char *name)
{
	char path[4096];
	int n = snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = n < (int)sizeof(path) ? fopen(path, "w") : NULL;
	if (!file) {
		int rc = -errno;
		fprintf(stderr, "imsgate-bench: error: %s: %s\n", path, strerror(errno));
		return rc;
	}
	int rc = plot_write(file, p);
	if (fclose(file) != 0)
		rc = -EIO;
	if (rc == -EINVAL)
		remove(path); /* nothing of it was measured */
	return rc == -EINVAL ? 0 : rc;
}

#define BY_SAS "n_sas", "cycles_per_pkt", "size_bytes", MANY_BYTES

static int write_by_sas(const struct report *report, const char *directory)
{
	struct plot p = {
		.title = "Cycles per packet against SAs: HMAC-SHA-1, 128 bytes",
		.y_label = "cycles of one core",
		.x_label = "SAs, traffic at random over all of them",
		.note = "* inbound; ipsec-secgw 22.11, VPP of 2026, measured earlier on a "
			"like machine, with the source of packets (about 61 cycles)",
		.log_x = true
	};
	add(&p, report, "imsgate inbound", "inbound", SHA1, BY_SAS);
	add(&p, report, "imsgate outbound", "outbound", SHA1, BY_SAS);
	add(&p, report, "IPsec-MB alone", "inbound", SHA1, "n_sas", "bare_cycles_per_pkt",
	    "size_bytes", MANY_BYTES);
	if (!p.series[0].n && !p.series[1].n)
		return 0;
	add_peers(&p);
	return write_file(&p, directory, "cycles-by-sas.svg");
}

static int write_algorithms(const struct report *report, const char *directory)
{
	struct plot p = { .title = "Cycles per packet against SAs: inbound, 128 bytes",
			  .y_label = "cycles of one core",
			  .x_label = "SAs, traffic at random over all of them",
			  .note = "AES-CBC: 120 bytes. 3DES is left out: thousands of cycles",
			  .log_x = true };
	for (uint32_t i = 0; i < bench_n_suites; i++) {
		if (bench_suite_shape(&bench_suites[i])->cipher != CRYPTO_3DES_CBC)
			add(&p, report, bench_suites[i].name, "inbound", bench_suites[i].name,
			    BY_SAS);
	}
	return write_file(&p, directory, "cycles-by-sas-algorithms.svg");
}

#define BY_SIZE "n_sas", MANY_SAS

static int write_by_size(const struct report *report, const char *directory)
{
	struct plot p = { .title = "Cycles per packet against size: HMAC-SHA-1, 4 million SAs",
			  .y_label = "cycles of one core",
			  .x_label = "IP length of the ESP packet, bytes",
			  .note = "" };
	add(&p, report, "imsgate inbound", "inbound", SHA1, "size_bytes", "cycles_per_pkt",
	    BY_SIZE);
	add(&p, report, "imsgate outbound", "outbound", SHA1, "size_bytes", "cycles_per_pkt",
	    BY_SIZE);
	add(&p, report, "IPsec-MB alone", "inbound", SHA1, "size_bytes", "bare_cycles_per_pkt",
	    BY_SIZE);
	return write_file(&p, directory, "cycles-by-size.svg");
}

int plots_write(const struct report *report, const char *directory)
{
	if (mkdir(directory, 0777) < 0 && errno != EEXIST) {
		int rc = -errno;
		fprintf(stderr, "imsgate-bench: error: %s: %s\n", directory, strerror(errno));
		return rc;
	}
	int rc = write_by_sas(report, directory);
	if (rc == 0)
		rc = write_algorithms(report, directory);
	return rc == 0 ? write_by_size(report, directory) : rc;
}
