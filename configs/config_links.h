/*
 * The part of the configuration (config.h) that is about connections to other nodes: SIP and
 * Diameter. Included by config.h alone.
 */
#ifndef CONFIGS_CONFIG_LINKS_H
#define CONFIGS_CONFIG_LINKS_H

#include <stdint.h>

/* What protects the keys that a link carries, TS 33.203 6.1: CK and IK. */
enum config_security {
	CONFIG_SECURITY_NONE,      /* nothing that we know of */
	CONFIG_SECURITY_TLS,       /* we do */
	CONFIG_SECURITY_PROTECTED, /* the operator says so: NDS/IP (IPsec), or walls */
};

/* What stands in the certificates of the node at an address, if not the address. */
struct config_tls_name {
	char *address;
	char *name; /* subjectAltName DNS:name or URI:sip:name */
};

/* Certificates of this node, PEM; files are read at the start. */
struct config_tls {
	char *certificate; /* and those of the authorities between */
	char *key;         /* nobody else may read it */
	char *authorities; /* whose certificates are good */
	struct config_tls_name *names;
	uint32_t n_names;
	uint32_t n_handshakes; /* of peers that are not known yet, of a role */
	uint32_t handshake_s;  /* for one of them */
};

/* SIP over TCP and TLS: how many connections there may be, and how long each may take. */
struct config_tcp {
	uint32_t n_connections; /* of a role, without strangers; fewer where descriptors are */
	uint32_t n_strangers;   /* on the unprotected port */
	uint32_t n_of_stranger; /* of one address, IPv6: of one /64 */
	uint32_t n_unfinished;  /* messages not whole yet, of strangers and of the others each */
	uint32_t queue_mb;      /* what peers do not read, of a role */
	uint32_t connect_s;     /* until UDP is tried instead */
	uint32_t message_s;     /* for one message, however it trickles */
	uint32_t stranger_idle_s;
	uint32_t idle_s;
	uint32_t above_bytes; /* longer requests go over TCP; 0: those near the path MTU */
};

/* How the CSCFs reach the HSS when it is not in their process. */
enum config_cx_transport {
	CONFIG_CX_LOCAL,    /* controlplane.cx_socket */
	CONFIG_CX_DIAMETER, /* TS 29.229 */
};

/* Another Diameter node. */
struct config_cx_peer {
	char *identity; /* its Origin-Host */
	char *address;  /* where it listens; "" = it connects to us */
	uint32_t port;
};

struct config_cx {
	enum config_cx_transport transport;
	enum config_security security; /* of the way to the peers */
	char *identity;                /* our Origin-Host; the keys from here on are for Diameter */
	char *realm;                   /* ours and the peers'; "" = controlplane.realm */
	char *address;                 /* that we listen on; not of the loopback network */
	uint32_t port;
	uint32_t timeout_ms; /* for an answer */
	uint32_t watchdog_s; /* of silence until a peer is asked whether it lives, RFC 3539 */
	struct config_cx_peer *peers;
	uint32_t n_peers;
};

#endif
