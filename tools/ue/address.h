/*
 * An IPv4 or IPv6 address by itself, and the block of consecutive addresses that the simulated UEs
 * have: UE i has the address `first` + i. Pure functions, any thread.
 */
#ifndef TOOLS_UE_ADDRESS_H
#define TOOLS_UE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define ADDRESS_TEXT_BYTES 48 /* INET6_ADDRSTRLEN and the two brackets */

struct address {
	uint8_t family;    /* AF_INET or AF_INET6 */
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest zero */
};

/* 4 or 16 */
size_t address_bytes(const struct address *a);
bool address_equal(const struct address *a, const struct address *b);

/* `text` without brackets. Returns 0 or -EINVAL. */
int address_parse(const char *text, struct address *a);

/* "10.0.0.1:5060", "[fd00::1]:5060". Returns 0 or -EINVAL. */
int address_parse_port(const char *text, struct address *a, uint16_t *port);

/* Counts in the last four bytes: blocks end where these overflow. */
struct address address_plus(const struct address *first, uint32_t n);

/* The n of address_plus(); -1 when `a` is before `first` or of another block. */
int64_t address_minus(const struct address *a, const struct address *first);

/* As SIP writes a host: IPv6 in brackets (RFC 3261 25.1). Returns `out`. */
const char *address_text(const struct address *a, char out[ADDRESS_TEXT_BYTES]);

socklen_t address_to_socket(const struct address *a, uint16_t port, struct sockaddr_storage *out);
void address_from_socket(const struct sockaddr_storage *from, struct address *a, uint16_t *port);

#endif
