/*
 * An IP address and port, small and comparable as a key: what the kernel says of a datagram, what a
 * SIP URI or Via names by number. Names are never resolved here.
 */
#ifndef CONTROLPLANE_ADDRESS_H
#define CONTROLPLANE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_BYTES 64 /* "[IPv6]:65535" and the NUL */

struct address {
	uint8_t family; /* 4, 6 (as enum api_family), or 0: none */
	uint8_t reserved;
	uint16_t port;
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

/* `host` is "192.0.2.1", "2001:db8::1" or "[2001:db8::1]". Returns 0 or -EINVAL (a name, say). */
int address_parse(const char *host, uint16_t port, struct address *out);

/* "sip:HOST:PORT" with a numeric host; the port defaults to 5060. Returns 0 or -EINVAL. */
int address_parse_uri(const char *uri, struct address *out);

/* Addresses of one family whose first `bits` are those of `first`. */
struct network {
	struct address first;
	unsigned bits;
};

/* "192.0.2.0/24" or "2001:db8::/32". Returns 0 or -EINVAL. */
int address_parse_network(const char *text, struct network *out);
bool address_is_in(const struct address *a, const struct network *network);
bool address_is_in_any(const struct address *a, const struct network *networks, unsigned n);
bool address_is_loopback(const struct address *a); /* RFC 1122 3.2.1.3, RFC 4291 2.5.3 */

/*
 * What strangers are counted by: an IPv4 address, or the /64 of an IPv6 one, as a host has all of
 * that to send from (RFC 4291 2.5.4). Its port is 0.
 */
struct address address_source(const struct address *a);

/* "192.0.2.1:5060" or "[2001:db8::1]:5060", as a URI's hostport. Returns `text`. */
const char *address_print(const struct address *a, char text[static ADDRESS_TEXT_BYTES]);

/* The host alone, IPv6 in brackets. Returns `text`. */
const char *address_print_host(const struct address *a, char text[static ADDRESS_TEXT_BYTES]);

bool address_equal(const struct address *a, const struct address *b);
bool address_same_host(const struct address *a, const struct address *b);

socklen_t address_to_sockaddr(const struct address *a, struct sockaddr_storage *out);
int address_from_sockaddr(const struct sockaddr_storage *s, struct address *out);

#endif
