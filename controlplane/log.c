#include "controlplane/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

static void print_line(const char *level, const char *format, va_list arguments)
{
	char line[512];
	vsnprintf(line, sizeof(line), format, arguments);
	fprintf(stderr, "imsgate-controlplane: %s: %s\n", level, line);
}

void log_error(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_line("error", format, arguments);
	va_end(arguments);
}

void log_info(const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	print_line("info", format, arguments);
	va_end(arguments);
}

void log_limited(struct log_limit *limit, const char *format, ...)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	if ((uint64_t)now.tv_sec >= limit->period_start_s + LOG_PERIOD_S) {
		if (limit->n_suppressed)
			fprintf(stderr, "imsgate-controlplane: warn: %u more of these\n",
				limit->n_suppressed);
		*limit = (struct log_limit){ .period_start_s = (uint64_t)now.tv_sec };
	}
	if (limit->n == LOG_BURST) {
		limit->n_suppressed++;
		return;
	}
	limit->n++;
	va_list arguments;
	va_start(arguments, format);
	print_line("warn", format, arguments);
	va_end(arguments);
}
