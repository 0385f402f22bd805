#include "dataplane/prompt.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "crypto/wipe.h"
#include "dataplane/prompt_impl.h"
#include "dataplane/request.h"

#define OWNER "prompt"
#define TEXT  "imsgate> "

/* Lines of a script that are done before the clients of the socket get their turn. */
#define LINES_PER_TURN 32

void prompt_fail(struct prompt *p, const char *format, ...)
{
	va_list args;
	FILE *to = p->editor ? p->out : p->errors;
	p->command_failed = true;
	p->has_failed = !p->editor || p->has_failed;
	if (!p->editor)
		fprintf(to, "stdin:%u: ", p->script.number);
	fputs("error: ", to);
	va_start(args, format);
	vfprintf(to, format, args);
	va_end(args);
	fputc('\n', to);
}

uint64_t prompt_count(const struct prompt *p, enum counter counter)
{
	return report_count(&p->parts.report, counter) - p->cleared.n[counter];
}

const void *prompt_request(struct prompt *p, enum api_type type, const void *entry, size_t n_bytes,
			   int *n)
{
	struct api_header h = { .version = API_VERSION,
				.type = (uint16_t)type,
				.n_entries = 1,
				.length_bytes = (uint32_t)(sizeof(h) + n_bytes),
				.cookie = 1 };
	memcpy(p->message, &h, sizeof(h));
	memcpy(p->message + sizeof(h), entry, n_bytes);
	request_handle(p->parts.control, &p->client, p->message, h.length_bytes, p->client.reply);
	wipe(p->message, h.length_bytes);
	memcpy(&h, p->client.reply, sizeof(h));
	*n = h.status < 0 ? h.status : h.n_entries;
	return h.status < 0 ? NULL : p->client.reply + sizeof(h);
}

/* ---- the terminal ---- */

static int write_char(struct rdline *editor, char c)
{
	struct prompt *p = rdline_get_opaque(editor);
	return fputc(c, p->out) == EOF ? -1 : 1;
}

/* What an arrow key brings back is on the screen again. */
static bool has_key(const char *line)
{
	return strstr(line, "--key ") || strstr(line, "--cipher-key ") || strstr(line, "--salt ");
}

static void on_line(struct rdline *editor, const char *line, unsigned n_bytes)
{
	struct prompt *p = rdline_get_opaque(editor);
	const char *last = rdline_get_history_item(editor, 0);
	/* The line may have blanks only. */
	if (line[strspn(line, " \t\r\n")] && !has_key(line) && (!last || strcmp(last, line)))
		rdline_add_history(editor, line);
	uint32_t length = (uint32_t)strcspn(line, "\n");
	if (length + 2 > sizeof(p->script.line))
		return; /* the editor's lines are shorter */
	memcpy(p->script.line, line, length);
	memcpy(p->script.line + length, "\n", 2);
	wipe((char *)line, length); /* the editor's buffer, which it begins anew */
	prompt_do(p, p->script.line);
	wipe(p->script.line, length);
}

static int on_complete(struct rdline *editor, const char *line, char *out, unsigned out_bytes,
		       int *state)
{
	struct prompt *p = rdline_get_opaque(editor);
	return cmdline_complete(p->grammar, line, state, out, out_bytes);
}

static void type(struct prompt *p)
{
	char c;
	if (read(p->in, &c, 1) <= 0) {
		p->is_over = true;
		return;
	}
	int rc = rdline_char_in(p->editor, c);
	if (rc == RDLINE_RES_EOF || rc == RDLINE_RES_EXITED)
		p->is_over = true;
	else if (rc == RDLINE_RES_VALIDATED && !p->wait && !p->is_over)
		rdline_newline(p->editor, TEXT);
	if (p->is_over)
		fputs("\n", p->out);
}

