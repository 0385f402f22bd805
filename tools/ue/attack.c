#include "tools/ue/attack.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "crypto/wipe.h"
#include "tools/ue/reflect.h"

/* What SIP over UDP ignores: an honest packet that asks for nothing. Its ESP has 2 of padding. */
static const char ping[4] = "\r\n\r\n";

/* So that no queue on the way overflows: what is sent is what the edge counts. */
#define PACE_PKTS     16
#define PACE_SLEEP_US 1000

/* For the edge to be done with what was honestly sent: packets of one burst see the same window. */
#define SETTLE_US 20000

static bool build_ping(struct attack *a, uint16_t ue_port)
{
	return !packet_build_udp(&a->packet, &a->ue->address, ue_port, &a->fleet->options.pcscf,
				 a->sa->pcscf_port, ping, sizeof(ping));
}

static bool run_crypto(struct attack *a)
{
	struct esp_job *job = &a->job;

	esp_run(a->fleet->bump.crypto, &job, 1);
	return job->job.status == CRYPTO_DONE;
}

static bool seal_ping(struct attack *a, struct sa *sa)
{
	return build_ping(a, a->sa->ue_port) && !esp_seal(&a->job, &a->packet, sa) && run_crypto(a);
}

static bool send_packet(struct attack *a)
{
	return !bump_send(&a->fleet->bump, &a->packet);
}

static bool send_ping(struct attack *a)
{
	return seal_ping(a, a->sa) && send_packet(a);
}

/*
 * replay, late: the packet played back was honestly sent before, with the SA's own number, so the
 * window holds it as seen; copies never get past the check of the number and move nothing.
 */
static bool prepare_replay(struct attack *a)
{
	return send_ping(a);
}

/*
 * So many honest packets later the first one is left of the window: top − 128 is late. Twice that,
 * for an edge that was not awake: what it gets at once is checked against the window before it.
 */
static bool prepare_late(struct attack *a)
{
	struct packet old;

	if (!send_ping(a))
		return false;
	old = a->packet; /* old.ip stays a place in a->packet */
	for (unsigned i = 0; i < 2 * WINDOW_PKTS; i++) {
		if (!send_ping(a))
			return false;
		if (i % PACE_PKTS == 0)
			usleep(PACE_SLEEP_US);
	}
	a->packet = old;
	return true;
}

/*
 * bad-icv: takes the SA's next number. The edge drops the packet before it moves the window, and
 * later numbers are simply higher: a gap is a lost packet.
 */
static bool send_bad_icv(struct attack *a)
{
	if (!seal_ping(a, a->sa))
		return false;
	a->job.job.esp[a->job.job.auth_bytes] ^= 1;
	return send_packet(a);
}

/* unknown-spi: signed with a copy of the SA, whose own number does not move. */
static bool send_unknown_spi(struct attack *a)
{
	struct sa other = *a->sa;
	bool sent;

	/* The upper bits of a lookup-friendly SPI are its generation: one SA, one generation. */
	for (uint32_t bit = UINT32_C(1) << 31; bit; bit >>= 1) {
		other.spi = a->sa->spi ^ bit;
		if (other.spi >> 8 && !sa_is_outbound_spi(a->fleet->bump.sas, other.spi))
			break;
	}
	sent = seal_ping(a, &other) && send_packet(a);
	wipe(&other, sizeof(other));
	return sent;
}

/*
 * wrong-port, bad-padding: take the SA's next number, and as their ICV is good the edge marks it
 * as seen before it looks inside. The next honest packet has a higher one.
 */
static bool send_wrong_port(struct attack *a)
{
	return build_ping(a, a->sa->ue_port + 1) && !esp_seal(&a->job, &a->packet, a->sa) &&
	       run_crypto(a) && send_packet(a);
}

static bool send_bad_padding(struct attack *a)
{
	uint8_t *trailer;

	if (!build_ping(a, a->sa->ue_port) || esp_seal(&a->job, &a->packet, a->sa))
		return false;
	trailer = a->job.job.esp + a->job.job.auth_bytes - ESP_TRAILER_BYTES;
	trailer[-1] ^= 0x80; /* the last of 1, 2 */
	return run_crypto(a) && send_packet(a);
}

