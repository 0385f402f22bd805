/*
 * A role's link to the other CSCFs (Mw): its socket, and what the configuration says of it: TLS, or
 * who else protects the keys that it carries. The limits are those of all connections of the role.
 */
#ifndef CONTROLPLANE_CORE_LINK_H
#define CONTROLPLANE_CORE_LINK_H

#include <stdint.h>

struct config;
struct endpoint;
struct proxy;

/*
 * Opens address:port; `role` is for the log, which hears of it when keys will travel unprotected.
 * Returns 0 and *out (the transport's), or -errno after log_error().
 */
int core_link_open(struct proxy *p, const struct config *config, const char *role,
		   const char *address, uint32_t port, struct endpoint **out);

#endif
