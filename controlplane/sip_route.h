/*
 * Route, Record-Route and the next hop of a message: RFC 3261 16.6, 20.30, 20.34. URIs are text
 * without the angle brackets. Functions that add return 0 or -ENOMEM / -EINVAL.
 */
#ifndef CONTROLPLANE_SIP_ROUTE_H
#define CONTROLPLANE_SIP_ROUTE_H

#include <osipparser2/osip_uri.h>
#include <stdbool.h>

struct address;
struct sip;

const osip_uri_t *sip_route(const struct sip *s, unsigned i); /* NULL: none */
void sip_route_pop(struct sip *s);
int sip_route_push(struct sip *s, const char *uri); /* "sip:HOST;lr", becomes the topmost */
void sip_routes_clear(struct sip *s);
const osip_uri_t *sip_record_route(const struct sip *s, unsigned i); /* NULL: none */
int sip_record_route_push(struct sip *s, const char *uri);
void sip_record_routes_clear(struct sip *s);
/* In their order, behind those that are there. */
int sip_record_routes_copy(struct sip *to, const struct sip *from);
/* The user part of the i-th, which is there. */
int sip_record_route_set_user(struct sip *s, unsigned i, const char *user);
/*
 * The topmost Route's address, else the Request-URI's, and whether that URI says transport=tcp.
 * Returns 0 or -EINVAL: not numeric.
 */
int sip_next_hop(const struct sip *s, struct address *out, bool *tcp);

/* Whether TLS is asked for on the way to the next hop, the topmost Route or the Request-URI. */
bool sip_next_is_tls(const struct sip *s);

#endif
