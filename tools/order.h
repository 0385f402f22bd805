/* Orders to a role that runs, over its status socket: POST /order/NAME?impi=IMPI. */
#ifndef TOOLS_ORDER_H
#define TOOLS_ORDER_H

struct config;

/*
 * Gives an order about an IMPI. Returns the status of the answer (202: accepted, 404: nobody of
 * that name), or -1 after one message of `command`.
 */
int order_give(const char *command, const struct config *config, const char *role, const char *name,
	       const char *impi);

#endif
