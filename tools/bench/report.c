#include "tools/bench/report.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#define TARGETS "targets"

int report_open(struct report *r, bool json)
{
	*r = (struct report){ .document = json_object(), .json = json };
	return r->document ? 0 : -ENOMEM;
}

void report_close(struct report *r)
{
	json_decref(r->document);
}

void report_fact(struct report *r, const char *name, json_t *value)
{
	json_object_set_new(r->document, name, value);
}

void report_row(struct report *r, const char *measurement, json_t *row)
{
	json_t *rows = json_object_get(r->document, measurement);
	if (!rows) {
		rows = json_array();
		json_object_set_new(r->document, measurement, rows);
	}
	json_array_append_new(rows, row);
}

const json_t *report_rows(const struct report *r, const char *measurement)
{
	return json_object_get(r->document, measurement);
}

void report_target(struct report *r, const char *what, double measured, bool at_least, double limit,
		   const char *unit)
{
	bool met = at_least ? measured >= limit : measured <= limit;
	report_row(r, TARGETS,
		   json_pack("{s:s, s:f, s:s, s:f, s:s, s:b}", "what", what, "measured", measured,
			     "must_be", at_least ? "at least" : "at most", "target", limit, "unit",
			     unit, "met", met));
}

static int decimals(double value)
{
	return value < 10 ? 2 : value < 1000 ? 1 : 0;
}

void report_print_targets(const struct report *r, FILE *to)
{
	const json_t *targets = report_rows(r, TARGETS);
	if (!targets)
		return;
	fprintf(to, "\n%-58s %12s %16s\n", "target", "measured", "to be reached");
	size_t i;
	const json_t *t;
	json_array_foreach(targets, i, t)
	{
		double measured = json_number_value(json_object_get(t, "measured"));
		double limit = json_number_value(json_object_get(t, "target"));
		bool at_least =
			strcmp(json_string_value(json_object_get(t, "must_be")), "at least") == 0;
		fprintf(to, "%-58s %12.*f %s %9.*f %-8s%s\n",
			json_string_value(json_object_get(t, "what")), decimals(measured), measured,
			at_least ? "≥" : "≤", decimals(limit), limit,
			json_string_value(json_object_get(t, "unit")),
			json_is_true(json_object_get(t, "met")) ? "met" : "NOT MET");
	}
}

int report_print_json(const struct report *r, FILE *to)
{
	int rc = json_dumpf(r->document, to, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	fputc('\n', to);
	return rc == 0 ? 0 : -EIO;
}

void report_say(const struct report *r, const char *format, ...)
{
	if (r->json)
		return;
	va_list arguments;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	fflush(stdout);
}

void report_progress(const char *format, ...)
{
	if (!isatty(STDERR_FILENO))
		return;
	fputs("\r\033[K", stderr);
	if (!format)
		return;
	va_list arguments;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs(" …", stderr);
}
