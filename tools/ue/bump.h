/*
 * The bump: ESP between a TUN device and the wire, below the kernel's UDP and TCP.
 *
 * Out: the route to the P-CSCF leads into the TUN device. What a UE address sends there leaves as
 * ESP of the SA that has its ports, or not at all; what the namespace's own addresses send (a ping)
 * passes as it is. What a NAT keeps of UEs that have been silent for 20 s is kept alive. In: ESP
 * from the wire that an SA accepts becomes a clear packet on the TUN device. Clear packets from the
 * wire never touch the bump: the kernel gives them to sockets bound to the wire, which the
 * protected ones are not.
 *
 * Needs CAP_NET_ADMIN and CAP_NET_RAW. One thread, the event loop's.
 */
#ifndef TOOLS_UE_BUMP_H
#define TOOLS_UE_BUMP_H

#include "tools/ue/esp.h"

struct event_base;
struct event;

/* Path MTU 1500 less what ESP may add (8 + 16 + 15 + 2 + 12), and a little more; in UDP 28 less. */
#define BUMP_MTU_BYTES        1440
#define BUMP_MTU_IN_UDP_BYTES 1408

struct bump_options {
	const char *tun, *wire; /* devices */
	struct address pcscf, first_ue;
	uint32_t n_ues;
	bool nat; /* ESP may be in UDP; IPv4 */
};

struct bump {
	struct crypto *crypto;
	struct sa_table *sas;
	struct bump_options options;
	int tun, esp, wire, udp; /* udp: ESP in UDP; −1: none */
	struct event *tun_event, *esp_event, *udp_event;
	struct event *keepalive;
	uint64_t n_sealed, n_opened; /* ESP packets sent and accepted */
	uint64_t n_clear;            /* passed as they are */
	uint64_t n_keepalives;       /* RFC 3948 2.3 */
	uint64_t n_no_sa;            /* not sent: no SA has their ports */
	uint64_t n_lost;             /* the kernel refused them */
	uint64_t n_refused[ESP_N_VERDICTS];
	struct packet packet[CRYPTO_BURST];
	struct esp_job job[CRYPTO_BURST];
};

/*
 * Returns 0, or -errno after one message on stderr that says what could not be had. A bump whose
 * descriptors are −1 and pointers NULL is closed; closing it again is nothing.
 */
int bump_open(struct bump *b, const struct bump_options *options, struct event_base *base);
void bump_close(struct bump *b);

/* Of the TUN device. */
unsigned bump_mtu_bytes(const struct bump *b);

/* Index of the UE with this address; -1: none. */
int64_t bump_ue_of(const struct bump *b, const struct address *a);
struct address bump_address(const struct bump *b, uint32_t ue);

/* Onto the wire as it is. Returns 0 or -errno. */
int bump_send(struct bump *b, const struct packet *p);

#endif
