#include "dataplane/offload.h"

#include <errno.h>
#include <string.h>

#include <rte_security.h>

#include "dataplane/offload_report.h"
#include "test/shim/test.h"
#include "test/unit/scene.h"

/* ---- what a port offers, what of it is used, and why not ---- */

#define ALL_RX                                                                                     \
	(RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM |                            \
	 RTE_ETH_RX_OFFLOAD_TCP_CKSUM | RTE_ETH_RX_OFFLOAD_SECURITY)
#define ALL_TX                                                                                     \
	(RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_SECURITY)

/* The port that the claims are about: what it says when asked. */
static struct {
	bool is_dead;
	bool is_software;
	uint64_t rx, tx, rss;
	uint16_t n_queues;
	int flow_rc;
	struct rte_eth_conf conf;
	struct rte_security_ctx *security;
	int flow_rc6, flow_rc_udp; /* and beside flow_rc */
	uint16_t n_reta;
	uint16_t port_encap;
	enum rte_flow_item_type asked[2][5]; /* of IPv4: in UDP or not */
} nic;

static int nic_info(uint16_t port, struct rte_eth_dev_info *info)
{
	*info = (struct rte_eth_dev_info){ .driver_name = "net_nic",
					   .rx_offload_capa = nic.rx,
					   .tx_offload_capa = nic.tx,
					   .flow_type_rss_offloads = nic.rss,
					   .nb_rx_queues = nic.n_queues };
	return nic.is_dead ? -ENODEV : 0;
}

static int nic_configuration(uint16_t port, struct rte_eth_conf *conf)
{
	*conf = nic.conf;
	return 0;
}

static bool nic_is_software(uint16_t port)
{
	return nic.is_software;
}

static struct rte_security_ctx *nic_security(uint16_t port)
{
	return nic.security;
}

static int nic_flow_validate(uint16_t port, const struct rte_flow_attr *attr,
			     const struct rte_flow_item pattern[],
			     const struct rte_flow_action actions[], struct rte_flow_error *error)
{
	bool in_udp = pattern[2].type == RTE_FLOW_ITEM_TYPE_UDP;
	bool is_ipv6 = pattern[1].type == RTE_FLOW_ITEM_TYPE_IPV6;
	for (unsigned i = 0; i < (in_udp ? 5 : 4) && !is_ipv6; i++)
		nic.asked[in_udp][i] = pattern[i].type;
	error->message = "table full";
	if (nic.flow_rc)
		return nic.flow_rc;
	return in_udp && nic.flow_rc_udp ? nic.flow_rc_udp : is_ipv6 ? nic.flow_rc6 : 0;
}

static const struct offload_ops nic_ops = {
	.info = nic_info,
	.configuration = nic_configuration,
	.is_software = nic_is_software,
	.security = nic_security,
	.flow_validate = nic_flow_validate,
};

/* A server's NIC with everything, several queues, configured as it would be. */
static void nic_with_everything(void)
{
	static struct rte_security_ctx context;
	memset(&nic, 0, sizeof(nic));
	nic.rx = ALL_RX;
	nic.tx = ALL_TX;
	nic.rss = RTE_ETH_RSS_IP;
	nic.n_queues = 2;
	nic.security = &context;
}

/* Configures and asks it; one port. */
static void ask(struct offload *o, bool is_kernel)
{
	static struct zones zones; /* stays, as those of a data plane do */
	zones = (struct zones){ .n = 1,
				.n_ports = 1,
				.zone[0] = { .port_encap = nic.port_encap },
				.port[0] = { .is_kernel = is_kernel, .n_reta = nic.n_reta } };
	struct rte_eth_dev_info info;
	nic_info(0, &info);
	offload_request(&info, nic.is_software, is_kernel, &nic.conf);
	if (nic.n_queues > 1 && nic.rss)
		nic.conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
	offload_open(o, &zones, &nic_ops);
}

static void expect_state(const struct offload *o, enum offload_kind kind, bool is_offered,
			 bool is_used, const char *why)
{
	const struct offload_state *s = &o->port[0].state[kind];
	test_context("%s", offload_kind_name[kind]);
	EXPECT_EQ(s->is_offered, is_offered);
	EXPECT_EQ(s->is_used, is_used);
	EXPECT_STREQ(s->why, why);
}

TEST(offload, a_port_with_everything_does_what_helps)
{
	struct offload o;
	nic_with_everything();
	ask(&o, false);
	EXPECT_EQ(nic.conf.rxmode.offloads,
		  RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_SECURITY);
	EXPECT_EQ(nic.conf.txmode.offloads, RTE_ETH_TX_OFFLOAD_SECURITY);
	expect_state(&o, OFFLOAD_RX_IP_CHECKSUM, true, true, "");
	expect_state(&o, OFFLOAD_RX_L4_CHECKSUM, true, false,
		     "under ESP no port sees it; the kernel checks it");
	expect_state(&o, OFFLOAD_TX_CHECKSUM, true, false,
		     "not needed: ESP changes the header's sum by what it changes in the header");
	expect_state(&o, OFFLOAD_RSS, true, true, "");
	expect_state(&o, OFFLOAD_STEER_SPI, true, true, "");
	expect_state(&o, OFFLOAD_STEER_UDP_SPI, true, false, "no zone has ESP in UDP");
	expect_state(&o, OFFLOAD_SECURITY, true, true, "");
	EXPECT_TRUE(o.port[0].security == nic.security);
}

