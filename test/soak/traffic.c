#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/soak/soak.h"
#include "test/unit/dataplane_fixture.h"

enum {
	MAX_PAYLOAD_BYTES = 1300,
	GAP = 200, /* more than the window and the sixty numbers that are late */
	N_LATE = 60,
	PIECE_BYTES = 256,
};

static const struct subject_flaw no_flaw;

/* Mostly short, as SIP over UDP is, some nearly as long as a frame. */
static size_t some_bytes(struct soak *s)
{
	return soak_below(s, soak_below(s, 8) ? 400 : MAX_PAYLOAD_BYTES);
}

static void send_frame(struct soak *s, enum wire_side side, const struct packet *p)
{
	wire_send(&s->wire, side, p->bytes, p->n_bytes);
}

/* ---- fragments ---- */

/* All of a payload in pieces, in order; how many. */
static uint16_t send_pieces(struct soak *s, enum wire_side side, const struct packet_ip *ip,
			    uint8_t protocol, const uint8_t *payload, size_t n_bytes, bool really)
{
	uint16_t n = 0;
	for (size_t at = 0; at < n_bytes; at += PIECE_BYTES, n++) {
		struct packet p;
		struct packet_ip own = *ip;
		size_t left = n_bytes - at, piece_bytes = left < PIECE_BYTES ? left : PIECE_BYTES;
		bool more = left > PIECE_BYTES;
		if (!really)
			continue;
		own.id = (uint16_t)s->ledger.n_sent;
		if (own.family == API_IPV4) {
			own.fragment_be16 = (uint16_t)(at / 8 | (more ? 0x2000 : 0));
		} else {
			own.extension[own.n_extensions++] = IPPROTO_FRAGMENT;
			own.fragment_offset_be16 = (uint16_t)(at | more);
		}
		packet_make(&p, &own, protocol, payload + at, piece_bytes);
		send_frame(s, side, &p);
	}
	return n;
}

/* In one piece or in several. */
static void send_payload(struct soak *s, enum wire_side side, const struct packet_ip *ip,
			 uint8_t protocol, const uint8_t *payload, size_t n_bytes,
			 uint16_t n_frames)
{
	struct packet p;
	if (n_frames > 1) {
		send_pieces(s, side, ip, protocol, payload, n_bytes, true);
		return;
	}
	packet_make(&p, ip, protocol, payload, n_bytes);
	send_frame(s, side, &p);
}

/* ---- packets of ESP, and for it ---- */

static struct ledger_packet packet_of(const struct subject *subject, const char *kind,
				      enum wire_side side)
{
	static const struct {
		enum fate fate;
		enum counter reason[WIRE_SIDES];
	} of[] = {
		[SUBJECT_ABSENT] = { FATE_DROPPED, { COUNT_esp_unknown_spi, COUNT_out_no_sa } },
		[SUBJECT_ALIVE] = { FATE_DELIVERED, { 0 } },
		[SUBJECT_ENDING] = { FATE_EITHER, { 0 } },
		[SUBJECT_FROZEN] = { FATE_DROPPED, { COUNT_esp_expired, COUNT_out_expired } },
		[SUBJECT_DEAD] = { FATE_DROPPED, { COUNT_esp_unknown_spi, COUNT_out_no_sa } },
	};
	struct ledger_packet packet = { .kind = kind,
					.subject = subject->number,
					.side = side,
					.fate = of[subject->state].fate,
					.reason = of[subject->state].reason[side],
					.passed =
						side == WIRE_NETWORK ? COUNT_esp_rx : COUNT_esp_tx,
					.n_frames = 1 };
	if (subject->kind == SUBJECT_GATEWAY && packet.reason == COUNT_out_no_sa)
		packet.reason = COUNT_out_no_tunnel;
	return packet;
}

/*
 * Takes numbers as a peer does, and now and then leaves out more than a window has room for. Not
 * while others are under way: what a device has may be passed by what the cpu does.
 */
