#include "tools/table.h"

#include <stdbool.h>
#include <string.h>

#define MAX_COLUMNS 32
#define CELL_BYTES  128

struct column {
	char head[CELL_BYTES];
	const char *key;
	int width;
	bool number;
};

static const char *printable(char *text)
{
	for (char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return text;
}

static const char *cell(const json_t *value, char out[CELL_BYTES])
{
	switch (value ? json_typeof(value) : JSON_NULL) {
	case JSON_INTEGER:
		snprintf(out, CELL_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		break;
	case JSON_REAL:
		snprintf(out, CELL_BYTES, "%.1f", json_real_value(value));
		break;
	case JSON_STRING:
		snprintf(out, CELL_BYTES, "%s", json_string_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		snprintf(out, CELL_BYTES, "%s", json_is_true(value) ? "yes" : "no");
		break;
	default:
		snprintf(out, CELL_BYTES, "-");
	}
	return printable(out);
}

static unsigned find_columns(struct column columns[MAX_COLUMNS], json_t *row)
{
	unsigned n = 0;
	const char *key;
	json_t *value;

	json_object_foreach(row, key, value)
	{
		struct column *c = &columns[n];

		if (n++ == MAX_COLUMNS)
			return MAX_COLUMNS;
		*c = (struct column){ .key = key, .number = json_is_number(value) };
		snprintf(c->head, sizeof(c->head), "%s", key);
		c->width = strlen(printable(c->head));
	}
	return n;
}

/* row is NULL for the heads. */
static void print_row(FILE *to, const struct column *columns, unsigned n, const json_t *row)
{
	char text[CELL_BYTES];

	for (unsigned i = 0; i < n; i++) {
		const struct column *c = &columns[i];
		const char *shown = row ? cell(json_object_get(row, c->key), text) : c->head;
		bool last = i + 1 == n; /* no blanks at the end of a line */

		fprintf(to, "%*s%s",
			c->number ? c->width
			: last    ? 0
				  : -c->width,
			shown, last ? "\n" : "  ");
	}
}

void table_print(FILE *to, const json_t *rows)
{
	struct column columns[MAX_COLUMNS];
	unsigned n = find_columns(columns, json_array_get(rows, 0));
	char text[CELL_BYTES];
	json_t *row;
	size_t i;

	if (n == 0)
		return;
	json_array_foreach(rows, i, row) for (unsigned j = 0; j < n; j++)
	{
		int width = strlen(cell(json_object_get(row, columns[j].key), text));

		if (width > columns[j].width)
			columns[j].width = width;
	}
	print_row(to, columns, n, NULL);
	json_array_foreach(rows, i, row) print_row(to, columns, n, row);
}

json_t *table_rows(json_t *list, const char *head)
{
	json_t *rows;
	const char *name;
	json_t *value;

	if (!json_is_object(list))
		return json_incref(list);
	rows = json_array();
	json_object_foreach(list, name, value)
	{
		json_t *row = json_pack("{s:s}", head, name);

		json_object_update(row, value);
		json_array_append_new(rows, row);
	}
	return rows;
}
