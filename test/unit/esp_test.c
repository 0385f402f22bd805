/* ESP on the wire: the published vectors, and two SAs that understand each other. */
#include "dataplane/esp.h"

#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/fixture_ue.h"

/* WIRE 6: 192.0.2.1:5062 → 192.0.2.2:5064, SPI 0x1001, sequence number 1, IK of test set 1. */
static const struct {
	const char *what;
	enum crypto_suite suite;
	const char *packet;
} vectors[] = {
	{ "HMAC-SHA-1-96", CRYPTO_HMAC_SHA1_NULL,
	  "4500004c000100004032f67bc0000201c0000202 00001001 00000001 13c613c80021a08c"
	  "4f5054494f4e53207369703a70205349502f322e300d0a0d0a 01 01 11 82adbb726bdd1efbcd0c881a" },
	{ "HMAC-MD5-96", CRYPTO_HMAC_MD5_NULL,
	  "4500004c000100004032f67bc0000201c0000202 00001001 00000001 13c613c80021a08c"
	  "4f5054494f4e53207369703a70205349502f322e300d0a0d0a 01 01 11 0774cd5d4c9ccd1f1ce49ad8" },
};
#define VECTOR_SPI 0x1001
static const char vector_key[] = "f769bcd751044604127672711c6d3441 00000000";
static const char vector_clear[] = "45000035000100004011f6b3c0000201c0000202 13c613c80021a08c"
				   "4f5054494f4e53207369703a70205349502f322e300d0a0d0a";
static const char ether[] = "020000000001 020000000002 0800";

/* The frame of a vector; returns its bytes. */
static uint32_t frame_of(const char *packet, uint8_t *frame)
{
	size_t n = test_hex(ether, frame, 14);
	return (uint32_t)(n + test_hex(packet, frame + n, 256));
}

static struct api_set vector_set(enum crypto_suite suite)
{
	struct api_set set = set_two_pairs(1, suite, API_IPV4);
	memset(set.sa, 0, sizeof(set.sa));
	memset(set.local.bytes, 0, sizeof(set.local.bytes));
	memset(set.peer.bytes, 0, sizeof(set.peer.bytes));
	test_hex("c0000201", set.local.bytes, 4);
	test_hex("c0000202", set.peer.bytes, 4);
	test_hex(vector_key, set.auth_key, 20);
	set.sa[0] = (struct api_sa){
		.direction = API_OUT, .spi = VECTOR_SPI, .local_port = 5062, .peer_port = 5064
	};
	return set;
}

TEST(esp, c066_the_vectors_leave_byte_for_byte)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct fixture *f = fixture_open(&fixture_table);
		struct api_set set = vector_set(vectors[i].suite);
		struct api_set_result result;
		uint8_t clear[256], expected[256];
		struct packet got;
		test_context("%s", vectors[i].what);
		ASSERT_EQ(set_install(&f->sets, &set, NULL, FIXTURE_OWNER, 1, &result), 0);
		uint32_t n = frame_of(vector_clear, clear);
		fixture_send(f, FIXTURE_KERNEL, 0, clear, n);
		fixture_turn(f);
		ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, 0, &got));
		EXPECT_EQ(got.n_bytes, frame_of(vectors[i].packet, expected));
		EXPECT_MEM(got.bytes, expected, got.n_bytes);
		EXPECT_EQ(fixture_close(f), 0);
	}
}

/* The vector's SPI is below what this table gives out, so the SA is made by hand. */
static void fill_sa(struct sa *sa, struct fixture *f, enum crypto_suite suite)
{
	struct api_set set = vector_set(suite);
	memset(sa, 0, sizeof(*sa));
	sa->id.suite = (uint8_t)suite;
	sa->id.peer_port_be = htons(5062);
	sa->id.local_port_be = htons(5064);
	EXPECT_EQ(crypto_prepare(f->sets.crypto, suite, set.auth_key, set.cipher_key, set.salt,
				 &sa->key),
		  0);
}

TEST(esp, c066_the_vectors_are_accepted_byte_for_byte)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		struct fixture *f = fixture_open(&fixture_table);
		struct sa sa;
		uint8_t clear[256], frame[256];
		test_context("%s", vectors[i].what);
		fill_sa(&sa, f, vectors[i].suite);
		uint32_t n = frame_of(vectors[i].packet, frame);
		struct rte_mbuf *m = rte_pktmbuf_alloc(f->zones.pool);
		ASSERT_TRUE(m);
		memcpy(rte_pktmbuf_append(m, (uint16_t)n), frame, n);
		struct pkt *p = pkt_of(m);
		p->sa = &sa;
		ASSERT_EQ(parse_frame(frame, n, &p->at), PARSE_IP);
		ASSERT_EQ(esp_in_prepare(m, p), ESP_OK);
		struct crypto_job *job = &p->job;
		ASSERT_EQ(crypto_submit(f->worker.crypto, &job, 1), 1);
		ASSERT_EQ(crypto_collect(f->worker.crypto, &job, 1), 1);
		ASSERT_EQ(p->job.status, CRYPTO_DONE);
		ASSERT_EQ(esp_in_finish(m, p), ESP_OK);
		EXPECT_EQ(m->data_len, frame_of(vector_clear, clear));
		EXPECT_EQ(m->pkt_len, m->data_len);
		EXPECT_MEM(rte_pktmbuf_mtod(m, uint8_t *), clear, m->data_len);
		rte_pktmbuf_free(m);
		EXPECT_EQ(fixture_close(f), 0);
	}
}

/* ---- two ends ---- */