static uint64_t next_sequence(struct soak *s, const struct subject *subject, struct subject_sa *sa)
{
	if (subject->state == SUBJECT_FROZEN)
		return sa->sequence + 1;
	bool is_quiet = subject->state == SUBJECT_ALIVE && sa->received_step < s->step &&
			subject->hostile + SOAK_QUIET_STEPS <= s->step;
	if (is_quiet && soak_below(s, 16) == 0 && !sa->peer.esn) {
		sa->late = sa->sequence + 1;
		sa->late_step = s->step;
		sa->sequence += GAP;
	}
	sa->sequence++;
	if (subject->state == SUBJECT_ALIVE) {
		sa->received = sa->sequence;
		sa->received_step = s->step;
	}
	return sa->sequence;
}

/* A packet that a peer means well, twice if `copy`. */
static void send_in(struct soak *s, struct subject *subject, bool in_pieces, bool copy)
{
	uint8_t bytes[PACKET_MAX_BYTES], protocol;
	bool tcp = soak_below(s, 3) == 0;
	uint32_t i = subject_sa(subject, API_IN, soak_below(s, 2));
	struct subject_sa *sa = &subject->sa[i];
	uint64_t sequence = next_sequence(s, subject, sa);
	size_t n_payload = some_bytes(s);
	struct ledger_packet packet = packet_of(subject, "ESP", WIRE_NETWORK);
	/* Once for its size, which is in the ledger before the number is in the packet. */
	size_t n = subject_seal(bytes, &protocol, subject, i, sequence, tcp, 0, n_payload, &no_flaw,
				&packet.carried_bytes);
	if (in_pieces)
		packet.n_frames =
			send_pieces(s, WIRE_NETWORK, &subject->in, protocol, bytes, n, false);
	uint32_t number = ledger_enter(&s->ledger, &packet);
	n = subject_seal(bytes, &protocol, subject, i, sequence, tcp, number, n_payload, &no_flaw,
			 &packet.carried_bytes);
	send_payload(s, WIRE_NETWORK, &subject->in, protocol, bytes, n, packet.n_frames);
	if (!copy)
		return;
	ledger_enter_drop(&s->ledger, WIRE_NETWORK, COUNT_esp_replayed);
	send_payload(s, WIRE_NETWORK, &subject->in, protocol, bytes, n, 1);
}

static void send_out(struct soak *s, struct subject *subject, bool in_pieces)
{
	uint8_t upper[PACKET_MAX_BYTES];
	bool tcp = soak_below(s, 3) == 0, is_inner = subject->kind != SUBJECT_UE;
	uint32_t i = subject_sa(subject, API_OUT, soak_below(s, 2));
	size_t n_payload = some_bytes(s);
	const struct packet_ip *ip = is_inner ? &subject->inner_out : &subject->out;
	struct ledger_packet packet = packet_of(subject, "a packet for ESP", WIRE_KERNEL);
	size_t n = subject_upper(upper, subject, i, tcp, 0, n_payload, &no_flaw);
	packet.carried_bytes = (uint16_t)(n + (!is_inner ? 0 : ip->family == API_IPV4 ? 20 : 40));
	if (in_pieces)
		packet.n_frames = send_pieces(s, WIRE_KERNEL, ip, 0, upper, n, false);
	n = subject_upper(upper, subject, i, tcp, ledger_enter(&s->ledger, &packet), n_payload,
			  &no_flaw);
	send_payload(s, WIRE_KERNEL, ip, tcp ? IPPROTO_TCP : IPPROTO_UDP, upper, n,
		     packet.n_frames);
}

/* ---- hostile ones ---- */

/* How a packet with a good ICV, or nearly, goes wrong. */
struct attack {
	const char *kind;
	enum counter reason;
	struct subject_flaw flaw;
	enum {
		NUMBER_NEXT,  /* and taken: the ICV is good */
		NUMBER_AHEAD, /* and not taken */
		NUMBER_ZERO,
		NUMBER_RECEIVED,
		NUMBER_LATE,
	} number;
	bool bad_icv, short_of_all, from_another;
};

