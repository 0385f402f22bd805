/*
 * The grammar of the prompt, for DPDK's cmdline: tokens, commands, and the help that both a `?` and
 * `help` show. Keys are in the rest of a line only, which is never copied.
 */
#include <stddef.h>
#include <string.h>

#include <cmdline_parse.h>
#include <cmdline_parse_num.h>
#include <cmdline_parse_string.h>

#include "dataplane/prompt_impl.h"

#define WITHIN_MS 10000 /* that a command waits, unless it says otherwise */

/* A line as it is parsed: what each command has of it. */
struct words {
	cmdline_fixed_string_t first, second, third, fourth;
	uint64_t number, within;
	char *rest; /* in the line itself */
};

/* cmdline hands the commands nothing of ours. written by: prompt_do(); NULL between lines */
static struct prompt *at_work;

/* ---- the rest of a line as one token ---- */

struct token_rest {
	struct cmdline_token_hdr hdr;
	const char *const *begins; /* words that it may begin with; NULL at the end */
	bool begins_so;            /* and with no others */
};

static bool begins_well(const struct token_rest *t, const char *text)
{
	for (const char *const *word = t->begins; *word; word++) {
		size_t n = strlen(*word);
		if (strncmp(text, *word, n) == 0 && cmdline_isendoftoken(text[n]))
			return true;
	}
	return !t->begins_so;
}

static int rest_parse(cmdline_parse_token_hdr_t *token, const char *text, void *out,
		      unsigned out_bytes)
{
	size_t n = strcspn(text, "#\r\n");
	if (!n || !begins_well((const struct token_rest *)token, text))
		return -1;
	if (out && out_bytes >= sizeof(char *))
		memcpy(out, &text, sizeof(text));
	return (int)n;
}

static int rest_count(cmdline_parse_token_hdr_t *token)
{
	const struct token_rest *t = (const struct token_rest *)token;
	int n = 0;
	while (t->begins[n])
		n++;
	return n;
}

static int rest_choice(cmdline_parse_token_hdr_t *token, int i, char *out, unsigned out_bytes)
{
	const struct token_rest *t = (const struct token_rest *)token;
	return snprintf(out, out_bytes, "%s", t->begins[i]) < (int)out_bytes ? 0 : -1;
}

static int rest_help(cmdline_parse_token_hdr_t *token, char *out, unsigned out_bytes)
{
	snprintf(out, out_bytes, "options");
	return 0;
}

static struct cmdline_token_ops rest_ops = { .parse = rest_parse,
					     .complete_get_nb = rest_count,
					     .complete_get_elt = rest_choice,
					     .get_help = rest_help };

static const char *const sa_begins[] = { "--zone", "--tunnel", NULL };
static const char *const generate_begins[] = { "all", "slot", NULL };

static struct token_rest rest_of_sa = {
	{ &rest_ops, offsetof(struct words, rest) },
	sa_begins,
};
static struct token_rest rest_of_generate = {
	{ &rest_ops, offsetof(struct words, rest) },
	generate_begins,
	true,
};

/* ---- the other tokens ---- */

#define FIRST(text)  TOKEN_STRING_INITIALIZER(struct words, first, text)
#define SECOND(text) TOKEN_STRING_INITIALIZER(struct words, second, text)
#define THIRD(text)  TOKEN_STRING_INITIALIZER(struct words, third, text)
#define FOURTH(text) TOKEN_STRING_INITIALIZER(struct words, fourth, text)

/* "#name#name…" */
#define COUNTER_CHOICE(name, help) "#" #name
static const char counter_choices[] = COUNTERS(COUNTER_CHOICE);

static cmdline_parse_token_string_t start = FIRST("start"), stop = FIRST("stop");
static cmdline_parse_token_string_t quit = FIRST("quit"), help = FIRST("help");
static cmdline_parse_token_string_t show = FIRST("show"), set = FIRST("set");
static cmdline_parse_token_string_t add = FIRST("add"), del = FIRST("del");
static cmdline_parse_token_string_t generate = FIRST("generate"), clear = FIRST("clear");
static cmdline_parse_token_string_t wait = FIRST("wait");
static cmdline_parse_token_string_t what =
	SECOND("port#stats#sa#offload#workers#config#tunnels#generator");
static cmdline_parse_token_string_t sa = SECOND("sa"), all = THIRD("all");
static cmdline_parse_token_string_t stats = SECOND("stats");
static cmdline_parse_token_string_t generate_stop = SECOND("stop");
static cmdline_parse_token_string_t idle_sleep_us = SECOND("idle_sleep_us");
static cmdline_parse_token_string_t command =
	SECOND("start#stop#show#set#add#del#generate#clear#wait#help#quit");