/* The UE's half of a set: zone 1 plays its data plane. `wire` are its SPIs and the edge's. */
static void install_half(struct fixture *f, const struct api_set *edge, uint64_t registration,
			 enum set_sa which, uint32_t spi, struct api_set_result *result)
{
	const struct api_sa *of_edge = &edge->sa[which];
	struct api_set set = *edge;
	set.zone = 1;
	set.registration = registration;
	set.local = edge->peer;
	set.peer = edge->local;
	memset(set.sa, 0, sizeof(set.sa));
	set.sa[0] = (struct api_sa){ .direction = of_edge->direction == API_IN ? API_OUT : API_IN,
				     .spi = spi,
				     .local_port = of_edge->peer_port,
				     .peer_port = of_edge->local_port };
	ASSERT_EQ(set_install(&f->sets, &set, NULL, FIXTURE_OWNER, 1, result), 0);
}

/* Through one end into ESP, through the other end out of it. */
static void carry(struct fixture *f, const struct packet *p, unsigned from, unsigned to)
{
	struct packet wire, got;
	fixture_send(f, FIXTURE_KERNEL, from, p->bytes, p->n_bytes);
	fixture_turn(f);
	ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, from, &wire));
	EXPECT_TRUE(packet_checksum_is_good(&wire));
	/* From one zone's wire to the other's: the tag changes, nothing else. */
	uint8_t frame[PACKET_MAX_BYTES];
	uint32_t n = 14;
	memcpy(frame, wire.bytes, 12);
	memcpy(frame + 12, wire.bytes + wire.l3 - 2, 2);
	if (f->zones.zone[to].vlan) {
		memcpy(frame + 16, frame + 12, 2);
		memcpy(frame + 12, (uint8_t[]){ 0x81, 0, 0, FIXTURE_VLAN }, 4);
		n = 18;
	}
	memcpy(frame + n, wire.bytes + wire.l3, wire.n_bytes - wire.l3);
	fixture_send(f, FIXTURE_NETWORK, to, frame, n + wire.n_bytes - wire.l3);
	fixture_turn(f);
	ASSERT_TRUE(fixture_receive(f, FIXTURE_KERNEL, to, &got));
	EXPECT_EQ(got.n_bytes, p->n_bytes);
	EXPECT_MEM(got.bytes, p->bytes, p->n_bytes);
}

static void round_trips(enum crypto_suite suite, enum api_family family)
{
	struct test_rng rng = { test_seed() };
	struct fixture *f = fixture_open(&fixture_table);
	struct api_set edge = set_two_pairs(1, suite, family);
	struct api_set_result result;
	struct fixture_ue ue = { .set = edge };
	install_half(f, &edge, 100, SET_PC_TO_US, 0, &result);
	edge.sa[SET_PC_TO_US].spi = result.spi[0];
	ASSERT_EQ(set_install(&f->sets, &edge, NULL, FIXTURE_OWNER, 1, &result), 0);
	struct api_set_result ignored;
	install_half(f, &edge, 101, SET_UC_TO_PS, result.spi[SET_UC_TO_PS], &ignored);
	ASSERT_FALSE(test_has_failed());
	ue.from_ue.family = ue.to_ue.family = (uint8_t)family;
	memcpy(ue.from_ue.source, edge.peer.bytes, 16);
	memcpy(ue.from_ue.destination, edge.local.bytes, 16);
	memcpy(ue.to_ue.source, edge.local.bytes, 16);
	memcpy(ue.to_ue.destination, edge.peer.bytes, 16);
	for (size_t n = 0; n <= 1390 && !test_has_failed(); n++) {
		uint8_t payload[1400];
		struct packet p;
		test_context("suite %d, IPv%d, %zu bytes", (int)suite, (int)family, n);
		test_rng_fill(&rng, payload, n);
		fixture_ue_clear(&p, &ue, SET_PC_TO_US, IPPROTO_UDP, payload, n);
		carry(f, &p, 0, 1);
		fixture_ue_clear(&p, &ue, SET_UC_TO_PS, IPPROTO_UDP, payload, n);
		carry(f, &p, 1, 0);
	}
	test_context(NULL);
	expect_accounted(f);
	EXPECT_EQ(fixture_close(f), 0);
}

TEST(esp, two_sas_understand_each_other_with_every_suite_family_and_size)
{
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		round_trips((enum crypto_suite)suite, API_IPV4);
		round_trips((enum crypto_suite)suite, API_IPV6);
	}
}

/* ---- lengths ---- */

TEST(esp, every_shorter_packet_is_dropped)
{
	static const uint8_t text[40] = "REGISTER sip:home SIP/2.0\r\n\r\n";
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		struct fixture *f = fixture_open(&fixture_table);
		struct fixture_ue ue;
		struct packet whole, p;
		const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
		uint32_t least =
			ESP_HEADER_BYTES + shape->iv_bytes + ESP_TRAILER_BYTES + shape->icv_bytes;
		fixture_ue_install(f, &ue, 0, 1, (enum crypto_suite)suite, API_IPV6, NULL);
		fixture_ue_esp(&whole, &ue, SET_UC_TO_PS, 1, IPPROTO_UDP, text, sizeof(text), NULL);
		uint32_t n_esp = whole.n_bytes - whole.l4;
		for (uint32_t n = 0; n < n_esp; n++) {
			test_context("suite %d, %u bytes of ESP", suite, n);
			fixture_mark(f);
			packet_make(&p, &ue.from_ue, IPPROTO_ESP, whole.bytes + whole.l4, n);
			fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
			fixture_turn(f);
			bool blocks = !shape->iv_bytes || (n_esp - n) % shape->block_bytes == 0;
			enum counter reason =
				n >= least && blocks ? COUNT_esp_bad_icv : COUNT_esp_truncated;
			expect_counted(f, COUNTED({ COUNT_network_rx, 1 }, { reason, 1 }));
		}
		EXPECT_EQ(fixture_close(f), 0);
	}
}
