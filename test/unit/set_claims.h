/*
 * SA sets to install, for tests: a UE's set as TS 33.203 7.1 has it, each number with an address
 * and SPIs of its own.
 */
#ifndef TEST_UNIT_SET_CLAIMS_H
#define TEST_UNIT_SET_CLAIMS_H

#include <stdint.h>

#include "crypto/job.h"
#include "dataplane/api.h"
#include "test/unit/esp_reference.h"

/* The UE's ports; the P-CSCF's are FIXTURE_PORT_PS and FIXTURE_PORT_PC_FIRST. */
#define SET_PORT_UC 31000
#define SET_PORT_US 31001

/* The order of the SAs in a set of two pairs: the numbers of WIRE 7, less one. */
enum set_sa {
	SET_UC_TO_PS, /* IN */
	SET_PS_TO_UC, /* OUT */
	SET_PC_TO_US, /* OUT */
	SET_US_TO_PC, /* IN */
};

/* Two pairs, registration = number + 1, keys from the number, no end. */
struct api_set set_two_pairs(uint32_t number, enum crypto_suite suite, enum api_family family);

/* Its keys as the peer holds them. */
struct reference_keys set_keys(const struct api_set *set);

#endif
