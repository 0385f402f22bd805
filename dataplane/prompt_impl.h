/*
 * Inside of the prompt, for the files prompt*.c: what they share, and the commands by file. Nobody
 * else includes this. Control thread.
 */
#ifndef DATAPLANE_PROMPT_IMPL_H
#define DATAPLANE_PROMPT_IMPL_H

#include <termios.h>

#include <cmdline.h>
#include <cmdline_rdline.h>

#include "dataplane/control.h"
#include "dataplane/counters.h"
#include "dataplane/prompt.h"
#include "dataplane/script.h"

enum prompt_wait {
	PROMPT_WAIT_NOTHING,
	PROMPT_WAIT_TIME,
	PROMPT_WAIT_COUNTER, /* until it is at least n */
	PROMPT_WAIT_LINK,    /* until the links of all ports are up or, one at least, down */
	PROMPT_WAIT_IDLE,    /* until the generator has done its order */
};

struct prompt {
	struct prompt_parts parts;
	struct generator generator;
	struct control_client client; /* without a socket */
	uint8_t *message;             /* API_MESSAGE_BYTES */
	struct counters cleared;      /* what `show stats` does not count */
	int in;
	FILE *out, *errors;
	bool is_paused;
	bool is_over, has_failed;
	bool command_failed; /* the one at work */

	enum prompt_wait wait;
	uint64_t wait_end_tsc;
	enum counter wait_counter;
	uint64_t wait_n;
	bool wait_is_up;

	struct cmdline *grammar;
	struct script script;
	struct rdline *editor; /* NULL: no terminal */
	struct termios before; /* of the terminal */
};

/* The running command failed, in one line, which never has a key in it. */
void prompt_fail(struct prompt *p, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A counter since `clear stats`. */
uint64_t prompt_count(const struct prompt *p, enum counter counter);

/*
 * One request of one entry of n_bytes, as of a client of the socket. Returns its entries and their
 * number, good until the next request, or NULL with *n = -errno. The request is wiped.
 */
const void *prompt_request(struct prompt *p, enum api_type type, const void *entry, size_t n_bytes,
			   int *n);

/* ---- prompt_commands.c: the grammar ---- */

extern cmdline_parse_ctx_t prompt_commands[];
/* Parses and does one line, which ends with a newline. */
void prompt_do(struct prompt *p, char *line);

/* ---- prompt_wait.c ---- */

void prompt_wait_time(struct prompt *p, uint64_t time_ms);
void prompt_wait_counter(struct prompt *p, const char *name, uint64_t n, uint64_t within_ms);
void prompt_wait_link(struct prompt *p, bool is_up, uint64_t within_ms);
void prompt_wait_idle(struct prompt *p, uint64_t within_ms);
/* Is what the command waits for there, or the time over? Then it has failed. */
bool prompt_wait_is_over(struct prompt *p);

/* ---- the commands themselves ---- */

/* prompt_show.c; `what` as in the grammar */
void prompt_show(struct prompt *p, const char *what);
/* prompt_show_sa.c: a summary is prompt_show("sa") */
void prompt_show_sas(struct prompt *p);
void prompt_show_slot(struct prompt *p, uint64_t slot);
void prompt_show_tunnels(struct prompt *p);
/* prompt_sa.c */
void prompt_add_sa(struct prompt *p, char *options);
void prompt_delete_sa(struct prompt *p, uint64_t registration);
/* prompt_generate.c; fills *order, or says what was expected: 0 or -EINVAL */
int prompt_generate_parse(char *words, struct generate_order *order, char *error,
			  size_t error_bytes);
void prompt_generate(struct prompt *p, char *words);
void prompt_generate_stop(struct prompt *p);

#endif
