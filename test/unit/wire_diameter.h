/*
 * Diameter messages byte by byte, and freeDiameter's dictionary without freeDiameter's threads at
 * work: for tests of what reads and writes Cx.
 */
#ifndef TEST_UNIT_WIRE_DIAMETER_H
#define TEST_UNIT_WIRE_DIAMETER_H

#include <stddef.h>
#include <stdint.h>

#define WIRE_REQUEST 0xc0 /* flags R and P */
#define WIRE_ANSWER  0x40

struct msg;

/* A message in the making; whoever begins it gives it to wire_parse() or wire_free(). */
struct wire {
	uint8_t *bytes;
	size_t n;
	size_t group[4]; /* open groups: where their headers begin */
	unsigned n_groups;
};

/* Initialises freeDiameter's libraries and the dictionary, once in a process. */
void wire_setup(void);

/* Header, and the AVPs that every message of Cx has, but for the result. */
struct wire wire_begin(uint32_t command, uint8_t flags);
/* vendor 0: an AVP of RFC 6733 */
void wire_put(struct wire *w, uint32_t vendor, uint32_t code, const void *data, size_t n);
void wire_put_text(struct wire *w, uint32_t vendor, uint32_t code, const char *text);
void wire_put_number(struct wire *w, uint32_t vendor, uint32_t code, uint32_t number);
void wire_open(struct wire *w, uint32_t vendor, uint32_t code);
void wire_close(struct wire *w);
void wire_free(struct wire *w);

/* As what arrives is parsed before it is given to anyone. NULL: it would not be given. */
struct msg *wire_parse(struct wire *w);

/* What `message` is when it is sent; frees it. */
struct wire wire_of(struct msg *message);

#endif
