#include "tools/stats.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tools/telemetry.h"

#define DROP "drop: "

static const struct {
	const char *name;
	const char *help;
} counters[COUNT_N] = {
#define STATS_ROW(name, help) { #name, help },
	COUNTERS(STATS_ROW)
#undef STATS_ROW
};

int stats_parse(const json_t *object, struct stats *out)
{
	for (unsigned i = 0; i < COUNT_N; i++) {
		const json_t *value = json_object_get(object, counters[i].name);

		if (!json_is_integer(value))
			return -EPROTO;
		out->n[i] = json_integer_value(value);
	}
	return 0;
}

int stats_read(struct telemetry *t, struct stats *out)
{
	json_t *object;
	int rc = telemetry_get(t, "/imsgate/stats", &object);

	if (rc)
		return rc;
	rc = stats_parse(object, out);
	json_decref(object);
	if (rc)
		snprintf(t->error, sizeof(t->error),
			 "the data plane counts other things than this program knows: install both "
			 "from one release");
	return rc;
}

const char *stats_name(enum counter i)
{
	return counters[i].name;
}

const char *stats_help(enum counter i)
{
	return stats_is_drop(i) ? counters[i].help + strlen(DROP) : counters[i].help;
}

bool stats_is_drop(enum counter i)
{
	return i >= COUNTER_FIRST_DROP && !strncmp(counters[i].help, DROP, strlen(DROP));
}
