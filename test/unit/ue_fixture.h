/*
 * A fleet without TUN device and wire, for tests of the UE: its sockets are on loopback, where
 * the test reads what the UE sends and plays the P-CSCF. SAs are installed, but nothing is
 * encrypted: what left the UE by a protected port is known by the socket that it reaches.
 */
#ifndef TEST_UNIT_UE_FIXTURE_H
#define TEST_UNIT_UE_FIXTURE_H

#include "tools/ue/fleet.h"

/* Test set 1 of TS 35.208. */
#define UE_FIXTURE_K   "465b5ce8b199b49faa5f0a2ee238a6bc"
#define UE_FIXTURE_OPC "cd63cb71954a9f4e48a5994e37a02baf"
#define UE_FIXTURE_SERVER                                                                          \
	"ipsec-3gpp; q=0.1; prot=esp; mod=trans; spi-c=98765432; spi-s=87654321; port-c=6000; "    \
	"port-s=%u; alg=hmac-sha-1-96; ealg=null"

struct ue_fixture {
	struct fleet fleet;
	int clear, protected; /* the P-CSCF's sockets: unprotected port, port_ps */
	uint16_t port_ps;
	uint64_t sqn; /* last one the HSS used */
	struct av av; /* of the last challenge */
	char bytes[SIP_BYTES + 1];
	char text[SIP_BYTES + 1]; /* the same, never changed by reading */
	struct sip_message got;   /* the last message taken; views into bytes */
	bool done;                /* the run of the fleet has ended */
	const char *received;     /* what answers say in Via; NULL: nothing */
	int stream;               /* TCP connection that answers take; −1: none */
};

/* False: no loopback here. */
bool ue_fixture_open(struct ue_fixture *x, uint32_t n_ues, enum ue_misbehaviour how);
void ue_fixture_close(struct ue_fixture *x);

/* Begins a task for all UEs and runs until the first has sent. */
void ue_fixture_run(struct ue_fixture *x, enum ue_task task);
/* Lets the loop do what is due. */
void ue_fixture_step(struct ue_fixture *x);

/* The next message on that socket, in x->got. False: there is none, or it is no SIP. */
bool ue_fixture_take(struct ue_fixture *x, int fd);

/* Gives the UE an answer to x->got: status line and headers as said, the others copied. */
void ue_fixture_answer(struct ue_fixture *x, struct ue *u, bool is_protected, unsigned status,
		       const char *headers);
/* A 401 with a fresh vector and these Security-Server headers ("" = none). */
void ue_fixture_challenge(struct ue_fixture *x, struct ue *u, bool is_protected,
			  const char *server);
/* The whole of a registration of ues[i] that goes well. */
bool ue_fixture_register(struct ue_fixture *x, uint32_t i);

/* "Name: value" is among the headers of x->got. */
bool ue_fixture_has(const struct ue_fixture *x, const char *name, const char *value);

#endif
