/*
 * Two clients who talk to the requests of one control, without a socket, for tests.
 */
#ifndef TEST_UNIT_TALK_H
#define TEST_UNIT_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "test/unit/fixture_control.h"

struct talk {
	struct fixture_control c;
	struct control_client client[2];
	struct message request;
	struct message reply;
};

void talk_open(struct talk *t);
/* The same, and both have said who they are: "pcscf" and "ike". */
void talk_open_and_greet(struct talk *t);
void talk_close(struct talk *t);

/* Sends n_bytes of t->request, from a block of exactly that size; returns the reply's status. */
int talk_ask_bytes(struct talk *t, unsigned client, size_t n_bytes);
int talk_ask(struct talk *t, unsigned client, enum api_type type, const void *entries,
	     uint16_t n_entries, size_t entry_bytes);
#define TALK_ASK(t, client, type, entry) talk_ask(t, client, type, &(entry), 1, sizeof(entry))

/* Entry i of the reply; `offset` is what stands before the first one. */
void talk_entry(const struct talk *t, uint32_t i, void *out, size_t entry_bytes, size_t offset);

void talk_hello(struct talk *t, unsigned client, const char *name);
/* Two pairs; returns the status in the result. */
int32_t talk_install(struct talk *t, unsigned client, uint32_t number,
		     struct api_set_result *result);

#endif