TEST(offload, a_port_with_nothing_says_so)
{
	struct offload o;
	memset(&nic, 0, sizeof(nic));
	nic.n_queues = 1;
	nic.flow_rc = -ENOSYS;
	ask(&o, false);
	EXPECT_EQ(nic.conf.rxmode.offloads | nic.conf.txmode.offloads, 0);
	expect_state(&o, OFFLOAD_RX_IP_CHECKSUM, false, false,
		     "net_nic has none; the kernel checks it");
	expect_state(&o, OFFLOAD_RSS, false, false, "net_nic does not spread by address");
	expect_state(&o, OFFLOAD_STEER_SPI, false, false, "net_nic has no rules for ESP");
	expect_state(&o, OFFLOAD_STEER_UDP_SPI, false, false,
		     "net_nic has no rules for ESP in UDP");
	expect_state(&o, OFFLOAD_SECURITY, false, false, "net_nic has no rte_security");
	EXPECT_TRUE(o.port[0].security == NULL);
}

TEST(offload, software_behind_a_port_is_not_asked_to_check)
{
	struct offload o;
	nic_with_everything();
	nic.is_software = true;
	ask(&o, false);
	EXPECT_EQ(nic.conf.rxmode.offloads | nic.conf.txmode.offloads, 0);
	expect_state(&o, OFFLOAD_RX_IP_CHECKSUM, true, false,
		     "net_nic does it in software; the kernel checks it");
	expect_state(&o, OFFLOAD_SECURITY, true, false, "not asked for at start");
	EXPECT_TRUE(o.port[0].security == NULL);
	expect_state(&o, OFFLOAD_STEER_SPI, true, false, "in software it costs what it saves");
}

TEST(offload, a_kernel_port_checks_nothing_and_has_no_esp)
{
	struct offload o;
	nic_with_everything();
	ask(&o, true);
	EXPECT_EQ(nic.conf.rxmode.offloads | nic.conf.txmode.offloads, 0);
	expect_state(&o, OFFLOAD_RX_IP_CHECKSUM, true, false,
		     "what our own kernel sends is not checked");
	expect_state(&o, OFFLOAD_SECURITY, true, false, "there is no ESP on a kernel port");
}

TEST(offload, one_queue_is_nothing_to_spread_over)
{
	struct offload o;
	nic_with_everything();
	nic.n_queues = 1;
	ask(&o, false);
	expect_state(&o, OFFLOAD_RSS, true, false, "one queue: nothing to spread over");
	expect_state(&o, OFFLOAD_STEER_SPI, true, false, "one queue: nothing to steer to");
}

TEST(offload, a_refused_rule_is_reported_in_the_drivers_words)
{
	struct offload o;
	nic_with_everything();
	nic.flow_rc = -EINVAL;
	ask(&o, false);
	expect_state(&o, OFFLOAD_STEER_SPI, false, false, "net_nic refuses the rule: table full");
	for (unsigned in_udp = 0; in_udp < 2; in_udp++) {
		EXPECT_EQ(nic.asked[in_udp][0], RTE_FLOW_ITEM_TYPE_ETH);
		EXPECT_EQ(nic.asked[in_udp][1], RTE_FLOW_ITEM_TYPE_IPV4);
		EXPECT_EQ(nic.asked[in_udp][2 + in_udp], RTE_FLOW_ITEM_TYPE_ESP);
		EXPECT_EQ(nic.asked[in_udp][3 + in_udp], RTE_FLOW_ITEM_TYPE_END);
	}
	EXPECT_EQ(nic.asked[1][2], RTE_FLOW_ITEM_TYPE_UDP);
}

/* Behind a NAT the addresses that RSS sees are not those that say who the owner is. */
TEST(offload, rules_are_for_what_rss_does_not_bring_to_its_owner)
{
	struct offload o;
	nic_with_everything();
	nic.n_reta = 128;
	nic.port_encap = 4500;
	ask(&o, false);
	expect_state(&o, OFFLOAD_STEER_SPI, true, false, "rss agrees with the owners");
	expect_state(&o, OFFLOAD_STEER_UDP_SPI, true, true, "");
	nic.n_reta = 0;
	ask(&o, true);
	expect_state(&o, OFFLOAD_STEER_SPI, true, false, "there is no ESP on a kernel port");
	expect_state(&o, OFFLOAD_STEER_UDP_SPI, true, false, "there is no ESP on a kernel port");
}