/* Chooses an attack that makes sense against the subject; false: none this time. */
static bool choose_attack(struct soak *s, const struct subject *subject,
			  const struct subject_sa *sa, struct attack *a)
{
	static const struct esp_trailer dummy = { .next_header = IPPROTO_NONE };
	bool is_ue = subject->kind == SUBJECT_UE;
	switch (soak_below(s, 9)) {
	case 0:
		*a = (struct attack){ "a wrong ICV", COUNT_esp_bad_icv, .number = NUMBER_AHEAD,
				      .bad_icv = true };
		return true;
	case 1:
		*a = (struct attack){ "other ports",
				      is_ue ? COUNT_esp_wrong_port : COUNT_esp_wrong_selector,
				      { .peer_port_more = 1 } };
		return subject->kind != SUBJECT_GATEWAY;
	case 2:
		*a = (struct attack){ "another's network",
				      COUNT_esp_wrong_selector,
				      { .foreign = true } };
		return !is_ue;
	case 3:
		*a = (struct attack){ "sequence number 0", COUNT_esp_zero_sequence,
				      .number = NUMBER_ZERO };
		return !sa->peer.esn;
	case 4:
		*a = (struct attack){ "a number again", COUNT_esp_replayed,
				      .number = NUMBER_RECEIVED };
		return sa->received && sa->received_step < s->step;
	case 5:
		*a = (struct attack){ "a late number", COUNT_esp_late, .number = NUMBER_LATE };
		return sa->late && sa->late_step < s->step;
	case 6:
		*a = (struct attack){ "a dummy", COUNT_esp_dummy, { .trailer = &dummy } };
		/* Whose length is whole blocks by chance is not ours to say. */
		return reference_shape(sa->peer.suite)->block_bytes == 4;
	case 7:
		*a = (struct attack){ "no UDP checksum",
				      COUNT_esp_no_checksum,
				      { .no_checksum = true } };
		return is_ue && subject->in.family == API_IPV6;
	default:
		*a = (struct attack){ "another's address", COUNT_esp_wrong_address,
				      .number = NUMBER_AHEAD, .from_another = true };
		return is_ue;
	}
}

static uint64_t attack_sequence(struct soak *s, const struct subject *subject,
				struct subject_sa *sa, const struct attack *a)
{
	switch (a->number) {
	case NUMBER_NEXT:
		return next_sequence(s, subject, sa);
	case NUMBER_AHEAD:
		return sa->sequence + 1 + soak_below(s, 1000);
	case NUMBER_RECEIVED:
		return sa->received;
	case NUMBER_LATE:
		return sa->late + soak_below(s, N_LATE);
	default:
		return 0;
	}
}

static void send_attack(struct soak *s, struct subject *subject)
{
	uint8_t bytes[PACKET_MAX_BYTES], protocol;
	uint32_t i = subject_sa(subject, API_IN, soak_below(s, 2));
	struct subject_sa *sa = &subject->sa[i];
	struct packet_ip ip = subject->in;
	struct packet p;
	struct attack a;
	if (subject->state != SUBJECT_ALIVE || !choose_attack(s, subject, sa, &a))
		return;
	uint64_t sequence = attack_sequence(s, subject, sa, &a);
	struct ledger_packet packet = packet_of(subject, a.kind, WIRE_NETWORK);
	packet.fate = FATE_DROPPED;
	packet.reason = a.reason;
	uint32_t number = ledger_enter(&s->ledger, &packet);
	size_t n = subject_seal(bytes, &protocol, subject, i, sequence, false, number,
				2 + 4 * soak_below(s, 100), &a.flaw, &packet.carried_bytes);
	if (a.bad_icv)
		bytes[n - 1 - soak_below(s, 12)] ^= (uint8_t)(1 << soak_below(s, 8));
	if (a.from_another)
		ip.source[ip.family == API_IPV4 ? 3 : 15] ^= 0x55;
	packet_make(&p, &ip, protocol, bytes, n);
	send_frame(s, WIRE_NETWORK, &p);
}

/* The data plane's own packet comes back to it. */
static void send_reflected(struct soak *s, const struct subject *subject)
{
	if (!subject->reflected_bytes || subject->state != SUBJECT_ALIVE)
		return;
	ledger_enter_drop(&s->ledger, WIRE_NETWORK, COUNT_esp_reflected);
	wire_send(&s->wire, WIRE_NETWORK, subject->reflected, subject->reflected_bytes);
}

/* Clear packets: to protected ports, for a tunnel, from a protected port to nobody, and good ones.
 */
