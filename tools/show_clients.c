#include "tools/show.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "configs/config.h"
#include "tools/commands.h"
#include "tools/dataplane.h"
#include "tools/options.h"
#include "tools/table.h"

static json_t *row_of(const struct api_owner_info *o)
{
	char name[API_NAME_BYTES];

	/* The other end of the socket is another process. */
	memcpy(name, o->name, sizeof(name));
	name[sizeof(name) - 1] = '\0';
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "client", name, "owner",
			 (json_int_t)o->owner, "connections", (json_int_t)o->n_connections, "sets",
			 (json_int_t)o->n_sets, "sas", (json_int_t)o->n_sas, "reserved",
			 (json_int_t)o->n_reserved, "max_sas", (json_int_t)o->max_sas, "over_quota",
			 (json_int_t)o->n_over_quota);
}

/* Those that hold or have held something, or are there; not this program itself. */
static json_t *rows_of(const struct dataplane *d, const struct dataplane_reply *reply)
{
	json_t *rows = json_array();

	for (unsigned i = 0; i < reply->n; i++) {
		struct api_owner_info info;

		memcpy(&info, reply->entries + i * sizeof(info), sizeof(info));
		if (info.owner != d->hello.owner)
			json_array_append_new(rows, row_of(&info));
	}
	return rows;
}

int show_clients(const struct config *c, bool json)
{
	const struct api_cursor all = { 0 };
	struct dataplane_reply reply;
	int status = EXIT_SUCCESS;
	struct dataplane d;
	json_t *rows = NULL;

	if (dataplane_open(&d, c->dataplane->socket, "imsgate-show") ||
	    dataplane_request(&d, API_OWNER_LIST, &all, sizeof(all), 1, &reply))
		status = options_fail("show", "%s", d.error);
	else if (reply.bytes != reply.n * sizeof(struct api_owner_info))
		status = options_fail("show", "the data plane's answer has a wrong length");
	else
		rows = rows_of(&d, &reply);
	if (rows && json) {
		json_dumpf(rows, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (rows) {
		table_print(stdout, rows);
	}
	json_decref(rows);
	dataplane_close(&d);
	return status;
}
