#include "dataplane/esp.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

enum {
	UDP_BYTES = 8,
	TCP_BYTES = 20,
	NEXT_HEADER_NONE = 59,
};

static void fill_job(struct rte_mbuf *m, struct pkt *p, uint8_t *esp, uint16_t auth_bytes,
		     enum crypto_direction direction)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	uint16_t cipher_start = ESP_HEADER_BYTES + shape->iv_bytes;
	p->job = (struct crypto_job){
		.key = &p->sa->key,
		.esp = esp,
		.auth_bytes = auth_bytes,
		.cipher_start = cipher_start,
		.cipher_bytes = auth_bytes - cipher_start,
		.suite = p->sa->id.suite,
		.direction = (uint8_t)direction,
	};
}

enum counter esp_in_prepare(struct rte_mbuf *m, struct pkt *p)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	if (crypto_suite_has_cbc(shape))
		rte_prefetch0(&p->sa->key.cipher);
	uint16_t esp_bytes = p->at.end - p->at.l4;
	uint16_t around = ESP_HEADER_BYTES + shape->iv_bytes + shape->icv_bytes;
	if (esp_bytes < around + ESP_TRAILER_BYTES)
		return COUNT_esp_truncated;
	/* With a cipher only whole blocks can be; NULL takes what a peer sends (RFC 4303 2.4). */
	if (shape->iv_bytes && (esp_bytes - around) % shape->block_bytes != 0)
		return COUNT_esp_truncated;
	fill_job(m, p, rte_pktmbuf_mtod_offset(m, uint8_t *, p->at.l4),
		 (uint16_t)(esp_bytes - shape->icv_bytes), CRYPTO_VERIFY);
	return ESP_OK;
}

/* RFC 1624: the sum changes by what the words change, so damage done before stays visible. */
static uint16_t checksum_update(uint16_t checksum, uint16_t old_word, uint16_t new_word)
{
	uint32_t sum = (uint16_t)~checksum + (uint16_t)~old_word + new_word;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* The fields of an IP header that ESP changes, ready to be stored. */
struct ip_change {
	uint16_t length_be; /* total (IPv4) or payload (IPv6) */
	uint16_t checksum;  /* IPv4 */
};

/*
 * Reads the header where it lies, before it is moved: a load so soon after the move's wide stores
 * would wait for them.
 */
static struct ip_change ip_change(const uint8_t *ip, uint8_t family, uint8_t protocol,
				  uint16_t ip_bytes)
{
	if (family == API_IPV6) {
		uint16_t payload_bytes = (uint16_t)(ip_bytes - sizeof(struct rte_ipv6_hdr));
		return (struct ip_change){ .length_be = rte_cpu_to_be_16(payload_bytes) };
	}
	const struct rte_ipv4_hdr *h = (const void *)ip;
	struct ip_change change = { .length_be = rte_cpu_to_be_16(ip_bytes) };
	/* TTL and protocol are one word of the sum, the protocol its low byte on the wire. */
	uint16_t old_word = rte_cpu_to_be_16((uint16_t)(h->time_to_live << 8 | h->next_proto_id));
	uint16_t new_word = rte_cpu_to_be_16((uint16_t)(h->time_to_live << 8 | protocol));
	change.checksum = checksum_update(h->hdr_checksum, h->total_length, change.length_be);
	change.checksum = checksum_update(change.checksum, old_word, new_word);
	return change;
}

/* Stores it; next_header is the byte that names the upper layer. */
static void ip_apply(uint8_t *ip, uint8_t family, uint8_t *next_header, uint8_t protocol,
		     struct ip_change change)
{
	*next_header = protocol;
	if (family == API_IPV6) {
		((struct rte_ipv6_hdr *)ip)->payload_len = change.length_be;
		return;
	}
	struct rte_ipv4_hdr *h = (void *)ip;
	h->total_length = change.length_be;
	h->hdr_checksum = change.checksum;
}

static enum counter check_ports(const struct sa_id *id, const uint8_t *l4, uint16_t l4_bytes,
				uint8_t protocol)
{
	if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP)
		return protocol == NEXT_HEADER_NONE ? COUNT_esp_dummy : COUNT_esp_bad_next_header;
	if (l4_bytes < (protocol == IPPROTO_UDP ? UDP_BYTES : TCP_BYTES))
		return COUNT_packet_truncated;
	uint16_t source, destination;
	memcpy(&source, l4, sizeof(source));
	memcpy(&destination, l4 + 2, sizeof(destination));
	return source == id->peer_port_be && destination == id->local_port_be
		       ? ESP_OK
		       : COUNT_esp_wrong_port;
}

