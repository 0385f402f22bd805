#include "tools/ue/bump.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "tools/ue/datagram.h"
#include "tools/ue/net.h"

int64_t bump_ue_of(const struct bump *b, const struct address *a)
{
	int64_t i = address_minus(a, &b->options.first_ue);

	return i < b->options.n_ues ? i : -1;
}

struct address bump_address(const struct bump *b, uint32_t ue)
{
	return address_plus(&b->options.first_ue, ue);
}

int bump_send(struct bump *b, const struct packet *p)
{
	struct sockaddr_storage to;
	socklen_t to_bytes = address_to_socket(&p->destination, 0, &to);
	ssize_t n = sendto(b->wire, p->ip, p->bytes, 0, (struct sockaddr *)&to, to_bytes);

	return n < 0 ? -errno : 0;
}

static void send_or_count(struct bump *b, const struct packet *p, uint64_t *counter)
{
	if (bump_send(b, p))
		b->n_lost++;
	else
		(*counter)++;
}

/* ---- from the TUN device ---- */

/* True: the packet is ESP now and waits for its job. */
static bool protect(struct bump *b, struct packet *p, struct esp_job *job)
{
	int64_t ue = bump_ue_of(b, &p->source);
	enum esp_verdict verdict;
	struct sa *sa;

	if (!address_equal(&p->destination, &b->options.pcscf))
		return false; /* multicast that the kernel speaks on every device */
	if (ue < 0) {
		send_or_count(b, p, &b->n_clear);
		return false;
	}
	sa = sa_find_outbound(b->sas, (uint32_t)ue, p->source_port, p->destination_port);
	if (!sa) {
		b->n_no_sa++;
		return false;
	}
	verdict = esp_seal(job, p, sa);
	b->n_refused[verdict] += verdict != ESP_OK;
	return verdict == ESP_OK;
}

static void on_tun(evutil_socket_t fd, short what, void *context)
{
	struct bump *b = context;
	struct esp_job *jobs[CRYPTO_BURST];
	unsigned n_jobs = 0;

	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		struct packet *p = &b->packet[i];
		ssize_t n = read(fd, packet_room(p), PACKET_BYTES);

		if (n < 0)
			break;
		if (!packet_parse(p, packet_room(p), (size_t)n) && protect(b, p, &b->job[i]))
			jobs[n_jobs++] = &b->job[i];
	}
	esp_run(b->crypto, jobs, n_jobs);
	for (unsigned i = 0; i < n_jobs; i++) {
		if (jobs[i]->job.status == CRYPTO_DONE)
			send_or_count(b, jobs[i]->packet, &b->n_sealed);
		else
			b->n_refused[ESP_FAILED]++;
	}
}

/* ---- from the wire ---- */

static int receive(struct bump *b, int fd, struct packet *p)
{
	bool in_udp = fd == b->udp;
	struct datagram d;
	int error = datagram_receive(fd, packet_room(p), PACKET_BYTES, &d);

	if (error)
		return error;
	if (d.peer.family == AF_INET && !in_udp)
		return packet_parse(p, packet_room(p), d.bytes);
	error = packet_restore(p, &d.peer, &d.ue, IPPROTO_ESP, d.bytes);
	p->in_udp = in_udp;
	return error;
}

static void deliver(struct bump *b, struct esp_job *job)
{
	struct address ue = bump_address(b, job->sa->ue);
	enum esp_verdict verdict = esp_finish(job, &ue, &b->options.pcscf);
	const struct packet *p = job->packet;

	if (verdict != ESP_OK)
		b->n_refused[verdict]++;
	else if (write(b->tun, p->ip, p->bytes) == p->bytes)
		b->n_opened++;
	else
		b->n_lost++;
}

static void on_esp(evutil_socket_t fd, short what, void *context)
{
	struct bump *b = context;
	struct esp_job *jobs[CRYPTO_BURST];
	unsigned n_jobs = 0;

	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		int error = receive(b, fd, &b->packet[i]);
		enum esp_verdict verdict = ESP_MALFORMED;

		if (error == -EAGAIN)
			break;
		if (!error)
			verdict = esp_open(&b->job[i], &b->packet[i], b->sas);
		if (verdict == ESP_OK)
			jobs[n_jobs++] = &b->job[i];
		else
			b->n_refused[verdict]++;
	}
	esp_run(b->crypto, jobs, n_jobs);
	for (unsigned i = 0; i < n_jobs; i++)
		deliver(b, jobs[i]);
}

/* ---- behind a NAT ---- */

#define KEEPALIVE_S 20 /* RFC 3948 4 */

