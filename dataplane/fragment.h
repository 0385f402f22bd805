/*
 * Datagrams that are too long to leave as they are leave in fragments (RFC 791 2.3, RFC 8200 4.5):
 * after ESP, never before (RFC 4303 3.3.4). Most come from reassembly, in buffers of its pool,
 * and every one of those is copied into ordinary buffers here, one or many: drivers are promised
 * one pool (RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE). Others have become too long by ESP, for the path of
 * their SA.
 *
 * Toward the kernel, the number that holds a datagram's fragments together is ours, even for clear
 * ones, odd for what came out of ESP: what is left of one in the kernel's own reassembly never
 * becomes part of the other (C-061).
 *
 * The worker's own thread. Called by out.h alone.
 */
#ifndef DATAPLANE_FRAGMENT_H
#define DATAPLANE_FRAGMENT_H

#include <stdint.h>

struct rte_mbuf;
struct worker;
struct zone;

/* Fragments of one datagram: of 65 535 bytes where links carry 576 (RFC 791). */
#define FRAGMENT_MAX 128

/* The frame has no VLAN tag. Owns m. */
void fragment_to_kernel(struct worker *w, uint8_t zone, struct rte_mbuf *m);
void fragment_to_network(struct worker *w, uint8_t zone, struct rte_mbuf *m);

#endif