/* Signals end the process as they do anywhere, but must not leave the terminal as it is here. */
static int take_terminal(struct prompt *p)
{
	struct termios raw;
	if (tcgetattr(p->in, &p->before) != 0)
		return -errno;
	p->editor = rdline_new(write_char, on_line, on_complete, p);
	if (!p->editor)
		return -ENOMEM;
	raw = p->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VSUSP] = _POSIX_VDISABLE;
	raw.c_cc[VQUIT] = _POSIX_VDISABLE;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(p->in, TCSANOW, &raw);
	rdline_newline(p->editor, TEXT);
	return 0;
}

/* ---- the script ---- */

static void do_lines(struct prompt *p)
{
	for (unsigned i = 0; i < LINES_PER_TURN && !p->wait && !p->is_over; i++) {
		switch (script_next(&p->script)) {
		case SCRIPT_LINE:
			prompt_do(p, p->script.line);
			wipe(p->script.line, sizeof(p->script.line));
			break;
		case SCRIPT_TOO_LONG:
			prompt_fail(p, "the line is longer than %d bytes", SCRIPT_LINE_BYTES - 2);
			break;
		case SCRIPT_NO_TEXT:
			prompt_fail(p, "a control character");
			break;
		case SCRIPT_END:
			p->is_over = true;
			break;
		case SCRIPT_HUNGRY:
			return;
		}
	}
}

/* ---- both ---- */

int prompt_fd(const struct prompt *p)
{
	bool hungry = p->editor || p->script.at == p->script.n_read;
	return p->wait || p->is_over || !hungry ? -1 : p->in;
}

void prompt_turn(struct prompt *p, bool has_input)
{
	if (p->wait) {
		if (!prompt_wait_is_over(p))
			return;
		p->wait = PROMPT_WAIT_NOTHING;
		if (p->editor)
			rdline_newline(p->editor, TEXT);
	}
	if (p->is_over)
		return;
	if (p->editor && has_input) {
		type(p);
	} else if (!p->editor) {
		int rc = has_input ? script_read(&p->script, p->in) : 0;
		if (rc < 0) {
			p->script.ended = true;
			prompt_fail(p, "%s", strerror(-rc));
		}
		do_lines(p);
	}
	if (fflush(p->out) != 0) { /* nobody listens any more */
		p->is_over = true;
		p->has_failed = true;
	}
	fflush(p->errors);
}

bool prompt_is_over(const struct prompt *p)
{
	return p->is_over && !p->wait;
}

bool prompt_has_failed(const struct prompt *p)
{
	return p->has_failed;
}

static int say_hello(struct prompt *p)
{
	struct api_hello hello = { .name = OWNER };
	int n;
	prompt_request(p, API_HELLO, &hello, sizeof(hello), &n);
	return n < 0 ? n : 0;
}

struct prompt *prompt_new(const struct prompt_parts *parts, int in, FILE *out, FILE *errors)
{
	struct prompt *p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	const struct report *r = &parts->report;
	p->parts = *parts;
	p->generator = (struct generator){ .worker = r->workers,
					   .n_workers = r->n_workers,
					   .steer = r->steer,
					   .sas = r->sas,
					   .zones = r->zones };
	p->in = in;
	p->out = out;
	p->errors = errors;
	p->client.fd = -1;
	p->is_paused = r->n_workers &&
		       atomic_load_explicit(&r->workers[0]->is_paused, memory_order_relaxed);
	p->message = malloc(API_MESSAGE_BYTES);
	p->client.reply = malloc(API_MESSAGE_BYTES);
	p->grammar = cmdline_new(prompt_commands, "", -1, -1); /* its own editor is not used */
	if (p->message && p->client.reply && p->grammar && say_hello(p) == 0 &&
	    (!isatty(in) || take_terminal(p) == 0)) {
		fflush(out);
		return p;
	}
	prompt_free(p);
	return NULL;
}

void prompt_free(struct prompt *p)
{
	if (p->editor) {
		tcsetattr(p->in, TCSANOW, &p->before);
		rdline_free(p->editor);
	}
	if (p->grammar)
		cmdline_free(p->grammar);
	if (p->client.owner)
		p->parts.control->owner[p->client.owner].n_connections--;
	generator_free(&p->generator);
	script_wipe(&p->script);
	free(p->message);
	free(p->client.reply);
	free(p);
}
