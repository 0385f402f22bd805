/*
 * Fragments into the worker, clear ones from the network and from the kernel, in any place, order
 * and number, as time passes.
 *
 * An input is a row of records of six bytes: what it is, whose, where (in units of eight bytes, low
 * byte first), how long (in units of eight, and the rest). Each byte that a record sends is the
 * record's number, so that a datagram shows of which fragments it was made: of whole ones only,
 * each in its place, all of one key. Whatever the input, all packets are accounted for, and no more
 * buffers are held than are allowed.
 */
#include "test/fuzz/fuzz.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/dataplane_fixture.h"

enum {
	RECORD_BYTES = 6,
	MAX_RECORDS = 250,
	MAX_PAYLOAD_BYTES = 1400,
	/* bits of a record's first byte */
	MORE = 0x01,
	FROM_KERNEL = 0x02,
	IPV6 = 0x04,
	EXTENDED = 0x08, /* a header in front of the fragment header */
	LATER = 0x10,    /* a second later than the one before */
	TURN = 0x20,
};

struct record {
	uint8_t what, whose;
	uint32_t offset, n_bytes;
};

static struct fixture *f;
static struct record record[MAX_RECORDS + 1]; /* from 1 on */
static unsigned n_records;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fragment_fuzz: %s\n", what);
	abort();
}

static void send_record(const struct record *r, uint8_t number)
{
	bool ipv6 = r->what & IPV6;
	struct packet_ip ip = { .family = ipv6 ? 6 : 4, .id = r->whose & 3 };
	uint8_t payload[MAX_PAYLOAD_BYTES];
	struct packet p;
	/* SCTP: no ports that anybody looks at, so that all that is whole comes out. */
	memset(payload, number, sizeof(payload));
	ip.source[0] = ip.destination[0] = 10;
	ip.source[3] = (uint8_t)(r->whose >> 2 & 7);
	ip.destination[3] = (uint8_t)(r->whose >> 5 & 3);
	if (ipv6) {
		if (r->what & EXTENDED)
			ip.extension[ip.n_extensions++] = IPPROTO_HOPOPTS;
		ip.extension[ip.n_extensions++] = IPPROTO_FRAGMENT;
		ip.fragment_offset_be16 = (uint16_t)(r->offset | (r->what & MORE));
	} else {
		ip.option_bytes = r->what & EXTENDED ? 8 : 0;
		ip.fragment_be16 = (uint16_t)(r->offset / 8 | (r->what & MORE ? 0x2000 : 0));
	}
	packet_make(&p, &ip, IPPROTO_SCTP, payload, r->n_bytes);
	fixture_send(f, r->what & FROM_KERNEL ? FIXTURE_KERNEL : FIXTURE_NETWORK, 0, p.bytes,
		     p.n_bytes);
}

static uint16_t get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Bytes [offset, …) of a datagram of so many records' making. */
static void check_payload(const uint8_t *bytes, uint32_t n_bytes, uint32_t offset, bool more)
{
	for (uint32_t i = 0; i < n_bytes; i++) {
		unsigned number = bytes[i];
		check(number >= 1 && number <= n_records, "a byte of nobody");
		const struct record *r = &record[number];
		uint32_t at = offset + i;
		check(at >= r->offset && at < r->offset + r->n_bytes, "a byte in another place");
		/* Where a record's bytes begin and end in a frame, it or the frame does. */
		bool begins = i == 0 || bytes[i - 1] != number;
		bool ends = i + 1 == n_bytes || bytes[i + 1] != number;
		check(!begins || i == 0 || at == r->offset, "a fragment without its beginning");
		check(!ends || i + 1 == n_bytes || at + 1 == r->offset + r->n_bytes,
		      "a fragment without its end");
	}
	if (!n_bytes || more)
		return;
	const struct record *last = &record[bytes[n_bytes - 1]];
	check(offset + n_bytes == last->offset + last->n_bytes && !(last->what & MORE),
	      "an end that nobody sent");
}

static void check_frame(const struct packet *p)
{
	const uint8_t *ip = p->bytes + p->l3, *end = p->bytes + p->n_bytes;
	if (ip[0] >> 4 == 4) {
		uint16_t place = get_be16(ip + 6);
		const uint8_t *payload = ip + (ip[0] & 15) * 4;
		check(packet_checksum_is_good(p), "a wrong sum");
		check_payload(payload, (uint32_t)(end - payload), (place & 0x1fffu) * 8,
			      place & 0x2000);
		return;
	}
	const uint8_t *named = ip + 6, *header = ip + 40;
	if (*named == IPPROTO_HOPOPTS) {
		named = header;
		header += 8;
	}
	if (*named == IPPROTO_FRAGMENT)
		check_payload(header + 8, (uint32_t)(end - header - 8),
			      get_be16(header + 2) & 0xfff8u, header[3] & 1);
	else
		check_payload(header, (uint32_t)(end - header), 0, false);
}

static void drain(void)
{
	for (struct packet p; fixture_receive(f, FIXTURE_KERNEL, 0, &p) ||
			      fixture_receive(f, FIXTURE_NETWORK, 0, &p);)
		check_frame(&p);
}

static void turns(void)
{
	while (fixture_turn(f))
		;
	drain();
	check(reassembly_n_held(f->worker.from_network) <= FIXTURE_HELD &&
		      reassembly_n_held(f->worker.from_kernel) <= FIXTURE_HELD,
	      "more is held than allowed");
}

static void send_all(const uint8_t *data, size_t size)
{
	for (n_records = 0; n_records < MAX_RECORDS && size >= RECORD_BYTES;) {
		struct record *r = &record[++n_records];
		*r = (struct record){ .what = data[0],
				      .whose = data[1],
				      .offset = (uint32_t)(data[2] | data[3] << 8) % 8192 * 8,
				      .n_bytes = (data[4] * 8u + data[5] % 8u) };
		if (r->n_bytes > MAX_PAYLOAD_BYTES)
			r->n_bytes = MAX_PAYLOAD_BYTES;
		data += RECORD_BYTES;
		size -= RECORD_BYTES;
		if (r->what & LATER)
			fixture_set_time(f, f->now_s + 1);
		send_record(r, (uint8_t)n_records);
		if (r->what & TURN || n_records % 32 == 0)
			turns();
	}
	turns();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!f)
		f = fixture_open(&fixture_table);
	memset(&f->worker.count, 0, sizeof(f->worker.count));
	fixture_set_time(f, 1);
	send_all(data, size);
	fixture_give_up_fragments(f);
	check(fixture_is_accounted(f), "a packet is unaccounted for");
	check(fixture_missing() == 0, "a packet buffer is lost");
	return 0;
}
