#include "test/unit/core_lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/icscf.h"
#include "controlplane/loop.h"
#include "controlplane/scscf.h"
#include "test/shim/scarce.h"
#include "test/shim/test.h"

/* A message takes few turns of the loop from socket to socket, through two CSCFs and the HSS. */
#define TURNS 12

/* A UDP socket on a free port of loopback; that of a closed one is most likely free for a role. */
static int bind_loopback(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(a);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	EXPECT_EQ(getsockname(fd, (struct sockaddr *)&a, &bytes), 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static uint16_t free_port(void)
{
	uint16_t port;

	close(bind_loopback(&port));
	return port;
}

/* Ports that nobody has taken meanwhile, as other tests do that run at the same time. */
static int start_roles(struct core_lab *lab)
{
	int error = -EADDRINUSE;

	for (int tries = 0; error == -EADDRINUSE && tries < 10; tries++) {
		lab->scscf_config.port = free_port();
		lab->icscf_config.port = free_port();
		snprintf(lab->scscf_uri, sizeof(lab->scscf_uri), "sip:127.0.0.1:%u",
			 lab->scscf_config.port);
		error = icscf_role.start(lab->hss.loop, &lab->config, &lab->icscf);
		if (error)
			continue;
		error = scscf_role.start(lab->hss.loop, &lab->config, &lab->scscf);
		if (error)
			icscf_role.stop(lab->icscf);
	}
	return error;
}

static bool open_lab(struct core_lab *lab, unsigned n, const char *algorithm)
{
	sip_init();
	if (!hss_lab_open(&lab->hss, n))
		return false;
	lab->fd = bind_loopback(&lab->port);
	lab->scscf_config = (struct config_scscf){ .address = (char *)"127.0.0.1",
						   .n_vectors = 1,
						   .min_expires_s = 60,
						   .max_expires_s = 600000,
						   .reg_await_auth_s = 240,
						   .reauth_within_s = 600,
						   .algorithm = (char *)algorithm };
	lab->icscf_config =
		(struct config_icscf){ .address = (char *)"127.0.0.1", .scscf = lab->scscf_uri };
	lab->controlplane.realm = (char *)REALM;
	lab->controlplane.state_dir = lab->state_dir;
	lab->config = (struct config){ .controlplane = &lab->controlplane,
				       .icscf = &lab->icscf_config,
				       .scscf = &lab->scscf_config };
	EXPECT_EQ(start_roles(lab), 0);
	return !test_has_failed();
}

bool core_lab_open(struct core_lab *lab, unsigned n, const char *algorithm)
{
	*lab = (struct core_lab){ 0 };
	return open_lab(lab, n, algorithm);
}

bool core_lab_open_kept(struct core_lab *lab, unsigned n, const char *algorithm)
{
	*lab = (struct core_lab){ .state_dir = "/tmp/core-lab-XXXXXX" };
	return mkdtemp(lab->state_dir) != NULL && open_lab(lab, n, algorithm);
}

void core_lab_close(struct core_lab *lab)
{
	char command[96];

	scscf_role.stop(lab->scscf);
	icscf_role.stop(lab->icscf);
	close(lab->fd);
	hss_lab_close(&lab->hss);
	if (lab->state_dir[0] == '\0')
		return;
	snprintf(command, sizeof(command), "rm -r %s", lab->state_dir);
	EXPECT_EQ(system(command), 0);
	state_copy_forget(&lab->state);
}

void core_lab_trust(struct core_lab *lab, char *const *peers, uint32_t n)
{
	scscf_role.stop(lab->scscf);
	icscf_role.stop(lab->icscf);
	lab->icscf_config.trusted = lab->scscf_config.trusted = (char **)peers;
	lab->icscf_config.n_trusted = lab->scscf_config.n_trusted = n;
	EXPECT_EQ(start_roles(lab), 0);
}

void core_lab_move(struct core_lab *lab, const char *address)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(lab->port) };

	close(lab->fd);
	lab->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	EXPECT_EQ(inet_pton(AF_INET, address, &a.sin_addr), 1);
	EXPECT_EQ(bind(lab->fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

void core_lab_remember(struct core_lab *lab)
{
	state_copy_take(&lab->state, lab->state_dir, "scscf");
}

void core_lab_crash(struct core_lab *lab, unsigned seconds)
{
	if (lab->state.bytes[0] == NULL)
		core_lab_remember(lab);
	scscf_role.stop(lab->scscf);
	state_copy_put(&lab->state, lab->state_dir, "scscf");
	lab->hss.now_ms += (uint64_t)seconds * 1000;
	EXPECT_EQ(scscf_role.start(lab->hss.loop, &lab->config, &lab->scscf), 0);
	core_lab_run(lab);
}

void core_lab_run(struct core_lab *lab)
{
	scarce_on(); /* the roles' own memory, not the test's */
	for (int turn = 0; turn < TURNS; turn++) {
		lab->hss.now_ms += lab->state_dir[0] != '\0';
		loop_turn(lab->hss.loop);
	}
	scarce_off();
}

void core_lab_wait(struct core_lab *lab, unsigned seconds)
{
	lab->hss.now_ms += (uint64_t)seconds * 1000;
	core_lab_run(lab);
}

static void send_to(const struct core_lab *lab, uint16_t port, const char *bytes, size_t n_bytes)
{
	struct sockaddr_in a = { .sin_family = AF_INET };

	a.sin_port = htons(port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT_EQ(sendto(lab->fd, bytes, n_bytes, 0, (struct sockaddr *)&a, sizeof(a)),
		  (ssize_t)n_bytes);
}

void core_lab_send(struct core_lab *lab, bool to_icscf, const char *text)
{
	send_to(lab, (uint16_t)(to_icscf ? lab->icscf_config.port : lab->scscf_config.port), text,
		strlen(text));
}

void core_lab_answer(struct core_lab *lab, struct sip *response)
{
	char *bytes;
	size_t n_bytes;

	ASSERT_TRUE(response != NULL);
	ASSERT_EQ(sip_print(response, &bytes, &n_bytes), 0);
	send_to(lab, (uint16_t)lab->scscf_config.port, bytes, n_bytes);
	free(bytes);
	sip_free(response);
	core_lab_run(lab);
}

struct sip *core_lab_receive(struct core_lab *lab)
{
	static char bytes[SIP_MESSAGE_BYTES];
	struct sip *s = NULL;
	ssize_t n = recv(lab->fd, bytes, sizeof(bytes), 0);

	if (n < 0)
		return NULL;
	EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	return s;
}

static long read_stat(const struct role *role, void *self, const char *name)
{
	json_t *stats = role->stats(self);
	long value = (long)json_integer_value(json_object_get(stats, name));

	EXPECT_TRUE(json_is_integer(json_object_get(stats, name)));
	json_decref(stats);
	return value;
}

long core_lab_stat(struct core_lab *lab, const char *name)
{
	return read_stat(&scscf_role, lab->scscf, name);
}

long core_lab_icscf_stat(struct core_lab *lab, const char *name)
{
	return read_stat(&icscf_role, lab->icscf, name);
}

enum store_state core_lab_state(struct core_lab *lab, unsigned i)
{
	return hss_lab_state(&lab->hss, i);
}

/* --- a UE --- */

struct ue ue_new(unsigned i, unsigned call)
{
	return (struct ue){ .i = i, .call = call, .indicator = "", .extra = "", .expires_s = 600 };
}

void ue_move_ahead(struct ue *ue, uint64_t seq)
{
	for (unsigned i = 0; i < AKA_N_INDS; i++)
		ue->isim.seq[i] = seq;
}

static const char *realm_uri = "sip:" REALM;

static const char *algorithm_of(const struct core_lab *lab, const struct ue *ue)
{
	return ue->algorithm != NULL ? ue->algorithm : lab->scscf_config.algorithm;
}

static const char *nc_of(const struct ue *ue)
{
	return ue->nc != NULL ? ue->nc : "00000001";
}

static const char *qop_of(const struct ue *ue)
{
	return ue->qop != NULL ? ue->qop : "auth";
}

static void compute_response(struct core_lab *lab, const struct ue *ue,
			     const struct aka_answer *res, char out[static DIGEST_RESPONSE_SIZE])
{
	int algorithm = digest_find_algorithm(algorithm_of(lab, ue));
	char impi[CX_IDENTITY_BYTES];
	const char *body = ue->body != NULL ? ue->body : "";
	const struct digest_input in = { .username = impi,
					 .realm = REALM,
					 .nonce = ue->nonce,
					 .method = "REGISTER",
					 .uri = realm_uri,
					 .qop = qop_of(ue)[0] == '\0' ? DIGEST_QOP_NONE
						: strcmp(qop_of(ue), "auth") == 0
							? DIGEST_QOP_AUTH
							: DIGEST_QOP_AUTH_INT,
					 .nc = nc_of(ue),
					 .cnonce = "0a4f113b",
					 .body = body,
					 .body_bytes = strlen(body) };
	uint8_t password[DIGEST_PASSWORD_BYTES];
	int n = 0;

	subscribers_impi(ue->i, impi);
	/* A message with AUTS has an empty password: RFC 3310 3.4. */
	if (res->res_bytes > 0)
		n = digest_password((enum digest_algorithm)algorithm, res->res, res->res_bytes,
				    res->ik, res->ck, password);
	EXPECT_GE(n, 0);
	EXPECT_EQ(digest_response(&in, password, (size_t)n, out), 0);
}

/* The parameters behind `uri`. */
static void print_answer(struct core_lab *lab, struct ue *ue, enum ue_answer answer, char *out,
			 size_t out_bytes)
{
	const struct milenage_key key = { subscribers_k, subscribers_opc };
	char response[DIGEST_RESPONSE_SIZE], auts[DIGEST_AUTS_SIZE] = "", qop[64] = "";
	uint8_t rand[AKA_RAND_BYTES], autn[AKA_AUTN_BYTES];
	struct aka_answer res = { 0 };
	struct milenage *m;

	if (answer == UE_NOTHING || answer == UE_FAILURE) {
		snprintf(out, out_bytes, "nonce=\"%s\", response=\"\"",
			 answer == UE_FAILURE ? ue->nonce : "");
		return;
	}
	m = milenage_new();
	EXPECT_EQ(digest_decode_nonce(ue->nonce, rand, autn), 0);
	ue->aka = aka_check_challenge(m, &key, &ue->isim, rand, autn, &res);
	milenage_free(m);
	compute_response(lab, ue, &res, response);
	if (answer == UE_WRONG_RES)
		response[0] = response[0] == '0' ? '1' : '0';
	if (answer == UE_AUTS)
		digest_encode_auts(res.auts, auts);
	if (qop_of(ue)[0] != '\0')
		snprintf(qop, sizeof(qop), ", qop=%s, nc=%s, cnonce=\"0a4f113b\"", qop_of(ue),
			 nc_of(ue));
	snprintf(out, out_bytes, "nonce=\"%s\", response=\"%s\", algorithm=%s%s%s%s%s", ue->nonce,
		 response, algorithm_of(lab, ue), qop, auts[0] ? ", auts=\"" : "", auts,
		 auts[0] ? "\"" : "");
}

static void print_register(struct core_lab *lab, struct ue *ue, enum ue_answer answer, char *out,
			   size_t out_bytes)
{
	char contact[64], pcscf[64], credentials[512], impu[CX_IDENTITY_BYTES];

	snprintf(pcscf, sizeof(pcscf), "127.0.0.1:%u", lab->port);
	snprintf(contact, sizeof(contact), "sip:%u@10.1.0.%u:5064", ue->i, ue->i % 256);
	print_answer(lab, ue, answer, credentials, sizeof(credentials));
	subscribers_impu(ue->i, impu);
	if (ue->impu != NULL)
		snprintf(impu, sizeof(impu), "%s", ue->impu);
	ue->cseq++;
	snprintf(out, out_bytes,
		 "REGISTER %s SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%u-%u-%u\r\n"
		 "Max-Forwards: 69\r\n"
		 "Path: <sip:term@%s;lr>\r\n"
		 "From: <%s>;tag=t\r\n"
		 "To: <%s>\r\n"
		 "Call-ID: call-%u@ue\r\n"
		 "CSeq: %u REGISTER\r\n"
		 "Contact: <%s>;expires=%u\r\n"
		 "%s"
		 "Authorization: Digest username=\"%u@" REALM "\", realm=\"" REALM "\", "
		 "uri=\"%s\", %s%s\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 realm_uri, lab->port, ue->i, ue->call, ue->cseq,
		 ue->pcscf != NULL ? ue->pcscf : pcscf, impu, impu, ue->call, ue->cseq,
		 ue->contact != NULL ? ue->contact : contact, ue->expires_s, ue->extra, ue->i,
		 realm_uri, credentials, ue->indicator, ue->body != NULL ? strlen(ue->body) : 0,
		 ue->body != NULL ? ue->body : "");
}

static void keep_challenge(struct ue *ue, const struct sip *response)
{
	const char *header = sip_header(response, "WWW-Authenticate", 0);
	struct credentials c;

	if (header == NULL)
		return;
	ASSERT_EQ(credentials_parse(header, &c), 0);
	ASSERT_TRUE(credentials_get(&c, "nonce") != NULL);
	snprintf(ue->nonce, sizeof(ue->nonce), "%s", credentials_get(&c, "nonce"));
}

void ue_send_register(struct core_lab *lab, struct ue *ue, enum ue_answer answer)
{
	char text[4096];

	print_register(lab, ue, answer, text, sizeof(text));
	core_lab_send(lab, ue->via_icscf, text);
}

struct sip *ue_register(struct core_lab *lab, struct ue *ue, enum ue_answer answer)
{
	struct sip *response;

	ue_send_register(lab, ue, answer);
	core_lab_run(lab);
	response = core_lab_receive(lab);
	if (response != NULL)
		keep_challenge(ue, response);
	return response;
}

int ue_register_status(struct core_lab *lab, struct ue *ue, enum ue_answer answer)
{
	struct sip *response = ue_register(lab, ue, answer);
	int status = response != NULL ? sip_status(response) : 0;

	sip_free(response);
	return status;
}

bool ue_register_fully(struct core_lab *lab, struct ue *ue)
{
	ue->indicator = "";
	EXPECT_EQ(ue_register_status(lab, ue, UE_NOTHING), 401);
	ue->indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(lab, ue, UE_RES), 200);
	EXPECT_EQ(ue->aka, 0);
	return !test_has_failed();
}

void ue_send(struct core_lab *lab, struct ue *ue, const char *method, const char *uri,
	     const char *impu)
{
	char text[2048];

	ue->cseq++;
	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK%u-%u-%u\r\n"
		 "Max-Forwards: 69\r\n"
		 "Route: <sip:orig@127.0.0.1:%u;lr>\r\n"
		 "From: <sip:%u@" REALM ">;tag=t\r\n"
		 "To: <%s>\r\n"
		 "Call-ID: other-%u@ue\r\n"
		 "CSeq: %u %s\r\n"
		 "P-Asserted-Identity: <%s>\r\n"
		 "Content-Type: text/plain\r\n"
		 "Content-Length: 5\r\n\r\nhello",
		 method, uri, lab->port, ue->i, ue->call, ue->cseq, lab->scscf_config.port, ue->i,
		 uri, ue->call, ue->cseq, method, impu);
	core_lab_send(lab, false, text);
	core_lab_run(lab);
}

bool ue_is_served(struct core_lab *lab, struct ue *ue)
{
	struct sip *s;
	bool arrived;
	char impu[CX_IDENTITY_BYTES];

	/* nobody answered the last one: it may have been sent again meanwhile */
	while ((s = core_lab_receive(lab)) != NULL)
		sip_free(s);
	subscribers_impu(ue->i, impu);
	if (ue->impu != NULL)
		snprintf(impu, sizeof(impu), "%s", ue->impu);
	ue_send(lab, ue, "MESSAGE", impu, impu);
	s = core_lab_receive(lab);
	arrived = s != NULL && sip_is(s, "MESSAGE");
	sip_free(s);
	return arrived;
}

uint64_t ue_seq(const struct ue *ue)
{
	struct cx_item item = { 0 };

	EXPECT_EQ(digest_decode_nonce(ue->nonce, item.rand, item.autn), 0);
	return subscribers_sqn(&item) >> AKA_IND_BITS;
}
