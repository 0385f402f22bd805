#include "tools/lab.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A report of imsgate-ue is some hundred bytes; one that never ends is refused. */
#define LINE_BYTES 65536

/* Moves one whole line out of what was read. Returns it, for the caller to free, or NULL. */
static char *take_line(struct lab *l)
{
	char *end = l->ue_line_bytes ? memchr(l->ue_line, '\n', l->ue_line_bytes) : NULL;
	char *line;
	size_t bytes;

	if (!end)
		return NULL;
	bytes = (size_t)(end - l->ue_line);
	line = strndup(l->ue_line, bytes);
	l->ue_line_bytes -= bytes + 1;
	memmove(l->ue_line, end + 1, l->ue_line_bytes);
	return line;
}

static int read_more(struct lab *l)
{
	ssize_t n;

	if (!l->ue_line)
		l->ue_line = malloc(LINE_BYTES);
	if (!l->ue_line || l->ue_line_bytes == LINE_BYTES)
		return lab_fail(l, "imsgate-ue: a line longer than %d bytes", LINE_BYTES);
	n = read(l->ue_out, l->ue_line + l->ue_line_bytes, LINE_BYTES - l->ue_line_bytes);
	if (n > 0)
		l->ue_line_bytes += (size_t)n;
	return n < 0 && errno != EAGAIN ? lab_fail(l, "imsgate-ue: %s", strerror(errno)) : 0;
}

static int read_line(struct lab *l, uint64_t deadline_ms, char **line)
{
	for (;;) {
		struct pollfd answer = { .fd = l->ue_out, .events = POLLIN };

		*line = take_line(l);
		if (*line)
			return 0;
		if (lab_alive(l))
			return -1;
		if (lab_now_ms() > deadline_ms)
			return lab_fail(l, "imsgate-ue: no answer in time");
		if (poll(&answer, 1, 50) == 1 && read_more(l))
			return -1;
	}
}

int lab_ue_ask(struct lab *l, const char *command, unsigned timeout_ms, json_t **answer)
{
	const char *problem;
	char *line;

	if (dprintf(l->ue_in, "%s\n", command) < 0)
		return lab_fail(l, "imsgate-ue: %s: %s", command, strerror(errno));
	if (read_line(l, lab_now_ms() + timeout_ms, &line))
		return lab_fail(l, "imsgate-ue: \"%s\" was not answered", command);
	*answer = json_loads(line, 0, NULL);
	problem = json_string_value(json_object_get(*answer, "error"));
	if (json_is_object(*answer) && !problem) {
		free(line);
		return 0;
	}
	lab_fail(l, "imsgate-ue: \"%s\": %s", command, problem ? problem : line);
	free(line);
	json_decref(*answer);
	return -1;
}
