/*
 * A NIC with inline ESP, for tests: the network port of zone 0 of the fixture, behind the API that
 * real ones are behind. Its driver is registered as rte_security's are, packets pass through it by
 * callbacks of the port's bursts, and only what DPDK lets no program outside of it be (a driver of
 * rte_flow, a port's own description) comes in by struct offload_ops.
 *
 * It does real ESP, by OpenSSL, on the keys it was given and on nothing else, and believes nothing
 * of what it is told about a packet. One at a time; what must not be aborts.
 */
#ifndef TEST_UNIT_FAKE_NIC_H
#define TEST_UNIT_FAKE_NIC_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_security.h>

#include "dataplane/inline_sa.h"
#include "test/unit/dataplane_fixture.h"

#define FAKE_NIC_SESSIONS 64

struct fake_nic {
	struct offload offload;
	struct inline_table inlined;
	uint64_t now_tsc; /* of inline_turn() */

	/* set by the test at any time */
	uint32_t max_sessions; /* it has room for */
	uint32_t max_rules;
	uint32_t refuse_sessions; /* of the next so many */
	uint32_t refuse_rules;
	uint32_t refuse_removals; /* of rules */
	bool holds;               /* packets that it has deciphered stay inside until it does not */
	bool skips;               /* forgets to look at packets, as under overload */

	bool does_protocol; /* set by who opens it */
	/* What it says of tunnels under inline protocol; it does none. */
	struct rte_security_ipsec_sa_options tunnel_options;

	/* what it did */
	uint32_t n_sessions, n_rules;
	uint32_t n_verified, n_bad, n_signed, n_held;
	uint32_t n_dead;   /* packets to send for a session that was destroyed */
	uint32_t n_spread; /* frames that no rule named a queue for */
	uint32_t n_wrong;  /* packets to send that are not what the session is for */
};
extern struct fake_nic fake_nic;

/* Plugs it in and opens the inline table over it. Before SAs are installed. */
void fake_nic_open(struct fixture *f, const struct inline_config *config);
/* The same before several workers, who own SAs as `steer` says. */
void fake_nic_open_steered(struct fixture *f, const struct inline_config *config,
			   const struct steer *steer);
/* It does inline protocol instead of inline crypto. steer: NULL with one worker. */
void fake_nic_open_protocol(struct fixture *f, const struct inline_config *config,
			    const struct steer *steer);
/*
 * The receive queue that a frame from the wire goes to: that of a rule for it, else the next one,
 * as of a NIC that knows nothing better. It is the test that puts it there.
 */
uint16_t fake_nic_queue(const uint8_t *frame, uint32_t n_bytes);
/* Before fixture_close(). All sessions and rules are gone then. */
void fake_nic_close(struct fixture *f);

/* The control thread and the worker both come round, `ms` later. */
void fake_nic_pass(struct fixture *f, uint32_t ms);
/* Until nothing is on its way out any more. */
void fake_nic_settle(struct fixture *f);

#endif