/* RFC 4303 2.4: 1, 2, 3 … */
static void padding_write(uint8_t *pad, uint8_t n_bytes)
{
	for (uint8_t i = 0; i < n_bytes; i++)
		pad[i] = i + 1;
}

static bool padding_is_good(const uint8_t *pad, uint8_t n_bytes)
{
	for (uint8_t i = 0; i < n_bytes; i++) {
		if (pad[i] != i + 1)
			return false;
	}
	return true;
}

enum counter esp_in_finish(struct rte_mbuf *m, struct pkt *p)
{
	const struct crypto_job *job = &p->job;
	const uint8_t *payload = job->esp + job->cipher_start;
	const uint8_t *trailer = job->esp + job->auth_bytes - ESP_TRAILER_BYTES;
	uint8_t pad_bytes = trailer[0], protocol = trailer[1];
	if (pad_bytes > trailer - payload || !padding_is_good(trailer - pad_bytes, pad_bytes))
		return COUNT_esp_bad_padding;
	uint16_t l4_bytes = (uint16_t)(trailer - pad_bytes - payload);
	enum counter verdict = check_ports(&p->sa->id, payload, l4_bytes, protocol);
	if (verdict != ESP_OK)
		return verdict;

	/* The headers move up to the payload; what was behind them is gone with the trailer. */
	uint16_t moved = job->cipher_start;
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	uint16_t ip_bytes = p->at.l4 - p->at.l3 + l4_bytes;
	struct ip_change change = ip_change(frame + p->at.l3, p->at.family, protocol, ip_bytes);
	memmove(frame + moved, frame, p->at.l4);
	rte_pktmbuf_adj(m, moved);
	frame += moved;
	p->at.end = p->at.l4 + l4_bytes;
	p->at.protocol = protocol;
	m->data_len = p->at.end;
	m->pkt_len = p->at.end;
	ip_apply(frame + p->at.l3, p->at.family, frame + p->at.next_header, protocol, change);
	return ESP_OK;
}

enum counter esp_out_prepare(struct rte_mbuf *m, struct pkt *p, uint16_t mtu_bytes)
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
	if (ip_bytes > mtu_bytes)
		return COUNT_out_too_big;

	struct ip_change change = ip_change(rte_pktmbuf_mtod_offset(m, uint8_t *, p->at.l3),
					    p->at.family, IPPROTO_ESP, ip_bytes);
	m->data_len = p->at.end; /* Ethernet padding goes */
	m->pkt_len = p->at.end;
	uint8_t *frame = (void *)rte_pktmbuf_prepend(m, inserted);
	if (!frame || !rte_pktmbuf_append(m, appended))
		return COUNT_out_too_big;
	memmove(frame, frame + inserted, p->at.l4);
	uint8_t *esp = frame + p->at.l4;
	uint32_t header[2] = { rte_cpu_to_be_32(p->spi), rte_cpu_to_be_32(p->sequence) };
	memcpy(esp, header, sizeof(header));
	uint8_t *trailer = esp + inserted + l4_bytes;
	padding_write(trailer, (uint8_t)pad_bytes);
	trailer[pad_bytes] = (uint8_t)pad_bytes;
	trailer[pad_bytes + 1] = p->at.protocol;
	ip_apply(frame + p->at.l3, p->at.family, frame + p->at.next_header, IPPROTO_ESP, change);
	fill_job(m, p, esp, inserted + unpadded + pad_bytes, CRYPTO_SIGN);
	return ESP_OK;
}
