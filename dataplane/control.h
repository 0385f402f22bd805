/*
 * The control socket: clients of api.h, who owns what, and the clockwork of the tables (expiry,
 * reclaim). Runs on the main lcore, which alone writes the SA table.
 */
#ifndef DATAPLANE_CONTROL_H
#define DATAPLANE_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_ring.h>

#include "configs/config.h"
#include "dataplane/api.h"
#include "dataplane/set.h"

struct reload;

#define CONTROL_MAX_CLIENTS 64
/* SAs that one message can install. */
#define CONTROL_MAX_DUE (API_MESSAGE_BYTES / sizeof(struct api_set) * API_SET_SAS)

struct prompt;

struct control_owner {
	char name[API_NAME_BYTES]; /* "" = free */
	uint32_t n_connections;
};

struct control_client {
	int fd;         /* -1 = free */
	uint32_t owner; /* number; 0 = has not said hello */
	bool lost_events;
	uint32_t reply_bytes; /* of a reply that the socket did not take yet */
	uint8_t *reply;       /* API_MESSAGE_BYTES */
};

struct control {
	struct sa_table *sas;
	struct set_table sets;
	struct prompt *prompt;   /* NULL = none */
	struct rte_ring *events; /* SAs that passed half of their sequence numbers; from workers */
	uint64_t start_tsc;
	struct reload *reload; /* NULL: there is no file to read again */
	enum config_orphans orphans;
	const struct config_quota *quotas;
	uint32_t n_quotas;
	uint32_t accept_from_s; /* on the clock of clock_s() */
	int listener;
	const char *path;
	uint32_t n_clients_max;
	struct control_client client[CONTROL_MAX_CLIENTS];
	struct control_owner owner[CONTROL_MAX_CLIENTS + 1]; /* by number, from 1 */
	uint8_t *request;                                    /* API_MESSAGE_BYTES */
	/* Slots of SAs that came with half of their sequence numbers gone; told after the reply. */
	uint32_t due[CONTROL_MAX_DUE];
	uint32_t n_due;
};

/* Binds the socket. sas, events and start_tsc are set. 0 or -errno with one line of text. */
int control_open(struct control *c, const struct config_dataplane *config, char *error,
		 size_t error_bytes);
void control_close(struct control *c);

/* The quotas of all clients from now on: `config` must last. Who has more, gets no more. */
void control_set_quotas(struct control *c, const struct config_dataplane *config);

/* Waits at most timeout_ms for messages, handles them, then expires and reclaims. */
void control_turn(struct control *c, int timeout_ms);

#endif
