/*
 * A prompt over the fixture's data plane: a script goes in by a pipe, and what it says is text.
 */
#ifndef TEST_UNIT_PROMPT_SCENE_H
#define TEST_UNIT_PROMPT_SCENE_H

#include "dataplane/offload.h"
#include "dataplane/prompt.h"
#include "test/unit/dataplane_fixture.h"

struct prompt_scene {
	struct fixture *f;
	struct worker *worker[1];
	struct config *config;
	struct control control;
	struct offload offload;
	struct inline_table *inlined;
	struct prompt *prompt;
	int in[2]; /* a pipe */
	FILE *out, *errors;
	char *out_text, *error_text;
	size_t out_bytes, error_bytes;
};

/* The script is read from in[0], or from `in` if it is not negative. */
void prompt_scene_open(struct prompt_scene *s, int in);
/* Another prompt in its place, which reads from `in`; nothing is installed, nothing generated. */
void prompt_scene_renew(struct prompt_scene *s, int in);
/* Returns how many packet buffers are missing. */
uint32_t prompt_scene_close(struct prompt_scene *s);

/* Gives it these bytes and a turn. */
void prompt_scene_say(struct prompt_scene *s, const char *text);
/* A turn of the worker, and one of the prompt without input. */
void prompt_scene_turn(struct prompt_scene *s);
/* What it has said since it was asked last; good until the next turn. */
const char *prompt_scene_out(struct prompt_scene *s);
const char *prompt_scene_errors(struct prompt_scene *s);

#endif
