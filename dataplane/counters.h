/*
 * Everything the data plane counts, one list: subject, action, unit. Each worker has its own block
 * and is its only writer; readers add the blocks up and may be a packet behind.
 */
#ifndef DATAPLANE_COUNTERS_H
#define DATAPLANE_COUNTERS_H

#include <stdint.h>

/* Traffic first, then one counter for each reason to drop (from COUNTER_FIRST_DROP on). */
#define COUNTERS(COUNTER)                                                                          \
	COUNTER(network_rx, "packets received from network ports")                                 \
	COUNTER(network_tx, "packets sent to network ports")                                       \
	COUNTER(kernel_rx, "packets received from kernel ports, or generated in their place")      \
	COUNTER(kernel_tx, "packets sent to kernel ports")                                         \
	COUNTER(esp_rx, "ESP packets accepted")                                                    \
	COUNTER(esp_rx_bytes, "bytes of IP payload out of accepted ESP packets")                   \
	COUNTER(esp_tx, "ESP packets produced")                                                    \
	COUNTER(esp_tx_bytes, "bytes of IP payload put into ESP packets")                          \
	COUNTER(clear_rx, "clear packets passed to a kernel port")                                 \
	COUNTER(clear_tx, "clear packets passed to a network port")                                \
	COUNTER(fragment_rx, "fragments received that became part of a datagram")                  \
	COUNTER(fragment_whole, "datagrams put together from fragments")                           \
	COUNTER(fragment_split, "datagrams cut into fragments")                                    \
	COUNTER(fragment_tx, "fragments made of them")                                             \
	COUNTER(path_mtu_lowered, "path MTUs of SAs lowered, as ICMP errors said")                 \
	COUNTER(path_mtu_disbelieved, "ICMP errors about sequence numbers not sent lately")        \
	COUNTER(too_big_tx, "ICMP errors made for the kernel: its packet exceeds the path MTU")    \
	COUNTER(generate_tx, "packets generated")                                                  \
	COUNTER(generate_no_buffer, "times that the generator waited for packet buffers")          \
	COUNTER(crypto_device, "packets back from crypto devices, good or bad")                    \
	COUNTER(packet_truncated, "drop: a header or length runs past the end of the packet")      \
	COUNTER(packet_malformed, "drop: a header field is impossible")                            \
	COUNTER(packet_bad_checksum, "drop: the port found the IPv4 header checksum wrong")        \
	COUNTER(packet_unknown_zone, "drop: no zone has this port and VLAN")                       \
	COUNTER(fragment_malformed, "drop: fragment with impossible lengths, sum or headers")      \
	COUNTER(fragment_overlap, "drop: fragment of a datagram with overlaps (RFC 5722)")         \
	COUNTER(fragment_copy, "drop: copy of a fragment that is there already")                   \
	COUNTER(fragment_too_many, "drop: fragment of a datagram of too many")                     \
	COUNTER(fragment_too_big, "drop: fragment of a datagram too large to handle")              \
	COUNTER(fragment_timeout, "drop: fragment whose datagram was not complete in time")        \
	COUNTER(fragment_crowded_out, "drop: fragment that gave way to newer ones")                \
	COUNTER(fragment_no_buffer, "drop: no buffer for a datagram or its fragments")             \
	COUNTER(esp_truncated, "drop: ESP too short for header, trailer and ICV")                  \
	COUNTER(esp_unknown_spi, "drop: no SA has this SPI here")                                  \
	COUNTER(esp_reflected, "drop: ESP from one of our own addresses")                          \
	COUNTER(esp_wrong_address, "drop: outer addresses or zone are not the SA's")               \
	COUNTER(esp_expired, "drop: the SA's lifetime is over")                                    \
	COUNTER(esp_zero_sequence, "drop: sequence number 0 (RFC 4303 3.4.3)")                     \
	COUNTER(esp_replayed, "drop: sequence number seen before")                                 \
	COUNTER(esp_late, "drop: sequence number left of the replay window")                       \
	COUNTER(esp_bad_icv, "drop: integrity check failed")                                       \
	COUNTER(esp_bad_padding, "drop: padding is not 1, 2, 3 … or longer than the packet")       \
	COUNTER(esp_bad_next_header, "drop: next header is neither UDP nor TCP")                   \
	COUNTER(esp_dummy, "drop: dummy packet, next header 59 (RFC 4303 2.6)")                    \
	COUNTER(esp_no_checksum, "drop: UDP over IPv6 without a checksum (RFC 8200 8.1)")          \
	COUNTER(esp_wrong_port, "drop: inner ports are not the SA's")                              \
	COUNTER(esp_wrong_selector,                                                                \
		"drop: inner packet is not one of its tunnel's (RFC 4301 5.2)")                    \
	COUNTER(esp_bad_ecn, "drop: congestion marked outside, not capable inside (RFC 6040)")     \
	COUNTER(encap_keepalive, "drop: NAT keepalive (RFC 3948 2.3)")                             \
	COUNTER(clear_udp_to_protected, "drop: clear UDP to a protected port")                     \
	COUNTER(clear_tcp_to_protected, "drop: clear TCP to a protected port")                     \
	COUNTER(path_mtu_heard, "drop: ICMP error, ESP too big, kept until its SA judges it")      \
	COUNTER(path_mtu_refused, "drop: ICMP error, ESP too big, that cannot be true")            \
	COUNTER(path_mtu_limited, "drop: ICMP error, ESP too big, more than are heard a second")   \
	COUNTER(icmp_about_esp, "drop: other ICMP error about ESP, which the kernel never sent")   \
	COUNTER(clear_rate_source, "drop: clear SIP, more than one source may send")               \
	COUNTER(clear_rate_zone, "drop: clear SIP, more than unknown sources may send together")   \
	COUNTER(clear_to_tunnel, "drop: clear packet that a tunnel's policy holds")                \
	COUNTER(out_no_sa, "drop: from or to a protected port, but no SA has this tuple")          \
	COUNTER(out_no_tunnel, "drop: a tunnel's policy holds the packet, the tunnel has no SA")   \
	COUNTER(out_expired, "drop: outbound, the SA's lifetime is over")                          \
	COUNTER(out_too_big, "drop: with ESP it exceeds the path MTU, and must not be cut")        \
	COUNTER(out_exhausted, "drop: sequence numbers used up (RFC 4303 3.3.3)")                  \
	COUNTER(inline_late, "drop: a port speaks of an SA that it does not serve (any more)")     \
	COUNTER(crypto_failed, "drop: the crypto backend refused the job")                         \
	COUNTER(crypto_sa_gone, "drop: the SA was deleted while a device had the packet")          \
	COUNTER(steer_full, "drop: the owner of the packet took no more from another worker")      \
	COUNTER(tx_full, "drop: the transmit queue took no more")

enum counter {
#define COUNTER_ENUM(name, help) COUNT_##name,
	COUNTERS(COUNTER_ENUM)
#undef COUNTER_ENUM
		COUNT_N,
	COUNTER_FIRST_DROP = COUNT_packet_truncated,
};

/* One worker's block. written by: that worker; read by: telemetry. */
struct counters {
	uint64_t n[COUNT_N];
} __attribute__((aligned(64)));

extern const char *const counter_name[COUNT_N];
extern const char *const counter_help[COUNT_N];

#endif
