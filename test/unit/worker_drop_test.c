/* From the network: each reason to drop, one packet for each. */
#include <netinet/in.h>
#include <string.h>

#include "dataplane/esp.h"
#include "test/shim/test.h"
#include "test/unit/scene.h"

static void cut_in_ip(struct scene *s, struct packet *p)
{
	scene_esp(s, p, 1);
	p->n_bytes = p->l3 + 19;
}

static void wrong_version(struct scene *s, struct packet *p)
{
	scene_esp(s, p, 1);
	p->bytes[p->l3] = 0x55;
}

static void tag_of_nobody(struct scene *s, struct packet *p)
{
	s->ue.from_ue.vlan = FIXTURE_VLAN + 50;
	scene_esp(s, p, 1);
}

static void seven_bytes_of_esp(struct scene *s, struct packet *p)
{
	uint8_t bytes[7] = { 0 };
	packet_make(p, &s->ue.from_ue, IPPROTO_ESP, bytes, sizeof(bytes));
}

static void esp_without_trailer(struct scene *s, struct packet *p)
{
	struct packet whole;
	scene_esp(s, &whole, 1);
	packet_make(p, &s->ue.from_ue, IPPROTO_ESP, whole.bytes + whole.l4, 8 + 1 + 12);
}

static void unknown_spi(struct scene *s, struct packet *p)
{
	s->ue.sa[SET_UC_TO_PS].spi ^= 1u << 31;
	scene_esp(s, p, 1);
}

static void spi_beyond_the_table(struct scene *s, struct packet *p)
{
	s->ue.sa[SET_UC_TO_PS].spi ^= 1u << 20;
	scene_esp(s, p, 1);
}

static void spi_zero(struct scene *s, struct packet *p)
{
	s->ue.sa[SET_UC_TO_PS].spi = 0;
	scene_esp(s, p, 1);
}

static void reflected(struct scene *s, struct packet *p)
{
	fixture_ue_esp(p, &s->ue, SET_PS_TO_UC, 1, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES, NULL);
}

static void reflected_with_our_spi(struct scene *s, struct packet *p)
{
	s->ue.sa[SET_PS_TO_UC].spi = s->ue.sa[SET_UC_TO_PS].spi;
	reflected(s, p);
}

static void wrong_source(struct scene *s, struct packet *p)
{
	s->ue.from_ue.source[3] ^= 1;
	scene_esp(s, p, 1);
}

static void wrong_source_at_its_end(struct scene *s, struct packet *p)
{
	s->ue.from_ue.source[s->ue.from_ue.family == API_IPV4 ? 3 : 15] ^= 0x80;
	scene_esp(s, p, 1);
}

static void wrong_destination(struct scene *s, struct packet *p)
{
	s->ue.from_ue.destination[s->ue.from_ue.family == API_IPV4 ? 3 : 15] ^= 2;
	scene_esp(s, p, 1);
}

/* Where IPv4 has its addresses there are the SA's, but the packet is IPv6. */
static void other_family(struct scene *s, struct packet *p)
{
	struct packet right;
	scene_esp(s, &right, 1);
	struct packet_ip ip = { .family = s->ue.set.family == API_IPV4 ? 6 : 4 };
	memcpy(ip.source + 4, s->ue.set.peer.bytes, 4);
	memcpy(ip.source + 8, s->ue.set.local.bytes, 4);
	packet_make(p, &ip, IPPROTO_ESP, right.bytes + right.l4, right.n_bytes - right.l4);
}

static void expired(struct scene *s, struct packet *p)
{
	set_update(&s->f->sets, s->ue.set.registration, FIXTURE_OWNER, 10, s->f->now_s);
	fixture_set_time(s->f, s->f->now_s + 10);
	scene_esp(s, p, 1);
}

static void sequence_zero(struct scene *s, struct packet *p)
{
	scene_esp(s, p, 0);
}

static void replayed(struct scene *s, struct packet *p)
{
	scene_esp(s, p, 300);
	scene_send(s, p);
	scene_expect_delivered(s);
}

