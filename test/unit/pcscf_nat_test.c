/*
 * UEs behind a NAT, TS 33.203 Annex M. Inside a UE has an address of this process like any other
 * here: what it sends under ESP the P-CSCF sees to come from there. What it sends in the clear
 * leaves by a socket of the NAT, at another address and port.
 */
#include "test/shim/test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/address.h"
#include "controlplane/sip_list.h"
#include "test/unit/pcscf_fixture.h"

#define WITH_NAT "  nat: UDP-enc-tun\n  nat_networks: [127.0.0.0/8]\n"

static struct ue_sim ue, nat;

static void begin_with(const char *lines)
{
	edge_start_with("two-pairs", "no", lines);
	ue_open(&ue, 2, 14001, 14002);
	ue_open(&nat, 9, 14501, 14502);
	ue.mode = "UDP-enc-tun";
}

static void begin(void)
{
	begin_with(WITH_NAT);
}

static void expect_address(const struct api_address *a, const char *text)
{
	uint8_t bytes[16] = { 0 };
	inet_pton(AF_INET, text, bytes);
	EXPECT_MEM(a->bytes, bytes, 16);
}

/* The Security-Server of an answer that has one; the answer is freed. */
static void take_server(struct ue_sim *u, struct sip *answer, int status)
{
	ASSERT_TRUE(answer != NULL);
	EXPECT_EQ(sip_status(answer), status);
	const char *server = sip_header(answer, "Security-Server", 0);
	EXPECT_TRUE(server != NULL);
	if (server)
		snprintf(u->server, sizeof(u->server), "%s", server);
	sip_free(answer);
}

/* SM1 … SM6 through a NAT whose socket is `fd`. */
static void challenge(struct ue_sim *u, int fd, const char *authorization)
{
	ue_register(u, fd, port_clear, authorization, "");
	core_answer(core_receive(), 401, challenge_headers);
	take_server(u, ue_receive(fd, NULL), 401);
}

static void attach(void)
{
	challenge(&ue, nat.uc_fd, auth_initial);
	ue_answer_challenge(&ue, 600);
}

TEST(pcscf, c081_who_is_behind_a_nat_gets_esp_in_udp_to_where_the_nat_is)
{
	begin();
	ue_register(&ue, nat.uc_fd, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	test_context("the answer goes back to the NAT's port, whatever Via says");
	take_server(&ue, ue_receive(nat.uc_fd, NULL), 401);
	EXPECT_EQ(ue_status(nat.clear), 0);
	EXPECT_EQ(edge_stat("nat_detected"), 1);
	test_context("every entry of the list is in the mode of Annex M");
	unsigned n_tunnels = 0, n_entries = 0;
	for (const char *at = ue.server; (at = strstr(at, "ipsec-3gpp; ")); at++)
		n_entries++;
	for (const char *at = ue.server; (at = strstr(at, "; mod=UDP-enc-tun; ")); at++)
		n_tunnels++;
	EXPECT_EQ(n_entries, 2);
	EXPECT_EQ(n_tunnels, 2);
	test_context("outside");
	ASSERT_EQ(asked.n_tunnels, 1);
	const struct api_tunnel *tunnel = &asked.tunnels[0];
	EXPECT_EQ(tunnel->handle, asked.installs[0].registration);
	EXPECT_EQ(tunnel->family, API_IPV4);
	EXPECT_EQ(tunnel->flags, API_TUNNEL_FOLLOW);
	EXPECT_EQ(tunnel->selector.family, 0);
	EXPECT_EQ(tunnel->local_port, 4500);
	EXPECT_EQ(tunnel->peer_port, 4500); /* until its first packet says which it is */
	expect_address(&tunnel->local, "127.0.0.1");
	expect_address(&tunnel->peer, nat.host);
	test_context("inside");
	ASSERT_EQ(asked.n_installs, 1);
	EXPECT_EQ(asked.installs[0].mode, API_UDP_ENCAP_TUNNEL);
	EXPECT_EQ(asked.installs[0].tunnel, 1);
	expect_address(&asked.installs[0].local, "127.0.0.1");
	expect_address(&asked.installs[0].peer, ue.host);
	test_context("SM7 comes from inside, and is answered there");
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(asked.updates[0].lifetime_s, 630);
	edge_stop();
}

TEST(pcscf, c081_without_the_policy_a_ue_behind_a_nat_is_refused)
{
	begin_with("");
	ue_register(&ue, nat.clear, port_clear, auth_initial, "");
	EXPECT_EQ(ue_status(nat.clear), 400);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("register_bad_address"), 1);
	edge_stop();
}

