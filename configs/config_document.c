#include "configs/config_document.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a parser event asks of the bounds; `depth` and `n_nodes` run along. */
struct document_bounds {
	unsigned depth;
	unsigned n_nodes;
	unsigned n_documents;
};

static int refuse_at(struct config_document *d, size_t line, size_t column, const char *message)
{
	snprintf(d->error, d->error_bytes, "%s:%zu:%zu: %s", d->name, line + 1, column + 1,
		 message);
	return -EINVAL;
}

/* Whether the mark is at a tab with nothing but blanks and tabs before it in its line. */
static bool is_indenting_tab(const char *text, size_t text_bytes, const yaml_mark_t *mark)
{
	const char *end = text + text_bytes;

	for (size_t line = 0; line < mark->line; line++) {
		text = memchr(text, '\n', end - text);
		if (!text)
			return false;
		text++;
	}
	for (size_t i = 0; i < mark->column && text < end; i++, text++)
		if (*text != ' ' && *text != '\t')
			return false;
	return text < end && *text == '\t';
}

/* libyaml's reader knows the byte only, its scanner and parser the place. */
static int refuse_syntax(struct config_document *d, const yaml_parser_t *parser, const char *text,
			 size_t text_bytes)
{
	char message[256];
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_MEMORY_ERROR) {
		snprintf(d->error, d->error_bytes, "%s: out of memory", d->name);
		return -ENOMEM;
	}
	if (parser->error == YAML_READER_ERROR) {
		mark.line = mark.column = 0;
		for (size_t i = 0; i < parser->problem_offset && i < text_bytes; i++) {
			mark.column++;
			if (text[i] == '\n') {
				mark.line++;
				mark.column = 0;
			}
		}
	}
	if (is_indenting_tab(text, text_bytes, &mark))
		return refuse_at(d, mark.line, mark.column,
				 "found a tab, expected blanks: YAML indents with nothing else");
	snprintf(message, sizeof(message), "found broken YAML (%s), expected valid YAML",
		 parser->problem ? parser->problem : "unreadable");
	return refuse_at(d, mark.line, mark.column, message);
}

/* The anchor of an event that may carry one. */
static const yaml_char_t *event_anchor(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_SCALAR_EVENT:
		return event->data.scalar.anchor;
	case YAML_SEQUENCE_START_EVENT:
		return event->data.sequence_start.anchor;
	case YAML_MAPPING_START_EVENT:
		return event->data.mapping_start.anchor;
	case YAML_ALIAS_EVENT:
		return event->data.alias.anchor;
	default:
		return NULL;
	}
}

/* NULL, or what is wrong with this event. */
static const char *event_problem(struct document_bounds *b, const yaml_event_t *event)
{
	if (event_anchor(event))
		return "found an anchor or alias, expected plain values: they are not allowed here";
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->n_documents++)
			return "found a second document, expected one document in a file";
		break;
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		b->n_nodes++;
		if (++b->depth > CONFIG_MAX_DEPTH)
			return "found too deep nesting, expected at most 8 levels";
		break;
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		break;
	case YAML_SCALAR_EVENT:
		b->n_nodes++;
		break;
	default:
		break;
	}
	return b->n_nodes > CONFIG_MAX_NODES ? "found too many values, expected at most 4096"
					     : NULL;
}

/*
 * Runs over the events without building anything: libyaml composes a tree in time quadratic in the
 * number of anchors, and recursion or expansion must not be the file's to choose.
 */
static int document_bound(struct config_document *d, const char *text, size_t text_bytes)
{
	struct document_bounds bounds = { 0 };
	yaml_event_type_t type = YAML_NO_EVENT;
	yaml_parser_t parser;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_bytes);
	while (rc == 0 && type != YAML_STREAM_END_EVENT) {
		yaml_event_t event;
		const char *problem;

		if (!yaml_parser_parse(&parser, &event)) {
			rc = refuse_syntax(d, &parser, text, text_bytes);
			break;
		}
		type = event.type;
		problem = event_problem(&bounds, &event);
		if (problem)
			rc = refuse_at(d, event.start_mark.line, event.start_mark.column, problem);
		yaml_event_delete(&event);
	}
	yaml_parser_delete(&parser);
	return rc;
}

