/* The UEs and the core of pcscf_fixture.h: sockets, and the messages of a registration. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"
#include "test/unit/pcscf_fixture_impl.h"

const char auth_initial[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
			    "\", nonce=\"\", uri=\"sip:" REALM "\", response=\"\"";
const char auth_response[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
			     "\", nonce=\"n1\", uri=\"sip:" REALM "\", response=\"00\"";
const char challenge_headers[] =
	"WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"n1\", algorithm=AKAv1-MD5, ik=\"" IK
	"\", ck=\"" CK "\"\r\n";

static int core_fd = -1;
static uint16_t port_core;

/* All that a test opened; closed together, whether it ended or was left in the middle. */
static int sockets[64];
static unsigned n_sockets;

static int open_udp(const char *host, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &name.sin_addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int error = bind(fd, (struct sockaddr *)&name, sizeof(name));
	EXPECT_EQ(error, 0);
	if (error)
		test_give_up(); /* it would speak from a port of nobody's */
	EXPECT_LT(n_sockets, sizeof(sockets) / sizeof(sockets[0]));
	sockets[n_sockets++] = fd;
	return fd;
}

static void send_to(int fd, const char *host, uint16_t port, const void *bytes, size_t n_bytes)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &name.sin_addr);
	EXPECT_EQ(sendto(fd, bytes, n_bytes, 0, (struct sockaddr *)&name, sizeof(name)),
		  (ssize_t)n_bytes);
	edge_turn();
}

void played_sip_open(uint16_t port)
{
	core_fd = open_udp("127.0.0.1", port_icscf);
	port_core = port;
}

void played_sip_close(void)
{
	while (n_sockets)
		close(sockets[--n_sockets]);
}

/* --- UEs --- */

void ue_open(struct ue_sim *u, unsigned n, uint16_t uc, uint16_t us)
{
	memset(u, 0, sizeof(*u));
	snprintf(u->host, sizeof(u->host), "127.%u.%u.%u", 1 + (getpid() >> 8) % 250,
		 getpid() & 0xff, n);
	strcpy(u->inside, u->host);
	u->mode = "trans";
	u->us = us;
	u->clear = open_udp(u->host, UE_PORT_CLEAR);
	u->us_fd = open_udp(u->host, us);
	u->uc_fd = -1;
	ue_renew(u, uc);
}

void ue_close(struct ue_sim *u)
{
	const int own[] = { u->clear, u->us_fd, u->uc_fd };
	unsigned kept = 0;
	for (unsigned i = 0; i < n_sockets; i++) {
		bool is_own = false;
		for (unsigned k = 0; k < 3; k++)
			is_own = is_own || sockets[i] == own[k];
		if (is_own)
			close(sockets[i]);
		else
			sockets[kept++] = sockets[i];
	}
	n_sockets = kept;
}

void ue_renew(struct ue_sim *u, uint16_t uc)
{
	u->uc = uc;
	u->spi_c = 0x20000u + uc;
	u->spi_s = 0x30000u + uc;
	u->uc_fd = open_udp(u->host, uc);
}

void ue_send(struct ue_sim *u, int fd, uint16_t port, const char *text)
{
	send_to(fd, "127.0.0.1", port, text, strlen(text));
}

char *ue_register_text(struct ue_sim *u, const char *authorization, bool agree, const char *more)
{
	char *text = malloc(8192);
	char client[512] = "";
	if (agree)
		snprintf(client, sizeof(client),
			 "Security-Client: ipsec-3gpp; prot=esp; mod=%s; spi-c=%u; spi-s=%u; "
			 "port-c=%u; port-s=%u; alg=hmac-sha-1-96; ealg=null\r\n"
			 "Require: sec-agree\r\nProxy-Require: sec-agree\r\n",
			 u->mode, u->spi_c, u->spi_s, u->uc, u->us);
	u->n_sent++;
	snprintf(text, 8192,
		 "REGISTER sip:" REALM " SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %s:%u;branch=z9hG4bK%s-%u\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:u@" REALM ">\r\nCall-ID: c%s\r\n"
		 "CSeq: %u REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:%s:%u>;expires=600\r\n"
		 "%s%s%s%s%s\r\n",
		 u->inside, UE_PORT_CLEAR, u->host, u->n_sent, u->host, u->n_sent, u->inside, u->us,
		 authorization ? "Authorization: " : "", authorization ? authorization : "",
		 authorization ? "\r\n" : "", client, more);
	return text;
}

