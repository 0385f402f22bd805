#include "tools/ports.h"

#include <string.h>

#include "tools/table.h"

static const char *const sides[] = { "network", "kernel" };

/* The side that a key is about, or NULL when it is about the zone. */
static const char *side_of(const char *key)
{
	for (unsigned i = 0; i < 2; i++)
		if (!strncmp(key, sides[i], strlen(sides[i])) && key[strlen(sides[i])] == '_')
			return sides[i];
	return NULL;
}

static json_t *side_row(json_t *zone, const char *side)
{
	json_t *row = json_object();
	const char *key;
	json_t *value;

	json_object_set(row, "zone", json_object_get(zone, "zone"));
	json_object_set_new(row, "side", json_string(side));
	json_object_foreach(zone, key, value)
	{
		const char *about = side_of(key);

		if (!about)
			json_object_set(row, key, value);
		else if (about == side)
			json_object_set(row, key + strlen(side) + 1, value);
	}
	return row;
}

json_t *ports_rows(json_t *zones)
{
	json_t *list = table_rows(zones, "zone"), *rows = json_array(), *zone;
	size_t i;

	json_array_foreach(list, i, zone) for (unsigned j = 0; j < 2; j++)
		json_array_append_new(rows, side_row(zone, sides[j]));
	json_decref(list);
	return rows;
}
