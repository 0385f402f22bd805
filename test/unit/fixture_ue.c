#include "test/unit/fixture_ue.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"

void fixture_ue_install(struct fixture *f, struct fixture_ue *ue, unsigned zone, uint32_t number,
			enum crypto_suite suite, enum api_family family,
			void (*change)(struct api_set *set))
{
	memset(ue, 0, sizeof(*ue));
	ue->set = set_two_pairs(number, suite, family);
	ue->set.zone = (uint16_t)zone;
	if (change)
		change(&ue->set);
	EXPECT_EQ(set_install(&f->sets, &ue->set, NULL, FIXTURE_OWNER, f->now_s, &ue->result), 0);
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		ue->sa[i].suite = suite;
		ue->sa[i].spi = ue->result.spi[i];
		ue->sa[i].keys = set_keys(&ue->set);
	}
	ue->from_ue.vlan = f->zones.zone[zone].vlan;
	ue->from_ue.family = (uint8_t)family;
	memcpy(ue->from_ue.source, ue->set.peer.bytes, 16);
	memcpy(ue->from_ue.destination, ue->set.local.bytes, 16);
	ue->to_ue = ue->from_ue;
	memcpy(ue->to_ue.source, ue->set.local.bytes, 16);
	memcpy(ue->to_ue.destination, ue->set.peer.bytes, 16);
}

size_t fixture_ue_upper(uint8_t *out, const struct fixture_ue *ue, enum set_sa sa, uint8_t protocol,
			const uint8_t *payload, size_t n_bytes)
{
	const struct api_sa *a = &ue->set.sa[sa];
	bool in = a->direction == API_IN;
	uint16_t source = in ? a->peer_port : a->local_port;
	uint16_t destination = in ? a->local_port : a->peer_port;

	return protocol == IPPROTO_UDP ? packet_udp(out, source, destination, payload, n_bytes)
				       : packet_tcp(out, source, destination, payload, n_bytes);
}

void fixture_ue_esp(struct packet *p, const struct fixture_ue *ue, enum set_sa sa,
		    uint32_t sequence, uint8_t protocol, const uint8_t *payload, size_t n_bytes,
		    const struct esp_trailer *trailer)
{
	uint8_t upper[PACKET_MAX_BYTES], esp[PACKET_MAX_BYTES];
	size_t n = fixture_ue_upper(upper, ue, sa, protocol, payload, n_bytes);
	struct esp_trailer good = esp_trailer_of(ue->sa[sa].suite, n, protocol);

	n = esp_seal(esp, &ue->sa[sa], sequence, upper, n, trailer ? trailer : &good);
	packet_make(p, ue->set.sa[sa].direction == API_IN ? &ue->from_ue : &ue->to_ue, IPPROTO_ESP,
		    esp, n);
}

void fixture_ue_clear(struct packet *p, const struct fixture_ue *ue, enum set_sa sa,
		      uint8_t protocol, const uint8_t *payload, size_t n_bytes)
{
	uint8_t upper[PACKET_MAX_BYTES];
	size_t n = fixture_ue_upper(upper, ue, sa, protocol, payload, n_bytes);
	struct packet_ip ip = ue->set.sa[sa].direction == API_IN ? ue->from_ue : ue->to_ue;

	ip.vlan = 0;
	packet_make(p, &ip, protocol, upper, n);
}

void expect_counted(struct fixture *f, const struct counted *expected)
{
	for (unsigned c = 0; c < COUNT_N; c++) {
		uint64_t n = 0, counted = fixture_counted(f, (enum counter)c);
		for (const struct counted *e = expected; e->counter != COUNT_N; e++)
			n += e->counter == c ? e->n : 0;
		if (counted != n)
			TEST_MESSAGE("%s moved by %llu, expected %llu", counter_name[c],
				     (unsigned long long)counted, (unsigned long long)n);
	}
	fixture_mark(f);
}

void expect_accounted(const struct fixture *f)
{
	const uint64_t *n = f->worker.count.n;

	EXPECT_TRUE(fixture_is_accounted(f));
	if (n[COUNT_tx_full])
		return;
	EXPECT_EQ(n[COUNT_kernel_tx] + n[COUNT_network_tx],
		  n[COUNT_esp_rx] + n[COUNT_clear_rx] + n[COUNT_esp_tx] + n[COUNT_clear_tx] +
			  n[COUNT_fragment_tx] - n[COUNT_fragment_split] + n[COUNT_too_big_tx]);
}
