/*
 * What the program is told to do: one command at a time, each with one JSON object as its answer.
 * One thread, the event loop's.
 *
 *   register [N] | reregister | deregister | subscribe | storm SECONDS | traffic SECONDS [BYTES] |
 *   call PLAN | attack NAME COUNT | misbehave HOW | report | list | quit
 */
#ifndef TOOLS_UE_COMMAND_H
#define TOOLS_UE_COMMAND_H

#include <jansson.h>

#include "tools/ue/attack.h"

#define COMMAND_LINE_BYTES 256

struct command_run {
	struct fleet *fleet;
	struct attack attack;
	struct fleet_talk talk_before;
	uint64_t n_repeated_before;
	char name[16], attack_name[16];
	/* Gets the answer, which it owns. */
	void (*answered)(void *context, json_t *answer);
	void *context;
};

/*
 * Begins what the line says; `answered` is called once, perhaps before this returns. A line that is
 * not understood is answered with {"command": …, "error": …}. `line` is changed.
 */
void command_start(struct command_run *c, char *line);

#endif
