/*
 * The state file of a role as it is at a moment: what a process leaves that is killed then. A test
 * stops the role in order and puts the copy back.
 */
#ifndef TEST_UNIT_STATE_COPY_H
#define TEST_UNIT_STATE_COPY_H

#include <stdbool.h>
#include <stddef.h>

#define STATE_COPY_PARTS 2 /* the file and its log */

struct state_copy {
	char *bytes[STATE_COPY_PARTS]; /* NULL: none */
	size_t n_bytes[STATE_COPY_PARTS];
};

/* Of `role` in `directory`. */
void state_copy_take(struct state_copy *c, const char *directory, const char *role);
/* Instead of what is there, and forgets the copy. Without one there is then no file. */
void state_copy_put(struct state_copy *c, const char *directory, const char *role);
void state_copy_forget(struct state_copy *c);
bool state_copy_has(const struct state_copy *c, const void *bytes, size_t n_bytes);

#endif
