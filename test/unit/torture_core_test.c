/* RFC 4475 at the S-CSCF and the I-CSCF, from the trusted side: what each message gets. */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/core_lab.h"
#include "test/unit/torture.h"

#define SILENCE 0

static const struct {
	const char *name;
	int scscf, icscf; /* status */
} rows[] = {
	{ "wsinv", 404, 404 },
	{ "intmeth", SILENCE, SILENCE },
	{ "esc01", 404, 404 },
	{ "escnull", SILENCE, SILENCE },
	{ "esc02", 404, 404 },
	{ "lwsdisp", 404, 404 },
	{ "longreq", 404, 404 },
	{ "dblreq", 400, 400 },
	{ "semiuri", 404, 404 },
	{ "transports", 404, 404 },
	{ "mpart01", 404, 404 },
	{ "unreason", SILENCE, SILENCE },
	{ "noreason", SILENCE, SILENCE },
	{ "badinv01", SILENCE, SILENCE },
	{ "clerr", SILENCE, SILENCE },
	{ "ncl", SILENCE, SILENCE },
	{ "scalar02", SILENCE, SILENCE },
	{ "scalarlg", SILENCE, SILENCE },
	{ "quotbal", SILENCE, SILENCE },
	{ "ltgtruri", SILENCE, SILENCE },
	{ "lwsruri", SILENCE, SILENCE },
	{ "lwsstart", SILENCE, SILENCE },
	{ "trws", SILENCE, SILENCE },
	{ "escruri", SILENCE, SILENCE },
	{ "baddate", 404, 404 },
	{ "regbadct", 400, 400 },
	{ "badaspec", SILENCE, SILENCE },
	{ "baddn", SILENCE, SILENCE },
	{ "badvers", SILENCE, SILENCE },
	{ "mismatch01", SILENCE, SILENCE },
	{ "mismatch02", SILENCE, SILENCE },
	{ "bigcode", SILENCE, SILENCE },
	{ "badbranch", 404, 404 },
	{ "insuf", SILENCE, SILENCE },
	{ "unkscm", 416, 416 },
	{ "novelsc", SILENCE, SILENCE },
	{ "unksm2", 400, 400 },
	{ "bext01", 404, 404 },
	{ "invut", 404, 404 },
	{ "regaut01", 400, 400 },
	{ "multi01", SILENCE, SILENCE },
	{ "mcl01", SILENCE, SILENCE },
	{ "bcast", SILENCE, SILENCE },
	{ "zeromf", 404, 404 },
	{ "cparam01", 400, 400 },
	{ "cparam02", 400, 400 },
	{ "regescrt", 400, 400 },
	{ "sdp01", 404, 404 },
	{ "inv2543", 404, 404 },
};

/* 127.4.75.1 port 5060: answers to a Via without a port go there. */
static int open_peer(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(5060) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	char host[32];

	snprintf(host, sizeof(host), "127.%u.%u.75", 1 + (getpid() >> 8) % 250, getpid() & 0xff);
	inet_pton(AF_INET, host, &name.sin_addr);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static void say(int fd, uint32_t port, const char *bytes, size_t n_bytes)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	EXPECT_EQ(sendto(fd, bytes, n_bytes, 0, (struct sockaddr *)&name, sizeof(name)),
		  (ssize_t)n_bytes);
}

/* Status of the final answer; SILENCE: none. */
static int final_status(int fd)
{
	char bytes[65536];
	ssize_t n;
	int last = SILENCE;

	while ((n = recv(fd, bytes, sizeof(bytes), 0)) >= 0) {
		struct sip *s = NULL;
		EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
		if (s != NULL && sip_status(s) >= 200)
			last = sip_status(s);
		sip_free(s);
	}
	return last;
}

TEST(torture, cscf_serves_or_refuses_and_goes_on)
{
	char bytes[TORTURE_BYTES];
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	int fd = open_peer();

	ASSERT_TRUE(core_lab_open(&lab, 1, "AKAv1-MD5"));
	EXPECT_EQ(sizeof(rows) / sizeof(rows[0]), TORTURE_MESSAGES);
	for (unsigned i = 0; i < TORTURE_MESSAGES; i++) {
		size_t n = torture_read(rows[i].name, bytes);

		test_context("%s at the S-CSCF", rows[i].name);
		say(fd, lab.scscf_config.port, bytes, n);
		core_lab_run(&lab);
		EXPECT_EQ(final_status(fd), rows[i].scscf);
		test_context("%s at the I-CSCF", rows[i].name);
		say(fd, lab.icscf_config.port, bytes, n);
		core_lab_run(&lab);
		EXPECT_EQ(final_status(fd), rows[i].icscf);
	}
	test_context(NULL);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	ue.via_icscf = true;
	EXPECT_TRUE(ue_register_fully(&lab, &ue));
	core_lab_close(&lab);
	close(fd);
}
