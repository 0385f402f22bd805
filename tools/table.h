/*
 * Prints JSON as an aligned table: numbers to the right, texts to the left, columns in the order of
 * the first row. For lists that are in memory anyway; what may be long is printed row by row by its
 * own command.
 */
#ifndef TOOLS_TABLE_H
#define TOOLS_TABLE_H

#include <stdio.h>

#include <jansson.h>

/*
 * `rows` is an array of objects. Texts are from other processes: what is not printable comes out as
 * '?'. An empty array prints nothing.
 */
void table_print(FILE *to, const json_t *rows);

/*
 * The rows of a list: an array as it is, or out of an object of objects, where the name of each
 * goes into a column `head` unless it has one. DPDK 22.11 can nest only the latter. New reference.
 */
json_t *table_rows(json_t *list, const char *head);

#endif
