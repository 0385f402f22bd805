/*
 * Subscribers for tests: a store in a temporary file, filled with n subscribers whose K and OPc are
 * those of TS 35.208 test set 1. Subscriber i, from 1, has IMPI "i@home.example" and IMPU
 * "sip:i@home.example"; its id in the store is i.
 */
#ifndef TEST_UNIT_SUBSCRIBERS_H
#define TEST_UNIT_SUBSCRIBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/cx.h"
#include "controlplane/store.h"

#define REALM "home.example"

struct hss;
struct loop;

struct subscribers {
	char path[64];
	struct store *store;
};

extern const uint8_t subscribers_k[16];
extern const uint8_t subscribers_opc[16];

/* False: a claim has failed and been reported. */
bool subscribers_open(struct subscribers *lab, unsigned n);

/* Closes the store, unless it is NULL by now, and removes the file. */
void subscribers_close(struct subscribers *lab);

/* "i@home.example" and "sip:i@home.example", into CX_IDENTITY_BYTES. */
void subscribers_impi(unsigned i, char out[static CX_IDENTITY_BYTES]);
void subscribers_impu(unsigned i, char out[static CX_IDENTITY_BYTES]);

/* An HSS of its own on a loop whose clock stands still until the test moves *now_ms. */
struct hss_lab {
	struct subscribers base;
	uint64_t now_ms;
	struct loop *loop;
	struct hss *hss; /* owns base.store */
};

bool hss_lab_open(struct hss_lab *lab, unsigned n);
void hss_lab_close(struct hss_lab *lab);

/* Requests for subscriber i's own pair, from the S-CSCF named. */
struct cx_request hss_lab_uar(unsigned i, enum cx_authorization type);
struct cx_request hss_lab_mar(unsigned i, unsigned n_items, const char *scscf);
struct cx_request hss_lab_sar(unsigned i, enum cx_assignment type, const char *scscf);
struct cx_request hss_lab_lir(unsigned i);

/* Asks, lets the loop commit, and gives the answer. */
struct cx_answer hss_lab_ask(struct hss_lab *lab, const struct cx_request *request);

/* What the store says of subscriber i: the flag of his IMPU, his last SQN. */
enum store_state hss_lab_state(struct hss_lab *lab, unsigned i);
uint64_t hss_lab_sqn(struct hss_lab *lab, unsigned i);

/* SQN of a vector, taken out of its AUTN with AK. */
uint64_t subscribers_sqn(const struct cx_item *item);

#endif
