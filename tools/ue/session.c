#include "tools/ue/session.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct session *s = context;

	event_base_loopbreak(s->base);
}

static bool begin(struct session *s, struct fleet *f,
		  void (*answered)(void *context, json_t *answer))
{
	memset(s, 0, sizeof(*s));
	s->base = f->base;
	s->run.fleet = f;
	s->run.answered = answered;
	s->run.context = s;
	s->interrupt = evsignal_new(s->base, SIGINT, on_signal, s);
	s->terminate = evsignal_new(s->base, SIGTERM, on_signal, s);
	return s->interrupt && s->terminate && !evsignal_add(s->interrupt, NULL) &&
	       !evsignal_add(s->terminate, NULL);
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static int end(struct session *s, bool worked)
{
	free_event(s->input);
	free_event(s->interrupt);
	free_event(s->terminate);
	return worked ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool has_failed(const json_t *answer)
{
	return json_object_get(answer, "error") ||
	       json_object_size(json_object_get(answer, "failures"));
}

/* ---- from stdin ---- */

static void on_answer(void *context, json_t *answer)
{
	struct session *s = context;

	s->busy = false;
	if (json_dumpf(answer, stdout, JSON_COMPACT) || putchar('\n') == EOF || fflush(stdout))
		s->end = true; /* nobody listens any more */
	json_decref(answer);
	event_active(s->input, EV_TIMEOUT, 0); /* there may be further lines */
}

/* The next whole line, moved out of the buffer. */
static bool take_line(struct session *s, char line[COMMAND_LINE_BYTES])
{
	char *feed = memchr(s->line, '\n', s->n_bytes);
	size_t n;

	if (!feed)
		return false;
	n = (size_t)(feed - s->line);
	memcpy(line, s->line, n);
	line[n] = '\0';
	s->n_bytes -= n + 1;
	memmove(s->line, feed + 1, s->n_bytes);
	return true;
}

static void read_more(struct session *s)
{
	ssize_t n = read(STDIN_FILENO, s->line + s->n_bytes, sizeof(s->line) - s->n_bytes);

	if (n > 0)
		s->n_bytes += (size_t)n;
	else if (!n || (errno != EAGAIN && errno != EINTR))
		s->end = true;
	if (s->n_bytes == sizeof(s->line) && !memchr(s->line, '\n', s->n_bytes))
		s->end = true; /* no command is so long */
}

static void on_input(evutil_socket_t fd, short what, void *context)
{
	struct session *s = context;
	char line[COMMAND_LINE_BYTES];

	if (what & EV_READ)
		read_more(s);
	while (!s->busy && take_line(s, line)) {
		if (!strcmp(line, "quit")) {
			s->end = true;
			s->n_bytes = 0;
		} else if (*line) {
			s->busy = true;
			command_start(&s->run, line);
		}
	}
	if (!s->end)
		return;
	event_del(s->input);
	if (!s->busy)
		event_base_loopbreak(s->base);
}

int session_interact(struct session *s, struct fleet *f)
{
	bool worked = begin(s, f, on_answer);

	s->input = event_new(s->base, STDIN_FILENO, EV_READ | EV_PERSIST, on_input, s);
	worked = worked && s->input && !event_add(s->input, NULL) &&
		 event_base_dispatch(s->base) >= 0;
	return end(s, worked);
}

/* ---- a fixed list ---- */

static const char *const steps[] = { "register", "subscribe", "traffic 5", "deregister", "report" };
#define N_STEPS (sizeof(steps) / sizeof(*steps))

static double number(const json_t *o, const char *name)
{
	return json_number_value(json_object_get(o, name));
}

static void print_failures(const json_t *answer)
{
	const char *reason;
	json_t *n;

	json_object_foreach(json_object_get(answer, "failures"), reason, n)
		printf("  failed: %-20s %8lld\n", reason, (long long)json_integer_value(n));
	if (json_object_get(answer, "error"))
		printf("  %s\n", json_string_value(json_object_get(answer, "error")));
}

static void print_registration(const json_t *o, const char *what)
{
	const json_t *latency = json_object_get(o, "latency_ms");

	printf("%-12s %8.0f of %.0f in %.2f s, %.0f/s; latency p50 %.1f ms, p99 %.1f ms\n", what,
	       number(o, what), number(o, "ues"), number(o, "seconds"),
	       number(o, "registrations_per_s"), number(latency, "p50"), number(latency, "p99"));
}

static void print_answer(const char *step, const json_t *o)
{
	const json_t *esp = json_object_get(o, "esp");

	if (!strcmp(step, "register")) {
		print_registration(o, "registered");
	} else if (!strcmp(step, "subscribe")) {
		printf("%-12s %8.0f of %.0f\n", "subscribed", number(o, "subscribed"),
		       number(o, "ues"));
	} else if (!strcmp(step, "deregister")) {
		print_registration(o, "deregistered");
	} else if (!strcmp(step, "report")) {
		printf("%-12s %8.0f packets sent, %.0f received\n", "ESP", number(esp, "sent"),
		       number(esp, "received"));
	} else {
		printf("%-12s %8.0f of %.0f answered\n", "OPTIONS", number(o, "options_ok"),
		       number(o, "options_sent"));
		printf("%-12s %8.0f of %.0f answered, %.0f received\n", "MESSAGE",
		       number(o, "messages_ok"), number(o, "messages_sent"),
		       number(o, "messages_received"));
	}
	print_failures(o);
	fflush(stdout);
}

static void next_step(struct session *s)
{
	char line[COMMAND_LINE_BYTES];

	snprintf(line, sizeof(line), "%s", steps[s->step]);
	command_start(&s->run, line);
}

static void on_step(void *context, json_t *answer)
{
	struct session *s = context;

	print_answer(steps[s->step], answer);
	s->failed |= has_failed(answer);
	json_decref(answer);
	if (++s->step == N_STEPS)
		event_base_loopbreak(s->base);
	else
		next_step(s);
}

int session_demonstrate(struct session *s, struct fleet *f)
{
	bool worked = begin(s, f, on_step);

	if (worked)
		next_step(s);
	worked = worked && event_base_dispatch(s->base) >= 0;
	return end(s, worked && s->step == N_STEPS && !s->failed);
}