static const struct timeval keepalive_after = { .tv_sec = KEEPALIVE_S };

static void on_keepalive(evutil_socket_t fd, short what, void *context)
{
	static const uint8_t keepalive = 0xff;
	struct bump *b = context;

	for (uint32_t ue = 0; ue < b->options.n_ues; ue++) {
		struct address from = bump_address(b, ue);

		if (!sa_is_silent_in_udp(b->sas, ue))
			continue;
		if (datagram_send(b->udp, &from, &b->options.pcscf, ESP_UDP_PORT, &keepalive,
				  sizeof(keepalive)))
			b->n_lost++;
		else
			b->n_keepalives++;
	}
}

unsigned bump_mtu_bytes(const struct bump *b)
{
	return b->options.nat ? BUMP_MTU_IN_UDP_BYTES : BUMP_MTU_BYTES;
}

/* ---- opening ---- */

/* Sends whole IP packets, by the wire device's own routes; blocking, so that nothing is lost. */
static int open_wire(uint8_t family, const char *device)
{
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), one = 1;
	socklen_t n = (socklen_t)strlen(device) + 1;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, n) ||
	    (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one)))) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int complain(const char *what, const char *name, int error)
{
	fprintf(stderr, "imsgate-ue: %s %s: %s\n", what, name, strerror(-error));
	return error;
}

static int open_network(struct bump *b)
{
	const struct bump_options *o = &b->options;
	int error;

	b->tun = net_tun_open(o->tun, bump_mtu_bytes(b));
	if (b->tun < 0)
		return complain("TUN device", o->tun, b->tun);
	error = net_route_host(&o->pcscf, o->tun);
	if (error)
		return complain("route to the P-CSCF through", o->tun, error);
	error = net_route_local(&o->first_ue, o->n_ues);
	if (error)
		return complain("local route for", "the UEs", error);
	b->esp = datagram_open_esp(o->pcscf.family, o->wire);
	if (b->esp < 0)
		return complain("ESP socket on", o->wire, b->esp);
	if (o->nat) {
		b->udp = datagram_open_udp(o->pcscf.family, ESP_UDP_PORT, o->wire, false);
		if (b->udp < 0)
			return complain("UDP port of ESP on", o->wire, b->udp);
	}
	b->wire = open_wire(o->pcscf.family, o->wire);
	return b->wire < 0 ? complain("raw socket on", o->wire, b->wire) : 0;
}

static int watch(struct bump *b, struct event_base *base)
{
	b->tun_event = event_new(base, b->tun, EV_READ | EV_PERSIST, on_tun, b);
	b->esp_event = event_new(base, b->esp, EV_READ | EV_PERSIST, on_esp, b);
	if (!b->tun_event || !b->esp_event || event_add(b->tun_event, NULL) ||
	    event_add(b->esp_event, NULL))
		return complain("event loop", "", -ENOMEM);
	if (b->udp < 0)
		return 0;
	b->udp_event = event_new(base, b->udp, EV_READ | EV_PERSIST, on_esp, b);
	b->keepalive = event_new(base, -1, EV_PERSIST, on_keepalive, b);
	if (!b->udp_event || !b->keepalive || event_add(b->udp_event, NULL) ||
	    event_add(b->keepalive, &keepalive_after))
		return complain("event loop", "", -ENOMEM);
	return 0;
}

int bump_open(struct bump *b, const struct bump_options *options, struct event_base *base)
{
	int error;

	memset(b, 0, sizeof(*b));
	b->options = *options;
	b->tun = b->esp = b->wire = b->udp = -1;
	b->crypto = crypto_new(-1);
	b->sas = sa_table_new(options->n_ues);
	if (!b->crypto || !b->sas)
		error = complain("SA table", "", -ENOMEM);
	else
		error = open_network(b);
	if (!error)
		error = watch(b, base);
	if (error)
		bump_close(b);
	return error;
}

static void close_one(struct event **event, int *fd)
{
	if (*event)
		event_free(*event);
	if (*fd >= 0)
		close(*fd);
	*event = NULL;
	*fd = -1;
}

void bump_close(struct bump *b)
{
	struct event *none = NULL;
	int no_fd = -1;

	close_one(&b->tun_event, &b->tun);
	close_one(&b->esp_event, &b->esp);
	close_one(&b->udp_event, &b->udp);
	close_one(&b->keepalive, &no_fd);
	close_one(&none, &b->wire);
	sa_table_free(b->sas);
	b->sas = NULL;
	crypto_free(b->crypto);
	b->crypto = NULL;
}
