/*
 * Numbers as people type them. A pure function.
 */
#ifndef DATAPLANE_NUMBER_H
#define DATAPLANE_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* A decimal number, or hexadecimal with 0x, from min to max; the whole text. */
bool number_read(const char *text, uint64_t min, uint64_t max, uint64_t *out);

#endif
