#include "tools/show.h"

#include <stdio.h>

#include <jansson.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/status.h"
#include "tools/table.h"

/* The list of one role, or NULL after one message. */
static json_t *registrations(const struct config *c, const char *role)
{
	char error[512];
	json_t *reply, *list;

	if (status_get(c->controlplane->run_dir, role, "/registrations", &reply, error,
		       sizeof(error))) {
		options_fail("show", "%s", error);
		return NULL;
	}
	list = json_incref(json_object_get(reply, "registrations"));
	json_decref(reply);
	if (json_is_array(list))
		return list;
	json_decref(list);
	options_fail("show", "role %s answered /registrations without a list", role);
	return NULL;
}

static void print_table(const char *role, const json_t *list)
{
	printf("%s: %zu registered\n", role, json_array_size(list));
	table_print(stdout, list);
}

int show_registrations(const struct config *c, bool json)
{
	const struct {
		const char *name;
		const void *section;
	} roles[] = { { "pcscf", c->pcscf }, { "scscf", c->scscf } };
	json_t *all = json_object();
	int status = EXIT_SUCCESS;
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++) {
		json_t *list = roles[i].section ? registrations(c, roles[i].name) : NULL;

		n += roles[i].section != NULL;
		if (roles[i].section && !list)
			status = EXIT_FAILURE;
		if (list && !json) {
			if (json_object_size(all) > 0)
				putchar('\n');
			print_table(roles[i].name, list);
		}
		if (list)
			json_object_set_new(all, roles[i].name, list);
	}
	if (n == 0)
		status = options_fail("show", "the configuration has no role that registers: "
					      "neither pcscf nor scscf");
	if (json && json_object_size(all) > 0) {
		json_dumpf(all, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	json_decref(all);
	return status;
}
