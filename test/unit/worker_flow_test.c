/*
 * Which SA a message takes, TS 33.203 7.1: every flow between a UE and the P-CSCF over UDP and TCP,
 * by the ports that SIP speaks from and to, takes the one SA that the table names, and no other
 * takes it. Whether SIP answers from and to these ports is the control plane's part.
 */
#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/fixture_ue.h"

static const uint8_t text[] = "OPTIONS sip:p SIP/2.0\r\n\r\n";
#define TEXT_BYTES (sizeof(text) - 1)

#define PS FIXTURE_PORT_PS
#define PC FIXTURE_PORT_PC_FIRST
#define UC SET_PORT_UC
#define US SET_PORT_US

static const struct flow {
	const char *name;
	uint8_t protocol;
	bool from_ue;
	uint16_t source, destination;
	enum set_sa sa;
} flows[] = {
	{ "a UE's request over UDP", IPPROTO_UDP, true, UC, PS, SET_UC_TO_PS },
	{ "the P-CSCF's answer over UDP", IPPROTO_UDP, false, PC, US, SET_PC_TO_US },
	{ "the P-CSCF's request over UDP", IPPROTO_UDP, false, PC, US, SET_PC_TO_US },
	{ "a UE's answer over UDP", IPPROTO_UDP, true, UC, PS, SET_UC_TO_PS },
	{ "a UE's request over TCP", IPPROTO_TCP, true, UC, PS, SET_UC_TO_PS },
	{ "the P-CSCF's answer on that connection", IPPROTO_TCP, false, PS, UC, SET_PS_TO_UC },
	{ "the P-CSCF's request over TCP", IPPROTO_TCP, false, PC, US, SET_PC_TO_US },
	{ "a UE's answer on that connection", IPPROTO_TCP, true, US, PC, SET_US_TO_PC },
};
#define N_FLOWS (sizeof(flows) / sizeof(flows[0]))

static struct fixture *f;
static struct fixture_ue ue;
static uint32_t sequence[API_SET_SAS];

static size_t upper(uint8_t *out, const struct flow *flow)
{
	return flow->protocol == IPPROTO_UDP
		       ? packet_udp(out, flow->source, flow->destination, text, TEXT_BYTES)
		       : packet_tcp(out, flow->source, flow->destination, text, TEXT_BYTES);
}

/* From the UE, under an SA that may not be the flow's. */
static void send_esp(const struct flow *flow, enum set_sa sa)
{
	uint8_t bytes[256], esp[512];
	struct packet p;
	size_t n = upper(bytes, flow);
	struct esp_trailer trailer = esp_trailer_of(ue.sa[sa].suite, n, flow->protocol);
	n = esp_seal(esp, &ue.sa[sa], ++sequence[sa], bytes, n, &trailer);
	packet_make(&p, &ue.from_ue, IPPROTO_ESP, esp, n);
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	fixture_turn(f);
}

static void send_clear(const struct flow *flow)
{
	uint8_t bytes[256];
	struct packet p;
	packet_make(&p, &ue.to_ue, flow->protocol, bytes, upper(bytes, flow));
	fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
}

/* What the kernel gets is the very packet, whose ports tell a socket who speaks. */
static void expect_in(const struct flow *flow)
{
	uint8_t bytes[256];
	struct packet got;
	size_t n = upper(bytes, flow);
	send_esp(flow, flow->sa);
	ASSERT_TRUE(fixture_receive(f, FIXTURE_KERNEL, 0, &got));
	ASSERT_GE(got.n_bytes, n);
	EXPECT_MEM(got.bytes + got.n_bytes - n, bytes, n);
	expect_counted(f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_esp_rx, 1 },
				  { COUNT_esp_rx_bytes, n }, { COUNT_kernel_tx, 1 }));
	/* The other inbound SA of the set does not carry it, though keys and peer are the same. */
	send_esp(flow, flow->sa == SET_UC_TO_PS ? SET_US_TO_PC : SET_UC_TO_PS);
	expect_counted(f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_esp_wrong_port, 1 }));
}

static void expect_out(const struct flow *flow)
{
	uint8_t bytes[256];
	struct packet got;
	struct esp_opened opened;
	size_t n = upper(bytes, flow);
	send_clear(flow);
	ASSERT_TRUE(fixture_receive(f, FIXTURE_NETWORK, 0, &got));
	uint32_t l4 = 14 + (ue.set.family == API_IPV4 ? 20 : 40);
	ASSERT_TRUE(esp_open(&ue.sa[flow->sa], got.bytes + l4, got.n_bytes - l4, &opened));
	EXPECT_EQ(opened.spi, ue.result.spi[flow->sa]);
	EXPECT_EQ(opened.sequence, ++sequence[flow->sa]);
	EXPECT_EQ(opened.next_header, flow->protocol);
	ASSERT_EQ(opened.n_bytes, n);
	EXPECT_MEM(opened.payload, bytes, n);
	expect_counted(f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_esp_tx, 1 },
				  { COUNT_esp_tx_bytes, n }, { COUNT_network_tx, 1 }));
}

static void play(const struct flow *flow)
{
	test_context("%s, IPv%u", flow->name, ue.set.family);
	if (flow->from_ue)
		expect_in(flow);
	else
		expect_out(flow);
	test_context(NULL);
}

static void open_ue(enum api_family family, enum crypto_suite suite)
{
	f = fixture_open(&fixture_table);
	memset(sequence, 0, sizeof(sequence));
	fixture_ue_install(f, &ue, 0, 1, suite, family, NULL);
	fixture_mark(f);
}

TEST(worker, c068b_c080_each_of_the_eight_flows_takes_its_own_sa)
{
	for (unsigned i = 0; i < 2 * CRYPTO_N_SUITES; i++) {
		open_ue(i % 2 ? API_IPV6 : API_IPV4, (enum crypto_suite)(i / 2));
		for (unsigned k = 0; k < N_FLOWS && !test_has_failed(); k++)
			play(&flows[k]);
		expect_accounted(f);
		ASSERT_EQ(fixture_close(f), 0);
	}
}

/* Ports of different pairs are no flow. */
TEST(worker, c080_nothing_leaves_between_the_ports_of_two_pairs)
{
	static const struct flow crossed[] = {
		{ "from port_pc to port_uc over UDP", IPPROTO_UDP, false, PC, UC, 0 },
		{ "from port_ps to port_us over UDP", IPPROTO_UDP, false, PS, US, 0 },
		{ "from port_pc to port_uc over TCP", IPPROTO_TCP, false, PC, UC, 0 },
		{ "from port_ps to port_us over TCP", IPPROTO_TCP, false, PS, US, 0 },
	};
	open_ue(API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	for (unsigned k = 0; k < sizeof(crossed) / sizeof(crossed[0]); k++) {
		test_context("%s", crossed[k].name);
		send_clear(&crossed[k]);
		expect_counted(f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_out_no_sa, 1 }));
	}
	test_context(NULL);
	EXPECT_EQ(fixture_close(f), 0);
}