TEST(offload, a_port_with_rules_for_one_family_says_which)
{
	struct offload o;
	nic_with_everything();
	nic.port_encap = 4500;
	nic.flow_rc6 = -ENOTSUP;
	nic.flow_rc_udp = -ENOTSUP;
	ask(&o, false);
	expect_state(&o, OFFLOAD_STEER_SPI, true, true, "IPv4 only");
	EXPECT_TRUE(o.port[0].steers[0][0]);
	EXPECT_FALSE(o.port[0].steers[0][1]);
	expect_state(&o, OFFLOAD_STEER_UDP_SPI, false, false,
		     "net_nic has no rules for ESP in UDP");
}

TEST(offload, a_port_that_does_not_answer_does_nothing)
{
	struct offload o;
	nic_with_everything();
	nic.is_dead = true;
	ask(&o, false);
	for (enum offload_kind kind = 0; kind < OFFLOAD_N_KINDS; kind++)
		expect_state(&o, kind, false, false, "the port does not answer");
}

/* The ring ports of the fixture, asked for real: through DPDK, they offer nothing. */
TEST(offload, ports_of_dpdk_answer)
{
	struct offload o;
	struct offload_row row[OFFLOAD_ROWS_MAX];
	struct fixture *f = fixture_open(&fixture_table);
	struct inline_table inlined;
	offload_open(&o, &f->zones, &offload_dpdk);
	EXPECT_EQ(inline_open(&inlined, &o, &f->zones, &f->sas, NULL,
			      &(struct inline_config){ .sessions_per_port = 8 }),
		  0);
	EXPECT_EQ(o.n_ports, f->zones.n_ports);
	EXPECT_TRUE(offload_is_software(f->zones.port[0].port));
	expect_state(&o, OFFLOAD_SECURITY, false, false, "net_ring has no rte_security");
	EXPECT_EQ(offload_rows(&o, &inlined, 0, row), OFFLOAD_N_KINDS);
	EXPECT_STREQ(row[OFFLOAD_SECURITY].offload, "inline esp");
	EXPECT_FALSE(row[OFFLOAD_SECURITY].is_used);
	EXPECT_STREQ(row[OFFLOAD_SECURITY].why, "net_ring has no rte_security");
	inline_close(&inlined);
	EXPECT_EQ(fixture_close(f), 0);
}

TEST(offload, esp_pattern_is_the_address_and_the_spi)
{
	static const uint8_t address[16] = { 0xfd, [15] = 7 };
	struct offload_esp_pattern p;
	offload_esp_pattern(&p, API_IPV6, address, 0, 0x12345678);
	EXPECT_EQ(p.item[1].type, RTE_FLOW_ITEM_TYPE_IPV6);
	EXPECT_TRUE(memcmp(((const struct rte_flow_item_ipv6 *)p.item[1].spec)->hdr.dst_addr,
			   address, 16) == 0);
	EXPECT_TRUE(memcmp(&((const struct rte_flow_item_esp *)p.item[2].spec)->hdr.spi,
			   "\x12\x34\x56\x78", 4) == 0);
	EXPECT_EQ(p.item[3].type, RTE_FLOW_ITEM_TYPE_END);
	offload_esp_pattern(&p, API_IPV6, address, 0x1194, 1);
	EXPECT_EQ(((const struct rte_flow_item_udp *)p.item[2].spec)->hdr.dst_port, 0x1194);
	EXPECT_EQ(p.item[3].type, RTE_FLOW_ITEM_TYPE_ESP);
	offload_esp_pattern(&p, API_IPV4, address, 0, 1);
	EXPECT_EQ(p.item[1].type, RTE_FLOW_ITEM_TYPE_IPV4);
	EXPECT_TRUE(memcmp(&((const struct rte_flow_item_ipv4 *)p.item[1].spec)->hdr.dst_addr,
			   address, 4) == 0);
}

/* ---- what a port found out about a packet ---- */

TEST(offload, a_packet_that_the_port_found_damaged_is_dropped)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	scene_esp(&s, &p, 1);
	s.f->rx_flags = RTE_MBUF_F_RX_IP_CKSUM_BAD;
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_packet_bad_checksum);
	scene_close(&s);
}

TEST(offload, a_packet_that_the_port_found_good_or_did_not_look_at_is_delivered)
{
	static const uint64_t said[] = { RTE_MBUF_F_RX_IP_CKSUM_GOOD,
					 RTE_MBUF_F_RX_IP_CKSUM_UNKNOWN,
					 RTE_MBUF_F_RX_IP_CKSUM_NONE };
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (uint32_t i = 0; i < 3; i++) {
		scene_esp(&s, &p, i + 1);
		s.f->rx_flags = said[i];
		scene_send(&s, &p);
		scene_expect_delivered(&s);
	}
	scene_close(&s);
}
