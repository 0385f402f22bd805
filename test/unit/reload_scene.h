/*
 * A data plane of two workers with the file that it was started with, for tests of the reload.
 */
#ifndef TEST_UNIT_RELOAD_SCENE_H
#define TEST_UNIT_RELOAD_SCENE_H

#include "dataplane/crypto_device.h"
#include "dataplane/inline_sa.h"
#include "dataplane/reload.h"
#include "test/unit/crew.h"
#include "test/unit/talk.h"

struct reload_scene {
	struct talk talk; /* its control has the reload; "pcscf" and "ike" are there */
	struct crew *crew;
	struct crypto_devices devices;
	struct inline_table inlined;
	struct reload reload;
	char directory[64], path[96];
	char told[4096]; /* "+" or "-" before each line */
};

/* Lines of the section dataplane; NULL: no more than what is required. */
void reload_scene_open(struct reload_scene *s, const char *lines);
void reload_scene_close(struct reload_scene *s);

/* The file as it is from now on: with these lines … */
void reload_scene_write(struct reload_scene *s, const char *lines);
/* … or this text. */
void reload_scene_write_text(struct reload_scene *s, const char *text);
/* reload_file(), all its lines in s->told. */
int reload_scene_run(struct reload_scene *s, bool check_only);

/* What scene files have but for these lines: a zone with the ports of the fixture. */
#define RELOAD_SCENE_ZONE                                                                          \
	"name: test, network_port: net_null0, kernel_port: net_null1, port_ps: 5063, "             \
	"port_pc_first: 6000"

#endif
