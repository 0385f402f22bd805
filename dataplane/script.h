/*
 * Lines out of a stream of bytes, as a script has them: one command each, comments from # on, blank
 * lines skipped, of bounded length. Bytes are wiped as they are read: there may be keys in them.
 */
#ifndef DATAPLANE_SCRIPT_H
#define DATAPLANE_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SCRIPT_LINE_BYTES 1024 /* with its end and the NUL */
#define SCRIPT_READ_BYTES 4096

enum script_result {
	SCRIPT_LINE,     /* script->line: no blanks around it, ends with a newline */
	SCRIPT_HUNGRY,   /* script_read() first */
	SCRIPT_TOO_LONG, /* the line was skipped */
	SCRIPT_NO_TEXT,  /* likewise: it had a control character */
	SCRIPT_END,
};

/* All zero to begin with. */
struct script {
	char line[SCRIPT_LINE_BYTES];
	uint32_t number; /* of the line, from 1 */
	/* its own */
	uint32_t n_bytes; /* of the line so far */
	bool is_comment, is_too_long, is_no_text;
	bool ended;
	uint32_t at, n_read;
	char read[SCRIPT_READ_BYTES];
};

/* The next bytes from a descriptor, when there are some to read. 0 or -errno. */
int script_read(struct script *s, int fd);
/* The next line that is more than blank. */
enum script_result script_next(struct script *s);
/* Nothing of the lines is left. */
void script_wipe(struct script *s);

#endif