/* truncated: 8 of header and the 12 of an ICV, no trailer between. Takes a number as bad-icv does.
 */
static bool send_truncated(struct attack *a)
{
	if (!seal_ping(a, a->sa))
		return false;
	packet_reframe(&a->packet, 0, ESP_HEADER_BYTES + 12, IPPROTO_ESP);
	return send_packet(a);
}

/* clear-udp, clear-tcp: to the SA's own ports. No ESP, so no number. */
static bool send_clear_udp(struct attack *a)
{
	return build_ping(a, a->sa->ue_port) && send_packet(a);
}

static bool send_clear_tcp(struct attack *a)
{
	struct tcphdr tcp = {
		.source = htons(a->sa->ue_port),
		.dest = htons(a->sa->pcscf_port),
		.seq = htonl(a->n_sent + 1),
		.doff = sizeof(tcp) / 4,
		.syn = 1,
		.window = htons(UINT16_MAX),
	};

	if (packet_build(&a->packet, &a->ue->address, &a->fleet->options.pcscf, IPPROTO_TCP, &tcp,
			 sizeof(tcp)))
		return false;
	tcp.check = packet_checksum_be(&a->packet);
	memcpy(a->packet.ip + a->packet.l4, &tcp, sizeof(tcp));
	return send_packet(a);
}

static const struct attack_kind {
	const char *name, *help;
	bool (*prepare)(struct attack *a); /* NULL: nothing to do */
	bool (*send)(struct attack *a);    /* one packet */
} kinds[] = {
	{ "replay", "a packet that was sent before", prepare_replay, send_packet },
	{ "late", "a packet that was sent before, left of the window", prepare_late, send_packet },
	{ "bad-icv", "one bit of the ICV is wrong", NULL, send_bad_icv },
	{ "unknown-spi", "an SPI that the edge never gave", NULL, send_unknown_spi },
	{ "wrong-port", "valid ESP, but another source port inside", NULL, send_wrong_port },
	{ "bad-padding", "valid ESP, but padding is not 1, 2, 3 ...", NULL, send_bad_padding },
	{ "truncated", "ESP without room for trailer and ICV", NULL, send_truncated },
	{ "clear-udp", "UDP in the clear to the protected server port", NULL, send_clear_udp },
	{ "clear-tcp", "TCP SYN in the clear to the protected server port", NULL, send_clear_tcp },
	{ "reflect", "a packet of the P-CSCF, back to it", NULL, reflect_send },
	{ 0 },
};

const char *attack_name(unsigned i)
{
	return kinds[i].name;
}

const char *attack_help(unsigned i)
{
	return kinds[i].help;
}

static void finish(struct attack *a, const char *problem)
{
	a->problem = problem;
	reflect_close(a);
	a->done(a->context);
}

static void send_all(struct attack *a)
{
	if (a->kind->prepare && !a->kind->prepare(a)) {
		finish(a, "could not send");
		return;
	}
	if (a->kind->prepare)
		usleep(SETTLE_US);
	while (a->n_sent < a->n_wanted && a->kind->send(a)) {
		a->n_sent++;
		if (a->n_sent % PACE_PKTS == 0)
			usleep(PACE_SLEEP_US);
	}
	finish(a, a->n_sent < a->n_wanted ? "could not send all" : NULL);
}

static void on_captured(struct attack *a, bool found)
{
	if (found)
		send_all(a);
	else
		finish(a, "the P-CSCF sent nothing to reflect");
}

void attack_start(struct attack *a, struct fleet *f, const char *name, unsigned n_pkts,
		  void (*done)(void *context), void *context)
{
	const struct attack_kind *kind = kinds;

	while (kind->name && strcmp(kind->name, name))
		kind++;
	a->fleet = f;
	a->kind = kind;
	a->done = done;
	a->context = context;
	a->n_wanted = n_pkts;
	a->n_sent = 0;
	a->capture = -1;
	a->ue = fleet_registered(f);
	a->sa = a->ue ? sa_set_outbound(a->ue->current->sas) : NULL;
	if (!kind->name)
		finish(a, "unknown attack");
	else if (!a->ue)
		finish(a, "no UE is registered");
	else if (kind->send == reflect_send)
		reflect_capture(a, on_captured);
	else
		send_all(a);
}