static void late(struct scene *s, struct packet *p)
{
	replayed(s, p);
	scene_esp(s, p, 300 - 128);
}

/* C-073: the number is judged before the ICV, and costs no cryptography. */
static void replayed_with_bad_icv(struct scene *s, struct packet *p)
{
	replayed(s, p);
	p->bytes[p->n_bytes - 1] ^= 1;
}

static void late_with_bad_icv(struct scene *s, struct packet *p)
{
	late(s, p);
	p->bytes[p->n_bytes - 1] ^= 1;
}

static void bad_icv(struct scene *s, struct packet *p)
{
	scene_esp(s, p, 1);
	p->bytes[p->n_bytes - 1] ^= 1;
}

static void bad_icv_of_a_high_number(struct scene *s, struct packet *p)
{
	scene_esp(s, p, 1u << 31);
	p->bytes[p->n_bytes - 12] ^= 0x80;
}

static void with_trailer(struct scene *s, struct packet *p, struct esp_trailer t)
{
	fixture_ue_esp(p, &s->ue, SET_UC_TO_PS, 1, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES, &t);
}

static struct esp_trailer good_trailer(const struct scene *s)
{
	/* The text is chosen so that padding is needed with every cipher. */
	return esp_trailer_of(s->ue.sa[0].suite, 8 + SCENE_TEXT_BYTES, IPPROTO_UDP);
}

static void padding_of_zeros(struct scene *s, struct packet *p)
{
	struct esp_trailer t = good_trailer(s);
	memset(t.pad, 0, sizeof(t.pad));
	with_trailer(s, p, t);
}

static void padding_wrong_at_its_end(struct scene *s, struct packet *p)
{
	struct esp_trailer t = good_trailer(s);
	t.pad[t.pad_bytes - 1] ^= 1;
	with_trailer(s, p, t);
}

static void padding_longer_than_the_packet(struct scene *s, struct packet *p)
{
	struct esp_trailer t = good_trailer(s);
	t.pad_length = 255;
	with_trailer(s, p, t);
}

/* So long that it would begin one byte before the payload. */
static void padding_one_too_long(struct scene *s, struct packet *p)
{
	struct esp_trailer t = good_trailer(s);
	t.pad_length = (uint8_t)(8 + SCENE_TEXT_BYTES + t.pad_bytes + 1);
	with_trailer(s, p, t);
}

/* The same, and what is in front of the payload reads like padding too: 1, 2, 3 … to the end. */
static void padding_that_begins_in_front(struct scene *s, struct packet *p)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[s->ue.sa[0].suite];
	uint8_t payload[30], sealed[256];
	struct esp_trailer t = { .pad_length = sizeof(payload) + 1, .next_header = IPPROTO_UDP };
	/* The byte in front is the number's lowest, or the last of an IV that esp_seal() makes. */
	uint32_t sequence = shape->iv_bytes ? 160 : 1;
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i + 2);
	size_t n =
		esp_seal(sealed, &s->ue.sa[SET_UC_TO_PS], sequence, payload, sizeof(payload), &t);
	EXPECT_EQ(sealed[ESP_HEADER_BYTES + shape->iv_bytes - 1], 1);
	packet_make(p, &s->ue.from_ue, IPPROTO_ESP, sealed, n);
}

static void next_header(struct scene *s, struct packet *p, uint8_t protocol)
{
	struct esp_trailer t = good_trailer(s);
	t.next_header = protocol;
	with_trailer(s, p, t);
}

static void next_header_ipv4(struct scene *s, struct packet *p)
{
	next_header(s, p, IPPROTO_IPIP); /* C-063: tunnel mode on a transport SA */
}

static void next_header_ipv6(struct scene *s, struct packet *p)
{
	next_header(s, p, IPPROTO_IPV6);
}

static void next_header_ah(struct scene *s, struct packet *p)
{
	next_header(s, p, IPPROTO_AH);
}

static void next_header_esp(struct scene *s, struct packet *p)
{
	next_header(s, p, IPPROTO_ESP);
}

static void next_header_hop_by_hop(struct scene *s, struct packet *p)
{
	next_header(s, p, 0);
}

