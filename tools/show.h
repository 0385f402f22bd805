/*
 * The subjects of `imsgate show` that have a file of their own. Each prints to stdout, a table or
 * JSON, and returns the exit status of the command.
 */
#ifndef TOOLS_SHOW_H
#define TOOLS_SHOW_H

#include <stdbool.h>

struct config;

int show_sa(const struct config *c, bool json);
int show_clients(const struct config *c, bool json);
int show_offload(const struct config *c, bool json);
int show_registrations(const struct config *c, bool json);

#endif
