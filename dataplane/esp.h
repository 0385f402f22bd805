/*
 * ESP in transport mode on one packet, in place (RFC 4303; TS 33.203 7.1): lengths, trailer and
 * headers. The cryptography between prepare and finish is a job; sequence numbers and the replay
 * window are the caller's. Owner core only. Everything is inline: it runs for each packet, in the
 * loops of inbound.c and outbound.c.
 *
 * Each function returns ESP_OK or the counter of the reason to drop the packet.
 */
#ifndef DATAPLANE_ESP_H
#define DATAPLANE_ESP_H

#include <netinet/in.h>

#include "dataplane/counters.h"
#include "dataplane/ip_edit.h"
#include "dataplane/pkt.h"
#include "dataplane/sa.h"

#define ESP_HEADER_BYTES  8
#define ESP_TRAILER_BYTES 2 /* pad length, next header */

#define ESP_OK COUNT_N

enum {
	ESP_UDP_BYTES = 8,
	ESP_TCP_BYTES = 20,
	ESP_NO_NEXT_HEADER = 59,
};

static inline void esp_fill_job(struct pkt *p, uint8_t *esp, uint16_t auth_bytes, uint8_t iv_bytes,
				enum crypto_direction direction)
{
	uint16_t cipher_start = ESP_HEADER_BYTES + iv_bytes;
	p->job = (struct crypto_job){
		.key = &p->sa->key,
		.esp = esp,
		.auth_bytes = auth_bytes,
		.cipher_start = cipher_start,
		.cipher_bytes = auth_bytes - cipher_start,
		.suite = p->sa->id.suite,
		.direction = (uint8_t)direction,
		.backend = p->sa->id.backend,
	};
}

/*
 * Inbound, before the crypto: at.l4 is the ESP header, of which ESP_HEADER_BYTES are there. Fills
 * the job.
 */
static inline enum counter esp_in_prepare(struct rte_mbuf *m, struct pkt *p)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	uint16_t esp_bytes = p->at.end - p->at.l4;
	uint16_t around = ESP_HEADER_BYTES + shape->iv_bytes + shape->icv_bytes;
	if (unlikely(esp_bytes < around + ESP_TRAILER_BYTES))
		return COUNT_esp_truncated;
	if (crypto_suite_has_cbc(shape))
		rte_prefetch0(&p->sa->key.cipher);
	/* With a cipher only whole blocks can be; NULL takes what a peer sends (RFC 4303 2.4). */
	if (shape->iv_bytes && ((esp_bytes - around) & (shape->block_bytes - 1)))
		return COUNT_esp_truncated;
	esp_fill_job(p, rte_pktmbuf_mtod_offset(m, uint8_t *, p->at.l4),
		     (uint16_t)(esp_bytes - shape->icv_bytes), shape->iv_bytes, CRYPTO_VERIFY);
	return ESP_OK;
}

/* RFC 4303 2.4: 1, 2, 3 …; `end` is behind the last byte, and eight bytes before it are there. */
static inline bool esp_is_padding_good(const uint8_t *end, uint8_t pad_bytes)
{
	if (likely(pad_bytes < 8)) {
		/* The last eight bytes, of which the upper `pad_bytes` count. */
		static const uint64_t counted = UINT64_C(0x0807060504030201);
		uint64_t last;
		memcpy(&last, end - sizeof(last), sizeof(last));
		uint64_t mask = (UINT64_C(1) << 8 * pad_bytes) - 1;
		return ((last >> 1 >> (63 - 8 * pad_bytes) ^ counted) & mask) == 0;
	}
	for (uint8_t i = 0; i < pad_bytes; i++) {
		if (*(end - pad_bytes + i) != i + 1)
			return false;
	}
	return true;
}

/* C-077: what came out must be what the SA is for. */
static inline enum counter esp_check_ports(const struct sa_id *id, const uint8_t *l4,
					   uint16_t l4_bytes, uint8_t protocol)
{
	if (unlikely(protocol != IPPROTO_UDP && protocol != IPPROTO_TCP))
		return protocol == ESP_NO_NEXT_HEADER ? COUNT_esp_dummy : COUNT_esp_bad_next_header;
	if (unlikely(l4_bytes < (protocol == IPPROTO_UDP ? ESP_UDP_BYTES : ESP_TCP_BYTES)))
		return COUNT_packet_truncated;
	/* RFC 8200 8.1: over IPv6 there is one. */
	if (id->family == API_IPV6 && protocol == IPPROTO_UDP && unlikely(!l4[6] && !l4[7]))
		return COUNT_esp_no_checksum;
	uint16_t source, destination;
	memcpy(&source, l4, sizeof(source));
	memcpy(&destination, l4 + 2, sizeof(destination));
	return likely(source == id->peer_port_be && destination == id->local_port_be)
		       ? ESP_OK
		       : COUNT_esp_wrong_port;
}

/* Between the IV and the trailer of a packet with a good ICV. */
struct esp_payload {
	uint8_t *bytes;
	uint16_t n_bytes;
	uint8_t next_header;
};

