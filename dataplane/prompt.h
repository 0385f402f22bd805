/*
 * The prompt (`imsgate-dataplane -i`): commands by hand on a terminal, with DPDK's cmdline, or by
 * script, line by line, when the input is none. Part of the control thread, which stays the only
 * writer of the tables: control_turn() polls the input beside its clients. What is installed here
 * belongs to the owner "prompt". Keys come in and are not shown again.
 */
#ifndef DATAPLANE_PROMPT_H
#define DATAPLANE_PROMPT_H

#include <stdbool.h>
#include <stdio.h>

#include "dataplane/generate.h"
#include "dataplane/report.h"

struct config;
struct control;
struct inline_table;
struct offload;
struct prompt;

/* What the commands act on; all of it outlives the prompt. */
struct prompt_parts {
	struct config *const *config; /* the running one, which changes with a reload */
	struct control *control;      /* open */
	struct report report;         /* the workers and their tables, not const here */
	const struct offload *offload;
	const struct inline_table *inlined;
};

/*
 * Input is a descriptor, which is put into raw mode if it is a terminal. Results go to `out`,
 * errors of a script to `errors`. NULL: no memory, or 64 other clients have names already.
 */
struct prompt *prompt_new(const struct prompt_parts *parts, int in, FILE *out, FILE *errors);
/* The terminal is as before. After the workers have ended. */
void prompt_free(struct prompt *p);

/* What to poll for input; -1 while a command waits for something else. */
int prompt_fd(const struct prompt *p);
/* Each turn: reads when there is input, and does what is due. */
void prompt_turn(struct prompt *p, bool has_input);

/* `quit` was said, or the input is at its end. */
bool prompt_is_over(const struct prompt *p);
/* Did a command of a script fail? */
bool prompt_has_failed(const struct prompt *p);

#endif
