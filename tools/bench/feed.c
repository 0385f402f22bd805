#include "tools/bench/bench.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mbuf.h>
#include <rte_udp.h>

#include "dataplane/pkt.h"

/* 10.0.0.0/8 holds sixteen million peers; the edge is 192.0.2.1. */
#define PEER_NET      0x0a000000u
#define LOCAL_ADDRESS 0xc0000201u
#define LOCAL_PORT    5063
#define PEER_PORT     5064
#define OWNER         1
#define FEED_BURST    32

int bench_feed_open(struct bench_feed *f, struct bench *b, uint32_t n_room)
{
	memset(f, 0, sizeof(*f));
	f->bench = b;
	f->n_room = n_room;
	f->peer = calloc(n_room, sizeof(*f->peer));
	f->crypto = crypto_new(-1);
	f->random = UINT64_C(0x853c49e6748fea9b); /* the same peers in every run */
	return f->peer && f->crypto ? 0 : -ENOMEM;
}

void bench_feed_close(struct bench_feed *f)
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

static int install_peer(struct bench_feed *f, uint32_t i)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[f->suite];
	bool sha1 = f->suite == CRYPTO_HMAC_SHA1_NULL || f->suite == CRYPTO_HMAC_SHA1_AES_CBC;
	struct bench_peer *peer = &f->peer[i];
	*peer = (struct bench_peer){ .address_be = rte_cpu_to_be_32(PEER_NET + 1 + i) };
	struct api_set set = {
		.registration = i + 1,
		.family = API_IPV4,
		.mode = API_TRANSPORT,
		.integrity = sha1 ? API_HMAC_SHA1_96 : API_HMAC_MD5_96,
		.cipher = shape->iv_bytes ? API_AES_CBC : API_CIPHER_NULL,
		.auth_key_bytes = shape->auth_key_bytes,
		.cipher_key_bytes = shape->cipher_key_bytes,
		.sa = { { .direction = API_IN, .local_port = LOCAL_PORT, .peer_port = PEER_PORT },
			{ .direction = API_OUT,
			  .spi = 0x10000 + i,
			  .local_port = LOCAL_PORT,
			  .peer_port = PEER_PORT } },
	};
	uint32_t local_be = rte_cpu_to_be_32(LOCAL_ADDRESS);
	memcpy(set.local.bytes, &local_be, 4);
	memcpy(set.peer.bytes, &peer->address_be, 4);
	if (getrandom(set.auth_key, shape->auth_key_bytes, 0) < 0 ||
	    getrandom(set.cipher_key, sizeof(set.cipher_key), 0) < 0)
		return -errno;
	struct api_set_result result;
	int rc = set_install(&f->bench->sets, &set, NULL, OWNER, 1, &result);
	if (rc < 0)
		return rc;
	peer->spi_in_be = rte_cpu_to_be_32(result.spi[0]);
	peer->key = sa_slot_of_spi(&f->bench->sas, result.spi[0])->key;
	return 0;
}

int bench_feed_install(struct bench_feed *f, enum crypto_suite suite, uint32_t n)
{
	if (n > f->n_room)
		return -ENOSPC;
	set_delete_all(&f->bench->sets, OWNER);
	sa_grace(&f->bench->sas);
	rte_rcu_qsbr_quiescent(f->bench->sas.rcu, 0); /* the worker is this thread, and at rest */
	while (sa_reclaim(&f->bench->sas))
		;
	f->suite = suite;
	f->n_peers = n;
	for (uint32_t i = 0; i < n; i++) {
		int rc = install_peer(f, i);
		if (rc < 0)
			return rc;
	}
	return 0;
}

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

static void write_esp(struct bench_feed *f, struct rte_mbuf *m, struct bench_peer *peer,
		      uint32_t size_bytes)
{
	uint8_t *esp = write_headers(m, peer->address_be, rte_cpu_to_be_32(LOCAL_ADDRESS),
				     IPPROTO_ESP, size_bytes);
	uint32_t sequence_be = rte_cpu_to_be_32(++peer->sequence);
	uint32_t auth_bytes = size_bytes - BENCH_IPV4_BYTES - BENCH_ICV_BYTES;
	uint32_t l4_bytes = auth_bytes - BENCH_ESP_BYTES - BENCH_TRAILER_BYTES;
	memcpy(esp, &peer->spi_in_be, 4);
	memcpy(esp + 4, &sequence_be, 4);
	write_udp(esp + BENCH_ESP_BYTES, PEER_PORT, LOCAL_PORT, l4_bytes);
	esp[BENCH_ESP_BYTES + l4_bytes] = 0;
	esp[BENCH_ESP_BYTES + l4_bytes + 1] = IPPROTO_UDP;
	pkt_of(m)->job = (struct crypto_job){
		.key = &peer->key,
		.esp = esp,
		.auth_bytes = (uint16_t)auth_bytes,
		.suite = (uint8_t)f->suite,
		.direction = CRYPTO_SIGN,
	};
}

/* The clear packet that becomes an ESP packet of the wanted size. */
static void write_clear(struct rte_mbuf *m, const struct bench_peer *peer, uint32_t size_bytes)
{
	uint32_t l4_bytes = size_bytes - BENCH_IPV4_BYTES - BENCH_ICV_BYTES - BENCH_ESP_BYTES -
			    BENCH_TRAILER_BYTES;
	uint8_t *l4 = write_headers(m, rte_cpu_to_be_32(LOCAL_ADDRESS), peer->address_be,
				    IPPROTO_UDP, BENCH_IPV4_BYTES + l4_bytes);
	write_udp(l4, LOCAL_PORT, PEER_PORT, l4_bytes);
}

static void sign(struct bench_feed *f, struct rte_mbuf *m[], unsigned n)
{
	struct crypto_job *job[FEED_BURST];
	for (unsigned i = 0; i < n; i++)
		job[i] = &pkt_of(m[i])->job;
	crypto_submit(f->crypto, job, n);
	while (crypto_collect(f->crypto, job, FEED_BURST))
		;
}

int bench_feed_round(struct bench_feed *f, bool inbound, uint32_t size_bytes)
{
	struct rte_ring *ring = inbound ? f->bench->network_rx : f->bench->kernel_rx;
	for (unsigned done = 0; done < BENCH_ROUND_PKTS; done += FEED_BURST) {
		struct rte_mbuf *m[FEED_BURST];
		if (rte_pktmbuf_alloc_bulk(f->bench->zones.pool, m, FEED_BURST) != 0)
			return -ENOMEM;
		for (unsigned i = 0; i < FEED_BURST; i++) {
			struct bench_peer *peer =
				&f->peer[(uint64_t)next_random(f) * f->n_peers >> 32];
			if (inbound)
				write_esp(f, m[i], peer, size_bytes);
			else
				write_clear(m[i], peer, size_bytes);
		}
		if (inbound)
			sign(f, m, FEED_BURST);
		if (rte_ring_sp_enqueue_bulk(ring, (void **)m, FEED_BURST, NULL) != FEED_BURST)
			return -ENOBUFS;
	}
	return 0;
}

uint32_t bench_feed_drain(struct bench_feed *f, bool inbound)
{
	struct rte_ring *ring = inbound ? f->bench->kernel_tx : f->bench->network_tx;
	struct rte_mbuf *m[FEED_BURST];
	uint32_t n_all = 0;
	for (unsigned n; (n = rte_ring_sc_dequeue_burst(ring, (void **)m, FEED_BURST, NULL));) {
		rte_pktmbuf_free_bulk(m, n);
		n_all += n;
	}
	return n_all;
}