static void next_header_sctp(struct scene *s, struct packet *p)
{
	next_header(s, p, IPPROTO_SCTP);
}

static void dummy(struct scene *s, struct packet *p)
{
	next_header(s, p, IPPROTO_NONE);
}

static void seven_bytes_of_udp(struct scene *s, struct packet *p)
{
	uint8_t udp[64], sealed[256];
	struct esp_trailer t = esp_trailer_of(s->ue.sa[0].suite, 7, IPPROTO_UDP);
	fixture_ue_upper(udp, &s->ue, SET_UC_TO_PS, IPPROTO_UDP, NULL, 0);
	size_t n = esp_seal(sealed, &s->ue.sa[SET_UC_TO_PS], 1, udp, 7, &t);
	packet_make(p, &s->ue.from_ue, IPPROTO_ESP, sealed, n);
}

static void nothing_in_it(struct scene *s, struct packet *p)
{
	uint8_t sealed[256];
	struct esp_trailer t = esp_trailer_of(s->ue.sa[0].suite, 0, IPPROTO_TCP);
	size_t n = esp_seal(sealed, &s->ue.sa[SET_UC_TO_PS], 1, NULL, 0, &t);
	packet_make(p, &s->ue.from_ue, IPPROTO_ESP, sealed, n);
}

static void inner_source_port(struct scene *s, struct packet *p)
{
	s->ue.set.sa[SET_UC_TO_PS].peer_port++;
	scene_esp(s, p, 1);
}

static void inner_destination_port(struct scene *s, struct packet *p)
{
	s->ue.set.sa[SET_UC_TO_PS].local_port = FIXTURE_PORT_PC_FIRST;
	scene_esp(s, p, 1);
}

static void inner_ports_swapped(struct scene *s, struct packet *p)
{
	struct api_sa *a = &s->ue.set.sa[SET_UC_TO_PS];
	uint16_t port = a->local_port;
	a->local_port = a->peer_port;
	a->peer_port = port;
	scene_esp(s, p, 1);
}

static void clear(struct scene *s, struct packet *p, uint8_t protocol, uint16_t port)
{
	struct packet_ip ip = s->ue.from_ue;
	uint8_t upper[64];
	size_t n = protocol == IPPROTO_UDP
			   ? packet_udp(upper, 1234, port, scene_text, SCENE_TEXT_BYTES)
			   : packet_tcp(upper, 1234, port, NULL, 0);
	packet_make(p, &ip, protocol, upper, n);
}

static void udp_to_port_ps(struct scene *s, struct packet *p)
{
	clear(s, p, IPPROTO_UDP, FIXTURE_PORT_PS);
}

static void udp_to_first_port_pc(struct scene *s, struct packet *p)
{
	clear(s, p, IPPROTO_UDP, FIXTURE_PORT_PC_FIRST);
}

static void udp_to_last_port_pc(struct scene *s, struct packet *p)
{
	clear(s, p, IPPROTO_UDP, FIXTURE_PORT_PC_FIRST + FIXTURE_N_PORT_PC - 1);
}

static void udp_behind_extensions(struct scene *s, struct packet *p)
{
	s->ue.from_ue.option_bytes = 40;
	s->ue.from_ue.extension[0] = IPPROTO_DSTOPTS;
	s->ue.from_ue.extension[1] = IPPROTO_DSTOPTS;
	s->ue.from_ue.n_extensions = 2;
	udp_to_port_ps(s, p);
}

static void tcp_syn_to_port_ps(struct scene *s, struct packet *p)
{
	clear(s, p, IPPROTO_TCP, FIXTURE_PORT_PS);
}

static void tcp_syn_to_port_pc(struct scene *s, struct packet *p)
{
	clear(s, p, IPPROTO_TCP, FIXTURE_PORT_PC_FIRST + 7);
}

static void three_bytes_of_udp(struct scene *s, struct packet *p)
{
	packet_make(p, &s->ue.from_ue, IPPROTO_UDP, scene_text, 3);
}

