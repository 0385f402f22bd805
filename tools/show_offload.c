#include "tools/show.h"

#include <stdio.h>

#include <jansson.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/options.h"
#include "tools/table.h"
#include "tools/telemetry.h"

/* Of one port. */
static void add_port(json_t *reply, void *rows)
{
	json_t *list = table_rows(reply, "row");

	json_array_extend(rows, list);
	json_decref(list);
}

/* A row for each suite that the device, which has others, does not have. */
static void add_lacking(const json_t *device, json_t *rows)
{
	json_t *suite;
	const char *key;

	json_object_foreach(json_object_get(device, "lacks"), key, suite) json_array_append_new(
		rows, json_pack("{s:O?, s:s, s:O, s:s, s:i, s:s}", "port",
				json_object_get(device, "device"), "offload", "crypto device", "of",
				suite, "state", "off", "sessions", 0, "why", "it cannot do it"));
}

/* The crypto devices, in the columns that ports have. */
static void add_devices(json_t *reply, json_t *rows)
{
	json_t *device;
	const char *key;

	json_object_foreach(reply, key, device)
	{
		char of[96];

		if (!json_is_object(device)) /* of all devices together */
			continue;
		snprintf(of, sizeof(of), "%" JSON_INTEGER_FORMAT " suites (%s)",
			 json_integer_value(json_object_get(device, "suites")),
			 json_string_value(json_object_get(device, "driver")));
		json_array_append_new(rows, json_pack("{s:O?, s:s, s:s, s:O?, s:O?, s:O?}", "port",
						      json_object_get(device, "device"), "offload",
						      "crypto device", "of", of, "state",
						      json_object_get(device, "state"), "sessions",
						      json_object_get(device, "sessions"), "why",
						      json_object_get(device, "why")));
		add_lacking(device, rows);
	}
}

/* One port at a time: a reply of DPDK's telemetry has room for some hundred rows, not for all. */
static int collect(struct telemetry *t, json_t *rows)
{
	json_t *devices;
	int rc = telemetry_each(t, "/imsgate/offload", add_port, rows);

	if (rc == 0)
		rc = telemetry_get(t, "/imsgate/crypto", &devices);
	if (rc)
		return rc;
	add_devices(devices, rows);
	json_decref(devices);
	return 0;
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
