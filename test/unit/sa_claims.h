/*
 * SAs to put into a table of their own, for tests of the table: each number has an address and so
 * a tuple of its own.
 */
#ifndef TEST_UNIT_SA_CLAIMS_H
#define TEST_UNIT_SA_CLAIMS_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/sa_control.h"

enum {
	SA_CLAIM_CAPACITY = 64,
	SA_CLAIM_OWNER = 7,
	SA_CLAIM_KEY_BYTE = 0xc3, /* all that keys are made of */
};

/* Few generations, and a slice that is not the first. */
extern const struct sa_table_config sa_claim_table;

/* What an install takes, with a tuple of its own for each `number`. */
struct sa_claim {
	struct api_set set;
	struct api_sa sa;
	struct crypto_key key;
};

void sa_claim_fill(struct sa_claim *i, enum api_direction direction, uint32_t number);
struct sa_spec sa_claim_spec(const struct sa_claim *i);

/* As sa_stage(): a new SA, one with a given SPI, one that is published at once. */
int64_t sa_claim_stage(struct sa_table *t, enum api_direction direction, uint32_t number);
int64_t sa_claim_stage_spi(struct sa_table *t, uint32_t number, uint32_t spi, uint32_t owner);
int64_t sa_claim_install(struct sa_table *t, enum api_direction direction, uint32_t number);

/* As workers find them. */
const struct sa *sa_claim_find(const struct sa_table *t, enum api_direction direction,
			       uint32_t number);
bool sa_claim_find_spi(const struct sa_table *t, uint32_t spi);

/* Retires and frees at once: no worker holds anything. */
void sa_claim_remove(struct sa_table *t, uint32_t slot);

#endif