void ue_register(struct ue_sim *u, int fd, uint16_t port, const char *authorization,
		 const char *more)
{
	char *text = ue_register_text(u, authorization, true, more);
	ue_send(u, fd, port, text);
	free(text);
}

struct sip *ue_receive(int fd, uint16_t *from)
{
	char bytes[65536];
	struct sockaddr_in name;
	socklen_t n_name = sizeof(name);
	struct sip *s = NULL;
	ssize_t n =
		recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&name, &n_name);
	if (n < 0)
		return NULL;
	EXPECT_TRUE(memmem(bytes, (size_t)n, IK, 32) == NULL); /* C-012, whatever is tested */
	EXPECT_TRUE(memmem(bytes, (size_t)n, CK, 32) == NULL);
	EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	if (from)
		*from = ntohs(name.sin_port);
	return s;
}

int ue_status(int fd)
{
	struct sip *s = ue_receive(fd, NULL);
	int status = s ? sip_status(s) : 0;
	sip_free(s);
	return status;
}

/* --- the core --- */

struct sip *core_receive(void)
{
	char bytes[65536];
	struct sip *s = NULL;
	ssize_t n = recv(core_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n >= 0)
		EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	return s;
}

bool core_hears_protected(const struct sip *s, const char *value)
{
	char needle[64];
	snprintf(needle, sizeof(needle), "integrity-protected=\"%s\"", value);
	const char *line = sip_header(s, "Authorization", 0);
	return line && strstr(line, needle);
}

void core_answer(struct sip *request, int status, const char *headers)
{
	char head[16384];
	char *text;
	size_t n;
	ASSERT_TRUE(request != NULL);
	struct sip *r = sip_response(request, status, NULL, "core");
	ASSERT_EQ(sip_print(r, &text, &n), 0);
	snprintf(head, sizeof(head), "%.*s%s\r\n", (int)(n - strlen("Content-Length: 0\r\n\r\n")),
		 text, headers);
	free(text);
	sip_free(r);
	sip_free(request);
	send_to(core_fd, "127.0.0.1", port_core, head, strlen(head));
}

void core_send(const char *text)
{
	core_send_bytes(text, strlen(text));
}

void core_send_bytes(const void *bytes, size_t n_bytes)
{
	send_to(core_fd, "127.0.0.1", port_core, bytes, n_bytes);
}

const char *ok_headers(const struct ue_sim *u, unsigned expires_s)
{
	static char text[1024];
	snprintf(text, sizeof(text),
		 "Contact: <sip:%s:%u>;expires=%u\r\nService-Route: <sip:orig@127.0.0.1:%u;lr>\r\n"
		 "P-Associated-URI: <sip:u@" REALM ">, <sip:second@" REALM ">, <tel:+1234>\r\n",
		 u->host, u->us, expires_s, port_icscf);
	return text;
}

/* --- a registration --- */

void ue_challenge(struct ue_sim *u)
{
	ue_register(u, u->clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(u->clear, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	const char *server = sip_header(s, "Security-Server", 0);
	ASSERT_TRUE(server != NULL);
	snprintf(u->server, sizeof(u->server), "%s", server);
	sip_free(s);
}

void ue_answer_challenge(struct ue_sim *u, unsigned expires_s)
{
	char verify[1100];
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", u->server);
	ue_register(u, u->uc_fd, port_ps, auth_response, verify);
	core_answer(core_receive(), 200, ok_headers(u, expires_s));
	EXPECT_EQ(ue_status(u->us_fd), 200);
}

void ue_attach(struct ue_sim *u)
{
	ue_challenge(u);
	ue_answer_challenge(u, 600);
}

const char *ue_verify(const struct ue_sim *u)
{
	static char text[1100];
	snprintf(text, sizeof(text), "Security-Verify: %s\r\n", u->server);
	return text;
}

int ue_reauthenticate(struct ue_sim *u)
{
	int old = u->uc_fd;
	char old_verify[1100];
	snprintf(old_verify, sizeof(old_verify), "%s", ue_verify(u));
	ue_renew(u, (uint16_t)(u->uc + 2));
	ue_register(u, old, port_ps, auth_initial, old_verify);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(u->us_fd, NULL);
	EXPECT_TRUE(s != NULL);
	if (s) {
		EXPECT_EQ(sip_status(s), 401);
		snprintf(u->server, sizeof(u->server), "%s", sip_header(s, "Security-Server", 0));
	}
	sip_free(s);
	return old;
}