static void send_clear(struct soak *s, struct subject *subject)
{
	static const struct {
		const char *kind;
		enum wire_side side;
		enum fate fate;
		enum counter counter;
		bool tcp, to_tunnel;
		uint16_t local_port, peer_port;
	} clear[] = {
		{ "clear UDP to port_ps", WIRE_NETWORK, FATE_DROPPED, COUNT_clear_udp_to_protected,
		  .local_port = FIXTURE_PORT_PS, .peer_port = 999 },
		{ "clear TCP to port_pc", WIRE_NETWORK, FATE_DROPPED, COUNT_clear_tcp_to_protected,
		  .tcp = true, .local_port = FIXTURE_PORT_PC_FIRST, .peer_port = 999 },
		{ "clear SIP", WIRE_NETWORK, FATE_DELIVERED, COUNT_clear_rx, .local_port = 5060,
		  .peer_port = 999 },
		{ "a clear answer", WIRE_KERNEL, FATE_DELIVERED, COUNT_clear_tx, .local_port = 5060,
		  .peer_port = 999 },
		{ "from port_ps to nobody", WIRE_KERNEL, FATE_DROPPED, COUNT_out_no_sa,
		  .local_port = FIXTURE_PORT_PS, .peer_port = 999 },
		{ "a clear packet for a tunnel", WIRE_NETWORK, FATE_DROPPED, COUNT_clear_to_tunnel,
		  .to_tunnel = true, .local_port = 2000, .peer_port = 1000 },
	};
	uint32_t i = soak_below(s, sizeof(clear) / sizeof(clear[0]));
	bool in = clear[i].side == WIRE_NETWORK, has_tunnel = subject->set[0].tunnel;
	uint8_t upper[PACKET_MAX_BYTES], payload[64] = { 0 };
	struct packet p;
	if (clear[i].to_tunnel && (subject->kind != SUBJECT_GATEWAY || !has_tunnel))
		return;
	struct ledger_packet packet = packet_of(subject, clear[i].kind, clear[i].side);
	packet.fate = clear[i].fate;
	packet.reason = packet.passed = clear[i].counter;
	subject_payload(payload, sizeof(payload), ledger_enter(&s->ledger, &packet));
	uint16_t from = in ? clear[i].peer_port : clear[i].local_port;
	uint16_t to = in ? clear[i].local_port : clear[i].peer_port;
	size_t n =
		(clear[i].tcp ? packet_tcp : packet_udp)(upper, from, to, payload, sizeof(payload));
	const struct packet_ip *ip = clear[i].to_tunnel ? &subject->inner_in
				     : in               ? &subject->in
							: &subject->out;
	packet_make(&p, ip, clear[i].tcp ? IPPROTO_TCP : IPPROTO_UDP, upper, n);
	send_frame(s, clear[i].side, &p);
}

static void send_keepalive(struct soak *s, const struct subject *subject)
{
	uint8_t udp[16];
	struct packet p;
	if (subject->kind != SUBJECT_UE_BEHIND_NAT)
		return;
	ledger_enter_drop(&s->ledger, WIRE_NETWORK, COUNT_encap_keepalive);
	packet_make(&p, &subject->in, IPPROTO_UDP, udp,
		    packet_udp(udp, subject->tunnel.peer_port, subject->tunnel.local_port,
			       (const uint8_t[]){ 0xff }, 1));
	send_frame(s, WIRE_NETWORK, &p);
}

void traffic_send(struct soak *s, struct subject *subject)
{
	uint32_t kind = soak_below(s, 32);
	bool is_alive = subject->state == SUBJECT_ALIVE;
	bool is_gone = subject->state == SUBJECT_ABSENT || subject->state == SUBJECT_DEAD;
	if (!subject->n_generations || (is_gone && soak_below(s, 8)))
		return;
	if (!is_alive)
		subject->hostile = s->step;
	if (kind < 11) {
		/* Fragments of IPv4 the kernel puts together before af_packet sees them. */
		send_in(s, subject, is_alive && kind == 10 && subject->in.family == API_IPV6,
			false);
	} else if (kind < 22) {
		send_out(s, subject, is_alive && kind == 21);
	} else if (kind < 24 && is_alive) {
		send_in(s, subject, false, true);
		subject->hostile = s->step;
	} else if (kind < 28) {
		send_attack(s, subject);
		subject->hostile = s->step;
	} else if (kind == 28) {
		send_reflected(s, subject);
		subject->hostile = s->step;
	} else if (kind == 29) {
		send_keepalive(s, subject);
	} else {
		send_clear(s, subject);
	}
}
