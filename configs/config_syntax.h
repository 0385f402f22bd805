/*
 * Syntax of the texts in the configuration: one question per kind, true or false. Pure functions.
 */
#ifndef CONFIGS_CONFIG_SYNTAX_H
#define CONFIGS_CONFIG_SYNTAX_H

#include <stdbool.h>
#include <stdint.h>

/* An IPv4 or IPv6 address in one form for comparing: IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2). */
struct syntax_address {
	uint8_t bytes[16];
};

/* Fills *out; false unless text is a numeric unicast address. */
bool syntax_address_parse(const char *text, struct syntax_address *out);

bool syntax_address(const char *text);

/* "ADDRESS/BITS", with nothing behind the prefix. */
bool syntax_network(const char *text);

/* A unicast address, or a network. */
bool syntax_peer(const char *text);

/* "sip:ADDRESS:PORT", an IPv6 address in brackets (RFC 3261 25.1), port 1 … 65535. */
bool syntax_next_hop(const char *text);

/* A domain name: labels of letters, digits and hyphens, 1 … 63 each, 253 in all (RFC 1035 2.3.4).
 */
bool syntax_domain(const char *text);

/* The same, or "". */
bool syntax_optional_domain(const char *text);
bool syntax_optional_address(const char *text);

/* A name used in file names and tables: letters, digits, '-', '_', '.'; not "." or "..". */
bool syntax_name(const char *text);

/* A name that fits api_hello: 31 bytes. */
bool syntax_client(const char *text);

/* "" or a name. */
bool syntax_optional_name(const char *text);

/* "" or a kernel interface name, shorter than IFNAMSIZ, without '/' and blanks. */
bool syntax_interface(const char *text);

/* An absolute path. */
bool syntax_path(const char *text);

/* "" or an absolute path. */
bool syntax_optional_path(const char *text);

/* An absolute path that fits a Unix socket address. */
bool syntax_socket_path(const char *text);

/* An absolute path to which "/ROLE.sock" can be added and still fits a Unix socket address. */
bool syntax_run_dir(const char *text);

/* A PCI address ("0000:3b:00.0", "3b:00.0") or a DPDK device string ("net_tap0,iface=gm0"). */
bool syntax_device(const char *text);

bool syntax_integrity(const char *text);
bool syntax_encryption(const char *text);
bool syntax_algorithm(const char *text);

#endif
