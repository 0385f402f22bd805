/*
 * Insides of the transaction layer, shared by txn.c, server_txn.c and client_txn.c alone.
 *
 * timer_set() cannot fail here: txns_new() is given fewer transactions than the loop has room for
 * timers, two each.
 */
#ifndef CONTROLPLANE_TXN_IMPL_H
#define CONTROLPLANE_TXN_IMPL_H

#include "controlplane/loop.h"
#include "controlplane/sip.h"
#include "controlplane/table.h"
#include "controlplane/transport.h"
#include "controlplane/txn.h"

#define TXN_KEY_BYTES 1024
#define TXN_B         64 /* timers B, F, H, J, L, M are 64·T1: RFC 3261 17, RFC 6026 */

struct txns {
	struct loop *loop;
	struct table *servers;
	struct table *clients;
	struct table *by_connection; /* client transactions over TCP */
	struct table *accounts;      /* of those who have server transactions now */
	uint32_t n, max;
	uint32_t n_strangers; /* of n: server transactions of the unprotected port */
	struct txn_counters counters;
};

/* What both kinds have: the bytes to send again, and when. */
struct sending {
	struct txns *txns;
	struct path path;
	char *bytes; /* last answer or the request; wiped when freed: SM4 carries keys */
	size_t n_bytes;
	struct timer repeat; /* A, E, G */
	uint32_t repeat_ms;
};

struct account {
	struct table_node node;
	uint64_t number;
	size_t n_bytes;
};

struct server_txn {
	struct table_node node;
	struct sending out;
	struct timer end; /* H, I, J, L */
	enum {
		SERVER_TRYING,
		SERVER_PROCEEDING,
		SERVER_ACCEPTED,
		SERVER_COMPLETED,
		SERVER_CONFIRMED
	} state;
	bool invite;
	bool stranger;  /* counted in n_strangers */
	bool cancelled; /* before it could be forwarded */
	struct sip *request;
	struct account *account; /* NULL: nobody's */
	size_t charged_bytes;
	char to_tag[SIP_TAG_BYTES];
	void (*on_end)(void *owner);
	void *owner;
	char key[];
};

struct client_txn {
	struct table_node node;
	struct sending out;
	struct timer end; /* B, C, D, F, K, M */
	enum { CLIENT_CALLING, CLIENT_PROCEEDING, CLIENT_ACCEPTED, CLIENT_COMPLETED } state;
	bool invite;
	bool cancelled;
	bool given_up; /* by timer C: only to acknowledge what may come */
	bool by_size;  /* over TCP only because it is long */
	bool failed;   /* the connection was lost: `end` fires at once */
	struct table_node by_connection;
	struct sip *request; /* of an INVITE, for ACK and CANCEL; with by_size for UDP */
	char *reason;        /* of the CANCEL; NULL: none */
	struct client_user user;
	char key[];
};

/* Sets the bytes (and frees the ones before) by printing `s`. Returns 0 or -errno. */
int sending_set(struct sending *o, const struct sip *s);
/* Returns 0 or -errno. */
int sending_send(struct sending *o);
void sending_clear(struct sending *o);

void client_txn_free(struct client_txn *x);

#endif