/* C-051: where a UE is decides what it is offered, never what it offers itself. */
TEST(pcscf, c051_c081_what_a_ue_does_not_speak_it_is_told)
{
	static const struct {
		bool behind;
		const char *client, *server;
	} rows[] = {
		{ true, "trans", "; mod=UDP-enc-tun; " },
		{ true, "tun", "; mod=UDP-enc-tun; " },
		{ false, "UDP-enc-tun", "; mod=trans; " },
		{ false, "tun", "; mod=trans; " },
	};
	begin();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = rows[i].behind ? nat.uc_fd : ue.clear;
		test_context("row %u", i);
		ue.mode = rows[i].client;
		ue_register(&ue, fd, port_clear, auth_initial, "");
		struct sip *s = ue_receive(fd, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 494);
		EXPECT_TRUE(sip_option_has(s, "Require", "sec-agree"));
		EXPECT_TRUE(strstr(sip_header(s, "Security-Server", 0), rows[i].server) != NULL);
		sip_free(s);
		EXPECT_TRUE(core_receive() == NULL);
	}
	EXPECT_EQ(asked.n_tunnels, 0);
	edge_stop();
}

/* C-053 (a) holds behind a NAT too: one address inside, and only such as the policy knows. */
TEST(pcscf, c053a_c081_what_cannot_be_behind_a_nat_is_refused)
{
	static const char *const networks[] = {
		"  nat: UDP-enc-tun\n", /* 127.0.0.0/8 is no private network */
		"  nat: UDP-enc-tun\n  nat_networks: [10.0.0.0/8, \"fc00::/7\", 192.168.0.0/16]\n",
		"  nat: UDP-enc-tun\n  nat_networks: [126.0.0.0/8, 128.0.0.0/1]\n",
	};
	for (unsigned i = 0; i < sizeof(networks) / sizeof(networks[0]); i++) {
		test_context("%s", networks[i]);
		begin_with(networks[i]);
		ue_register(&ue, nat.clear, port_clear, auth_initial, "");
		EXPECT_EQ(ue_status(nat.clear), 400);
		EXPECT_TRUE(core_receive() == NULL);
		edge_stop();
	}
	test_context("two addresses inside");
	begin();
	char *text = ue_register_text(&ue, auth_initial, true, "");
	char *contact = strstr(text, "Contact: <sip:127");
	ASSERT_TRUE(contact != NULL);
	memcpy(contact, "Contact: <sip:124", 17);
	ue_send(&ue, nat.clear, port_clear, text);
	free(text);
	EXPECT_EQ(ue_status(nat.clear), 400);
	EXPECT_TRUE(core_receive() == NULL);
	edge_stop();
}

TEST(address, networks_have_their_edges)
{
	static const struct {
		const char *network, *address;
		int in; /* -1: that is no network */
	} rows[] = {
		{ "192.0.2.0/24", "192.0.2.255", 1 },
		{ "192.0.2.0/24", "192.0.3.0", 0 },
		{ "172.16.0.0/12", "172.31.255.255", 1 },
		{ "172.16.0.0/12", "172.32.0.0", 0 },
		{ "100.64.0.0/10", "100.127.0.1", 1 },
		{ "100.64.0.0/10", "100.128.0.0", 0 },
		{ "0.0.0.0/0", "203.0.113.1", 1 },
		{ "0.0.0.0/0", "2001:db8::1", 0 },
		{ "192.0.2.1/32", "192.0.2.1", 1 },
		{ "192.0.2.1/32", "192.0.2.0", 0 },
		{ "fc00::/7", "fdff::1", 1 },
		{ "fc00::/7", "fe00::", 0 },
		{ "2001:db8::1/128", "2001:db8::1", 1 },
		{ "2001:db8::1/128", "2001:db8::2", 0 },
		{ "192.0.2.0", "192.0.2.0", -1 },
		{ "192.0.2.0/", "192.0.2.0", -1 },
		{ "192.0.2.0/33", "192.0.2.0", -1 },
		{ "fc00::/129", "fc00::", -1 },
		{ "/8", "192.0.2.0", -1 },
		{ "192.0.2.0/8x", "192.0.2.0", -1 },
		{ "192.0.2.0/-8", "192.0.2.0", -1 },
		{ "name/8", "192.0.2.0", -1 },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct network network;
		struct address a;
		test_context("%s in %s", rows[i].address, rows[i].network);
		int error = address_parse_network(rows[i].network, &network);
		EXPECT_EQ(error != 0, rows[i].in < 0);
		ASSERT_EQ(address_parse(rows[i].address, 0, &a), 0);
		if (!error)
			EXPECT_EQ(address_is_in(&a, &network), rows[i].in);
	}
}