static cmdline_parse_token_string_t until = SECOND("until"), link = SECOND("link");
static cmdline_parse_token_string_t idle = SECOND("idle");
static cmdline_parse_token_string_t counter = THIRD(counter_choices + 1);
static cmdline_parse_token_string_t at_least = FOURTH(">=");
static cmdline_parse_token_string_t up_or_down = THIRD("up#down");
static cmdline_parse_token_string_t ms = SECOND("ms"), within = FOURTH("within");
static cmdline_parse_token_num_t number = TOKEN_NUM_INITIALIZER(struct words, number, RTE_UINT64);
static cmdline_parse_token_num_t within_ms =
	TOKEN_NUM_INITIALIZER(struct words, within, RTE_UINT64);

/* ---- the commands ---- */

static void pause_workers(struct prompt *p, bool is_paused)
{
	const struct report *r = &p->parts.report;
	for (uint32_t i = 0; i < r->n_workers; i++)
		atomic_store_explicit(&r->workers[i]->is_paused, is_paused, memory_order_relaxed);
	p->is_paused = is_paused;
}

static void on_start(void *parsed, struct cmdline *grammar, void *data)
{
	pause_workers(at_work, false);
}

static void on_stop(void *parsed, struct cmdline *grammar, void *data)
{
	pause_workers(at_work, true);
}

static void on_quit(void *parsed, struct cmdline *grammar, void *data)
{
	at_work->is_over = true;
}

static void on_show(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_show(at_work, w->second);
}

static void on_show_sas(void *parsed, struct cmdline *grammar, void *data)
{
	prompt_show_sas(at_work);
}

static void on_show_slot(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_show_slot(at_work, w->number);
}

static void on_set_idle_sleep(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	const struct report *r = &at_work->parts.report;
	if (w->number > 100000) { /* as in the configuration */
		prompt_fail(at_work, "idle_sleep_us is from 0 to 100000");
		return;
	}
	for (uint32_t i = 0; i < r->n_workers; i++)
		atomic_store_explicit(&r->workers[i]->idle_sleep_us, (uint32_t)w->number,
				      memory_order_relaxed);
}

static void on_add_sa(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_add_sa(at_work, w->rest);
}

static void on_del_sa(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_delete_sa(at_work, w->number);
}

static void on_generate(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_generate(at_work, w->rest);
}

static void on_generate_stop(void *parsed, struct cmdline *grammar, void *data)
{
	prompt_generate_stop(at_work);
}

static void on_clear(void *parsed, struct cmdline *grammar, void *data)
{
	for (enum counter i = 0; i < COUNT_N; i++)
		at_work->cleared.n[i] = report_count(&at_work->parts.report, i);
}

static void on_wait_time(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_wait_time(at_work, w->number);
}

/* data: NULL, or the line says how long at most. */
static uint64_t time_of(const struct words *w, const void *data)
{
	return data ? w->within : WITHIN_MS;
}

static void on_wait_counter(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_wait_counter(at_work, w->third, w->number, time_of(w, data));
}

static void on_wait_link(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	prompt_wait_link(at_work, strcmp(w->third, "up") == 0, time_of(w, data));
}

static void on_wait_idle(void *parsed, struct cmdline *grammar, void *data)
{
	prompt_wait_idle(at_work, time_of(parsed, data));
}

static void on_help(void *parsed, struct cmdline *grammar, void *data)
{
	const struct words *w = parsed;
	size_t n_bytes = data ? strlen(w->second) : 0;
	for (cmdline_parse_ctx_t *c = prompt_commands; *c; c++) {
		const char *text = (*c)->help_str;
		if (strncmp(text, w->second, n_bytes) == 0 &&
		    (!data || text[n_bytes] == ' ' || text[n_bytes] == ':'))
			fprintf(at_work->out, "  %s\n", text);
	}
}

#define COMMAND(name, function, argument, text, ...)                                               \
	static cmdline_parse_inst_t name = {                                                       \
		.f = function,                                                                     \
		.data = argument,                                                                  \
		.help_str = text,                                                                  \
		.tokens = { __VA_ARGS__, NULL },                                                   \
	}
#define WITHIN ((void *)&within_ms) /* any but NULL */

COMMAND(do_start, on_start, NULL, "start: workers receive and forward", (void *)&start);
COMMAND(do_stop, on_stop, NULL, "stop: they receive and generate nothing", (void *)&stop);
COMMAND(do_show, on_show, NULL,
	"show port|stats|sa|offload|workers|config|tunnels|generator: how it is", (void *)&show,
	(void *)&what);
COMMAND(do_show_sas, on_show_sas, NULL, "show sa all: the SAs, without their keys", (void *)&show,
	(void *)&sa, (void *)&all);
