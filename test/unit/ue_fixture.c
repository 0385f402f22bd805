#include "test/unit/ue_fixture.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <event2/event.h>

#include "tools/ue/datagram.h"

static int open_udp(uint16_t *port)
{
	struct address loopback = { .family = AF_INET, .bytes = { 127, 0, 0, 1 } };
	struct sockaddr_storage name;
	socklen_t n = address_to_socket(&loopback, 0, &name);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&name, n) ||
	    getsockname(fd, (struct sockaddr *)&name, &n))
		return -1;
	address_from_socket(&name, &loopback, port);
	return fd;
}

static void make_subscribers(struct ue_fixture *x, uint32_t n)
{
	char text[4096], error[128];
	size_t used = (size_t)snprintf(text, sizeof(text), "impi,impu,k,opc,amf,sqn\n");
	FILE *file;

	for (uint32_t i = 1; i <= n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
					 "u%u@home.test,sip:u%u@home.test," UE_FIXTURE_K
					 "," UE_FIXTURE_OPC ",8000,0\n",
					 i, i);
	file = fmemopen(text, used, "r");
	if (!file ||
	    subscriber_read(file, "subscribers", n, &x->fleet.subscribers, error, sizeof(error)))
		abort();
	fclose(file);
}

bool ue_fixture_open(struct ue_fixture *x, uint32_t n_ues, enum ue_misbehaviour how)
{
	struct fleet *f = &x->fleet;

	memset(x, 0, sizeof(*x));
	f->options.pcscf = (struct address){ .family = AF_INET, .bytes = { 127, 0, 0, 1 } };
	f->options.first_ue = (struct address){ .family = AF_INET, .bytes = { 127, 0, 1, 1 } };
	f->options.offered = 1u << CRYPTO_HMAC_SHA1_NULL | 1u << CRYPTO_HMAC_MD5_AES_CBC;
	f->options.concurrency = f->options.rate = 1;
	f->options.expires_s = 600000;
	f->options.misbehaviour = how;
	f->options.algorithms = AUTH_ALGORITHMS;
	x->stream = -1;
	x->clear = open_udp(&f->options.pcscf_port);
	x->protected = open_udp(&x->port_ps);
	f->clear_fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	f->us_fd = f->us_listener = f->bump.tun = f->bump.esp = f->bump.wire = f->bump.udp = -1;
	for (unsigned i = 0; i < UE_N_PORT_UC; i++)
		f->uc_fd[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	f->base = event_base_new();
	f->bump.options.first_ue = f->options.first_ue;
	f->bump.options.n_ues = n_ues;
	f->bump.sas = sa_table_new(n_ues);
	f->bump.crypto = crypto_new(-1);
	f->milenage = milenage_new();
	f->tick = evtimer_new(f->base, run_tick, f);
	f->result.latency_us = calloc(n_ues, sizeof(*f->result.latency_us));
	f->ues = calloc(n_ues, sizeof(*f->ues));
	make_subscribers(x, n_ues);
	for (; f->n_ues < n_ues; f->n_ues++)
		ue_open(&f->ues[f->n_ues], f, f->n_ues, &f->subscribers.at[f->n_ues]);
	return x->clear >= 0 && x->protected >= 0;
}

void ue_fixture_close(struct ue_fixture *x)
{
	struct event_base *base = x->fleet.base;

	fleet_close(&x->fleet);
	event_base_free(base);
	close(x->clear);
	close(x->protected);
}

static void on_done(void *context)
{
	struct ue_fixture *x = context;

	x->done = true;
}

void ue_fixture_step(struct ue_fixture *x)
{
	for (unsigned i = 0; i < 4; i++)
		event_base_loop(x->fleet.base, EVLOOP_NONBLOCK);
}

void ue_fixture_run(struct ue_fixture *x, enum ue_task task)
{
	x->done = false;
	fleet_run(&x->fleet, task, on_done, x);
	ue_fixture_step(x);
}

bool ue_fixture_take(struct ue_fixture *x, int fd)
{
	ssize_t n = recv(fd, x->bytes, SIP_BYTES, MSG_DONTWAIT);

	if (n < 0)
		return false;
	x->bytes[n] = '\0';
	memcpy(x->text, x->bytes, (size_t)n + 1);
	return !sip_read(x->bytes, (size_t)n, &x->got);
}

static void copy_header(struct sip_text *t, const struct sip_message *m, const char *name)
{
	struct view value = sip_header(m, name, 0);

	sip_put_header(t, name, "%.*s", (int)value.bytes, value.at);
}

void ue_fixture_answer(struct ue_fixture *x, struct ue *u, bool is_protected, unsigned status,
		       const char *headers)
{
	struct sip_text t = { 0 };

	sip_put(&t, "SIP/2.0 %u As Said\r\n", status);
	if (x->received) {
		struct view via = sip_header(&x->got, "Via", 0);

		sip_put_header(&t, "Via", "%.*s;received=%s", (int)via.bytes, via.at, x->received);
	} else {
		copy_header(&t, &x->got, "Via");
	}
	copy_header(&t, &x->got, "From");
	copy_header(&t, &x->got, "To");
	copy_header(&t, &x->got, "Call-ID");
	copy_header(&t, &x->got, "CSeq");
	sip_put(&t, "%sContent-Length: 0\r\n\r\n", headers);
	if (x->stream < 0)
		ue_receive(u, t.at, t.used, is_protected, NULL);
	else if (send(x->stream, t.at, t.used, MSG_NOSIGNAL) != (ssize_t)t.used)
		abort();
	ue_fixture_step(x);
}

void ue_fixture_challenge(struct ue_fixture *x, struct ue *u, bool is_protected, const char *server)
{
	static const uint8_t amf[AKA_AMF_BYTES] = { 0x80, 0x00 };
	const struct milenage_key key = { u->subscriber->k, u->subscriber->opc };
	char nonce[DIGEST_NONCE_SIZE], headers[4096];

	if (aka_next_sqn(x->sqn, &x->sqn) ||
	    aka_make_fresh_av(x->fleet.milenage, &key, x->sqn, amf, &x->av))
		abort();
	digest_encode_nonce(x->av.rand, x->av.autn, NULL, 0, nonce);
	snprintf(headers, sizeof(headers),
		 "WWW-Authenticate: Digest realm=\"home.test\", nonce=\"%s\", "
		 "algorithm=AKAv1-MD5, qop=\"auth\"\r\n%s",
		 nonce, server);
	ue_fixture_answer(x, u, is_protected, 401, headers);
}

bool ue_fixture_register(struct ue_fixture *x, uint32_t i)
{
	struct ue *u = &x->fleet.ues[i];
	char server[512];

	snprintf(server, sizeof(server), "Security-Server: " UE_FIXTURE_SERVER "\r\n", x->port_ps);
	if (!ue_fixture_take(x, x->clear))
		return false;
	ue_fixture_challenge(x, u, false, server);
	if (!ue_fixture_take(x, x->protected))
		return false;
	ue_fixture_answer(x, u, true, 200,
			  "Service-Route: <sip:scscf.home.test;lr>\r\n"
			  "P-Associated-URI: <sip:default@home.test>, <tel:+1>\r\n");
	return u->current != NULL;
}

bool ue_fixture_has(const struct ue_fixture *x, const char *name, const char *value)
{
	struct view v;

	for (unsigned i = 0; (v = sip_header(&x->got, name, i)).at; i++)
		if (view_is(v, value))
			return true;
	return false;
}