/* A NAT that also reads SIP has changed the Via: the Contact still tells. */
TEST(pcscf, c081_via_or_contact_alone_tells_of_a_nat)
{
	begin();
	for (unsigned i = 0; i < 2; i++) {
		char via[32], *text = ue_register_text(&ue, auth_initial, true, "");
		char *field = strstr(text, i ? "Contact: <sip:127" : "Via: SIP/2.0/UDP 127");
		test_context("%s is the NAT's", i ? "Contact" : "Via");
		snprintf(via, sizeof(via), "%s", nat.host);
		field = strstr(field, "127");
		EXPECT_EQ(strlen(via), strlen(ue.host));
		memcpy(field, via, strlen(via));
		ue_send(&ue, nat.clear, port_clear, text);
		free(text);
		core_answer(core_receive(), 401, challenge_headers);
		take_server(&ue, ue_receive(nat.clear, NULL), 401);
		EXPECT_TRUE(strstr(ue.server, "UDP-enc-tun") != NULL);
		expect_address(&asked.installs[i].peer, ue.host);
	}
	edge_stop();
}

/* TS 24.229 F.2.1.2.2: in its SAs a UE may call itself what the NAT made of it. */
TEST(pcscf, c081_in_its_sas_a_ue_may_name_the_address_inside_or_that_of_the_nat)
{
	static const struct {
		const char *host;
		int status;
	} rows[] = { { ue.host, 0 }, { nat.host, 0 }, { "127.0.0.77", 400 } };
	begin();
	attach();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].host);
		snprintf(ue.inside, sizeof(ue.inside), "%s", rows[i].host);
		ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
		struct sip *s = core_receive();
		EXPECT_EQ(s == NULL, rows[i].status != 0);
		if (s) {
			EXPECT_TRUE(strstr(sip_header(s, "Authorization", 0),
					   "integrity-protected=\"yes\"") != NULL);
			core_answer(s, 200, ok_headers(&ue, 600));
			EXPECT_EQ(ue_status(ue.us_fd), 200);
		} else {
			EXPECT_EQ(ue_status(ue.us_fd), rows[i].status);
		}
	}
	edge_stop();
}

/* Of several contacts the answer lists, the UE's own is known by either address. */
TEST(pcscf, c081_the_registration_of_a_contact_with_the_nats_address_counts)
{
	begin();
	challenge(&ue, nat.uc_fd, auth_initial);
	snprintf(ue.inside, sizeof(ue.inside), "%s", nat.host);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	char ok[1024];
	snprintf(ok, sizeof(ok),
		 "Contact: <sip:127.0.0.66:1>;expires=100, <sip:%s:%u>;expires=600\r\n", nat.host,
		 ue.us);
	core_answer(core_receive(), 200, ok);
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	EXPECT_EQ(asked.updates[0].lifetime_s, 630);
	edge_stop();
}

/* A re-authentication over the set in use, and the response over the new one. */
static void reauthenticate(void)
{
	char before[1100];
	int old = ue.uc_fd;
	snprintf(before, sizeof(before), "%s", ue_verify(&ue));
	ue_renew(&ue, (uint16_t)(ue.uc + 2));
	ue_register(&ue, old, port_ps, auth_initial, before);
	core_answer(core_receive(), 401, challenge_headers);
	take_server(&ue, ue_receive(ue.us_fd, NULL), 401);
}

