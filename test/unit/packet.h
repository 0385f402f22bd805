/*
 * Packets as an honest or a hostile peer makes them, for tests of the data plane: frames from a
 * description, ESP sealed and opened with OpenSSL. Shares nothing with the code under test but
 * the names of the suites. No state; any size that does not fit aborts.
 */
#ifndef TEST_UNIT_PACKET_H
#define TEST_UNIT_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/job.h"
#include "test/unit/esp_reference.h"

#define PACKET_MAX_BYTES      2048
#define PACKET_MAX_EXTENSIONS 9
#define ESP_MAX_BYTES         65536 /* before it is cut into fragments */

struct packet {
	uint8_t bytes[PACKET_MAX_BYTES];
	uint32_t n_bytes;
	uint32_t l3, l4; /* offsets of the IP header and of what follows it and its extensions */
};

/* Everything below the upper layer. */
struct packet_ip {
	uint16_t vlan;  /* 0 = untagged */
	uint8_t family; /* 4 or 6 */
	uint8_t source[16];
	uint8_t destination[16];
	uint16_t fragment_be16; /* IPv4: flags and offset as a number; 0 = whole */
	uint8_t tos;            /* or traffic class */
	uint8_t option_bytes;   /* IPv4: so many no-operation options, a multiple of four */
	/* IPv6: types of the extension headers, in order; eight bytes each */
	uint8_t extension[PACKET_MAX_EXTENSIONS];
	uint8_t n_extensions;
	uint16_t fragment_offset_be16; /* IPv6: of each fragment header, flags included */
	uint16_t id;                   /* of a datagram in fragments; IPv4 adds one */
};

/* A frame of these headers and `payload` behind them. */
void packet_make(struct packet *p, const struct packet_ip *ip, uint8_t protocol,
		 const uint8_t *payload, size_t n_bytes);

/* A UDP datagram or a TCP segment (of 20 bytes of header) at `out`; returns its bytes. */
size_t packet_udp(uint8_t *out, uint16_t source, uint16_t destination, const uint8_t *payload,
		  size_t n_bytes);
size_t packet_tcp(uint8_t *out, uint16_t source, uint16_t destination, const uint8_t *payload,
		  size_t n_bytes);

/* Is the IPv4 header checksum right? IPv6 has none, so it is. */
bool packet_checksum_is_good(const struct packet *p);

/* Keys of an SA as the peer holds them. */
struct esp_peer {
	enum crypto_suite suite;
	uint32_t spi;
	struct reference_keys keys;
	bool esn;      /* extended sequence numbers, of which packets have the lower half */
	uint32_t high; /* the upper half */
};

/* The end of the plaintext when it is not what RFC 4303 2.4 asks for. */
struct esp_trailer {
	uint8_t pad[256];
	uint16_t pad_bytes;
	uint8_t pad_length; /* as written */
	uint8_t next_header;
};

/* The right one for so many bytes of payload. */
struct esp_trailer esp_trailer_of(enum crypto_suite suite, size_t n_bytes, uint8_t next_header);

/* An ESP packet at `out`; returns its bytes. */
size_t esp_seal(uint8_t *out, const struct esp_peer *peer, uint32_t sequence,
		const uint8_t *payload, size_t n_bytes, const struct esp_trailer *trailer);

struct esp_opened {
	uint32_t spi;
	uint32_t sequence;
	uint8_t payload[ESP_MAX_BYTES];
	size_t n_bytes;
	uint8_t next_header;
};

/* False when the ICV or the padding is wrong. */
bool esp_open(const struct esp_peer *peer, const uint8_t *esp, size_t n_bytes,
	      struct esp_opened *out);

#endif
