#include "tools/bench/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "crypto/job.h"
#include "dataplane/pkt.h"

/* 10.0.0.0/8 holds sixteen million peers; the edge is 192.0.2.1. */
#define PEER_NET       0x0a000000u
#define LOCAL_ADDRESS  0xc0000201u
#define PEER_PORT      5064
#define FIRST_PEER_SPI 0x10000u
#define OWNER          1
/* What inbound SAs have received already: room for replays below it. */
#define FIRST_SEQUENCE 1000u
/* Above the index of the largest table: another generation of the same slot. */
#define GENERATION_BIT (1u << 31)

int feed_open(struct bench_feed *f, struct bench *b, uint32_t n_room)
{
	memset(f, 0, sizeof(*f));
	f->bench = b;
	f->pool = b->zones.pool;
	f->n_room = n_room;
	f->peer = calloc(n_room, sizeof(*f->peer));
	f->crypto = crypto_new(-1);
	f->random = UINT64_C(0x853c49e6748fea9b); /* the same peers in every run */
	return f->peer && f->crypto ? 0 : -ENOMEM;
}

void feed_close(struct bench_feed *f)
{
	crypto_free(f->crypto);
	free(f->peer);
}

/* xorshift64*: cheap, and long enough in period for any run. */
static uint32_t next_random(struct bench_feed *f)
{
	f->random ^= f->random >> 12;
	f->random ^= f->random << 25;
	f->random ^= f->random >> 27;
	return (uint32_t)(f->random * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

static uint32_t pick(struct bench_feed *f)
{
	uint32_t n = f->member ? f->n_members : f->n_peers;
	uint32_t i = (uint32_t)((uint64_t)next_random(f) * n >> 32);
	return f->member ? f->member[i] : i;
}

const struct sa *feed_random_sa(struct bench_feed *f)
{
	return sa_slot_of_spi(&f->bench->sas, rte_be_to_cpu_32(f->peer[pick(f)].spi_be));
}

/* ---- peers ---- */

/* splitmix64 of the peer's number: another key for every SA, and again the same whenever asked. */
static void fill_keys(const struct bench_feed *f, uint32_t i, struct api_set *set)
{
	uint64_t state = ((uint64_t)f->n_populations << 32 | i) * UINT64_C(0xd1342543de82ef95);
	uint8_t bytes[2 * API_KEY_BYTES + sizeof(uint64_t)];
	for (unsigned at = 0; at < sizeof(bytes); at += sizeof(uint64_t)) {
		uint64_t word = state += UINT64_C(0x9e3779b97f4a7c15);
		word = (word ^ word >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		word = (word ^ word >> 27) * UINT64_C(0x94d049bb133111eb);
		word ^= word >> 31;
		memcpy(bytes + at, &word, sizeof(word));
	}
	const struct crypto_suite_shape *shape = bench_suite_shape(f->suite);
	memcpy(set->auth_key, bytes, shape->auth_key_bytes);
	memcpy(set->cipher_key, bytes + API_KEY_BYTES, shape->cipher_key_bytes);
	memcpy(set->salt, bytes + 2 * API_KEY_BYTES, shape->salt_bytes);
}

static uint32_t peer_address_be(uint32_t i)
{
	return rte_cpu_to_be_32(PEER_NET + 1 + i);
}

void feed_addresses(uint32_t peer, uint32_t pair_be[2])
{
	pair_be[0] = peer_address_be(peer);
	pair_be[1] = rte_cpu_to_be_32(LOCAL_ADDRESS);
}

static int install_peer(struct bench_feed *f, uint32_t i)
{
	const struct crypto_suite_shape *shape = bench_suite_shape(f->suite);
	struct api_set set = {
		.registration = i + 1,
		.family = API_IPV4,
		.mode = API_TRANSPORT,
		.integrity = f->suite->integrity,
		.cipher = f->suite->cipher,
		.auth_key_bytes = shape->auth_key_bytes,
		.cipher_key_bytes = shape->cipher_key_bytes,
		.sa = { { .direction = f->inbound ? API_IN : API_OUT,
			  .spi = f->inbound ? 0 : FIRST_PEER_SPI + i,
			  .local_port = FEED_LOCAL_PORT,
			  .peer_port = PEER_PORT,
			  .sequence = FIRST_SEQUENCE } },
	};
	uint32_t local_be = rte_cpu_to_be_32(LOCAL_ADDRESS), peer_be = peer_address_be(i);
	memcpy(set.local.bytes, &local_be, 4);
	memcpy(set.peer.bytes, &peer_be, 4);
	fill_keys(f, i, &set);
	struct api_set_result result;
	int rc = set_install(&f->bench->sets, &set, NULL, OWNER, 1, &result);
	f->peer[i] = (struct feed_peer){ .spi_be = rte_cpu_to_be_32(result.spi[0]),
					 .sequence = FIRST_SEQUENCE };
	return rc;
}

void feed_begin(struct bench_feed *f, const struct bench_suite *suite, bool inbound)
{
	f->suite = suite;
	f->inbound = inbound;
	f->n_peers = 0;
	f->n_populations++;
}

int feed_grow(struct bench_feed *f, uint32_t n)
{
	if (n > f->n_room)
		return -ENOSPC;
	for (; f->n_peers < n; f->n_peers++) {
		int rc = install_peer(f, f->n_peers);
		if (rc < 0)
			return rc;
	}
	return 0;
}

void feed_end(struct bench_feed *f)
{
	set_delete_all(&f->bench->sets, OWNER);
	bench_reclaim(f->bench);
	f->n_peers = 0;
}

/* ---- packets ---- */

/* Ethernet and IPv4 up to where the upper layer begins; returns that place. */
static uint8_t *write_headers(struct rte_mbuf *m, uint32_t source_be, uint32_t destination_be,
			      uint8_t protocol, uint32_t ip_bytes)
{
	uint8_t *frame = (void *)rte_pktmbuf_append(m, RTE_ETHER_HDR_LEN + ip_bytes);
	struct rte_ether_hdr *ether = (void *)frame;
	*ether = (struct rte_ether_hdr){ .ether_type = rte_cpu_to_be_16(RTE_ETHER_TYPE_IPV4) };
	struct rte_ipv4_hdr *ip = (void *)(ether + 1);
	*ip = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16((uint16_t)ip_bytes),
		.time_to_live = 64,
		.next_proto_id = protocol,
		.src_addr = source_be,
		.dst_addr = destination_be,
	};
	ip->hdr_checksum = rte_ipv4_cksum(ip);
	return (uint8_t *)(ip + 1);
}

static void write_udp(uint8_t *l4, uint16_t source, uint16_t destination, uint32_t l4_bytes)
{
	struct rte_udp_hdr *udp = (void *)l4;
	*udp = (struct rte_udp_hdr){ .src_port = rte_cpu_to_be_16(source),
				     .dst_port = rte_cpu_to_be_16(destination),
				     .dgram_len = rte_cpu_to_be_16((uint16_t)l4_bytes) };
	memset(udp + 1, 'x', l4_bytes - sizeof(*udp));
}

/* Header, datagram and trailer, as they are before the cipher; returns where ESP begins. */
static uint8_t *write_esp(const struct bench_feed *f, struct rte_mbuf *m, uint32_t i,
			  const struct bench_layout *layout, uint32_t spi_be, uint32_t sequence)
{
	uint8_t *esp = write_headers(m, peer_address_be(i), rte_cpu_to_be_32(LOCAL_ADDRESS),
				     IPPROTO_ESP, layout->ip_bytes);
	uint32_t sequence_be = rte_cpu_to_be_32(sequence);
	memcpy(esp, &spi_be, 4);
	memcpy(esp + 4, &sequence_be, 4);
	uint8_t *inner = esp + BENCH_ESP_BYTES + bench_suite_shape(f->suite)->iv_bytes;
	write_udp(inner, PEER_PORT, FEED_LOCAL_PORT, layout->l4_bytes);
	inner[layout->l4_bytes] = 0;
	inner[layout->l4_bytes + 1] = IPPROTO_UDP;
	return esp;
}

static void make_esp(struct bench_feed *f, struct rte_mbuf *m[], unsigned n,
		     const struct bench_layout *layout)
{
	const struct crypto_suite_shape *shape = bench_suite_shape(f->suite);
	struct crypto_job *job[FEED_BURST];
	struct crypto_key key[FEED_BURST];
	for (unsigned k = 0; k < n; k++) {
		uint32_t i = pick(f);
		struct api_set set;
		fill_keys(f, i, &set);
		crypto_prepare(f->crypto, f->suite->suite, set.auth_key, set.cipher_key, set.salt,
			       &key[k]);
		struct feed_peer *peer = &f->peer[i];
		uint16_t cipher_start = (uint16_t)(BENCH_ESP_BYTES + shape->iv_bytes);
		job[k] = &pkt_of(m[k])->job;
		*job[k] = (struct crypto_job){
			.key = &key[k],
			.esp = write_esp(f, m[k], i, layout, peer->spi_be, ++peer->sequence),
			.auth_bytes = layout->auth_bytes,
			.cipher_start = cipher_start,
			.cipher_bytes = (uint16_t)(layout->auth_bytes - cipher_start),
			.suite = f->suite->suite,
			.direction = CRYPTO_SIGN,
		};
	}
	crypto_run(f->crypto, job, n);
}

/* The clear packet that becomes an ESP packet of the wanted size. */
static void make_clear(struct bench_feed *f, struct rte_mbuf *m, const struct bench_layout *layout)
{
	uint8_t *l4 = write_headers(m, rte_cpu_to_be_32(LOCAL_ADDRESS), peer_address_be(pick(f)),
				    IPPROTO_UDP, BENCH_IPV4_BYTES + layout->l4_bytes);
	write_udp(l4, FEED_LOCAL_PORT, PEER_PORT, layout->l4_bytes);
}

int feed_make(struct bench_feed *f, struct rte_mbuf *m[], unsigned n, uint32_t size_bytes)
{
	const struct bench_layout layout = bench_layout(f->suite, size_bytes);
	if (rte_pktmbuf_alloc_bulk(f->pool, m, n) != 0)
		return -ENOMEM;
	if (f->inbound) {
		make_esp(f, m, n, &layout);
		return 0;
	}
	for (unsigned k = 0; k < n; k++)
		make_clear(f, m[k], &layout);
	return 0;
}

static void make_bad(struct bench_feed *f, struct rte_mbuf *m, int bad, uint32_t size_bytes)
{
	const struct bench_layout layout = bench_layout(f->suite, size_bytes);
	uint32_t i = pick(f);
	const struct feed_peer *peer = &f->peer[i];
	uint32_t below_top = next_random(f) % 64; /* inside of a window of 128 */
	if (bad == FEED_REPLAYED) {
		write_esp(f, m, i, &layout, peer->spi_be, peer->sequence - below_top);
	} else if (bad == FEED_UNKNOWN_SPI) {
		write_esp(f, m, i, &layout, peer->spi_be ^ rte_cpu_to_be_32(GENERATION_BIT),
			  peer->sequence + 1);
	} else {
		uint8_t *l4 = write_headers(m, peer_address_be(i), rte_cpu_to_be_32(LOCAL_ADDRESS),
					    IPPROTO_UDP, BENCH_IPV4_BYTES + layout.l4_bytes);
		write_udp(l4, PEER_PORT, FEED_LOCAL_PORT, layout.l4_bytes);
	}
}

static int enqueue(struct rte_ring *ring, struct rte_mbuf *m[], unsigned n)
{
	return rte_ring_sp_enqueue_bulk(ring, (void **)m, n, NULL) == n ? 0 : -ENOBUFS;
}

int feed_round(struct bench_feed *f, uint32_t size_bytes)
{
	struct rte_ring *ring = f->inbound ? f->bench->network_rx : f->bench->kernel_rx;
	struct rte_mbuf *m[FEED_BURST];
	int rc = 0;
	for (unsigned done = 0; done < f->bench->round_pkts && rc == 0; done += FEED_BURST) {
		rc = feed_make(f, m, FEED_BURST, size_bytes);
		if (rc == 0)
			rc = enqueue(ring, m, FEED_BURST);
	}
	return rc;
}

/* A round from the network of packets that make() writes, each of them for itself. */
static int round_of(struct bench_feed *f, int kind, uint32_t size_bytes,
		    void (*make)(struct bench_feed *f, struct rte_mbuf *m, int kind,
				 uint32_t size_bytes))
{
	struct rte_mbuf *m[FEED_BURST];
	int rc = 0;
	for (unsigned done = 0; done < f->bench->round_pkts && rc == 0; done += FEED_BURST) {
		if (rte_pktmbuf_alloc_bulk(f->pool, m, FEED_BURST) != 0)
			return -ENOMEM;
		for (unsigned k = 0; k < FEED_BURST; k++)
			make(f, m[k], kind, size_bytes);
		rc = enqueue(f->bench->network_rx, m, FEED_BURST);
	}
	return rc;
}

int feed_bad_round(struct bench_feed *f, enum feed_bad bad, uint32_t size_bytes)
{
	return round_of(f, (int)bad, size_bytes, make_bad);
}

static void make_sip(struct bench_feed *f, struct rte_mbuf *m, int strangers, uint32_t size_bytes)
{
	/* The peers' addresses begin with 10: peer_address_be(). */
	uint32_t source = strangers ? rte_cpu_to_be_32((next_random(f) & 0x3fffffff) | 0x40000000)
				    : peer_address_be(pick(f));
	uint8_t *l4 =
		write_headers(m, source, rte_cpu_to_be_32(LOCAL_ADDRESS), IPPROTO_UDP, size_bytes);
	write_udp(l4, FEED_SIP_PORT, FEED_SIP_PORT, size_bytes - BENCH_IPV4_BYTES);
}

int feed_clear_round(struct bench_feed *f, bool strangers, uint32_t size_bytes)
{
	return round_of(f, strangers, size_bytes, make_sip);
}

uint32_t feed_drain(struct bench_feed *f)
{
	struct rte_ring *ring = f->inbound ? f->bench->kernel_tx : f->bench->network_tx;
	struct rte_mbuf *m[FEED_BURST];
	uint32_t n_all = 0;
	for (unsigned n; (n = rte_ring_sc_dequeue_burst(ring, (void **)m, FEED_BURST, NULL));) {
		rte_pktmbuf_free_bulk(m, n);
		n_all += n;
	}
	return n_all;
}
