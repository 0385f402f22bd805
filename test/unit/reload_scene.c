#include "test/unit/reload_scene.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "test/shim/test.h"

static const char plain[] = "  worker_cores: [1, 2]\n"
			    "  zones: [{" RELOAD_SCENE_ZONE ", n_port_pc: 16}]\n";

void reload_scene_write_text(struct reload_scene *s, const char *text)
{
	FILE *file = fopen(s->path, "we");
	ASSERT_TRUE(file);
	fputs(text, file);
	EXPECT_EQ(fclose(file), 0);
}

void reload_scene_write(struct reload_scene *s, const char *lines)
{
	char text[4096];
	snprintf(text, sizeof(text), "dataplane:\n%s", lines ? lines : plain);
	reload_scene_write_text(s, text);
}

void reload_scene_open(struct reload_scene *s, const char *lines)
{
	char error[512] = "";
	memset(s, 0, sizeof(*s));
	strcpy(s->directory, "/tmp/imsgate-reload-XXXXXX");
	ASSERT_TRUE(mkdtemp(s->directory));
	snprintf(s->path, sizeof(s->path), "%s/f.yaml", s->directory);
	reload_scene_write(s, lines);
	talk_open_and_greet(&s->talk);
	s->crew = crew_open(&fixture_table, 2, 2, 2);
	struct config *config = NULL;
	ASSERT_EQ(config_load(s->path, &config, error, sizeof(error)), 0);
	s->reload = (struct reload){
		.path = s->path,
		.started = config,
		.config = config,
		.control = &s->talk.c.control,
		.zones = &s->crew->f.zones,
		.worker = s->crew->worker,
		.steer = s->crew->steer,
		.inlined = &s->inlined,
		.devices = &s->devices,
	};
	s->talk.c.control.reload = &s->reload;
}

void reload_scene_close(struct reload_scene *s)
{
	talk_close(&s->talk);
	EXPECT_EQ(crew_close(s->crew), 0);
	reload_close(&s->reload);
	config_free(s->reload.started);
	unlink(s->path);
	rmdir(s->directory);
}

static void append(void *user, enum reload_line what, const char *text)
{
	struct reload_scene *s = user;
	size_t n = strlen(s->told);
	snprintf(s->told + n, sizeof(s->told) - n, "%c%s\n", what == RELOAD_CHANGE ? '+' : '-',
		 text);
}

int reload_scene_run(struct reload_scene *s, bool check_only)
{
	s->told[0] = 0;
	return reload_file(&s->reload, check_only, append, s);
}
