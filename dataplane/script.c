#include "dataplane/script.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "crypto/wipe.h"

int script_read(struct script *s, int fd)
{
	ssize_t n = read(fd, s->read, sizeof(s->read));
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	s->at = 0;
	s->n_read = (uint32_t)n;
	s->ended = n == 0;
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static void take(struct script *s, char c)
{
	if (c == '#')
		s->is_comment = true;
	if (s->is_comment || (is_blank(c) && s->n_bytes == 0))
		return;
	if ((unsigned char)c < ' ' && !is_blank(c))
		s->is_no_text = true;
	if (s->n_bytes + 2 == sizeof(s->line))
		s->is_too_long = true;
	else
		s->line[s->n_bytes++] = is_blank(c) ? ' ' : c;
}

/* The line is whole. False: there is nothing in it. */
static bool finish(struct script *s, enum script_result *result)
{
	uint32_t n = s->n_bytes;
	while (n && s->line[n - 1] == ' ')
		n--;
	memcpy(s->line + n, "\n", 2);
	*result = s->is_too_long ? SCRIPT_TOO_LONG : s->is_no_text ? SCRIPT_NO_TEXT : SCRIPT_LINE;
	s->number++;
	s->n_bytes = 0;
	s->is_comment = s->is_too_long = s->is_no_text = false;
	return n || *result != SCRIPT_LINE;
}

enum script_result script_next(struct script *s)
{
	enum script_result result;
	while (s->at < s->n_read) {
		char c = s->read[s->at];
		s->read[s->at++] = 0;
		if (c != '\n')
			take(s, c);
		else if (finish(s, &result))
			return result;
	}
	if (!s->ended)
		return SCRIPT_HUNGRY;
	/* The last line may have no end of its own. */
	if ((s->n_bytes || s->is_no_text) && finish(s, &result))
		return result;
	return SCRIPT_END;
}

void script_wipe(struct script *s)
{
	wipe(s, sizeof(*s));
}