TEST(pcscf, c081_the_place_that_packets_tell_is_that_of_all_sets_of_the_ue)
{
	begin();
	challenge(&ue, nat.uc_fd, auth_initial);
	test_context("the first packet tells the port");
	dataplane_rebind(asked.tunnels[0].handle, nat.host, 40001, true);
	EXPECT_EQ(edge_stat("nat_learned"), 1);
	EXPECT_EQ(edge_stat("nat_rebound"), 0);
	EXPECT_EQ(asked.n_points, 0);
	ue_answer_challenge(&ue, 600);
	test_context("a new set begins where the UE is known to be");
	reauthenticate();
	ASSERT_EQ(asked.n_tunnels, 2);
	EXPECT_EQ(asked.tunnels[1].peer_port, 40001);
	EXPECT_NE(asked.tunnels[1].handle, asked.tunnels[0].handle);
	ue_answer_challenge(&ue, 600);
	test_context("the NAT has rebound: the old set's packets go there as well");
	dataplane_rebind(asked.tunnels[1].handle, "127.0.0.99", 40002, true);
	EXPECT_EQ(edge_stat("nat_rebound"), 1);
	ASSERT_EQ(asked.n_points, 1);
	EXPECT_EQ(asked.points[0].handle, asked.tunnels[0].handle);
	EXPECT_EQ(asked.points[0].peer_port, 40002);
	expect_address(&asked.points[0].peer, "127.0.0.99");
	test_context("the data plane could not follow at once: it is told to");
	dataplane_rebind(asked.tunnels[1].handle, "127.0.0.99", 40003, false);
	EXPECT_EQ(asked.n_points, 3);
	test_context("an address of before, which the UE cannot know to be over");
	snprintf(ue.inside, sizeof(ue.inside), "%s", nat.host);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	struct sip *s = core_receive();
	EXPECT_TRUE(s != NULL);
	sip_free(s);
	test_context("what no set has");
	dataplane_rebind(12345, "127.0.0.98", 40004, true);
	EXPECT_EQ(asked.n_points, 3);
	edge_stop();
}

