/*
 * The control side without a socket or with one, for tests: its tables, messages made and read.
 */
#ifndef TEST_UNIT_FIXTURE_CONTROL_H
#define TEST_UNIT_FIXTURE_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/control.h"
#include "test/unit/set_claims.h"

struct fixture_control {
	struct sa_table sas;
	struct control control;
	struct config_dataplane config;
};

/* A message as it lies in memory; `entries` begins behind the header. */
struct message {
	struct api_header header;
	uint8_t entries[API_MESSAGE_BYTES - sizeof(struct api_header)];
};

/*
 * Tables, and the socket at `path` ("" = none). Returns what control_open() returns; on failure
 * *error is its text and only fixture_control_close() may follow.
 */
int fixture_control_open(struct fixture_control *c, const char *path, enum config_orphans orphans,
			 const char **error);
void fixture_control_close(struct fixture_control *c);
/* The clock goes on by so much. */
void fixture_control_pass(struct fixture_control *c, uint32_t n_s);

/* A request with these entries, cookie 0x5eed plus the type. */
void message_make(struct message *m, uint16_t type, const void *entries, uint16_t n_entries,
		  size_t entry_bytes);

#endif
