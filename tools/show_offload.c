#include "tools/show.h"

#include <stdio.h>

#include <jansson.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/table.h"
#include "tools/telemetry.h"

/* One port at a time: a reply of DPDK's telemetry has room for some hundred rows, not for all. */
static int collect(struct telemetry *t, json_t *rows)
{
	json_t *ports, *port;
	size_t i;
	int rc = telemetry_get(t, "/imsgate/offload", &ports);

	if (rc)
		return rc;
	json_array_foreach(ports, i, port)
	{
		char command[64];
		json_t *reply, *list;

		snprintf(command, sizeof(command), "/imsgate/offload,%" JSON_INTEGER_FORMAT,
			 json_integer_value(port));
		rc = telemetry_get(t, command, &reply);
		if (rc)
			break;
		list = table_rows(reply, "row");
		json_array_extend(rows, list);
		json_decref(list);
		json_decref(reply);
	}
	json_decref(ports);
	return rc;
}

/* The number of a row in its reply says nothing to anybody. */
static void forget_numbers(json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row) json_object_del(row, "row");
}

int show_offload(const struct config *c, bool json)
{
	json_t *rows = json_array();
	int status = EXIT_SUCCESS;
	struct telemetry t;

	if (telemetry_open(&t, c->dataplane->file_prefix) || collect(&t, rows))
		status = options_fail("show", "%s", t.error);
	telemetry_close(&t);
	forget_numbers(rows);
	if (status == EXIT_SUCCESS && json) {
		json_dumpf(rows, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (status == EXIT_SUCCESS) {
		table_print(stdout, rows);
	}
	json_decref(rows);
	return status;
}