TEST(pcscf, c081_a_tunnel_ends_with_its_set)
{
	begin();
	test_context("a challenge that is not answered");
	challenge(&ue, nat.uc_fd, auth_initial);
	edge_pass(241000);
	EXPECT_EQ(asked.n_tunnel_deletes, 1);
	EXPECT_EQ(asked.tunnel_deletes[0], asked.tunnels[0].handle);
	test_context("a de-registration");
	ue_renew(&ue, 14003);
	attach();
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	core_answer(core_receive(), 200, "");
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	edge_pass(127000);
	EXPECT_EQ(asked.n_tunnel_deletes, 1);
	edge_pass(2000);
	EXPECT_EQ(asked.n_tunnel_deletes, 2);
	test_context("the data plane ended the set");
	ue_renew(&ue, 14005);
	attach();
	dataplane_expire(asked.installs[2].registration);
	EXPECT_EQ(asked.n_tunnel_deletes, 3);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c081_a_tunnel_that_cannot_be_made_means_503)
{
	begin();
	dataplane_answer(-ENOSPC);
	ue_register(&ue, nat.uc_fd, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(nat.uc_fd), 503);
	EXPECT_EQ(asked.n_installs, 0);
	EXPECT_EQ(edge_stat("ues"), 0);
	test_context("the data plane goes in between");
	dataplane_answer(0);
	dataplane_hold(true);
	ue_register(&ue, nat.uc_fd, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	dataplane_leave();
	EXPECT_EQ(ue_status(nat.uc_fd), 503);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

#define AUTH_OTHER "Digest username=\"w@" REALM "\", nonce=\"\", response=\"\""

/* Both have the same address at home. The tuples inside are what the sockets tell them apart by. */
/* Its tunnel's number may be another one's by then. */
TEST(pcscf, c085_set_that_ends_while_its_tunnel_is_made_is_not_installed)
{
	begin();
	challenge(&ue, nat.uc_fd, auth_initial);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	struct sip *answered = core_receive();
	ASSERT_TRUE(answered != NULL);
	test_context("somebody else begins an authentication of the same user there");
	ue.uc += 2;
	char *text = ue_register_text(&ue, auth_initial, true, "");
	strstr(text, "Call-ID: c")[9] = 'X';
	dataplane_hold(true);
	ue_send(&ue, nat.uc_fd, port_clear, text);
	free(text);
	core_answer(core_receive(), 401, challenge_headers);
	core_answer(answered, 200, ok_headers(&ue, 600));
	dataplane_hold(false);
	edge_turn();
	EXPECT_EQ(asked.n_tunnels, 2);
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(dataplane_n_sets(), 1);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(ue_status(nat.uc_fd), 503);
	edge_stop();
}

TEST(pcscf, c081_ues_of_one_address_behind_two_nats_are_told_apart_by_their_ports)
{
	struct ue_sim other;
	begin();
	attach();
	ue_open(&other, 10, 14601, 14602); /* the other NAT */
	test_context("the same port_uc is refused, C-053 (b)");
	struct ue_sim second = ue;
	ue_register(&second, other.uc_fd, port_clear, AUTH_OTHER, "");
	EXPECT_EQ(ue_status(other.uc_fd), 400);
	EXPECT_EQ(edge_stat("register_port_in_use"), 1);
	test_context("another is served");
	ue_renew(&second, 14003);
	challenge(&second, other.uc_fd, AUTH_OTHER);
	EXPECT_EQ(edge_stat("ues"), 2);
	ASSERT_EQ(asked.n_tunnels, 2);
	expect_address(&asked.tunnels[1].peer, other.host);
	EXPECT_NE(asked.installs[1].tunnel, asked.installs[0].tunnel);
	expect_address(&asked.installs[1].peer, ue.host);
	test_context("port_us is the same, so port_pc differs");
	EXPECT_EQ(asked.installs[1].sa[1].peer_port, asked.installs[0].sa[1].peer_port);
	for (unsigned i = 0; i < API_SET_SAS; i++)
		for (unsigned j = 0; j < API_SET_SAS; j++)
			EXPECT_FALSE(asked.installs[0].sa[i].local_port ==
					     asked.installs[1].sa[j].local_port &&
				     asked.installs[0].sa[i].peer_port ==
					     asked.installs[1].sa[j].peer_port);
	edge_stop();
}

/* Who says the victim's IMPI and the victim's address at home is still behind another NAT. */
TEST(pcscf, c062_c081_a_stranger_behind_another_nat_disturbs_nothing)
{
	struct ue_sim other;
	begin();
	attach();
	reauthenticate(); /* one set established, one temporary */
	ue_open(&other, 10, 14601, 14602);
	struct ue_sim stranger = ue;
	for (unsigned i = 0; i < 4; i++) {
		ue_renew(&stranger, (uint16_t)(14021 + 2 * i));
		challenge(&stranger, other.uc_fd, auth_initial);
	}
	EXPECT_EQ(edge_stat("ues"), 2);
	for (unsigned i = 0; i < asked.n_deletes; i++) {
		EXPECT_NE(asked.deletes[i].registration, asked.installs[0].registration);
		EXPECT_NE(asked.deletes[i].registration, asked.installs[1].registration);
	}
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

TEST(pcscf, c081_c093_restart_keeps_the_tunnels_that_have_a_set_and_no_other)
{
	begin();
	challenge(&ue, nat.uc_fd, auth_initial);
	dataplane_rebind(asked.tunnels[0].handle, nat.host, 40001, true);
	ue_answer_challenge(&ue, 600);
	dataplane_tunnel(4711);
	edge_restart();
	ASSERT_EQ(asked.n_tunnel_deletes, 1);
	EXPECT_EQ(asked.tunnel_deletes[0], 4711);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	test_context("the next set is known to be behind the NAT");
	reauthenticate();
	ASSERT_EQ(asked.n_tunnels, 2);
	EXPECT_EQ(asked.installs[1].mode, API_UDP_ENCAP_TUNNEL);
	expect_address(&asked.tunnels[1].peer, nat.host);
	edge_stop();
}
