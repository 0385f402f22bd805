#include "test/unit/prompt_scene.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_cycles.h>

#include "configs/config.h"
#include "dataplane/inline_sa.h"

/* The fixture's first zone, by name. */
static const char yaml[] = "dataplane:\n"
			   "  worker_cores: [1]\n"
			   "  zones:\n"
			   "    - name: access\n"
			   "      network_port: net_null0\n"
			   "      kernel_port: net_null1\n"
			   "      port_ps: 5063\n"
			   "      port_pc_first: 6000\n"
			   "      n_port_pc: 16\n";

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "prompt scene: %s\n", what);
	abort();
}

static void open_control(struct prompt_scene *s)
{
	static struct config_dataplane none = { .socket = "", .n_zones = FIXTURE_ZONES };
	char error[256];
	s->control.sas = &s->f->sas;
	s->control.start_tsc = rte_rdtsc();
	s->control.events = s->f->worker.events;
	check(control_open(&s->control, &none, error, sizeof(error)) == 0, error);
}

static void open_prompt(struct prompt_scene *s, int in)
{
	const struct prompt_parts parts = {
		.config = &s->config,
		.control = &s->control,
		.report = { .workers = s->worker,
			    .n_workers = 1,
			    .sas = &s->f->sas,
			    .zones = &s->f->zones },
		.offload = &s->offload,
		.inlined = s->inlined,
	};
	s->prompt = prompt_new(&parts, in, s->out, s->errors);
	check(s->prompt, "no prompt");
}

void prompt_scene_open(struct prompt_scene *s, int in)
{
	char error[256];
	memset(s, 0, sizeof(*s));
	s->f = fixture_open(&fixture_table);
	s->worker[0] = &s->f->worker;
	check(config_parse("test", yaml, sizeof(yaml) - 1, &s->config, error, sizeof(error)) == 0,
	      error);
	open_control(s);
	s->inlined = calloc(1, sizeof(*s->inlined));
	check(s->inlined && pipe(s->in) == 0, "no memory");
	offload_open(&s->offload, &s->f->zones, &offload_dpdk);
	s->out = open_memstream(&s->out_text, &s->out_bytes);
	s->errors = open_memstream(&s->error_text, &s->error_bytes);
	open_prompt(s, in < 0 ? s->in[0] : in);
}

void prompt_scene_renew(struct prompt_scene *s, int in)
{
	/* No turn is under way: the order ends without one, and whatever it was for. */
	atomic_store(&s->worker[0]->generate.state, GENERATE_IDLE);
	atomic_store(&s->worker[0]->is_paused, false);
	prompt_free(s->prompt);
	for (uint32_t owner = 1; owner <= CONTROL_MAX_CLIENTS; owner++)
		set_delete_all(&s->control.sets, owner);
	fixture_quiesce(&s->f->sas);
	while (sa_reclaim(&s->f->sas))
		;
	fixture_discard(s->f);
	rewind(s->out);
	rewind(s->errors);
	open_prompt(s, in);
}

uint32_t prompt_scene_close(struct prompt_scene *s)
{
	prompt_free(s->prompt);
	control_close(&s->control);
	config_free(s->config);
	fclose(s->out);
	fclose(s->errors);
	free(s->out_text);
	free(s->error_text);
	free(s->inlined);
	close(s->in[0]);
	close(s->in[1]);
	return fixture_close(s->f);
}

void prompt_scene_say(struct prompt_scene *s, const char *text)
{
	size_t n = strlen(text);
	check(write(s->in[1], text, n) == (ssize_t)n, "the pipe is full");
	prompt_turn(s->prompt, true);
}

void prompt_scene_turn(struct prompt_scene *s)
{
	fixture_turn(s->f);
	prompt_turn(s->prompt, false);
}

/* The text so far, and a new one from here: a stream keeps what lies behind its position. */
static const char *taken(FILE *stream, char **text)
{
	fflush(stream);
	long n = ftell(stream);
	(*text)[n] = 0;
	rewind(stream);
	return *text;
}

const char *prompt_scene_out(struct prompt_scene *s)
{
	return taken(s->out, &s->out_text);
}

const char *prompt_scene_errors(struct prompt_scene *s)
{
	return taken(s->errors, &s->error_text);
}