static const struct {
	const char *what;
	void (*make)(struct scene *s, struct packet *p);
	enum counter reason;
} drops[] = {
#define ROW(make, counter)                                                                         \
	{                                                                                          \
#make, make, COUNT_##counter                                                       \
	}
	ROW(cut_in_ip, packet_truncated),
	ROW(wrong_version, packet_malformed),
	ROW(tag_of_nobody, packet_unknown_zone),
	ROW(seven_bytes_of_esp, esp_truncated),
	ROW(esp_without_trailer, esp_truncated),
	ROW(unknown_spi, esp_unknown_spi), /* C-077b */
	ROW(spi_beyond_the_table, esp_unknown_spi),
	ROW(spi_zero, esp_unknown_spi),
	ROW(reflected, esp_reflected), /* C-076 */
	ROW(reflected_with_our_spi, esp_reflected),
	ROW(wrong_source, esp_wrong_address), /* C-077a */
	ROW(wrong_source_at_its_end, esp_wrong_address),
	ROW(wrong_destination, esp_wrong_address),
	ROW(other_family, esp_wrong_address),
	ROW(expired, esp_expired),
	ROW(sequence_zero, esp_zero_sequence), /* C-074a */
	ROW(replayed, esp_replayed),           /* C-071 */
	ROW(late, esp_late),
	ROW(replayed_with_bad_icv, esp_replayed), /* C-073 */
	ROW(late_with_bad_icv, esp_late),
	ROW(bad_icv, esp_bad_icv),
	ROW(bad_icv_of_a_high_number, esp_bad_icv),
	ROW(padding_of_zeros, esp_bad_padding), /* C-074b */
	ROW(padding_wrong_at_its_end, esp_bad_padding),
	ROW(padding_longer_than_the_packet, esp_bad_padding),
	ROW(padding_one_too_long, esp_bad_padding),
	ROW(padding_that_begins_in_front, esp_bad_padding),
	ROW(next_header_ipv4, esp_bad_next_header),
	ROW(next_header_ipv6, esp_bad_next_header),
	ROW(next_header_ah, esp_bad_next_header),
	ROW(next_header_esp, esp_bad_next_header),
	ROW(next_header_hop_by_hop, esp_bad_next_header),
	ROW(next_header_sctp, esp_bad_next_header),
	ROW(dummy, esp_dummy),
	ROW(seven_bytes_of_udp, packet_truncated),
	ROW(nothing_in_it, packet_truncated),
	ROW(inner_source_port, esp_wrong_port), /* C-077a */
	ROW(inner_destination_port, esp_wrong_port),
	ROW(inner_ports_swapped, esp_wrong_port),
	ROW(udp_to_port_ps, clear_udp_to_protected), /* C-061 */
	ROW(udp_to_first_port_pc, clear_udp_to_protected),
	ROW(udp_to_last_port_pc, clear_udp_to_protected),
	ROW(udp_behind_extensions, clear_udp_to_protected),
	ROW(tcp_syn_to_port_ps, clear_tcp_to_protected),
	ROW(tcp_syn_to_port_pc, clear_tcp_to_protected),
	ROW(three_bytes_of_udp, packet_truncated),
#undef ROW
};

static void each_drop(enum api_family family, enum crypto_suite suite)
{
	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
		struct scene s;
		struct packet p;
		scene_open(&s, family, suite, NULL);
		test_context("%s, IPv%d, suite %d", drops[i].what, (int)family, (int)suite);
		drops[i].make(&s, &p);
		scene_send(&s, &p);
		scene_expect_dropped(&s, drops[i].reason);
		scene_close(&s);
	}
	test_context(NULL);
}

TEST(worker, each_drop_moves_its_counter_and_no_other_with_null_encryption)
{
	FOR_BOTH_FAMILIES(family)
	each_drop(family, CRYPTO_HMAC_SHA1_NULL);
}

TEST(worker, each_drop_moves_its_counter_and_no_other_with_aes_cbc)
{
	FOR_BOTH_FAMILIES(family)
	each_drop(family, CRYPTO_HMAC_MD5_AES_CBC);
}