COMMAND(do_show_slot, on_show_slot, NULL, "show sa SLOT: one SA", (void *)&show, (void *)&sa,
	(void *)&number);
COMMAND(do_set_idle_sleep, on_set_idle_sleep, NULL,
	"set idle_sleep_us N: how long a worker without packets sleeps", (void *)&set,
	(void *)&idle_sleep_us, (void *)&number);
COMMAND(do_add_sa, on_add_sa, NULL, "add sa OPTIONS: a set of SAs; the options of `imsgate sa add`",
	(void *)&add, (void *)&sa, (void *)&rest_of_sa);
COMMAND(do_del_sa, on_del_sa, NULL, "del sa REGISTRATION: the set that has it", (void *)&del,
	(void *)&sa, (void *)&number);
COMMAND(do_generate, on_generate, NULL,
	"generate all|slot SLOT [size BYTES] [count PACKETS] [rate PPS|max] [to MAC]: "
	"UDP of all outbound SAs or of one; size is of the IP packet, without count until stop",
	(void *)&generate, (void *)&rest_of_generate);
COMMAND(do_generate_stop, on_generate_stop, NULL, "generate stop: no more", (void *)&generate,
	(void *)&generate_stop);
COMMAND(do_clear, on_clear, NULL,
	"clear stats: `show stats` and `wait until` count from here; telemetry goes on",
	(void *)&clear, (void *)&stats);
COMMAND(do_wait_time, on_wait_time, NULL, "wait N ms: so long", (void *)&wait, (void *)&number,
	(void *)&ms);
COMMAND(do_wait_counter, on_wait_counter, NULL,
	"wait until COUNTER >= N: 10000 ms at most, then it fails", (void *)&wait, (void *)&until,
	(void *)&counter, (void *)&at_least, (void *)&number);
COMMAND(do_wait_counter_within, on_wait_counter, WITHIN,
	"wait until COUNTER >= N within MS: so long at most", (void *)&wait, (void *)&until,
	(void *)&counter, (void *)&at_least, (void *)&number, (void *)&within, (void *)&within_ms);
COMMAND(do_wait_link, on_wait_link, NULL,
	"wait link up|down: until all ports have a link, or one has none", (void *)&wait,
	(void *)&link, (void *)&up_or_down);
COMMAND(do_wait_link_within, on_wait_link, WITHIN, "wait link up|down within MS: so long at most",
	(void *)&wait, (void *)&link, (void *)&up_or_down, (void *)&within, (void *)&within_ms);
COMMAND(do_wait_idle, on_wait_idle, NULL, "wait idle: until the generator has done its order",
	(void *)&wait, (void *)&idle);
COMMAND(do_wait_idle_within, on_wait_idle, WITHIN, "wait idle within MS: so long at most",
	(void *)&wait, (void *)&idle, (void *)&within, (void *)&within_ms);
COMMAND(do_help, on_help, NULL, "help: all commands", (void *)&help);
COMMAND(do_help_of, on_help, WITHIN, "help COMMAND: one of them", (void *)&help, (void *)&command);
COMMAND(do_quit, on_quit, NULL, "quit: ends the data plane; so does the end of the input",
	(void *)&quit);

cmdline_parse_ctx_t prompt_commands[] = {
	&do_start,        &do_stop,
	&do_show,         &do_show_sas,
	&do_show_slot,    &do_set_idle_sleep,
	&do_add_sa,       &do_del_sa,
	&do_generate,     &do_generate_stop,
	&do_clear,        &do_wait_time,
	&do_wait_counter, &do_wait_counter_within,
	&do_wait_link,    &do_wait_link_within,
	&do_wait_idle,    &do_wait_idle_within,
	&do_help,         &do_help_of,
	&do_quit,         NULL,
};

/* The commands that begin like the line, or where to find all. */
static void explain(struct prompt *p, const char *line)
{
	char usage[1024] = "";
	size_t n_first = strcspn(line, " \n"), at = 0;
	for (cmdline_parse_ctx_t *c = prompt_commands; *c; c++) {
		const char *text = (*c)->help_str;
		size_t n = strcspn(text, ":");
		if (strcspn(text, " :") != n_first || strncmp(text, line, n_first) != 0 ||
		    at + n + 8 > sizeof(usage))
			continue;
		at += (size_t)snprintf(usage + at, sizeof(usage) - at, "%s%.*s", at ? " | " : "",
				       (int)n, text);
	}
	if (at)
		prompt_fail(p, "expected %s", usage);
	else
		prompt_fail(p, "no such command; `help` lists them");
}

void prompt_do(struct prompt *p, char *line)
{
	line += strspn(line, " \t");
	p->command_failed = false;
	at_work = p;
	if (cmdline_parse(p->grammar, line) < 0)
		explain(p, line);
	at_work = NULL;
}
