/*
 * Lines for the operator on stderr: error (must act), warn (a peer misbehaves), info (start, stop,
 * reconfigure). Never an identity, a key or a piece of a message: events are named and counted, not
 * quoted. Warnings are rate-limited per place in the code, so that a hostile peer cannot fill a
 * disk.
 */
#ifndef CONTROLPLANE_LOG_H
#define CONTROLPLANE_LOG_H

#include <stdint.h>

/* One per call site of log_warn(): at most LOG_BURST lines in each LOG_PERIOD_S. */
struct log_limit {
	uint64_t period_start_s;
	uint32_t n;
	uint32_t n_suppressed;
};

#define LOG_BURST    5
#define LOG_PERIOD_S 10

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_limited(struct log_limit *limit, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#define log_warn(...)                                                                              \
	do {                                                                                       \
		static struct log_limit log_here;                                                  \
		log_limited(&log_here, __VA_ARGS__);                                               \
	} while (0)

#endif
