#include "tools/ue/esp.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/random.h>

static void fill_job(struct esp_job *e, uint8_t *esp, uint16_t esp_bytes,
		     enum crypto_direction direction)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[e->sa->suite];
	uint16_t cipher_start = (uint16_t)(ESP_HEADER_BYTES + shape->iv_bytes);
	uint16_t auth_bytes = (uint16_t)(esp_bytes - shape->icv_bytes);

	e->job = (struct crypto_job){
		.key = &e->sa->key,
		.esp = esp,
		.auth_bytes = auth_bytes,
		.cipher_start = cipher_start,
		.cipher_bytes = (uint16_t)(auth_bytes - cipher_start),
		.suite = e->sa->suite,
		.direction = (uint8_t)direction,
	};
}

/* RFC 4303 2.4: 1, 2, 3 …, pad length, next header. */
static void write_trailer(uint8_t *at, unsigned pad_bytes, uint8_t protocol)
{
	for (unsigned i = 0; i < pad_bytes; i++)
		at[i] = (uint8_t)(i + 1);
	at[pad_bytes] = (uint8_t)pad_bytes;
	at[pad_bytes + 1] = protocol;
}

enum esp_verdict esp_seal(struct esp_job *e, struct packet *p, struct sa *sa)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[sa->suite];
	/* In UDP it is tunnel mode: what ESP carries begins with the IP header. */
	unsigned carried = sa->in_udp ? p->bytes : p->bytes - p->l4;
	unsigned outside = sa->in_udp ? PACKET_IPV4_BYTES + PACKET_UDP_BYTES : 0;
	unsigned inserted = ESP_HEADER_BYTES + shape->iv_bytes;
	unsigned unpadded = carried + ESP_TRAILER_BYTES;
	unsigned pad_bytes = -unpadded & (shape->block_bytes - 1u);
	unsigned esp_bytes = inserted + unpadded + pad_bytes + shape->icv_bytes;
	uint32_t word_be[2];
	uint8_t *esp;

	if (sa->sequence == UINT32_MAX)
		return ESP_EXHAUSTED;
	if (p->ip < p->buffer + inserted + outside || p->bytes > PACKET_BYTES)
		return ESP_TOO_BIG;
	e->packet = p;
	e->sa = sa;
	e->sequence = ++sa->sequence;
	sa->spoke = true;
	write_trailer(p->ip + p->bytes, pad_bytes, sa->in_udp ? IPPROTO_IPIP : p->protocol);
	if (sa->in_udp) {
		esp = p->ip - inserted;
		packet_wrap_udp(p, esp, esp_bytes, ESP_UDP_PORT);
	} else {
		packet_reframe(p, -(int)inserted, esp_bytes, IPPROTO_ESP);
		esp = p->ip + p->l4;
	}
	word_be[0] = htonl(sa->spi);
	word_be[1] = htonl(e->sequence);
	memcpy(esp, word_be, sizeof(word_be));
	fill_job(e, esp, (uint16_t)esp_bytes, CRYPTO_SIGN);
	return ESP_OK;
}

enum esp_verdict esp_open(struct esp_job *e, struct packet *p, struct sa_table *sas)
{
	const struct crypto_suite_shape *shape;
	unsigned esp_bytes = p->bytes - p->l4, around;
	uint32_t word_be[2];

	if (p->protocol != IPPROTO_ESP || p->fragment || esp_bytes < ESP_HEADER_BYTES)
		return ESP_MALFORMED;
	memcpy(word_be, p->ip + p->l4, sizeof(word_be));
	e->packet = p;
	e->sequence = ntohl(word_be[1]);
	e->sa = sa_find_inbound(sas, ntohl(word_be[0]));
	if (!e->sa || e->sa->in_udp != p->in_udp)
		return ESP_UNKNOWN_SPI;
	shape = &crypto_suite_shape[e->sa->suite];
	around = ESP_HEADER_BYTES + shape->iv_bytes + shape->icv_bytes;
	if (esp_bytes < around + ESP_TRAILER_BYTES)
		return ESP_MALFORMED;
	if (shape->iv_bytes && (esp_bytes - around) % shape->block_bytes)
		return ESP_MALFORMED;
	if (!window_is_fresh(&e->sa->window, e->sequence))
		return ESP_REPLAYED;
	fill_job(e, p->ip + p->l4, (uint16_t)esp_bytes, CRYPTO_VERIFY);
	return ESP_OK;
}

static bool is_padding(const uint8_t *at, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (at[i] != i + 1)
			return false;
	return true;
}

/* C-077: what came out must be what the SA is for. */
static bool is_selected(const struct esp_job *e, const struct address *ue,
			const struct address *pcscf)
{
	const struct packet *p = e->packet;

	return address_equal(&p->destination, ue) && address_equal(&p->source, pcscf) &&
	       p->destination_port == e->sa->ue_port && p->source_port == e->sa->pcscf_port;
}

/* The packet that ESP carried, whole, instead of the one around it. */
static bool unwrap(struct packet *p, uint8_t *inner, size_t n_bytes, uint8_t next_header)
{
	return next_header == IPPROTO_IPIP && !packet_parse(p, inner, n_bytes) && !p->fragment;
}

enum esp_verdict esp_finish(struct esp_job *e, const struct address *ue,
			    const struct address *pcscf)
{
	uint8_t *payload = e->job.esp + e->job.cipher_start;
	const uint8_t *trailer = e->job.esp + e->job.auth_bytes - ESP_TRAILER_BYTES;
	unsigned pad_bytes;
	size_t carried;

	if (e->job.status != CRYPTO_DONE)
		return e->job.status == CRYPTO_BAD_ICV ? ESP_BAD_ICV : ESP_FAILED;
	if (!window_is_fresh(&e->sa->window, e->sequence))
		return ESP_REPLAYED; /* its twin was in the same burst */
	window_accept(&e->sa->window, e->sequence);
	pad_bytes = trailer[0];
	if (pad_bytes > trailer - payload || !is_padding(trailer - pad_bytes, pad_bytes))
		return ESP_BAD_PADDING;
	carried = (size_t)(trailer - pad_bytes - payload);
	if (!e->sa->in_udp)
		packet_reframe(e->packet, e->job.cipher_start, carried, trailer[1]);
	else if (!unwrap(e->packet, payload, carried, trailer[1]))
		return ESP_BAD_SELECTOR;
	return is_selected(e, ue, pcscf) ? ESP_OK : ESP_BAD_SELECTOR;
}

void esp_run(struct crypto *c, struct esp_job *jobs[], unsigned n)
{
	struct crypto_job *in[CRYPTO_BURST], *out[CRYPTO_BURST];
	unsigned taken = 0;

	for (unsigned i = 0; i < n; i++)
		in[i] = &jobs[i]->job;
	while (taken < n) {
		unsigned took = crypto_submit(c, in + taken, n - taken);

		while (crypto_collect(c, out, CRYPTO_BURST))
			;
		if (!took)
			break; /* what is left keeps CRYPTO_PENDING: nobody takes it for done */
		taken += took;
	}
}
