/*
 * RFC 4475 at the P-CSCF: what the parser makes of each message, what a stranger gets for it in the
 * clear, and what a registered user gets for it over his SAs. Where the RFC wants a 400 for what is
 * no SIP, over UDP silence is as good. What it calls valid and we refuse all the same: a NUL, plain
 * (intmeth) or escaped (escnull), since libosip2 ends its strings there; and a URI whose scheme has
 * a dot (novelsc).
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test/unit/pcscf_fixture.h"
#include "test/unit/torture.h"

#define SILENCE   0
#define FORWARDED 1 /* and what the core answers comes back */

static const struct {
	const char *name;
	int parsed;    /* by sip_parse() */
	int clear;     /* status */
	int protected; /* status, or FORWARDED */
} rows[] = {
	{ "wsinv", 0, 403, 403 },
	{ "intmeth", -EBADMSG, SILENCE, SILENCE },
	{ "esc01", 0, 403, FORWARDED },
	{ "escnull", -EBADMSG, SILENCE, SILENCE },
	{ "esc02", 0, 403, FORWARDED },
	{ "lwsdisp", 0, 403, FORWARDED },
	{ "longreq", 0, 403, FORWARDED },
	{ "dblreq", 0, 400, 400 },
	{ "semiuri", 0, 403, FORWARDED },
	{ "transports", 0, 403, FORWARDED },
	{ "mpart01", 0, 403, FORWARDED },
	{ "unreason", 0, SILENCE, SILENCE },
	{ "noreason", 0, SILENCE, SILENCE },
	{ "badinv01", -EBADMSG, SILENCE, SILENCE },
	{ "clerr", -EBADMSG, SILENCE, SILENCE },
	{ "ncl", -EBADMSG, SILENCE, SILENCE },
	{ "scalar02", -EBADMSG, SILENCE, SILENCE },
	{ "scalarlg", -EBADMSG, SILENCE, SILENCE },
	{ "quotbal", -EBADMSG, SILENCE, SILENCE },
	{ "ltgtruri", -EBADMSG, SILENCE, SILENCE },
	{ "lwsruri", -EBADMSG, SILENCE, SILENCE },
	{ "lwsstart", -EBADMSG, SILENCE, SILENCE },
	{ "trws", -EBADMSG, SILENCE, SILENCE },
	{ "escruri", -EBADMSG, SILENCE, SILENCE },
	{ "baddate", 0, 403, FORWARDED },
	{ "regbadct", 0, 400, 400 },
	{ "badaspec", -EBADMSG, SILENCE, SILENCE },
	{ "baddn", -EBADMSG, SILENCE, SILENCE },
	{ "badvers", -EBADMSG, SILENCE, SILENCE },
	{ "mismatch01", -EBADMSG, SILENCE, SILENCE },
	{ "mismatch02", -EBADMSG, SILENCE, SILENCE },
	{ "bigcode", -EBADMSG, SILENCE, SILENCE },
	{ "badbranch", 0, 403, FORWARDED },
	{ "insuf", -EBADMSG, SILENCE, SILENCE },
	{ "unkscm", 0, 403, FORWARDED },
	{ "novelsc", -EBADMSG, SILENCE, SILENCE },
	{ "unksm2", 0, 400, 400 },
	{ "bext01", 0, 403, 420 },
	{ "invut", 0, 403, FORWARDED },
	{ "regaut01", 0, 400, 400 },
	{ "multi01", -EBADMSG, SILENCE, SILENCE },
	{ "mcl01", -EBADMSG, SILENCE, SILENCE },
	{ "bcast", 0, SILENCE, SILENCE },
	{ "zeromf", 0, 403, 483 },
	{ "cparam01", 0, 400, 400 },
	{ "cparam02", 0, 400, 400 },
	{ "regescrt", 0, 400, 400 },
	{ "sdp01", 0, 403, FORWARDED },
	{ "inv2543", 0, 403, FORWARDED },
};

static struct ue_sim ue;
static int clear_fd = -1; /* port 5060, where answers to a Via without a port go */

static void begin(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(5060) };
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
	ue_attach(&ue);
	clear_fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	inet_pton(AF_INET, ue.host, &name.sin_addr);
	ASSERT_EQ(bind(clear_fd, (struct sockaddr *)&name, sizeof(name)), 0);
}

static void end(void)
{
	close(clear_fd);
	edge_stop();
}

static void say(int fd, uint16_t port, const char *bytes, size_t n_bytes)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, "127.0.0.1", &name.sin_addr);
	EXPECT_EQ(sendto(fd, bytes, n_bytes, 0, (struct sockaddr *)&name, sizeof(name)),
		  (ssize_t)n_bytes);
	edge_turn();
}

/* Status of the final answer there; SILENCE: none. */
static int final_status(int fd)
{
	int status, last = SILENCE;
	while ((status = ue_status(fd)))
		last = status >= 200 ? status : last;
	return last;
}

TEST(torture, parser_takes_what_is_sip_and_nothing_else)
{
	char bytes[TORTURE_BYTES];
	sip_init();
	EXPECT_EQ(sizeof(rows) / sizeof(rows[0]), TORTURE_MESSAGES);
	for (unsigned i = 0; i < TORTURE_MESSAGES; i++) {
		struct sip *s = NULL;
		test_context("%s", rows[i].name);
		size_t n = torture_read(rows[i].name, bytes);
		EXPECT_EQ(sip_parse(bytes, n, &s), rows[i].parsed);
		sip_free(s);
	}
}

TEST(torture, stranger_is_refused_or_not_answered)
{
	char bytes[TORTURE_BYTES];
	begin();
	for (unsigned i = 0; i < TORTURE_MESSAGES; i++) {
		test_context("%s", rows[i].name);
		say(clear_fd, port_clear, bytes, torture_read(rows[i].name, bytes));
		struct sip *s = core_receive();
		EXPECT_TRUE(s == NULL);
		sip_free(s);
		EXPECT_EQ(final_status(clear_fd), rows[i].clear);
	}
	EXPECT_EQ(edge_stat("sets_established"), 1);
	end();
}

TEST(torture, registered_user_is_served_or_refused)
{
	char bytes[TORTURE_BYTES];
	begin();
	for (unsigned i = 0; i < TORTURE_MESSAGES; i++) {
		test_context("%s", rows[i].name);
		say(ue.uc_fd, port_ps, bytes, torture_read(rows[i].name, bytes));
		struct sip *s = core_receive();
		EXPECT_EQ(s != NULL, rows[i].protected == FORWARDED);
		if (s)
			core_answer(s, 404, "");
		sip_free(core_receive()); /* the ACK, if it was an INVITE */
		EXPECT_EQ(final_status(ue.us_fd), s ? 404 : rows[i].protected);
	}
	EXPECT_EQ(edge_stat("sets_established"), 1);
	ue_renew(&ue, 14003);
	ue_attach(&ue);
	end();
}
