/*
 * What was sent to a data plane and what has to become of it. Each packet is entered with its fate
 * when it is sent; it is struck out when it comes out on the other side; and what the data plane's
 * counters must say follows, each of them, to the packet.
 *
 * Where a set of SAs ends while its packets are under way, nobody can know which of them are still
 * taken. Those may come out, each once, or be dropped for one of the reasons that an SA that ends
 * has; as each is known that came out, the sum of these reasons is known.
 */
#ifndef TEST_SOAK_LEDGER_H
#define TEST_SOAK_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/counters.h"
#include "test/soak/wire.h"

enum fate {
	FATE_DELIVERED, /* comes out once */
	FATE_DROPPED,   /* never comes out, and counts for its reason */
	FATE_EITHER,    /* an SA ends meanwhile */
};

/* Of a packet that is being sent. */
struct ledger_packet {
	const char *kind;
	uint32_t subject;
	enum wire_side side; /* where it is sent; it comes out at the other */
	enum fate fate;
	enum counter reason;    /* of FATE_DROPPED */
	enum counter passed;    /* of the others: COUNT_esp_rx, esp_tx, clear_rx or clear_tx */
	uint16_t n_frames;      /* more than one: fragments, put together in the data plane */
	uint16_t carried_bytes; /* what counts as bytes of ESP */
};

#define LEDGER_MAX (1u << 20) /* packets between two checkpoints */

struct ledger_entry;

struct ledger {
	struct ledger_entry *entry;
	uint32_t n;
	uint32_t epoch; /* checkpoints so far */
	uint32_t n_due; /* FATE_DELIVERED, not yet seen */
	uint64_t expected[COUNT_N];
	uint64_t n_either_lost[WIRE_SIDES];
	uint64_t n_sent, n_seen;
	uint32_t n_failed;
};

void ledger_open(struct ledger *l);
void ledger_close(struct ledger *l);

/* The number that the packet has to carry. */
uint32_t ledger_enter(struct ledger *l, const struct ledger_packet *packet);
/* A packet that must be dropped and carries no number of its own, a copy for example. */
void ledger_enter_drop(struct ledger *l, enum wire_side side, enum counter reason);
/* The packet with this number came out at `side`. */
void ledger_see(struct ledger *l, enum wire_side side, uint32_t number);
/* A claim has failed: it is printed. */
void ledger_fail(struct ledger *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The packets sent so far have come out or never will. */
void ledger_settle(struct ledger *l);
/* Whether the counters say what was sent; with `tell`, what they say otherwise fails. */
bool ledger_is_counted(struct ledger *l, const uint64_t counted[COUNT_N], bool tell);

#endif