static int document_compose(struct config_document *d, const char *text, size_t text_bytes)
{
	yaml_parser_t parser;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return -ENOMEM;
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, text_bytes);
	if (!yaml_parser_load(&parser, &d->yaml)) {
		rc = refuse_syntax(d, &parser, text, text_bytes);
	} else if (!yaml_document_get_root_node(&d->yaml)) {
		yaml_document_delete(&d->yaml);
		rc = refuse_at(d, 0, 0,
			       "found an empty file, expected a section such as dataplane");
	}
	yaml_parser_delete(&parser);
	return rc;
}

int document_parse(struct config_document *d, const char *text, size_t text_bytes)
{
	const char *nul = memchr(text, '\0', text_bytes);
	int rc;

	if (text_bytes > CONFIG_MAX_BYTES) {
		snprintf(d->error, d->error_bytes,
			 "%s: found more than 1 MiB, expected a configuration of at most 1 MiB",
			 d->name);
		return -EFBIG;
	}
	if (nul) {
		size_t line = 0, start = 0;

		for (const char *c = text; c < nul; c++)
			if (*c == '\n') {
				line++;
				start = c + 1 - text;
			}
		return refuse_at(d, line, nul - text - start,
				 "found a NUL byte, expected text in UTF-8");
	}
	rc = document_bound(d, text, text_bytes);
	return rc ? rc : document_compose(d, text, text_bytes);
}

void document_free(struct config_document *d)
{
	yaml_document_delete(&d->yaml);
}

const yaml_node_t *document_root(struct config_document *d)
{
	return yaml_document_get_root_node(&d->yaml);
}

const yaml_node_t *document_node(struct config_document *d, int index)
{
	return yaml_document_get_node(&d->yaml, index);
}

const yaml_node_t *document_value(struct config_document *d, const yaml_node_t *mapping,
				  const char *key)
{
	if (mapping->type != YAML_MAPPING_NODE)
		return NULL;
	for (yaml_node_pair_t *p = mapping->data.mapping.pairs.start;
	     p < mapping->data.mapping.pairs.top; p++) {
		const yaml_node_t *k = document_node(d, p->key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((char *)k->data.scalar.value, key))
			return document_node(d, p->value);
	}
	return NULL;
}

static const yaml_node_t *document_entry(struct config_document *d, const yaml_node_t *list,
					 size_t i)
{
	yaml_node_item_t *start;

	if (list->type != YAML_SEQUENCE_NODE)
		return NULL;
	start = list->data.sequence.items.start;
	return start + i < list->data.sequence.items.top ? document_node(d, start[i]) : NULL;
}

const yaml_node_t *document_find(struct config_document *d, const char *path, ...)
{
	const yaml_node_t *node = document_root(d);
	char text[128];
	char *rest, *step;
	va_list args;

	va_start(args, path);
	vsnprintf(text, sizeof(text), path, args);
	va_end(args);
	for (step = strtok_r(text, ".[]", &rest); step; step = strtok_r(NULL, ".[]", &rest)) {
		const yaml_node_t *next = document_value(d, node, step);

		if (!next)
			next = document_entry(d, node, strtoul(step, NULL, 10));
		if (!next)
			break;
		node = next;
	}
	return node;
}

int document_refuse(struct config_document *d, const yaml_node_t *node, const char *message, ...)
{
	char text[512];
	va_list args;

	va_start(args, message);
	vsnprintf(text, sizeof(text), message, args);
	va_end(args);
	return refuse_at(d, node->start_mark.line, node->start_mark.column, text);
}

const char *document_quote(const yaml_node_t *node, char out[CONFIG_QUOTE_BYTES])
{
	const size_t room = CONFIG_QUOTE_BYTES - sizeof("\"...\"");
	const unsigned char *value = node->data.scalar.value;
	size_t n = 0;

	if (node->type != YAML_SCALAR_NODE)
		return node->type == YAML_MAPPING_NODE ? "a mapping" : "a list";
	if (node->data.scalar.length == 0)
		return node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE ? "nothing" : "\"\"";
	out[n++] = '"';
	for (size_t i = 0; i < node->data.scalar.length && n <= room; i++)
		out[n++] = value[i] >= ' ' && value[i] < 0x7f ? value[i] : '?';
	snprintf(out + n, CONFIG_QUOTE_BYTES - n, "%s\"",
		 node->data.scalar.length > room ? "..." : "");
	return out;
}
