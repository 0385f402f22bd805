/*
 * The commands of `imsgate subscriber`, a file each. argv[0] is the command; they return the exit
 * status of the process, after one message when it is not EXIT_SUCCESS.
 */
#ifndef TOOLS_SUBSCRIBER_H
#define TOOLS_SUBSCRIBER_H

#include "controlplane/store.h"

struct config;
struct options;
struct subscriber_row;

#define SUBSCRIBER "subscriber" /* who speaks in messages */

int subscriber_generate(int argc, char **argv, const struct options *o);
int subscriber_import(int argc, char **argv, const struct options *o);
int subscriber_add(int argc, char **argv, const struct options *o);
int subscriber_show(int argc, char **argv, const struct options *o);
int subscriber_delete(int argc, char **argv, const struct options *o);
/* "deregister" and "push" */
int subscriber_order(int argc, char **argv, const struct options *o);

/* The HSS's database, or NULL after one message. */
struct store *subscriber_store(const struct config *config);

/* Adds a row inside of a transaction of the caller's; 0, or -errno with the reason in words. */
int subscriber_store_row(struct store *store, const struct subscriber_row *row, char *reason,
			 size_t reason_bytes);

#endif
