#include "test/unit/sa_claims.h"

#include <netinet/in.h>
#include <string.h>

#include "dataplane/tuple.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"

const struct sa_table_config sa_claim_table = {
	.capacity = SA_CLAIM_CAPACITY,
	.generation_bits = 3,
	.slice = 5,
	.slice_bits = 3,
	.window_pkts = 128,
	.n_wide_windows = 2,
	.n_workers = 1,
};

void sa_claim_fill(struct sa_claim *i, enum api_direction direction, uint32_t number)
{
	memset(i, 0, sizeof(*i));
	i->set.registration = number + 1;
	i->set.family = API_IPV4;
	i->set.mode = API_TRANSPORT;
	memcpy(i->set.local.bytes, (uint8_t[]){ 10, 0, 0, 1 }, 4);
	memcpy(i->set.peer.bytes, (uint8_t[]){ 10, 1 }, 2);
	i->set.peer.bytes[2] = (uint8_t)(number >> 8);
	i->set.peer.bytes[3] = (uint8_t)number;
	i->sa.direction = direction;
	i->sa.spi = direction == API_OUT ? 4096 + number : 0;
	i->sa.local_port = 5063;
	i->sa.peer_port = 31000;
	memset(&i->key, SA_CLAIM_KEY_BYTE, sizeof(i->key));
}

struct sa_spec sa_claim_spec(const struct sa_claim *i)
{
	return (struct sa_spec){
		.set = &i->set, .sa = &i->sa, .owner = SA_CLAIM_OWNER, .key = &i->key
	};
}

int64_t sa_claim_stage(struct sa_table *t, enum api_direction direction, uint32_t number)
{
	struct sa_claim i;
	sa_claim_fill(&i, direction, number);
	struct sa_spec spec = sa_claim_spec(&i);
	return sa_stage(t, &spec, NULL, 0);
}

int64_t sa_claim_stage_spi(struct sa_table *t, uint32_t number, uint32_t spi, uint32_t owner)
{
	struct sa_claim i;
	sa_claim_fill(&i, API_IN, number);
	i.sa.spi = spi;
	struct sa_spec spec = sa_claim_spec(&i);
	spec.owner = owner;
	return sa_stage(t, &spec, NULL, 0);
}

int64_t sa_claim_install(struct sa_table *t, enum api_direction direction, uint32_t number)
{
	int64_t slot = sa_claim_stage(t, direction, number);
	if (slot >= 0)
		sa_publish(t, (uint32_t)slot);
	return slot;
}

static struct tuple tuple_number(enum api_direction direction, uint32_t number)
{
	struct tuple tuple = { .local = { 10, 0, 0, 1 },
			       .peer = { 10, 1, (uint8_t)(number >> 8), (uint8_t)number },
			       .local_port_be = htons(5063),
			       .peer_port_be = htons(31000),
			       .direction = direction,
			       .family = API_IPV4 };
	return tuple;
}

const struct sa *sa_claim_find(const struct sa_table *t, enum api_direction direction,
			       uint32_t number)
{
	struct tuple tuple = tuple_number(direction, number);
	return tuple_find(t, tuple_hash(t->tuples, &tuple), &tuple);
}

bool sa_claim_find_spi(const struct sa_table *t, uint32_t spi)
{
	const struct sa *sa = sa_slot_of_spi(t, spi);
	return sa && sa_is_inbound_spi(sa, spi);
}

void sa_claim_remove(struct sa_table *t, uint32_t slot)
{
	sa_retire(t, slot);
	fixture_quiesce(t);
	EXPECT_EQ(sa_reclaim(t), 1);
}