static inline enum counter esp_in_payload(const struct pkt *p, struct esp_payload *payload)
{
	const struct crypto_job *job = &p->job;
	uint8_t *bytes = job->esp + job->cipher_start;
	const uint8_t *trailer = job->esp + job->auth_bytes - ESP_TRAILER_BYTES;
	uint8_t pad_bytes = trailer[0];
	if (unlikely(pad_bytes > trailer - bytes || !esp_is_padding_good(trailer, pad_bytes)))
		return COUNT_esp_bad_padding;
	*payload =
		(struct esp_payload){ bytes, (uint16_t)(trailer - pad_bytes - bytes), trailer[1] };
	return ESP_OK;
}

/* What the SA carries of a packet: its upper layer, or all of it in a tunnel. Clear, p->sa set. */
static inline uint16_t esp_carried_bytes(const struct pkt *p)
{
	return p->at.end - (likely(p->sa->id.mode == API_TRANSPORT) ? p->at.l4 : p->at.l3);
}

/* Inbound, after a good ICV: checks trailer and inner ports, strips ESP. `p->at` follows. */
static inline enum counter esp_in_finish(struct rte_mbuf *m, struct pkt *p)
{
	struct esp_payload payload;
	enum counter verdict = esp_in_payload(p, &payload);
	if (unlikely(verdict != ESP_OK))
		return verdict;
	uint8_t protocol = payload.next_header;
	uint16_t l4_bytes = payload.n_bytes;
	verdict = esp_check_ports(&p->sa->id, payload.bytes, l4_bytes, protocol);
	if (unlikely(verdict != ESP_OK))
		return verdict;

	/* The headers move up to the payload; what was behind them is gone with the trailer. */
	uint16_t moved = p->job.cipher_start;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t ip_bytes = p->at.l4 - p->at.l3 + l4_bytes;
	struct ip_edit edit = ip_edit_of(frame + p->at.l3, p->at.family, protocol, ip_bytes);
	ip_edit_move(frame + moved, frame, p->at.l4);
	frame += moved;
	m->data_off += moved;
	p->at.end = p->at.l4 + l4_bytes;
	p->at.protocol = protocol;
	m->data_len = p->at.end;
	m->pkt_len = p->at.end;
	ip_edit_apply(frame + p->at.l3, p->at.family, frame + p->at.next_header, protocol, edit);
	return ESP_OK;
}

/*
 * Padding, pad length and next header. May write eight bytes: the ICV, which is longer, comes
 * behind.
 */
static inline void esp_write_trailer(uint8_t *at, uint8_t pad_bytes, uint8_t protocol)
{
	if (likely(pad_bytes <= 6)) { /* in one store; RFC 4303 2.4: 1, 2, 3 … */
		uint64_t padding = UINT64_C(0x060504030201) & ((UINT64_C(1) << 8 * pad_bytes) - 1);
		uint64_t end = (pad_bytes | (uint64_t)protocol << 8) << 8 * pad_bytes;
		uint64_t trailer = padding | end;
		memcpy(at, &trailer, sizeof(trailer));
		return;
	}
	for (uint8_t i = 0; i < pad_bytes; i++)
		at[i] = i + 1;
	at[pad_bytes] = pad_bytes;
	at[pad_bytes + 1] = protocol;
}

/*
 * Outbound: at.l4 is the UDP or TCP header. Makes room, writes header (p->spi, p->sequence) and
 * trailer, fills the job; the packet is ready to leave when the job is done.
 */
static inline enum counter esp_out_prepare(struct rte_mbuf *m, struct pkt *p, uint16_t mtu_bytes)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	if (crypto_suite_has_cbc(shape))
		rte_prefetch0(&p->sa->key.cipher);
	uint16_t l4_bytes = p->at.end - p->at.l4;
	uint16_t inserted = ESP_HEADER_BYTES + shape->iv_bytes;
	uint16_t unpadded = l4_bytes + ESP_TRAILER_BYTES;
	uint16_t pad_bytes = (uint16_t)(-unpadded & (shape->block_bytes - 1));
	uint16_t appended = pad_bytes + ESP_TRAILER_BYTES + shape->icv_bytes;
	uint16_t ip_bytes = p->at.end - p->at.l3 + inserted + appended;
	if (unlikely(ip_bytes > mtu_bytes))
		return COUNT_out_too_big;
	if (unlikely(m->data_off < inserted || m->data_off + p->at.end + appended > m->buf_len))
		return COUNT_out_too_big;

	uint8_t *old = rte_pktmbuf_mtod(m, uint8_t *), *frame = old - inserted;
	struct ip_edit edit = ip_edit_of(old + p->at.l3, p->at.family, IPPROTO_ESP, ip_bytes);
	ip_edit_move(frame, old, p->at.l4);
	/* Ethernet padding goes. */
	m->data_off -= inserted;
	m->data_len = inserted + p->at.end + appended;
	m->pkt_len = m->data_len;
	uint8_t *esp = frame + p->at.l4;
	uint32_t header[2] = { rte_cpu_to_be_32(p->spi), rte_cpu_to_be_32(p->sequence) };
	memcpy(esp, header, sizeof(header));
	esp_write_trailer(esp + inserted + l4_bytes, (uint8_t)pad_bytes, p->at.protocol);
	ip_edit_apply(frame + p->at.l3, p->at.family, frame + p->at.next_header, IPPROTO_ESP, edit);
	esp_fill_job(p, esp, inserted + unpadded + pad_bytes, shape->iv_bytes, CRYPTO_SIGN);
	return ESP_OK;
}

#endif
