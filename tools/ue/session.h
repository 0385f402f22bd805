/*
 * Where the commands come from: stdin, one line each, answered with one line of JSON on stdout; or
 * a fixed list, after which a report for people is printed. One thread, the event loop's; one
 * session per process.
 */
#ifndef TOOLS_UE_SESSION_H
#define TOOLS_UE_SESSION_H

#include "tools/ue/command.h"

struct session {
	struct event_base *base;
	struct event *input;
	struct event *interrupt, *terminate;
	struct command_run run;
	bool busy; /* a command is on its way */
	bool end;  /* no more lines come */
	char line[COMMAND_LINE_BYTES];
	size_t n_bytes;
	unsigned step; /* of the list */
	bool failed;   /* something did not work */
};

/*
 * Both run the event loop to the end, which SIGINT and SIGTERM are too, and return the exit status
 * of the process. A demonstration that was cut short has failed.
 */
int session_interact(struct session *s, struct fleet *f);
int session_demonstrate(struct session *s, struct fleet *f);

#endif
